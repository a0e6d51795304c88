//! Mistakes that the simulation must notice; see [`crate::fault`].

use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::flips::flips;
use super::world::{Findings, scenario};
use crate::fault::Fault;

/// Runs scenarios until one finds something.
fn is_noticed(fault: Fault) -> bool {
    (0..60).any(|seed| {
        let findings = Arc::new(Findings::default());
        scenario(seed, 120, Some(fault), &findings);
        assert!(findings.crashes.load(Ordering::Relaxed) > 0, "a scenario has moments");
        !findings.wrong.lock().is_empty()
    })
}

#[test]
fn a_journal_that_does_not_sync_is_noticed() {
    assert!(is_noticed(Fault::SkipFsync));
}

#[test]
fn a_journal_that_acknowledges_before_the_sync_is_noticed() {
    assert!(is_noticed(Fault::AckBeforeSync));
}

#[test]
fn a_journal_that_lets_batches_of_an_earlier_life_pass_is_noticed() {
    assert!(is_noticed(Fault::IgnoreFileEpoch));
}

#[test]
fn a_journal_that_does_not_sync_its_directory_is_noticed() {
    assert!(is_noticed(Fault::SkipDirSync));
}

#[test]
fn a_journal_that_begins_a_segment_before_the_old_one_is_durable_is_noticed() {
    assert!(is_noticed(Fault::RotateBeforeSync));
}

#[test]
fn a_journal_that_lets_go_of_segments_before_the_snapshot_stands_is_noticed() {
    assert!(is_noticed(Fault::RecycleBeforeSnapshot));
}

#[test]
fn a_journal_that_notes_what_is_not_durable_is_noticed() {
    assert!(is_noticed(Fault::NoteUnsynced));
}

#[test]
fn a_journal_that_does_not_compare_checksums_is_noticed() {
    assert!(!flips(3, Some(Fault::IgnoreBodyCrc)).wrong.is_empty());
}

#[test]
fn a_journal_that_cuts_at_the_first_bad_batch_is_noticed() {
    assert!(!flips(3, Some(Fault::CutAtFirstBadCrc)).wrong.is_empty());
}
