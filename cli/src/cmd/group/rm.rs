//! `rbq group rm`: a group, its position and its pending entries forgotten. The stream's entries stay.

use clap::Args;
use rbq_client::Request;
use rbq_resp::Value;

use super::GroupName;
use super::use_of::UseArgs;
use crate::cmd::keyspace::groups::COUNT_MAX;
use crate::consent::{Answer, ConsentArgs, Plan};
use crate::exit::Exit;
use crate::failure::{Failure, Result, say};
use crate::open::ServerArgs;
use crate::servers::Servers;

/// Remove a group, its position and what it has pending
#[derive(Debug, Clone, Args)]
pub(super) struct RmArgs {
    #[command(flatten)]
    name: GroupName,
    #[command(flatten)]
    in_use: UseArgs,
    #[command(flatten)]
    consent: ConsentArgs,
    #[command(flatten)]
    server: ServerArgs,
}

pub(super) async fn run(args: RmArgs) -> Result<Exit> {
    let mut servers = Servers::connect(&args.server).await?;
    let group = args.name.find(&mut servers).await?;
    let key = args.name.key();
    let mut plan = Plan::new(format!("remove {}", args.name.shown()));
    args.in_use.check(&mut servers, &args.name, &group, &mut plan).await?;
    let lag = group.lag(&mut servers, &key, COUNT_MAX).await?;
    plan.line(format!("it was given everything up to {}, and not yet {lag} after that", group.last));
    if let Answer::Stop(exit) = args.consent.ask(&plan, &args.server)? {
        return Ok(exit);
    }
    match servers.ask(&key, Request::from(["XGROUP", "DESTROY"]).arg(&key).arg(&group.name)).await? {
        Value::Integer(0) => Err(Failure::new(format!("{} has gone meanwhile", args.name.shown()))),
        _ => {
            say(&format!("removed {}", args.name.shown()));
            Ok(Exit::Done)
        }
    }
}
