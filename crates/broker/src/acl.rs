//! The categories of commands that access rules speak of.
//!
//! Most follow from what a command declares anyway: `write` from its flags, `list` from its group. What does not is
//! in its declaration ([`Command::acl`](crate::command::Command::acl)).

use crate::catalog::Known;
use crate::command::{Family, Flags};

/// Every category, in the order ACL CAT lists them. Some belong to types of values that rbq does not have; rules may
/// name them all the same.
pub const CATEGORIES: &[&str] = &[
    "keyspace",
    "read",
    "write",
    "set",
    "sortedset",
    "list",
    "hash",
    "string",
    "bitmap",
    "hyperloglog",
    "geo",
    "stream",
    "pubsub",
    "admin",
    "fast",
    "slow",
    "blocking",
    "dangerous",
    "connection",
    "transaction",
    "scripting",
];

/// The categories of a command, in that order.
pub fn categories(known: &Known) -> impl Iterator<Item = &'static str> {
    let flags = known.flags;
    let by_flag = [
        (Flags::WRITE, "write"),
        (Flags::READONLY, "read"),
        (Flags::PUBSUB, "pubsub"),
        (Flags::ADMIN, "admin"),
        (Flags::ADMIN, "dangerous"),
        (Flags::FAST, "fast"),
        (Flags::BLOCKING, "blocking"),
    ];
    let by_flag = move |category| by_flag.iter().any(|(flag, other)| flags.has(*flag) && *other == category);
    let is_slow = !flags.has(Flags::FAST);
    let group = if known.acl.is_empty() && known.subcommands.is_empty() { of_group(known.group) } else { None };
    let declared = known.acl;
    CATEGORIES.iter().copied().filter(move |&category| {
        by_flag(category) || (is_slow && category == "slow") || group == Some(category) || declared.contains(&category)
    })
}

fn of_group(group: Family) -> Option<&'static str> {
    match group {
        Family::Generic => Some("keyspace"),
        Family::String => Some("string"),
        Family::List => Some("list"),
        Family::Stream => Some("stream"),
        Family::Transactions => Some("transaction"),
        Family::Connection => Some("connection"),
        Family::Scripting => Some("scripting"),
        Family::PubSub | Family::Server | Family::Cluster => None,
    }
}
