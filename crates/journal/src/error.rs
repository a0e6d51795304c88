//! What can go wrong, said so that whoever runs the machine knows what to do next.
//!
//! Three kinds, by what may follow: an [`OpenError`] means that nothing is served; a [`Full`] refuses one request and
//! passes when space returns; a [`Fatal`] ends the process, because after a failed write or sync nobody knows what is
//! on the disk, and asking again would be told a lie.

use std::io;

use thiserror::Error;

/// What to do about damage in a directory.
#[must_use]
pub fn damage_hint(directory: &str) -> String {
    format!(
        "run `rbq journal check {directory}` to see all of it, and `rbq journal repair {directory} --dry-run` to see what a repair \
         would drop"
    )
}

/// What to do about files of a later version: nothing is wrong with them.
pub const HINT_NEWER: &str =
    "nothing is damaged: a later version of this program wrote it, and that one or a newer one can read it";

/// Why a journal was not opened.
#[derive(Debug, Error)]
pub enum OpenError {
    /// Another process has the directory.
    #[error("the directory `{directory}` is in use by another process{}", pid_of(*pid))]
    InUse {
        /// The directory.
        directory: String,
        /// The other process.
        pid: Option<u32>,
    },
    /// The file was written by a later version.
    #[error("`{file}` has {what} version {found}, and this program knows versions up to {known}\nhint: {HINT_NEWER}")]
    Newer {
        /// The file.
        file: String,
        /// Which of its versions: "format" or "state machine".
        what: &'static str,
        /// The file's version.
        found: u32,
        /// The newest version that is understood.
        known: u32,
    },
    /// What was once safe is damaged or gone; see [`damage_hint`].
    #[error("`{file}` is damaged at byte {offset}: {what}; {meaning}")]
    Corrupt {
        /// The file.
        file: String,
        /// Where in it.
        offset: u64,
        /// What is wrong there.
        what: String,
        /// What that means for what was stored.
        meaning: String,
    },
    /// What was asked for makes no sense. Nothing was looked at.
    #[error("`{what}` is {value}, and must be {bound}")]
    Argument {
        /// The option or argument.
        what: &'static str,
        /// What it is.
        value: u64,
        /// What it must be.
        bound: String,
    },
    /// A directory that must be empty is not.
    #[error("the directory `{directory}` is not empty: it holds `{file}`")]
    NotEmpty {
        /// The directory.
        directory: String,
        /// One of its files.
        file: String,
    },
    /// A repair is not what was planned any more. Nothing was changed.
    #[error(
        "the directory `{directory}` is not as it was when the repair was planned: nothing was changed; plan it again"
    )]
    Changed {
        /// The directory.
        directory: String,
    },
    /// The file system refused.
    #[error("cannot {action} {}: {}", place(directory, file), said(source))]
    Io {
        /// The directory.
        directory: String,
        /// The file, or `.` for the directory itself.
        file: String,
        /// What was tried: "read", "write", …
        action: &'static str,
        /// What the system said.
        source: io::Error,
    },
}

/// A file in its directory, or the directory itself.
fn place(directory: &str, file: &str) -> String {
    if file == "." { format!("`{directory}`") } else { format!("`{file}` in `{directory}`") }
}

/// What the system said, as part of a sentence: `not a directory`, without the capital and the error's number. `I/O error` and the
/// like stay as they are.
#[must_use]
pub fn said(error: &io::Error) -> String {
    let text = error.to_string();
    let text = text.rfind(" (os error ").map_or(text.as_str(), |at| &text[..at]);
    let mut letters = text.chars();
    match (letters.next(), letters.clone().next()) {
        (Some(first), Some(second)) if second.is_lowercase() => first.to_lowercase().chain(letters).collect(),
        _ => text.to_owned(),
    }
}

fn pid_of(pid: Option<u32>) -> String {
    pid.map_or_else(String::new, |pid| format!(" (process {pid})"))
}

impl OpenError {
    pub(crate) fn corrupt(file: &str, offset: u64, what: impl Into<String>, meaning: impl Into<String>) -> Self {
        Self::Corrupt { file: file.into(), offset, what: what.into(), meaning: meaning.into() }
    }
}

/// Why a record was not admitted.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Full {
    /// Space is being prepared: wait as for congestion, and ask again after the next progress.
    #[error("space for the journal in `{directory}` is being prepared, try again")]
    Preparing {
        /// The journal's directory.
        directory: String,
    },
    /// The disk gives no more space.
    #[error("the journal in `{directory}` is full: {cause}")]
    Disk {
        /// The journal's directory.
        directory: String,
        /// What the system said.
        cause: String,
    },
}

impl Full {
    /// True when waiting alone is likely to help.
    #[must_use]
    pub fn is_temporary(&self) -> bool {
        matches!(self, Self::Preparing { .. })
    }
}

/// Why the journal stopped for good: nothing that was not acknowledged yet will ever be.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("cannot {action} `{file}` in `{directory}`: {cause}; {}", after(action))]
pub struct Fatal {
    /// The journal's directory.
    pub directory: String,
    /// The file.
    pub file: String,
    /// What was tried.
    pub action: &'static str,
    /// What the system said.
    pub cause: String,
}

/// What a failure means for what was written. A name that was refused, to open it or to change it, has harmed no byte.
fn after(action: &str) -> &'static str {
    match action {
        "write" | "sync" => "what is on the disk is no longer known",
        _ => "nothing that was acknowledged is lost, but the log cannot go on",
    }
}

/// Why a snapshot or a backup was not made. The journal goes on.
#[derive(Debug, Error)]
pub enum SnapshotError {
    /// There is one being written already.
    #[error("a snapshot is being written already")]
    Busy,
    /// The log begins anew, and what it begins with is not written yet: there is nothing whole to copy.
    #[error("the log is being begun anew, and is not whole yet: try again when `appendonly` is on")]
    Founding,
    /// The log begins anew, and this is not the snapshot that makes it the journal.
    #[error("the log is being begun anew with a snapshot of record {base}: one of record {cut} does not make it whole")]
    NotTheBase {
        /// The cut that was asked for.
        cut: u64,
        /// The only one there can be: what [`appended`](crate::Journal::appended) was when the log was begun.
        base: u64,
    },
    /// There is no state after a record that was not appended.
    #[error("there can be no snapshot of record {cut}: the newest record is {appended}")]
    Ahead {
        /// The cut that was asked for.
        cut: u64,
        /// The newest record.
        appended: u64,
    },
    /// A section of it could not be written, so it would not be whole.
    #[error("a section of the snapshot could not be written before, so it cannot be completed")]
    Spoilt,
    /// The journal stopped before everything up to the cut was durable.
    #[error("the journal has stopped")]
    Stopped,
    /// The file system refused.
    #[error("cannot {action} {}: {}", place(directory, file), said(source))]
    Io {
        /// The directory.
        directory: String,
        /// The file.
        file: String,
        /// What was tried.
        action: &'static str,
        /// What the system said.
        source: io::Error,
    },
    /// What was to be copied could not be read or verified, or the target is not empty.
    #[error(transparent)]
    Copy(#[from] OpenError),
}

/// A storage error together with what was tried on which file.
#[derive(Debug)]
pub(crate) struct IoFailure {
    pub directory: String,
    pub file: String,
    pub action: &'static str,
    pub source: io::Error,
}

impl IoFailure {
    /// True when the disk gives no more space, or none to us, or takes no writes: it may pass.
    pub(crate) fn is_lack_of_space(&self) -> bool {
        use io::ErrorKind::{QuotaExceeded, ReadOnlyFilesystem, StorageFull};
        matches!(self.source.kind(), StorageFull | QuotaExceeded | ReadOnlyFilesystem)
    }
}

impl From<IoFailure> for OpenError {
    fn from(failure: IoFailure) -> Self {
        let IoFailure { directory, file, action, source } = failure;
        Self::Io { directory, file, action, source }
    }
}

impl From<IoFailure> for SnapshotError {
    fn from(failure: IoFailure) -> Self {
        let IoFailure { directory, file, action, source } = failure;
        Self::Io { directory, file, action, source }
    }
}

impl From<IoFailure> for Fatal {
    fn from(failure: IoFailure) -> Self {
        let IoFailure { directory, file, action, source } = failure;
        Self { directory, file, action, cause: source.to_string() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_after_a_failed_write_or_sync_is_it_said_that_the_disk_is_not_known() {
        let said = |action| {
            let (directory, file) = ("dir".into(), "spare-0000000000000002.log".into());
            Fatal { directory, file, action, cause: "permission denied".into() }.to_string()
        };
        for action in ["write", "sync"] {
            assert!(said(action).ends_with("permission denied; what is on the disk is no longer known"), "{action}");
        }
        assert_eq!(
            said("rename"),
            "cannot rename `spare-0000000000000002.log` in `dir`: permission denied; nothing that was acknowledged is lost, \
             but the log cannot go on"
        );
        assert!(!said("open").contains("no longer known"));
    }
}
