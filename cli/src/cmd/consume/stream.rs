//! A stream without a group: everything from `--from` on, then whatever comes. Reading changes nothing on the server.

use std::time::Duration;

use rbq_client::{Link, Request};
use rbq_resp::Value;
use tokio::time::Instant;

use super::history::History;
use super::message::{self, Message};
use super::worker::Work;
use super::{ConsumeArgs, Wait, home};
use crate::cmd::produce::Kind;
use crate::entries::EntryId;
use crate::exit::Exit;
use crate::facts::unexpected;
use crate::failure::Result;
use crate::interrupt::Interrupt;
use crate::moment::{Position, now_ms};

/// Entries asked for at once, unless told otherwise: a round trip a hundred is no cost, and ordinary ones take some 10 KiB.
pub(super) const BATCH: u64 = 100;

/// The longest wait of one question with `--until`, whose time may come without an entry.
const WAIT_MAX: Duration = Duration::from_secs(1);

pub(super) async fn run(args: ConsumeArgs, mut work: Work) -> Result<Exit> {
    let (_, mut link) = home::Home::find(&args.server, &work.key, Kind::Stream).await?;
    let mut interrupt = Interrupt::listen()?;
    let mut after = behind(args.from.unwrap_or(Position::Beginning), &work.key, &mut link).await?;
    let until = match args.until {
        Some(place) => Some(last(place, &work.key, &mut link).await?),
        None => None,
    };
    let mut last_entry = Instant::now();
    'reading: while let Some(count) = work.quota.next() {
        let request = question(&work, count, &after, until.is_some(), last_entry);
        let reply = tokio::select! {
            biased;
            () = interrupt.pressed() => break,
            reply = link.call(request) => reply?,
        };
        let entries = message::read_stream(reply)?;
        let Some((newest, _)) = entries.last() else {
            if is_over(&work, until, last_entry) { break } else { continue }
        };
        after.clone_from(newest);
        last_entry = Instant::now();
        for (id, fields) in entries {
            if until.is_some_and(|until| id.parse::<EntryId>().is_ok_and(|id| id > until)) {
                break 'reading;
            }
            let fields = fields.unwrap_or_default();
            let message =
                Message { kind: Kind::Stream, id, fields, delivery: 0, history: History::default(), at_ms: now_ms() };
            if work.select.passes(&work.key, &message) {
                work.writer.add(&message)?;
                work.quota.take(1);
                if work.quota.next().is_none() {
                    break;
                }
            }
        }
        work.writer.flush()?;
    }
    work.writer.finish()?;
    work.quota.tell(&interrupt);
    Ok(interrupt.exit())
}

fn question(work: &Work, count: u64, after: &str, has_until: bool, last_entry: Instant) -> Request {
    let mut request = Request::from(["XREAD", "COUNT", &count.to_string()]);
    let wait_ms = match work.wait {
        Wait::No | Wait::Inheritance => None,
        Wait::Ever if has_until => Some(WAIT_MAX.as_millis()),
        Wait::Ever => Some(0),
        // 0 means for ever to the server.
        Wait::AtMost(limit) => Some(limit.saturating_sub(last_entry.elapsed()).as_millis().max(1)),
    };
    if let Some(wait_ms) = wait_ms {
        request.extend(["BLOCK", &wait_ms.to_string()]);
    }
    request.arg("STREAMS").arg(&work.key).arg(after)
}

/// Whether an empty answer is the end: no wait, or what is still to come is behind `--until`.
fn is_over(work: &Work, until: Option<EntryId>, last_entry: Instant) -> bool {
    match work.wait {
        Wait::No | Wait::Inheritance => true,
        Wait::AtMost(limit) if last_entry.elapsed() >= limit => true,
        _ => until.is_some_and(|until| until.ms < now_ms()),
    }
}

/// The ID to read behind. The end is looked up: what comes between two questions must not be missed.
async fn behind(from: Position, key: &[u8], link: &mut Link) -> Result<String> {
    match from {
        Position::End => Ok(last(Position::End, key, link).await?.to_string()),
        place => Ok(place.given_last()),
    }
}

/// The last ID that belongs to a place; the end is what is the newest entry now.
async fn last(place: Position, key: &[u8], link: &mut Link) -> Result<EntryId> {
    if let Some(id) = place.last() {
        return Ok(id);
    }
    let reply = link.call(Request::new("XREVRANGE").arg(key).args(["+", "-", "COUNT", "1"])).await?;
    if let Value::Error(_) = reply {
        return Err(unexpected(reply));
    }
    let newest = message::read_entries(reply)?.pop().and_then(|(id, _)| id.parse().ok());
    Ok(newest.unwrap_or(EntryId { ms: 0, seq: 0 }))
}
