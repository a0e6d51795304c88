//! `ASKING` before each request of a connection, and whose the replies are.
//!
//! ```text
//!   sent       ASKING GET   ASKING MULTI GET EXEC
//!   replies    OK     a     OK     OK    …   …
//!              └── dropped ──┘
//! ```
//!
//! Invariant: in a transaction nothing is added, as it would be a part of it. There the server remembers what was said before `MULTI`
//! up to the end of `EXEC`.

use std::collections::VecDeque;

use crate::Request;

/// As many replies are awaited as requests are in flight, and no more.
#[derive(Debug, Default)]
pub(crate) struct Asking {
    is_in_transaction: bool,
    /// For each reply that is awaited, whether that of `ASKING` comes first.
    awaited: VecDeque<bool>,
}

impl Asking {
    /// Whether `ASKING` goes before this request, which is sent now.
    pub(crate) fn precedes(&mut self, request: &Request) -> bool {
        let is_outside = !self.is_in_transaction;
        self.is_in_transaction = match is_outside {
            true => request.is_word(0, "MULTI"),
            false => !request.is_word(0, "EXEC") && !request.is_word(0, "DISCARD"),
        };
        self.awaited.push_back(is_outside);
        is_outside
    }

    /// A reply has come: whether it is that of `ASKING`.
    pub(crate) fn takes_reply(&mut self) -> bool {
        match self.awaited.front_mut() {
            Some(comes_first @ true) => {
                *comes_first = false;
                true
            }
            _ => {
                self.awaited.pop_front();
                false
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_said_within_a_transaction_and_each_reply_finds_its_request() {
        let mut asking = Asking::default();
        let said = ["GET", "multi", "SET", "EXEC", "GET"].map(|name| asking.precedes(&Request::new(name)));
        assert_eq!(said, [true, true, false, false, true]);
        let dropped: Vec<bool> = (0..8).map(|_| asking.takes_reply()).collect();
        assert_eq!(dropped, [true, false, true, false, false, false, true, false]);
        assert!(asking.awaited.is_empty());
    }
}
