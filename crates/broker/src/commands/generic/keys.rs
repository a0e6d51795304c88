//! `KEYS pattern`: every key whose name matches.

use rbq_pubsub::glob::Pattern;
use rbq_resp::Sink;

use crate::command::{Arg, Arity, Command, Family, Flags, Run};

pub(super) const COMMAND: Command = Command {
    name: "KEYS",
    group: Family::Generic,
    summary: "Returns the names of all keys that match a pattern.",
    since: "1.0.0",
    complexity: "O(N) with N being the number of keys in the database, under the assumption that the key names in the database and the given pattern have limited length.",
    arity: Arity::Exactly(2),
    flags: Flags::READONLY,
    tips: &["request_policy:all_shards", "nondeterministic_output_order"],
    acl: &["keyspace", "dangerous"],
    args: &[Arg::pattern("pattern")],
    example: "
        ann  MSET user:1 ann user:2 bob order:1 tea
        ann: +OK
        ann  KEYS user:*
        ann: <unordered> [user:1, user:2]
    ",
    run: Run::Read(|args, view, reply| {
        let pattern = args.bytes()?;
        // Redis takes a lone star for every key there is, the empty one too, which a star does not match.
        let takes_all = pattern == b"*";
        let (pattern, now_ms) = (Pattern::new(pattern), view.stamp.now_ms);
        let live = view.db().iter().filter(|entry| !entry.is_expired(now_ms));
        let keys: Vec<&[u8]> = live.map(|entry| &*entry.key).filter(|key| takes_all || pattern.matches(key)).collect();
        reply.array(keys.len());
        keys.iter().for_each(|key| reply.bulk(key));
        Ok(())
    }),
    ..Command::BASE
};
