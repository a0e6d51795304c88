//! What one client's command sends to others: messages, served waiters, wake-ups.
//!
//! The broker writes it while it holds all state; the driver hands it on while nobody else can, so every client
//! sees one order. A published message is encoded once per protocol version and written here once, however many
//! receive it.

use bytes::Bytes;

use crate::output::{Gate, Output};
use crate::session::ClientId;

/// What a client gets that it did not just ask for.
pub enum Letter {
    /// A push or message, encoded: a range of [`Mail::arena`].
    Small {
        /// Where it starts.
        start: u32,
        /// Where it ends.
        end: u32,
        /// Behind which gate.
        gate: Gate,
    },
    /// The same, too large to copy for each receiver.
    Shared(Bytes, Gate),
    /// The answer to a parked command: its client may go on with what it sent since.
    Reply(Output),
    /// Its client may go on, without an answer: the pause is over that held its command back, or the one that waited was
    /// not to be answered.
    Resume,
    /// The connection is to be closed, for this reason (logged, not sent).
    Close(&'static str),
}

/// Letters of at least this many bytes are shared rather than copied into each receiver's buffer.
const SHARED_BYTES_MIN: usize = 1024;

/// What an arena keeps from one hold to the next.
const ARENA_KEPT_BYTES: usize = 1024 * 1024;

/// What the list of letters keeps: about as much.
const LETTERS_KEPT: usize = 16 * 1024;

/// A letter's content, put down once for any number of receivers.
#[derive(Clone)]
pub enum Envelope {
    /// In the arena.
    Small(u32, u32),
    /// Shared.
    Shared(Bytes),
}

/// Outgoing letters in the order they were caused.
#[derive(Default)]
pub struct Mail {
    /// The bytes of small letters.
    pub arena: Vec<u8>,
    /// Who gets what.
    pub letters: Vec<(ClientId, Letter)>,
}

impl Mail {
    /// Whether there is nothing to hand on.
    pub fn is_empty(&self) -> bool {
        self.letters.is_empty()
    }

    /// Forgets what was handed on; keeps allocations of a usual size.
    pub fn clear(&mut self) {
        self.arena.clear();
        self.arena.shrink_to(ARENA_KEPT_BYTES);
        self.letters.clear();
        self.letters.shrink_to(LETTERS_KEPT);
    }

    /// Puts down a letter that `write` encodes.
    pub fn envelope(&mut self, write: impl FnOnce(&mut Vec<u8>)) -> Envelope {
        let start = self.arena.len();
        write(&mut self.arena);
        if self.arena.len() - start < SHARED_BYTES_MIN {
            return Envelope::Small(start as u32, self.arena.len() as u32);
        }
        let bytes = Bytes::copy_from_slice(&self.arena[start..]);
        self.arena.truncate(start);
        Envelope::Shared(bytes)
    }

    /// Addresses a letter to one more receiver.
    pub fn send(&mut self, to: ClientId, envelope: &Envelope, gate: Gate) {
        let letter = match envelope {
            Envelope::Small(start, end) => Letter::Small { start: *start, end: *end, gate },
            Envelope::Shared(bytes) => Letter::Shared(bytes.clone(), gate),
        };
        self.letters.push((to, letter));
    }

    /// Sends anything else.
    pub fn post(&mut self, to: ClientId, letter: Letter) {
        self.letters.push((to, letter));
    }
}
