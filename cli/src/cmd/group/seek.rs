//! `rbq group seek` and `rbq group set`: a group set elsewhere, to be given entries again, or to be spared some.
//!
//! `seek` knows places as people name them; `set` has the two figures that a server keeps of a group, for who mends one: the last
//! delivered ID, and how many entries that is from the beginning. Neither touches what is pending.

use clap::Args;
use rbq_client::Request;

use super::GroupName;
use super::use_of::UseArgs;
use crate::cmd::keyspace::groups::{Group, after, count};
use crate::cmd::keyspace::work::counted;
use crate::consent::{Answer, ConsentArgs, Plan};
use crate::entries::EntryId;
use crate::exit::Exit;
use crate::failure::{Failure, Result, say};
use crate::moment::Position;
use crate::open::ServerArgs;
use crate::servers::Servers;

/// Entries counted for the plan.
const COUNT_MAX: u64 = 1_000_000;

/// Set a group elsewhere in its stream
#[derive(Debug, Clone, Args)]
pub(super) struct SeekArgs {
    #[command(flatten)]
    name: GroupName,
    /// Where it goes on: `beginning`, `end`, after an ID, or a time (-1h, 2026-01-31T12:00:00Z, milliseconds since 1970)
    #[arg(long, value_name = "PLACE", allow_hyphen_values = true)]
    to: Position,
    #[command(flatten)]
    in_use: UseArgs,
    #[command(flatten)]
    consent: ConsentArgs,
    #[command(flatten)]
    server: ServerArgs,
}

/// Set what the server keeps of a group: the last delivered ID, the number of entries read
#[derive(Debug, Clone, Args)]
#[command(group = clap::ArgGroup::new("figures").required(true).multiple(true))]
pub(super) struct SetArgs {
    #[command(flatten)]
    name: GroupName,
    /// The last ID it was delivered: 1700000000000-0, or 0 for none [default: the present one]
    #[arg(long, value_name = "ID", group = "figures", value_parser = last_id)]
    last_id: Option<EntryId>,
    /// How many entries it has read since the stream's beginning, from which its lag is told
    #[arg(long, value_name = "ENTRIES", group = "figures")]
    entries_read: Option<u64>,
    #[command(flatten)]
    in_use: UseArgs,
    #[command(flatten)]
    consent: ConsentArgs,
    #[command(flatten)]
    server: ServerArgs,
}

/// An ID, or the first half of one, as XGROUP SETID takes it: `0` is before all.
fn last_id(text: &str) -> std::result::Result<EntryId, String> {
    match text.parse() {
        Ok(ms) => Ok(EntryId { ms, seq: 0 }),
        Err(_) => text.parse(),
    }
}

pub(super) async fn seek(args: SeekArgs) -> Result<Exit> {
    let mut servers = Servers::connect(&args.server).await?;
    let group = args.name.find(&mut servers).await?;
    let name = args.name.shown();
    let mut plan = Plan::new(format!("set {name} from {} to {}", group.last, args.to));
    plan.line(effect(&mut servers, &args.name, &group, args.to).await?);
    args.in_use.check(&mut servers, &args.name, &group, &mut plan).await?;
    if let Answer::Stop(exit) = args.consent.ask(&plan, &args.server)? {
        return Ok(exit);
    }
    apply(&mut servers, &args.name, &args.to.given_last(), None).await?;
    say(&format!("set {name} to {}", args.to));
    Ok(Exit::Done)
}

pub(super) async fn set(args: SetArgs) -> Result<Exit> {
    let mut servers = Servers::connect(&args.server).await?;
    let group = args.name.find(&mut servers).await?;
    if args.entries_read.is_some() && !group.keeps_entries_read {
        return Err(Failure::new("this server does not keep how many entries a group has read")
            .hint("leave out --entries-read; the lag is counted where the server does not tell it"));
    }
    let name = args.name.shown();
    let id = args.last_id.unwrap_or(group.last);
    let mut plan = Plan::new(format!("set {name}"));
    plan.line(format!("last delivered ID: {id}, until now {}", group.last));
    plan.line(effect(&mut servers, &args.name, &group, Position::Id(id)).await?);
    if let Some(entries) = args.entries_read {
        let now = group.entries_read.map_or_else(|| "not known".to_owned(), |read| read.to_string());
        plan.line(format!("entries read: {entries}, until now {now}"));
    }
    args.in_use.check(&mut servers, &args.name, &group, &mut plan).await?;
    if let Answer::Stop(exit) = args.consent.ask(&plan, &args.server)? {
        return Ok(exit);
    }
    apply(&mut servers, &args.name, &id.to_string(), args.entries_read).await?;
    say(&format!("set {name} to {id}"));
    Ok(Exit::Done)
}

async fn apply(servers: &mut Servers, name: &GroupName, id: &str, entries_read: Option<u64>) -> Result<()> {
    let key = name.key();
    let mut request = Request::from(["XGROUP", "SETID"]).arg(&key).arg(name.group()).arg(id);
    if let Some(entries) = entries_read {
        request = request.arg("ENTRIESREAD").arg(entries.to_string());
    }
    servers.ask(&key, request).await?;
    Ok(())
}

/// What becomes of the entries between where the group is and where it goes on.
async fn effect(servers: &mut Servers, name: &GroupName, group: &Group, to: Position) -> Result<String> {
    let key = name.key();
    let target: Option<EntryId> = to.given_last().parse().ok();
    Ok(match target {
        Some(target) if target < group.last => {
            let again = count(servers, &key, &after(target), &group.last.to_string(), COUNT_MAX).await?;
            format!("it is given {} again", counted_at_least(again.entries, again.is_exact))
        }
        target => {
            let last = target.map_or_else(|| "+".to_owned(), |target| target.to_string());
            let skipped = count(servers, &key, &after(group.last), &last, COUNT_MAX).await?;
            match skipped.entries {
                0 => "it is given nothing again, and nothing is left out".to_owned(),
                entries => format!("it is never given {}", counted_at_least(entries, skipped.is_exact)),
            }
        }
    })
}

fn counted_at_least(entries: u64, is_exact: bool) -> String {
    format!("{}{}", if is_exact { "" } else { "at least " }, counted(entries, "entry"))
}
