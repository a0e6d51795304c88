//! Everything the clients know, and its comparison with what a server has.
//!
//! Time is counted in events: when something was sent, and when it was acknowledged. So what was acknowledged before
//! something else was sent is known to come before it in the log, and what is left of a log that lost its end has to be
//! a beginning: nothing is there without all that came before.

use anyhow::{Result, bail, ensure};
use rbq_resp::Value;

use super::crew::{Job, LANES, Outcome};
use super::groups::{self, GROUPS, Groups};
use super::lane::{Lane, State};
use super::queues::{self, Queues};
use super::wire::{Request, Wire, words};
use super::{Loss, Policy, kept, lane_read};

/// When something was sent, and when its answer was heard.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Span {
    pub(crate) sent_at: u64,
    pub(crate) told_at: u64,
}

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

    /// Notes that a job is sent; says when that is, and what to send.
    pub(crate) fn sends(&mut self, job: &Job) -> (u64, Vec<Request>) {
        self.tick += 1;
        let requests = match job {
            Job::Lane(number, op) => {
                self.lanes[*number].sends(op.clone(), self.tick);
                op.requests(*number)
            }
            Job::Queue(job) => {
                self.queues.sends(job, self.tick);
                job.requests()
            }
            Job::Group(job) => {
                self.groups.sends(job, self.tick);
                job.requests()
            }
            Job::Count(number) => vec![vec!["GET".into(), format!("c{number}")]],
            Job::Save => vec![vec!["BGSAVE".into()]],
            Job::Sleep(number) => vec![words(&format!("XREADGROUP GROUP g c{number} BLOCK 0 STREAMS void >"))],
            Job::Stir(number) => {
                vec![words(&format!("XGROUP DELCONSUMER void g c{number}")), words("XADD void MAXLEN 0 * f v")]
            }
        };
        (self.tick, requests)
    }

    /// A job that was sent then was answered.
    pub(crate) fn acknowledged(&mut self, job: &Job, sent_at: u64, reply: Value) -> Result<()> {
        self.tick += 1;
        let span = Span { sent_at, told_at: self.tick };
        kept(self.heard(job, span, reply))
    }

    fn heard(&mut self, job: &Job, span: Span, reply: Value) -> Result<()> {
        match job {
            Job::Lane(number, _) => self.lanes[*number].acknowledged(&reply, span.told_at),
            Job::Queue(job) => self.queues.acknowledged(job, reply, span),
            Job::Group(job) => self.groups.acknowledged(job, reply, span),
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
        let lanes = self.lanes.iter().map(|lane| lane_read::read(wire, lane.number)).collect::<Result<Vec<_>>>()?;
        let (queues, groups) = (queues::read(wire)?, groups::read(wire)?);
        if wire.ask("PING")? != Value::Status("PONG".into()) {
            bail!("it does not answer PING");
        }
        kept(self.compare(lanes, &queues, &groups, outcome, loss))
    }

    fn compare(
        &mut self,
        lanes: Vec<State>,
        queues: &queues::Found,
        groups: &groups::Found,
        outcome: &Outcome,
        loss: Loss,
    ) -> Result<u64> {
        let each = self.lanes.iter().zip(&lanes);
        let present = each.map(|(lane, state)| lane.check(state, loss)).collect::<Result<Vec<_>>>()?;
        let newest = self.lanes.iter().zip(&present).map(|(lane, present)| lane.newest_present(*present)).max();
        let newest = newest.unwrap_or_default().max(self.queues.newest_present(queues));
        // What is older than all that happened since the last check is there in any case.
        let newest = newest.max(self.groups.newest_present(groups)).max(1);
        for (lane, present) in self.lanes.iter().zip(&present) {
            let is_prefix = lane.has_all_before(newest, *present);
            ensure!(is_prefix, "lane {} lost what was acknowledged before others began what is there", lane.number);
        }
        let lost = self.lanes.iter().zip(&present).map(|(lane, present)| lane.lost(*present)).sum();
        self.lanes.iter_mut().zip(lanes).for_each(|(lane, state)| lane.go_on(state));
        let (mut queue_jobs, mut group_jobs) = (Vec::new(), Vec::new());
        for (connection, job) in &outcome.flying {
            match job {
                Job::Queue(job) => queue_jobs.push((*connection, job.clone())),
                Job::Group(job) => group_jobs.push((*connection, job.clone())),
                _ => {}
            }
        }
        self.queues.check(queues, &queue_jobs, loss, newest)?;
        self.groups.check(groups, &group_jobs, loss, newest)?;
        Ok(lost)
    }
}

#[cfg(test)]
mod tests {
    use super::super::lane::Op;
    use super::*;

    /// Somebody pushed into a queue, and was answered before somebody else counted.
    fn world() -> World {
        let mut world = World::new();
        let push = Job::Queue(world.queues.draw_push(0, &mut fastrand::Rng::with_seed(1)).unwrap());
        for job in [push, Job::Lane(0, Op::Increment)] {
            let (sent_at, _) = world.sends(&job);
            world.acknowledged(&job, sent_at, Value::Integer(1)).unwrap();
        }
        world
    }

    #[test]
    fn what_one_client_was_told_before_another_began_is_there_with_it() {
        let compare = |counter| {
            let mut lanes = vec![State::default(); LANES];
            lanes[0].counter = counter;
            let outcome = Outcome { acked: 2, flying: Vec::new() };
            world().compare(lanes, &queues::Found::default(), &groups::Found::nothing(), &outcome, Loss::Suffix)
        };
        assert_eq!(compare(0).unwrap(), 1, "both are lost");
        assert!(compare(1).is_err(), "what was pushed is lost, and what was counted later is there");
    }
}
