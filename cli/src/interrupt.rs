//! Ctrl-C or SIGTERM, once: finish the message in hand, then leave. Twice: leave at once.
//!
//! While a person is asked, nothing is in hand: then it is an answer, "no" ([`while_asking`]).

use std::process;
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::mpsc;
use std::thread;

use tokio::runtime::Builder;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;

use crate::exit::Exit;
use crate::failure::{Result, say};

/// Whose the signals are, once somebody was asked.
static HANDS: AtomicU8 = AtomicU8::new(ASKING);

/// A question stands: nothing was changed.
const ASKING: u8 = 0;
/// It was answered, and there is nothing yet that would have to be finished.
const ANSWERED: u8 = 1;
/// There is: [`Interrupt`] sees to it.
const AT_WORK: u8 = 2;

/// Runs what asks a person something and blocks until it is answered. Ctrl-C and SIGTERM end the process meanwhile, and say that
/// nothing was changed; between the answer and [`Interrupt::listen`] they simply end it.
///
/// A thread of its own waits for them, because the one that asks is held up by the person.
pub(crate) fn while_asking<T>(ask: impl FnOnce() -> T) -> Result<T> {
    if HANDS.load(Ordering::SeqCst) == AT_WORK {
        return Ok(ask());
    }
    HANDS.store(ASKING, Ordering::SeqCst);
    let (ready, is_ready) = mpsc::channel();
    thread::Builder::new().name("question".to_owned()).spawn(move || wait_for_no(&ready))?;
    // An error is a thread that could not listen: then the signals end the process, as they do without us.
    let _ = is_ready.recv();
    let answer = ask();
    let _ = HANDS.compare_exchange(ASKING, ANSWERED, Ordering::SeqCst, Ordering::SeqCst);
    Ok(answer)
}

fn wait_for_no(ready: &mpsc::Sender<()>) {
    let Ok(runtime) = Builder::new_current_thread().enable_all().build() else { return };
    runtime.block_on(async {
        let (Ok(mut interrupts), Ok(mut terminations)) =
            (signal(SignalKind::interrupt()), signal(SignalKind::terminate()))
        else {
            return;
        };
        if ready.send(()).is_err() {
            return;
        }
        let exit = asked_to_end(&mut interrupts, &mut terminations).await;
        match HANDS.load(Ordering::SeqCst) {
            AT_WORK => return,
            ASKING => {
                // The cursor stands behind the question.
                say("");
                say("nothing was changed");
            }
            _ => {}
        }
        process::exit(exit.code().into());
    });
}

async fn asked_to_end(interrupts: &mut Signal, terminations: &mut Signal) -> Exit {
    tokio::select! {
        _ = interrupts.recv() => Exit::Interrupted,
        _ = terminations.recv() => Exit::Terminated,
    }
}

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
        HANDS.store(AT_WORK, Ordering::SeqCst);
        tokio::spawn(async move {
            loop {
                let exit = asked_to_end(&mut interrupts, &mut terminations).await;
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
