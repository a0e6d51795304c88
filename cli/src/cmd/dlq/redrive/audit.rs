//! The audit file: a line of JSON for every message, once it is known what became of it.
//!
//! A line is written after its step, so a process that is killed leaves out at most the step in hand; the ledger on the server
//! has that too.

use std::fs::{File, OpenOptions};
use std::io::Write as _;
use std::path::Path;

use serde_json::Value as Json;

use super::super::entries::Entry;
use super::super::keys;
use super::job::Keys;
use super::route::Way;
use crate::deadletter::{DeadLetter, Field, PayloadHash};
use crate::failure::{Failure, Result, spoken};
use crate::moment::now_ms;
use crate::print::message;

/// Where lines go, if anybody wants them.
#[derive(Debug)]
pub(super) struct Audit {
    file: Option<(File, String)>,
    lines: Vec<u8>,
    job: String,
}

impl Audit {
    /// # Errors
    /// The file cannot be opened.
    pub(super) fn open(path: Option<&Path>, job: &str) -> Result<Self> {
        let open = |path: &Path| {
            let name = path.display().to_string();
            match OpenOptions::new().create(true).append(true).open(path) {
                Ok(file) => Ok((file, name)),
                Err(error) => Err(Failure::new(format!("cannot write `{name}`: {}", spoken(&error)))),
            }
        };
        Ok(Self { file: path.map(open).transpose()?, lines: Vec::new(), job: job.to_owned() })
    }

    /// A message that went somewhere, or was put back because it could not.
    pub(super) fn sent(
        &mut self,
        keys: &Keys,
        entry: &Entry,
        letter: &DeadLetter,
        way: &Way,
        sent: &[Field],
        what: &str,
    ) {
        let (to, group) = way.target(keys);
        let mut members = self.head(keys, entry, Some(letter), what);
        members.push(("to", message::json(&to)));
        members.push(("to_group", group.map_or(Json::Null, |group| message::json(&group))));
        members.push(("sent_hash", PayloadHash::of(sent).to_string().into()));
        self.line(members);
    }

    /// A message that stays.
    pub(super) fn skipped(&mut self, keys: &Keys, entry: &Entry, letter: Option<&DeadLetter>, why: &str) {
        let mut members = self.head(keys, entry, letter, "skipped");
        members.push(("why", why.into()));
        self.line(members);
    }

    fn head(&self, keys: &Keys, entry: &Entry, letter: Option<&DeadLetter>, what: &str) -> Vec<(&'static str, Json)> {
        let mut members = vec![
            ("at_ms", now_ms().into()),
            ("job", self.job.as_str().into()),
            ("dead_letters", keys::shown(&keys.letters).into()),
            ("id", entry.id.to_string().into()),
            ("action", what.into()),
        ];
        if let Some(letter) = letter {
            let from = &letter.provenance;
            members.push(("source", message::json(&from.source)));
            members.push(("group", message::json(&from.group)));
            members.push(("original_id", from.id.as_str().into()));
            members.push(("reason", from.reason.as_str().into()));
            members.push(("hash", letter.hash.to_string().into()));
        }
        members
    }

    fn line(&mut self, members: Vec<(&'static str, Json)>) {
        if self.file.is_some() {
            message::object(members, &mut self.lines);
        }
    }

    /// Hands the lines to the system.
    ///
    /// # Errors
    /// Of the file.
    pub(super) fn write(&mut self) -> Result<()> {
        let Some((file, name)) = &mut self.file else { return Ok(()) };
        file.write_all(&self.lines)
            .map_err(|error| Failure::new(format!("cannot write `{name}`: {}", spoken(&error))))?;
        self.lines.clear();
        Ok(())
    }
}
