//! Entries read, told as they are.
//!
//! ENTRIESREAD is there for replicas, which are told the truth. Of a lie 7.0 makes negative lags; later versions lower it
//! and correct it while reading (redis PR #14259 and #13958), and all tell it on for a while. So whatever the number
//! drawn, both servers are told the right one, and what follows is compared without allowance.

use anyhow::Result;
use bytes::Bytes;
use rbq_resp::Value;

use super::fields::field_mut;
use super::link::Link;
use super::turn::{Args, name};

/// Puts the right number into an XGROUP CREATE or SETID that has one. Asks on the connection that will say it.
pub(crate) fn be_honest(link: &mut Link, args: &mut Args) -> Result<()> {
    if !counts_entries_read(args) {
        return Ok(());
    }
    let mut stream = link.ask_bytes(&[b"XINFO", b"STREAM", &args[2]])?;
    let mut field = |name| field_mut(&mut stream, name).cloned();
    let added = match field("entries-added") {
        Some(Value::Integer(added)) => added,
        _ => 0,
    };
    let last = field("last-generated-id").and_then(|id| id.as_bytes().map(<[u8]>::to_vec)).unwrap_or_default();
    let after = match args[4].as_ref() {
        b"$" => [b"(", last.as_slice()].concat(),
        b"-" => b"-".to_vec(),
        id => [b"(", id].concat(),
    };
    let ahead = match link.ask_bytes(&[b"XRANGE", &args[2], &after, b"+"])? {
        Value::Array(entries) => entries.len() as i64,
        _ => 0,
    };
    for at in ENTRIES_READ_FROM..args.len() {
        if is_entries_read(args, at) {
            args[at + 1] = Bytes::from((added - ahead).to_string());
        }
    }
    Ok(())
}

/// The place of XGROUP's first option.
const ENTRIES_READ_FROM: usize = 5;

/// Whether ENTRIESREAD and a number stand here. Redis takes no number that begins with a sign or a needless zero.
fn is_entries_read(args: &Args, at: usize) -> bool {
    let number = args.get(at + 1).map_or(b"".as_slice(), |arg| arg);
    let is_number = number.iter().all(u8::is_ascii_digit) && (number == b"0" || !number.starts_with(b"0"));
    args[at].eq_ignore_ascii_case(b"ENTRIESREAD")
        && is_number
        && std::str::from_utf8(number).is_ok_and(|n| n.parse::<i64>().is_ok())
}

/// Whether it says how many entries a group has read.
pub(crate) fn counts_entries_read(args: &Args) -> bool {
    name(args) == b"XGROUP" && (ENTRIES_READ_FROM..args.len()).any(|at| is_entries_read(args, at))
}
