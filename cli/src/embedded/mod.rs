//! A broker in this very process, for one person at one prompt: no socket; in memory only, or kept in a directory.
//!
//! ```text
//!   Link ──write──► Wire ──► Decoder ──► Core: Broker ──► Store, if it is kept
//!   Link ◄──read─── Wire ◄── Seat ◄────── replies, mail
//! ```
//!
//! A wire is a stream that runs a request as it is written and has the reply ready to be read; whatever becomes due (a wait
//! that ends) becomes so while somebody reads. All of the protocol is spoken, so that the REPL cannot tell the difference.
//! Several wires are several clients: what one causes for another lies in the other's seat, and wakes it.

mod core;
mod store;
#[cfg(test)]
mod tests;
mod wire;

use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rbq_broker::Peer;

use self::core::Core;
use crate::failure::Result;
pub(crate) use wire::Wire;

/// A broker and its clock; cheap to clone. It ends with its last clone and wire, and with it what is in memory only.
#[derive(Clone)]
pub(crate) struct Embedded {
    core: Arc<Mutex<Core>>,
}

impl std::fmt::Debug for Embedded {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Embedded").finish_non_exhaustive()
    }
}

impl Embedded {
    /// An empty broker with default settings.
    pub(crate) fn start() -> Self {
        Self { core: Arc::new(Mutex::new(Core::empty())) }
    }

    /// A broker with what a server or an earlier one kept below this directory; what it answers is kept there too.
    ///
    /// # Errors
    /// When somebody else has the directory, or what is in it cannot be read back.
    pub(crate) fn open(dir: &Path) -> Result<Self> {
        Ok(Self { core: Arc::new(Mutex::new(Core::kept(dir)?)) })
    }

    /// A new connection.
    pub(crate) fn connect(&self) -> Wire {
        let peer = Peer { addr: "embedded:0".to_owned(), laddr: "embedded:0".to_owned(), unix: true, trusted: true };
        let client = self.lock().connect(peer);
        Wire::new(self.clone(), client)
    }

    /// Ends in order: what was answered is on the disk already, and is noted as complete.
    pub(crate) fn close(&self) {
        if let Some(store) = &self.lock().store {
            store.finish();
        }
    }

    fn lock(&self) -> MutexGuard<'_, Core> {
        // A panic in the broker ends the process in shipped builds; in tests the first one is the one to see.
        self.core.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
