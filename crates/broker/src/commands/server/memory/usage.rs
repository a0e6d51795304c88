//! `MEMORY USAGE key [SAMPLES count]`: the bytes a key and its value hold.
//!
//! Values know their size, so nothing is sampled and SAMPLES changes nothing.

use rbq_resp::Sink;

use super::LOOKING;
use crate::args::Args;
use crate::command::{Arg, Arity, Command, Flags, KeySpec, Run, touch};
use crate::error::Error;
use crate::keyspace::Entry;

pub(super) const COMMAND: Command = Command {
    name: "USAGE",
    summary: "Estimates the memory usage of a key.",
    complexity: "O(N) where N is the number of samples.",
    arity: Arity::AtLeast(3),
    flags: Flags::READONLY,
    tips: &[],
    keys: &[KeySpec::one(2, touch::PEEK)],
    args: &[Arg::key("key"), Arg::integer("count").after("SAMPLES").optional()],
    example: "
        ann  RPUSH mail one
        ann: 1
        ann  MEMORY USAGE mail
        ann: <int 32..400>
        ann  MEMORY USAGE nosuch
        ann: nil
    ",
    run: Run::Read(|args, view, reply| {
        let key = args.key()?;
        check_samples(args)?;
        match view.peek(key) {
            Some(entry) => reply.integer(bytes(entry) as i64),
            None => reply.null(),
        }
        Ok(())
    }),
    ..LOOKING
};

fn check_samples(args: &mut Args<'_>) -> Result<(), Error> {
    while !args.is_empty() {
        if !args.keyword("SAMPLES") || args.is_empty() || args.integer()? < 0 {
            return Err(Error::Syntax);
        }
    }
    Ok(())
}

fn bytes(entry: &Entry) -> usize {
    size_of::<Entry>() + entry.key.len() + entry.value.kind().memory_bytes()
}
