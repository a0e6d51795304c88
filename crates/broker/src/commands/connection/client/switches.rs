//! `CLIENT NO-EVICT <ON | OFF>` and `CLIENT NO-TOUCH <ON | OFF>`: what is not to be done to this client, and by it.

use rbq_resp::Sink;

use super::{ADMIN, OWN};
use crate::args::Args;
use crate::command::{Arg, Arity, Command, Run};
use crate::error::Error;

const ON_OFF: &[Arg] = &[Arg::one_of("enabled", &[Arg::word("on", "ON"), Arg::word("off", "OFF")])];

pub(super) const NO_EVICT: Command = Command {
    name: "NO-EVICT",
    summary: "Sets the client eviction mode of the connection.",
    since: "7.0.0",
    arity: Arity::Exactly(3),
    args: ON_OFF,
    example: "
        ann  CLIENT NO-EVICT ON
        ann: +OK
    ",
    run: Run::Act(|turn, args, reply| {
        turn.session_mut().no_evict = is_on(args)?;
        reply.status("OK");
        Ok(())
    }),
    ..ADMIN
};

pub(super) const NO_TOUCH: Command = Command {
    name: "NO-TOUCH",
    summary: "Controls whether commands sent by the client affect the LRU/LFU of accessed keys.",
    since: "7.2.0",
    arity: Arity::Exactly(3),
    args: ON_OFF,
    example: "
        ann  CLIENT NO-TOUCH ON
        ann: +OK
    ",
    run: Run::Act(|turn, args, reply| {
        turn.session_mut().no_touch = is_on(args)?;
        reply.status("OK");
        Ok(())
    }),
    ..OWN
};

fn is_on(args: &mut Args<'_>) -> Result<bool, Error> {
    if args.keyword("ON") {
        Ok(true)
    } else if args.keyword("OFF") {
        Ok(false)
    } else {
        Err(Error::Syntax)
    }
}
