//! Keys that rbq keeps beside those of its users: what a listing leaves out, and whose they are.
//!
//! ```text
//!   NAME:processing:CONSUMER   a list    what a consumer of the queue NAME has in hand
//!   NAME:redriven              a stream  what was sent back of the dead letters NAME
//!   NAME:rbq:import:RUN        either    a part of NAME, which an import is making or did not finish
//! ```
//!
//! On a cluster NAME stands in braces where it has no hash tag of its own, so that the key is in its slot. Names are all there is to
//! go by, so `--all` shows every key there is.

use super::kind::Kind;
use crate::cmd::dlq::LEDGER;
use crate::transfer::temporary::run_of;

/// Behind the name of a queue, and before that of a consumer.
const PROCESSING: &[u8] = b":processing:";

/// Whether a key of this kind is one of ours, as names go.
pub(crate) fn is_own(kind: Kind, key: &[u8]) -> bool {
    if run_of(key).is_some() {
        return true;
    }
    match kind {
        Kind::Queue => queue_of(key).is_some(),
        Kind::Stream => key.len() > LEDGER.len() && key.ends_with(LEDGER.as_bytes()),
    }
}

/// What stands before `:processing:CONSUMER`: the queue, perhaps in braces.
pub(crate) fn queue_of(key: &[u8]) -> Option<&[u8]> {
    let at = key.windows(PROCESSING.len()).rposition(|part| part == PROCESSING)?;
    (at > 0 && at + PROCESSING.len() < key.len()).then(|| &key[..at])
}

/// A name without the braces that were put around it for a cluster.
pub(crate) fn without_tag(name: &[u8]) -> &[u8] {
    let inner = name.strip_prefix(b"{").and_then(|rest| rest.strip_suffix(b"}"));
    inner.filter(|inner| !inner.is_empty() && !inner.contains(&b'}')).unwrap_or(name)
}

/// The pattern of what consumers of the queues of a pattern have in hand.
pub(crate) fn in_hand_of(queues: &[u8]) -> [Vec<u8>; 2] {
    let processing = [PROCESSING, b"*"].concat();
    [[queues, &processing].concat(), [b"{", queues, b"}", &processing].concat()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn our_keys_are_told_from_those_of_users() {
        for (key, queue) in [
            ("jobs:processing:ann", Some("jobs")),
            ("{jobs}:processing:ann", Some("{jobs}")),
            ("a:processing:b:processing:c", Some("a:processing:b")),
            ("jobs:processing:", None),
            (":processing:ann", None),
            ("jobs:processing", None),
            ("jobs", None),
        ] {
            assert_eq!(queue_of(key.as_bytes()), queue.map(str::as_bytes), "{key}");
        }
        assert!(is_own(Kind::Stream, b"{orders.dlq}:redriven") && is_own(Kind::Stream, b"graveyard:redriven"));
        let unfinished = b"{orders}:rbq:import:0123456789abcdef";
        assert!(is_own(Kind::Stream, unfinished) && is_own(Kind::Queue, unfinished));
        assert!(!is_own(Kind::Stream, b"orders.dlq") && !is_own(Kind::Stream, b":redriven"));
    }

    #[test]
    fn braces_of_ours_are_taken_off_and_others_stay() {
        for (name, bare) in [("{jobs}", "jobs"), ("jobs", "jobs"), ("{a}b}", "{a}b}"), ("{}", "{}")] {
            assert_eq!(without_tag(name.as_bytes()), bare.as_bytes());
        }
    }
}
