//! `rbq queue ls`: every list, how long it is, how it grows, and what it takes.
//!
//! A list keeps no times, so a queue has no age; how it grows is seen by looking twice, which is asked for with `--sample`.

use std::ffi::OsString;
use std::time::Duration;

use clap::Args;
use rbq_client::Request;
use tokio::time::sleep;

use crate::cmd::keyspace::find::FindArgs;
use crate::cmd::keyspace::kind::Kind;
use crate::duration;
use crate::exit::Exit;
use crate::facts::number;
use crate::failure::Result;
use crate::open::ServerArgs;
use crate::records::{Cell, Column, OutputArgs, column};
use crate::servers::Servers;

/// List queues: length, growth, memory
#[derive(Debug, Clone, Args)]
pub(super) struct LsArgs {
    /// Only these [default: every list, found by SCAN]
    queues: Vec<OsString>,
    #[command(flatten)]
    find: FindArgs,
    /// Look twice, this far apart, and show how many messages more there are a second: 1s, 10s
    #[arg(short, long, value_name = "DURATION", value_parser = duration::parse)]
    sample: Option<Duration>,
    #[command(flatten)]
    output: OutputArgs,
    #[command(flatten)]
    server: ServerArgs,
}

const COLUMNS: &[Column] = &[column("key", "KEY"), column("length", "LENGTH"), column("memory_bytes", "MEMORY")];

const SAMPLED: &[Column] = &[
    column("key", "KEY"),
    column("length", "LENGTH"),
    column("growth_per_second", "GROWTH/S"),
    column("memory_bytes", "MEMORY"),
];

pub(super) async fn run(args: LsArgs) -> Result<Exit> {
    let mut servers = Servers::connect(&args.server).await?;
    let keys = args.find.keys_or_all(&mut servers, args.queues, Kind::Queue, "ls").await?;
    let before = match args.sample {
        Some(apart) => {
            let before = lengths(&mut servers, &keys).await?;
            sleep(apart).await;
            Some((before, apart.as_secs_f64()))
        }
        None => None,
    };
    let lengths = lengths(&mut servers, &keys).await?;
    let memory = servers
        .gather(keys.iter().map(|key| (key.as_slice(), Request::new("MEMORY").arg("USAGE").arg(key))).collect())
        .await?;
    let mut records = args.output.records(if before.is_some() { SAMPLED } else { COLUMNS });
    for (index, key) in keys.iter().enumerate() {
        // Gone since, or not a list any more.
        let Some(length) = lengths[index].filter(|length| *length > 0) else { continue };
        let mut cells = vec![Cell::bytes(key), Cell::number(length)];
        if let Some((before, seconds)) = &before {
            let growth = before[index].map(|before| (length as f64 - before as f64) / seconds);
            cells.push(Cell::maybe(growth, Cell::fraction));
        }
        cells.push(Cell::maybe(number(&memory[index]), Cell::size_bytes));
        records.add(cells)?;
    }
    records.finish()?;
    Ok(Exit::Done)
}

async fn lengths(servers: &mut Servers, keys: &[Vec<u8>]) -> Result<Vec<Option<u64>>> {
    let requests = keys.iter().map(|key| (key.as_slice(), Request::new("LLEN").arg(key))).collect();
    Ok(servers.gather(requests).await?.iter().map(number).collect())
}
