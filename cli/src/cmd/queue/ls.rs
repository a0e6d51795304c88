//! `rbq queue ls`: every list, how long it is, how it grows, what its consumers have in hand, and what it takes.
//!
//! A queue whose messages are all in hand is no key any more; it is listed all the same, with a length of 0.
//!
//! A list keeps no times, so a queue has no age; how it grows is seen by looking twice, which is asked for with `--sample`.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;
use std::time::Duration;

use clap::Args;
use rbq_client::Request;
use tokio::time::sleep;

use super::hand::{self, Hand};
use crate::cmd::keyspace::find::FindArgs;
use crate::cmd::keyspace::kind::Kind;
use crate::duration;
use crate::exit::Exit;
use crate::facts::number;
use crate::failure::Result;
use crate::open::ServerArgs;
use crate::records::{Cell, Column, OutputArgs, column};
use crate::servers::Servers;

/// List queues: length, growth, consumers with something in hand, memory
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

const COLUMNS: &[Column] = &[KEY, LENGTH, IN_HAND, CONSUMERS, MEMORY];
const SAMPLED: &[Column] = &[KEY, LENGTH, column("growth_per_second", "GROWTH/S"), IN_HAND, CONSUMERS, MEMORY];

const KEY: Column = column("key", "KEY");
const LENGTH: Column = column("length", "LENGTH");
const IN_HAND: Column = column("in_hand", "IN HAND");
const CONSUMERS: Column = column("consumers", "CONSUMERS");
const MEMORY: Column = column("memory_bytes", "MEMORY");

pub(super) async fn run(args: LsArgs) -> Result<Exit> {
    let mut servers = Servers::connect(&args.server).await?;
    let (keys, hands) = queues(&mut servers, &args).await?;
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
        let hand = hands.get(key).copied().unwrap_or_default();
        // Gone since, or not a list any more.
        let Some(length) = lengths[index].filter(|length| *length > 0 || !hand.is_empty()) else { continue };
        let mut cells = vec![Cell::bytes(key), Cell::number(length)];
        if let Some((before, seconds)) = &before {
            let growth = before[index].map(|before| (length as f64 - before as f64) / seconds);
            cells.push(Cell::maybe(growth, Cell::fraction));
        }
        cells.extend([Cell::number(hand.messages), Cell::number(hand.consumers)]);
        cells.push(Cell::maybe(number(&memory[index]), Cell::size_bytes));
        records.add(cells)?;
    }
    records.finish_or_say(&args.find.nothing("queues"))?;
    Ok(Exit::Done)
}

/// The queues that are listed, and what consumers have in hand of these.
async fn queues(servers: &mut Servers, args: &LsArgs) -> Result<(Vec<Vec<u8>>, BTreeMap<Vec<u8>, Hand>)> {
    if !args.queues.is_empty() {
        let keys: Vec<Vec<u8>> = args.queues.iter().map(|key| key.clone().into_vec()).collect();
        let mut hands = BTreeMap::new();
        for key in &keys {
            hands.insert(key.clone(), hand::expect_queue(servers, key, "ls").await?);
        }
        return Ok((keys, hands));
    }
    let hands = hand::all(servers, args.find.pattern().unwrap_or(b"*")).await?;
    let keys = args.find.keys_and(servers, Kind::Queue, hands.keys().cloned().collect()).await?;
    Ok((keys, hands))
}

async fn lengths(servers: &mut Servers, keys: &[Vec<u8>]) -> Result<Vec<Option<u64>>> {
    let requests = keys.iter().map(|key| (key.as_slice(), Request::new("LLEN").arg(key))).collect();
    Ok(servers.gather(requests).await?.iter().map(number).collect())
}
