//! An asynchronous client for any server that speaks the Redis protocol.
//!
//! ```text
//!   ClusterClient   follows MOVED and ASK                     many connections
//!        │
//!     Client        any number of tasks, replies matched      one connection, one task
//!        │
//!      Link         its owner queues, flushes, receives       one connection, no task
//!        │
//!    rbq-resp       bytes to values
//! ```
//!
//! A command is a [`Request`], a reply a [`Value`]; this crate knows no command beyond those that change the rules of the
//! conversation (`HELLO`, `SUBSCRIBE`, `MONITOR`, `RESET`). RESP3 is spoken where the server knows it, RESP2 elsewhere, and
//! whoever uses [`Client`] sees no difference in when a reply comes and where a message goes.
//!
//! Every buffer has a limit, all of them in [`Options`].
//!
//! ```no_run
//! use rbq_client::{Client, Options, Request, Target};
//!
//! # async fn example() -> rbq_client::Result<()> {
//! let target: Target = "redis://127.0.0.1:6379/0".parse().expect("a server URL");
//! let (client, mut pushes) = Client::connect(&target, &Options::default()).await?;
//!
//! client.call(["LPUSH", "jobs", "first"]).await?;
//! let length = client.call(["LLEN", "jobs"]).await?;
//! println!("{length:?}");
//!
//! client.call(Request::new("SUBSCRIBE").arg("news")).await?;
//! while let Some(message) = pushes.next().await {
//!     println!("{message:?}");
//! }
//! # Ok(())
//! # }
//! ```

#![forbid(unsafe_code)]
#![warn(missing_docs)]

mod asking;
mod client;
mod cluster;
mod driver;
mod error;
mod greeting;
mod link;
mod options;
mod percent;
mod pubsub;
mod redirect;
mod request;
mod router;
mod silence;
mod stream;
mod target;
mod tls;

pub use client::{Client, Pending, Pushes};
pub use cluster::ClusterClient;
pub use error::{Error, ErrorReply, Result, Strangeness, reason};
pub use link::Link;
pub use options::{Late, Options, Protocol};
pub use pubsub::{Kind, PubSub};
pub use rbq_resp::{Proto, SLOTS, ScanLimits, Value};
pub use redirect::{Redirect, RedirectKind};
pub use request::{Iter, Request};
pub use target::{Credentials, DEFAULT_PORT, Endpoint, Target, TargetError};
pub use tls::{Identity, Tls, TlsError, Trust};
