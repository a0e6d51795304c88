//! `rbq queue move`: messages into another queue, the next to be taken first, none lost and none doubled.
//!
//! Each batch is one atomic step of the server: `LMOVEM` where it knows that, otherwise `LMOVE`s in a transaction. So a message is in
//! one of the two queues at any time, whoever else takes from them meanwhile. No more are moved than were there at the start,
//! so that moving ends although producers go on.

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;

use clap::Args;
use rbq_client::Request;
use rbq_resp::Value;

use super::{End, QueueName, messages};
use crate::cmd::keyspace::kind::{Kind, expect, expect_room_for, shown};
use crate::cmd::keyspace::work::{Amount, Work, together};
use crate::consent::{Answer, ConsentArgs, Plan};
use crate::exit::Exit;
use crate::facts::{number, unexpected};
use crate::failure::{Failure, Result};
use crate::open::ServerArgs;
use crate::servers::{Servers, transact};

/// Messages moved in one step, during which the server does nothing else: well below a millisecond's work.
const BATCH: u64 = 200;

/// Move messages to another queue, atomically
#[derive(Debug, Clone, Args)]
pub(super) struct MoveArgs {
    #[command(flatten)]
    name: QueueName,
    /// The queue they go to; they are taken there after what is there already
    target: OsString,
    #[command(flatten)]
    amount: Amount,
    /// The end that consumers take from, of both queues
    #[arg(long, value_name = "END", default_value = "right")]
    take: End,
    #[command(flatten)]
    consent: ConsentArgs,
    #[command(flatten)]
    server: ServerArgs,
}

pub(super) async fn run(args: MoveArgs) -> Result<Exit> {
    let mut servers = Servers::connect(&args.server).await?;
    let (from, to) = (args.name.key(), args.target.into_vec());
    if from == to {
        return Err(Failure::usage("both queues are the same"));
    }
    expect(&mut servers, &from, Kind::Queue, "move").await?;
    together(&servers, &from, &to)?;
    expect_room_for(&mut servers, &to, Kind::Queue).await?;
    let length = number(&servers.ask(&from, Request::new("LLEN").arg(&from)).await?).unwrap_or(0);
    let total = args.amount.of(length);
    let there = number(&servers.ask(&to, Request::new("LLEN").arg(&to)).await?).unwrap_or(0);
    let (source, target) = (shown(&from), shown(&to));
    let mut plan = Plan::new(format!("move {} from `{source}` to `{target}`", messages(total)));
    plan.line(format!("`{source}` has {}, {} stay", messages(length), length - total));
    if there > 0 {
        plan.line(format!("`{target}` has {} already, taken before them", messages(there)));
    }
    if let Answer::Stop(exit) = args.consent.ask(&plan, &args.server)? {
        return Ok(exit);
    }
    let moves_many = servers.knows(&from, "LMOVEM").await?;
    let mut work = Work::start("moved", "message", total)?;
    while let Some(count) = work.next(BATCH) {
        let moved = step(&mut servers, [&from, &to], args.take, count, moves_many).await;
        let Some(moved) = work.went(moved)? else { break };
        if moved < count {
            // Consumers have taken the rest.
            break;
        }
    }
    work.finish(&format!("from `{source}` to `{target}`"))
}

async fn step(servers: &mut Servers, [from, to]: [&[u8]; 2], take: End, count: u64, moves_many: bool) -> Result<u64> {
    let link = servers.of(from).await?;
    let ends = [take.word(), take.other().word()];
    if moves_many {
        let count = count.to_string();
        let request = Request::new("LMOVEM").arg(from).arg(to).args(ends).args(["COUNT", count.as_str(), "OBO"]);
        return match link.call(request).await? {
            Value::Array(moved) => Ok(moved.len() as u64),
            Value::Null | Value::NullArray => Ok(0),
            other => Err(unexpected(other)),
        };
    }
    let one = Request::new("LMOVE").arg(from).arg(to).args(ends);
    let replies = transact(link, vec![one; count as usize]).await?.unwrap_or_default();
    let mut moved = 0;
    for reply in replies {
        match reply {
            Value::Null | Value::NullArray => {}
            Value::Bulk(_) => moved += 1,
            other => return Err(unexpected(other)),
        }
    }
    Ok(moved)
}
