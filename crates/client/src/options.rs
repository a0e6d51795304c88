//! How to talk, and how much memory that may take: every limit of this crate, with the reason for its size.

use std::time::Duration;

use rbq_resp::ScanLimits;

/// Requests sent and not yet answered: 1024. Over a round trip of 1 ms that allows a million requests a second, more than one
/// connection carries.
const IN_FLIGHT_MAX: usize = 1024;

/// Bytes of requests not yet answered: 64 MiB, so that a thousand big messages wait in the caller and not here.
const IN_FLIGHT_BYTES_MAX: usize = 64 * 1024 * 1024;

/// Messages received and not yet taken: 1024, a few milliseconds of a busy channel.
const PUSHES_MAX: usize = 1024;

/// The socket with its TLS, and then each answer of the greeting: 5 seconds, as redis-py and go-redis have it.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// Which protocol to speak.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Protocol {
    /// RESP3 where the server knows it (Redis 6 and later), else RESP2.
    #[default]
    Newest,
    /// RESP3, or fail.
    Resp3,
    /// RESP2, without a `HELLO`.
    Resp2,
}

/// Told when a reply takes longer than this.
#[derive(Debug, Clone, Copy)]
pub struct Late {
    /// So long after it was due.
    pub after: Duration,
    /// Called with `after`.
    pub tell: fn(Duration),
}

/// How to talk to a server. `Options::default()` suits a program; change fields from there.
#[derive(Debug, Clone)]
pub struct Options {
    /// Which protocol to speak.
    pub protocol: Protocol,
    /// The name that `CLIENT LIST` shows; no blanks.
    pub client_name: Option<String>,
    /// How long connecting may take, name lookup and TLS included: then there is nobody, or nobody to be reached.
    pub connect_timeout: Duration,
    /// How long each reply of the greeting may take: somebody is there, and silent. `None` waits forever.
    pub greeting_timeout: Option<Duration>,
    /// How long a reply may take, beyond what a command waits by itself; `None` waits forever.
    pub reply_timeout: Option<Duration>,
    /// How long a [`Client`](crate::Client)'s server may be silent that owes it a reply: neither takes nor sends a byte. It is then
    /// lost, with all that is in flight. For whoever has much in flight and asks nothing that waits by itself; `None` waits forever.
    pub silence_timeout: Option<Duration>,
    /// Who is told when a reply takes long, before it has taken too long; a [`Link`](crate::Link) tells, once for each such reply,
    /// and a [`Client`](crate::Client) of silence that may come to be too long.
    pub late: Option<Late>,
    /// Requests sent and not yet answered; more wait for room.
    pub in_flight_max: usize,
    /// Bytes of requests not yet answered; more wait for room. A request above it goes alone.
    pub in_flight_bytes_max: usize,
    /// Pushes received and not yet taken; the newest above it are dropped and counted.
    pub pushes_max: usize,
    /// How big and how deep one reply may be.
    pub reply_limits: ScanLimits,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            protocol: Protocol::Newest,
            client_name: None,
            connect_timeout: CONNECT_TIMEOUT,
            greeting_timeout: Some(CONNECT_TIMEOUT),
            reply_timeout: None,
            silence_timeout: None,
            late: None,
            in_flight_max: IN_FLIGHT_MAX,
            in_flight_bytes_max: IN_FLIGHT_BYTES_MAX,
            pushes_max: PUSHES_MAX,
            reply_limits: ScanLimits::default(),
        }
    }
}
