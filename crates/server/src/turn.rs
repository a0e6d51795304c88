//! A turn of an I/O thread: what its connections logged before the log is driven, and who drives it.
//!
//! **How long it lasts.** All that a turn logs shares one write, and one sync where there is one. While its requests were run others
//! came in: they are looked for again before the log is driven, as long as that brings something, a few times at most.
//!
//! **Who drives.** A thread that waits for the disk itself, instead of waking the journal's thread and being woken by it, is spared
//! two changes of threads for each sync, and serves what arrives meanwhile in one go. But none of its connections is served until
//! then. So it stays with the disk only while all that it runs waits for the log anyway; one request that does not, and for a
//! while the log is left to the journal's thread.

use std::cell::Cell;

/// How often a thread looks for more before the log is driven.
const LOOKS_MAX: u32 = 4;

/// After a request that did not wait for the log so many turns are short: who asks more often than once in so many is not
/// kept waiting by a sync.
const SHORT_TURNS: u32 = 64;

thread_local! {
    static HAS_LOGGED: Cell<bool> = const { Cell::new(false) };
    static SHORT_TURNS_LEFT: Cell<u32> = const { Cell::new(0) };
}

/// A hold of this thread logged something; whether it is the first since that was [looked at](gather).
pub(crate) fn note_logged() -> bool {
    !HAS_LOGGED.replace(true)
}

/// Whether a hold of this thread logged something since that was [looked at](gather).
pub(crate) fn has_logged() -> bool {
    HAS_LOGGED.get()
}

/// This thread ran a request whose answer need not wait for what is logged in its turn.
pub(crate) fn note_other() {
    SHORT_TURNS_LEFT.set(SHORT_TURNS);
}

/// Lets connections that are ready by now have their turn too; false if nothing was logged at all.
pub(crate) async fn gather() -> bool {
    if !HAS_LOGGED.take() {
        return false;
    }
    for _ in 0..LOOKS_MAX {
        tokio::task::yield_now().await;
        if !HAS_LOGGED.take() {
            break;
        }
    }
    true
}

/// The turn ends: whether the thread may stay with the disk.
pub(crate) fn may_stay() -> bool {
    let left = SHORT_TURNS_LEFT.get();
    SHORT_TURNS_LEFT.set(left.saturating_sub(1));
    left == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_request_that_waits_for_nothing_keeps_the_next_turns_short() {
        assert!(may_stay());
        note_other();
        assert_eq!((0..2 * SHORT_TURNS).filter(|_| may_stay()).count(), SHORT_TURNS as usize);
    }
}
