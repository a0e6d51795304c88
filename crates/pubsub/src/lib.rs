//! Channels, patterns and shard channels: who hears what, at the cost of those who hear it.
//!
//! The engine of a publish/subscribe server, with Redis's meaning: a message to a channel goes to whoever subscribed to
//! that channel, and to whoever subscribed to a [glob pattern](glob) that matches its name. The engine keeps the
//! subscriptions and names the receivers; what a message is and how it gets there is the caller's business. It knows no
//! protocol, socket, clock or thread, and serves any program that must find the interested parties for a name.
//!
//! ```
//! use rbq_pubsub::{PubSub, Via};
//!
//! let mut pubsub = PubSub::new();
//! pubsub.subscribe(1, b"orders:eu");
//! pubsub.psubscribe(2, b"orders:*");
//!
//! let mut heard = Vec::new();
//! let receivers = pubsub.publish(b"orders:eu", |who, via| heard.push((who, via)));
//!
//! assert_eq!(receivers, 2);
//! assert_eq!(heard, [(1, Via::Channel), (2, Via::Pattern(b"orders:*"))]);
//!
//! pubsub.forget(2);
//! assert_eq!(pubsub.publish(b"orders:us", |_, _| {}), 0);
//! ```
//!
//! # What it costs
//!
//! | Operation | Cost |
//! |---|---|
//! | subscribe, unsubscribe | the length of the name |
//! | [`publish`](PubSub::publish) | the channel's length, plus its receivers, plus the patterns that cannot be told apart |
//! | [`forget`](PubSub::forget) | the subscriber's own subscriptions |
//! | [`counts_of`](PubSub::counts_of), [`subscribers`](PubSub::subscribers) | constant |
//! | [`channels`](PubSub::channels) | the active channels |
//!
//! A publish does not look at patterns that differ from the channel in the literal text they start with, end with, or hold
//! in between (the longest such run): of 100,000 patterns `user:N:*`, `*:user-N` or `job:*:user-N:*` it runs one. Where
//! eight patterns or fewer are left to choose from, they are simply run.
//!
//! **Linear it stays** in patterns alike in all three of them. Those are patterns without literal text (`??`, `[ab]*`,
//! `*[0-9]*`), patterns told apart only by a class or by the number of their `?`, and patterns told apart only by a shorter
//! one of several inner texts (`*:a:*:everyone:*`). Each pattern run costs what [`glob`] says.
//!
//! A publish allocates nothing unless more than 32 different patterns match the channel (or the longest inner texts of
//! more than 32 are found in it).
//!
//! # Order
//!
//! Everything is in the order of subscription: receivers, a subscriber's channels, the active channels. The same
//! calls give the same answers, on any machine and whatever the [seed](PubSub::with_seed).

#![forbid(unsafe_code)]
#![deny(clippy::disallowed_methods, clippy::disallowed_types)]
#![warn(missing_docs)]

mod arena;
pub mod glob;
mod index;
mod pubsub;
mod register;
mod seeded;
mod trie;

pub use pubsub::{Counts, PubSub, Subscriber, Via};
