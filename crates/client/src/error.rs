//! Everything that can go wrong between a request and its reply.
//!
//! ```text
//!   Connect   Tls   Untrusted   Stranger
//!   Auth   Handshake                  before the connection is of use
//!   Closed    Protocol                after it: ends the connection, every request in flight gets the same error
//!   Timeout   TooLarge                this request alone
//!   Reply     Redirect                the server answered, with an error
//! ```
//!
//! Cheap to clone, because one lost connection is told to every caller who waits on it.

use std::fmt;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use crate::{Endpoint, Redirect, TlsError};

/// What this crate's functions return.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why there is no reply, or why the reply is not what was asked for.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The server could not be reached.
    #[error("could not connect to {endpoint}: {}", reason(.source))]
    Connect {
        /// Where it was looked for.
        endpoint: Endpoint,
        /// What the system said.
        source: Arc<io::Error>,
    },
    /// What the target says about TLS is of no use.
    #[error("{0}")]
    Tls(#[from] TlsError),
    /// The server's certificate is not one to trust: signed by a stranger, for another name, or out of date.
    #[error("{endpoint} is not to be trusted: {why}")]
    Untrusted {
        /// Where the server is.
        endpoint: Endpoint,
        /// What is wrong with its certificate.
        why: Arc<str>,
    },
    /// Something is there, and it does not take up a conversation with us.
    #[error("{endpoint} {strangeness}{}", .why.as_deref().map(|why| format!(": {why}")).unwrap_or_default())]
    Stranger {
        /// Where it is.
        endpoint: Endpoint,
        /// What it did.
        strangeness: Strangeness,
        /// In its own words, or the system's.
        why: Option<Arc<str>>,
    },
    /// The server did not take the credentials.
    #[error("the server refused the credentials: {0}")]
    Auth(ErrorReply),
    /// The server refused another step of the greeting: `SELECT` of a database that is not there, a client name.
    #[error("the server refused `{command}`: {reply}")]
    Handshake {
        /// The command it refused.
        command: &'static str,
        /// What it answered.
        reply: ErrorReply,
    },
    /// The connection has ended: the server closed it, or the network did.
    #[error("the server closed the connection{}", .0.as_deref().map(|e| format!(": {}", reason(e))).unwrap_or_default())]
    Closed(Option<Arc<io::Error>>),
    /// The server sent bytes that are no reply, a reply above the limits, or a reply that nobody asked for.
    #[error("the server broke the protocol: {0}")]
    Protocol(Arc<str>),
    /// No reply within the time allowed. The request may have been executed.
    #[error("no reply within {0:?}")]
    Timeout(Duration),
    /// More requests in one pipeline than the connection may have in flight.
    #[error("a pipeline of {requests} requests is above the limit of {max} in flight")]
    TooLarge {
        /// How many it has.
        requests: usize,
        /// How many [`Options::in_flight_max`](crate::Options::in_flight_max) allows.
        max: usize,
    },
    /// The request cannot be used on a shared connection, because replies could no longer be told apart.
    #[error("`{0}` cannot be sent on a connection that matches replies to requests")]
    Unmatchable(&'static str),
    /// A cluster node that does not own the key's slot.
    #[error("{0}")]
    Redirect(Redirect),
    /// More redirects for one request than a settled cluster ever needs.
    #[error("gave up after {0} redirects")]
    TooManyRedirects(usize),
    /// The server answered with an error.
    #[error("{0}")]
    Reply(ErrorReply),
}

impl Error {
    /// Whether the connection is of no use any more.
    #[must_use]
    pub fn ends_connection(&self) -> bool {
        matches!(
            self,
            Self::Connect { .. }
                | Self::Tls(_)
                | Self::Untrusted { .. }
                | Self::Stranger { .. }
                | Self::Auth(_)
                | Self::Handshake { .. }
                | Self::Closed(_)
                | Self::Protocol(_)
        )
    }

    /// An error reply of the server, told apart: redirects are a thing of their own.
    #[must_use]
    pub fn from_error_reply(text: String) -> Self {
        match Redirect::parse(text.as_bytes()) {
            Some(redirect) => Self::Redirect(redirect),
            None => Self::Reply(ErrorReply(text)),
        }
    }

    pub(crate) fn closed_by(error: io::Error) -> Self {
        match error.kind() {
            // A TLS stream that ends without the peer's word for it. Every reply says its own length, so nothing can be cut off
            // unseen, and it is an end like any other.
            io::ErrorKind::UnexpectedEof => Self::Closed(None),
            _ => Self::Closed(Some(Arc::new(error))),
        }
    }

    pub(crate) fn protocol(what: impl fmt::Display) -> Self {
        Self::Protocol(what.to_string().into())
    }
}

/// What something did that listens where a server was looked for, and is not one, or not one for us.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Strangeness {
    /// It closed the connection instead of answering the greeting: most often a port for TLS that was spoken to without.
    HungUp,
    /// It answered in another protocol: HTTP, TLS.
    AnotherProtocol,
    /// It wants a certificate of ours, or another one.
    WantsCertificate,
    /// It did not agree to speak TLS as we do.
    RefusedTls,
}

impl fmt::Display for Strangeness {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::HungUp => "hung up instead of answering",
            Self::AnotherProtocol => "answers in another protocol than Redis's",
            Self::WantsCertificate => "does not let us in without a certificate that it trusts",
            Self::RefusedTls => "refused to speak TLS with us",
        })
    }
}

/// The text of an error reply, without the leading `-`: a code in capitals, a blank, a sentence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ErrorReply(pub(crate) String);

impl ErrorReply {
    /// The first word, `ERR`, `WRONGTYPE`, `NOGROUP` and so on: what a program should look at.
    #[must_use]
    pub fn code(&self) -> &str {
        self.0.split(' ').next().unwrap_or_default()
    }

    /// The whole text.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ErrorReply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What the system said, in its own words: `Connection refused`, without Rust's `(os error 111)` and the resolver's preamble.
#[must_use]
pub fn reason(error: &io::Error) -> String {
    let text = error.to_string();
    let text = text.strip_prefix("failed to lookup address information: ").unwrap_or(&text);
    match text.rfind(" (os error ") {
        Some(at) => text[..at].to_owned(),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_error_says_itself() {
        let refused = Arc::new(io::Error::from_raw_os_error(111));
        let reply = |text: &'static str| ErrorReply(text.to_owned());
        let shown = [
            Error::Connect { endpoint: Endpoint::default(), source: Arc::clone(&refused) },
            Error::from(TlsError::Name("a b".to_owned())),
            Error::Untrusted { endpoint: Endpoint::default(), why: "invalid peer certificate: UnknownIssuer".into() },
            Error::Stranger {
                endpoint: Endpoint::default(),
                strangeness: Strangeness::WantsCertificate,
                why: Some("received fatal alert: CertificateRequired".into()),
            },
            Error::Stranger { endpoint: Endpoint::default(), strangeness: Strangeness::HungUp, why: None },
            Error::Auth(reply("WRONGPASS invalid username-password pair or user is disabled.")),
            Error::Handshake { command: "SELECT", reply: reply("ERR DB index is out of range") },
            Error::Closed(None),
            Error::Closed(Some(refused)),
            Error::protocol("a reply that nobody asked for"),
            Error::Timeout(Duration::from_millis(1500)),
            Error::TooLarge { requests: 9, max: 8 },
            Error::Unmatchable("CLIENT REPLY"),
            Error::from_error_reply("MOVED 12 h:7".to_owned()),
            Error::from_error_reply("ASK 12 h:7".to_owned()),
            Error::TooManyRedirects(5),
            Error::from_error_reply("ERR no such key".to_owned()),
        ]
        .map(|error| error.to_string())
        .join("\n");
        let expected = "could not connect to 127.0.0.1:6379: Connection refused
`a b` is neither a host name nor an address
127.0.0.1:6379 is not to be trusted: invalid peer certificate: UnknownIssuer
127.0.0.1:6379 does not let us in without a certificate that it trusts: received fatal alert: CertificateRequired
127.0.0.1:6379 hung up instead of answering
the server refused the credentials: WRONGPASS invalid username-password pair or user is disabled.
the server refused `SELECT`: ERR DB index is out of range
the server closed the connection
the server closed the connection: Connection refused
the server broke the protocol: a reply that nobody asked for
no reply within 1.5s
a pipeline of 9 requests is above the limit of 8 in flight
`CLIENT REPLY` cannot be sent on a connection that matches replies to requests
slot 12 has moved to h:7
slot 12 is moving to h:7
gave up after 5 redirects
ERR no such key";
        assert_eq!(shown, expected);
    }

    #[test]
    fn the_code_is_the_first_word() {
        assert_eq!(ErrorReply("NOGROUP No such group".to_owned()).code(), "NOGROUP");
        assert_eq!(ErrorReply("OOPS".to_owned()).code(), "OOPS");
    }
}
