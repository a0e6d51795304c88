//! A counter that survives power cuts: the smallest state machine on a journal.
//!
//! Every run adds what it is told to, and a snapshot is made when the log has grown enough:
//!
//! ```text
//! cargo run -p rbq-journal --example counter -- <directory> 3 4 5
//! ```
//!
//! It answers only when the record is durable. Cut the power wherever you like: what was answered counts.

use std::error::Error;
use std::sync::Arc;

use rbq_journal::{Directory, Identity, Journal, Options, Purpose};

/// Goes up when the meaning of a record changes.
const STATE_VERSION: u32 = 1;

/// A snapshot is made when the log has grown by so much.
const SNAPSHOT_AFTER_BYTES: u64 = 1 << 20;

/// The only kind of section that there is.
const TOTAL: u32 = 1;

#[allow(clippy::print_stdout)]
fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let path = arguments.next().ok_or("usage: counter <directory> [number ...]")?;
    let options = Options::new(STATE_VERSION, Identity { cluster: 1, node: 1 });
    let mut opened = Journal::open(Arc::new(Directory::create(path)?), options)?;

    // First the snapshot, then what came after it; nothing is served before both are read to their ends.
    let mut total = 0_u64;
    if let Some(snapshot) = opened.snapshot() {
        while let Some(section) = snapshot.next()? {
            total = u64::from_le_bytes(section.bytes[..].try_into()?);
        }
    }
    for record in opened.records() {
        let (_, bytes) = record?;
        total += u64::from_le_bytes(bytes[..].try_into()?);
    }
    // Up to here nothing was changed; a journal that cannot be read is left as it is.
    let (journal, report) = opened.begin()?;
    if let Some(torn) = &report.torn {
        println!("a crash had left {} bytes unfinished", torn.bytes);
    }

    for argument in arguments {
        let number: u64 = argument.parse()?;
        // Asked before anything is applied: a full disk refuses the request and changes nothing.
        journal.admit(8, Purpose::Add)?;
        total += number;
        let lsn = journal.append(&number.to_le_bytes());
        if !journal.wait_synced(lsn) {
            break;
        }
        println!("{total}");
    }
    if journal.figures().log_bytes_since_snapshot > SNAPSHOT_AFTER_BYTES {
        let mut snapshot = journal.begin_snapshot(journal.appended(), 0)?;
        snapshot.section(TOTAL, &total.to_le_bytes())?;
        snapshot.finish()?;
    }
    Ok(journal.close()?)
}
