//! Mistakes that a journal could make, so that the tests can be tested.
//!
//! A simulation that finds nothing proves nothing until it has been seen to find something. Each of these is one wrong
//! line in the journal, there in test builds alone; `tests/mutants.rs` shows that the simulation notices each.

/// A mistake.
#[cfg(test)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// A sync is believed to have happened.
    SkipFsync,
    /// Records are told to be durable when they are only written.
    AckBeforeSync,
    /// Batches of a file's earlier life pass.
    IgnoreFileEpoch,
    /// Whatever follows a bad batch is taken for a torn tail.
    CutAtFirstBadCrc,
    /// A batch's body is not compared with its checksum.
    IgnoreBodyCrc,
    /// A rename is not followed by a sync of the directory.
    SkipDirSync,
    /// A new segment begins before the old one is durable.
    RotateBeforeSync,
    /// Old segments go before the snapshot is durable.
    RecycleBeforeSnapshot,
    /// What is noted as durable was only written.
    NoteUnsynced,
}

/// The mistakes that are on: none, and in a production build there is nothing to turn on.
#[derive(Clone, Copy, Debug, Default)]
pub struct Faults {
    #[cfg(test)]
    pub(crate) on: Option<Fault>,
}

macro_rules! faults {
    ($($ask:ident => $fault:ident),* $(,)?) => {
        impl Faults {
            $(
                #[cfg(test)]
                pub(crate) fn $ask(self) -> bool {
                    self.on == Some(Fault::$fault)
                }

                #[cfg(not(test))]
                #[allow(clippy::unused_self)]
                pub(crate) const fn $ask(self) -> bool {
                    false
                }
            )*
        }
    };
}

faults! {
    skip_fsync => SkipFsync,
    ack_before_sync => AckBeforeSync,
    ignore_file_epoch => IgnoreFileEpoch,
    cut_at_first_bad_crc => CutAtFirstBadCrc,
    ignore_body_crc => IgnoreBodyCrc,
    skip_dir_sync => SkipDirSync,
    rotate_before_sync => RotateBeforeSync,
    recycle_before_snapshot => RecycleBeforeSnapshot,
    note_unsynced => NoteUnsynced,
}
