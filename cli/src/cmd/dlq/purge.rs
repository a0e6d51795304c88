//! `rbq dlq purge`: throw dead letters away, those that were counted and no others.
//!
//! Entries are deleted by their IDs, which were read before anybody was asked: what dies while a person thinks is not thrown
//! away unseen.

use clap::Args;
use rbq_client::Request;
use rbq_resp::Value;

use super::entries::{EntryId, refused};
use super::keys::{self, Place};
use super::redrive;
use super::select::{Matcher, SelectArgs};
use super::show::{next_page, whole_walk};
use crate::consent::{Answer, ConsentArgs, Plan};
use crate::deadletter::DeadLetter;
use crate::exit::Exit;
use crate::failure::{Failure, Result, say};
use crate::interrupt::Interrupt;
use crate::open::ServerArgs;
use crate::progress::Progress;
use crate::servers::Servers;

/// IDs of one XDEL.
const BATCH: usize = 1000;

/// Throw dead letters away
#[derive(Debug, Clone, Args)]
pub(crate) struct PurgeArgs {
    /// The dead-letter stream, or its source: orders.dlq, orders, orders/billing
    key: String,
    #[command(flatten)]
    select: SelectArgs,
    /// Do nothing unless exactly so many would be thrown away
    #[arg(long, value_name = "N")]
    expect: Option<u64>,
    /// No progress and no summary on stderr
    #[arg(short, long)]
    quiet: bool,
    #[command(flatten)]
    consent: ConsentArgs,
    #[command(flatten)]
    server: ServerArgs,
}

pub(super) async fn run(args: PurgeArgs) -> Result<Exit> {
    let mut servers = Servers::connect(&args.server).await?;
    let place = keys::resolve(&mut servers, &args.key).await?;
    redrive::refuse_if_unfinished(&mut servers, &place).await?;
    let ids = meant(&mut servers, &place, &args.select.matcher(&place)?).await?;
    let (name, count) = (place.name(), ids.len() as u64);
    if let Some(expected) = args.expect.filter(|expected| *expected != count) {
        return Err(Failure::new(format!("{count} dead letters of `{name}` would be thrown away, and not {expected}"))
            .hint("nothing was changed; `rbq dlq stats` tells what is there"));
    }
    let title = format!("throw away {} of `{name}`", of(count));
    let plan = if ids.is_empty() { Plan::nothing(title) } else { Plan::new(title) };
    if let Answer::Stop(exit) = args.consent.ask(&plan, &args.server)? {
        return Ok(exit);
    }
    let interrupt = Interrupt::listen()?;
    let mut progress = if args.quiet { Progress::silent() } else { Progress::start("purging", Some(count)) };
    let mut purged = 0;
    for batch in ids.chunks(BATCH) {
        if interrupt.was_pressed() {
            break;
        }
        let request = Request::new("XDEL").arg(&place.key).args(batch.iter().map(EntryId::to_string));
        match servers.ask(&place.key, request).await? {
            Value::Integer(deleted) => purged += deleted.unsigned_abs(),
            other => return Err(refused(other)),
        }
        progress.add(batch.len() as u64);
    }
    progress.finish();
    if !args.quiet {
        say(&format!("purged {purged}"));
    }
    Ok(match interrupt.exit() {
        Exit::Done if purged < count => Exit::Partly,
        exit => exit,
    })
}

async fn meant(servers: &mut Servers, place: &Place, matcher: &Matcher) -> Result<Vec<EntryId>> {
    let mut ids = Vec::new();
    let mut walk = whole_walk();
    while let Some(page) = next_page(servers, place, &mut walk).await? {
        for entry in page {
            let meant = match DeadLetter::decode(&entry.fields) {
                Ok(letter) => matcher.takes(entry.id, &letter)?,
                Err(_) => matcher.takes_entry(&entry),
            };
            if meant && (ids.len() as u64) < matcher.limit() {
                ids.push(entry.id);
            }
        }
    }
    Ok(ids)
}

fn of(count: u64) -> String {
    if count == 1 { "1 dead letter".to_owned() } else { format!("{count} dead letters") }
}
