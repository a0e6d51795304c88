//! `rbq stream trim` and `rbq stream purge`: entries thrown away, the oldest of them or all. The groups stay.

use clap::Args;
use rbq_client::Request;

use super::StreamName;
use crate::cmd::keyspace::groups::{self, Counted, count};
use crate::cmd::keyspace::kind::{Kind, expect, shown};
use crate::cmd::keyspace::purge::{Expect, watched};
use crate::cmd::keyspace::work::counted;
use crate::consent::{Answer, ConsentArgs, Plan};
use crate::entries::{self, EntryId};
use crate::exit::Exit;
use crate::facts::number;
use crate::failure::{Result, say};
use crate::moment::Position;
use crate::open::ServerArgs;
use crate::servers::Servers;

/// Entries counted for the plan.
const COUNT_MAX: u64 = 1_000_000;

/// Throw away the oldest entries; groups stay
#[derive(Debug, Clone, Args)]
#[command(group = clap::ArgGroup::new("bound").required(true))]
pub(super) struct TrimArgs {
    #[command(flatten)]
    name: StreamName,
    /// How many stay, the newest
    #[arg(long, value_name = "ENTRIES", group = "bound", value_parser = clap::value_parser!(u64).range(1..))]
    maxlen: Option<u64>,
    /// What is older than this goes: an ID or a time (-7d, 2026-01-31T12:00:00Z, milliseconds since 1970)
    #[arg(long, value_name = "PLACE", group = "bound", allow_hyphen_values = true)]
    before: Option<Position>,
    #[command(flatten)]
    consent: ConsentArgs,
    #[command(flatten)]
    server: ServerArgs,
}

/// Throw away all entries; groups stay
#[derive(Debug, Clone, Args)]
pub(super) struct PurgeArgs {
    #[command(flatten)]
    name: StreamName,
    #[command(flatten)]
    expect: Expect,
    /// The groups as well: the stream is gone then
    #[arg(long)]
    with_groups: bool,
    #[command(flatten)]
    consent: ConsentArgs,
    #[command(flatten)]
    server: ServerArgs,
}

pub(super) async fn trim(args: TrimArgs) -> Result<Exit> {
    let mut servers = Servers::connect(&args.server).await?;
    let key = args.name.key();
    let (length, name) = (length(&mut servers, &key, "trim").await?, shown(&key));
    let (dropped, bound, strategy) = match (args.maxlen, args.before) {
        (Some(maxlen), _) => {
            let dropped = Counted { entries: length.saturating_sub(maxlen), is_exact: true };
            (dropped, maxlen.to_string(), "MAXLEN")
        }
        (None, before) => {
            let bound = first_kept(before.unwrap_or(Position::Beginning));
            (count(&mut servers, &key, "-", &format!("({bound}"), COUNT_MAX).await?, bound, "MINID")
        }
    };
    let mut plan = match dropped.entries {
        0 => Plan::nothing(format!("trim nothing: no entry of `{name}` is beyond that")),
        _ => Plan::new(format!("throw away the {dropped} oldest of the {} of `{name}`", counted(length, "entry"))),
    };
    if dropped.entries > 0 {
        let kept = match strategy {
            "MINID" => bound.parse().ok(),
            _ => first_of_newest(&mut servers, &key, args.maxlen.unwrap_or(0)).await?,
        };
        lines(&mut servers, &key, kept, &mut plan).await?;
    }
    if let Answer::Stop(exit) = args.consent.ask(&plan, &args.server)? {
        return Ok(exit);
    }
    let request = Request::new("XTRIM").arg(&key).args([strategy, "=", bound.as_str()]);
    let dropped = number(&servers.ask(&key, request).await?).unwrap_or(0);
    say(&format!("threw away {} of `{name}`", counted(dropped, "entry")));
    Ok(Exit::Done)
}

pub(super) async fn purge(args: PurgeArgs) -> Result<Exit> {
    let mut servers = Servers::connect(&args.server).await?;
    let key = args.name.key();
    let (length, name) = (length(&mut servers, &key, "purge").await?, shown(&key));
    args.expect.check(length, &key)?;
    let entries = counted(length, "entry");
    let mut plan = if args.with_groups {
        Plan::new(format!("throw away the stream `{name}`, {entries} and its groups"))
    } else if length == 0 {
        Plan::nothing(format!("purge nothing: `{name}` is empty"))
    } else {
        Plan::new(format!("throw away all {entries} of `{name}`"))
    };
    if args.with_groups || length > 0 {
        lines(&mut servers, &key, None, &mut plan).await?;
    }
    if let Answer::Stop(exit) = args.consent.ask(&plan, &args.server)? {
        return Ok(exit);
    }
    let request = if args.with_groups {
        Request::new("UNLINK").arg(&key)
    } else {
        Request::new("XTRIM").arg(&key).args(["MAXLEN", "=", "0"])
    };
    let dropped = watched(&mut servers, &key, args.expect, Request::new("XLEN").arg(&key), request).await?;
    say(&format!("threw away {} of `{name}`", counted(dropped, "entry")));
    Ok(Exit::Done)
}

async fn length(servers: &mut Servers, key: &[u8], verb: &str) -> Result<u64> {
    expect(servers, key, Kind::Stream, verb).await?;
    Ok(number(&servers.ask(key, Request::new("XLEN").arg(key)).await?).unwrap_or(0))
}

/// The smallest ID that stays when what is older than this place goes.
fn first_kept(before: Position) -> String {
    match before {
        Position::Beginning => "0-0".to_owned(),
        Position::End => format!("{}-{}", u64::MAX, u64::MAX),
        other => other.first(),
    }
}

/// The oldest of so many newest.
async fn first_of_newest(servers: &mut Servers, key: &[u8], newest: u64) -> Result<Option<EntryId>> {
    // Only how the plan is worded hangs on it: far back it is not worth reading so many.
    if newest > COUNT_MAX / 100 {
        return Ok(None);
    }
    let range = Request::new("XREVRANGE").arg(key).args(["+", "-", "COUNT"]).arg(newest.to_string());
    Ok(entries::read(servers.ask(key, range).await?)?.last().map(|entry| entry.id))
}

/// What groups lose when nothing before this ID is left; without one, everything goes, or what goes is not known.
async fn lines(servers: &mut Servers, key: &[u8], kept: Option<EntryId>, plan: &mut Plan) -> Result<()> {
    plan.line("they are not copied anywhere");
    for group in groups::of_stream(servers, key).await? {
        let name = shown(&group.name);
        let Some(oldest) = group.oldest(servers, key).await? else { continue };
        if kept.is_some_and(|kept| oldest >= kept) {
            continue;
        }
        let lag = group.lag(servers, key, groups::COUNT_MAX).await?;
        plan.line(format!(
            "the group `{name}` is not through with them: {} pending, {lag} not given to it yet",
            group.pending
        ));
    }
    Ok(())
}
