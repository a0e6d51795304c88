//! `rbq queue trim` and `rbq queue purge`: messages thrown away, the oldest of them or all.

use clap::Args;
use rbq_client::Request;
use rbq_resp::Value;

use super::{End, QueueName, hand, messages};
use crate::cmd::keyspace::kind::{Kind, expect, shown};
use crate::cmd::keyspace::purge::{Expect, watched};
use crate::consent::{Answer, ConsentArgs, Plan};
use crate::exit::Exit;
use crate::facts::{number, unexpected};
use crate::failure::{Result, say};
use crate::open::ServerArgs;
use crate::servers::{Servers, transact};

/// Throw away the oldest messages
#[derive(Debug, Clone, Args)]
pub(super) struct TrimArgs {
    #[command(flatten)]
    name: QueueName,
    /// How many stay, the newest
    #[arg(long, value_name = "MESSAGES", value_parser = clap::value_parser!(u64).range(1..))]
    maxlen: u64,
    /// The end that consumers take from, where the oldest are
    #[arg(long, value_name = "END", default_value = "right")]
    take: End,
    #[command(flatten)]
    consent: ConsentArgs,
    #[command(flatten)]
    server: ServerArgs,
}

/// Throw away all messages
#[derive(Debug, Clone, Args)]
pub(super) struct PurgeArgs {
    #[command(flatten)]
    name: QueueName,
    #[command(flatten)]
    expect: Expect,
    #[command(flatten)]
    consent: ConsentArgs,
    #[command(flatten)]
    server: ServerArgs,
}

pub(super) async fn trim(args: TrimArgs) -> Result<Exit> {
    let mut servers = Servers::connect(&args.server).await?;
    let key = args.name.key();
    let length = length(&mut servers, &key, "trim").await?;
    let name = shown(&key);
    let dropped = length.saturating_sub(args.maxlen);
    let mut plan = match dropped {
        0 => Plan::nothing(format!("trim nothing: `{name}` has {}", messages(length))),
        _ => Plan::new(format!("throw away the {} oldest of the {} of `{name}`", dropped, messages(length))),
    };
    if dropped > 0 {
        plan.line("they are not copied anywhere");
    }
    if let Answer::Stop(exit) = args.consent.ask(&plan, &args.server)? {
        return Ok(exit);
    }
    // The newest are at the end where nothing is taken.
    let [first, last] = args.take.other().range(0, args.maxlen);
    let trim = Request::new("LTRIM").arg(&key).arg(first).arg(last);
    let count = Request::new("LLEN").arg(&key);
    let replies = transact(servers.of(&key).await?, vec![count.clone(), trim, count]).await?.unwrap_or_default();
    let [before, trimmed, after] = <[Value; 3]>::try_from(replies).expect("three commands have three replies");
    if let Value::Error(_) = trimmed {
        return Err(unexpected(trimmed));
    }
    let (before, after) = (number(&before).unwrap_or(0), number(&after).unwrap_or(0));
    say(&format!("threw away {} of `{name}`, {after} stay", messages(before.saturating_sub(after))));
    Ok(Exit::Done)
}

pub(super) async fn purge(args: PurgeArgs) -> Result<Exit> {
    let mut servers = Servers::connect(&args.server).await?;
    let key = args.name.key();
    let hand = hand::expect_queue(&mut servers, &key, "purge").await?;
    let length = number(&servers.ask(&key, Request::new("LLEN").arg(&key)).await?).unwrap_or(0);
    args.expect.check(length, &key)?;
    let name = shown(&key);
    let mut plan = match length {
        0 => Plan::nothing(format!("throw away nothing: `{name}` is empty")),
        _ => Plan::new(format!("throw away all {} of `{name}`", messages(length))),
    };
    if length > 0 {
        plan.line("they are not copied anywhere; what comes in until then goes as well");
    }
    if !hand.is_empty() {
        plan.line(hand.stays());
    }
    if let Answer::Stop(exit) = args.consent.ask(&plan, &args.server)? {
        return Ok(exit);
    }
    let count = Request::new("LLEN").arg(&key);
    let replies = watched(&mut servers, &key, args.expect, count, Request::new("UNLINK").arg(&key)).await?;
    say(&format!("threw away {} of `{name}`", messages(replies)));
    Ok(Exit::Done)
}

async fn length(servers: &mut Servers, key: &[u8], verb: &str) -> Result<u64> {
    expect(servers, key, Kind::Queue, verb).await?;
    Ok(number(&servers.ask(key, Request::new("LLEN").arg(key)).await?).unwrap_or(0))
}
