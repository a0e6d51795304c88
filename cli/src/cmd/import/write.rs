//! Everything again, into the target.

use std::cell::Cell;
use std::collections::HashSet;
use std::rc::Rc;

use rbq_client::Request;
use rbq_rdb::{Event, Key};

use super::{Existing, is_expired};
use crate::failure::Result;
use crate::interrupt::Interrupt;
use crate::progress::Progress;
use crate::transfer::compose::Composer;
use crate::transfer::known::Known;
use crate::transfer::parcel::{OnArrival, Parcel};
use crate::transfer::tally::{Tally, Why};
use crate::transfer::target::{Counts, Subject, Target};
use crate::transfer::{Found, Source, fingerprint, late, now_ms, temporary};

/// How to write.
#[derive(Debug)]
pub(super) struct Plan {
    pub(super) existing: Existing,
    /// Fingerprints of keys that the target has.
    pub(super) present: HashSet<u128>,
    /// Commands follow the keys: no key goes before all of them were sent.
    pub(super) has_commands: bool,
    pub(super) interrupt: Interrupt,
}

/// A key on its way.
#[derive(Debug)]
struct Passing {
    composer: Composer,
    parcel: Parcel,
    about: Rc<Subject>,
}

/// Sends what the source tells. Ctrl-C is obeyed between two keys; whatever else ends it, no key is left in part.
pub(super) async fn write(
    source: &mut Source,
    target: &mut Target,
    plan: &Plan,
    tally: &mut Tally,
    progress: Progress,
) -> Result<()> {
    let poured = pour(source, target, plan, tally, progress).await;
    if poured.is_err() {
        target.give_up(tally).await;
    }
    poured
}

async fn pour(
    source: &mut Source,
    target: &mut Target,
    plan: &Plan,
    tally: &mut Tally,
    mut progress: Progress,
) -> Result<()> {
    let known = Known::new();
    let mut passing: Option<Passing> = None;
    let mut requests = Vec::new();
    let mut done = 0;
    while let Some(found) = source.next().await? {
        progress.add(source.done() - done);
        done = source.done();
        match found {
            Found::Event(Event::Key(mut key)) => {
                if plan.has_commands {
                    late::put_off_key(&mut key);
                }
                passing = begin(key, target, plan, tally);
            }
            Found::Event(Event::KeyEnd) => {
                if let Some(key) = passing.take() {
                    key.end(target, tally).await?;
                }
            }
            Found::Withdrawn => {
                passing = None;
                target.abandon(tally).await?;
            }
            Found::Command { db, mut args } if known.has(&args) => {
                late::put_off(&mut args);
                let about = Rc::new(about_command(&known, db, &args));
                target.send(vec![Request::from(args)], &about, tally).await?;
                target.whole(about);
            }
            Found::Event(event) if passing.is_some() => {
                let Some(key) = &mut passing else { continue };
                key.composer.add(event, &mut requests);
                for request in requests.drain(..) {
                    key.send(request, target, tally).await?;
                }
            }
            // The survey told it.
            Found::Torn(_) | Found::Unverified(_) => {}
            other => note(other, &known, tally, &progress),
        }
        if passing.is_none() && plan.interrupt.was_pressed() {
            break;
        }
    }
    target.finish(tally).await?;
    if plan.has_commands {
        target.bring_forward().await?;
    }
    progress.finish();
    Ok(())
}

impl Passing {
    async fn send(&mut self, request: Request, target: &mut Target, tally: &mut Tally) -> Result<()> {
        let mut ready = Vec::new();
        self.parcel.add(request, &mut ready);
        for request in ready {
            target.send_apart(request, &self.parcel, &self.about, tally).await?;
        }
        Ok(())
    }

    async fn end(self, target: &mut Target, tally: &mut Tally) -> Result<()> {
        let Self { composer, mut parcel, about } = self;
        if let Counts::Key(kind) = &about.counts {
            kind.set(composer.kind());
        }
        tally.otherwise(composer.otherwise());
        let mut ready = Vec::new();
        for request in composer.end() {
            parcel.add(request, &mut ready);
            for request in ready.drain(..) {
                target.send_apart(request, &parcel, &about, tally).await?;
            }
        }
        target.deliver(parcel, about, tally).await
    }
}

/// Decides whether a key is written.
fn begin(key: Key, target: &Target, plan: &Plan, tally: &mut Tally) -> Option<Passing> {
    if is_expired(&key, now_ms()) {
        tally.skip("key", Some(key.db), Why::Expired, &key.name);
        return None;
    }
    if temporary::run_of(&key.name).is_some() {
        tally.skip("key", Some(key.db), Why::Unfinished, &key.name);
        return None;
    }
    if plan.existing == Existing::Skip && plan.present.contains(&fingerprint(key.db, &key.name)) {
        tally.skip("key", Some(key.db), Why::Present, &key.name);
        return None;
    }
    let about = Rc::new(Subject {
        what: "command".into(),
        db: key.db,
        name: key.name.clone(),
        counts: Counts::Key(Cell::new(None)),
        refused: Cell::new(false),
    });
    let on_arrival = if plan.existing == Existing::Replace { OnArrival::Replace } else { OnArrival::Keep };
    let parcel = Parcel::new(key.name.clone(), target.run().name(&key.name), on_arrival);
    Some(Passing { composer: Composer::new(key, target.abilities()), parcel, about })
}

fn about_command(known: &Known, db: u32, args: &[Vec<u8>]) -> Subject {
    let (title, name) = known.title(args);
    Subject { what: format!("command {title}"), db, name, counts: Counts::Command, refused: Cell::new(false) }
}

/// Notes what does not come through.
pub(super) fn note(found: Found, known: &Known, tally: &mut Tally, progress: &Progress) {
    match found {
        Found::Event(Event::Other { key, kind }) => tally.skip(kind, Some(key.db), Why::NoSuchType, &key.name),
        Found::Event(Event::Library) => tally.skip("function library", None, Why::NoWay("rbq has no functions"), b""),
        Found::Event(Event::ModuleData) => tally.skip("module data", None, Why::NoWay("rbq has no modules"), b""),
        Found::Event(_) | Found::Withdrawn => {}
        Found::Command { db, args } => {
            let about = about_command(known, db, &args);
            tally.skip(&about.what, Some(db), Why::NoSuchCommand, &about.name);
        }
        Found::Torn(text) => progress.say(&format!("warning: {text}; what comes before it counts")),
        Found::Unverified(path) => progress.say(&format!(
            "warning: `{path}` has no checksum (`rdbchecksum no`): a damaged byte in it would not be noticed"
        )),
        Found::Lost { db, name, what, why } => tally.skip(what, Some(db), Why::NoWay(why), &name),
    }
}
