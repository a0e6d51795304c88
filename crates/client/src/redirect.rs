//! `MOVED` and `ASK`: a cluster node's answer "not here".
//!
//! `MOVED slot address` is lasting: that node owns the slot now. `ASK slot address` holds for this one request, while the slot
//! is being moved, and the other node wants `ASKING` said first. (Redis cluster specification, "MOVED Redirection" and "ASK
//! redirection".)

use std::fmt;

use crate::Endpoint;

/// How long a redirect is good for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RedirectKind {
    /// The slot lives there from now on.
    Moved,
    /// Ask there this once, after `ASKING`.
    Ask,
}

/// A cluster redirect, read out of an error reply.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Redirect {
    /// Lasting, or for this request.
    pub kind: RedirectKind,
    /// The hash slot asked for, 0 to 16383.
    pub slot: u16,
    /// The host to turn to; empty when the node does not know its own name, which means "the host you are talking to".
    pub host: String,
    /// The port to turn to.
    pub port: u16,
}

impl Redirect {
    /// Reads the text of an error reply; `None` if it is no redirect.
    ///
    /// ```
    /// use rbq_client::{Redirect, RedirectKind};
    ///
    /// let redirect = Redirect::parse(b"MOVED 3999 10.0.0.2:6381").unwrap();
    /// assert_eq!((redirect.kind, redirect.slot), (RedirectKind::Moved, 3999));
    /// assert_eq!((redirect.host.as_str(), redirect.port), ("10.0.0.2", 6381));
    /// assert_eq!(Redirect::parse(b"ERR no such key"), None);
    /// ```
    #[must_use]
    pub fn parse(error: &[u8]) -> Option<Self> {
        let mut words = std::str::from_utf8(error).ok()?.split(' ');
        let kind = match words.next()? {
            "MOVED" => RedirectKind::Moved,
            "ASK" => RedirectKind::Ask,
            _ => return None,
        };
        let slot = words.next()?.parse().ok().filter(|slot| *slot < rbq_resp::SLOTS)?;
        // The last colon: an IPv6 host comes without brackets.
        let (host, port) = words.next()?.rsplit_once(':')?;
        // `?` is Redis's word for "unknown host": the client shall stay with the one it reached.
        let host = if host == "?" { "" } else { host };
        Some(Self { kind, slot, host: host.to_owned(), port: port.parse().ok()? })
    }

    /// The address to turn to, given the one that answered with this redirect.
    #[must_use]
    pub fn endpoint(&self, answered: &Endpoint) -> Endpoint {
        let host = match answered {
            Endpoint::Tcp { host, .. } if self.host.is_empty() => host.clone(),
            Endpoint::Unix(_) if self.host.is_empty() => "127.0.0.1".to_owned(),
            _ => self.host.clone(),
        };
        Endpoint::Tcp { host, port: self.port }
    }
}

impl fmt::Display for Redirect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let verb = match self.kind {
            RedirectKind::Moved => "has moved to",
            RedirectKind::Ask => "is moving to",
        };
        write!(f, "slot {} {verb} {}:{}", self.slot, self.host, self.port)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn an_unnamed_host_is_the_one_that_answered() {
        let answered = Endpoint::Tcp { host: "10.0.0.9".into(), port: 1 };
        for text in ["ASK 1 :7001", "ASK 1 ?:7001"] {
            let redirect = Redirect::parse(text.as_bytes()).unwrap();
            assert_eq!(redirect.endpoint(&answered).to_string(), "10.0.0.9:7001", "{text}");
        }
    }

    #[test]
    fn an_ipv6_host_comes_bare() {
        let redirect = Redirect::parse(b"MOVED 0 fe80::2:7001").unwrap();
        assert_eq!(redirect.endpoint(&Endpoint::default()).to_string(), "[fe80::2]:7001");
    }

    #[test]
    fn what_only_looks_like_one_is_none() {
        for text in ["MOVED", "MOVED x h:1", "MOVED 16384 h:1", "MOVED 1 h", "MOVED 1 h:x", "ASKING", "MOVEDX 1 h:1"] {
            assert_eq!(Redirect::parse(text.as_bytes()), None, "{text}");
        }
    }
}
