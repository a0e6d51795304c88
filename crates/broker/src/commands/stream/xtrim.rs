//! `XTRIM key <MAXLEN | MINID> [= | ~] threshold [LIMIT count] [KEEPREF | DELREF | ACKED]`: take the oldest entries off.

use rbq_stream::RefPolicy;

use super::grammar::{POLICIES, TRIM, TrimOptions, block_limits, policy};
use crate::args::Args;
use crate::command::{Arg, Arity, Command, Family, Flags, KeySpec, Run, Submit, touch};
use crate::error::Error;
use crate::op::Op;

pub(super) const COMMAND: Command = Command {
    name: "XTRIM",
    group: Family::Stream,
    summary: "Takes the oldest entries off a stream.",
    since: "5.0.0",
    complexity: "O(N) for N entries removed; whole blocks at once",
    arity: Arity::AtLeast(4),
    flags: Flags::WRITE,
    keys: &[KeySpec::one(1, touch::DELETE)],
    tips: &["nondeterministic_output"],
    args: &[Arg::key("key"), Arg::block("trim", TRIM), Arg::one_of("condition", POLICIES).optional().since("8.2.0")],
    history: &[
        ("6.2.0", "Added the `MINID` trimming strategy and the `LIMIT` option."),
        ("8.2.0", "Added the `KEEPREF`, `DELREF` and `ACKED` options."),
    ],
    example: "
        ann  XADD orders 1-1 item book
        ann: \"1-1\"
        ann  XADD orders 2-1 item pen
        ann: \"2-1\"
        ann  XTRIM orders MAXLEN 1
        ann: 1
    ",
    run: Run::Write(parse),
    ..Command::BASE
};

fn parse<'a>(args: &mut Args<'a>, submit: &Submit<'_>) -> Result<Op<'a>, Error> {
    let key = args.key()?;
    let (mut refs, mut trim) = (None, TrimOptions::default());
    while !args.is_empty() {
        if trim.take(args)? {
            continue;
        }
        refs = match (refs, policy(args)) {
            (None, Some(policy)) => Some(policy),
            _ => return Err(Error::Syntax),
        };
    }
    let is_given = trim.is_given();
    let trim = trim.finish(block_limits(submit.settings))?;
    if !is_given {
        return Err(Error::Fixed("ERR syntax error, XTRIM must be called with a trimming strategy"));
    }
    Ok(Op::StreamTrim { key, trim, policy: refs.unwrap_or(RefPolicy::Keep) })
}
