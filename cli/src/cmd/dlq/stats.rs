//! `rbq dlq stats`: how many died of what, where, with which error, and how long ago.

use std::collections::BTreeMap;

use clap::Args;

use super::absent::{Seen, origin};
use super::keys;
use super::select::SelectArgs;
use super::show::{next_page, whole_walk};
use crate::deadletter::DeadLetter;
use crate::exit::Exit;
use crate::failure::Result;
use crate::moment::now_ms;
use crate::open::ServerArgs;
use crate::records::{Cell, Column, OutputArgs, column};
use crate::servers::Servers;

/// Different errors told apart; an error with an ID in it is different every time.
const VALUES_MAX: usize = 1000;

/// Of an error, so much tells what it is.
const ERROR_CHARS_MAX: usize = 80;

const COLUMNS: &[Column] = &[
    column("by", "BY"),
    column("value", "VALUE"),
    column("messages", "MESSAGES"),
    column("oldest_age_ms", "OLDEST"),
    column("newest_age_ms", "NEWEST"),
];

/// Count dead letters by reason, source, error and age
#[derive(Debug, Clone, Args)]
pub(crate) struct StatsArgs {
    /// The dead-letter stream, or its source: orders.dlq, orders, orders/billing
    key: String,
    #[command(flatten)]
    select: SelectArgs,
    #[command(flatten)]
    output: OutputArgs,
    #[command(flatten)]
    server: ServerArgs,
}

#[derive(Debug, Clone, Copy)]
struct Count {
    messages: u64,
    oldest_ms: u64,
    newest_ms: u64,
}

/// Counts by value, for each thing that is counted by.
#[derive(Debug, Default)]
struct Stats {
    by: BTreeMap<&'static str, BTreeMap<String, Count>>,
}

impl Stats {
    fn add(&mut self, by: &'static str, value: String, died_ms: u64) {
        let values = self.by.entry(by).or_default();
        let known = values.contains_key(&value) || values.len() < VALUES_MAX;
        let value = if known { value } else { "(others)".to_owned() };
        let count = values.entry(value).or_insert(Count { messages: 0, oldest_ms: died_ms, newest_ms: died_ms });
        count.messages += 1;
        count.oldest_ms = count.oldest_ms.min(died_ms);
        count.newest_ms = count.newest_ms.max(died_ms);
    }
}

pub(super) async fn run(args: StatsArgs) -> Result<Exit> {
    let mut servers = Servers::connect(&args.server).await?;
    let place = keys::resolve(&mut servers, &args.key).await?;
    let matcher = args.select.matcher(&place)?;
    let (now_ms, mut left, mut stats, mut seen) = (now_ms(), matcher.limit(), Stats::default(), Seen::default());
    let mut walk = whole_walk();
    while let Some(page) = next_page(&mut servers, &place, &mut walk).await? {
        for entry in page {
            let letter = DeadLetter::decode(&entry.fields).ok();
            seen.note(letter.as_ref());
            let meant = match &letter {
                Some(letter) => matcher.takes(entry.id, letter)?,
                None => matcher.takes_entry(&entry),
            };
            if !meant || left == 0 {
                continue;
            }
            left -= 1;
            match letter {
                Some(letter) => count(&mut stats, &letter, now_ms),
                None => stats.add("reason", "(not in the form of a dead letter)".to_owned(), entry.id.ms),
            }
        }
    }
    if stats.by.is_empty() {
        seen.tell_none(&place);
    }
    write(stats, now_ms, args.output)
}

fn count(stats: &mut Stats, letter: &DeadLetter, now_ms: u64) {
    let from = &letter.provenance;
    let error = String::from_utf8_lossy(&from.error);
    let error: String = error.lines().next().unwrap_or_default().chars().take(ERROR_CHARS_MAX).collect();
    stats.add("reason", from.reason.clone(), from.died_ms);
    stats.add("source", origin(letter), from.died_ms);
    stats.add("error", if error.is_empty() { "(none)".to_owned() } else { error }, from.died_ms);
    stats.add("age", age(now_ms.saturating_sub(from.died_ms)).to_owned(), from.died_ms);
}

fn age(ms: u64) -> &'static str {
    const HOUR_MS: u64 = 3_600_000;
    match ms {
        _ if ms < HOUR_MS => "under 1h",
        _ if ms < 24 * HOUR_MS => "1h to 24h",
        _ if ms < 7 * 24 * HOUR_MS => "24h to 7 days",
        _ => "over 7 days",
    }
}

fn write(stats: Stats, now_ms: u64, output: OutputArgs) -> Result<Exit> {
    let mut records = output.records(COLUMNS);
    for by in ["reason", "source", "error", "age"] {
        let mut values: Vec<_> = stats.by.get(by).into_iter().flatten().collect();
        // Most first, which is what one looks for; names decide where counts do not.
        values.sort_by(|(a_name, a), (b_name, b)| b.messages.cmp(&a.messages).then(a_name.cmp(b_name)));
        for (value, count) in values {
            records.add(vec![
                Cell::word(by),
                Cell::bytes(value.as_bytes()),
                Cell::number(count.messages),
                Cell::span_ms(now_ms.saturating_sub(count.oldest_ms)),
                Cell::span_ms(now_ms.saturating_sub(count.newest_ms)),
            ])?;
        }
    }
    records.finish()?;
    Ok(Exit::Done)
}
