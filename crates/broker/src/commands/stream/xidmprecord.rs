//! `XIDMPRECORD key pid iid stream-id`: note that a producer sent an entry that is there, as an import must.

use super::grammar::id;
use crate::command::{Arg, Arity, Command, Family, Flags, KeySpec, Run, touch};
use crate::error::Error;
use crate::op::Op;

pub(super) const COMMAND: Command = Command {
    name: "XIDMPRECORD",
    group: Family::Stream,
    summary: "Notes that a producer sent an entry that is there, as an import must.",
    since: "8.6.2",
    arity: Arity::Exactly(5),
    flags: Flags::WRITE.with(Flags::DENY_OOM).with(Flags::FAST),
    keys: &[KeySpec::one(1, touch::UPDATE)],
    args: &[Arg::key("key"), Arg::string("pid"), Arg::string("iid"), Arg::string("stream-id")],
    example: "
        ann  XADD orders 1-1 item book
        ann: \"1-1\"
        ann  XIDMPRECORD orders shop 17 1-1
        ann: +OK
    ",
    run: Run::Write(|args, _| {
        let (key, pid, iid) = (args.key()?, args.bytes()?, args.bytes()?);
        if pid.is_empty() {
            return Err(Error::Fixed("ERR producer ID must be non-empty"));
        }
        if iid.is_empty() {
            return Err(Error::Fixed("ERR idempotent ID must be non-empty"));
        }
        Ok(Op::StreamRecordSent { key, pid, iid, id: id(args.bytes()?)? })
    }),
    ..Command::BASE
};
