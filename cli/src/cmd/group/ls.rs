//! `rbq group ls`: every group of every stream, and how far behind it is.

use std::ffi::OsString;

use clap::Args;

use crate::cmd::keyspace::find::FindArgs;
use crate::cmd::keyspace::groups::{self, COUNT_MAX};
use crate::cmd::keyspace::kind::Kind;
use crate::exit::Exit;
use crate::failure::Result;
use crate::open::ServerArgs;
use crate::records::{Cell, Column, OutputArgs, column, hidden};
use crate::servers::Servers;

/// List groups: consumers, pending, lag, age
#[derive(Debug, Clone, Args)]
pub(super) struct LsArgs {
    /// Only those of these streams [default: every stream, found by SCAN]
    streams: Vec<OsString>,
    #[command(flatten)]
    find: FindArgs,
    #[command(flatten)]
    output: OutputArgs,
    #[command(flatten)]
    server: ServerArgs,
}

const COLUMNS: &[Column] = &[
    column("stream", "STREAM"),
    column("group", "GROUP"),
    column("consumers", "CONSUMERS"),
    column("pending", "PENDING"),
    column("lag", "LAG"),
    hidden("lag_is_exact"),
    column("age_ms", "AGE"),
    column("last_delivered_id", "LAST DELIVERED"),
];

pub(super) async fn run(args: LsArgs) -> Result<Exit> {
    let mut servers = Servers::connect(&args.server).await?;
    let keys = args.find.keys_or_all(&mut servers, args.streams, Kind::Stream, "info").await?;
    let mut records = args.output.records(COLUMNS);
    let now_ms = servers.time_ms().await?;
    for key in keys {
        for group in groups::of_stream(&mut servers, &key).await? {
            let lag = group.lag(&mut servers, &key, COUNT_MAX).await?;
            let oldest = group.oldest(&mut servers, &key).await?;
            records.add(vec![
                Cell::bytes(&key),
                Cell::bytes(&group.name),
                Cell::number(group.consumers),
                Cell::number(group.pending),
                lag.cell(),
                Cell::yes_no(lag.is_exact),
                Cell::maybe(oldest.and_then(|id| id.age_ms(now_ms)), Cell::span_ms),
                Cell::word(group.last.to_string()),
            ])?;
        }
    }
    records.finish_or_say(&args.find.nothing("groups"))?;
    Ok(Exit::Done)
}
