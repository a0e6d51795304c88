//! Counters of streams, told as they are.
//!
//! ENTRIESREAD is there for replicas, which are told the truth. Of a lie 7.0 makes negative lags; later versions lower it
//! and correct it while reading (redis PR #14259 and #13958), and all tell it on for a while. So whatever the number
//! drawn, both servers are told the right one, and what follows is compared without allowance. XSETID ENTRIESADDED is a
//! lie where it takes entries away that groups have read (redis issue #15488).

use anyhow::Result;
use bytes::Bytes;
use rbq_resp::Value;

use super::fields::field_mut;
use super::link::Link;
use super::turn::{Args, name};

/// Puts the right number into an XGROUP CREATE or SETID, or XSETID, that has one. Asks on the connection that will say
/// it.
pub(crate) fn be_honest(link: &mut Link, args: &mut Args) -> Result<()> {
    if !counts_entries(args) {
        return Ok(());
    }
    let (option, key) = option(args);
    let mut stream = link.ask_bytes(&[b"XINFO", b"STREAM", &args[key]])?;
    let mut field = |name| field_mut(&mut stream, name).cloned();
    let added = match field("entries-added") {
        Some(Value::Integer(added)) => added,
        _ => 0,
    };
    if option == ENTRIES_ADDED {
        return tell(args, |told| told.max(added));
    }
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
    tell(args, |_| added - ahead)
}

const ENTRIES_READ: &[u8] = b"ENTRIESREAD";
const ENTRIES_ADDED: &[u8] = b"ENTRIESADDED";

/// The option that counts entries in this command, and the place of its key.
fn option(args: &Args) -> (&'static [u8], usize) {
    match name(args).as_slice() {
        b"XGROUP" => (ENTRIES_READ, 2),
        _ => (ENTRIES_ADDED, 1),
    }
}

/// Replaces the number behind each such option.
fn tell(args: &mut Args, truth: impl Fn(i64) -> i64) -> Result<()> {
    for at in options_from(args)..args.len() {
        if let Some(told) = counter(args, at) {
            args[at + 1] = Bytes::from(truth(told).to_string());
        }
    }
    Ok(())
}

/// The place of the first option: behind the ID.
fn options_from(args: &Args) -> usize {
    option(args).1 + if name(args) == b"XGROUP" { 3 } else { 2 }
}

/// The number behind such an option, if one stands here. Redis takes none that begins with a sign or a needless zero.
fn counter(args: &Args, at: usize) -> Option<i64> {
    let number = args.get(at + 1)?;
    let is_plain = number.iter().all(u8::is_ascii_digit) && (number == "0" || !number.starts_with(b"0"));
    let is_option = args[at].eq_ignore_ascii_case(option(args).0);
    std::str::from_utf8(number).ok()?.parse().ok().filter(|_| is_option && is_plain)
}

/// Whether it says how many entries a group has read, or were ever added.
pub(crate) fn counts_entries(args: &Args) -> bool {
    let is_one = matches!(name(args).as_slice(), b"XGROUP" | b"XSETID");
    is_one && (options_from(args)..args.len()).any(|at| counter(args, at).is_some())
}
