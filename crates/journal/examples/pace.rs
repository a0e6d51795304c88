//! How long a durable record takes on this disk, and how many go through when many wait at once.
//!
//! ```text
//! cargo run --release -p rbq-journal --example pace -- <directory>
//! ```
//!
//! Two figures decide what a server built on the journal can do: what one client alone waits for a record (a write and
//! a sync), and how many records a second pass when there is always something to gather.

use std::error::Error;
use std::sync::Arc;
use std::time::Instant;

use rbq_journal::{Directory, Identity, Journal, Options, Purpose};

/// One client's records, each waited for.
const ALONE: usize = 2_000;

/// Records of a crowd, appended as long as they are let.
const CROWD: u64 = 2_000_000;

const RECORD: [u8; 100] = [7; 100];

#[allow(clippy::print_stdout)]
fn main() -> Result<(), Box<dyn Error>> {
    let path = std::env::args().nth(1).ok_or("usage: pace <directory>")?;
    let options = Options::new(1, Identity { cluster: 1, node: 1 });
    let opened = Journal::open(Arc::new(Directory::create(path)?), options)?;
    let (journal, _) = opened.begin()?;

    let mut waits_us = Vec::new();
    for _ in 0..ALONE {
        let start = Instant::now();
        let lsn = journal.append(&RECORD);
        if !journal.wait_synced(lsn) {
            return Err("the journal stopped".into());
        }
        waits_us.push(start.elapsed().as_micros());
    }
    waits_us.sort_unstable();
    println!("alone: p50 {} µs, p99 {} µs", waits_us[ALONE / 2], waits_us[ALONE * 99 / 100]);

    let (syncs, start) = (journal.figures().syncs, Instant::now());
    let mut last = journal.appended();
    for _ in 0..CROWD {
        while journal.is_congested() || journal.admit(RECORD.len() as u64, Purpose::Add).is_err() {
            std::thread::yield_now();
        }
        last = journal.append(&RECORD);
    }
    let appended = start.elapsed();
    if !journal.wait_synced(last) {
        return Err("the journal stopped".into());
    }
    let (all, syncs) = (start.elapsed(), journal.figures().syncs - syncs);
    let rate = CROWD as f64 / all.as_secs_f64() / 1e6;
    println!(
        "crowd: {rate:.2} million records/s in {syncs} syncs; appending took {} ns a record",
        appended.as_nanos() / u128::from(CROWD)
    );
    Ok(journal.close()?)
}
