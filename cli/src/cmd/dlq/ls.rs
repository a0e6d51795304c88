//! `rbq dlq ls`: every dead-letter stream, how many and how old.

use clap::Args;

use super::find::{self, Known};
use super::redrive;
use crate::deadletter::DeadLetter;
use crate::exit::Exit;
use crate::failure::Result;
use crate::moment::now_ms;
use crate::open::ServerArgs;
use crate::records::{Cell, Column, OutputArgs, column};
use crate::servers::Servers;

const COLUMNS: &[Column] = &[
    column("key", "DEAD LETTERS"),
    column("source", "SOURCE"),
    column("messages", "MESSAGES"),
    column("oldest_age_ms", "OLDEST"),
    column("newest_age_ms", "NEWEST"),
    column("known_by", "KNOWN BY"),
    column("job", "JOB"),
];

/// List every dead-letter stream
#[derive(Debug, Clone, Args)]
pub(crate) struct LsArgs {
    /// Show those that are empty too
    #[arg(long)]
    all: bool,
    #[command(flatten)]
    output: OutputArgs,
    #[command(flatten)]
    server: ServerArgs,
}

pub(super) async fn run(args: LsArgs) -> Result<Exit> {
    let mut servers = Servers::connect(&args.server).await?;
    let mut records = args.output.records(COLUMNS);
    let (now_ms, mut empty) = (now_ms(), 0);
    for found in find::all(&mut servers).await? {
        let job = redrive::unfinished(&mut servers, &found.key).await?;
        if found.length == 0 && job.is_none() && !args.all {
            empty += 1;
            continue;
        }
        let letter = found.first.as_ref().and_then(|entry| DeadLetter::decode(&entry.fields).ok());
        let age = |ms: u64| Cell::span_ms(now_ms.saturating_sub(ms));
        records.add(vec![
            Cell::bytes(&found.key),
            Cell::maybe(letter, |letter| Cell::bytes(&letter.provenance.source)),
            Cell::number(found.length),
            Cell::maybe(found.first.map(|entry| entry.id.ms), age),
            Cell::maybe(found.last.map(|entry| entry.id.ms), age),
            Cell::word(match found.known {
                Known::ByMark => "mark",
                Known::ByName => "name",
            }),
            Cell::maybe(job, Cell::word),
        ])?;
    }
    records.finish_or_say(&match empty {
        0 => "no dead letters".to_owned(),
        streams => format!("no dead letters; --all shows the {streams} that are empty"),
    })?;
    Ok(Exit::Done)
}
