//! `COMMAND DOCS [command-name [command-name ...]]`: what help, hints and completion are made from.

use rbq_resp::Sink;

use super::ASKING;
use crate::catalog::{Known, catalog};
use crate::command::{Arg, ArgKind, Arity, Command, Flags, KeySpec, Run};
use crate::output::Reply;

pub(super) const COMMAND: Command = Command {
    name: "DOCS",
    summary: "Returns documentary information about one, multiple or all commands.",
    since: "7.0.0",
    complexity: "O(N) where N is the number of commands to look up",
    arity: Arity::AtLeast(2),
    tips: &["nondeterministic_output_order"],
    args: &[Arg::string("command-name").optional().many()],
    example: "
        ann  HELLO 3
        ann: {<rest>}
        ann  COMMAND DOCS llen nosuch
        ann: {llen: {summary: <text>, since: \"1.0.0\", group: list, complexity: \"O(1)\",
            arguments: [{name: key, type: key, display_text: key, key_spec_index: 0}]}}
    ",
    run: Run::Act(|_, args, reply| {
        let wanted: Vec<&Known> = match args.is_empty() {
            true => catalog().top().collect(),
            false => args.rest().iter().filter_map(|name| catalog().find_full(&name)).collect(),
        };
        reply.map(wanted.len());
        wanted.into_iter().for_each(|known| describe(known, reply));
        Ok(())
    }),
    ..ASKING
};

/// A map of which only those entries count that have something to say.
macro_rules! entries {
    ($reply:expr, $( $present:expr => $name:literal $write:block )*) => {
        $reply.map([$($present),*].into_iter().filter(|present| *present).count());
        $( if $present {
            $reply.bulk($name.as_bytes());
            $write
        } )*
    };
}

fn describe(known: &Known, reply: &mut Reply<'_>) {
    let text = |text: &str, reply: &mut Reply<'_>| reply.bulk(text.as_bytes());
    let (deprecated_since, replaced_by) = known.deprecated.unwrap_or_default();
    let is_deprecated = known.deprecated.is_some();
    let is_internal = known.flags.has(Flags::SYSCMD);
    text(&known.full_name, reply);
    entries! { reply,
        true => "summary" { text(known.summary, reply) }
        true => "since" { text(known.since, reply) }
        true => "group" { text(known.group.name(), reply) }
        true => "complexity" { text(known.complexity, reply) }
        is_deprecated || is_internal => "doc_flags" {
            let flags = [(is_deprecated, "deprecated"), (is_internal, "syscmd")];
            let set = flags.iter().filter(|(set, _)| *set);
            reply.set(set.clone().count());
            set.for_each(|(_, flag)| reply.status(flag));
        }
        is_deprecated => "deprecated_since" { text(deprecated_since, reply) }
        is_deprecated => "replaced_by" { text(replaced_by, reply) }
        !known.history.is_empty() => "history" {
            reply.set(known.history.len());
            for (version, change) in known.history {
                reply.array(2);
                text(version, reply);
                text(change, reply);
            }
        }
        !known.args.is_empty() => "arguments" { Arguments::of(known).describe(known.args, reply) }
        !known.subcommands.is_empty() => "subcommands" {
            reply.map(known.subcommands.len());
            catalog().subcommands(known).for_each(|sub| describe(sub, reply));
        }
    }
}

/// The arguments of one command, being told: which of its key specifications the next key belongs to.
struct Arguments {
    specs: &'static [KeySpec],
    next_key: usize,
}

impl Arguments {
    fn of(known: &Known) -> Self {
        Self { specs: known.keys, next_key: 0 }
    }

    fn describe(&mut self, args: &[Arg], reply: &mut Reply<'_>) {
        reply.array(args.len());
        args.iter().for_each(|arg| self.describe_one(arg, reply));
    }

    fn describe_one(&mut self, arg: &Arg, reply: &mut Reply<'_>) {
        let (parts, has_parts) = match arg.kind {
            ArgKind::OneOf(parts) | ArgKind::Block(parts) => (parts, true),
            _ => (&[][..], false),
        };
        let spec = self.spec_of(arg);
        let flags: Vec<&str> = [(arg.optional, "optional"), (arg.many, "multiple"), (arg.many_token, "multiple_token")]
            .iter()
            .filter(|(set, _)| *set)
            .map(|(_, flag)| *flag)
            .collect();
        entries! { reply,
            true => "name" { reply.bulk(arg.name.as_bytes()) }
            true => "type" { reply.bulk(arg.kind.name().as_bytes()) }
            !has_parts => "display_text" { reply.bulk(arg.display.unwrap_or(arg.name).as_bytes()) }
            spec.is_some() => "key_spec_index" { reply.integer(spec.unwrap_or_default() as i64) }
            arg.token.is_some() => "token" { reply.bulk(arg.token.unwrap_or_default().as_bytes()) }
            arg.since.is_some() => "since" { reply.bulk(arg.since.unwrap_or_default().as_bytes()) }
            !flags.is_empty() => "flags" {
                reply.set(flags.len());
                flags.iter().for_each(|flag| reply.status(flag));
            }
            has_parts => "arguments" { self.describe(parts, reply) }
        }
    }

    /// Keys belong to the specifications in order, but for those that find keys by patterns (SORT … BY).
    fn spec_of(&mut self, arg: &Arg) -> Option<usize> {
        match arg.kind {
            ArgKind::Pattern => self.specs.iter().position(KeySpec::is_incomplete),
            ArgKind::Key => {
                let is_plain = |at: &usize| !self.specs[*at].is_incomplete();
                let spec = (self.next_key..self.specs.len()).find(is_plain)?;
                self.next_key = spec + 1;
                Some(spec)
            }
            _ => None,
        }
    }
}
