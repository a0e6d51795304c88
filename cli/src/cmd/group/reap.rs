//! `rbq group reap`: consumers that are gone taken out of a group, and what they had in hand put where it is found.
//!
//! `XGROUP DELCONSUMER` forgets what a consumer has pending, and a group never delivers that again. So a consumer is emptied first:
//!
//! ```text
//!   pending of the dead ──► another consumer that lives     XCLAIM … JUSTID
//!                      └──► nobody: the group has it back   XNACK, where the server has it
//!                      └──► `rbq-unowned`                   XCLAIM … JUSTID, elsewhere
//! ```
//!
//! What moves keeps its count of deliveries, so that a message which kills its consumers is still found out; and its idle time is set to `--idle`, so that whoever takes over by idle time may
//! have it at once. The last batch and the deletion are one transaction, which also lists what is pending: should the consumer
//! have come back just then, what it was given meanwhile is claimed again.

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;
use std::time::Duration;

use clap::Args;
use rbq_client::Request;
use rbq_resp::Value;

use super::GroupName;
use super::consumers::{Consumer, of_group};
use super::pending::{self, Pending, Which};
use crate::cmd::keyspace::kind::{listed, shown};
use crate::cmd::keyspace::work::counted;
use crate::consent::{Answer, ConsentArgs, Plan};
use crate::duration;
use crate::exit::Exit;
use crate::facts::unexpected;
use crate::failure::{Failure, Result, say};
use crate::interrupt::Interrupt;
use crate::open::ServerArgs;
use crate::servers::{Servers, transact};
use crate::transfer::abilities::UNOWNED;

/// Entries moved in one step.
const BATCH: u64 = 100;

/// Entries that a consumer which comes back may have been given between the last look and its end: some ten thousand are far
/// more than one read brings.
const LATE_MAX: u64 = 10_000;

/// Remove consumers that are gone; what they have pending moves to another first
#[derive(Debug, Clone, Args)]
pub(super) struct ReapArgs {
    #[command(flatten)]
    name: GroupName,
    /// Consumers that have not asked for anything for so long: 1h. One that waits in a blocking read asked when it began to wait
    #[arg(long, value_name = "DURATION", value_parser = duration::parse)]
    idle: Duration,
    /// Who gets their pending entries [default: the consumer last heard of, else nobody]
    #[arg(long, value_name = "CONSUMER")]
    to: Option<OsString>,
    #[command(flatten)]
    consent: ConsentArgs,
    #[command(flatten)]
    server: ServerArgs,
}

/// Where pending entries go.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Heir {
    Consumer(Vec<u8>),
    Nobody,
}

pub(super) async fn run(args: ReapArgs) -> Result<Exit> {
    let mut servers = Servers::connect(&args.server).await?;
    let group = args.name.find(&mut servers).await?;
    let (key, idle) = (args.name.key(), duration::shown(args.idle));
    let consumers = of_group(&mut servers, &key, &group.name).await?;
    let to = args.to.clone().map(OsString::into_vec);
    let is_dead = |consumer: &&Consumer| {
        Duration::from_millis(consumer.idle_ms) >= args.idle
            && consumer.name != UNOWNED.as_bytes()
            && to.as_deref() != Some(&consumer.name)
    };
    let dead: Vec<&Consumer> = consumers.iter().filter(is_dead).collect();
    let heir = match to.clone().or_else(|| liveliest(&consumers, args.idle)) {
        Some(name) => Heir::Consumer(name),
        None if servers.knows(&key, "XNACK").await? => Heir::Nobody,
        None => Heir::Consumer(UNOWNED.into()),
    };
    let plan = plan(&args.name, &dead, &heir, &idle);
    if let Answer::Stop(exit) = args.consent.ask(&plan, &args.server)? {
        return Ok(exit);
    }
    let interrupt = Interrupt::listen()?;
    let step = Step { key: &key, group: &group.name, heir: &heir, idle: args.idle };
    let (mut removed, mut moved) = (0, 0);
    for consumer in &dead {
        if interrupt.was_pressed() {
            break;
        }
        match step.reap(&mut servers, &consumer.name).await {
            Ok(Some(entries)) => (removed, moved) = (removed + 1, moved + entries),
            Ok(None) => say(&format!("`{}` is back, and was left alone", shown(&consumer.name))),
            Err(failure) if removed == 0 => return Err(failure),
            Err(failure) => {
                let so_far = counted(removed, "consumer");
                return Err(Failure::partly(format!("removed {so_far}, then: {}", failure.message()))
                    .hint("the same command does the rest"));
            }
        }
    }
    say(&format!("removed {}, moved {}", counted(removed, "consumer"), counted(moved, "pending entry")));
    Ok(interrupt.exit())
}

/// The one that was heard of last, if that is not too long ago.
fn liveliest(consumers: &[Consumer], idle: Duration) -> Option<Vec<u8>> {
    let lives =
        |consumer: &&Consumer| Duration::from_millis(consumer.idle_ms) < idle && consumer.name != UNOWNED.as_bytes();
    consumers.iter().filter(lives).min_by_key(|consumer| consumer.idle_ms).map(|consumer| consumer.name.clone())
}

fn plan(name: &GroupName, dead: &[&Consumer], heir: &Heir, idle: &str) -> Plan {
    if dead.is_empty() {
        return Plan::nothing(format!("remove nobody: no consumer of {} was idle for {idle}", name.shown()));
    }
    let names: Vec<String> = dead.iter().map(|consumer| format!("`{}`", shown(&consumer.name))).collect();
    let mut plan = Plan::new(format!("remove {} from {}", listed(&names, "and"), name.shown()));
    for consumer in dead {
        let silent = duration::shown(Duration::from_millis(consumer.idle_ms));
        let pending = counted(consumer.pending, "entry");
        plan.line(format!("`{}` was last heard of {silent} ago, and has {pending} pending", shown(&consumer.name)));
    }
    if dead.iter().any(|consumer| consumer.pending > 0) {
        plan.line(match heir {
            Heir::Consumer(name) => format!("what is pending goes to `{}`", shown(name)),
            Heir::Nobody => "what is pending goes back to the group, for any consumer to claim".to_owned(),
        });
    }
    plan
}

/// How a consumer is removed.
#[derive(Debug, Clone, Copy)]
struct Step<'a> {
    key: &'a [u8],
    group: &'a [u8],
    heir: &'a Heir,
    idle: Duration,
}

impl Step<'_> {
    /// Empties and removes a consumer; gives how many entries were moved. None: it is back.
    async fn reap(&self, servers: &mut Servers, consumer: &[u8]) -> Result<Option<u64>> {
        let all = Which::of(consumer);
        let mut moved = 0;
        let mut before = None;
        loop {
            let now = of_group(servers, self.key, self.group).await?;
            let is_back = |other: &Consumer| other.name == consumer && Duration::from_millis(other.idle_ms) < self.idle;
            if now.iter().any(is_back) {
                return Ok(None);
            }
            let page = all.page(servers, self.key, self.group, None, BATCH).await?;
            let is_last = (page.len() as u64) < BATCH;
            let first = page.first().map(|pending| pending.id);
            if first.is_some() && first == before {
                return Err(Failure::new(format!("`{}` keeps what was taken from it", shown(consumer))));
            }
            before = first;
            let mut commands: Vec<Request> =
                if page.is_empty() { vec![] } else { vec![self.hand_over(&page, Force::No)] };
            if is_last {
                commands.push(all.request(self.key, self.group, None, LATE_MAX));
                let delete = Request::from(["XGROUP", "DELCONSUMER"]).arg(self.key).arg(self.group).arg(consumer);
                commands.push(delete);
            }
            let replies = transact(servers.of(self.key).await?, commands).await?.unwrap_or_default();
            if let Some(refused) = replies.iter().find(|reply| matches!(reply, Value::Error(_))) {
                return Err(unexpected(refused.clone()));
            }
            moved += page.len() as u64;
            if is_last {
                let late = replies.into_iter().rev().nth(1).map(pending::read).unwrap_or_default();
                if !late.is_empty() {
                    servers.ask(self.key, self.hand_over(&late, Force::Yes)).await?;
                    moved += late.len() as u64;
                }
                return Ok(Some(moved));
            }
        }
    }

    fn hand_over(&self, entries: &[Pending], force: Force) -> Request {
        let ids = entries.iter().map(|pending| pending.id.to_string());
        let request = match self.heir {
            Heir::Nobody => {
                let request = Request::new("XNACK").arg(self.key).arg(self.group).args(["FAIL", "IDS"]);
                request.arg(entries.len().to_string()).args(ids)
            }
            Heir::Consumer(name) => {
                let request = Request::new("XCLAIM").arg(self.key).arg(self.group).arg(name).arg("0").args(ids);
                request.arg("IDLE").arg(self.idle.as_millis().to_string()).arg("JUSTID")
            }
        };
        if force == Force::Yes { request.arg("FORCE") } else { request }
    }
}

/// Whether an entry that is not pending any more becomes so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Force {
    Yes,
    No,
}
