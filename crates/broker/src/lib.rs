//! The rbq broker: commands, keyspace, transactions and waiting clients, without a socket or a clock.
//!
//! A [`Broker`] is a plain struct. Whoever drives it opens a session per connection, hands it requests with the
//! time, and hands on the mail it leaves for others. There is no I/O in here, no thread, no lock and no randomness,
//! so the same requests at the same times always give the same replies: a test plays a conversation without a
//! socket, a log replays to the same state, a simulation can try every order.
//!
//! Durable state changes through [`op`]s only, and only in [`apply`].

#![forbid(unsafe_code)]
#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

pub mod acl;
pub mod apply;
pub mod args;
pub mod broker;
pub mod catalog;
pub mod command;
pub mod commands;
mod decimal;
pub mod digest;
pub mod effects;
pub mod error;
mod give_back;
pub mod group;
pub mod keyspace;
pub mod latency;
pub mod log;
pub mod mail;
pub mod many;
pub mod number;
pub mod op;
pub mod output;
mod redact;
pub mod session;
pub mod settings;
pub mod slowlog;
pub mod snapshot;
pub mod stats;
mod streams;
pub mod string;
pub mod syntax;
#[cfg(test)]
mod testing;
pub mod time;
pub mod tracking;
pub mod value;
pub mod version;
pub mod waiters;

pub use broker::{
    Action, AskRoom, Asker, BackupOrder, BackupReport, Broker, DERIVED_BYTES_FREE, DiskRoom, Flow, HostFacts,
    Persistence, ReplayError, SPEAKS_HTTP, Snapshots, SwitchOrder,
};
pub use mail::{Letter, Mail};
pub use output::{Body, Gate, Output};
pub use session::{ClientId, Peer};
pub use settings::Settings;
pub use time::Now;
