//! What we know of commands without any server: the command table of the broker in this program.

use rbq_broker::catalog::{Known, catalog};
use rbq_broker::command::{Arg as Declared, ArgKind};

use super::grammar::{Arg, Kind, Presence, Times};
use super::{Catalog, Entry};

/// The broker's own commands.
pub(crate) fn own() -> Catalog {
    Catalog::new(catalog().all().iter().map(entry).collect())
}

fn entry(known: &Known) -> Entry {
    Entry {
        name: known.full_name.to_uppercase().replace('|', " "),
        args: known.args.iter().map(argument).collect(),
        summary: known.summary.to_owned(),
        group: known.group.name().to_owned(),
        since: known.since.to_owned(),
        complexity: known.complexity.to_owned(),
        arity: Some(known.arity.number()),
        example: known.example.to_owned(),
        lacks: Vec::new(),
    }
}

fn argument(arg: &Declared) -> Arg {
    let parts = |parts: &[Declared]| parts.iter().map(argument).collect();
    Arg {
        name: arg.name.to_owned(),
        shown: arg.display.unwrap_or(arg.name).to_owned(),
        kind: match arg.kind {
            ArgKind::Key => Kind::Key,
            ArgKind::Integer | ArgKind::Double | ArgKind::UnixTime => Kind::Number,
            ArgKind::String | ArgKind::Pattern => Kind::Text,
            ArgKind::Token => Kind::Token,
            ArgKind::OneOf(choices) => Kind::OneOf(parts(choices)),
            ArgKind::Block(all) => Kind::Block(parts(all)),
        },
        token: arg.token.map(str::to_owned),
        presence: if arg.optional { Presence::Optional } else { Presence::Required },
        times: match (arg.many, arg.many_token) {
            (false, _) => Times::Once,
            (true, false) => Times::Many,
            (true, true) => Times::ManyWithToken,
        },
    }
}
