//! `rbq group consumers`: who reads for a group, how much each has in hand, and how long ago each was last heard of.

use clap::Args;
use rbq_client::Request;

use super::GroupName;
use crate::exit::Exit;
use crate::facts::{Facts, array};
use crate::failure::Result;
use crate::open::ServerArgs;
use crate::records::{Cell, Column, OutputArgs, column};
use crate::servers::Servers;

/// List a group's consumers
#[derive(Debug, Clone, Args)]
pub(super) struct ConsumersArgs {
    #[command(flatten)]
    name: GroupName,
    #[command(flatten)]
    output: OutputArgs,
    #[command(flatten)]
    server: ServerArgs,
}

const COLUMNS: &[Column] = &[
    column("consumer", "CONSUMER"),
    column("pending", "PENDING"),
    column("idle_ms", "IDLE"),
    column("inactive_ms", "INACTIVE"),
];

/// A member of a group.
#[derive(Debug, Clone)]
pub(super) struct Consumer {
    pub(super) name: Vec<u8>,
    pub(super) pending: u64,
    /// Since it last asked for anything.
    pub(super) idle_ms: u64,
    /// Since it was last given something; servers before Redis 7.2 do not tell.
    inactive_ms: Option<u64>,
}

/// All of them, by name.
///
/// # Errors
/// Of the server.
pub(super) async fn of_group(servers: &mut Servers, key: &[u8], group: &[u8]) -> Result<Vec<Consumer>> {
    let told = servers.ask(key, Request::from(["XINFO", "CONSUMERS"]).arg(key).arg(group)).await?;
    let one = |told| {
        let facts = Facts::of(told);
        Some(Consumer {
            name: facts.bytes("name")?.to_vec(),
            pending: facts.number("pending").unwrap_or(0),
            idle_ms: facts.number("idle").unwrap_or(0),
            inactive_ms: facts.number("inactive"),
        })
    };
    let mut consumers: Vec<Consumer> = array(told).into_iter().filter_map(one).collect();
    consumers.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(consumers)
}

pub(super) async fn run(args: ConsumersArgs) -> Result<Exit> {
    let mut servers = Servers::connect(&args.server).await?;
    let group = args.name.find(&mut servers).await?;
    let mut records = args.output.records(COLUMNS);
    for consumer in of_group(&mut servers, &args.name.key(), &group.name).await? {
        records.add(vec![
            Cell::bytes(&consumer.name),
            Cell::number(consumer.pending),
            Cell::span_ms(consumer.idle_ms),
            Cell::maybe(consumer.inactive_ms, Cell::span_ms),
        ])?;
    }
    records.finish_or_say("no consumers")?;
    Ok(Exit::Done)
}
