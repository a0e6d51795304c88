//! What is remembered of dead letters, for those that only look: how often each was sent back, and by which job last.

use super::super::keys::Place;
use super::job::Keys;
use super::ledger::Ledger;
use crate::deadletter::DeadLetter;
use crate::failure::Result;
use crate::servers::Servers;

/// The ledger beside a dead-letter stream, with every job in it.
#[derive(Debug)]
pub(crate) struct Memory(Ledger);

impl Memory {
    /// Reads it, and changes nothing.
    ///
    /// # Errors
    /// Of the server.
    pub(crate) async fn of(servers: &mut Servers, place: &Place) -> Result<Self> {
        let keys = Keys::of(servers, place);
        // No job has an empty name, so all of them are earlier ones.
        Ledger::look(servers, &keys, "").await.map(Self)
    }

    /// The letter with what is remembered of it.
    pub(crate) fn recalled(&self, letter: &DeadLetter) -> DeadLetter {
        self.0.annotated(letter)
    }
}
