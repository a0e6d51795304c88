//! `rbq queue info`: one queue, with what its consumers have in hand and what died on the way.

use clap::Args;
use rbq_client::Request;
use rbq_resp::Value;

use super::{QueueName, hand};
use crate::cmd::keyspace::dead;
use crate::exit::Exit;
use crate::facts::{number, text};
use crate::failure::Result;
use crate::open::ServerArgs;
use crate::records::{Cell, OutputArgs, column};
use crate::servers::Servers;

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
    let hand = hand::expect_queue(&mut servers, &key, "info").await?;
    let about = |words: &[&str]| Request::from(words).arg(&key);
    let length = number(&servers.ask(&key, about(&["LLEN"])).await?);
    let memory = number(&servers.look(&key, about(&["MEMORY", "USAGE"])).await?);
    let encoding = match servers.look(&key, about(&["OBJECT", "ENCODING"])).await? {
        // An empty queue is no key.
        Value::Error(_) | Value::Null | Value::NullArray => None,
        told => Some(text(&told)),
    };
    let expires_ms = number(&servers.look(&key, about(&["PTTL"])).await?);
    let dead = dead::by_name(&mut servers, &key).await?;
    args.output.one(vec![
        (column("key", "key"), Cell::bytes(&key)),
        (column("length", "length"), Cell::maybe(length, Cell::number)),
        (column("in_hand", "in hand"), Cell::number(hand.messages)),
        (column("consumers", "consumers with something in hand"), Cell::number(hand.consumers)),
        (column("dead", "dead letters"), dead),
        (column("memory_bytes", "memory"), Cell::maybe(memory, Cell::size_bytes)),
        (column("encoding", "encoding"), Cell::maybe(encoding, Cell::word)),
        (column("expires_in_ms", "expires in"), Cell::maybe(expires_ms, Cell::span_ms)),
    ])?;
    Ok(Exit::Done)
}
