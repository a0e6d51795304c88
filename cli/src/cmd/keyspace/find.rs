//! Keys of one kind, found by SCAN: bounded in how many are kept and in how many are looked at, and never KEYS.
//!
//! SCAN may show a key twice, and one that comes or goes meanwhile or not: the result is sorted and each is in it once.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;

use clap::Args;
use rbq_client::Request;

use super::kind::{Kind, expect};
use super::own::is_own;
use crate::facts::{array, text, unexpected};
use crate::failure::{Result, say};
use crate::servers::Servers;

/// Keys that one SCAN looks at: about a millisecond of a server's time.
const SCAN_COUNT: &str = "1000";

/// Steps of [`SCAN_COUNT`] on one server before we leave it at that: a million keys, a second or two.
const STEPS_MAX: usize = 1000;

/// Which keys a listing is about.
#[derive(Debug, Clone, Args)]
pub(crate) struct FindArgs {
    /// Only keys that match this pattern, as SCAN has it: orders.*
    #[arg(short, long, value_name = "PATTERN")]
    r#match: Option<String>,
    /// Show no more than this many
    #[arg(short, long, value_name = "KEYS", default_value_t = 1000, value_parser = clap::value_parser!(u64).range(1..))]
    limit: u64,
    /// Show rbq's own keys too (NAME:processing:CONSUMER, NAME:redriven, NAME:rbq:import:RUN), and dead-letter streams that are empty
    #[arg(long)]
    all: bool,
}

/// What a search came to.
#[derive(Debug)]
pub(crate) struct Found {
    pub(crate) keys: Vec<Vec<u8>>,
    /// Whether there may be more.
    pub(crate) is_cut: bool,
}

impl FindArgs {
    /// Which keys are looked for, as SCAN has it.
    pub(crate) fn pattern(&self) -> Option<&[u8]> {
        self.r#match.as_deref().map(str::as_bytes)
    }

    /// Whether our own keys are shown too.
    pub(crate) fn is_all(&self) -> bool {
        self.all
    }

    /// What is said when a listing of these is empty: "no queues".
    pub(crate) fn nothing(&self, noun: &str) -> String {
        match &self.r#match {
            Some(pattern) => format!("no {noun} match `{pattern}`"),
            None => format!("no {noun}"),
        }
    }

    /// The keys of this kind; says on stderr when there may be more.
    ///
    /// # Errors
    /// Of the server.
    pub(crate) async fn keys(&self, servers: &mut Servers, kind: Kind) -> Result<Vec<Vec<u8>>> {
        self.keys_and(servers, kind, Vec::new()).await
    }

    /// The same, with others that are known without being keys.
    ///
    /// # Errors
    /// Of the server.
    pub(crate) async fn keys_and(
        &self,
        servers: &mut Servers,
        kind: Kind,
        others: Vec<Vec<u8>>,
    ) -> Result<Vec<Vec<u8>>> {
        let limit = usize::try_from(self.limit).unwrap_or(usize::MAX);
        let found = search_for(servers, kind, self.pattern(), limit, |key| self.all || !is_own(kind, key)).await?;
        let keys: BTreeSet<Vec<u8>> = found.keys.into_iter().chain(others).collect();
        if found.is_cut || keys.len() > limit {
            let shown = keys.len().min(limit);
            say(&format!("there may be more than these {shown}: --limit shows more, --match looks for fewer"));
        }
        Ok(keys.into_iter().take(limit).collect())
    }

    /// The keys that are named, or without any all of this kind. `verb` is what a hint tells of a key of another kind.
    ///
    /// # Errors
    /// One that is named is not there, or of another kind; or the server's.
    pub(crate) async fn keys_or_all(
        &self,
        servers: &mut Servers,
        named: Vec<OsString>,
        kind: Kind,
        verb: &str,
    ) -> Result<Vec<Vec<u8>>> {
        if named.is_empty() {
            return self.keys(servers, kind).await;
        }
        let named: Vec<Vec<u8>> = named.into_iter().map(OsString::into_vec).collect();
        for key in &named {
            expect(servers, key, kind, verb).await?;
        }
        Ok(named)
    }
}

/// At most `limit` keys of a kind, in the order of their names.
///
/// # Errors
/// Of the server.
pub(crate) async fn search(servers: &mut Servers, kind: Kind, pattern: Option<&[u8]>, limit: usize) -> Result<Found> {
    search_for(servers, kind, pattern, limit, |_| true).await
}

/// At most `limit` keys of a kind that are wanted, in the order of their names.
///
/// # Errors
/// Of the server.
pub(crate) async fn search_for(
    servers: &mut Servers,
    kind: Kind,
    pattern: Option<&[u8]>,
    limit: usize,
    is_wanted: impl Fn(&[u8]) -> bool,
) -> Result<Found> {
    let mut keys = BTreeSet::new();
    let mut is_cut = false;
    'nodes: for node in servers.nodes() {
        let link = servers.at(node).await?;
        let mut cursor = "0".to_owned();
        for step in 0.. {
            let mut scan = Request::new("SCAN").arg(&cursor).args(["COUNT", SCAN_COUNT, "TYPE", kind.type_name()]);
            if let Some(pattern) = pattern {
                scan = scan.arg("MATCH").arg(pattern);
            }
            let reply = link.call(scan).await?;
            if matches!(reply, rbq_resp::Value::Error(_)) {
                return Err(unexpected(reply));
            }
            let mut page = array(reply).into_iter();
            cursor = page.next().as_ref().map(text).unwrap_or_default();
            let found = array(page.next().unwrap_or(rbq_resp::Value::Null));
            keys.extend(found.iter().filter_map(|key| key.as_bytes()).filter(|key| is_wanted(key)).map(<[u8]>::to_vec));
            let is_last = cursor == "0" || cursor.is_empty();
            if keys.len() > limit || (!is_last && (keys.len() == limit || step + 1 == STEPS_MAX)) {
                is_cut = true;
                break 'nodes;
            }
            if is_last {
                break;
            }
        }
    }
    Ok(Found { keys: keys.into_iter().take(limit).collect(), is_cut })
}

/// A name as it stands for itself in a pattern.
pub(crate) fn literal(name: &[u8]) -> Vec<u8> {
    let mut pattern = Vec::with_capacity(name.len());
    for byte in name {
        if b"*?[]^-\\".contains(byte) {
            pattern.push(b'\\');
        }
        pattern.push(*byte);
    }
    pattern
}
