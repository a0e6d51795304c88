//! `COMMAND LIST [FILTERBY <MODULE module-name | ACLCAT category | PATTERN pattern>]` and `COMMAND COUNT`.

use rbq_pubsub::glob;
use rbq_resp::Sink;

use super::ASKING;
use crate::acl;
use crate::args::Args;
use crate::catalog::{Known, catalog};
use crate::command::{Arg, Arity, Command, Run};
use crate::error::Error;

pub(super) const COUNT: Command = Command {
    name: "COUNT",
    summary: "Returns a count of commands.",
    arity: Arity::Exactly(2),
    example: "
        ann  COMMAND COUNT
        ann: <int 50..500>
    ",
    run: Run::Act(|_, _, reply| {
        reply.integer(catalog().top().count() as i64);
        Ok(())
    }),
    ..ASKING
};

pub(super) const LIST: Command = Command {
    name: "LIST",
    summary: "Returns a list of command names.",
    since: "7.0.0",
    complexity: "O(N) where N is the total number of Redis commands",
    arity: Arity::AtLeast(2),
    tips: &["nondeterministic_output_order"],
    args: &[Arg::one_of(
        "filterby",
        &[
            Arg::string("module-name").after("MODULE"),
            Arg::string("category").after("ACLCAT"),
            Arg::pattern("pattern").after("PATTERN"),
        ],
    )
    .after("FILTERBY")
    .optional()],
    example: "
        ann  COMMAND LIST FILTERBY PATTERN lpush*
        ann: [lpush, lpushx]
        ann  COMMAND LIST FILTERBY ACLCAT transaction
        ann: [discard, exec, multi, unwatch, watch]
    ",
    run: Run::Act(|_, args, reply| {
        let filter = Filter::parse(args)?;
        let names: Vec<&str> =
            catalog().all().iter().filter(|known| filter.admits(known)).map(|known| &*known.full_name).collect();
        reply.array(names.len());
        names.iter().for_each(|name| reply.bulk(name.as_bytes()));
        Ok(())
    }),
    ..ASKING
};

enum Filter<'a> {
    All,
    /// No command comes from a module.
    Module,
    Category(&'a [u8]),
    Pattern(&'a [u8]),
}

impl<'a> Filter<'a> {
    fn parse(args: &mut Args<'a>) -> Result<Self, Error> {
        if args.is_empty() {
            return Ok(Self::All);
        }
        if !args.keyword("FILTERBY") || args.left() != 2 {
            return Err(Error::Syntax);
        }
        if args.keyword("MODULE") {
            Ok(Self::Module)
        } else if args.keyword("ACLCAT") {
            args.bytes().map(Self::Category)
        } else if args.keyword("PATTERN") {
            args.bytes().map(Self::Pattern)
        } else {
            Err(Error::Syntax)
        }
    }

    fn admits(&self, known: &Known) -> bool {
        match self {
            Self::All => true,
            Self::Module => false,
            Self::Category(name) => acl::categories(known).any(|other| name.eq_ignore_ascii_case(other.as_bytes())),
            Self::Pattern(pattern) => glob::matches_ignore_case(pattern, known.full_name.as_bytes()),
        }
    }
}
