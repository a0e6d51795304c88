//! `RENAME key newkey` and `RENAMENX`: a value under another name.

use crate::command::{Arg, Arity, Command, Family, Flags, KeySpec, Run, touch};
use crate::op::{OnExisting, Op, RenameReply};

pub(super) const RENAME: Command = Command {
    name: "RENAME",
    group: Family::Generic,
    summary: "Renames a key, replacing what the new name held.",
    since: "1.0.0",
    arity: Arity::Exactly(3),
    flags: Flags::WRITE,
    keys: &[KeySpec::one(1, touch::TAKE), KeySpec::one(2, touch::OVERWRITE)],
    args: &[Arg::key("key"), Arg::key("newkey")],
    example: "
        ann  SET draft hello
        ann: +OK
        ann  RENAME draft letter
        ann: +OK
        ann  GET letter
        ann: hello
        ann  RENAME draft letter
        ann: -ERR no such key
    ",
    run: Run::Write(|args, _| {
        let (from, to) = (args.key()?, args.key()?);
        Ok(Op::KeyRename { from, to, exists: OnExisting::Replace, reply: RenameReply::Status })
    }),
    ..Command::BASE
};

pub(super) const RENAMENX: Command = Command {
    name: "RENAMENX",
    summary: "Renames a key only when the new name is free.",
    flags: Flags::WRITE.with(Flags::FAST),
    keys: &[KeySpec::one(1, touch::TAKE), KeySpec::one(2, &["OW", "insert"])],
    history: &[("3.2.0", "The command no longer returns an error when source and destination names are the same.")],
    example: "
        ann  MSET a 1 b 2
        ann: +OK
        ann  RENAMENX a b
        ann: 0
        ann  RENAMENX a c
        ann: 1
    ",
    run: Run::Write(|args, _| {
        let (from, to) = (args.key()?, args.key()?);
        Ok(Op::KeyRename { from, to, exists: OnExisting::Refuse, reply: RenameReply::Integer })
    }),
    ..RENAME
};
