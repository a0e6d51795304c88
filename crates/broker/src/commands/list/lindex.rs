//! `LINDEX key index`: one element of a list.

use rbq_resp::Sink;

use super::lrange::reply_element;
use crate::command::{Arg, Arity, Command, Family, Flags, KeySpec, Run, touch};

pub(super) const COMMAND: Command = Command {
    name: "LINDEX",
    group: Family::List,
    summary: "Shows one element of a list by its position.",
    since: "1.0.0",
    complexity: "O(N) for N elements between it and the nearer end",
    arity: Arity::Exactly(3),
    flags: Flags::READONLY,
    keys: &[KeySpec::one(1, touch::READ)],
    args: &[Arg::key("key"), Arg::integer("index")],
    example: "
        ann  RPUSH mail one two
        ann: 2
        ann  LINDEX mail -1
        ann: two
        ann  LINDEX mail 2
        ann: nil
    ",
    run: Run::Read(|args, view, reply| {
        let list = view.list(args.key()?)?;
        let Some(list) = list else {
            reply.null();
            return Ok(());
        };
        match list.get(args.integer()?) {
            Some(element) => reply_element(&element, reply),
            None => reply.null(),
        }
        Ok(())
    }),
    ..Command::BASE
};
