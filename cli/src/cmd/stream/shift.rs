//! `rbq stream move`: entries into another stream, the oldest first, none lost and none doubled.
//!
//! A batch is read while both streams are watched, and appended to the target and deleted from the source in one transaction;
//! when anything touched one of them in between, nothing happens and the batch is tried again, half as large.
//!
//! Producers who never pause would win every time: a server that takes turns serves one of theirs between any two of ours. So
//! after a few tries the source is watched no more. Its entries never change, and whether one was still there is what its
//! deletion answers: an entry that somebody else deleted in between is taken out of the target again. The target stays watched,
//! because an append that is refused would not keep the deletion from taking place.
//!
//! Only entries that were there at the start are moved, so moving ends. Groups of the source keep what they have pending: those
//! entries are deleted under them, which the plan says.

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;

use clap::Args;
use rbq_client::{Link, Request};
use rbq_resp::Value;

use super::StreamName;
use crate::cmd::keyspace::groups::{self, Walk, count};
use crate::cmd::keyspace::kind::{Kind, expect, expect_room_for, shown};
use crate::cmd::keyspace::work::{Amount, Work, counted, together};
use crate::consent::{Answer, ConsentArgs, Plan};
use crate::entries::{self, Entry, EntryId};
use crate::exit::Exit;
use crate::facts::{Facts, number, unexpected};
use crate::failure::{Failure, Result};
use crate::moment::Position;
use crate::open::ServerArgs;
use crate::servers::{Servers, accepted, all, transact};

/// Entries moved in one step, during which the server does nothing else: well below a millisecond's work.
const BATCH: u64 = 200;

/// Times that a batch is tried with the source watched: enough to come down to a single entry.
const WATCHED_TRIES: u32 = 9;

/// Times that a batch is tried while others write to the target.
const TRIES_MAX: u32 = 1000;

/// Entries counted for the plan.
const COUNT_MAX: u64 = 1_000_000;

/// Move entries to another stream, atomically
#[derive(Debug, Clone, Args)]
pub(super) struct MoveArgs {
    #[command(flatten)]
    name: StreamName,
    /// The stream they are appended to
    target: OsString,
    #[command(flatten)]
    amount: Amount,
    /// The first: `beginning`, an ID, or a time (-15m, 2026-01-31T12:00:00Z, milliseconds since 1970)
    #[arg(long, value_name = "PLACE", default_value = "beginning", allow_hyphen_values = true)]
    from: Position,
    /// Keep their IDs, which have to be above those of the target [default: new ones]
    #[arg(long)]
    keep_ids: bool,
    #[command(flatten)]
    consent: ConsentArgs,
    #[command(flatten)]
    server: ServerArgs,
}

pub(super) async fn run(args: MoveArgs) -> Result<Exit> {
    let mut servers = Servers::connect(&args.server).await?;
    let (from, to) = (args.name.key(), args.target.clone().into_vec());
    if from == to {
        return Err(Failure::usage("both streams are the same"));
    }
    expect(&mut servers, &from, Kind::Stream, "move").await?;
    together(&servers, &from, &to)?;
    expect_room_for(&mut servers, &to, Kind::Stream).await?;
    let newest = super::peek::newest(&mut servers, &from, ["+", "-"], 1).await?;
    let last = newest.last().map_or_else(|| "0-0".to_owned(), |entry| entry.id.to_string());
    let there = match args.from {
        Position::Beginning => number(&servers.ask(&from, Request::new("XLEN").arg(&from)).await?).unwrap_or(0),
        other => count(&mut servers, &from, &other.first(), &last, COUNT_MAX).await?.entries,
    };
    let total = args.amount.of(there);
    let (source, target) = (shown(&from), shown(&to));
    let plan = match total {
        0 => Plan::nothing(format!("move nothing: `{source}` has no such entries")),
        _ => {
            let mut plan = Plan::new(format!("move {} from `{source}` to `{target}`", counted(total, "entry")));
            tell_of_groups(&mut servers, &from, &mut plan).await?;
            plan
        }
    };
    if let Answer::Stop(exit) = args.consent.ask(&plan, &args.server)? {
        return Ok(exit);
    }
    let mut work = Work::start("moved", "entry", total)?;
    let mut mover = Mover { from: &from, to: &to, keep_ids: args.keep_ids, batch: BATCH, watches_source: true };
    let first = args.from.first();
    while let Some(count) = work.next(mover.batch) {
        let moved = mover.step(servers.of(&from).await?, Walk::new(&first, &last), count).await;
        if work.went(moved)?.is_none() {
            break;
        }
    }
    work.finish(&format!("from `{source}` to `{target}`"))
}

/// What the source's groups will miss.
async fn tell_of_groups(servers: &mut Servers, from: &[u8], plan: &mut Plan) -> Result<()> {
    for group in groups::of_stream(servers, from).await? {
        let name = shown(&group.name);
        let lag = group.lag(servers, from, COUNT_MAX).await?;
        if lag.entries > 0 {
            plan.line(format!("the group `{name}` has yet to be given {lag}, and never will be those that are moved"));
        }
        if group.pending > 0 {
            let pending = group.pending;
            plan.line(format!("the group `{name}` has {pending} pending; those moved stay pending, without content"));
        }
    }
    Ok(())
}

struct Mover<'a> {
    from: &'a [u8],
    to: &'a [u8],
    keep_ids: bool,
    /// How many the next step moves.
    batch: u64,
    watches_source: bool,
}

impl Mover<'_> {
    /// Moves one batch; gives how many that were.
    async fn step(&mut self, link: &mut Link, walk: Walk, mut count: u64) -> Result<u64> {
        for tried in 0..TRIES_MAX {
            self.watches_source &= tried < WATCHED_TRIES;
            let look = [
                Request::new("WATCH").arg(self.to).args(self.watches_source.then_some(self.from)),
                walk.request(self.from, count),
                Request::new("XINFO").arg("STREAM").arg(self.to),
            ];
            let [_, page, target] =
                <[Value; 3]>::try_from(all(link, &look).await?).expect("three replies to three requests");
            let batch = entries::read(page)?;
            if let Some(refused) = refused(self.to, &target, &batch, self.keep_ids) {
                link.call(["UNWATCH"]).await?;
                return Err(refused);
            }
            if batch.is_empty() {
                link.call(["UNWATCH"]).await?;
                return Ok(0);
            }
            let Some(replies) = transact(link, self.commands(&batch)).await? else {
                count = (count / 2).max(1);
                continue;
            };
            // A little more again: whoever wrote meanwhile may have paused.
            self.batch = (count * 2).min(BATCH);
            match self.settle(link, &replies).await? {
                // All of them were gone: the next may not be.
                0 => {}
                moved => return Ok(moved),
            }
        }
        Err(Failure::new(format!("others write to `{}` too often to move an entry", shown(self.to)))
            .hint("pause them for a moment, or move to another stream"))
    }

    /// All appends, then all deletions.
    fn commands(&self, batch: &[Entry]) -> Vec<Request> {
        let append = |entry: &Entry| {
            let id = if self.keep_ids { entry.id.to_string() } else { "*".to_owned() };
            let fields = entry.fields.iter().flat_map(|(name, value)| [name, value]);
            Request::new("XADD").arg(self.to).arg(id).args(fields)
        };
        let delete = |entry: &Entry| Request::new("XDEL").arg(self.from).arg(entry.id.to_string());
        batch.iter().map(append).chain(batch.iter().map(delete)).collect()
    }

    /// Takes back what somebody else had deleted; gives how many were moved.
    async fn settle(&self, link: &mut Link, replies: &[Value]) -> Result<u64> {
        let (appended, deleted) = replies.split_at(replies.len() / 2);
        let was_gone = |deleted: &Value| !matches!(deleted, Value::Integer(1));
        let gone: Vec<&[u8]> = appended
            .iter()
            .zip(deleted)
            .filter(|(_, deleted)| was_gone(deleted))
            .filter_map(|(appended, _)| appended.as_bytes())
            .collect();
        if !gone.is_empty() {
            accepted(link.call(Request::new("XDEL").arg(self.to).args(&gone)).await?)?;
        }
        match replies.iter().find(|reply| matches!(reply, Value::Error(_))) {
            Some(refused) => Err(unexpected(refused.clone())),
            None => Ok((appended.len() - gone.len()) as u64),
        }
    }
}

/// An append that the server would refuse must not be found out inside of the transaction, where the deletion would take place
/// all the same: the target is watched, and this is what it was.
fn refused(to: &[u8], target: &Value, batch: &[Entry], keep_ids: bool) -> Option<Failure> {
    match target {
        Value::Error(text) if text.contains("no such key") => return None,
        Value::Error(text) => return Some(unexpected(Value::Error(text.clone()))),
        _ => {}
    }
    let newest: EntryId = Facts::of(target.clone()).parsed("last-generated-id")?;
    let is_refused = keep_ids && batch.first().is_some_and(|entry| entry.id <= newest);
    is_refused.then(|| {
        Failure::new(format!("`{}` has given the ID {newest}, and IDs only grow", shown(to)))
            .hint("without --keep-ids the entries get new ones")
    })
}
