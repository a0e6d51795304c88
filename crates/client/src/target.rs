//! Where a server is and who we are there: `redis[s]://[user:password@]host[:port][/db]` or `unix:///path[?db=N]`.
//!
//! The forms are those that redis-cli, redis-py and ioredis agree on. A user part without a colon is a password alone, as in
//! redis-cli. User, password and path may be percent-encoded. A password is never shown again: not by `Display`, not by
//! `Debug`, not inside an error.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use crate::{Tls, percent};

/// The port a Redis server listens on when nobody says otherwise.
pub const DEFAULT_PORT: u16 = 6379;

/// The address of a server.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Endpoint {
    /// A host name or IP address, and a port.
    Tcp {
        /// A name to resolve or an address; an IPv6 address stands here without brackets.
        host: String,
        /// The port.
        port: u16,
    },
    /// The path of a Unix socket.
    Unix(PathBuf),
}

impl Default for Endpoint {
    fn default() -> Self {
        Self::Tcp { host: "127.0.0.1".to_owned(), port: DEFAULT_PORT }
    }
}

/// `host:port`, `[v6]:port` or the path.
impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp { host, port } if host.contains(':') => write!(f, "[{host}]:{port}"),
            Self::Tcp { host, port } => write!(f, "{host}:{port}"),
            Self::Unix(path) => write!(f, "{}", path.display()),
        }
    }
}

/// What `AUTH` is given.
#[derive(Clone, PartialEq, Eq)]
pub struct Credentials {
    /// The ACL user; `None` is the `default` user, by the one-argument form of `AUTH` where RESP2 is spoken.
    pub user: Option<String>,
    /// The password.
    pub password: String,
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials").field("user", &self.user).finish_non_exhaustive()
    }
}

/// A server, the credentials for it, and the database to select there.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Target {
    /// Where the server listens.
    pub endpoint: Endpoint,
    /// Who we are, when the server asks.
    pub credentials: Option<Credentials>,
    /// The database to `SELECT`; 0 sends nothing.
    pub db: u32,
    /// TLS, with these settings; `None` is plain text.
    pub tls: Option<Tls>,
}

impl Target {
    /// The server at `host:port`, database 0, without credentials.
    #[must_use]
    pub fn tcp(host: impl Into<String>, port: u16) -> Self {
        Self { endpoint: Endpoint::Tcp { host: host.into(), port }, ..Self::default() }
    }

    /// The server at the Unix socket `path`, database 0, without credentials.
    #[must_use]
    pub fn unix(path: impl Into<PathBuf>) -> Self {
        Self { endpoint: Endpoint::Unix(path.into()), ..Self::default() }
    }
}

/// The URL again, with the password left out.
impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let user = self.credentials.as_ref().and_then(|c| c.user.as_deref());
        let at = user.map(|user| format!("{user}@")).unwrap_or_default();
        let s = if self.tls.is_some() { "s" } else { "" };
        match (&self.endpoint, self.db) {
            (Endpoint::Tcp { .. }, 0) => write!(f, "redis{s}://{at}{}", self.endpoint),
            (Endpoint::Tcp { .. }, db) => write!(f, "redis{s}://{at}{}/{db}", self.endpoint),
            (Endpoint::Unix(_), 0) => write!(f, "unix://{at}{}", self.endpoint),
            (Endpoint::Unix(_), db) => write!(f, "unix://{at}{}?db={db}", self.endpoint),
        }
    }
}

/// Why a text is no [`Target`]. The text itself is not repeated: it may hold a password.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TargetError {
    /// None of `redis://`, `rediss://` and `unix://`.
    #[error("a server URL starts with `redis://`, `rediss://` (TLS) or `unix://`")]
    Scheme,
    /// The port is no number from 1 to 65535.
    #[error("`{0}` is not a port")]
    Port(String),
    /// The database is no number.
    #[error("`{0}` is not a database number")]
    Db(String),
    /// A `unix://` URL without a path.
    #[error("a `unix://` URL needs the path of a socket, as in `unix:///run/rbq.sock`")]
    Path,
    /// A broken `%XX`, or one that is not UTF-8.
    #[error("a `%` in a server URL must begin an encoded byte, as in `%40` for `@`")]
    Percent,
    /// A `?name=value` nobody knows.
    #[error("`{0}` is not a parameter of a server URL; `db` is")]
    Parameter(String),
}

impl FromStr for Target {
    type Err = TargetError;

    fn from_str(url: &str) -> Result<Self, TargetError> {
        let (scheme, rest) = url.split_once("://").ok_or(TargetError::Scheme)?;
        match scheme.to_ascii_lowercase().as_str() {
            "redis" | "valkey" => tcp(rest),
            "unix" | "redis+unix" => unix(rest),
            "rediss" | "valkeys" => Ok(Target { tls: Some(Tls::default()), ..tcp(rest)? }),
            _ => Err(TargetError::Scheme),
        }
    }
}

fn tcp(rest: &str) -> Result<Target, TargetError> {
    let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
    // A password may hold a raw `/` or `@` (people paste them): the last `@` of the part before the last `/` decides.
    let (authority, path) = match rest.rsplit_once('@') {
        Some((_, after)) => match after.find('/') {
            Some(slash) => rest.split_at(rest.len() - after.len() + slash),
            None => (rest, ""),
        },
        None => rest.find('/').map_or((rest, ""), |slash| rest.split_at(slash)),
    };
    let (credentials, host_port) = user_part(authority)?;
    let (host, port) = host_port_of(host_port)?;
    let path = path.trim_matches('/');
    let db = if path.is_empty() { database_of(query)? } else { number(path)? };
    Ok(Target { endpoint: Endpoint::Tcp { host, port }, credentials, db, tls: None })
}

fn unix(rest: &str) -> Result<Target, TargetError> {
    let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
    let (credentials, path) = user_part(rest)?;
    if !path.starts_with('/') {
        return Err(TargetError::Path);
    }
    let path = PathBuf::from(percent::decode(path).ok_or(TargetError::Percent)?);
    Ok(Target { endpoint: Endpoint::Unix(path), credentials, db: database_of(query)?, tls: None })
}

fn user_part(authority: &str) -> Result<(Option<Credentials>, &str), TargetError> {
    let Some((who, at)) = authority.rsplit_once('@') else {
        return Ok((None, authority));
    };
    let (user, password) = who.split_once(':').unwrap_or(("", who));
    let decode = |text| percent::decode(text).ok_or(TargetError::Percent);
    let user = Some(decode(user)?).filter(|user| !user.is_empty());
    Ok((Some(Credentials { user, password: decode(password)? }), at))
}

fn host_port_of(text: &str) -> Result<(String, u16), TargetError> {
    let (host, port) = match text.strip_prefix('[').and_then(|v6| v6.split_once(']')) {
        Some((v6, "")) => (v6, None),
        Some((v6, port)) => (v6, Some(port.strip_prefix(':').unwrap_or(port))),
        None => text.rsplit_once(':').map_or((text, None), |(host, port)| (host, Some(port))),
    };
    let host = if host.is_empty() { "127.0.0.1" } else { host };
    let port = match port {
        None | Some("") => DEFAULT_PORT,
        Some(digits) => match digits.parse() {
            Ok(port) if port > 0 => port,
            _ => return Err(TargetError::Port(digits.to_owned())),
        },
    };
    Ok((host.to_owned(), port))
}

fn database_of(query: &str) -> Result<u32, TargetError> {
    let mut db = 0;
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        match pair.split_once('=') {
            Some(("db", digits)) => db = number(digits)?,
            _ => {
                return Err(TargetError::Parameter(pair.split('=').next().unwrap_or_default().to_owned()));
            }
        }
    }
    Ok(db)
}

fn number(digits: &str) -> Result<u32, TargetError> {
    digits.parse().map_err(|_| TargetError::Db(digits.to_owned()))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn shown(url: &str) -> String {
        match url.parse::<Target>() {
            Ok(target) => {
                let password = target.credentials.as_ref().map_or("-", |c| c.password.as_str());
                format!("{target} password={password}")
            }
            Err(error) => format!("error: {error}"),
        }
    }

    #[test]
    fn every_form_people_write() {
        for (url, expected) in [
            ("redis://localhost", "redis://localhost:6379 password=-"),
            ("redis://", "redis://127.0.0.1:6379 password=-"),
            ("REDIS://h:1/3", "redis://h:1/3 password=-"),
            ("redis://h/?db=4", "redis://h:6379/4 password=-"),
            ("redis://secret@h:7", "redis://h:7 password=secret"),
            ("redis://:secret@h:7", "redis://h:7 password=secret"),
            ("redis://ann:s%40crt@h:7/2", "redis://ann@h:7/2 password=s@crt"),
            ("redis://ann:p@ss/w@h:7/2", "redis://ann@h:7/2 password=p@ss/w"),
            ("rediss://ann:pw@h/2", "rediss://ann@h:6379/2 password=pw"),
            ("redis://[::1]:7/2", "redis://[::1]:7/2 password=-"),
            ("redis://[::1]", "redis://[::1]:6379 password=-"),
            ("unix:///run/a%20b.sock", "unix:///run/a b.sock password=-"),
            ("unix://:pw@/run/r.sock?db=5", "unix:///run/r.sock?db=5 password=pw"),
        ] {
            assert_eq!(shown(url), expected, "{url}");
        }
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (url, expected) in [
            ("localhost:6379", "error: a server URL starts with `redis://`, `rediss://` (TLS) or `unix://`"),
            ("http://h", "error: a server URL starts with `redis://`, `rediss://` (TLS) or `unix://`"),
            ("redis://h:0", "error: `0` is not a port"),
            ("redis://h:70000", "error: `70000` is not a port"),
            ("redis://h/x", "error: `x` is not a database number"),
            ("redis://a:%zz@h", "error: a `%` in a server URL must begin an encoded byte, as in `%40` for `@`"),
            ("unix://run/r.sock", "error: a `unix://` URL needs the path of a socket, as in `unix:///run/rbq.sock`"),
            ("redis://h?tls=yes", "error: `tls` is not a parameter of a server URL; `db` is"),
        ] {
            assert_eq!(shown(url), expected, "{url}");
        }
    }

    #[test]
    fn a_password_is_never_shown() {
        let target: Target = "redis://ann:hunter2@h".parse().unwrap();
        assert!(!format!("{target} {target:?}").contains("hunter2"));
    }
}
