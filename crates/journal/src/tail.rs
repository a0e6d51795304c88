//! The end of the last segment: where it is, and whether what comes after it was ever safe.
//!
//! ```text
//!   batch 7   batch 8   ▒▒▒▒▒▒▒   batch 10 (says: 8 was durable)      torn: 9 never was
//!   batch 7   ▒▒▒▒▒▒▒   batch 9   batch 10 (says: 8 was durable)      damaged: 8 was durable, and is not readable
//! ```
//!
//! A crash leaves unsynced blocks in any state and any order, so something whole after something broken proves
//! nothing by itself. The same holds for a last batch that was whole and was damaged afterwards, before anything newer could
//! vouch for it: it looks like one that never was. What a later batch, or the note in `durable`, vouches for is another matter: that was safe once,
//! and somebody may have been told. Then nothing is served until a person has decided.

use crate::error::OpenError;
use crate::options::Lsn;
use crate::slot::Note;
use crate::snapshot_read::SnapshotReader;
use crate::walk::{Chain, Found, Walker};

/// The end of the log.
#[derive(Debug)]
pub(crate) struct Tail {
    /// Where the last whole batch ends.
    pub end: u64,
    /// What the next batch would have been.
    pub chain: Chain,
    /// The wall clock of the last batch, in ms.
    pub time_ms: u64,
    /// What a crash left unfinished.
    pub torn: Option<Torn>,
}

impl Tail {
    /// Refuses a log that ends before the snapshot does.
    pub(crate) fn check_reaches(&self, file: &str, cut: Lsn) -> Result<(), OpenError> {
        if self.chain.lsn > cut {
            return Ok(());
        }
        let what = format!("the log ends with record {}", self.chain.lsn - 1);
        let meaning = format!("the snapshot holds the state after record {cut}: segments are missing");
        Err(OpenError::corrupt(file, self.end, what, meaning))
    }

    /// The wall clock of the newest record there is, in ms; not the latest one: a clock that was wrong once may have been set right
    /// since.
    pub(crate) fn newest_time_ms(&self, snapshot: Option<&SnapshotReader>) -> u64 {
        match snapshot {
            Some(snapshot) if self.chain.lsn - 1 <= snapshot.cut() => snapshot.time_ms(),
            _ => self.time_ms,
        }
    }
}

/// What a crash left unfinished after the last whole batch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Torn {
    pub to: u64,
    pub what: String,
}

/// Reads the last segment to its end, and judges what follows.
pub(crate) fn judge(walker: &mut Walker, note: Note) -> Result<Tail, OpenError> {
    let mut time_ms = walker.header.time_ms;
    let stopped = loop {
        match walker.next()? {
            Found::Batch(header, _) => time_ms = header.time_ms,
            Found::Nothing => break None,
            Found::Bad(what) => break Some(what),
        }
    };
    let (end, chain) = (walker.at, walker.chain);
    let mut later_end = 0;
    let mut vouched: Option<(u64, u64)> = None;
    walker.later_headers(|at, header| {
        later_end = later_end.max(at + header.batch_bytes());
        if header.durable_sequence >= chain.sequence {
            vouched = vouched.max(Some((header.durable_sequence, at)));
        }
    })?;
    if !walker.faults.cut_at_first_bad_crc() {
        let what = || stopped.clone().unwrap_or_else(|| format!("batch {} is missing", chain.sequence));
        if let Some((sequence, at)) = vouched {
            let meaning = format!(
                "the batch at byte {at} says that everything up to batch {sequence} was safe; so from record {} on, \
                 records that were acknowledged cannot be read",
                chain.lsn
            );
            return Err(OpenError::corrupt(walker.name(), end, what(), meaning));
        }
        if note.sequence >= chain.sequence {
            return Err(OpenError::corrupt(walker.name(), end, what(), noted(note, chain.lsn)));
        }
    }
    // A batch that was begun and whose header is not whole, is as long as a header at least.
    let torn = (stopped.is_some() || later_end > 0).then(|| {
        let least = end + crate::batch::HEADER_BYTES as u64;
        let what = stopped.unwrap_or_else(|| "a batch is missing before later ones".into());
        Torn { to: later_end.max(least).min(walker.file_bytes()), what }
    });
    Ok(Tail { end, chain, time_ms, torn })
}

fn noted(note: Note, next: Lsn) -> String {
    format!(
        "it was noted that everything up to batch {} (record {}) was safe; so records {next} to {} cannot be read",
        note.sequence, note.lsn, note.lsn
    )
}
