//! What `rbq` tells the shell. A contract: scripts are written against it.

use std::process::ExitCode;

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    /// Everything asked for was done, or the reader of our output has seen enough.
    Done,
    /// The server was reached and something was refused or lost.
    Failed,
    /// The command line makes no sense; clap's own code.
    Usage,
    /// Some of what was asked for was done, and the rest was not.
    Partly,
    /// No server could be reached, or it did not take who we are.
    Unreachable,
    /// What was waited for did not come in the time allowed.
    TimedOut,
    /// Ctrl-C; the message in hand was finished. As a shell counts a death by SIGINT: 128 + 2.
    Interrupted,
    /// SIGTERM; the message in hand was finished. 128 + 15.
    Terminated,
    /// What `rbq check` found, in the codes of Nagios plugins; no other command uses them.
    Health(Health),
}

/// How well a server is; later ones are worse.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Health {
    Ok,
    /// It could not be found out.
    Unknown,
    Warning,
    Critical,
}

impl Health {
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Ok => "OK",
            Self::Unknown => "UNKNOWN",
            Self::Warning => "WARNING",
            Self::Critical => "CRITICAL",
        }
    }

    fn code(self) -> u8 {
        match self {
            Self::Ok => 0,
            Self::Warning => 1,
            Self::Critical => 2,
            Self::Unknown => 3,
        }
    }
}

impl Exit {
    /// Every end but those of `rbq check`, in the order of the codes.
    pub(crate) const ALL: [Self; 8] = [
        Self::Done,
        Self::Failed,
        Self::Usage,
        Self::Partly,
        Self::Unreachable,
        Self::TimedOut,
        Self::Interrupted,
        Self::Terminated,
    ];

    /// What the code says, in few words.
    pub(crate) fn meaning(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Failed => "failed",
            Self::Usage => "usage",
            Self::Partly => "partly done",
            Self::Unreachable => "could not connect or authenticate",
            Self::TimedOut => "timed out",
            Self::Interrupted => "interrupted",
            Self::Terminated => "terminated",
            Self::Health(health) => health.word(),
        }
    }

    pub(crate) fn code(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Failed => 1,
            Self::Usage => 2,
            Self::Partly => 3,
            Self::Unreachable => 4,
            Self::TimedOut => 5,
            Self::Interrupted => 130,
            Self::Terminated => 143,
            Self::Health(health) => health.code(),
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        exit.code().into()
    }
}
