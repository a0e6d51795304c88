//! Channels, patterns and shard channels: who hears what, at the cost of those who hear it.

#![forbid(unsafe_code)]
#![warn(missing_docs)]

mod arena;
pub mod glob;
mod index;
mod pubsub;
mod register;
mod seeded;
mod trie;

pub use pubsub::{Counts, PubSub, Subscriber, Via};
