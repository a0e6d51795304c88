//! `rbq group claim`: pending entries given to another consumer, in whose history it finds them.
//!
//! How often they were delivered stays as it is. An entry that its consumer was given again in the meantime is left alone: only
//! what is still idle long enough is claimed, by the server's own judgement.

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;
use std::time::Duration;

use clap::Args;
use rbq_client::Request;

use super::GroupName;
use super::pending::{self, Which, WhichArgs};
use crate::cmd::keyspace::kind::{listed, shell_word, shown};
use crate::cmd::keyspace::work::{Work, counted};
use crate::consent::{Answer, ConsentArgs, Plan};
use crate::duration;
use crate::entries::EntryId;
use crate::exit::Exit;
use crate::facts::array;
use crate::failure::{Failure, Result};
use crate::open::ServerArgs;
use crate::servers::{Servers, accepted};

/// Entries claimed in one step.
const BATCH: u64 = 100;

/// Entries looked at for the plan, and claimed in one run.
const ENTRIES_MAX: u64 = 100_000;

/// IDs that are listed in a plan.
const LISTED_MAX: usize = 10;

/// Give pending entries to another consumer
#[derive(Debug, Clone, Args)]
#[command(group = clap::ArgGroup::new("which").required(true))]
pub(super) struct ClaimArgs {
    #[command(flatten)]
    name: GroupName,
    /// The consumer that gets them
    consumer: OsString,
    /// These entries
    #[arg(value_name = "ID", group = "which")]
    ids: Vec<EntryId>,
    /// So many, the oldest
    #[arg(short = 'n', long, group = "which", value_parser = clap::value_parser!(u64).range(1..))]
    count: Option<u64>,
    /// All
    #[arg(long, group = "which")]
    all: bool,
    /// Only this consumer's
    #[arg(long, value_name = "CONSUMER", conflicts_with = "ids")]
    of: Option<OsString>,
    /// Only those delivered at least so long ago: 30s, 5m
    #[arg(long, value_name = "DURATION", value_parser = duration::parse, default_value = "1m")]
    idle: Duration,
    #[command(flatten)]
    consent: ConsentArgs,
    #[command(flatten)]
    server: ServerArgs,
}

pub(super) async fn run(args: ClaimArgs) -> Result<Exit> {
    let mut servers = Servers::connect(&args.server).await?;
    let group = args.name.find(&mut servers).await?;
    let (key, consumer) = (args.name.key(), args.consumer.clone().into_vec());
    let Found { ids, absent, too_young } = match args.ids.as_slice() {
        [] => {
            let which = Which::idle(&WhichArgs { of: args.of.clone(), idle: None }, args.idle);
            let limit = args.count.unwrap_or(ENTRIES_MAX).min(ENTRIES_MAX);
            Found { ids: oldest(&mut servers, &key, &group.name, &which, limit).await?, ..Found::default() }
        }
        ids => look(&mut servers, &key, &group.name, ids, args.idle).await?,
    };
    let idle = duration::shown(args.idle);
    if ids.is_empty() && !args.ids.is_empty() {
        return Err(none_of_them(&args, absent.len(), &idle));
    }
    let entries = counted(ids.len() as u64, "entry");
    let mut plan = match ids.len() {
        0 => Plan::nothing(format!("claim nothing: {} has none that was idle for {idle}", args.name.shown())),
        _ => Plan::new(format!("give {entries} of {} to `{}`", args.name.shown(), shown(&consumer))),
    };
    if !ids.is_empty() {
        plan.line(format!("delivered at least {idle} ago; others are left alone"));
        plan.line("whoever has them in hand and lives yet is not told");
    }
    list(&mut plan, "not pending", &absent);
    list(&mut plan, &format!("delivered less than {idle} ago (--idle)"), &too_young);
    if let Answer::Stop(exit) = args.consent.ask(&plan, &args.server)? {
        return Ok(exit);
    }
    let mut work = Work::start("claimed", "entry", ids.len() as u64)?;
    let idle_ms = args.idle.as_millis().to_string();
    for batch in ids.chunks(BATCH as usize) {
        if work.next(BATCH).is_none() {
            break;
        }
        let request = Request::new("XCLAIM").arg(&key).arg(&group.name).arg(&consumer).arg(&idle_ms);
        let request = request.args(batch.iter().map(EntryId::to_string)).arg("JUSTID");
        let claimed = servers.ask(&key, request).await.map(|claimed| array(claimed).len() as u64);
        work.went(claimed)?;
    }
    let claimed = work.done();
    let exit = work.finish(&format!("for `{}`", shown(&consumer)))?;
    // Those named were meant, each of them; of "all" some may have been acknowledged since.
    Ok(match (exit, claimed) {
        (Exit::Done, 0) if !args.ids.is_empty() => Exit::Failed,
        (Exit::Done, some) if some < args.ids.len() as u64 => Exit::Partly,
        _ => exit,
    })
}

/// What became of the IDs that were named.
#[derive(Debug, Default)]
struct Found {
    ids: Vec<EntryId>,
    absent: Vec<EntryId>,
    too_young: Vec<EntryId>,
}

/// Which of these are pending, and for long enough.
async fn look(servers: &mut Servers, key: &[u8], group: &[u8], ids: &[EntryId], idle: Duration) -> Result<Found> {
    let request = |id: &EntryId| {
        let id = id.to_string();
        (key, Request::new("XPENDING").arg(key).arg(group).arg(&id).arg(&id).arg("1"))
    };
    let mut found = Found::default();
    for (id, reply) in ids.iter().zip(servers.gather(ids.iter().map(request).collect()).await?) {
        let pending = pending::read(accepted(reply)?).into_iter().next();
        // Nobody's has been idle for ever.
        let is_young = |idle_ms: u64| Duration::from_millis(idle_ms) < idle;
        match pending {
            None => found.absent.push(*id),
            Some(pending) if pending.idle_ms.is_some_and(is_young) && !pending.consumer.is_empty() => {
                found.too_young.push(*id);
            }
            Some(_) => found.ids.push(*id),
        }
    }
    Ok(found)
}

fn none_of_them(args: &ClaimArgs, absent: usize, idle: &str) -> Failure {
    let (named, group) = (args.ids.len(), args.name.shown());
    if absent < named {
        return Failure::new(format!("none of them is pending in {group} and was delivered at least {idle} ago"))
            .hint("--idle 0s takes what was delivered just now");
    }
    let (stream, name) = (shell_word(&args.name.key()), shell_word(&args.name.group()));
    let what = if named == 1 { format!("{} is not", args.ids[0]) } else { "none of them is".to_owned() };
    Failure::new(format!("{what} pending in {group}"))
        .hint(format!("`rbq group pending {stream} {name}` lists what is"))
}

fn list(plan: &mut Plan, what: &str, ids: &[EntryId]) {
    let names: Vec<String> = ids.iter().take(LISTED_MAX).map(EntryId::to_string).collect();
    match ids.len() {
        0 => {}
        count if count > LISTED_MAX => {
            plan.line(format!("{what}: {}, and {} more", names.join(", "), count - LISTED_MAX))
        }
        _ => plan.line(format!("{what}: {}", listed(&names, "and"))),
    }
}

/// Up to so many pending entries.
async fn oldest(servers: &mut Servers, key: &[u8], group: &[u8], which: &Which, limit: u64) -> Result<Vec<EntryId>> {
    let mut ids: Vec<EntryId> = Vec::new();
    loop {
        let left = limit - ids.len() as u64;
        if left == 0 {
            return Ok(ids);
        }
        let page = which.page(servers, key, group, ids.last().copied(), left.min(1000)).await?;
        if page.is_empty() {
            return Ok(ids);
        }
        ids.extend(page.iter().map(|pending| pending.id));
    }
}
