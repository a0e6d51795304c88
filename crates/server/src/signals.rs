//! What signals do to the server: two end it, two that would kill it do not.
//!
//! ```text
//!   SIGTERM, SIGINT   an orderly end; until the log is read back, the system's own: nothing is there yet to be put in order
//!   SIGHUP            a line in the log: the terminal that it was started from is gone, and its clients are not
//!   SIGXFSZ           nothing: the write that went beyond the limit of file sizes fails, and says so
//! ```
//!
//! Invariant: the last two kill nothing from before the log is opened: a start that reads much back is as exposed as a server at
//! work. A handler stays for the life of the process once it is there.

use std::io;

use rustix::process::Signal as Number;
use tokio::signal::unix::{Signal, SignalKind, signal};

/// Those that are outlived.
pub(crate) struct Outlived {
    hangup: Signal,
}

impl Outlived {
    /// Installs their handlers.
    pub(crate) fn install() -> io::Result<Self> {
        drop(signal(SignalKind::from_raw(Number::XFSZ.as_raw()))?);
        Ok(Self { hangup: signal(SignalKind::hangup())? })
    }

    /// Waits for a signal that wants the server to end, and answers its name.
    pub(crate) async fn until_the_end(&mut self) -> io::Result<&'static str> {
        let mut terminate = signal(SignalKind::terminate())?;
        let mut interrupt = signal(SignalKind::interrupt())?;
        loop {
            tokio::select! {
                _ = terminate.recv() => return Ok("SIGTERM"),
                _ = interrupt.recv() => return Ok("SIGINT"),
                _ = self.hangup.recv() => {
                    tracing::warn!("SIGHUP is ignored: SIGTERM ends the server, CONFIG SET changes its parameters");
                }
            }
        }
    }
}
