//! `rbq queue peek`: the next messages, as they would be taken, without taking them.

use clap::Args;
use rbq_client::Request;

use super::{End, QueueName};
use crate::cmd::keyspace::kind::{Kind, expect};
use crate::cmd::keyspace::messages::LookArgs;
use crate::exit::Exit;
use crate::facts::array;
use crate::failure::Result;
use crate::open::ServerArgs;
use crate::records::{Cell, Column, OutputArgs, column};
use crate::servers::Servers;

/// Messages asked for at a time: a reply of this many ordinary ones is some hundred KiB.
const PAGE: u64 = 500;

/// Show the next messages without taking them
#[derive(Debug, Clone, Args)]
pub(super) struct PeekArgs {
    #[command(flatten)]
    name: QueueName,
    /// How many
    #[arg(short = 'n', long, default_value_t = 10)]
    count: u64,
    /// Leave out this many before them
    #[arg(long, value_name = "MESSAGES", default_value_t = 0)]
    skip: u64,
    /// The end that consumers take from
    #[arg(long, value_name = "END", default_value = "right")]
    take: End,
    #[command(flatten)]
    look: LookArgs,
    #[command(flatten)]
    output: OutputArgs,
    #[command(flatten)]
    server: ServerArgs,
}

const COLUMNS: &[Column] = &[column("number", "NUMBER"), column("payload", "MESSAGE")];

pub(super) async fn run(args: PeekArgs) -> Result<Exit> {
    let mut servers = Servers::connect(&args.server).await?;
    let key = args.name.key();
    expect(&mut servers, &key, Kind::Queue, "peek").await?;
    let mut records = args.output.records(COLUMNS);
    let mut number = args.skip;
    let end = args.skip.saturating_add(args.count);
    while number < end {
        let page = PAGE.min(end - number);
        let range = Request::new("LRANGE").arg(&key).args(args.take.range(number, page));
        let mut messages = array(servers.ask(&key, range).await?);
        let is_last = (messages.len() as u64) < page;
        if args.take == End::Right {
            messages.reverse();
        }
        for message in messages {
            number += 1;
            records.add(vec![Cell::number(number), args.look.payload(message.as_bytes().unwrap_or_default())])?;
        }
        if is_last {
            break;
        }
    }
    records.finish()?;
    Ok(Exit::Done)
}
