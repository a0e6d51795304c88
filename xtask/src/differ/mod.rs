//! `cargo xtask differ`: the same random conversations with rbq and with the real `redis-server`.
//!
//! ```text
//!   seed ──► Generator ──► Episode ──► play on both ──► compare ──► same: the next one
//!            grammar, draw                 side            known      different: shrink ──► report
//! ```
//!
//! Several clients speak over their own connections; replies, served waiters, messages, keyspace events and the whole
//! keyspace are compared. What may differ is a list in `known`. A seed is an episode, whatever the time: a failure
//! names the seed, and `cargo xtask differ --seed N --commands 1` plays it again.
//!
//! The server that is tried is built as tests are: a sum that overflows or an invariant that does not hold ends it, and
//! that is a difference, too.

mod compare;
mod course;
mod divide;
mod draw;
mod dump;
mod fields;
mod generate;
mod grammar;
mod honest;
mod known;
mod link;
mod play;
mod progress;
mod report;
#[cfg(test)]
mod samples;
mod shrink;
mod side;
mod spoil;
mod turn;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::thread;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use anyhow::{Result, bail};
use clap::Args;
use rbq_resp::Value;

use crate::servers::{Profile, Program, Server};
pub use course::{Difference, Findings, Limits, Shrink};
use generate::Generator;
use link::Link;
pub use play::Pair;

/// Pairs of servers for each core: more than one, because they often wait.
const PAIRS_PER_CORE: usize = 3;

/// How the comparison is run.
#[derive(Args, Debug)]
pub struct Options {
    /// The seed of the first episode; the following ones have the following seeds
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// Begin with a seed that the clock gives, and say which
    #[arg(long, conflicts_with = "seed")]
    pub fresh: bool,
    /// Stop after the episode that completes this many commands
    #[arg(long, default_value_t = 200_000)]
    pub commands: u64,
    /// The server that is right, already running [default: a redis-server of our own]
    #[arg(long, requires = "b")]
    pub a: Option<SocketAddr>,
    /// The server that is tried, already running; its data is flushed
    #[arg(long, requires = "a")]
    pub b: Option<SocketAddr>,
    /// An rbq-server that is built already
    #[arg(long, value_name = "PATH")]
    pub server: Option<PathBuf>,
    /// Go on after a difference, up to this many
    #[arg(long, default_value_t = 1)]
    pub differences: usize,
    /// How many pairs of servers to play on at once [default: three for each core]
    #[arg(long)]
    pub pairs: Option<usize>,
}

/// Compares, tells what was found, and fails if there is a difference.
pub fn run(options: &Options) -> Result<()> {
    let seed = if options.fresh { fresh_seed() } else { options.seed };
    eprintln!("from seed {seed} on, {} commands", options.commands);
    let (pairs, _servers) = pairs(options)?;
    let start = Instant::now();
    let limits = Limits { commands: options.commands, differences: options.differences, shrink: Shrink::Yes };
    let findings = compare(&pairs, seed, limits)?;
    for (seed, difference) in &findings.differences {
        println!("== seed {seed}\n{}", difference.report);
    }
    eprintln!("{}, {:.1} s", summary(&pairs[0], &findings), start.elapsed().as_secs_f64());
    if !findings.differences.is_empty() {
        bail!("{} differences", findings.differences.len());
    }
    Ok(())
}

/// A seed that was not used before, small enough to be typed.
pub(crate) fn fresh_seed() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    since.as_millis() as u64 % 1_000_000_000 * 1000
}

/// A few lines about what was compared.
#[must_use]
pub fn summary(pair: &Pair, findings: &Findings) -> String {
    let mut lines: Vec<String> =
        findings.known.iter().map(|(why, count)| format!("known, met {count} times: {why}")).collect();
    if !findings.left_out.is_empty() {
        lines.push(format!("not compared, one of both does not have it: {}", findings.left_out.join(", ")));
    }
    let [older, newer] = &pair.names;
    lines.push(format!(
        "{older} and {newer}: {} episodes, {} commands, {} differences",
        findings.episodes,
        findings.commands,
        findings.differences.len()
    ));
    lines.join("\n")
}

/// The servers, started if they are not running.
fn pairs(options: &Options) -> Result<(Vec<Pair>, Vec<Server>)> {
    if let (Some(a), Some(b)) = (options.a, options.b) {
        let names = [a, b].map(|addr| addr.to_string());
        return Ok((vec![Pair { names, addrs: [a, b] }], Vec::new()));
    }
    let count = options.pairs.unwrap_or_else(pairs_default).max(1);
    start(&Program::redis(), &Program::rbq(options.server.as_deref(), Profile::Dev)?, count)
}

/// As many pairs as this machine is busy with.
#[must_use]
pub fn pairs_default() -> usize {
    PAIRS_PER_CORE * thread::available_parallelism().map_or(1, usize::from)
}

/// Starts servers to compare, in pairs.
pub fn start(older: &Program, newer: &Program, count: usize) -> Result<(Vec<Pair>, Vec<Server>)> {
    let names = [older.name.clone(), newer.name.clone()];
    let (mut pairs, mut servers) = (Vec::new(), Vec::new());
    for _ in 0..count {
        let both = [older.start()?, newer.start()?];
        pairs.push(Pair { names: names.clone(), addrs: both.each_ref().map(Server::addr) });
        servers.extend(both);
    }
    Ok((pairs, servers))
}

/// Plays episodes until enough commands were said or enough differences found.
pub fn compare(pairs: &[Pair], first_seed: u64, limits: Limits) -> Result<Findings> {
    let known_to = pairs[0].addrs.iter().map(|&addr| vocabulary(addr)).collect::<Result<Vec<_>>>()?;
    let generator = Generator::new(|name| known_to.iter().all(|known| known.contains(&name.to_ascii_lowercase())));
    let findings = course::run(&generator, pairs, first_seed, limits)?;
    Ok(Findings { left_out: generator.left_out().to_vec(), ..findings })
}

/// The commands a server has, in lower case.
fn vocabulary(addr: SocketAddr) -> Result<Vec<String>> {
    match Link::open(addr)?.ask(&["COMMAND", "LIST"])? {
        Value::Array(names) => {
            let names = names.iter().filter_map(Value::as_bytes).map(|name| String::from_utf8_lossy(name).into_owned());
            Ok(names.collect())
        }
        other => bail!("COMMAND LIST answered {other:?}"),
    }
}
