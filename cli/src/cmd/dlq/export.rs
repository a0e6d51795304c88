//! `rbq dlq export`: dead letters with everything, in the order of the stream; as lines of JSON unless asked for otherwise.
//! Nothing is changed.

use clap::Args;

use super::absent::Seen;
use super::keys;
use super::letters;
use super::select::SelectArgs;
use super::show::{self, next_page, whole_walk};
use crate::deadletter::DeadLetter;
use crate::exit::Exit;
use crate::failure::{Result, say};
use crate::open::ServerArgs;
use crate::records::{Cell, Form, OutputArgs};
use crate::servers::Servers;

/// Write dead letters to stdout, a JSON object a line unless --output says otherwise
///
/// `fields` is a list of pairs, so that order and repeated names are kept; bytes that are no UTF-8 are {"base64": "…"}.
#[derive(Debug, Clone, Args)]
pub(crate) struct ExportArgs {
    /// The dead-letter stream, or its source: orders.dlq, orders, orders/billing
    key: String,
    #[command(flatten)]
    select: SelectArgs,
    /// How to write them
    #[arg(short, long, default_value = "jsonl")]
    output: Form,
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
    let mut records = OutputArgs { output: args.output }.blocks(show::COLUMNS);
    let (mut exported, mut seen) = (0, Seen::default());
    let mut walk = whole_walk();
    while exported < matcher.limit()
        && let Some(page) = next_page(&mut servers, &place, &mut walk).await?
    {
        for entry in page {
            if exported == matcher.limit() {
                break;
            }
            let decoded = DeadLetter::decode(&entry.fields);
            seen.note(decoded.as_ref().ok());
            let (mut cells, fields) = match decoded {
                Ok(letter) if matcher.takes(entry.id, &letter)? => (show::whole(entry.id, &letter), letter.payload),
                Err(_) if matcher.takes_entry(&entry) => (show::bare(&entry), entry.fields),
                _ => continue,
            };
            // Pairs always: whoever reads them again need not look at what they are.
            let last: &mut Cell = cells.last_mut().expect("every record has its fields");
            *last = last.clone().with_json(letters::pairs(&fields));
            records.add(cells)?;
            exported += 1;
        }
    }
    records.finish()?;
    if exported == 0 && matcher.limit() > 0 {
        seen.tell_none(&place);
    }
    if !args.quiet {
        say(&format!("exported {exported}"));
    }
    Ok(Exit::Done)
}
