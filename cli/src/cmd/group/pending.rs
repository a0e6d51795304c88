//! `rbq group pending`: what was delivered and is not acknowledged: to whom, how long ago, how often.

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;
use std::time::Duration;

use clap::Args;
use rbq_client::Request;
use rbq_resp::Value;

use super::GroupName;
use crate::duration;
use crate::entries::EntryId;
use crate::exit::Exit;
use crate::facts::{array, number, text};
use crate::failure::Result;
use crate::open::ServerArgs;
use crate::records::{Cell, Column, OutputArgs, column};
use crate::servers::Servers;

/// Pending entries asked for at a time.
const PAGE: u64 = 1000;

/// List a group's pending entries, the oldest first
#[derive(Debug, Clone, Args)]
pub(super) struct PendingArgs {
    #[command(flatten)]
    name: GroupName,
    #[command(flatten)]
    which: WhichArgs,
    /// How many
    #[arg(short = 'n', long, default_value_t = 100)]
    count: u64,
    #[command(flatten)]
    output: OutputArgs,
    #[command(flatten)]
    server: ServerArgs,
}

/// Some of the pending entries.
#[derive(Debug, Clone, Default, Args)]
pub(super) struct WhichArgs {
    /// Only this consumer's
    #[arg(long = "of", value_name = "CONSUMER")]
    pub(super) of: Option<OsString>,
    /// Only those delivered at least so long ago: 30s, 5m
    #[arg(long, value_name = "DURATION", value_parser = duration::parse)]
    pub(super) idle: Option<Duration>,
}

/// A pending entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Pending {
    pub(super) id: EntryId,
    /// Nobody's where the group has taken it back.
    pub(super) consumer: Vec<u8>,
    /// Since it was delivered last; none for nobody's.
    pub(super) idle_ms: Option<u64>,
    pub(super) deliveries: u64,
}

const COLUMNS: &[Column] = &[
    column("id", "ID"),
    column("age_ms", "AGE"),
    column("consumer", "CONSUMER"),
    column("idle_ms", "IDLE"),
    column("deliveries", "DELIVERIES"),
];

pub(super) async fn run(args: PendingArgs) -> Result<Exit> {
    let mut servers = Servers::connect(&args.server).await?;
    let group = args.name.find(&mut servers).await?;
    let key = args.name.key();
    let now_ms = servers.time_ms().await?;
    let which = Which::new(&args.which);
    let mut records = args.output.records(COLUMNS);
    let (mut after, mut left) = (None, args.count);
    while left > 0 {
        let page = which.page(&mut servers, &key, &group.name, after, left.min(PAGE)).await?;
        let Some(last) = page.last() else { break };
        (after, left) = (Some(last.id), left - page.len() as u64);
        for pending in &page {
            let owner = (!pending.consumer.is_empty()).then_some(pending.consumer.as_slice());
            records.add(vec![
                Cell::word(pending.id.to_string()),
                Cell::maybe(pending.id.age_ms(now_ms), Cell::span_ms),
                Cell::maybe(owner, Cell::bytes),
                Cell::maybe(pending.idle_ms, Cell::span_ms),
                Cell::number(pending.deliveries),
            ])?;
        }
    }
    records.finish_or_say("no pending entries")?;
    Ok(Exit::Done)
}

/// Which pending entries, in the server's terms.
#[derive(Debug, Clone, Default)]
pub(super) struct Which {
    consumer: Option<Vec<u8>>,
    idle_ms: Option<u64>,
}

impl Which {
    fn new(args: &WhichArgs) -> Self {
        Self {
            consumer: args.of.clone().map(OsString::into_vec),
            idle_ms: args.idle.map(|idle| u64::try_from(idle.as_millis()).unwrap_or(u64::MAX)),
        }
    }

    /// Those that somebody has asked for, at least so long delivered.
    pub(super) fn idle(args: &WhichArgs, idle: Duration) -> Self {
        Self::new(&WhichArgs { idle: Some(idle), ..args.clone() })
    }

    /// All of one consumer.
    pub(super) fn of(consumer: &[u8]) -> Self {
        Self { consumer: Some(consumer.to_vec()), idle_ms: None }
    }

    /// What asks for up to `count` of them behind an ID.
    pub(super) fn request(&self, key: &[u8], group: &[u8], after: Option<EntryId>, count: u64) -> Request {
        let mut request = Request::new("XPENDING").arg(key).arg(group);
        if let Some(idle_ms) = self.idle_ms {
            request = request.arg("IDLE").arg(idle_ms.to_string());
        }
        let first = after.map_or_else(|| "-".to_owned(), |id| format!("({id}"));
        request = request.arg(first).arg("+").arg(count.to_string());
        match &self.consumer {
            Some(consumer) => request.arg(consumer),
            None => request,
        }
    }

    /// Up to `count` of them behind an ID.
    ///
    /// # Errors
    /// Of the server.
    pub(super) async fn page(
        &self,
        servers: &mut Servers,
        key: &[u8],
        group: &[u8],
        after: Option<EntryId>,
        count: u64,
    ) -> Result<Vec<Pending>> {
        Ok(read(servers.ask(key, self.request(key, group, after, count)).await?))
    }
}

/// The reply of `XPENDING` with a range; of an error, none.
pub(super) fn read(reply: Value) -> Vec<Pending> {
    let one = |told| {
        let parts = array(told);
        let [id, consumer, idle, deliveries] = parts.as_slice() else { return None };
        Some(Pending {
            id: text(id).parse().ok()?,
            consumer: consumer.as_bytes()?.to_vec(),
            idle_ms: number(idle),
            deliveries: number(deliveries)?,
        })
    };
    array(reply).into_iter().filter_map(one).collect()
}
