//! Ctrl-C, once: finish the message in hand, then leave. Twice: leave at once.

use std::process;

use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

use crate::exit::Exit;
use crate::failure::Result;

/// Tells whether Ctrl-C was pressed; cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Interrupt {
    pressed: watch::Receiver<bool>,
}

impl Interrupt {
    /// Takes over Ctrl-C for the rest of the process, from this call on. Before it, Ctrl-C simply ends us: so it is called once
    /// there is something to finish.
    pub(crate) fn listen() -> Result<Self> {
        let mut signals = signal(SignalKind::interrupt())?;
        let (press, pressed) = watch::channel(false);
        tokio::spawn(async move {
            signals.recv().await;
            press.send_replace(true);
            signals.recv().await;
            process::exit(Exit::Interrupted.code().into());
        });
        Ok(Self { pressed })
    }

    /// Resolves once Ctrl-C was pressed, and at once ever after.
    pub(crate) async fn pressed(&mut self) {
        if self.pressed.wait_for(|pressed| *pressed).await.is_err() {
            // The listening task has gone with its runtime: nothing can be pressed any more.
            std::future::pending().await
        }
    }

    pub(crate) fn was_pressed(&self) -> bool {
        *self.pressed.borrow()
    }

    /// The code to end with: 130 if it was pressed.
    pub(crate) fn exit(&self) -> Exit {
        if self.was_pressed() { Exit::Interrupted } else { Exit::Done }
    }
}
