//! `GETEX key [EX seconds | PX milliseconds | EXAT time | PXAT time | PERSIST]`: a value, and a new end for it.
//!
//! What is wrong with an amount is said only where there is a string, as Redis says it; so this looks before it makes
//! its op. Without an option it is a GET.

use rbq_resp::Sink;

use super::lifetime::{EX, EXAT, Lifetime, PX, PXAT};
use crate::args::Args;
use crate::broker::View;
use crate::command::{Arg, Arity, Command, Family, Flags, KeySpec, Run, touch};
use crate::error::Error;
use crate::op::Op;
use crate::output::Reply;

pub(super) const COMMAND: Command = Command {
    name: "GETEX",
    group: Family::String,
    summary: "Returns the string value of a key and sets its time to live.",
    since: "6.2.0",
    arity: Arity::AtLeast(2),
    flags: Flags::WRITE.with(Flags::FAST),
    keys: &[KeySpec::one(1, touch::ACCESS_UPDATE)],
    args: &[
        Arg::key("key"),
        Arg::one_of("expiration", &[EX, PX, EXAT, PXAT, Arg::word("persist", "PERSIST")]).optional(),
    ],
    example: "
        ann  SET session abc
        ann: +OK
        ann  GETEX session EX 60
        ann: abc
        ann  TTL session
        ann: 60
        ann  GETEX session PERSIST
        ann: abc
        ann  TTL session
        ann: -1
    ",
    run: Run::Derive(derive),
    ..Command::BASE
};

fn derive<'a>(args: &mut Args<'a>, view: &mut View<'_>, reply: &mut Reply<'_>) -> Result<Option<Op<'a>>, Error> {
    let key = args.key()?;
    let mut lifetime = Lifetime::Unsaid;
    while !args.is_empty() {
        if !lifetime.take(args)? && !lifetime.take_word(args, "PERSIST", Lifetime::Persist)? {
            return Err(Error::Syntax);
        }
    }
    match view.string(key)? {
        None => reply.null(),
        Some(string) if lifetime == Lifetime::Unsaid => string.reply(reply),
        Some(_) => {
            let deadline = lifetime.deadline("getex", view.stamp.now_ms)?;
            return Ok(Some(Op::StringDeadline { key, deadline }));
        }
    }
    Ok(None)
}
