//! Expiries of a log of commands, put off until all of it was sent.
//!
//! A log is a history. A key that lives by an expiry that is renewed again and again has times in it that are long over, and none of
//! them was its end: where it did expire, the log says DEL. A server that loads its own log lets no key go meanwhile. A
//! server that is merely sent the commands would, and the key would be gone, or begin anew with what comes next.
//!
//! ```text
//!   PEXPIREAT key T ──► PEXPIREAT key T + later ──► … ──► the end ──► PEXPIREAT key T, of every key that is still to go later
//! ```
//!
//! So every time is put off by the same long while. Whatever else moves or copies keys moves these times along, and whatever compares
//! them (GT, LT) compares alike. What an import leaves that was broken off has such times.

use rbq_client::{Client, Request, Value};
use rbq_rdb::Key;

use super::expiry::Expiry;
use super::reply::{elements, unexpected};
use super::scan::Scan;
use crate::failure::Result;

/// Some 30,000 years: no expiry that somebody meant is that far away.
const LATER_MS: u64 = 1_000_000_000_000_000;

/// A time from here on means "never", and stays: no server takes one that is later than a number of 63 bits.
const NEVER_MS: u64 = i64::MAX as u64 / 2;

/// What a time is counted in.
#[derive(Clone, Copy)]
enum Unit {
    Ms = 1,
    S = 1000,
}

impl Unit {
    /// The time that is sent instead.
    fn later(self, at: u64) -> u64 {
        let ms = self as u64;
        if at < NEVER_MS / ms { at + LATER_MS / ms } else { at }
    }
}

/// The time that was meant where a key has this one.
fn meant(at_ms: u64) -> Option<u64> {
    at_ms.checked_sub(LATER_MS).filter(|at_ms| *at_ms < NEVER_MS)
}

/// Puts the time off that this command of a log sets, if it sets one.
pub(crate) fn put_off(args: &mut [Vec<u8>]) {
    let Some(name) = args.first().map(|name| name.to_ascii_uppercase()) else { return };
    let options_from = match name.as_slice() {
        b"PEXPIREAT" => return add(args.get_mut(2), Unit::Ms),
        b"EXPIREAT" => return add(args.get_mut(2), Unit::S),
        b"SET" => 3,
        b"GETEX" => 2,
        b"MSETEX" => args.get(1).and_then(|count| number(count)).map_or(0, |pairs| 2 + 2 * pairs as usize),
        _ => return,
    };
    for at in options_from..args.len() {
        let unit = match args[at].to_ascii_uppercase().as_slice() {
            b"PXAT" => Unit::Ms,
            b"EXAT" => Unit::S,
            _ => continue,
        };
        // Else it is another option's word.
        if args.get(at + 1).is_some_and(|time| number(time).is_some()) {
            return add(args.get_mut(at + 1), unit);
        }
    }
}

/// The same of a key that stands before the commands.
pub(crate) fn put_off_key(key: &mut Key) {
    key.expires_ms = key.expires_ms.map(|at_ms| Unit::Ms.later(at_ms));
}

/// What is no number stays as it is: the server has something to say of it.
fn add(arg: Option<&mut Vec<u8>>, unit: Unit) {
    if let Some((arg, at)) = arg.and_then(|arg| number(arg).map(|at| (arg, at))) {
        *arg = unit.later(at).to_string().into_bytes();
    }
}

fn number(text: &[u8]) -> Option<u64> {
    std::str::from_utf8(text).ok()?.parse().ok()
}

/// Gives every key of the selected database the time that it was meant to have.
pub(crate) async fn bring_forward(client: &Client, expiry: Expiry) -> Result<()> {
    let mut scan = Scan::begin();
    while let Some(names) = scan.next(client, None).await? {
        let now_ms = server_ms(client).await?;
        let asked = client.pipeline(names.iter().map(|name| expiry.request(name)).collect()).await?;
        let mut sets = Vec::new();
        for (name, reply) in names.iter().zip(&asked) {
            if let Some(at_ms) = expiry.read(reply, now_ms)?.and_then(meant) {
                sets.push(Request::from([&b"PEXPIREAT"[..], name, at_ms.to_string().as_bytes()]));
            }
        }
        for reply in client.pipeline(sets).await? {
            if let Value::Error(_) = reply {
                return Err(unexpected("PEXPIREAT", Some(&reply)));
            }
        }
    }
    Ok(())
}

/// The server's clock: it is the one that a time to live is counted by.
async fn server_ms(client: &Client) -> Result<u64> {
    let reply = client.call(["TIME"]).await?;
    let words: Vec<u64> =
        elements(&reply).unwrap_or_default().iter().filter_map(Value::as_bytes).filter_map(number).collect();
    let [seconds, micros] = words.as_slice() else { return Err(unexpected("TIME", Some(&reply))) };
    Ok(seconds * 1000 + micros / 1000)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn put(line: &str) -> String {
        let mut args: Vec<Vec<u8>> = line.split(' ').map(|word| word.as_bytes().to_vec()).collect();
        put_off(&mut args);
        String::from_utf8(args.join(&b' ')).unwrap()
    }

    #[test]
    fn every_command_that_sets_a_time_has_it_put_off() {
        assert_eq!(put("pexpireat k 5 GT"), "pexpireat k 1000000000000005 GT");
        assert_eq!(put("EXPIREAT k 5"), "EXPIREAT k 1000000000005");
        assert_eq!(put("SET k PXAT PXAT 7"), "SET k PXAT PXAT 1000000000000007");
        assert_eq!(put("SET k v XX EXAT 7 GET"), "SET k v XX EXAT 1000000000007 GET");
        assert_eq!(put("SET k v IFEQ PXAT PXAT 7"), "SET k v IFEQ PXAT PXAT 1000000000000007");
        assert_eq!(put("GETEX PXAT PXAT 7"), "GETEX PXAT PXAT 1000000000000007");
        assert_eq!(put("MSETEX 2 a PXAT PXAT 1 PXAT 9"), "MSETEX 2 a PXAT PXAT 1 PXAT 1000000000000009");
    }

    #[test]
    fn a_time_that_never_comes_is_not_put_off_and_comes_back_as_it_was() {
        let never = "PEXPIREAT k 9223372036854775807";
        assert_eq!(put(never), never);
        let never = "EXPIREAT k 9223372036854775";
        assert_eq!(put(never), never);
        for at_ms in [0, 7, 1_000_000_000_000, NEVER_MS - 1] {
            assert_eq!(meant(Unit::Ms.later(at_ms)), Some(at_ms));
        }
        assert_eq!(meant(i64::MAX as u64), None);
    }

    #[test]
    fn what_sets_none_stays_as_it_is() {
        for line in
            ["SET k 5", "RPUSH k PXAT 5", "PEXPIREAT k", "PEXPIREAT k soon", "PERSIST k", "MSETEX", "EXPIRE k 5"]
        {
            assert_eq!(put(line), line);
        }
    }
}
