//! `help` in redis-cli's layout, about the commands that the connected server has.
//!
//! redis-cli knows the commands of its own release; here the server is asked (`COMMAND DOCS`), on a connection of its own, so that a
//! transaction or a subscription is not disturbed. Colours and carriage returns are redis-cli's, on a pipe too.

use std::fmt::Write as _;

use rbq_client::{Link, Options, Request};
use rbq_resp::Value;

use super::Run;
use super::dial::Dial;
use crate::catalog::{self, Catalog, Entry};
use crate::embedded::Embedded;

/// What follows `help` or `?`; `None` if the request is another.
pub(super) fn topic(request: &Request) -> Option<Vec<Vec<u8>>> {
    let is_help = request.is_word(0, "HELP") || request.is_word(0, "?");
    is_help.then(|| request.iter().skip(1).map(<[u8]>::to_vec).collect())
}

/// The text for `help` with these words after it.
pub(super) async fn text(dial: &Dial, words: &[Vec<u8>]) -> Run<String> {
    if words.is_empty() {
        return Ok(general());
    }
    let question = ["COMMAND", "DOCS"];
    let told = match Link::connect_silently(&dial.target, &Options::default()).await {
        Ok(mut link) => match dial.greet_quietly(&mut link).await {
            Ok(()) => link.call(question).await.ok(),
            Err(_) => None,
        },
        Err(_) => None,
    };
    let docs = match told {
        Some(docs @ (Value::Map(_) | Value::Array(_))) => docs,
        // Without a server, or of one that is older than that, or for a user who may not ask: our own commands.
        _ => Link::over(Embedded::start().connect(), &Options::default()).call(question).await?,
    };
    Ok(about(&catalog::from_docs(&docs), words))
}

fn general() -> String {
    format!(
        "rbq cli {}\n\
         To get help about Redis commands type:\n      \
         \"help @<group>\" to get a list of commands in <group>\n      \
         \"help <command>\" for help on <command>\n      \
         \"quit\" to exit\n",
        env!("CARGO_PKG_VERSION")
    )
}

fn about(catalog: &Catalog, words: &[Vec<u8>]) -> String {
    let mut text = "\r\n".to_owned();
    let words: Vec<String> = words.iter().map(|word| String::from_utf8_lossy(word).into_owned()).collect();
    match words[0].strip_prefix('@') {
        Some(group) => {
            for entry in catalog.entries().iter().filter(|entry| entry.group.eq_ignore_ascii_case(group)) {
                describe(entry, false, &mut text);
            }
        }
        None => {
            for entry in catalog.entries().iter().filter(|entry| begins_with(entry, &words)) {
                describe(entry, true, &mut text);
            }
        }
    }
    text
}

/// Whether these are the first words of the name.
fn begins_with(entry: &Entry, words: &[String]) -> bool {
    let mut name = entry.name.split(' ');
    words.iter().all(|word| name.next().is_some_and(|part| part.eq_ignore_ascii_case(word)))
}

fn describe(entry: &Entry, with_group: bool, text: &mut String) {
    // The manual of 7.0 writes choices without blanks and angle brackets.
    let syntax = entry.syntax().replace(" | ", "|").replace(['<', '>'], "");
    let mut line = |line: std::fmt::Arguments<'_>| {
        text.write_fmt(line).expect("a string takes every write");
        text.push_str("\r\n");
    };
    line(format_args!("  \x1b[1m{}\x1b[0m \x1b[90m{syntax}\x1b[0m", entry.name));
    line(format_args!("  \x1b[33msummary:\x1b[0m {}", entry.summary));
    line(format_args!("  \x1b[33msince:\x1b[0m {}", entry.since));
    if with_group {
        line(format_args!("  \x1b[33mgroup:\x1b[0m {}", entry.group));
    }
    line(format_args!(""));
}
