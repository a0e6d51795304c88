//! Whoever reads our output, and whether they are still there.
//!
//! A closed pipe shows when something is written. Where nothing comes for hours, nothing is written, and `rbq … | head` would hang
//! with its work done; and where messages are taken, the one that shows it has been taken for nobody. So a thread waits for the
//! pipe's end (`poll`, as `tail -f` does) and tells.

use std::io;
use std::thread;

use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::Errno;
use tokio::sync::watch;

/// Tells when nobody can read our stdout any more.
#[derive(Debug)]
pub(crate) struct Reader {
    gone: Option<watch::Receiver<bool>>,
}

impl Reader {
    /// Of stdout, from now on.
    pub(crate) fn of_stdout() -> Self {
        let (tell, gone) = watch::channel(false);
        // Not joined: it waits for as long as somebody reads.
        thread::spawn(move || {
            let stdout = io::stdout();
            let mut ends = [PollFd::new(&stdout, PollFlags::empty())];
            // A file has no end to wait for; what is wrong with it shows when it is written to.
            while poll(&mut ends, None) == Err(Errno::INTR) {}
            if ends[0].revents().intersects(PollFlags::ERR | PollFlags::HUP) {
                tell.send_replace(true);
            }
        });
        Self { gone: Some(gone) }
    }

    /// One that is never known to be gone.
    pub(crate) fn unknown() -> Self {
        Self { gone: None }
    }

    /// Resolves once nobody reads any more. Cancellation-safe.
    pub(crate) async fn gone(&mut self) {
        if let Some(gone) = &mut self.gone
            && gone.wait_for(|gone| *gone).await.is_ok()
        {
            return;
        }
        std::future::pending().await
    }
}
