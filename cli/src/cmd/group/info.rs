//! `rbq group info`: one group.

use clap::Args;

use super::{GroupName, consumers};
use crate::cmd::keyspace::groups::COUNT_MAX;
use crate::exit::Exit;
use crate::failure::Result;
use crate::open::ServerArgs;
use crate::records::{Cell, OutputArgs, column, hidden};
use crate::servers::Servers;

/// Show one group: position, lag, age, consumers, pending
#[derive(Debug, Clone, Args)]
pub(super) struct InfoArgs {
    #[command(flatten)]
    name: GroupName,
    #[command(flatten)]
    output: OutputArgs,
    #[command(flatten)]
    server: ServerArgs,
}

pub(super) async fn run(args: InfoArgs) -> Result<Exit> {
    let mut servers = Servers::connect(&args.server).await?;
    let group = args.name.find(&mut servers).await?;
    let key = args.name.key();
    let now_ms = servers.time_ms().await?;
    let lag = group.lag(&mut servers, &key, COUNT_MAX).await?;
    let oldest = group.oldest(&mut servers, &key).await?;
    let consumers = consumers::of_group(&mut servers, &key, &group.name).await?;
    let busiest = consumers.iter().map(|consumer| consumer.pending).max();
    let quiet_ms = consumers.iter().map(|consumer| consumer.idle_ms).min();
    args.output.one(vec![
        (column("stream", "stream"), Cell::bytes(&key)),
        (column("group", "group"), Cell::bytes(&group.name)),
        (column("last_delivered_id", "last delivered"), Cell::word(group.last.to_string())),
        (column("entries_read", "entries read"), Cell::maybe(group.entries_read, Cell::number)),
        (column("lag", "lag"), lag.cell()),
        (hidden("lag_is_exact"), Cell::yes_no(lag.is_exact)),
        (column("pending", "pending"), Cell::number(group.pending)),
        (column("oldest_id", "oldest not acknowledged"), Cell::maybe(oldest, |id| Cell::word(id.to_string()))),
        (column("age_ms", "its age"), Cell::maybe(oldest.and_then(|id| id.age_ms(now_ms)), Cell::span_ms)),
        (column("consumers", "consumers"), Cell::number(group.consumers)),
        (column("pending_max", "most pending of one consumer"), Cell::maybe(busiest, Cell::number)),
        (column("idle_ms", "last heard of any"), Cell::maybe(quiet_ms, Cell::span_ms)),
    ])?;
    Ok(Exit::Done)
}
