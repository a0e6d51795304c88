//! `rbq queue info`: one queue, with what its consumers have in hand and what died on the way.

use clap::Args;
use rbq_client::Request;
use rbq_resp::Value;

use super::QueueName;
use crate::cmd::keyspace::find::{literal, search};
use crate::cmd::keyspace::kind::{Kind, expect};
use crate::exit::Exit;
use crate::facts::{number, text};
use crate::failure::Result;
use crate::open::ServerArgs;
use crate::records::{Cell, OutputArgs, column};
use crate::servers::Servers;

/// Consumers whose lists are looked for; a queue has no thousand consumers that each hold something.
const CONSUMERS_MAX: usize = 1000;

/// Show one queue: length, memory, what consumers have in hand, dead letters
#[derive(Debug, Clone, Args)]
pub(super) struct InfoArgs {
    #[command(flatten)]
    name: QueueName,
    #[command(flatten)]
    output: OutputArgs,
    #[command(flatten)]
    server: ServerArgs,
}

pub(super) async fn run(args: InfoArgs) -> Result<Exit> {
    let mut servers = Servers::connect(&args.server).await?;
    let key = args.name.key();
    expect(&mut servers, &key, Kind::Queue, "info").await?;
    let about = |words: &[&str]| Request::from(words).arg(&key);
    let length = number(&servers.ask(&key, about(&["LLEN"])).await?);
    let memory = number(&servers.look(&key, about(&["MEMORY", "USAGE"])).await?);
    let encoding = match servers.look(&key, about(&["OBJECT", "ENCODING"])).await? {
        Value::Error(_) => None,
        told => Some(text(&told)),
    };
    let expires_ms = number(&servers.look(&key, about(&["PTTL"])).await?);
    let (in_hand, consumers) = in_hand(&mut servers, &key).await?;
    let dead = dead(&mut servers, &key).await?;
    args.output.one(vec![
        (column("key", "key"), Cell::bytes(&key)),
        (column("length", "length"), Cell::maybe(length, Cell::number)),
        (column("in_hand", "in hand"), Cell::number(in_hand)),
        (column("consumers", "consumers with something in hand"), Cell::number(consumers as u64)),
        (column("dead", "dead letters"), Cell::number(dead)),
        (column("memory_bytes", "memory"), Cell::maybe(memory, Cell::size_bytes)),
        (column("encoding", "encoding"), Cell::maybe(encoding, Cell::word)),
        (column("expires_in_ms", "expires in"), Cell::maybe(expires_ms, Cell::span_ms)),
    ])?;
    Ok(Exit::Done)
}

/// What `rbq consume` keeps in `NAME:processing:CONSUMER` until it is done with it: messages, and in how many lists.
async fn in_hand(servers: &mut Servers, key: &[u8]) -> Result<(u64, usize)> {
    let (mut messages, mut consumers) = (0, 0);
    for name in [literal(key), [b"{", literal(key).as_slice(), b"}"].concat()] {
        let pattern = [name.as_slice(), b":processing:*"].concat();
        let keys = search(servers, Kind::Queue, Some(&pattern), CONSUMERS_MAX).await?.keys;
        let requests = keys.iter().map(|key| (key.as_slice(), Request::new("LLEN").arg(key))).collect();
        messages += servers.gather(requests).await?.iter().filter_map(number).sum::<u64>();
        consumers += keys.len();
    }
    Ok((messages, consumers))
}

/// What stands in its dead-letter stream.
async fn dead(servers: &mut Servers, key: &[u8]) -> Result<u64> {
    let mut dead = 0;
    for name in [[key, b".dlq"].concat(), [b"{", key, b"}.dlq"].concat()] {
        let length = servers.look(&name, Request::new("XLEN").arg(&name)).await?;
        dead += number(&length).unwrap_or(0);
    }
    Ok(dead)
}
