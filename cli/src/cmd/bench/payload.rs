//! What a message of a measurement says: whose it is, which one, and when it was due.
//!
//! ```text
//!   0        8          12        20        28          size
//!   ┌────────┬──────────┬─────────┬─────────┬─ ─ ─ ─ ─ ─┐
//!   │ run id │ producer │ number  │ due, ns │ x x x x x │
//!   └────────┴──────────┴─────────┴─────────┴─ ─ ─ ─ ─ ─┘
//! ```
//!
//! With it a receiver alone can tell loss, doubling, order and how long the message was under way, on any server.

/// The bytes that are needed at least.
pub(super) const SIZE_MIN: usize = 28;

/// The producer of the message that ends a subscription.
const NOBODY: u32 = u32::MAX;

/// A message read back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Read {
    Message {
        producer: u32,
        number: u64,
        due_ns: u64,
    },
    /// The last one of the run.
    End,
    /// Not one of this run, or not as it was sent.
    Damaged,
}

/// Writes and reads the messages of one run.
#[derive(Debug, Clone)]
pub(super) struct Form {
    run: u64,
    size: usize,
}

impl Form {
    pub(super) fn new(run: u64, size: usize) -> Self {
        Self { run, size: size.max(SIZE_MIN) }
    }

    pub(super) fn message(&self, producer: u32, number: u64, due_ns: u64) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(self.size);
        bytes.extend_from_slice(&self.run.to_be_bytes());
        bytes.extend_from_slice(&producer.to_be_bytes());
        bytes.extend_from_slice(&number.to_be_bytes());
        bytes.extend_from_slice(&due_ns.to_be_bytes());
        bytes.resize(self.size, b'x');
        bytes
    }

    pub(super) fn end(&self) -> Vec<u8> {
        self.message(NOBODY, 0, 0)
    }

    pub(super) fn read(&self, bytes: &[u8]) -> Read {
        let Some((head, rest)) = bytes.split_first_chunk::<SIZE_MIN>() else {
            return Read::Damaged;
        };
        let number = |at: usize| u64::from_be_bytes(head[at..at + 8].try_into().expect("eight bytes"));
        if bytes.len() != self.size || number(0) != self.run || rest.iter().any(|byte| *byte != b'x') {
            return Read::Damaged;
        }
        match u32::from_be_bytes(head[8..12].try_into().expect("four bytes")) {
            NOBODY => Read::End,
            producer => Read::Message { producer, number: number(12), due_ns: number(20) },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_reads_back_and_anything_else_is_damaged() {
        let form = Form::new(7, 40);
        let message = form.message(3, 9, 1_000);
        assert_eq!(form.read(&message), Read::Message { producer: 3, number: 9, due_ns: 1_000 });
        assert_eq!(form.read(&form.end()), Read::End);
        let mut changed = message.clone();
        changed[39] = b'y';
        for damaged in [&message[..39], &changed, b"", &Form::new(8, 40).message(3, 9, 1_000)] {
            assert_eq!(form.read(damaged), Read::Damaged);
        }
    }
}
