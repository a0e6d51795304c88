//! What is in the directory, and which of it is the journal.
//!
//! Recovery, the checks, repair and copies all begin here, so that they agree on what belongs together:
//!
//! ```text
//!   snapshot-…0040         the newest one: the state after record 40
//!   segment-5   1..30      older than the snapshot needs: may be there or not, removed in any order
//!   segment-6  31..55      the last one that begins at or before record 41: from here on none may be missing
//!   segment-7  56..
//! ```
//!
//! A log that begins anew over an older one (`found`) does so in a segment that says so, with a number that the older one
//! cannot have reached before it. With the snapshot of what was there before that number, the base, the older log is merely
//! old; without it the new one never was, and the older one is the journal.
//!
//! ```text
//!   segment-6  31..55   segment-7  founding, 57..        snapshot-…0056 is there: the journal begins with it
//!                                                        it is not:               the journal ends with record 55
//! ```

use crate::error::OpenError;
use crate::names::{self, Name};
use crate::options::{Identity, Lsn};
use crate::segment::{self, Use};
use crate::slot::{Note, snapshot_number};
use crate::store::Store;
use crate::walk::Walker;

/// The names in the directory, by kind.
#[derive(Clone, Debug, Default)]
pub(crate) struct Survey {
    pub has_id: bool,
    pub has_durable: bool,
    /// It is a backup.
    pub has_mark: bool,
    /// In order.
    pub segments: Vec<u64>,
    pub spares: Vec<u64>,
    /// In order.
    pub snapshots: Vec<Lsn>,
    pub unfinished: Vec<String>,
    pub others: Vec<String>,
}

/// A segment that is part of the log.
#[derive(Clone, Debug)]
pub(crate) struct Leg {
    pub name: String,
    pub header: segment::Header,
}

/// What the journal consists of.
#[derive(Debug)]
pub(crate) struct Layout {
    /// The newest snapshot's cut. It is 0 for a state that was there before the first record.
    pub snapshot: Option<Lsn>,
    /// What the snapshot needs and follows, in order: never empty.
    pub legs: Vec<Leg>,
    /// Segments that nobody needs.
    pub old_segments: Vec<u64>,
    pub old_snapshots: Vec<Lsn>,
    /// Segments of a log that was to begin anew over this one, and whose base never came to be, the newest first.
    pub unfounded: Vec<u64>,
}

impl Survey {
    pub(crate) fn of(store: &Store) -> Result<Self, OpenError> {
        let mut survey = Self::default();
        for name in store.list()? {
            match names::parse(&name) {
                Name::Lock => {}
                Name::Id => survey.has_id = true,
                Name::Durable => survey.has_durable = true,
                Name::Mark => survey.has_mark = true,
                Name::Segment(number) => survey.segments.push(number),
                Name::Spare(number) => survey.spares.push(number),
                Name::Snapshot(cut) => survey.snapshots.push(cut),
                Name::Unfinished => survey.unfinished.push(name),
                Name::Torn | Name::Aside | Name::Other => survey.others.push(name),
            }
        }
        survey.segments.sort_unstable();
        survey.spares.sort_unstable();
        survey.snapshots.sort_unstable();
        Ok(survey)
    }

    /// True when no journal was ever completely made here.
    pub(crate) fn is_new(&self) -> bool {
        self.segments.is_empty() && self.snapshots.is_empty() && !self.has_mark
    }

    /// The files that must be there beside the log.
    pub(crate) fn check_companions(&self) -> Result<(), OpenError> {
        let missing = |name: &str| {
            let meaning = "it is made before the first segment, so it was removed later";
            Err(OpenError::corrupt(name, 0, "the file is missing", meaning))
        };
        match (self.has_id, self.has_durable) {
            (false, _) => missing(names::ID),
            (_, false) => missing(names::DURABLE),
            _ => Ok(()),
        }
    }

    /// Which segments and which snapshot are the journal.
    pub(crate) fn layout(&self, store: &Store, identity: Identity) -> Result<Layout, OpenError> {
        let snapshot = self.snapshots.last().copied();
        let cut = snapshot.unwrap_or_default();
        let mut legs: Vec<Leg> = Vec::new();
        let mut unfounded = Vec::new();
        let mut old_segments = self.segments.clone();
        while let Some(number) = old_segments.pop() {
            let leg = leg(store, number, identity)?;
            if let Some(next) = legs.last() {
                follows(&leg, next)?;
            }
            let is_first = leg.header.first_lsn <= cut + 1;
            if leg.header.used == Use::Founding && !is_first {
                if old_segments.is_empty() {
                    // Nothing is left of what was there before, so the base was there, and was removed later.
                    return Err(nothing_before(&leg, cut));
                }
                unfounded.extend(legs.drain(..).map(|leg| leg.header.number).chain([number]));
                continue;
            }
            legs.push(leg);
            if is_first {
                break;
            }
        }
        legs.reverse();
        let mut old_snapshots = self.snapshots.clone();
        old_snapshots.pop();
        match legs.first() {
            None => Err(missing(&names::segment(1), "there is no segment", "the log was removed")),
            Some(leg) if leg.header.first_lsn > cut + 1 => Err(nothing_before(leg, cut)),
            Some(_) => Ok(Layout { snapshot, legs, old_segments, old_snapshots, unfounded }),
        }
    }
}

impl Layout {
    /// The segment that the log ends in.
    pub(crate) fn last(&self) -> &str {
        &self.legs.last().expect("a layout has a segment").name
    }

    /// The last record that needs no replay.
    pub(crate) fn cut(&self) -> Lsn {
        self.snapshot.unwrap_or_default()
    }

    /// Refuses a journal whose snapshot is gone.
    pub(crate) fn check_snapshot(&self, note: Note) -> Result<(), OpenError> {
        if note.snapshot <= snapshot_number(self.snapshot) {
            return Ok(());
        }
        let meaning = "it was noted when it was durable, and nothing has replaced it; so it was removed later";
        Err(missing(&names::snapshot(note.snapshot - 1), "the file is missing", meaning))
    }
}

fn missing(file: &str, what: impl Into<String>, meaning: impl Into<String>) -> OpenError {
    OpenError::corrupt(file, 0, what, meaning)
}

fn nothing_before(leg: &Leg, cut: Lsn) -> OpenError {
    let first = leg.header.first_lsn;
    let (from, to) = (cut + 1, first - 1);
    let what = if cut == 0 {
        format!("the log begins with record {first}, and there is no snapshot of what was before")
    } else {
        format!("the log begins with record {first}, and the newest snapshot ends with record {cut}")
    };
    missing(&leg.name, what, format!("records {from} to {to} are missing: a snapshot or segments were removed"))
}

fn leg(store: &Store, number: u64, identity: Identity) -> Result<Leg, OpenError> {
    let name = names::segment(number);
    let header = Walker::open(store, &name)?.header;
    if header.used == Use::Spare || header.number != number {
        let what = format!("its header says that it is segment {}", header.number);
        return Err(missing(&name, what, "it was renamed or copied over another one"));
    }
    if header.identity != identity {
        let what = "it belongs to another cluster or node than the `id` file says";
        return Err(missing(&name, what, "files of two journals were mixed"));
    }
    Ok(Leg { name, header })
}

fn follows(leg: &Leg, next: &Leg) -> Result<(), OpenError> {
    if leg.header.number + 1 != next.header.number {
        let name = names::segment(leg.header.number + 1);
        let (from, to) = (leg.header.number, next.header.number);
        let what = format!("the file is missing: segment {from} is followed by segment {to}");
        return Err(missing(&name, what, format!("records from before record {} are missing", next.header.first_lsn)));
    }
    let (a, b) = (&leg.header, &next.header);
    if a.first_lsn > b.first_lsn || a.first_sequence > b.first_sequence {
        return Err(missing(
            &next.name,
            "it begins before the segment that it follows",
            "the order of the log is lost",
        ));
    }
    Ok(())
}
