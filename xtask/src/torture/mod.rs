//! `cargo xtask torture`: a server that is killed again and again, and has to keep its word each time.
//!
//! ```text
//!   start ──► clients at work ──► SIGKILL after N acknowledgements ──► start again ──► compare with what was told
//!     ▲                                                                                          │
//!     └──────────────────────── the model goes on from what was found ◄──────────────────────────┘
//! ```
//!
//! The promise: what anybody was told before the end, writers and readers alike, holds after it; what was in flight
//! took place or did not, whole. The model does not know the log: it knows what clients sent and what they were told.
//!
//! SIGKILL takes nothing that was written, so it tries what the server does before it writes: the order of log and answer,
//! snapshots, recovery. With `--power` the server runs on a disk that loses what was not synced (`page_cache`), which
//! tries the syncs. Then `everysec` and `no` may lose what was told last, but what is left has to be a beginning.
//!
//! A seed gives what is said and when the kill comes, counted in acknowledgements. How the system's threads interleave
//! it does not give, so a failure names its seed and keeps its data directory.

mod crew;
mod groups;
mod lane;
mod lane_draw;
mod lane_read;
mod page_cache;
pub mod power_cut;
mod queues;
mod season;
mod wire;
mod word;
mod world;

use std::env;
use std::path::PathBuf;
use std::time::Instant;

use anyhow::{Context as _, Result};
use clap::{Args, ValueEnum};

use crate::servers::{Profile, Program};
use season::{Season, Tally};
use word::{BrokenWord, kept};

/// Kills of one data directory before a new one is begun, at most.
pub const SEASON_LOOPS: u64 = 20;

/// When the log is synced.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Policy {
    /// Before anything is acknowledged.
    Always,
    /// Every second.
    Everysec,
    /// When the system likes.
    No,
}

impl Policy {
    const ALL: [Self; 3] = [Self::Always, Self::Everysec, Self::No];

    /// As `appendfsync` has it.
    fn name(self) -> &'static str {
        match self {
            Self::Always => "always",
            Self::Everysec => "everysec",
            Self::No => "no",
        }
    }
}

/// How a server ends.
#[derive(Clone, Debug)]
pub enum End {
    /// This one is killed, and the system lives on.
    Kill(Program),
    /// The one in this xtask is killed, which loses what it has not synced.
    PowerCut(PathBuf),
}

/// How the first word was broken, in so many kills from this seed on. An error is trouble of another kind, which tells nothing
/// about words: no server could be started, nobody answered any more.
pub fn broken(end: &End, seed: u64, loops: u64) -> Result<Option<String>> {
    for number in 0..loops.div_ceil(SEASON_LOOPS) {
        let season = Season { seed: seed + number, loops: SEASON_LOOPS, policy: None };
        let Err(error) = season.play_aside(end) else { continue };
        let Some(word) = error.downcast_ref::<BrokenWord>() else {
            return Err(error.context(format!("seed {}", season.seed)));
        };
        let story = word.story();
        return Ok(Some(format!("seed {}: {}", season.seed, story.lines().next().unwrap_or_default())));
    }
    Ok(None)
}

/// What the end of a server may take with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Loss {
    /// Nothing that anybody was told.
    Nothing,
    /// What was told last: what is there is a beginning of what was done.
    Suffix,
}

/// How the server is tortured.
#[derive(Args, Debug)]
pub struct Options {
    /// How often the server is killed
    #[arg(long, default_value_t = 1000)]
    pub loops: u64,
    /// The seed of the first data directory; the following ones have the following seeds
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// Begin with a seed that the clock gives, and say which
    #[arg(long, conflicts_with = "seed")]
    pub fresh: bool,
    /// When the log is synced [default: the policies take turns]
    #[arg(long)]
    pub appendfsync: Option<Policy>,
    /// An rbq-server that is built already
    #[arg(long, value_name = "PATH")]
    pub server: Option<PathBuf>,
    /// Lose what was not synced, too, as a power cut does
    #[arg(long, conflicts_with = "server")]
    pub power: bool,
}

/// Kills, compares, and fails at the first word that was not kept.
pub fn run(options: &Options) -> Result<()> {
    let seed = if options.fresh { crate::differ::fresh_seed() } else { options.seed };
    let end = if options.power {
        End::PowerCut(env::current_exe()?)
    } else {
        End::Kill(Program::rbq(options.server.as_deref(), Profile::Dev)?.kept())
    };
    let start = Instant::now();
    let (mut left, mut number, mut tally) = (options.loops, 0, Tally::default());
    while left > 0 {
        let loops = left.min(SEASON_LOOPS);
        let season = Season { seed: seed + number, loops, policy: options.appendfsync };
        let done = season.play(&end).with_context(|| again(&season, &end))?;
        tally += done;
        (left, number) = (left - loops, number + 1);
        eprintln!("seed {}: {loops} kills, {}", season.seed, shown(done));
    }
    eprintln!(
        "{} kills from seed {seed} on, {}, every word kept, {:.1} s",
        options.loops,
        shown(tally),
        start.elapsed().as_secs_f64()
    );
    Ok(())
}

fn shown(Tally { acked, lost }: Tally) -> String {
    format!("{acked} operations acknowledged, {lost} lost where some may be")
}

fn again(season: &Season, end: &End) -> String {
    let power = if matches!(end, End::PowerCut(_)) { " --power" } else { "" };
    let policy = season.policy.map(|policy| format!(" --appendfsync {}", policy.name())).unwrap_or_default();
    format!(
        "seed {}; again: cargo xtask torture --seed {} --loops {}{policy}{power}",
        season.seed, season.seed, season.loops
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_that_does_not_start_breaks_no_word() {
        let trouble = broken(&End::Kill(Program::new("nobody", "false")), 1, 1).unwrap_err();
        assert!(format!("{trouble:#}").contains("does not start"), "{trouble:#}");
    }
}
