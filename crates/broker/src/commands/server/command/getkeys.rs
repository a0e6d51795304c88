//! `COMMAND GETKEYS command [arg [arg ...]]` and `COMMAND GETKEYSANDFLAGS`: the keys in a request.

use rbq_resp::{Request, Sink};
use smallvec::SmallVec;

use super::ASKING;
use crate::args::Args;
use crate::catalog::{Known, catalog};
use crate::command::{Arg, Arity, Begin, Command, Find, KeySpec, Run, touch};
use crate::error::Error;
use crate::number;

pub(super) const GETKEYS: Command = Command {
    name: "GETKEYS",
    summary: "Extracts the key names from an arbitrary command.",
    complexity: "O(N) where N is the number of arguments to the command",
    arity: Arity::AtLeast(3),
    args: &[Arg::string("command"), Arg::string("arg").optional().many()],
    example: "
        ann  COMMAND GETKEYS LMOVE inbox done LEFT RIGHT
        ann: [inbox, done]
        ann  COMMAND GETKEYS PUBLISH news hello
        ann: -ERR The command has no key arguments
    ",
    run: Run::Act(|_, args, reply| {
        let (request, found) = find(args)?;
        reply.array(found.len());
        found.iter().for_each(|(position, _)| reply.bulk(request.arg(*position)));
        Ok(())
    }),
    ..ASKING
};

pub(super) const GETKEYSANDFLAGS: Command = Command {
    name: "GETKEYSANDFLAGS",
    summary: "Extracts the key names and access flags for an arbitrary command.",
    since: "7.0.0",
    example: "
        ann  COMMAND GETKEYSANDFLAGS LMOVE inbox done LEFT RIGHT
        ann: [[inbox, [+RW, +access, +delete]], [done, [+RW, +insert]]]
    ",
    run: Run::Act(|_, args, reply| {
        let (request, found) = find(args)?;
        reply.array(found.len());
        for (position, spec) in found {
            reply.array(2);
            reply.bulk(request.arg(position));
            let flags = flags(spec, request);
            reply.set(flags.len());
            flags.iter().for_each(|flag| reply.status(flag));
        }
        Ok(())
    }),
    ..GETKEYS
};

type Found = SmallVec<[(usize, &'static KeySpec); 4]>;

fn find<'a>(args: &Args<'a>) -> Result<(Request<'a>, Found), Error> {
    let request = args.request().skip(2);
    let known = look_up(request).ok_or(Error::Fixed("ERR Invalid command specified"))?;
    let mut specs = known.keys.iter().filter(|spec| spec.names_keys()).peekable();
    if specs.peek().is_none() {
        return Err(Error::Fixed("ERR The command has no key arguments"));
    }
    if !known.arity.admits(request.len()) {
        return Err(Error::Fixed("ERR Invalid number of arguments specified for command"));
    }
    let mut found = Found::new();
    for spec in specs {
        if !is_satisfiable(spec, request) {
            return Err(Error::Fixed("ERR Invalid arguments specified for command"));
        }
        spec.positions(request, |position| found.push((position, spec)));
    }
    Ok((request, found))
}

/// What is done with a key; of the commands that decide it by their arguments, SET is the only one: with GET it reads.
fn flags(spec: &KeySpec, request: Request<'_>) -> &'static [&'static str] {
    if !spec.flags.contains(&"variable_flags") {
        return spec.flags;
    }
    let reads = request.skip(3).iter().any(|arg| arg.eq_ignore_ascii_case(b"GET"));
    if reads { touch::ACCESS_UPDATE } else { touch::OVERWRITE }
}

fn look_up(request: Request<'_>) -> Option<&'static Known> {
    let known = catalog().find(request.arg(0))?;
    match request.get(1) {
        Some(sub) if !known.subcommands.is_empty() => catalog().find_sub(known, &sub),
        _ => Some(known),
    }
}

/// Whether the keyword is there, and as many keys as are announced.
fn is_satisfiable(spec: &KeySpec, request: Request<'_>) -> bool {
    match (spec.begin, spec.find) {
        (Begin::Keyword(word, from), _) => Begin::keyword(request, word, from).is_some(),
        (Begin::Index(index), Find::Count { step }) => {
            let count = request.get(index).and_then(|count| number::parse_u64(&count)).unwrap_or(0);
            let last = (count as usize).checked_sub(1).and_then(|before| before.checked_mul(step));
            last.is_some_and(|last| last < request.len() - index - 1)
        }
        _ => true,
    }
}
