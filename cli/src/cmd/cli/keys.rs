//! Going over all keys with SCAN, and `--scan`, which lists them.

use std::time::Duration;

use rbq_client::{Link, Request};
use rbq_resp::{Value, quote};

use super::dial::Dial;
use super::flags::ModeFlags;
use super::{Run, pause, wrong};
use crate::exit::Exit;
use crate::output::Output;
use crate::print::Form;

/// Where a walk over the keyspace is, and which keys it wants.
pub(super) struct Walk {
    pattern: Option<Vec<u8>>,
    count: Option<i64>,
    pub(super) interval: Duration,
    /// `None` at the end.
    cursor: Option<Vec<u8>>,
}

impl Walk {
    pub(super) fn new(mode: &ModeFlags, interval: Duration) -> Run<Self> {
        let cursor = Some(b"0".to_vec());
        Ok(Self { pattern: mode.pattern()?, count: mode.count, interval, cursor })
    }

    /// The keys of the next step; `None` when there is none.
    pub(super) async fn step(&mut self, link: &mut Link) -> Run<Option<Vec<Vec<u8>>>> {
        let Some(cursor) = self.cursor.take() else {
            return Ok(None);
        };
        let mut request = Request::new("SCAN").arg(cursor);
        if let Some(pattern) = &self.pattern {
            request.extend([&b"MATCH"[..], pattern]);
        }
        if let Some(count) = self.count {
            request.extend(["COUNT".to_owned(), count.to_string()]);
        }
        let (cursor, keys) = match link.call(request).await? {
            Value::Array(mut reply) if reply.len() == 2 => match (reply.pop(), reply.pop()) {
                (Some(Value::Array(keys)), Some(Value::Bulk(cursor))) => (cursor, keys),
                _ => return Err(wrong("Error: a reply of SCAN that is none")),
            },
            Value::Error(text) => return Err(wrong(format!("SCAN error: {text}"))),
            _ => return Err(wrong("Error: a reply of SCAN that is none")),
        };
        self.cursor = (cursor != "0").then(|| cursor.to_vec());
        Ok(Some(keys.iter().filter_map(|key| key.as_bytes().map(<[u8]>::to_vec)).collect()))
    }
}

/// `--scan`: a key a line, quoted where people read it.
pub(super) async fn list(dial: &Dial, mut walk: Walk, form: Form, out: &mut Output) -> Run<Exit> {
    let mut link = dial.connect_or_give_up().await?;
    while let Some(keys) = walk.step(&mut link).await? {
        for key in keys {
            match form {
                Form::Tty => out.buffer().extend_from_slice(quote(&key).as_bytes()),
                _ => out.buffer().extend_from_slice(&key),
            }
            out.buffer().push(b'\n');
            out.relieve()?;
        }
        if !walk.interval.is_zero() {
            out.flush()?;
            pause(walk.interval).await;
        }
    }
    out.flush()?;
    Ok(Exit::Done)
}

/// What `--bigkeys` and its kind begin with.
pub(super) fn headline(what: &str) -> String {
    format!(
        "\n# Scanning the entire keyspace to find {what} keys as well as\n\
         # average sizes per key type.  You can use -i 0.1 to sleep 0.1 sec\n\
         # per 100 SCAN commands (not usually needed).\n\n"
    )
}

/// How many keys there are; the measure of progress.
pub(super) async fn total(link: &mut Link) -> Run<u64> {
    match link.call(["DBSIZE"]).await? {
        Value::Integer(keys) => Ok(u64::try_from(keys).unwrap_or(0)),
        Value::Error(text) => Err(wrong(format!("Couldn't determine DBSIZE: {text}"))),
        _ => Err(wrong("Couldn't determine DBSIZE!")),
    }
}

/// A share in percent, and nothing of nothing.
pub(super) fn percent(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { 100.0 * part as f64 / whole as f64 }
}

/// Steps between pauses.
pub(super) const STEPS_A_PAUSE: u64 = 100;

/// Keys between two lines that say how far it is.
pub(super) const KEYS_A_LINE: u64 = 1_000_000;
