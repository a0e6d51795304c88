//! `rbq dlq grep`: dead letters that a regular expression finds, a line each.

use clap::Args;

use super::absent::Seen;
use super::entries::EntryId;
use super::keys::{self, Place};
use super::letters;
use super::select::{Matcher, SelectArgs};
use super::show::{next_page, whole_walk};
use crate::deadletter::DeadLetter;
use crate::exit::Exit;
use crate::failure::{Result, say};
use crate::open::ServerArgs;
use crate::records::{Cell, Column, OutputArgs, column};
use crate::servers::Servers;

const COLUMNS: &[Column] = &[
    column("id", "ID"),
    column("source", "SOURCE"),
    column("group", "GROUP"),
    column("reason", "REASON"),
    column("attempts_total", "ATTEMPTS"),
    column("died_ms", "DIED"),
    column("error", "ERROR"),
    column("fields", "MESSAGE"),
];

/// List dead letters with a value, or an error, that a regular expression matches
#[derive(Debug, Clone, Args)]
pub(crate) struct GrepArgs {
    /// The dead-letter stream, or its source: orders.dlq, orders, orders/billing
    key: String,
    /// The regular expression
    regex: String,
    #[command(flatten)]
    select: SelectArgs,
    #[command(flatten)]
    output: OutputArgs,
    #[command(flatten)]
    server: ServerArgs,
}

pub(super) async fn run(args: GrepArgs) -> Result<Exit> {
    let mut servers = Servers::connect(&args.server).await?;
    let place = keys::resolve(&mut servers, &args.key).await?;
    let matcher = args.select.selection(&place)?.matching(args.regex).compile()?;
    list(&mut servers, &place, &matcher, args.output).await
}

async fn list(servers: &mut Servers, place: &Place, matcher: &Matcher, output: OutputArgs) -> Result<Exit> {
    let mut records = output.records(COLUMNS);
    let (mut others, mut seen) = (0, Seen::default());
    let mut left = matcher.limit();
    let mut walk = whole_walk();
    while let Some(page) = next_page(servers, place, &mut walk).await? {
        for entry in page {
            if left == 0 {
                break;
            }
            let decoded = DeadLetter::decode(&entry.fields);
            seen.note(decoded.as_ref().ok());
            match decoded {
                Ok(letter) if matcher.takes(entry.id, &letter)? => {
                    left -= 1;
                    records.add(row(entry.id, &letter))?;
                }
                Ok(_) => {}
                Err(_) => others += u64::from(matcher.takes_entry(&entry)),
            }
        }
        if left == 0 {
            break;
        }
    }
    records.finish()?;
    if others > 0 {
        say(&format!("{others} entries are not in the form of a dead letter; `rbq dlq show KEY ID` shows one"));
    } else if left == matcher.limit() {
        seen.tell_none(place);
    }
    Ok(Exit::Done)
}

fn row(id: EntryId, letter: &DeadLetter) -> Vec<Cell> {
    let from = &letter.provenance;
    vec![
        Cell::word(id.to_string()),
        Cell::bytes(&from.source),
        letters::optional(&from.group),
        Cell::word(&from.reason),
        Cell::number(from.attempts_total()),
        Cell::time_ms(from.died_ms),
        letters::optional(&from.error),
        Cell::bytes(&letters::line(&letter.payload)).with_json(letters::fields(&letter.payload)),
    ]
}
