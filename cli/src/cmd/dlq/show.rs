//! `rbq dlq show`: dead letters one by one, with all that is known of them.
//!
//! A block of lines each for people, an object each for programs. What a message cannot know itself, how often it was sent
//! back before, is looked up in the ledger beside the dead letters.

use clap::Args;
use rbq_client::Request;
use serde_json::Value as Json;

use super::absent::Seen;
use super::entries::{self, Direction, Entry, EntryId, Walk};
use super::keys::{self, Place};
use super::letters;
use super::redrive::Memory;
use super::select::{Matcher, SelectArgs};
use crate::cmd::keyspace::kind::shell_word;
use crate::deadletter::{ATTEMPTS_MAX, Attempt, DeadLetter, Field, Provenance};
use crate::exit::Exit;
use crate::failure::{Failure, Result, say};
use crate::open::ServerArgs;
use crate::records::{Cell, Column, OutputArgs, Records, column, hidden};
use crate::servers::Servers;

/// Entries of a page.
pub(super) const PAGE: usize = 500;

pub(super) const COLUMNS: &[Column] = &[
    column("id", "dead letter"),
    column("source", "source"),
    column("type", "type"),
    column("group", "group"),
    column("original_id", "original ID"),
    column("reason", "reason"),
    column("error", "error"),
    column("attempts", "attempts"),
    hidden("attempts_total"),
    column("first_delivered_ms", "first delivered"),
    column("died_ms", "died"),
    column("redrives", "redrives"),
    column("job", "last job"),
    column("hash", "hash"),
    hidden("changed"),
    column("fields", "message"),
];

/// Show dead letters with all that is known of them
#[derive(Debug, Clone, Args)]
pub(crate) struct ShowArgs {
    /// The dead-letter stream, or its source: orders.dlq, orders, orders/billing
    key: String,
    /// Only these
    id: Vec<EntryId>,
    #[command(flatten)]
    select: SelectArgs,
    #[command(flatten)]
    output: OutputArgs,
    #[command(flatten)]
    server: ServerArgs,
}

pub(super) async fn run(args: ShowArgs) -> Result<Exit> {
    let mut servers = Servers::connect(&args.server).await?;
    let place = keys::resolve(&mut servers, &args.key).await?;
    let memory = Memory::of(&mut servers, &place).await?;
    let records = args.output.blocks(COLUMNS);
    if args.id.is_empty() {
        let matcher = args.select.matcher(&place)?;
        return selected(&mut servers, &place, &matcher, &memory, records).await;
    }
    named(&mut servers, &place, &args.id, &memory, records).await
}

async fn selected(
    servers: &mut Servers,
    place: &Place,
    matcher: &Matcher,
    memory: &Memory,
    mut records: Records,
) -> Result<Exit> {
    let (mut others, mut seen) = (0, Seen::default());
    let mut left = matcher.limit();
    let mut walk = whole_walk();
    while left > 0
        && let Some(page) = next_page(servers, place, &mut walk).await?
    {
        for entry in page {
            let decoded = DeadLetter::decode(&entry.fields);
            seen.note(decoded.as_ref().ok());
            match decoded {
                Ok(letter) if left > 0 && matcher.takes(entry.id, &letter)? => {
                    left -= 1;
                    records.add(whole(entry.id, &memory.recalled(&letter)))?;
                }
                Ok(_) => {}
                Err(_) => others += u64::from(left > 0 && matcher.takes_entry(&entry)),
            }
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

async fn named(
    servers: &mut Servers,
    place: &Place,
    ids: &[EntryId],
    memory: &Memory,
    mut records: Records,
) -> Result<Exit> {
    let mut missing = 0;
    for id in ids {
        let text = id.to_string();
        let found = Request::new("XRANGE").arg(&place.key).arg(&text).arg(&text);
        let Some(entry) = entries::read(servers.ask(&place.key, found).await?)?.into_iter().next() else {
            missing += 1;
            say(&format!("error: {}", no_entry(place, *id)));
            continue;
        };
        records.add(match DeadLetter::decode(&entry.fields) {
            Ok(letter) => whole(entry.id, &memory.recalled(&letter)),
            Err(why) => {
                say(&format!("{}: {why}", entry.id));
                bare(&entry)
            }
        })?;
    }
    records.finish()?;
    if missing > 0 {
        say(&format!("hint: {}", what_there_is(place)));
    }
    Ok(match missing {
        0 => Exit::Done,
        all if all == ids.len() => Exit::Failed,
        _ => Exit::Partly,
    })
}

/// From the first entry to the last there will ever be.
pub(super) fn whole_walk() -> Walk {
    Walk::new(Direction::OldestFirst, EntryId { ms: u64::MAX, seq: u64::MAX }, PAGE)
}

/// The next page, or nothing at the end.
///
/// # Errors
/// Of the server.
pub(super) async fn next_page(servers: &mut Servers, place: &Place, walk: &mut Walk) -> Result<Option<Vec<Entry>>> {
    let page = entries::read(servers.ask(&place.key, walk.request(&place.key, PAGE)).await?)?;
    walk.saw(&page);
    walk.cursor = page.last().map(|entry| entry.id).or(walk.cursor);
    Ok(Some(page).filter(|page| !page.is_empty()))
}

/// All of a dead letter.
pub(super) fn whole(id: EntryId, letter: &DeadLetter) -> Vec<Cell> {
    let from = &letter.provenance;
    // To programs the same as `export` says.
    let time = |ms: u64| if ms == 0 { Cell::none().with_json(0.into()) } else { Cell::time_ms(ms) };
    let hash = letter.hash.to_string();
    let verdict = if letter.is_changed() { "the message was changed since" } else { "matches the message" };
    vec![
        Cell::word(id.to_string()),
        Cell::bytes(&from.source),
        Cell::word(from.kind.as_str()),
        letters::optional(&from.group),
        letters::optional(from.id.as_bytes()),
        Cell::word(&from.reason),
        letters::optional(&from.error),
        attempts(from),
        Cell::number(from.attempts_total()),
        time(from.first_delivered_ms),
        time(from.died_ms),
        Cell::number(from.redrives),
        letters::optional(from.job.as_bytes()),
        Cell::word(&hash).with_text(format!("{hash}, {verdict}")),
        Cell::yes_no(letter.is_changed()),
        fields(&letter.payload),
    ]
}

/// An entry that is no dead letter: of all that could be known there is the ID and what it holds.
pub(super) fn bare(entry: &Entry) -> Vec<Cell> {
    let mut cells: Vec<Cell> = COLUMNS.iter().map(|_| Cell::none()).collect();
    cells[0] = Cell::word(entry.id.to_string());
    cells[COLUMNS.len() - 1] = fields(&entry.fields);
    cells
}

/// A line each for people, behind how many of them there are where not all are known.
fn attempts(from: &Provenance) -> Cell {
    let line = |attempt: &Attempt| {
        let (time, consumer) = (Cell::time_ms(attempt.at_ms), Cell::bytes(&attempt.consumer));
        format!("{}  {}", time.into_text(), consumer.into_text())
    };
    let mut lines: Vec<_> = from.attempts.iter().map(line).collect();
    if from.attempts_before > 0 {
        let kept = match lines.len() {
            1 => "the last one".to_owned(),
            ATTEMPTS_MAX => "the last ten".to_owned(),
            kept => format!("the last {kept}"),
        };
        lines.insert(0, format!("{kept} of {}:", from.attempts_total()));
    }
    let cell = Cell::json(from.attempts.iter().map(letters::attempt).collect());
    if lines.is_empty() { Cell::none().with_json(Json::Array(vec![])) } else { cell.with_text(lines.join("\n")) }
}

/// A line each for people; for programs an object, or pairs where an object would lose something.
fn fields(fields: &[Field]) -> Cell {
    let line = |(name, value): &Field| format!("{}: {}", Cell::bytes(name).into_text(), Cell::bytes(value).into_text());
    let lines: Vec<_> = fields.iter().map(line).collect();
    Cell::json(letters::fields(fields)).with_text(lines.join("\n"))
}

fn no_entry(place: &Place, id: EntryId) -> String {
    format!("`{}` has no entry {id}", place.name())
}

fn what_there_is(place: &Place) -> String {
    format!("`rbq dlq show {}` shows all there are, with their IDs", shell_word(&place.key))
}

/// The entry that a command is about.
///
/// # Errors
/// It is not there, or no dead letter.
pub(super) async fn one(servers: &mut Servers, place: &Place, id: EntryId) -> Result<(Entry, DeadLetter)> {
    let text = id.to_string();
    let request = Request::new("XRANGE").arg(&place.key).arg(&text).arg(&text);
    let found = entries::read(servers.ask(&place.key, request).await?)?.into_iter().next();
    let entry = found.ok_or_else(|| Failure::new(no_entry(place, id)).hint(what_there_is(place)))?;
    let letter = DeadLetter::decode(&entry.fields).map_err(|why| Failure::new(format!("{id} is {why}")))?;
    Ok((entry, letter))
}
