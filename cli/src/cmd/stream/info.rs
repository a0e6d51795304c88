//! `rbq stream info`: one stream, with everything the server tells of it. Older servers tell less.

use clap::Args;
use rbq_client::Request;

use super::StreamName;
use super::ls::Figures;
use crate::cmd::keyspace::kind::{Kind, expect};
use crate::cmd::keyspace::{dead, groups};
use crate::entries::EntryId;
use crate::exit::Exit;
use crate::facts::{number, unexpected};
use crate::failure::Result;
use crate::open::ServerArgs;
use crate::records::{Cell, OutputArgs, column};
use crate::servers::Servers;

/// Show one stream: length, ages, memory, groups, dead letters
#[derive(Debug, Clone, Args)]
pub(super) struct InfoArgs {
    #[command(flatten)]
    name: StreamName,
    #[command(flatten)]
    output: OutputArgs,
    #[command(flatten)]
    server: ServerArgs,
}

pub(super) async fn run(args: InfoArgs) -> Result<Exit> {
    let mut servers = Servers::connect(&args.server).await?;
    let key = args.name.key();
    expect(&mut servers, &key, Kind::Stream, "info").await?;
    let about = |words: &[&str]| Request::from(words).arg(&key);
    let told = servers.ask(&key, about(&["XINFO", "STREAM"])).await?;
    let Some(figures) = Figures::of(told.clone()) else { return Err(unexpected(told)) };
    let memory = number(&servers.look(&key, about(&["MEMORY", "USAGE"])).await?);
    let expires_ms = number(&servers.look(&key, about(&["PTTL"])).await?);
    let groups = groups::of_stream(&mut servers, &key).await?;
    let now_ms = servers.time_ms().await?;
    let dead = dead::by_name(&mut servers, &key).await?;
    // No entry has this ID: where a server gives it, nothing was given or deleted yet.
    let none = EntryId { ms: 0, seq: 0 };
    let id = |name| {
        let id = figures.facts.parsed::<EntryId>(name).filter(|id| *id != none);
        Cell::maybe(id, |id| Cell::word(id.to_string()))
    };
    let of = |id: Option<EntryId>| Cell::maybe(id, |id| Cell::word(id.to_string()));
    let age = |id: Option<EntryId>| Cell::maybe(id.and_then(|id| id.age_ms(now_ms)), Cell::span_ms);
    args.output.one(vec![
        (column("key", "key"), Cell::bytes(&key)),
        (column("length", "length"), Cell::number(figures.length)),
        (column("first_id", "first"), of(figures.first)),
        (column("age_ms", "age of the first"), age(figures.first)),
        (column("last_id", "last"), of(figures.last)),
        (column("quiet_ms", "age of the last"), age(figures.last)),
        (column("rate_per_second", "entries a second"), Cell::maybe(figures.rate(), Cell::fraction)),
        (column("last_generated_id", "last ID given"), id("last-generated-id")),
        (column("max_deleted_id", "largest ID deleted"), id("max-deleted-entry-id")),
        (column("entries_added", "ever added"), Cell::maybe(figures.facts.number("entries-added"), Cell::number)),
        (column("groups", "groups"), Cell::number(groups.len() as u64)),
        (column("consumers", "consumers"), Cell::number(groups.iter().map(|group| group.consumers).sum::<u64>())),
        (column("pending", "pending"), Cell::number(groups.iter().map(|group| group.pending).sum::<u64>())),
        (column("dead", "dead letters"), dead),
        (column("memory_bytes", "memory"), Cell::maybe(memory, Cell::size_bytes)),
        (column("expires_in_ms", "expires in"), Cell::maybe(expires_ms, Cell::span_ms)),
    ])?;
    Ok(Exit::Done)
}
