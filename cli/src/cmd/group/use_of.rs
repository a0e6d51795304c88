//! Whether a group is in use: somebody was active a short while ago, or has entries that are not acknowledged.
//!
//! A consumer that waits in a blocking read has been idle since it began to wait, as servers count; so silence is no proof that
//! nobody is there, and the plan that is shown next says who there is.

use std::time::Duration;

use clap::Args;

use super::GroupName;
use super::consumers;
use crate::cmd::keyspace::groups::Group;
use crate::cmd::keyspace::kind::shown;
use crate::cmd::keyspace::work::counted;
use crate::consent::Plan;
use crate::duration;
use crate::failure::{Failure, Result};
use crate::servers::Servers;

/// What counts as use, and whether it matters.
#[derive(Debug, Clone, Args)]
pub(super) struct UseArgs {
    /// Even if the group is in use: consumers were active lately, or entries are pending
    #[arg(long)]
    force: bool,
    /// A consumer that asked for something this short ago is active
    #[arg(long, value_name = "DURATION", value_parser = duration::parse, default_value = "1m")]
    active: Duration,
}

impl UseArgs {
    /// Refuses a group that is in use, unless forced; otherwise tells in the plan who there is.
    ///
    /// # Errors
    /// The group is in use, or the server's.
    pub(super) async fn check(
        &self,
        servers: &mut Servers,
        name: &GroupName,
        group: &Group,
        plan: &mut Plan,
    ) -> Result<()> {
        let consumers = consumers::of_group(servers, &name.key(), &group.name).await?;
        let active = consumers.iter().filter(|consumer| Duration::from_millis(consumer.idle_ms) < self.active);
        let active: Vec<String> = active.map(|consumer| format!("`{}`", shown(&consumer.name))).collect();
        let mut uses = Vec::new();
        if !active.is_empty() {
            let within = duration::shown(self.active);
            uses.push(format!("{} active within {within}", counted(active.len() as u64, "consumer")));
        }
        if group.pending > 0 {
            uses.push(format!("{} pending", counted(group.pending, "entry")));
        }
        if !self.force && !uses.is_empty() {
            return Err(Failure::new(format!("{} is in use: {}", name.shown(), uses.join(", ")))
                .hint("stop its consumers and let them finish, or go on with --force"));
        }
        if !consumers.is_empty() {
            let names: Vec<String> = consumers.iter().map(|consumer| format!("`{}`", shown(&consumer.name))).collect();
            plan.line(format!("it has {}: {}", counted(names.len() as u64, "consumer"), names.join(", ")));
        }
        if group.pending > 0 {
            plan.line(format!("{} pending", counted(group.pending, "entry")));
        }
        Ok(())
    }
}
