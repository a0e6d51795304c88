//! Everything once, without a change anywhere: what there is, and which keys the target has.

use std::collections::{BTreeSet, HashSet};

use rbq_rdb::Event;

use super::is_expired;
use super::write::note;
use crate::failure::{Failure, Result};
use crate::interrupt::Interrupt;
use crate::progress::Progress;
use crate::transfer::compose::kind_of;
use crate::transfer::known::Known;
use crate::transfer::tally::{Tally, Why};
use crate::transfer::target::Target;
use crate::transfer::{Found, Source, fingerprint, now_ms, temporary};

/// Keys asked for at once; the connection allows 1024 requests ahead.
const KEYS_AT_ONCE: usize = 512;

/// Names kept for telling.
const EXAMPLES_MAX: usize = 3;

/// What was found.
#[derive(Debug, Default)]
pub(super) struct Survey {
    pub(super) tally: Tally,
    /// Fingerprints of keys that the target has.
    pub(super) present: HashSet<u128>,
    /// Some of their names.
    pub(super) examples: Vec<Vec<u8>>,
    pub(super) has_commands: bool,
    /// Those that something goes to.
    pub(super) databases: BTreeSet<u32>,
}

/// Reads all of the source; asks the target for keys if it is given.
pub(super) async fn survey(
    source: &mut Source,
    mut target: Option<&mut Target>,
    mut progress: Progress,
    interrupt: &Interrupt,
) -> Result<Survey> {
    let mut found = Survey::default();
    let known = Known::new();
    let now_ms = now_ms();
    let (mut db, mut names, mut done) = (0, Vec::new(), 0);
    let mut is_counted = true;
    // Keys whose time has come: left out, or counted where commands follow that may have moved it.
    let (mut overdue, mut overdue_kinds) = (Tally::default(), Tally::default());
    let mut is_overdue = false;
    while let Some(piece) = source.next().await? {
        if interrupt.was_pressed() {
            break;
        }
        progress.add(source.done() - done);
        done = source.done();
        match piece {
            Found::Event(Event::Key(key)) => {
                is_counted = temporary::run_of(&key.name).is_some();
                if is_counted {
                    found.tally.skip("key", Some(key.db), Why::Unfinished, &key.name);
                    continue;
                }
                is_overdue = is_expired(&key, now_ms);
                if is_overdue {
                    overdue.skip("key", Some(key.db), Why::Expired, &key.name);
                    continue;
                }
                found.databases.insert(key.db);
                if let Some(target) = &mut target {
                    if key.db != db || names.len() >= KEYS_AT_ONCE {
                        found.look(target, db, &mut names).await?;
                        db = key.db;
                    }
                    names.push(key.name);
                }
            }
            Found::Event(event) if kind_of(&event).is_some() => {
                if let Some(kind) = kind_of(&event).filter(|_| !is_counted) {
                    let tally = if is_overdue { &mut overdue_kinds } else { &mut found.tally };
                    tally.key(kind);
                    is_counted = true;
                }
            }
            Found::Command { db, args } => {
                found.has_commands = true;
                if known.is_foreign(&args) {
                    let (title, _) = known.title(&args);
                    return Err(Failure::new(format!(
                        "the log holds `{title}`, and no server writes that into its log"
                    ))
                    .hint("nothing of it was sent; is it the file that Redis wrote?"));
                }
                found.databases.insert(db);
                if known.has(&args) {
                    found.tally.command();
                } else {
                    note(Found::Command { db, args }, &known, &mut found.tally, &progress);
                }
            }
            other => note(other, &known, &mut found.tally, &progress),
        }
    }
    if let Some(target) = &mut target {
        found.look(target, db, &mut names).await?;
    }
    found.tally.add(if found.has_commands { overdue_kinds } else { overdue });
    progress.finish();
    // Files have their keys in no order that means anything.
    found.examples.sort();
    Ok(found)
}

impl Survey {
    async fn look(&mut self, target: &mut Target, db: u32, names: &mut Vec<Vec<u8>>) -> Result<()> {
        if names.is_empty() {
            return Ok(());
        }
        let names = std::mem::take(names);
        let present = target.present(db, &names).await?;
        for name in names.into_iter().zip(present).filter(|(_, present)| *present).map(|(name, _)| name) {
            self.present.insert(fingerprint(db, &name));
            if self.examples.len() < EXAMPLES_MAX {
                self.examples.push(name);
            }
        }
        Ok(())
    }
}
