//! `cargo xtask differ`: the same random conversations with rbq and with the real `redis-server`.
//!
//! ```text
//!   seed ──► Generator ──► Episode ──► play on both ──► compare ──► same: the next one
//!            grammar, draw                 side            known      different: shrink ──► report
//! ```
//!
//! Several clients speak over their own connections; replies, served waiters, messages, keyspace events and the whole
//! keyspace are compared. What may differ is a list in [`known`]. A seed is an episode, whatever the time: a failure
//! names the seed, and `cargo xtask differ --seed N --commands 1` plays it again.

mod compare;
mod divide;
mod draw;
mod dump;
mod fields;
mod generate;
mod grammar;
mod known;
mod link;
mod play;
mod report;
mod shrink;
mod side;
mod spoil;
mod turn;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Instant;

use anyhow::{Context as _, Result, bail};
use clap::Args;
use rbq_resp::Value;

use crate::servers::{Profile, Program, Server};
use generate::Generator;
use link::Link;
pub use play::Pair;
use play::play;

/// How the comparison is run.
#[derive(Args, Debug)]
pub struct Options {
    /// The seed of the first episode; the following ones have the following seeds
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
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
    /// Differences, each as a report.
    pub differences: Vec<String>,
}

/// Compares, tells what was found, and fails if there is a difference.
pub fn run(options: &Options) -> Result<()> {
    let (pair, _servers) = pair(options)?;
    let start = Instant::now();
    let findings = compare(&pair, options.seed, options.commands, options.differences)?;
    for difference in &findings.differences {
        println!("{difference}");
    }
    eprintln!("{}, {:.1} s", summary(&pair, &findings), start.elapsed().as_secs_f64());
    if !findings.differences.is_empty() {
        bail!("{} differences", findings.differences.len());
    }
    Ok(())
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

/// The two servers, started if they are not running.
fn pair(options: &Options) -> Result<(Pair, Vec<Server>)> {
    if let (Some(a), Some(b)) = (options.a, options.b) {
        let names = [a, b].map(|addr| addr.to_string());
        return Ok((Pair { names, addrs: [a, b] }, Vec::new()));
    }
    start(&Program::redis(), &Program::rbq(options.server.as_deref(), Profile::Release)?)
}

/// Starts two servers to compare.
pub fn start(older: &Program, newer: &Program) -> Result<(Pair, Vec<Server>)> {
    let servers = vec![older.start()?, newer.start()?];
    let names = [older.name.clone(), newer.name.clone()];
    Ok((Pair { names, addrs: [servers[0].addr(), servers[1].addr()] }, servers))
}

/// Plays episodes until enough commands were said or enough differences found.
pub fn compare(pair: &Pair, first_seed: u64, commands: u64, differences_max: usize) -> Result<Findings> {
    let known_to = pair.addrs.iter().map(|&addr| vocabulary(addr)).collect::<Result<Vec<_>>>()?;
    let generator = Generator::new(|name| known_to.iter().all(|known| known.contains(&name.to_ascii_lowercase())));
    let mut findings = Findings { left_out: generator.left_out().to_vec(), ..Findings::default() };
    let mut seed = first_seed;
    while findings.commands < commands && findings.differences.len() < differences_max {
        let episode = generator.episode(seed);
        let outcome = play(pair, &episode).with_context(|| format!("seed {seed}"))?;
        findings.episodes += 1;
        findings.commands += episode.commands() as u64;
        for (why, count) in &outcome.comparison.met {
            *findings.known.entry(why).or_default() += count;
        }
        if let Some(difference) = &outcome.difference {
            let small = shrink::shrink(pair, episode.clone())?;
            let again = play(pair, &small)?;
            let told = match again.difference {
                Some(_) => report::report(pair, &small, &again),
                None => {
                    let last = report::last_turn(pair, &episode, &outcome);
                    format!("# found once, and not again: {difference}\n# after {} turns:\n{last}", outcome.heard.len())
                }
            };
            findings.differences.push(format!("== seed {seed}\n{told}"));
        }
        seed += 1;
    }
    Ok(findings)
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
