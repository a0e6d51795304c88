//! Everything the clients know, and its comparison with what a server has.
//!
//! Time is counted in events: when something was sent, and when it was acknowledged. So what was acknowledged before
//! something else was sent is known to come before it in the log, and what is left of a log that lost its end has to be
//! a beginning: nothing is there without all that came before.

use anyhow::{Result, bail, ensure};
use rbq_resp::Value;

use super::crew::{Job, LANES, Outcome};
use super::groups::{self, GROUPS, Groups};
use super::lane::Lane;
use super::queues::{self, Queues};
use super::wire::{Request, Wire, words};
use super::{Loss, Policy, lane_read};

/// What the clients know.
#[derive(Debug)]
pub(crate) struct World {
    pub(crate) lanes: Vec<Lane>,
    pub(crate) queues: Queues,
    pub(crate) groups: Groups,
    tick: u64,
}

impl World {
    pub(crate) fn new() -> Self {
        let lanes = (0..LANES).map(Lane::new).collect();
        Self { lanes, queues: Queues::default(), groups: Groups::default(), tick: 0 }
    }

    /// Makes what has to be there before anybody begins, and is not to be lost whatever the policy.
    pub(crate) fn found(wire: &mut Wire, policy: Policy) -> Result<()> {
        wire.ask("CONFIG SET appendfsync always")?;
        for group in 0..GROUPS {
            wire.ask(&format!("XGROUP CREATE s g{group} 0 MKSTREAM"))?;
        }
        wire.ask("XGROUP CREATE void g 0 MKSTREAM")?;
        wire.ask(&format!("CONFIG SET appendfsync {}", policy.name()))?;
        Ok(())
    }

    /// Notes that a job is sent, and says what to send.
    pub(crate) fn sends(&mut self, job: &Job) -> Vec<Request> {
        self.tick += 1;
        match job {
            Job::Lane(number, op) => {
                self.lanes[*number].sends(op.clone(), self.tick);
                op.requests(*number)
            }
            Job::Queue(job) => job.requests(),
            Job::Group(job) => job.requests(),
            Job::Count(number) => vec![vec!["GET".into(), format!("c{number}")]],
            Job::Save => vec![vec!["BGSAVE".into()]],
            Job::Sleep(number) => vec![words(&format!("XREADGROUP GROUP g c{number} BLOCK 0 STREAMS void >"))],
            Job::Stir(number) => {
                vec![words(&format!("XGROUP DELCONSUMER void g c{number}")), words("XADD void MAXLEN 0 * f v")]
            }
        }
    }

    /// A job was answered.
    pub(crate) fn acknowledged(&mut self, job: &Job, reply: Value) -> Result<()> {
        self.tick += 1;
        match job {
            Job::Lane(number, _) => self.lanes[*number].acknowledged(&reply, self.tick),
            Job::Queue(job) => self.queues.acknowledged(job, reply),
            Job::Group(job) => self.groups.acknowledged(job, reply),
            Job::Count(number) => {
                if let Value::Bulk(counter) = &reply {
                    self.lanes[*number].tell(String::from_utf8_lossy(counter).parse()?);
                }
                Ok(())
            }
            Job::Save | Job::Stir(_) => Ok(()),
            Job::Sleep(_) => bail!("it waits for what never comes, and was answered {reply:?}"),
        }
    }

    /// Compares what the server has with what it may have, and goes on from that. How many acknowledged ops of lanes are
    /// lost, where some may be.
    pub(crate) fn check(&mut self, wire: &mut Wire, outcome: &Outcome, loss: Loss) -> Result<u64> {
        let lost = self.check_lanes(wire, loss)?;
        let (mut queue_jobs, mut group_jobs) = (Vec::new(), Vec::new());
        for (connection, job) in &outcome.flying {
            match job {
                Job::Queue(job) => queue_jobs.push((*connection, job.clone())),
                Job::Group(job) => group_jobs.push((*connection, job.clone())),
                _ => {}
            }
        }
        self.queues.check(&queues::read(wire)?, &queue_jobs, loss)?;
        self.groups.check(&groups::read(wire)?, &group_jobs, loss)?;
        if wire.ask("PING")? != Value::Status("PONG".into()) {
            bail!("it does not answer PING");
        }
        Ok(lost)
    }

    fn check_lanes(&mut self, wire: &mut Wire, loss: Loss) -> Result<u64> {
        let mut found = Vec::new();
        for lane in &self.lanes {
            let state = lane_read::read(wire, lane.number)?;
            let present = lane.check(&state, loss)?;
            found.push((state, present));
        }
        let newest = self.lanes.iter().zip(&found).map(|(lane, (_, present))| lane.newest_present(*present)).max();
        for (lane, (_, present)) in self.lanes.iter().zip(&found) {
            let is_prefix = lane.has_all_before(newest.unwrap_or_default(), *present);
            ensure!(is_prefix, "lane {} lost what was acknowledged before others began what is there", lane.number);
        }
        let lost = self.lanes.iter().zip(&found).map(|(lane, (_, present))| lane.lost(*present)).sum();
        self.lanes.iter_mut().zip(found).for_each(|(lane, (state, _))| lane.go_on(state));
        Ok(lost)
    }
}
