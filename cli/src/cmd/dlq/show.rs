//! `rbq dlq show`: dead letters one by one, with all that is known of them.
//!
//! A block of lines each for people, an object each for programs. What a message cannot know itself, how often it was sent
//! back before, is looked up in the ledger beside the dead letters.

use clap::Args;
use rbq_client::Request;
use serde_json::Value as Json;

use super::entries::{self, Direction, Entry, EntryId, Walk};
use super::keys::{self, Place};
use super::letters;
use super::redrive::Memory;
use super::select::{Matcher, SelectArgs};
use crate::deadletter::{Attempt, DeadLetter, Field};
use crate::exit::Exit;
use crate::failure::{Failure, Result, say};
use crate::open::ServerArgs;
use crate::print::message;
use crate::records::{Cell, Column, OutputArgs, Records, column, hidden};
use crate::servers::Servers;

/// Entries of a page.
pub(super) const PAGE: usize = 500;

const COLUMNS: &[Column] = &[
    column("id", "dead letter"),
    column("source", "source"),
    column("type", "type"),
    column("group", "group"),
    column("original_id", "original ID"),
    column("reason", "reason"),
    column("error", "error"),
    column("attempts", "attempts"),
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
    let mut others = 0;
    let mut left = matcher.limit();
    let mut walk = whole_walk();
    while left > 0
        && let Some(page) = next_page(servers, place, &mut walk).await?
    {
        for entry in page {
            match DeadLetter::decode(&entry.fields) {
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
            say(&format!("error: `{}` has no entry {id}", place.name()));
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

fn whole(id: EntryId, letter: &DeadLetter) -> Vec<Cell> {
    let from = &letter.provenance;
    let time = |ms: u64| if ms == 0 { Cell::none() } else { Cell::time_ms(ms) };
    let hash = letter.hash.to_string();
    let verdict = if letter.is_changed() { "the message was changed since" } else { "matches the message" };
    vec![
        Cell::word(id.to_string()),
        Cell::bytes(&from.source),
        Cell::word(from.kind.as_str()),
        optional(&from.group),
        optional(from.id.as_bytes()),
        Cell::word(&from.reason),
        optional(&from.error),
        attempts(&from.attempts),
        time(from.first_delivered_ms),
        time(from.died_ms),
        Cell::number(from.redrives),
        optional(from.job.as_bytes()),
        Cell::word(&hash).with_text(format!("{hash}, {verdict}")),
        Cell::yes_no(letter.is_changed()),
        fields(&letter.payload),
    ]
}

/// An entry that is no dead letter: of all that could be known there is the ID and what it holds.
fn bare(entry: &Entry) -> Vec<Cell> {
    let mut cells: Vec<Cell> = COLUMNS.iter().map(|_| Cell::none()).collect();
    cells[0] = Cell::word(entry.id.to_string());
    cells[COLUMNS.len() - 1] = fields(&entry.fields);
    cells
}

/// A line each for people.
fn attempts(attempts: &[Attempt]) -> Cell {
    let line = |attempt: &Attempt| {
        let (time, consumer) = (Cell::time_ms(attempt.at_ms), Cell::bytes(&attempt.consumer));
        format!("{}  {}", time.into_text(), consumer.into_text())
    };
    let lines: Vec<_> = attempts.iter().map(line).collect();
    let cell = Cell::json(attempts.iter().map(letters::attempt).collect());
    cell.with_text(if lines.is_empty() { "-".to_owned() } else { lines.join("\n") })
}

/// A line each for people; for programs an object, or pairs where an object would lose something.
fn fields(fields: &[Field]) -> Cell {
    let line = |(name, value): &Field| format!("{}: {}", Cell::bytes(name).into_text(), Cell::bytes(value).into_text());
    let lines: Vec<_> = fields.iter().map(line).collect();
    Cell::json(object(fields).unwrap_or_else(|| letters::pairs(fields))).with_text(lines.join("\n"))
}

/// The fields by name, if every name is text and stands once.
fn object(fields: &[Field]) -> Option<Json> {
    let mut object = serde_json::Map::new();
    for (name, value) in fields {
        if object.insert(std::str::from_utf8(name).ok()?.to_owned(), message::json(value)).is_some() {
            return None;
        }
    }
    Some(Json::Object(object))
}

fn optional(bytes: &[u8]) -> Cell {
    if bytes.is_empty() { Cell::none() } else { Cell::bytes(bytes) }
}

/// The entry that a command is about.
///
/// # Errors
/// It is not there, or no dead letter.
pub(super) async fn one(servers: &mut Servers, place: &Place, id: EntryId) -> Result<(Entry, DeadLetter)> {
    let text = id.to_string();
    let request = Request::new("XRANGE").arg(&place.key).arg(&text).arg(&text);
    let found = entries::read(servers.ask(&place.key, request).await?)?.into_iter().next();
    let entry = found.ok_or_else(|| Failure::new(format!("`{}` has no entry {id}", place.name())))?;
    let letter = DeadLetter::decode(&entry.fields).map_err(|why| Failure::new(format!("{id} is {why}")))?;
    Ok((entry, letter))
}
