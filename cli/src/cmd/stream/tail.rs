//! `rbq stream tail`: the newest entries, and with `-f` each that is added, by a plain `XREAD` that belongs to no group.

use std::time::Duration;

use clap::Args;
use rbq_client::Request;

use super::{ENTRY, StreamName, entry, peek};
use crate::cmd::keyspace::kind::{Kind, expect, shown, type_of};
use crate::cmd::keyspace::messages::LookArgs;
use crate::entries;
use crate::exit::Exit;
use crate::failure::{Failure, Result, say};
use crate::interrupt::Interrupt;
use crate::open::ServerArgs;
use crate::reader::Reader;
use crate::records::OutputArgs;
use crate::servers::Servers;

/// Entries taken at a time: more are asked for at once.
const PAGE: &str = "100";

/// The longest wait of one question: a server that hangs answers none.
const WAIT_MAX: Duration = Duration::from_secs(5);

/// Show the newest entries, and follow what is added
#[derive(Debug, Clone, Args)]
pub(super) struct TailArgs {
    #[command(flatten)]
    name: StreamName,
    /// How many that are there already
    #[arg(short = 'n', long, default_value_t = 10)]
    count: u64,
    /// Go on with what is added, until Ctrl-C
    #[arg(short, long)]
    follow: bool,
    #[command(flatten)]
    look: LookArgs,
    #[command(flatten)]
    output: OutputArgs,
    #[command(flatten)]
    server: ServerArgs,
}

pub(super) async fn run(args: TailArgs) -> Result<Exit> {
    let mut servers = Servers::connect(&args.server).await?;
    let key = args.name.key();
    // Who follows a stream that is not there waits for its first entry.
    if args.follow && type_of(&mut servers, &key).await? == "none" {
        say(&format!("there is no stream `{}` yet; waiting for its first entry", shown(&key)));
    } else {
        expect(&mut servers, &key, Kind::Stream, "tail").await?;
    }
    let mut records = args.output.records(ENTRY);
    // One at least, because what follows goes on behind the last that is there.
    let there = peek::newest(&mut servers, &key, ["+", "-"], args.count.max(1)).await?;
    let shown = usize::try_from(args.count).unwrap_or(usize::MAX).min(there.len());
    for found in &there[there.len() - shown..] {
        records.add(entry(found, args.look))?;
    }
    if !args.follow {
        records.finish()?;
        return Ok(Exit::Done);
    }
    records.flush()?;
    let mut after = there.last().map_or_else(|| "0-0".to_owned(), |entry| entry.id.to_string());
    let mut interrupt = Interrupt::listen()?;
    let mut reader = Reader::of_stdout();
    let link = servers.of(&key).await?;
    loop {
        let wait_ms = WAIT_MAX.as_millis().to_string();
        let read = Request::from(["XREAD", "COUNT", PAGE, "BLOCK", &wait_ms, "STREAMS"]).arg(&key).arg(&after);
        let reply = tokio::select! {
            reply = link.call_waiting(read, WAIT_MAX) => reply?,
            () = interrupt.pressed() => break,
            () = reader.gone() => return Err(Failure::ClosedPipe),
        };
        for found in entries::read_of_one_stream(reply)? {
            records.add(entry(&found, args.look))?;
            after = found.id.to_string();
        }
        records.flush()?;
    }
    records.finish()?;
    Ok(interrupt.exit())
}
