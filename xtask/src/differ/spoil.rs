//! Mistakes, made by chance: what every client does sooner or later.
//!
//! An argument is left out, doubled, replaced or put in between. What is put in is never a small positive number: it
//! could become the timeout of a wait or the deadline of a key, and two servers would then differ by milliseconds.

use bytes::Bytes;

use super::draw::{Blank, Draw};
use super::turn::Args;

/// Words that mean something somewhere.
const WORDS: &[&str] = &[
    "COUNT",
    "BLOCK",
    "LIMIT",
    "MAXLEN",
    "MINID",
    "NX",
    "XX",
    "GT",
    "LT",
    "GET",
    "KEEPTTL",
    "STREAMS",
    "GROUP",
    "JUSTID",
    "FORCE",
    "LASTID",
    "RANK",
    "LEFT",
    "RIGHT",
    "BEFORE",
    "DB",
    "REPLACE",
    "STORE",
    "ALPHA",
    "*",
    "$",
    ">",
    "-",
    "+",
    "~",
    "=",
    "FULL",
    "MKSTREAM",
    "ENTRIESREAD",
    "IDLE",
    "0",
];

/// Of all commands, how many have a mistake.
const SPOILT: f64 = 0.05;

/// Makes a mistake in a command, now and then.
pub(crate) fn spoil(args: &mut Args, draw: &mut Draw) {
    while draw.chance(SPOILT) {
        let at = draw.below(args.len());
        match draw.below(6) {
            0 if args.len() > 1 => drop(args.remove(at.max(1))),
            1 => args.insert(at, args[at].clone()),
            2 => args.truncate(at.max(1)),
            3 => args.insert(at + 1, Bytes::from(draw.one(WORDS).to_owned())),
            4 => args[at] = Bytes::from(draw.one(WORDS).to_owned()),
            _ => args[at] = draw.fill(Blank::Junk),
        }
    }
}
