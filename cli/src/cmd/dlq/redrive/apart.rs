//! Where no transaction can hold both keys: a token for each message, in the slot of its target.
//!
//! ```text
//!   1  at the target   MULTI  message, SET token  EXEC     unless the token is there already
//!   2  at home         MULTI  dead letter gone, job moves on  EXEC
//!   3  at the target   DEL token
//! ```
//!
//! Cut off anywhere, the next to come finds the dead letter still there and the token with it, and goes on with 2. The token's
//! name is the dead-letter key and the entry's ID, so it stands for this message and no other. It goes away by itself after a
//! month where 3 was cut off.

use bytes::Bytes;
use rbq_client::Request;
use rbq_resp::{Value, slot};

use super::super::entries::EntryId;
use super::super::keys::beside;
use super::job::Keys;
use super::route::Way;
use super::step::Sending;
use crate::failure::{Failure, Result};
use crate::servers::{Servers, all, transact};

/// How long a token waits for somebody to finish its job.
const TOKEN_SECONDS: &str = "2592000";

/// Attempts at a target that changes under our hands all the time.
const ATTEMPTS_MAX: u32 = 200;

/// The name of a message's token, if its target's slot has a place for it.
pub(super) fn token(servers: &Servers, keys: &Keys, target: &[u8], id: EntryId) -> Option<Vec<u8>> {
    let suffix = format!(":redrive:{}:{id}", super::super::keys::shown(&keys.letters));
    let token = beside(servers, target, &suffix);
    (slot(&token) == slot(target)).then_some(token)
}

/// Where a message can go without being lost or doubled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reach {
    /// In the transaction that takes its dead letter away.
    Together,
    /// By a token, or as at least once will do.
    Apart,
    /// Not at all.
    Nowhere,
}

/// How a message reaches its target.
pub(super) fn reach(servers: &Servers, keys: &Keys, way: &Way, id: EntryId, at_least_once: bool) -> Reach {
    let (key, _) = way.target(keys);
    if servers.are_together(&key, &keys.letters) {
        Reach::Together
    } else if at_least_once || token(servers, keys, &key, id).is_some() {
        Reach::Apart
    } else {
        Reach::Nowhere
    }
}

/// Sends what has its target elsewhere; what comes back has arrived, now or the last time.
///
/// # Errors
/// Of a server, or of a target that never holds still.
pub(super) async fn send(
    servers: &mut Servers,
    keys: &Keys,
    sendings: Vec<Sending>,
    has_xnack: bool,
) -> Result<(Vec<Sending>, Vec<Sending>)> {
    let (mut arrived, mut failed) = (Vec::new(), Vec::new());
    for sending in sendings {
        let (key, group) = sending.way.target(keys);
        if one(servers, keys, &sending, (&key, group.as_ref()), has_xnack).await? {
            arrived.push(sending);
        } else {
            failed.push(sending);
        }
    }
    Ok((arrived, failed))
}

/// Lets go of the tokens, once the dead letters are gone.
///
/// # Errors
/// Of a server.
pub(super) async fn forget(servers: &mut Servers, keys: &Keys, arrived: &[Sending]) -> Result<()> {
    for sending in arrived {
        let (key, _) = sending.way.target(keys);
        if let Some(token) = token(servers, keys, &key, sending.id()) {
            servers.ask(&key, Request::new("DEL").arg(token)).await?;
        }
    }
    Ok(())
}

async fn one(
    servers: &mut Servers,
    keys: &Keys,
    sending: &Sending,
    (key, group): (&Bytes, Option<&Bytes>),
    has_xnack: bool,
) -> Result<bool> {
    let token = token(servers, keys, key, sending.id());
    for _ in 0..ATTEMPTS_MAX {
        let link = servers.of(key).await?;
        let Some(token) = &token else {
            // `--at-least-once`: whoever asked for it knows that a kill right here sends it again.
            let reply = link.call(sending.way.request(keys, &sending.letter_fields, has_xnack)).await?;
            return Ok(sending.way.is_done(&reply));
        };
        let mut asked = vec![Request::new("WATCH").arg(key).arg(token), Request::new("EXISTS").arg(token)];
        if let Way::Hand { id, .. } = &sending.way {
            asked.push(Request::new("XRANGE").arg(key).arg(id).arg(id));
            asked.push(Request::from(["XINFO", "GROUPS"]).arg(key));
        }
        let replies = all(link, &asked).await?;
        let has_group = group.is_none_or(|group| super::route::groups_of(&replies[3]).contains(group));
        let is_there = |reply: &Value| matches!(reply, Value::Array(entries) if !entries.is_empty());
        if replies[1] == Value::Integer(1) {
            link.call(["UNWATCH"]).await?;
            // A group that is gone took what it had been given with it, if it had been given it.
            return Ok(has_group);
        }
        if !has_group || group.is_some() && !is_there(&replies[2]) {
            link.call(["UNWATCH"]).await?;
            return Ok(false);
        }
        let step = sending.way.request(keys, &sending.letter_fields, has_xnack);
        let set = Request::new("SET").arg(token).args(["1", "EX", TOKEN_SECONDS]);
        if let Some(done) = transact(link, vec![step, set]).await? {
            let is_done = sending.way.is_done(&done[0]);
            if !is_done {
                link.call(Request::new("DEL").arg(token)).await?;
            }
            return Ok(is_done);
        }
    }
    let key = super::super::keys::shown(key);
    Err(Failure::partly(format!("`{key}` is written so often that no step could be made whole")))
}
