//! A stream without a group: everything from `--from` on, then whatever comes. Reading changes nothing on the server.
//!
//! Where we are is kept here alone, so after a lost connection reading goes on behind the last entry that came: none is skipped and
//! none is shown twice.

use std::time::Duration;

use rbq_client::{Error, Link, Request};
use rbq_resp::Value;
use tokio::time::Instant;

use super::history::History;
use super::message::{self, Message};
use super::worker::Work;
use super::{ConsumeArgs, Wait, home};
use crate::cmd::produce::Kind;
use crate::deadletter::Field;
use crate::entries::EntryId;
use crate::exit::Exit;
use crate::facts::unexpected;
use crate::failure::{Failure, Result, say};
use crate::interrupt::Interrupt;
use crate::moment::{Position, now_ms};
use crate::outage::{Attempt, Cause, Outage};
use crate::reader::Reader;

/// Entries asked for at once, unless told otherwise: a round trip a hundred is no cost, and ordinary ones take some 10 KiB.
pub(super) const BATCH: u64 = 100;

/// The longest wait of one question: a server that hangs answers none.
const WAIT_MAX: Duration = Duration::from_secs(5);

/// The same with `--until`, whose time may come without an entry.
const UNTIL_WAIT_MAX: Duration = Duration::from_secs(1);

pub(super) async fn run(args: ConsumeArgs, mut work: Work) -> Result<Exit> {
    let (mut home, mut link) = home::Home::find(&args.server, &work.key, Kind::Stream, &[]).await?;
    home.tell_absence(&work.key, Kind::Stream, matches!(work.wait, Wait::No));
    let mut interrupt = Interrupt::listen()?;
    let mut after = behind(args.from.unwrap_or(Position::Beginning), &work.key, &mut link).await?;
    let until = match args.until {
        Some(place) => Some(last(place, &work.key, &mut link).await?),
        None => None,
    };
    let mut last_entry = Instant::now();
    let mut outage = Outage::new(work.reconnect);
    let mut reader = Reader::of_stdout();
    'reading: while let Some(count) = work.quota.next() {
        let (request, wait) = question(&work, count, &after, until.is_some(), last_entry);
        let answer = tokio::select! {
            biased;
            () = interrupt.pressed() => break,
            () = reader.gone() => return Err(Failure::ClosedPipe),
            answer = ask(&mut link, request, wait) => answer,
        };
        let entries = match answer {
            Ok(entries) => entries,
            Err(Failure::Server(error)) if Cause::of(&error).is_some() => {
                match again(&mut home, &work.key, error, &mut outage, &mut interrupt).await? {
                    Some(found) => link = found,
                    None => break,
                }
                last_entry = Instant::now();
                continue;
            }
            Err(failure) => return Err(failure),
        };
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
            let passes = work.select.passes(&work.key, &message);
            if passes.is_err() {
                // What came before it is shown.
                work.writer.flush()?;
            }
            if passes? {
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
    Ok(work.quota.tell(work.wait, &interrupt))
}

async fn ask(link: &mut Link, request: Request, wait: Duration) -> Result<Vec<(String, Option<Vec<Field>>)>> {
    message::read_stream(link.call_waiting(request, wait).await?)
}

/// Connects again; `None` when we were asked to end.
async fn again(
    home: &mut home::Home,
    key: &[u8],
    mut error: Error,
    outage: &mut Outage,
    interrupt: &mut Interrupt,
) -> Result<Option<Link>> {
    loop {
        let cause = Cause::of(&error).unwrap_or(Cause::Lost);
        outage.begin(cause, &error).iter().for_each(|line| say(line));
        let found = home.find_again(&error, key, Kind::Stream);
        match outage.attempt(interrupt, found).await {
            Attempt::GivenUp => return Err(outage.verdict(error).into()),
            Attempt::Interrupted => return Ok(None),
            // Told now: the next answer may be hours away, when somebody adds something.
            Attempt::Made(Ok(link)) => {
                outage.end().into_iter().for_each(say);
                return Ok(Some(link));
            }
            Attempt::Made(Err(Failure::Server(again))) if Cause::of(&again).is_some() => error = again,
            Attempt::Made(Err(failure)) => return Err(failure),
        }
    }
}

/// What is asked next, and how long the server may wait before it answers.
fn question(work: &Work, count: u64, after: &str, has_until: bool, last_entry: Instant) -> (Request, Duration) {
    let mut request = Request::from(["XREAD", "COUNT", &count.to_string()]);
    let wait = match work.wait {
        Wait::No | Wait::Inheritance => None,
        Wait::Ever if has_until => Some(UNTIL_WAIT_MAX),
        Wait::Ever => Some(WAIT_MAX),
        Wait::AtMost(limit) => Some(limit.saturating_sub(last_entry.elapsed()).min(WAIT_MAX)),
    };
    if let Some(wait) = wait {
        // 0 means for ever to the server.
        request.extend(["BLOCK", &wait.as_millis().max(1).to_string()]);
    }
    (request.arg("STREAMS").arg(&work.key).arg(after), wait.unwrap_or_default())
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
