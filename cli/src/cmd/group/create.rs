//! `rbq group create`: a new group, from any place on.

use clap::Args;
use rbq_client::Request;
use rbq_resp::Value;

use super::GroupName;
use crate::cmd::keyspace::kind::{Kind, expect, shell_word, type_of};
use crate::exit::Exit;
use crate::facts::unexpected;
use crate::failure::{Failure, Result, say};
use crate::moment::Position;
use crate::open::ServerArgs;
use crate::servers::Servers;

/// Create a group
#[derive(Debug, Clone, Args)]
pub(super) struct CreateArgs {
    #[command(flatten)]
    name: GroupName,
    /// Where it begins: `beginning`, `end`, after an ID, or a time (-15m, 2026-01-31T12:00:00Z, milliseconds since 1970)
    #[arg(long, value_name = "PLACE", default_value = "beginning", allow_hyphen_values = true)]
    from: Position,
    /// Create the stream if it is not there
    #[arg(long)]
    mkstream: bool,
    #[command(flatten)]
    server: ServerArgs,
}

pub(super) async fn run(args: CreateArgs) -> Result<Exit> {
    let mut servers = Servers::connect(&args.server).await?;
    let (key, group) = (args.name.key(), args.name.group());
    if !(args.mkstream && type_of(&mut servers, &key).await? == "none") {
        expect(&mut servers, &key, Kind::Stream, "info").await?;
    }
    let mut request = Request::from(["XGROUP", "CREATE"]).arg(&key).arg(&group).arg(args.from.given_last());
    if args.mkstream {
        request = request.arg("MKSTREAM");
    }
    match servers.look(&key, request).await? {
        Value::Error(text) if text.starts_with("BUSYGROUP") => {
            let (key, group) = (shell_word(&key), shell_word(&group));
            Err(Failure::new(format!("{} is there already", args.name.shown()))
                .hint(format!("`rbq group seek {key} {group} --to …` sets it elsewhere")))
        }
        error @ Value::Error(_) => Err(unexpected(error)),
        _ => {
            let place = match args.from {
                Position::Id(id) => format!("after {id}"),
                place => format!("from {place}"),
            };
            say(&format!("created {}, {place} on", args.name.shown()));
            Ok(Exit::Done)
        }
    }
}
