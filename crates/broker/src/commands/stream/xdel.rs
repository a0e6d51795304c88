//! `XDEL key id [id ...]` and `XDELEX key [KEEPREF | DELREF | ACKED] IDS numids id [id ...]`: delete entries.

use rbq_stream::RefPolicy;

use super::grammar::{IDS, POLICIES, counted_ids, policy};
use crate::args::Args;
use crate::command::{Arg, Arity, Command, Family, Flags, KeySpec, Run, touch};
use crate::error::Error;
use crate::many::Many;
use crate::op::Op;

pub(super) const XDEL: Command = Command {
    name: "XDEL",
    group: Family::Stream,
    summary: "Deletes entries by their IDs.",
    since: "5.0.0",
    complexity: "O(1) for each ID",
    arity: Arity::AtLeast(3),
    flags: Flags::WRITE.with(Flags::FAST),
    keys: &[KeySpec::one(1, touch::DELETE)],
    args: &[Arg::key("key"), Arg::string("id").many()],
    example: "
        ann  XADD orders 1-1 item book
        ann: \"1-1\"
        ann  XDEL orders 1-1 2-1
        ann: 1
    ",
    run: Run::Write(|args, _| Ok(Op::StreamDelete { key: args.key()?, ids: args.rest() })),
    ..Command::BASE
};

pub(super) const XDELEX: Command = Command {
    name: "XDELEX",
    summary: "Deletes entries by their IDs, minding the groups that refer to them.",
    since: "8.2.0",
    arity: Arity::AtLeast(5),
    args: &[Arg::key("key"), Arg::one_of("condition", POLICIES).optional(), Arg::block("ids", IDS).after("IDS")],
    example: "
        ann  XADD orders 1-1 item book
        ann: \"1-1\"
        ann  XGROUP CREATE orders billing 0
        ann: +OK
        ann  XDELEX orders ACKED IDS 2 1-1 9-9
        ann: [2, 2]
        ann  XDELEX orders IDS 1 1-1
        ann: [1]
    ",
    run: Run::Write(|args, _| {
        let key = args.key()?;
        let (policy, ids) = policy_and_ids(args)?;
        Ok(Op::StreamDeleteWith { key, policy, ids })
    }),
    ..XDEL
};

/// `[KEEPREF | DELREF | ACKED] IDS numids id [id ...]`, in either order.
pub(super) fn policy_and_ids<'a>(args: &mut Args<'a>) -> Result<(RefPolicy, Many<'a>), Error> {
    let (mut refs, mut ids) = (None, None);
    while !args.is_empty() {
        if ids.is_none() && args.left() > 1 && args.keyword("IDS") {
            ids = Some(counted_ids(args)?);
        } else if refs.is_none()
            && let Some(policy) = policy(args)
        {
            refs = Some(policy);
        } else {
            return Err(Error::Syntax);
        }
    }
    Ok((refs.unwrap_or(RefPolicy::Keep), ids.ok_or(Error::Syntax)?))
}
