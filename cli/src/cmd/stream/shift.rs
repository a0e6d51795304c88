//! `rbq stream move`: entries into another stream, the oldest first, none lost and none doubled.
//!
//! A batch is read while both streams are watched, and appended to the target and deleted from the source in one transaction;
//! when anything touched one of them in between, nothing happens and the batch is tried again, half as large, so that producers
//! who never pause hold it up less and less. Only entries that were there at the start are moved, so moving ends.
//!
//! Groups of the source keep what they have pending: those entries are deleted under them, which the plan says.

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;

use clap::Args;
use rbq_client::Request;
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
use crate::servers::{Servers, all, transact};

/// Entries moved in one step, during which the server does nothing else: well below a millisecond's work.
const BATCH: u64 = 200;

/// Times that a batch is tried while others write to the source. The last of them move a single entry.
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
    let mut batch = BATCH;
    let first = args.from.first();
    while let Some(count) = work.next(batch) {
        let moved = step(&mut servers, [&from, &to], Walk::new(&first, &last), count, args.keep_ids).await;
        if work
            .went(moved.map(|(moved, taken)| {
                batch = taken;
                moved
            }))?
            .is_none()
        {
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

/// Moves one batch; gives how many that were, and how large the next may be.
async fn step(
    servers: &mut Servers,
    [from, to]: [&[u8]; 2],
    walk: Walk,
    mut count: u64,
    keep_ids: bool,
) -> Result<(u64, u64)> {
    let link = servers.of(from).await?;
    for _ in 0..TRIES_MAX {
        let look = [
            Request::new("WATCH").arg(from).arg(to),
            walk.request(from, count),
            Request::new("XINFO").arg("STREAM").arg(to),
        ];
        let [_, page, target] =
            <[Value; 3]>::try_from(all(link, &look).await?).expect("three replies to three requests");
        let batch = entries::read(page)?;
        if let Some(refused) = refused(to, &target, &batch, keep_ids) {
            link.call(["UNWATCH"]).await?;
            return Err(refused);
        }
        if batch.is_empty() {
            link.call(["UNWATCH"]).await?;
            return Ok((0, count));
        }
        let Some(replies) = transact(link, commands([from, to], &batch, keep_ids)).await? else {
            count = (count / 2).max(1);
            continue;
        };
        if let Some(refused) = replies.iter().find(|reply| matches!(reply, Value::Error(_))) {
            return Err(unexpected(refused.clone()));
        }
        // A little more again: whoever wrote meanwhile may have paused.
        return Ok((batch.len() as u64, (count * 2).min(BATCH)));
    }
    Err(Failure::new(format!("others write to `{}` or `{}` too often to move an entry", shown(from), shown(to)))
        .hint("pause them for a moment, or read it with a group instead"))
}

fn commands([from, to]: [&[u8]; 2], batch: &[Entry], keep_ids: bool) -> Vec<Request> {
    let append = |entry: &Entry| {
        let id = if keep_ids { entry.id.to_string() } else { "*".to_owned() };
        let fields = entry.fields.iter().flat_map(|(name, value)| [name, value]);
        Request::new("XADD").arg(to).arg(id).args(fields)
    };
    let ids = batch.iter().map(|entry| entry.id.to_string());
    batch.iter().map(append).chain([Request::new("XDEL").arg(from).args(ids)]).collect()
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
