//! `rbq dlq export`: dead letters as lines of JSON, with everything, in the order of the stream. Nothing is changed.

use clap::Args;
use serde_json::Value as Json;

use super::keys;
use super::letters;
use super::select::SelectArgs;
use super::show::{next_page, whole_walk};
use crate::deadletter::DeadLetter;
use crate::exit::Exit;
use crate::failure::{Result, say};
use crate::open::ServerArgs;
use crate::output::Output;
use crate::print::message;
use crate::servers::Servers;

/// Write dead letters to stdout, a JSON object a line
///
/// `fields` is a list of pairs, so that order and repeated names are kept; bytes that are no UTF-8 are {"base64": "…"}.
#[derive(Debug, Clone, Args)]
pub(crate) struct ExportArgs {
    /// The dead-letter stream, or its source: orders.dlq, orders, orders/billing
    key: String,
    #[command(flatten)]
    select: SelectArgs,
    /// No summary on stderr
    #[arg(short, long)]
    quiet: bool,
    #[command(flatten)]
    server: ServerArgs,
}

pub(super) async fn run(args: ExportArgs) -> Result<Exit> {
    let mut servers = Servers::connect(&args.server).await?;
    let place = keys::resolve(&mut servers, &args.key).await?;
    let matcher = args.select.matcher(&place)?;
    let mut out = Output::new();
    let mut exported = 0;
    let mut walk = whole_walk();
    while let Some(page) = next_page(&mut servers, &place, &mut walk).await? {
        for entry in page {
            if exported == matcher.limit() {
                break;
            }
            let members: Vec<(&str, Json)> = match DeadLetter::decode(&entry.fields) {
                Ok(letter) if matcher.takes(entry.id, &letter)? => letters::members(entry.id, &letter),
                Err(_) if matcher.takes_entry(&entry) => {
                    vec![("id", entry.id.to_string().into()), ("fields", letters::pairs(&entry.fields))]
                }
                _ => continue,
            };
            exported += 1;
            message::object(members, out.buffer());
            out.relieve()?;
        }
        if exported == matcher.limit() {
            break;
        }
    }
    out.flush()?;
    if !args.quiet {
        say(&format!("exported {exported}"));
    }
    Ok(Exit::Done)
}
