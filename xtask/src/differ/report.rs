//! A difference as a transcript: readable, and playable once the right answer is known.

use std::fmt::Write as _;

use rbq_resp::{Value, quote};
use rbq_transcript::render;

use super::play::{Outcome, Pair};
use super::side::{Answer, Heard};
use super::turn::{Args, CAST, Episode, Turn};

/// Tells an episode and what both servers said; where they differ, both are heard.
#[must_use]
pub(crate) fn report(pair: &Pair, episode: &Episode, outcome: &Outcome) -> String {
    let mut out = String::new();
    for member in CAST.iter().filter(|member| member.resp3) {
        let _ = writeln!(out, "@resp3 {}", member.name);
    }
    let turns = episode.turns.iter().zip(&outcome.heard);
    turns.for_each(|(turn, heard)| turn_report(pair, turn, heard, &mut out));
    let _ = writeln!(out, "# different: {}", outcome.difference.as_deref().unwrap_or("nothing"));
    out
}

/// Tells the turn in which an episode ended.
#[must_use]
pub(crate) fn last_turn(pair: &Pair, episode: &Episode, outcome: &Outcome) -> String {
    let mut out = String::new();
    if let Some((heard, turn)) = outcome.heard.last().zip(episode.turns.get(outcome.heard.len() - 1)) {
        turn_report(pair, turn, heard, &mut out);
    }
    out
}

fn turn_report(pair: &Pair, turn: &Turn, heard: &[Result<Heard, String>; 2], out: &mut String) {
    match heard {
        [Ok(older), Ok(newer)] => {
            let (first, second) = (lines(turn, older), lines(turn, newer));
            for (said, answer, other) in first.into_iter().zip(second).map(|((said, a), (_, b))| (said, a, b)) {
                out.push_str(&said);
                if answer == other {
                    out.push_str(&answer);
                    continue;
                }
                for (name, answer) in pair.names.iter().zip([answer, other]) {
                    let _ = writeln!(out, "# {name}:");
                    answer.lines().for_each(|line| out.push_str(&format!("#   {line}\n")));
                }
            }
        }
        [older, newer] => {
            let actor = CAST[turn.client].name;
            turn.commands().for_each(|args| out.push_str(&format!("{actor}  {}\n", line(args))));
            for (name, heard) in pair.names.iter().zip([older, newer]) {
                if let Err(error) = heard {
                    let _ = writeln!(out, "# {name}: {error}");
                }
            }
        }
    }
}

/// What was said, and below it what came of it; what came to others stands below an empty line of its own.
fn lines(turn: &Turn, heard: &Heard) -> Vec<(String, String)> {
    let actor = CAST[turn.client].name;
    let mut mixed = heard.mixed.iter();
    let mut lines: Vec<(String, String)> = Vec::new();
    for (args, answer) in turn.commands().zip(&heard.answers) {
        let answer = match answer {
            Answer::Reply(value) => told(actor, value),
            Answer::Waits => String::new(),
            Answer::Mixed => mixed
                .next()
                .map(|(_, values)| values.iter().map(|value| told(actor, value)).collect())
                .unwrap_or_default(),
            Answer::Unsaid => continue,
        };
        lines.push((format!("{actor}  {}\n", line(args)), answer));
    }
    let mut others = String::new();
    for (client, _, value) in &heard.served {
        others.push_str(&told(CAST[*client].name, value));
    }
    for (client, values) in &heard.messages {
        values.iter().for_each(|value| others.push_str(&told(CAST[*client].name, value)));
    }
    lines.push((String::new(), others));
    lines
}

fn told(client: &str, value: &Value) -> String {
    let indent = client.len() + 2;
    format!("{client}: {}\n", render(value, indent))
}

/// A command line as `redis-cli` reads it.
#[must_use]
pub(crate) fn line(args: &Args) -> String {
    let word = |arg: &[u8]| {
        let plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"_:./@*$+=~<>()#?[]^-".contains(byte);
        let is_plain = !arg.is_empty() && arg.iter().all(plain) && !arg.starts_with(b"$") && !arg.starts_with(b"#");
        if is_plain { String::from_utf8_lossy(arg).into_owned() } else { quote(arg) }
    };
    args.iter().map(|arg| word(arg)).collect::<Vec<_>>().join(" ")
}
