//! `rbq dlq show` and `rbq dlq grep`: dead letters one by one, whole, or a line each.

use clap::Args;
use rbq_client::Request;

use super::entries::{self, Direction, Entry, EntryId, Walk};
use super::keys::{self, Place};
use super::letters;
use super::select::{Matcher, SelectArgs};
use crate::deadletter::DeadLetter;
use crate::exit::Exit;
use crate::failure::{Failure, Result, say};
use crate::open::ServerArgs;
use crate::records::{Cell, Column, OutputArgs, column};
use crate::servers::Servers;

/// Entries of a page.
pub(super) const PAGE: usize = 500;

const COLUMNS: &[Column] = &[
    column("id", "ID"),
    column("source", "SOURCE"),
    column("group", "GROUP"),
    column("reason", "REASON"),
    column("attempts", "ATTEMPTS"),
    column("died_ms", "DIED"),
    column("error", "ERROR"),
    column("message", "MESSAGE"),
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

pub(super) async fn run(args: ShowArgs) -> Result<Exit> {
    let mut servers = Servers::connect(&args.server).await?;
    let place = keys::resolve(&mut servers, &args.key).await?;
    if args.id.is_empty() {
        let matcher = args.select.matcher(&place)?;
        return list(&mut servers, &place, &matcher, args.output).await;
    }
    let mut missing = 0;
    for id in &args.id {
        let text = id.to_string();
        let found = Request::new("XRANGE").arg(&place.key).arg(&text).arg(&text);
        match entries::read(servers.ask(&place.key, found).await?)?.into_iter().next() {
            Some(entry) => whole(&entry, args.output)?,
            None => {
                missing += 1;
                say(&format!("`{}` has no entry {id}", place.name()));
            }
        }
    }
    Ok(match missing {
        0 => Exit::Done,
        all if all == args.id.len() => Exit::Failed,
        _ => Exit::Partly,
    })
}

pub(super) async fn grep(args: GrepArgs) -> Result<Exit> {
    let mut servers = Servers::connect(&args.server).await?;
    let place = keys::resolve(&mut servers, &args.key).await?;
    let matcher = args.select.selection(&place)?.matching(args.regex).compile()?;
    list(&mut servers, &place, &matcher, args.output).await
}

async fn list(servers: &mut Servers, place: &Place, matcher: &Matcher, output: OutputArgs) -> Result<Exit> {
    let mut records = output.records(COLUMNS);
    let mut others = 0;
    let mut left = matcher.limit();
    let mut walk = whole_walk();
    while let Some(page) = next_page(servers, place, &mut walk).await? {
        for entry in page {
            if left == 0 {
                break;
            }
            match DeadLetter::decode(&entry.fields) {
                Ok(letter) if matcher.takes(entry.id, &letter) => {
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
    }
    Ok(Exit::Done)
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

fn row(id: EntryId, letter: &DeadLetter) -> Vec<Cell> {
    let from = &letter.provenance;
    vec![
        Cell::word(id.to_string()),
        Cell::bytes(&from.source),
        optional(&from.group),
        Cell::word(&from.reason),
        Cell::number(from.attempts.len() as u64),
        Cell::time_ms(from.died_ms),
        optional(&from.error),
        Cell::bytes(&letters::line(&letter.payload)),
    ]
}

fn optional(bytes: &[u8]) -> Cell {
    if bytes.is_empty() { Cell::none() } else { Cell::bytes(bytes) }
}

fn whole(entry: &Entry, output: OutputArgs) -> Result<()> {
    let letter = match DeadLetter::decode(&entry.fields) {
        Ok(letter) => letter,
        Err(why) => {
            say(&format!("{}: {why}", entry.id));
            return output.one(vec![
                (column("id", "id"), Cell::word(entry.id.to_string())),
                (column("fields", "fields"), Cell::json(letters::pairs(&entry.fields))),
            ]);
        }
    };
    let from = &letter.provenance;
    let time = |ms: u64| if ms == 0 { Cell::none() } else { Cell::time_ms(ms) };
    let attempts = letters::members(entry.id, &letter).into_iter().find(|(name, _)| *name == "attempts");
    output.one(vec![
        (column("id", "id"), Cell::word(entry.id.to_string())),
        (column("source", "source"), Cell::bytes(&from.source)),
        (column("type", "type"), Cell::word(from.kind.as_str())),
        (column("group", "group"), optional(&from.group)),
        (column("original_id", "original id"), optional(from.id.as_bytes())),
        (column("reason", "reason"), Cell::word(&from.reason)),
        (column("error", "error"), optional(&from.error)),
        (column("attempts", "attempts"), Cell::maybe(attempts, |(_, attempts)| Cell::json(attempts))),
        (column("first_delivered_ms", "first delivered"), time(from.first_delivered_ms)),
        (column("died_ms", "died"), time(from.died_ms)),
        (column("redrives", "sent back"), Cell::number(from.redrives)),
        (column("job", "last job"), optional(from.job.as_bytes())),
        (column("hash", "hash"), Cell::word(letter.hash.to_string())),
        (column("changed", "changed"), Cell::yes_no(letter.is_changed())),
        (column("fields", "fields"), Cell::json(letters::pairs(&letter.payload))),
    ])
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
