//! One data directory from its first start through all its kills.

use std::ops::AddAssign;
use std::path::Path;

use anyhow::{Context as _, Result};
use fastrand::Rng;

use super::crew::{self, Plan};
use super::lane_draw::Blobs;
use super::wire::Wire;
use super::word::started;
use super::world::World;
use super::{End, Loss, Policy};
use crate::servers::Program;

/// What is played with one data directory.
#[derive(Clone, Debug)]
pub(crate) struct Season {
    pub(crate) seed: u64,
    pub(crate) loops: u64,
    pub(crate) policy: Option<Policy>,
}

/// A recovery takes fewer steps than two to this power.
const STUMBLE_BITS: u32 = 8;

/// What a season came to.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Tally {
    pub(crate) acked: u64,
    /// Acknowledged ops of lanes that a power cut took, where it may.
    pub(crate) lost: u64,
}

impl AddAssign for Tally {
    fn add_assign(&mut self, other: Self) {
        self.acked += other.acked;
        self.lost += other.lost;
    }
}

/// Sizes at which the log asks for a snapshot: often, now and then, never.
const REWRITE_SIZES: [&str; 3] = ["16kb", "128kb", "64mb"];

impl Season {
    /// Plays it, and tells what came of it. A failure keeps the directory.
    pub(crate) fn play(&self, end: &End) -> Result<Tally> {
        let folder = tempfile::tempdir().context("making a data directory")?;
        let outcome = self.play_in(end, folder.path());
        match outcome {
            Ok(tally) => Ok(tally),
            Err(error) => {
                let kept = folder.keep();
                Err(error.context(format!("the data directory is kept: {}", kept.display())))
            }
        }
    }

    /// The same without keeping anything.
    pub(crate) fn play_aside(&self, end: &End) -> Result<Tally> {
        let folder = tempfile::tempdir().context("making a data directory")?;
        self.play_in(end, folder.path())
    }

    fn play_in(&self, end: &End, folder: &Path) -> Result<Tally> {
        let mut rng = Rng::with_seed(self.seed);
        let mut world = World::new();
        let mut policy = self.policy(0);
        let mut server = program(end, policy, &mut rng).start_in(folder)?;
        World::found(&mut Wire::open(server.addr())?, policy)?;
        let mut tally = Tally::default();
        for number in 1..=self.loops {
            let plan = Plan::draw(&mut rng);
            let outcome = crew::drive(&mut world, &mut server, &plan, &mut rng).context("before the kill")?;
            let loss = match end {
                End::PowerCut(_) if policy != Policy::Always => Loss::Suffix,
                _ => Loss::Nothing,
            };
            let told = || format!("after kill {number}, under {policy:?}, {plan:?}");
            stumble(end, policy, folder, &mut rng)?;
            server = started(program(end, self.policy(number), &mut rng).start_in(folder)).with_context(told)?;
            let lost = world.check(&mut Wire::open(server.addr())?, &outcome, loss).with_context(told)?;
            tally += Tally { acked: outcome.acked, lost };
            policy = self.policy(number);
        }
        Ok(tally)
    }

    /// The policies take turns unless one is asked for.
    fn policy(&self, number: u64) -> Policy {
        let turn = usize::try_from((self.seed + number) % 3).expect("it is small");
        self.policy.unwrap_or(Policy::ALL[turn])
    }
}

/// Sometimes the power goes again while the server recovers, or right after.
fn stumble(end: &End, policy: Policy, folder: &Path, rng: &mut Rng) -> Result<()> {
    if matches!(end, End::PowerCut(_)) && rng.u8(..3) == 0 {
        let bits = rng.u32(1..STUMBLE_BITS);
        let steps = rng.u64(..1 << bits);
        drop(program_for(end, policy, Some(steps), rng).try_start_in(folder)?);
    }
    Ok(())
}

/// A server as it is started for one loop.
fn program(end: &End, policy: Policy, rng: &mut Rng) -> Program {
    program_for(end, policy, None, rng)
}

fn program_for(end: &End, policy: Policy, steps: Option<u64>, rng: &mut Rng) -> Program {
    let rewrite_size = REWRITE_SIZES[rng.usize(..REWRITE_SIZES.len())];
    let seed = rng.u64(..).to_string();
    let program = match end {
        End::Kill(program) => program.clone(),
        End::PowerCut(xtask) => {
            let steps = steps.map(|steps| format!("--steps={steps}"));
            let args = ["power-cut-server", "--seed", &seed].into_iter().chain(steps.as_deref()).chain(["--"]);
            let program = Program::tool("rbq", xtask, &args.collect::<Vec<_>>());
            program.with("--bind", "127.0.0.1").with("--appendonly", "yes")
        }
    };
    program.with("--appendfsync", policy.name()).with("--auto-aof-rewrite-min-size", rewrite_size)
}

impl Plan {
    fn draw(rng: &mut Rng) -> Self {
        let mut saves: Vec<u64> = (0..rng.u64(..3)).map(|_| rng.u64(..400)).collect();
        // Some right after the start, while files are still being prepared.
        let mut acks = if rng.u8(..10) == 0 { rng.u64(..4) } else { rng.u64(..800) };
        if rng.u8(..3) == 0 {
            // Right while a snapshot is under way.
            let at = rng.u64(1..400);
            saves.push(at);
            acks = at + rng.u64(1..20);
        }
        saves.sort_unstable();
        // Some fill one segment of the log after the other.
        let is_heavy = rng.u8(..6) == 0;
        let (bytes_max, once_in) = if is_heavy { (4 * 1024 * 1024, 6) } else { (64 * 1024, 40) };
        Self { acks, saves, blobs: Blobs { bytes_max, once_in } }
    }
}
