//! What consumers of a queue have in hand: taken, and not done with.
//!
//! `rbq consume` keeps that in `NAME:processing:CONSUMER`, a list for each consumer that holds something. A queue whose messages are
//! all in hand is no key any more, and yet is there: what a consumer that was killed holds comes back at its next start.

use std::collections::BTreeMap;

use rbq_client::Request;

use crate::cmd::keyspace::find::{literal, search};
use crate::cmd::keyspace::kind::{Kind, expect, missing, type_of};
use crate::cmd::keyspace::own::{in_hand_of, queue_of, without_tag};
use crate::cmd::keyspace::work::counted;
use crate::facts::number;
use crate::failure::Result;
use crate::servers::Servers;

/// Lists that are looked for; no server has ten thousand consumers that each hold something.
const LISTS_MAX: usize = 10_000;

/// Messages in hand, and of how many consumers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Hand {
    pub(super) messages: u64,
    pub(super) consumers: u64,
}

impl Hand {
    pub(super) fn is_empty(self) -> bool {
        self.consumers == 0
    }

    /// For a plan: what stays, whatever is done to the queue.
    pub(super) fn stays(self) -> String {
        let (messages, consumers) = (counted(self.messages, "message"), counted(self.consumers, "consumer"));
        format!("not touched: {messages} in the hands of {consumers}; what they do not finish comes back")
    }
}

/// What consumers of one queue have in hand.
///
/// # Errors
/// Of the server.
pub(super) async fn of(servers: &mut Servers, key: &[u8]) -> Result<Hand> {
    let of_pattern = all(servers, &literal(key)).await?;
    Ok(of_pattern.get(key).copied().unwrap_or_default())
}

/// What consumers of the queues of a pattern have in hand, by queue.
///
/// # Errors
/// Of the server.
pub(super) async fn all(servers: &mut Servers, pattern: &[u8]) -> Result<BTreeMap<Vec<u8>, Hand>> {
    let mut lists = Vec::new();
    let [plain, tagged] = in_hand_of(pattern);
    // Each pattern is a walk over all keys, and braces are put around names on a cluster alone.
    let tagged = (servers.is_cluster() && pattern != b"*").then_some(tagged);
    for lists_of in [Some(plain), tagged].into_iter().flatten() {
        lists.extend(search(servers, Kind::Queue, Some(&lists_of), LISTS_MAX).await?.keys);
    }
    lists.sort();
    lists.dedup();
    let lengths = lists.iter().map(|list| (list.as_slice(), Request::new("LLEN").arg(list))).collect();
    let lengths: Vec<u64> = servers.gather(lengths).await?.iter().map(|length| number(length).unwrap_or(0)).collect();
    let mut hands: BTreeMap<Vec<u8>, Hand> = BTreeMap::new();
    for (list, length) in lists.iter().zip(lengths).filter(|(_, length)| *length > 0) {
        let queue = owner(servers, queue_of(list).expect("the pattern has it")).await?;
        let hand = hands.entry(queue).or_default();
        hand.messages += length;
        hand.consumers += 1;
    }
    Ok(hands)
}

/// The queue that such lists belong to. Braces may be the name's own, or were put around it for its slot in a cluster.
async fn owner(servers: &mut Servers, name: &[u8]) -> Result<Vec<u8>> {
    let bare = without_tag(name);
    if bare == name || !servers.is_cluster() || type_of(servers, name).await? == Kind::Queue.type_name() {
        return Ok(name.to_vec());
    }
    Ok(bare.to_vec())
}

/// Makes sure that there is such a queue, if only in the hands of its consumers; tells what those have.
///
/// # Errors
/// There is none, or something else has its name; or the server's.
pub(super) async fn expect_queue(servers: &mut Servers, key: &[u8], verb: &str) -> Result<Hand> {
    let hand = of(servers, key).await?;
    if type_of(servers, key).await? != "none" {
        expect(servers, key, Kind::Queue, verb).await?;
    } else if hand.is_empty() {
        return Err(missing(servers, key, Kind::Queue).await?);
    }
    Ok(hand)
}
