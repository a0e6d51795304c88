//! Whether two servers said the same.
//!
//! Replies are equal byte for byte after the masks and known differences of [`known`](super::known); each known
//! difference that was needed is counted, so that a report tells how often Redis disagrees with itself.

use std::collections::BTreeMap;

use bytes::Bytes;
use rbq_resp::Value;
use rbq_transcript::render;

use super::fields::items_mut;
use super::known::{KNOWN, MASKS};
use super::side::{Answer, Heard};
use super::turn::{Args, CAST, Turn, name};

/// Compares turn after turn; remembers what each client has queued, so that it can read the reply to EXEC.
#[derive(Default)]
pub(crate) struct Comparison {
    queued: [Vec<Args>; CAST.len()],
    /// Which known differences were met, and how often.
    pub(crate) met: BTreeMap<&'static str, u64>,
}

impl Comparison {
    /// What the second server said otherwise than the first, if anything.
    pub(crate) fn turn(&mut self, turn: &Turn, older: &Heard, newer: &Heard) -> Option<String> {
        let swaps = |args: &Args| name(args) == b"SWAPDB";
        let order = match turn.commands().chain(&self.queued[turn.client]).any(swaps) {
            true => Order::Any,
            false => Order::Told,
        };
        for (index, args) in turn.commands().enumerate() {
            let (older, newer) = (&older.answers[index], &newer.answers[index]);
            if let Some(difference) = self.answer(turn.client, args, older, newer) {
                return Some(difference);
            }
        }
        let mixed = |heard: &Heard| -> Vec<Value> {
            let rows = heard.mixed.iter().map(|(_, values)| Value::Array(in_order(values)));
            rows.collect()
        };
        let who = |heard: &Heard| -> Vec<usize> { heard.served.iter().map(|(client, ..)| *client).collect() };
        if who(older) != who(newer) {
            return Some(format!("other clients were served: {} and {}", names(&who(older)), names(&who(newer))));
        }
        for ((client, args, older), (_, _, newer)) in older.served.iter().zip(&newer.served) {
            if let Some(difference) = self.value(args, older, newer) {
                return Some(format!("{} waited and got {difference}", CAST[*client].name));
            }
        }
        if mixed(older) != mixed(newer) {
            return Some("a subscriber received other replies".to_owned());
        }
        if newer.torn && !older.torn {
            return Some("a message stood in the middle of a reply".to_owned());
        }
        (0..CAST.len()).find_map(|client| messages_differ(client, older, newer, order))
    }

    fn answer(&mut self, client: usize, args: &Args, older: &Answer, newer: &Answer) -> Option<String> {
        let (Answer::Reply(older), Answer::Reply(newer)) = (older, newer) else {
            return (older != newer).then(|| format!("{older:?} and {newer:?}"));
        };
        let is_exec = name(args) == b"EXEC";
        let difference = match (is_exec, older, newer) {
            (true, Value::Array(older), Value::Array(newer)) if older.len() == newer.len() => {
                let queued = std::mem::take(&mut self.queued[client]);
                let pairs = queued.iter().zip(older.iter().zip(newer));
                pairs.into_iter().find_map(|(args, (older, newer))| self.value(args, older, newer))
            }
            _ => self.value(args, older, newer),
        };
        match (name(args).as_slice(), older) {
            (b"MULTI" | b"EXEC" | b"DISCARD" | b"RESET", Value::Status(_) | Value::Array(_)) => {
                self.queued[client].clear();
            }
            (_, Value::Status(text)) if text == "QUEUED" => self.queued[client].push(args.clone()),
            _ => {}
        }
        difference
    }

    /// What is different about two replies to a command.
    pub(crate) fn value(&mut self, args: &Args, older: &Value, newer: &Value) -> Option<String> {
        if older == newer {
            return None;
        }
        let (mut older, mut newer) = (older.clone(), newer.clone());
        for mask in MASKS {
            mask(args, &mut older);
            mask(args, &mut newer);
        }
        for known in KNOWN {
            if older == newer {
                return None;
            }
            let before = newer.clone();
            (known.reconcile)(args, &older, &mut newer);
            if newer != before {
                *self.met.entry(known.why).or_default() += 1;
            }
        }
        (older != newer).then(|| format!("{}\n  and {}", render(&older, 0), render(&newer, 0)))
    }
}

/// Whether it matters in which order messages came.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Order {
    /// As they were sent.
    Told,
    /// Redis goes over the keys that are waited for in a database that came in as its hash table has them (redis
    /// src/db.c, scanDatabaseForReadyKeys).
    Any,
}

/// What one client was told otherwise.
fn messages_differ(client: usize, older: &Heard, newer: &Heard, order: Order) -> Option<String> {
    let told = |heard: &Heard| -> Vec<Value> {
        let rows = heard.messages.iter().filter(|(to, _)| *to == client);
        let mut messages: Vec<Value> = rows.flat_map(|(_, messages)| in_order(messages)).collect();
        if order == Order::Any {
            messages.sort_by_cached_key(|message| render(message, 0));
        }
        messages
    };
    let (older, newer) = (told(older), told(newer));
    let shown = |message: Option<&Value>| message.map_or_else(|| "nothing".to_owned(), |message| render(message, 0));
    let at = (0..older.len().max(newer.len())).find(|&at| older.get(at) != newer.get(at))?;
    Some(format!("{} heard {}\n  and {}", CAST[client].name, shown(older.get(at)), shown(newer.get(at))))
}

fn names(clients: &[usize]) -> String {
    let names: Vec<&str> = clients.iter().map(|&client| CAST[client].name).collect();
    if names.is_empty() { "nobody".to_owned() } else { names.join(", ") }
}

/// Messages with what a server may order as it likes put in order: the patterns that one message matches, and the
/// channels that one command leaves (both hash tables in Redis). Their running counts stay where they are.
fn in_order(messages: &[Value]) -> Vec<Value> {
    let mut messages = messages.to_vec();
    let mut rest = messages.as_mut_slice();
    while let Some(first) = rest.first() {
        let run = 1 + rest[1..].iter().take_while(|message| are_siblings(first, message)).count();
        let (siblings, later) = rest.split_at_mut(run);
        if run > 1 {
            let mut named: Vec<Value> = siblings.iter_mut().map(|message| items_mut(message)[1].clone()).collect();
            named.sort_by(|a, b| a.as_bytes().cmp(&b.as_bytes()));
            siblings.iter_mut().zip(named).for_each(|(message, name)| items_mut(message)[1] = name);
        }
        rest = later;
    }
    messages
}

fn are_siblings(first: &Value, other: &Value) -> bool {
    let (Value::Array(first) | Value::Push(first), Value::Array(other) | Value::Push(other)) = (first, other) else {
        return false;
    };
    let kind = |parts: &[Value]| parts.first().and_then(Value::as_bytes).map(Bytes::copy_from_slice);
    match kind(first).as_deref() {
        Some(b"pmessage") => kind(other) == kind(first) && first.get(2..) == other.get(2..),
        Some(b"unsubscribe" | b"punsubscribe" | b"sunsubscribe") => kind(other) == kind(first),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(parts: &[&str]) -> Value {
        Value::Push(parts.iter().map(|part| Value::Bulk(Bytes::copy_from_slice(part.as_bytes()))).collect())
    }

    #[test]
    fn patterns_of_one_message_have_no_order_but_messages_have() {
        let one = message(&["pmessage", "a*", "abc", "hi"]);
        let two = message(&["pmessage", "*c", "abc", "hi"]);
        let other = message(&["pmessage", "*c", "abc", "ho"]);
        assert_eq!(in_order(&[one.clone(), two.clone()]), in_order(&[two.clone(), one.clone()]));
        assert_ne!(in_order(&[one.clone(), other.clone()]), in_order(&[other, one]));
    }
}
