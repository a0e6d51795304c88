//! `cargo xtask bench`: rbq, redis-server and a server that does nothing, side by side.
//!
//! The servers take turns within each round, so that whatever else the machine does hits all of them, and the median of
//! the rounds counts. Throughput alone would measure our own client on a small machine; what a broker costs is the
//! processor time it takes for each message, so that is what most bars are about.
//!
//! Both sides promise the same: nothing (`redis-server` without snapshots and append-only file, rbq in memory), or by
//! `--durability` that what is answered is on the disk, at once or within a second. Comparing an `fsync` with none would say nothing;
//! so what rbq's own costs is seen beside rbq in memory. How long a start takes after a kill is another question (`--restart`).

mod disk;
mod fanout;
mod flow;
mod load;
mod machine;
mod memory;
pub mod null_server;
mod plain;
mod plan;
mod process;
mod queues;
mod report;
mod restart;
mod sample;
mod target;
mod waiting;

use std::fs;
use std::path::PathBuf;

use anyhow::{Context as _, Result, ensure};
use clap::{Args, ValueEnum};

use crate::servers::{Profile, Program};
use crate::workspace;
use machine::Machine;
use plan::{Depth, WORKLOADS, Workload};
use report::{Measured, Report};
use target::Target;

/// What is measured and how.
#[derive(Args, Debug)]
pub struct Options {
    /// A tenth of the messages and one round: to see that it works, not for figures
    #[arg(long)]
    quick: bool,
    /// Only workloads whose name contains this
    #[arg(long, value_name = "NAME")]
    only: Option<String>,
    /// How often each server is measured [default: 5, quick: 1]
    #[arg(long)]
    rounds: Option<usize>,
    /// Write every measurement to this file
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// An rbq-server that is built already
    #[arg(long, value_name = "PATH")]
    server: Option<PathBuf>,
    /// Leave rbq out: only redis-server and the null server
    #[arg(long)]
    without_rbq: bool,
    /// What both sides promise: none, everysec or always. With a promise rbq is also measured beside itself in memory
    #[arg(long, value_enum, default_value_t)]
    durability: Durability,
    /// Instead: how long a start takes after a kill, with so many entries in a stream
    #[arg(long, value_name = "ENTRIES", num_args = 0..=1, default_missing_value = "10000000")]
    restart: Option<u64>,
    /// Fail when a bar is missed
    #[arg(long)]
    strict: bool,
}

/// What both sides promise about their data meanwhile.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum Durability {
    /// Nothing: all is in memory only.
    #[default]
    None,
    /// Answered when written, synced every second.
    Everysec,
    /// Answered when synced.
    Always,
}

impl Durability {
    /// The value of `appendfsync`; none where nothing is kept.
    fn policy(self) -> Option<&'static str> {
        match self {
            Self::None => None,
            Self::Everysec => Some("everysec"),
            Self::Always => Some("always"),
        }
    }

    /// What is said of it beside figures.
    fn line(self) -> String {
        match self.policy() {
            None => "none on either side: redis-server with --save '' --appendonly no, rbq in memory".into(),
            Some(policy) => format!(
                "rbq and redis-server with --appendonly yes --appendfsync {policy}, on the same disk; memory: rbq with \
                 --appendonly no"
            ),
        }
    }
}

/// How often each server is measured.
const ROUNDS: usize = 5;

/// Measures and tells.
pub fn run(options: &Options) -> Result<()> {
    if cfg!(debug_assertions) {
        return again_in_release();
    }
    if let Some(entries) = options.restart {
        let rbq = Program::rbq(options.server.as_deref(), Profile::Release)?;
        return restart::run(&[rbq.kept(), Program::redis().kept().with("--save", "")], entries);
    }
    let programs = programs(options)?;
    let machine = Machine::this();
    waiting::raise_file_limit()?;
    let versions: Vec<String> = programs[..2].iter().flatten().map(Program::version).collect();
    println!("machine      {}", machine.line());
    versions.iter().for_each(|version| println!("server       {version}"));
    println!("durability   {}", options.durability.line());
    if options.durability != Durability::None {
        println!("disk         write and fdatasync of 4 KiB: p50 {} µs, here and now", disk::sync_us()?);
    }
    let servers = report::servers(options.durability);
    println!("\n{}", report::heading(servers));

    let only = options.only.as_deref().unwrap_or_default();
    let mut all = Vec::new();
    let mut missed = 0;
    let workloads = match options.durability {
        Durability::None => WORKLOADS.to_vec(),
        durability => plan::kept(durability),
    };
    for workload in workloads.iter().filter(|workload| workload.name.contains(only)) {
        let measured = measure(workload, &programs, options).with_context(|| workload.name)?;
        let (lines, missed_here) = report::lines(workload, &measured);
        lines.iter().for_each(|line| println!("{line}"));
        missed += missed_here;
        all.push(measured);
    }
    println!("\n{missed} bars missed");
    if let Some(file) = &options.json {
        let report = Report {
            machine: &machine,
            versions: &versions,
            durability: &options.durability.line(),
            servers,
            workloads: &all,
        };
        fs::write(file, serde_json::to_string_pretty(&report)?).with_context(|| file.display().to_string())?;
    }
    ensure!(missed == 0 || !options.strict, "{missed} bars missed");
    Ok(())
}

/// The servers, in the order of [`report::servers`].
fn programs(options: &Options) -> Result<[Option<Program>; 3]> {
    let clients = "20000";
    let rbq = match options.without_rbq {
        true => None,
        false => Some(Program::rbq(options.server.as_deref(), Profile::Release)?.with("--maxclients", clients)),
    };
    let redis = Program::redis();
    ensure!(redis.exists(), "redis-server cannot be run\nhint: install the packages redis-server and redis-tools");
    if let Some(policy) = options.durability.policy() {
        let keep = |program: Program| program.kept().with("--save", "").with("--appendfsync", policy);
        return Ok([rbq.clone().map(keep), Some(keep(redis)), rbq]);
    }
    let null = Program::own("null", &["null-server"])?;
    Ok([rbq, Some(redis.with("--maxclients", clients)), Some(null)])
}

/// Rounds of a workload: in each every server once, the first one another each time.
fn measure(workload: &Workload, programs: &[Option<Program>; 3], options: &Options) -> Result<Measured> {
    let depth = if options.quick { Depth::Quick } else { Depth::Whole };
    let rounds = options.rounds.unwrap_or(if options.quick { 1 } else { ROUNDS });
    let mut measured = Measured { workload: workload.name, unit: workload.unit, rounds: Default::default() };
    let is_kept = options.durability != Durability::None;
    let takes_part = |server: usize| server < 2 || is_kept || workload.suits_null_server();
    let programs = [0, 1, 2].map(|server: usize| programs[server].as_ref().filter(|_| takes_part(server)));
    let start = |program: &Program| program.start().map(Target::new);
    let kept = match workload.needs_fresh_server() {
        true => [None, None, None],
        false => [
            programs[0].map(start).transpose()?,
            programs[1].map(start).transpose()?,
            programs[2].map(start).transpose()?,
        ],
    };
    for round in 0..rounds {
        for server in (0..3).map(|turn| (turn + round) % 3) {
            let sample = match (&kept[server], programs[server]) {
                (Some(target), _) => workload.run(target, depth),
                (None, Some(program)) => workload.run(&start(program)?, depth),
                (None, None) => continue,
            };
            measured.rounds[server].push(sample.with_context(|| report::servers(options.durability)[server])?);
        }
    }
    Ok(measured)
}

/// A client built for debugging would be slower than the servers: builds this tool for speed and runs it as we were run.
fn again_in_release() -> Result<()> {
    let mut cargo = workspace::cargo();
    cargo.args(["run", "--quiet", "--release", "--package", "xtask", "--manifest-path"]);
    cargo.arg(workspace::root().join("Cargo.toml")).arg("--").args(std::env::args_os().skip(1));
    // Paths in the arguments are meant from where we were called.
    cargo.current_dir(std::env::current_dir()?);
    ensure!(cargo.status()?.success(), "the benchmark failed");
    Ok(())
}
