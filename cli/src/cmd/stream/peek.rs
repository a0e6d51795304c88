//! `rbq stream peek`: entries from any place on, or the newest.

use clap::Args;
use rbq_client::Request;

use super::{ENTRY, StreamName, entry};
use crate::cmd::keyspace::groups::Walk;
use crate::cmd::keyspace::kind::{Kind, expect};
use crate::cmd::keyspace::messages::LookArgs;
use crate::entries::{self, Entry};
use crate::exit::Exit;
use crate::failure::Result;
use crate::moment::Position;
use crate::open::ServerArgs;
use crate::records::OutputArgs;
use crate::servers::Servers;

/// Show entries, changing nothing
#[derive(Debug, Clone, Args)]
pub(super) struct PeekArgs {
    #[command(flatten)]
    name: StreamName,
    /// How many
    #[arg(short = 'n', long, default_value_t = 10)]
    count: u64,
    /// The first: `beginning`, an ID, or a time (-15m, 2026-01-31T12:00:00Z, milliseconds since 1970)
    #[arg(long, value_name = "PLACE", default_value = "beginning", allow_hyphen_values = true)]
    from: Position,
    /// Nothing behind this: an ID or a time
    #[arg(long, value_name = "PLACE", default_value = "end", allow_hyphen_values = true)]
    until: Position,
    /// The newest, in the order of the stream
    #[arg(long)]
    newest: bool,
    #[command(flatten)]
    look: LookArgs,
    #[command(flatten)]
    output: OutputArgs,
    #[command(flatten)]
    server: ServerArgs,
}

pub(super) async fn run(args: PeekArgs) -> Result<Exit> {
    let mut servers = Servers::connect(&args.server).await?;
    let key = args.name.key();
    expect(&mut servers, &key, Kind::Stream, "peek").await?;
    let mut records = args.output.records(ENTRY);
    let (first, last) = (args.from.first(), last(args.until));
    if args.newest {
        for found in newest(&mut servers, &key, [&last, &first], args.count).await? {
            records.add(entry(&found, args.look))?;
        }
        records.finish()?;
        return Ok(Exit::Done);
    }
    let mut walk = Walk::new(first, last);
    let mut left = args.count;
    while left > 0 {
        let page = walk.page(&mut servers, &key, left).await?;
        if page.is_empty() {
            break;
        }
        left -= page.len() as u64;
        for found in &page {
            records.add(entry(found, args.look))?;
        }
    }
    records.finish()?;
    Ok(Exit::Done)
}

/// A time ends with its millisecond: half an ID is the last of it to the server.
fn last(until: Position) -> String {
    match until {
        Position::TimeMs(ms) => ms.to_string(),
        // A range that ends where the stream begins is empty; the server's word for it is the smallest ID.
        other => other.first(),
    }
}

/// The newest entries in a range, oldest first.
pub(super) async fn newest(
    servers: &mut Servers,
    key: &[u8],
    [last, first]: [&str; 2],
    count: u64,
) -> Result<Vec<Entry>> {
    if count == 0 {
        return Ok(vec![]);
    }
    let range = Request::new("XREVRANGE").arg(key).arg(last).arg(first).arg("COUNT").arg(count.to_string());
    let mut found = entries::read(servers.ask(key, range).await?)?;
    found.reverse();
    Ok(found)
}
