//! `RANDOMKEY`: the name of some key.

use rbq_resp::Sink;

use crate::command::{Arity, Command, Family, Flags, Run};

/// Slots tried by chance before the first key in order from a random slot is taken. Where one slot in four is in use,
/// the fallback, which prefers keys behind a gap, decides once in a hundred.
const TRIES: usize = 16;

pub(super) const COMMAND: Command = Command {
    name: "RANDOMKEY",
    group: Family::Generic,
    summary: "Returns the name of a random key.",
    since: "1.0.0",
    arity: Arity::Exactly(1),
    flags: Flags::READONLY,
    tips: &["request_policy:all_shards", "response_policy:special", "nondeterministic_output"],
    example: "
        ann  RANDOMKEY
        ann: nil
        ann  SET only 1
        ann: +OK
        ann  RANDOMKEY
        ann: only
    ",
    run: Run::Act(|turn, _, reply| {
        let random: [u64; TRIES] = std::array::from_fn(|_| turn.broker.next_random());
        let db = turn.session().db;
        match turn.broker.group().db(db).pick(&random, turn.now.unix_ms()) {
            Some(entry) => reply.bulk(&entry.key),
            None => reply.null(),
        }
        Ok(())
    }),
    ..Command::BASE
};
