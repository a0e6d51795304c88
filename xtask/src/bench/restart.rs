//! Starts after a kill: by the log alone, and from what a rewrite left; and what a snapshot holds up.
//!
//! ```text
//!   fill · kill ──► start by the log ──► rewrite · kill ──► start from the rewrite
//! ```
//!
//! Both servers get the same entries with one group, written without syncs: a kill loses nothing that was written, and
//! what a sync costs is measured elsewhere. rbq's rewrite is a snapshot, Redis's a new append-only file.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use rbq_resp::Value;

use super::machine::Machine;
use super::plain::Plain;
use super::process::Process;
use crate::servers::{Program, Server};

/// Requests sent before their answers are read.
const PIPELINE: u64 = 1000;

/// How often a rewrite under way is asked for.
const POLL: Duration = Duration::from_millis(20);

/// What one server showed.
struct Shown {
    name: String,
    by_log: Duration,
    from_rewrite: Duration,
    serving_bytes: u64,
    peak_bytes: u64,
    /// The longest that the server was held for a snapshot, as it says itself.
    longest_hold: Option<Duration>,
}

/// Measures both programs and tells.
pub(super) fn run(programs: &[Program], entries: u64) -> Result<()> {
    println!("machine      {}", Machine::this().line());
    programs.iter().for_each(|program| println!("server       {}", program.version()));
    println!("entries      {entries} of 64 bytes in one stream, with one group; --appendfsync no on both sides\n");
    println!(
        "{:8} {:>14} {:>18} {:>14} {:>12} {:>14}",
        "", "by the log, s", "from the rewrite, s", "serving, MB", "peak, MB", "longest hold, ms"
    );
    for program in programs {
        let shown = measure(program, entries).with_context(|| program.name.clone())?;
        let hold = shown.longest_hold.map_or("-".to_owned(), |hold| format!("{:.1}", hold.as_secs_f64() * 1e3));
        println!(
            "{:8} {:>14.2} {:>18.2} {:>14} {:>12} {:>14}",
            shown.name,
            shown.by_log.as_secs_f64(),
            shown.from_rewrite.as_secs_f64(),
            shown.serving_bytes / 1_000_000,
            shown.peak_bytes / 1_000_000,
            hold
        );
    }
    Ok(())
}

fn measure(program: &Program, entries: u64) -> Result<Shown> {
    // The log is rewritten when it is asked for, and not before.
    let program = program.clone().with("--appendfsync", "no").with("--auto-aof-rewrite-percentage", "0");
    let folder = tempfile::tempdir().context("making a folder for a server")?;
    let mut server = program.start_in(folder.path())?;
    fill(&server, entries)?;
    let serving_bytes = Process(server.pid()).rss_bytes()?;
    server.kill()?;

    let (mut server, by_log) = start(&program, folder.path())?;
    expect_entries(&server, entries)?;
    let peak_bytes = Process(server.pid()).peak_bytes()?;
    rewrite(&server)?;
    let longest_hold = longest_hold(&folder.path().join("log"))?;
    server.kill()?;

    let (server, from_rewrite) = start(&program, folder.path())?;
    expect_entries(&server, entries)?;
    let peak_bytes = peak_bytes.max(Process(server.pid()).peak_bytes()?);
    Ok(Shown { name: program.name, by_log, from_rewrite, serving_bytes, peak_bytes, longest_hold })
}

fn start(program: &Program, folder: &Path) -> Result<(Server, Duration)> {
    let begun = Instant::now();
    let server = program.start_in(folder)?;
    Ok((server, begun.elapsed()))
}

fn fill(server: &Server, entries: u64) -> Result<()> {
    let mut plain = Plain::open(server.addr())?;
    plain.ask(&[b"XGROUP", b"CREATE", b"s", b"g", b"0", b"MKSTREAM"])?;
    let mut left = entries;
    while left > 0 {
        let batch = left.min(PIPELINE);
        (0..batch).for_each(|_| plain.put(&[b"XADD", b"s", b"*", b"data", &[b'x'; 64]]));
        plain.send()?;
        for _ in 0..batch {
            plain.answer()?;
        }
        left -= batch;
    }
    Ok(())
}

fn expect_entries(server: &Server, entries: u64) -> Result<()> {
    let length = Plain::open(server.addr())?.ask(&[b"XLEN", b"s"])?;
    ensure!(length == Value::Integer(i64::try_from(entries)?), "the stream came back with {length:?} entries");
    Ok(())
}

fn rewrite(server: &Server) -> Result<()> {
    let mut plain = Plain::open(server.addr())?;
    plain.ask(&[b"BGREWRITEAOF"])?;
    loop {
        let info = plain.ask(&[b"INFO", b"persistence"])?;
        let text = String::from_utf8_lossy(info.as_bytes().unwrap_or_default()).into_owned();
        let is_on = |field: &str| text.lines().any(|line| line.trim_end() == format!("{field}:1"));
        if !is_on("aof_rewrite_in_progress") && !is_on("aof_rewrite_scheduled") {
            ensure!(text.contains("aof_last_bgrewrite_status:ok"), "the rewrite failed");
            return Ok(());
        }
        std::thread::sleep(POLL);
    }
}

/// What rbq logs of its snapshots.
fn longest_hold(log: &Path) -> Result<Option<Duration>> {
    let log = fs::read_to_string(log)?;
    let us = log.split("longest_hold_us=").nth(1).and_then(|rest| rest.split_whitespace().next());
    Ok(us.map(str::parse).transpose()?.map(Duration::from_micros))
}
