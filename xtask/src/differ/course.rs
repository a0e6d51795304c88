//! Episodes played side by side, each on a pair of servers of its own.
//!
//! Most of an episode is waiting: for the other end of a socket, for a key to expire, for a wait to end. Several at once
//! keep the machine busy. They are handed out in the order of their seeds and every server begins empty, so what is
//! played, and what comes of it, is the same for any number of pairs.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::thread;

use anyhow::{Context as _, Result};

use super::generate::Generator;
use super::play::{Pair, play};
use super::turn::Episode;
use super::{report, shrink};

/// How far to go.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// No episode is begun after this many commands.
    pub commands: u64,
    /// Nor after this many differences.
    pub differences: usize,
    /// Whether to look for the shortest conversation that shows a difference.
    pub shrink: Shrink,
}

impl Limits {
    /// Up to the first difference, as it was found.
    pub const FIRST: Self = Self { commands: u64::MAX, differences: 1, shrink: Shrink::No };
}

/// Whether a difference is made small.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shrink {
    /// It is to be read.
    Yes,
    /// That there is one is all that matters.
    No,
}

/// What was compared, and what was found.
#[derive(Debug, Default)]
pub struct Findings {
    /// Episodes played to their end or first difference.
    pub episodes: u64,
    /// Commands in them.
    pub commands: u64,
    /// Known differences, and how often they were met.
    pub known: BTreeMap<&'static str, u64>,
    /// Commands of the grammar that one of the servers does not have.
    pub left_out: Vec<&'static str>,
    /// Differences by seed, each as a report.
    pub differences: BTreeMap<u64, Difference>,
}

/// One difference.
#[derive(Debug)]
pub struct Difference {
    /// How many commands were said up to the end of its episode, of all episodes.
    pub commands: u64,
    /// A conversation that shows it.
    pub report: String,
}

/// Plays from this seed on, on all pairs, until the limits are reached.
pub(crate) fn run(generator: &Generator, pairs: &[Pair], first_seed: u64, limits: Limits) -> Result<Findings> {
    let course = Course { generator, first_seed, limits, findings: Mutex::default() };
    thread::scope(|scope| {
        let players: Vec<_> = pairs.iter().map(|pair| scope.spawn(|| course.play(pair))).collect();
        players.into_iter().try_for_each(|player| player.join().expect("a player's panic is ours"))
    })?;
    Ok(course.findings.into_inner().unwrap_or_else(PoisonError::into_inner))
}

struct Course<'a> {
    generator: &'a Generator,
    first_seed: u64,
    limits: Limits,
    findings: Mutex<Findings>,
}

impl Course<'_> {
    fn play(&self, pair: &Pair) -> Result<()> {
        while let Some((seed, commands, episode)) = self.next() {
            self.episode(pair, seed, commands, &episode).with_context(|| format!("seed {seed}"))?;
        }
        Ok(())
    }

    /// The next episode, its seed, and how many commands there are with it.
    fn next(&self) -> Option<(u64, u64, Episode)> {
        let mut findings = self.findings();
        if findings.commands >= self.limits.commands || findings.differences.len() >= self.limits.differences {
            return None;
        }
        let seed = self.first_seed.wrapping_add(findings.episodes);
        let episode = self.generator.episode(seed);
        findings.episodes += 1;
        findings.commands += episode.commands() as u64;
        Some((seed, findings.commands, episode))
    }

    fn episode(&self, pair: &Pair, seed: u64, commands: u64, episode: &Episode) -> Result<()> {
        let outcome = play(pair, episode)?;
        let mut findings = self.findings();
        for (why, count) in &outcome.comparison.met {
            *findings.known.entry(why).or_default() += count;
        }
        drop(findings);
        let Some(difference) = &outcome.difference else { return Ok(()) };
        if self.limits.shrink == Shrink::No {
            self.findings().differences.insert(seed, Difference { commands, report: difference.clone() });
            return Ok(());
        }
        let small = shrink::shrink(pair, episode.clone())?;
        let again = play(pair, &small)?;
        let report = match again.difference {
            Some(_) => report::report(pair, &small, &again),
            None => {
                let last = report::last_turn(pair, episode, &outcome);
                format!("# found once, and not again: {difference}\n# after {} turns:\n{last}", outcome.heard.len())
            }
        };
        self.findings().differences.insert(seed, Difference { commands, report });
        Ok(())
    }

    fn findings(&self) -> std::sync::MutexGuard<'_, Findings> {
        self.findings.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
