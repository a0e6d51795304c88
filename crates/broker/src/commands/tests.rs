//! What must be true of every command in the table.

use std::collections::BTreeSet;

use rbq_resp::{OwnedRequest, Request, split_args};
use rbq_transcript::{Action, Script};

use super::server::PlainRange;
use crate::args::Args;
use crate::catalog::{Known, catalog};
use crate::command::{Arg, ArgKind, Arity, Attempt, Begin, Find, Flags, KeySpec, Run, Submit};
use crate::op::{Op, Stamp};
use crate::settings::Settings;
use crate::time::Now;

/// Collects what is wrong with each command, and fails with all of it.
fn check(wrong_with: impl Fn(&'static Known) -> Option<String>) {
    let wrong: Vec<String> = catalog()
        .all()
        .iter()
        .filter_map(|known| wrong_with(known).map(|what| format!("{}: {what}", known.full_name)))
        .collect();
    assert!(wrong.is_empty(), "\n{}\n", wrong.join("\n"));
}

fn is_container(known: &Known) -> bool {
    !known.subcommands.is_empty()
}

#[test]
fn names_are_unique_upper_case_words() {
    let names: BTreeSet<&str> = catalog().all().iter().map(|known| &*known.full_name).collect();
    assert_eq!(names.len(), catalog().all().len());
    check(|known| {
        let is_word = |byte: u8| byte.is_ascii_uppercase() || byte == b'-' || byte == b'_';
        (!known.name.bytes().all(is_word)).then(|| "not a word in upper case".into())
    });
}

#[test]
fn every_command_says_what_it_is() {
    check(|known| {
        let version = known.since.strip_prefix("rbq ").unwrap_or(known.since);
        let is_version = version.split('.').count() == 3 && version.split('.').all(|n| n.parse::<u16>().is_ok());
        let is_sentence = known.summary.ends_with('.') && known.summary.starts_with(char::is_uppercase);
        match () {
            () if !is_version => Some(format!("since {:?}", known.since)),
            () if !is_sentence => Some(format!("summary {:?}", known.summary)),
            () if known.complexity.is_empty() => Some("no complexity".into()),
            () => None,
        }
    });
}

#[test]
fn every_container_has_help() {
    check(|known| {
        let has_help = catalog().subcommands(known).any(|sub| sub.name == "HELP");
        (is_container(known) && !has_help).then(|| "no HELP".into())
    });
}

/// Fewest and most arguments; none: no limit.
fn extent(arg: &Arg) -> (usize, Option<usize>) {
    let parts = match arg.kind {
        ArgKind::Token => (0, Some(0)),
        ArgKind::OneOf(choices) => {
            let extents = choices.iter().map(extent);
            let least = extents.clone().map(|(least, _)| least).min().unwrap_or(0);
            (least, extents.map(|(_, most)| most).reduce(|a, b| Some(a?.max(b?))).flatten())
        }
        ArgKind::Block(parts) => extent_of_all(parts),
        _ => (1, Some(1)),
    };
    let token = usize::from(arg.token.is_some());
    // An argument that must be there is there, even if each of its forms might be left out by itself.
    let least = if arg.optional { 0 } else { (parts.0 + token).max(1) };
    let most = if arg.many { None } else { parts.1.map(|most| most + token) };
    (least, most)
}

fn extent_of_all(args: &[Arg]) -> (usize, Option<usize>) {
    args.iter()
        .map(extent)
        .fold((0, Some(0)), |(least, most), arg| (least + arg.0, most.zip(arg.1).map(|(a, b)| a + b)))
}

#[test]
fn arity_is_what_the_grammar_allows() {
    // Those take what they do not mean (QUIT), or tell their grammar elsewhere (DEBUG HELP).
    const LAX: &[&str] = &["quit", "debug"];
    check(|known| {
        if is_container(known) || LAX.contains(&&*known.full_name) {
            return None;
        }
        let (least, most) = extent_of_all(known.args);
        let (least, most) = (least + known.words(), most.map(|most| most + known.words()));
        let fits = match known.arity {
            Arity::Exactly(count) => least == count && most == Some(count),
            Arity::AtLeast(count) => least == count && most != Some(count),
        };
        (!fits).then(|| format!("{:?}, but the grammar takes {least} to {most:?}", known.arity))
    });
}

#[test]
fn flags_fit_what_a_command_does() {
    check(|known| {
        let has = |flag| known.flags.has(flag);
        let writes = |spec: &KeySpec| spec.flags.iter().any(|flag| ["RW", "OW", "RM"].contains(flag));
        let keys = || known.keys.iter().filter(|spec| spec.names_keys());
        match known.run {
            _ if has(Flags::WRITE) && has(Flags::READONLY) => Some("writes and only reads".into()),
            Run::Write(_) if !has(Flags::WRITE) => Some("is an op without `write`".into()),
            Run::Read(_) if !has(Flags::READONLY) => Some("reads without `readonly`".into()),
            Run::Block(_) if !has(Flags::BLOCKING) => Some("may wait without `blocking`".into()),
            Run::Container if !is_container(known) => Some("does nothing".into()),
            _ if has(Flags::READONLY) && keys().any(writes) => Some("only reads but writes a key".into()),
            // What XREADGROUP writes is the group; of the key it says that it reads.
            _ if known.name == "XREADGROUP" => None,
            _ if has(Flags::WRITE) && !known.keys.is_empty() && !keys().any(writes) => {
                Some("writes but no key is written".into())
            }
            _ if has(Flags::DENY_OOM) && !has(Flags::WRITE) && !has(Flags::PUBSUB) => {
                Some("may add to memory but does not write".into())
            }
            _ if has(Flags::MOVABLE_KEYS) != has_movable_keys(known) => {
                Some(format!("`movablekeys` should be {}", has_movable_keys(known)))
            }
            _ => None,
        }
    });
}

/// Whether first, last and step do not say where all keys are.
fn has_movable_keys(known: &Known) -> bool {
    let is_plain = |spec: &KeySpec| {
        matches!((spec.begin, spec.find), (Begin::Index(_), Find::Range { step: 1, .. })) && !spec.is_incomplete()
    };
    match known.keys {
        [] => false,
        [spec] => !matches!((spec.begin, spec.find), (Begin::Index(_), Find::Range { .. })),
        specs => {
            let neighbours = specs.windows(2).all(|pair| {
                let [Begin::Index(one), Begin::Index(other)] = [pair[0].begin, pair[1].begin] else { return false };
                other == one + 1
            });
            !neighbours || !specs.iter().all(is_plain)
        }
    }
}

fn named(flag: Flags) -> Vec<&'static str> {
    let mut names: Vec<&str> =
        catalog().all().iter().filter(|known| known.flags.has(flag)).map(|known| &*known.full_name).collect();
    names.sort_unstable();
    names
}

#[test]
fn a_stranger_may_only_introduce_itself() {
    assert_eq!(named(Flags::NO_AUTH), ["auth", "hello", "quit", "reset"]);
}

#[test]
fn a_subscribed_client_may_only_listen_ping_and_leave() {
    assert_eq!(
        named(Flags::SUBSCRIBED),
        [
            "ping",
            "psubscribe",
            "punsubscribe",
            "quit",
            "reset",
            "ssubscribe",
            "subscribe",
            "sunsubscribe",
            "unsubscribe"
        ]
    );
}

#[test]
fn what_runs_at_once_inside_multi_is_about_the_transaction_or_the_connection() {
    assert_eq!(named(Flags::IMMEDIATE), ["discard", "exec", "multi", "quit", "reset", "watch"]);
}

#[test]
fn the_keys_of_old_clients_are_those_of_new_ones() {
    check(|known| {
        let range = PlainRange::of(known);
        let is_told = range != PlainRange::default() || known.flags.has(Flags::MOVABLE_KEYS);
        (!known.keys.is_empty() && !is_told).then(|| "has keys and does not say where".into())
    });
}

/// Every request of an example that names this command.
fn sample_requests(known: &Known) -> Vec<OwnedRequest> {
    let script = Script::parse(&known.full_name, known.example).expect("an example is well-formed");
    let steps = script.conversations.iter().flat_map(|conversation| &conversation.steps);
    steps
        .filter_map(|step| match &step.action {
            Action::Command { text, .. } => split_args(text.as_bytes()).ok(),
            _ => None,
        })
        .filter(|args| {
            let name = args[..args.len().min(known.words())].join(&b'|').to_ascii_lowercase();
            name == known.full_name.as_bytes()
        })
        .map(OwnedRequest::from_args)
        .collect()
}

#[test]
fn every_example_shows_the_command_itself() {
    check(|known| (!is_container(known) && sample_requests(known).is_empty()).then(|| "is not in its example".into()));
}

#[test]
fn the_keys_of_a_request_are_those_of_its_op() {
    check(|known| {
        sample_requests(known).iter().find_map(|request| {
            let request = request.view();
            let by_op = keys_of_op(known, request)?;
            let found = known.key_positions(request);
            let by_table: BTreeSet<&[u8]> = found.iter().map(|&position| request.arg(position)).collect();
            (by_op != by_table).then(|| format!("{request:?}: the op names {by_op:?}, the table {by_table:?}"))
        })
    });
}

/// The keys a request's op names.
fn keys_of_op<'r>(known: &'static Known, request: Request<'r>) -> Option<BTreeSet<&'r [u8]>> {
    let settings = Settings::default();
    let stamp = Stamp { db: 0, now_ms: 1 };
    let submit = Submit { stamp, now: Now::default(), settings: &settings, command: known, is_leaving: false };
    let mut args = Args::new(request, known.words());
    let mut keys = BTreeSet::new();
    let mut note = |op: &Op<'r>| {
        op.keys(|_, key| {
            keys.insert(key);
        });
    };
    match known.run {
        Run::Write(parse) => note(&parse(&mut args, &submit).ok()?),
        Run::Block(parse) => match parse(&mut args, &submit).ok()?.attempt {
            Attempt::Write(op) => note(&op),
            Attempt::Read(_) | Attempt::Nothing => return None,
        },
        _ => return None,
    }
    Some(keys)
}
