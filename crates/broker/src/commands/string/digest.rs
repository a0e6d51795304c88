//! `DIGEST key`: a value's fingerprint, for SET IFDEQ and DELEX.

use rbq_resp::Sink;

use crate::command::{Arg, Arity, Command, Family, Flags, KeySpec, Run, touch};
use crate::string::digest_hex;

pub(super) const COMMAND: Command = Command {
    name: "DIGEST",
    group: Family::String,
    summary: "Returns the XXH3 hash of a string value in hexadecimal.",
    since: "8.4.0",
    complexity: "O(N) where N is the length of the string value.",
    arity: Arity::Exactly(2),
    flags: Flags::READONLY.with(Flags::FAST),
    keys: &[KeySpec::one(1, touch::READ)],
    args: &[Arg::key("key")],
    example: "
        ann  SET greeting \"Hello world\"
        ann: +OK
        ann  DIGEST greeting
        ann: b6acb9d84a38ff74
        ann  DIGEST missing
        ann: nil
    ",
    run: Run::Read(|args, view, reply| {
        match view.string(args.key()?)? {
            Some(string) => reply.bulk(digest_hex(string.bytes(&mut itoa::Buffer::new())).as_bytes()),
            None => reply.null(),
        }
        Ok(())
    }),
    ..Command::BASE
};
