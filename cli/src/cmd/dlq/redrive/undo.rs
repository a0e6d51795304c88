//! The note that makes a step whole, whatever happens to us.
//!
//! A step is one transaction: messages go to their targets, their dead letters go away, the job moves on. A transaction of this
//! protocol does not undo itself when one of its commands fails, and a command may fail although everything was looked at just
//! before: XGROUP DESTROY, for one, does not count as a change for WATCH. A dead letter whose command failed would be gone. So the
//! same transaction keeps the letters of the step under one key, and they are put back, or let go, when the replies are known:
//!
//! ```text
//!   EXEC ──► replies ──► all arrived: DEL undo
//!     │                  some failed: XADD letters, DEL undo      (one transaction)
//!     └─ killed here ──► the next to come asks the server what is there, and does the same
//! ```
//!
//! What whoever comes next may conclude depends on what the step watched. If it watched the targets, the entries were there, and
//! only a group that is gone can have failed. If it did not (a stream that is written all the time would never let a step
//! through), then an entry that is there or pending has arrived, and one that is neither could have been taken, handled and
//! deleted, or never have arrived: nobody can tell, so the letter goes into quarantine, neither lost nor sent twice.

use std::collections::HashSet;

use bytes::Bytes;
use rbq_client::Request;
use rbq_resp::Value;
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use super::super::entries::{self, append};
use super::super::letters;
use super::job::{self, At, Keys};
use super::route::{Way, groups_of};
use crate::deadletter::Field;
use crate::failure::{Failure, Result};
use crate::print::message;
use crate::servers::{Servers, transact};

/// The letters of a step.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Undo {
    /// Whether the targets were watched.
    watched: bool,
    letters: Vec<Kept>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Kept {
    fields: Json,
    key: Json,
    /// Where it went back to a group: its name and the entry's ID.
    group: Option<(Json, String)>,
    /// Where it was appended: what the key has to hold.
    is_queue: bool,
}

/// What came of a step that nobody saw the end of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    Arrived,
    Failed,
    Unknown,
}

impl Undo {
    pub(super) fn new(watched: bool) -> Self {
        Self { watched, letters: Vec::new() }
    }

    /// Keeps a letter that goes this way.
    pub(super) fn keep(&mut self, fields: &[Field], way: &Way, keys: &Keys) {
        let (key, group) = way.target(keys);
        let group = group.map(|group| message::json(&group)).zip(match way {
            Way::Hand { id, .. } => Some(id.clone()),
            _ => None,
        });
        let is_queue = matches!(way, Way::Push { .. });
        self.letters.push(Kept { fields: letters::pairs(fields), key: message::json(&key), group, is_queue });
    }

    pub(super) fn set(&self, keys: &Keys) -> Request {
        job::set(&keys.undo, self)
    }
}

/// Ends a step that was cut off, if there is one. Returns how many letters went back into the stream, and how many into quarantine.
///
/// # Errors
/// Of the server, or somebody else has taken the turn.
pub(super) async fn recover(servers: &mut Servers, keys: &Keys, at: &mut At) -> Result<(u64, u64)> {
    let Some(undo) = job::parse::<Undo>(&servers.ask(&keys.letters, Request::new("GET").arg(&keys.undo)).await?)?
    else {
        return Ok((0, 0));
    };
    let (mut back, mut aside) = (Vec::new(), Vec::new());
    for kept in &undo.letters {
        let fields = letters::fields_of(&kept.fields).ok_or_else(strange)?;
        match fate(servers, kept, undo.watched).await? {
            Fate::Arrived => {}
            Fate::Failed => back.push(fields),
            Fate::Unknown => aside.push(fields),
        }
    }
    let counts = (back.len() as u64, aside.len() as u64);
    at.counts.redriven = at.counts.redriven.saturating_sub(counts.0 + counts.1);
    at.counts.restored += counts.0;
    at.counts.quarantined += counts.1;
    let mut commands: Vec<Request> = back.iter().map(|fields| append(&keys.letters, fields)).collect();
    commands.extend(aside.iter().map(|fields| append(&keys.quarantine, fields)));
    finish(servers, keys, at, commands).await?;
    Ok(counts)
}

/// Runs the commands that end a step, together with the end of its note.
///
/// # Errors
/// Of the server, or somebody else has taken the turn.
pub(super) async fn finish(servers: &mut Servers, keys: &Keys, at: &At, mut commands: Vec<Request>) -> Result<()> {
    let link = servers.of(&keys.letters).await?;
    link.call(Request::new("WATCH").arg(&keys.at)).await?;
    job::check_turn(&link.call(Request::new("GET").arg(&keys.at)).await?, at)?;
    commands.push(Request::new("DEL").arg(&keys.undo));
    commands.push(job::set(&keys.at, at));
    let replies = transact(link, commands).await?.ok_or_else(job::turn_taken)?;
    // Adding to a stream that is one fails only where the server is out of order; then the note would be gone with the letters.
    match replies.into_iter().find(|reply| matches!(reply, Value::Error(_))) {
        Some(error) => Err(entries::refused(error)),
        None => Ok(()),
    }
}

async fn fate(servers: &mut Servers, kept: &Kept, watched: bool) -> Result<Fate> {
    let key = message::from_json(&kept.key).ok_or_else(strange)?;
    let kind = super::super::keys::kind(servers, &key).await?;
    let Some((group, id)) = &kept.group else {
        let expected = if kept.is_queue { "list" } else { "stream" };
        // A queue that was emptied since, or a stream that was deleted, has taken the message all the same.
        return Ok(if kind == expected || kind == "none" { Fate::Arrived } else { Fate::Failed });
    };
    let group = message::from_json(group).ok_or_else(strange)?;
    if kind != "stream" || !groups(servers, &key).await?.contains(&group) {
        return Ok(Fate::Failed);
    }
    if watched {
        return Ok(Fate::Arrived);
    }
    let there = servers.ask(&key, Request::new("XRANGE").arg(&key).arg(id).arg(id)).await?;
    let pending = Request::new("XPENDING").arg(&key).arg(&group).arg(id).arg(id).arg("1");
    let pending = servers.ask(&key, pending).await?;
    let some = |reply: &Value| matches!(reply, Value::Array(items) if !items.is_empty());
    Ok(if some(&there) || some(&pending) { Fate::Arrived } else { Fate::Unknown })
}

async fn groups(servers: &mut Servers, key: &Bytes) -> Result<HashSet<Bytes>> {
    Ok(groups_of(&servers.ask(key, Request::from(["XINFO", "GROUPS"]).arg(key)).await?))
}

fn strange() -> Failure {
    Failure::new("what is kept of the last step cannot be read")
}
