//! `rbq stream ls`: every stream, how long and how old it is, what comes in, and how far behind its groups are.
//!
//! The rate is read from the IDs: entries there are, over the time from the first to the last. With `--sample` it is counted
//! instead, from what was added between two looks. IDs that are no times have neither an age nor a rate.

use std::ffi::OsString;
use std::time::Duration;

use clap::Args;
use rbq_client::Request;
use rbq_resp::Value;
use tokio::time::sleep;

use crate::cmd::dlq::is_named_so;
use crate::cmd::keyspace::find::FindArgs;
use crate::cmd::keyspace::groups::{self, COUNT_MAX, Counted, Group};
use crate::cmd::keyspace::kind::Kind;
use crate::duration;
use crate::entries::{self, EntryId};
use crate::exit::Exit;
use crate::facts::{Facts, number};
use crate::failure::Result;
use crate::open::ServerArgs;
use crate::records::{Cell, Column, OutputArgs, column, hidden};
use crate::servers::Servers;

/// List streams: length, age, rate, memory, groups
#[derive(Debug, Clone, Args)]
pub(super) struct LsArgs {
    /// Only these [default: every stream, found by SCAN]
    streams: Vec<OsString>,
    #[command(flatten)]
    find: FindArgs,
    /// Look twice, this far apart, and show what was added a second between: 1s, 10s [default: read it from the IDs]
    #[arg(short, long, value_name = "DURATION", value_parser = duration::parse)]
    sample: Option<Duration>,
    #[command(flatten)]
    output: OutputArgs,
    #[command(flatten)]
    server: ServerArgs,
}

const COLUMNS: &[Column] = &[
    column("key", "KEY"),
    column("length", "LENGTH"),
    column("age_ms", "AGE"),
    column("rate_per_second", "RATE/S"),
    column("memory_bytes", "MEMORY"),
    column("groups", "GROUPS"),
    column("consumers", "CONSUMERS"),
    column("lag_max", "LAG"),
    hidden("lag_is_exact"),
    column("pending", "PENDING"),
];

/// What a stream's own figures are.
#[derive(Debug, Clone)]
pub(super) struct Figures {
    pub(super) facts: Facts,
    pub(super) length: u64,
    pub(super) first: Option<EntryId>,
    pub(super) last: Option<EntryId>,
}

impl Figures {
    /// Of the reply of `XINFO STREAM`; none of an error.
    pub(super) fn of(told: Value) -> Option<Self> {
        let facts = Facts::of(told);
        let id = |name| facts.value(name).cloned().and_then(entries::one).map(|entry| entry.id);
        let (first, last) = (id("first-entry"), id("last-entry"));
        Some(Self { length: facts.number("length")?, first, last, facts })
    }

    /// How many entries came a second, by the IDs of the first and the last there are.
    pub(super) fn rate(&self) -> Option<f64> {
        let (first, last) = (self.first?.time_ms()?, self.last?.time_ms()?);
        let ms = last.checked_sub(first).filter(|ms| *ms > 0)?;
        Some((self.length - 1) as f64 * 1e3 / ms as f64)
    }

    /// How many were ever added; on servers that do not count that, how many there are.
    fn added(&self) -> u64 {
        self.facts.number("entries-added").unwrap_or(self.length)
    }
}

pub(super) async fn run(args: LsArgs) -> Result<Exit> {
    let mut servers = Servers::connect(&args.server).await?;
    let is_named = !args.streams.is_empty();
    let keys = args.find.keys_or_all(&mut servers, args.streams, Kind::Stream, "ls").await?;
    let before = match args.sample {
        Some(apart) => {
            let before = figures(&mut servers, &keys).await?;
            sleep(apart).await;
            Some((before, apart.as_secs_f64()))
        }
        None => None,
    };
    let now = figures(&mut servers, &keys).await?;
    let memory = about(&mut servers, &keys, &["MEMORY", "USAGE"]).await?;
    let groups = about(&mut servers, &keys, &["XINFO", "GROUPS"]).await?;
    let now_ms = servers.time_ms().await?;
    let mut records = args.output.records(COLUMNS);
    for (index, (key, groups)) in keys.iter().zip(groups).enumerate() {
        // Gone since, or not a stream any more.
        let Some(figures) = &now[index] else { continue };
        // What a re-drive has emptied is left there for the next to die.
        if figures.length == 0 && is_named_so(key) && !is_named && !args.find.is_all() {
            continue;
        }
        let rate = match &before {
            None => figures.rate(),
            Some((before, seconds)) => before[index]
                .as_ref()
                .and_then(|before| figures.added().checked_sub(before.added()))
                .map(|added| added as f64 / seconds),
        };
        let mut cells = vec![
            Cell::bytes(key),
            Cell::number(figures.length),
            Cell::maybe(figures.first.and_then(|id| id.age_ms(now_ms)), Cell::span_ms),
            Cell::maybe(rate, Cell::fraction),
            Cell::maybe(number(&memory[index]), Cell::size_bytes),
        ];
        cells.extend(backlog(&mut servers, key, &groups::read(groups)).await?);
        records.add(cells)?;
    }
    records.finish_or_say(&args.find.nothing("streams"))?;
    Ok(Exit::Done)
}

/// Groups, consumers, the largest lag and whether it is exact, pending.
async fn backlog(servers: &mut Servers, key: &[u8], groups: &[Group]) -> Result<[Cell; 5]> {
    let mut worst: Option<Counted> = None;
    for group in groups {
        let lag = group.lag(servers, key, COUNT_MAX).await?;
        if worst.is_none_or(|worst| (lag.entries, !lag.is_exact) > (worst.entries, !worst.is_exact)) {
            worst = Some(lag);
        }
    }
    Ok([
        Cell::number(groups.len() as u64),
        Cell::number(groups.iter().map(|group| group.consumers).sum::<u64>()),
        Cell::maybe(worst, Counted::cell),
        Cell::maybe(worst.map(|worst| worst.is_exact), Cell::yes_no),
        Cell::number(groups.iter().map(|group| group.pending).sum::<u64>()),
    ])
}

async fn figures(servers: &mut Servers, keys: &[Vec<u8>]) -> Result<Vec<Option<Figures>>> {
    Ok(about(servers, keys, &["XINFO", "STREAM"]).await?.into_iter().map(Figures::of).collect())
}

/// The same asked about every key; error replies are values.
async fn about(servers: &mut Servers, keys: &[Vec<u8>], words: &[&str]) -> Result<Vec<Value>> {
    servers.gather(keys.iter().map(|key| (key.as_slice(), Request::from(words).arg(key))).collect()).await
}
