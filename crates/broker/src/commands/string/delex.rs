//! `DELEX key [IFEQ value | IFNE value | IFDEQ digest | IFDNE digest]`: forget a key whose value is as expected.
//!
//! With a condition it looks before it makes its op, because Redis judges the condition itself only where there is a
//! string to hold against it.

use rbq_resp::Sink;

use super::condition::{self, IFDEQ, IFDNE, IFEQ, IFNE};
use crate::args::Args;
use crate::broker::View;
use crate::command::{Arg, Arity, Command, Family, Flags, KeySpec, Run, touch};
use crate::error::Error;
use crate::op::Op;
use crate::output::Reply;
use crate::value::Value;

pub(super) const COMMAND: Command = Command {
    name: "DELEX",
    group: Family::String,
    summary: "Deletes a key only when its value, or the hash of it, is as expected.",
    since: "8.4.0",
    complexity: "O(1) for IFEQ/IFNE, O(N) for IFDEQ/IFDNE where N is the length of the string value.",
    arity: Arity::AtLeast(2),
    flags: Flags::WRITE.with(Flags::FAST),
    keys: &[KeySpec::one(1, touch::DELETE)],
    args: &[Arg::key("key"), Arg::one_of("condition", &[IFEQ, IFNE, IFDEQ, IFDNE]).optional()],
    example: "
        ann  SET lock ann
        ann: +OK
        bob  DELEX lock IFEQ bob
        bob: 0
        ann  DELEX lock IFEQ ann
        ann: 1
    ",
    run: Run::Derive(derive),
    ..Command::BASE
};

fn derive<'a>(args: &mut Args<'a>, view: &mut View<'_>, reply: &mut Reply<'_>) -> Result<Option<Op<'a>>, Error> {
    if args.left() == 1 {
        return Ok(Some(Op::KeyDelete { keys: args.rest() }));
    }
    let key = args.key()?;
    if args.left() != 2 {
        return Err(Error::Arity("delex"));
    }
    match view.entry(key).map(|entry| &entry.value) {
        None => {
            reply.integer(0);
            return Ok(None);
        }
        Some(Value::String(_)) => {}
        Some(_) => return Err(Error::Fixed("ERR Key should be of string type if conditions are specified")),
    }
    let invalid = Error::Fixed("ERR Invalid condition. Use IFEQ, IFNE, IFDEQ, or IFDNE");
    let when = condition::comparison(args).ok_or(invalid)?;
    Ok(Some(Op::StringDeleteIf { key, when }))
}

#[cfg(test)]
mod tests {
    use crate::testing::play;

    #[test]
    fn a_condition_is_judged_only_where_there_is_a_string() {
        insta::assert_snapshot!(play("
            ann  DELEX missing NOSUCH x
            ann  DELEX missing IFDEQ short
            ann  RPUSH mail one
            ann  DELEX mail NOSUCH x
            ann  SET a 1
            ann  DELEX a NOSUCH x
            ann  DELEX a IFDEQ short
            ann  DELEX a IFDNE zzzzzzzzzzzzzzz
            ann  DELEX a IFEQ
            ann  DELEX a IFEQ 1 IFNE 2
            ann  DELEX a IFDEQ zzzzzzzzzzzzzzzz
            ann  DELEX a IFDNE zzzzzzzzzzzzzzzz
            ann  DELEX mail
        "), @r"
        ann: 0
        ann: 0
        ann: 1
        ann: -ERR Key should be of string type if conditions are specified
        ann: +OK
        ann: -ERR Invalid condition. Use IFEQ, IFNE, IFDEQ, or IFDNE
        ann: -ERR must be exactly 16 hexadecimal characters
        ann: -ERR must be exactly 16 hexadecimal characters
        ann: -ERR wrong number of arguments for 'delex' command
        ann: -ERR wrong number of arguments for 'delex' command
        ann: 0
        ann: 1
        ann: 1
        ");
    }
}
