//! `COMMAND INFO [command-name [command-name ...]]`: what a client must know to route and to pipeline a command.

use rbq_resp::Sink;

use super::ASKING;
use crate::acl;
use crate::catalog::{Known, catalog};
use crate::command::{Arg, Arity, Begin, Command, Find, KeySpec, Run};
use crate::output::Reply;

pub(super) const COMMAND: Command = Command {
    name: "INFO",
    summary: "Returns information about one, multiple or all commands.",
    complexity: "O(N) where N is the number of commands to look up",
    arity: Arity::AtLeast(2),
    tips: &["nondeterministic_output_order"],
    args: &[Arg::string("command-name").optional().many()],
    history: &[("7.0.0", "Allowed to be called with no argument to get info on all commands.")],
    example: "
        ann  COMMAND INFO llen nosuch
        ann: [[llen, 2, [+readonly, +fast], 1, 1, 1, [+\"@read\", +\"@list\", +\"@fast\"], [], [<any>], []], nil]
    ",
    run: Run::Act(|_, args, reply| {
        if args.is_empty() {
            reply.array(catalog().top().count());
            catalog().top().for_each(|known| describe(known, reply));
            return Ok(());
        }
        let names = args.rest();
        reply.array(names.len());
        for name in names {
            match catalog().find_full(&name) {
                Some(known) => describe(known, reply),
                None => reply.null(),
            }
        }
        Ok(())
    }),
    ..ASKING
};

/// One command and its subcommands.
pub(super) fn describe(known: &Known, reply: &mut Reply<'_>) {
    let range = PlainRange::of(known);
    let flags: Vec<&str> = known.flags.words().collect();
    let categories: Vec<&str> = acl::categories(known).collect();
    reply.array(10);
    reply.bulk(known.full_name.as_bytes());
    reply.integer(known.arity.number());
    reply.set(flags.len());
    flags.iter().for_each(|flag| reply.status(flag));
    reply.integer(range.first);
    reply.integer(range.last);
    reply.integer(range.step);
    reply.set(categories.len());
    categories.iter().for_each(|category| reply.status(&format!("@{category}")));
    reply.set(known.tips.len());
    known.tips.iter().for_each(|tip| reply.bulk(tip.as_bytes()));
    reply.set(known.keys.len());
    known.keys.iter().for_each(|spec| describe_keys(spec, reply));
    match known.subcommands.len() {
        0 => reply.set(0),
        len => reply.array(len),
    }
    catalog().subcommands(known).for_each(|sub| describe(sub, reply));
}

fn describe_keys(spec: &KeySpec, reply: &mut Reply<'_>) {
    reply.map(3);
    reply.bulk(b"flags");
    reply.set(spec.flags.len());
    spec.flags.iter().for_each(|flag| reply.status(flag));
    reply.bulk(b"begin_search");
    match spec.begin {
        Begin::Index(index) => rule(reply, "index", &[("index", index as i64)]),
        Begin::Keyword(word, from) => {
            head(reply, "keyword", 2);
            reply.bulk(b"keyword");
            reply.bulk(word.as_bytes());
            reply.bulk(b"startfrom");
            reply.integer(from as i64);
        }
        Begin::Unknown => rule(reply, "unknown", &[]),
    }
    reply.bulk(b"find_keys");
    match spec.find {
        Find::Range { last, step, limit } => {
            rule(reply, "range", &[("lastkey", last), ("keystep", step as i64), ("limit", limit as i64)]);
        }
        Find::Count { step } => {
            rule(reply, "keynum", &[("keynumidx", 0), ("firstkey", 1), ("keystep", step as i64)]);
        }
        Find::Unknown | Find::Parsed(_) => rule(reply, "unknown", &[]),
    }
}

fn head(reply: &mut Reply<'_>, kind: &str, fields: usize) {
    reply.map(2);
    reply.bulk(b"type");
    reply.bulk(kind.as_bytes());
    reply.bulk(b"spec");
    reply.map(fields);
}

fn rule(reply: &mut Reply<'_>, kind: &str, fields: &[(&str, i64)]) {
    head(reply, kind, fields.len());
    for (field, value) in fields {
        reply.bulk(field.as_bytes());
        reply.integer(*value);
    }
}

/// Where the keys are in the words of Redis before 7.0: first, last (negative from the end) and step; zeros where that
/// cannot say it, and then the flag `movablekeys` tells clients to look closer.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub(crate) struct PlainRange {
    pub(crate) first: i64,
    pub(crate) last: i64,
    pub(crate) step: i64,
}

impl PlainRange {
    pub(crate) fn of(command: &Command) -> Self {
        match command.keys {
            [KeySpec { begin: Begin::Index(index), find: Find::Range { last, step, .. }, .. }] => {
                let first = *index as i64;
                Self { first, last: absolute(first, *last), step: *step as i64 }
            }
            specs => Self::of_neighbours(specs),
        }
    }

    /// Several specifications that stand side by side are one range; whatever is no simple range is left out.
    fn of_neighbours(specs: &[KeySpec]) -> Self {
        let mut range = Self::default();
        for spec in specs {
            let (Begin::Index(index), Find::Range { last, step: 1, .. }) = (spec.begin, spec.find) else { continue };
            let index = index as i64;
            if range.last != 0 && range.last != index - 1 {
                continue;
            }
            range.first = if range.first == 0 { index } else { range.first.min(index) };
            range.last = absolute(index, last);
            range.step = 1;
        }
        range
    }
}

fn absolute(first: i64, last: i64) -> i64 {
    if last < 0 { last } else { first + last }
}
