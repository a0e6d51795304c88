//! `XSETID key last-id [ENTRIESADDED entries-added] [MAXDELETEDID max-deleted-id]`: set what a stream remembers of IDs.

use super::grammar::id;
use crate::args::Args;
use crate::command::{Arg, Arity, Command, Family, Flags, KeySpec, Run, touch};
use crate::error::Error;
use crate::op::Op;

pub(super) const COMMAND: Command = Command {
    name: "XSETID",
    group: Family::Stream,
    summary: "Sets a stream's last ID and what it remembers of IDs.",
    since: "5.0.0",
    arity: Arity::AtLeast(3),
    flags: Flags::WRITE.with(Flags::DENY_OOM).with(Flags::FAST),
    keys: &[KeySpec::one(1, touch::UPDATE)],
    args: &[
        Arg::key("key"),
        Arg::string("last-id"),
        Arg::integer("entries-added").after("ENTRIESADDED").optional().since("7.0.0"),
        Arg::string("max-deleted-id").after("MAXDELETEDID").optional().since("7.0.0"),
    ],
    history: &[("7.0.0", "Added the `entries_added` and `max_deleted_entry_id` arguments.")],
    example: "
        ann  XADD orders 1-1 item book
        ann: \"1-1\"
        ann  XSETID orders 5-5
        ann: +OK
    ",
    run: Run::Write(|args, _| parse(args)),
    ..Command::BASE
};

fn parse<'a>(args: &mut Args<'a>) -> Result<Op<'a>, Error> {
    let (key, last) = (args.key()?, id(args.bytes()?)?);
    let (mut added, mut max_deleted) = (None, None);
    while !args.is_empty() {
        if args.left() > 1 && args.keyword("ENTRIESADDED") {
            let count = args.integer()?;
            added = Some(u64::try_from(count).map_err(|_| Error::Fixed("ERR entries_added must be positive"))?);
        } else if args.left() > 1 && args.keyword("MAXDELETEDID") {
            let deleted = id(args.bytes()?)?;
            if last < deleted {
                return Err(Error::Fixed(
                    "ERR The ID specified in XSETID is smaller than the provided max_deleted_entry_id",
                ));
            }
            max_deleted = Some(deleted);
        } else {
            return Err(Error::Syntax);
        }
    }
    Ok(Op::StreamSetId { key, id: last, added, max_deleted })
}
