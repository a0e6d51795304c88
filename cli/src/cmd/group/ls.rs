//! `rbq group ls`: every group of every stream, and how far behind it is.

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;

use clap::Args;

use crate::cmd::keyspace::find::FindArgs;
use crate::cmd::keyspace::groups::{self, COUNT_MAX};
use crate::cmd::keyspace::kind::{Kind, expect};
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
    let keys = streams(&mut servers, args.streams, &args.find).await?;
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
    records.finish()?;
    Ok(Exit::Done)
}

/// Those that are named, or all there are.
///
/// # Errors
/// One that is named is not there, or no stream; or the server's.
pub(super) async fn streams(servers: &mut Servers, named: Vec<OsString>, find: &FindArgs) -> Result<Vec<Vec<u8>>> {
    if named.is_empty() {
        return find.keys(servers, Kind::Stream).await;
    }
    let named: Vec<Vec<u8>> = named.into_iter().map(OsString::into_vec).collect();
    for key in &named {
        expect(servers, key, Kind::Stream, "info").await?;
    }
    Ok(named)
}
