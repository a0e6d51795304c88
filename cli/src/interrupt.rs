//! Ctrl-C or SIGTERM, once: finish the message in hand, then leave. Twice: leave at once.

use std::process;

use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

use crate::exit::Exit;
use crate::failure::Result;

/// Tells whether we were asked to end, and how; cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Interrupt {
    asked: watch::Receiver<Option<Exit>>,
}

impl Interrupt {
    /// Takes over both signals for the rest of the process, from this call on. Before it they simply end us: so it is called
    /// once there is something to finish, and after whatever is asked on the terminal.
    pub(crate) fn listen() -> Result<Self> {
        let mut interrupts = signal(SignalKind::interrupt())?;
        let mut terminations = signal(SignalKind::terminate())?;
        let (ask, asked) = watch::channel(None);
        tokio::spawn(async move {
            loop {
                let exit = tokio::select! {
                    _ = interrupts.recv() => Exit::Interrupted,
                    _ = terminations.recv() => Exit::Terminated,
                };
                if ask.send_replace(Some(exit)).is_some() {
                    process::exit(exit.code().into());
                }
            }
        });
        Ok(Self { asked })
    }

    /// Resolves once we were asked to end, and at once ever after.
    pub(crate) async fn pressed(&mut self) {
        if self.asked.wait_for(Option::is_some).await.is_err() {
            // The listening task has gone with its runtime: nothing can be asked any more.
            std::future::pending().await
        }
    }

    pub(crate) fn was_pressed(&self) -> bool {
        self.asked.borrow().is_some()
    }

    /// The code to end with: 130 or 143 if we were asked to end.
    pub(crate) fn exit(&self) -> Exit {
        self.asked.borrow().unwrap_or(Exit::Done)
    }

    /// One that was pressed before the work began.
    #[cfg(test)]
    pub(crate) fn already(exit: Exit) -> Self {
        Self { asked: watch::channel(Some(exit)).1 }
    }

    /// One that nobody presses.
    #[cfg(test)]
    pub(crate) fn never() -> Self {
        Self { asked: watch::channel(None).1 }
    }
}
