//! Which command met which outcome, and where: what the transcripts show, and what they do not.
//!
//! Read from the files alone, as they are written, so it costs nothing and needs no server. An outcome is the kind
//! of the reply, or an error's whole text, since each error text is a path of its own through a command.

use std::{collections::BTreeMap, fmt::Write as _};

use rbq_resp::{Value, split_args};

use crate::{
    conversation::{Action, Conversation, Difference, Script, Step},
    pattern::{Kind, Pattern},
    stage::Client,
};

/// Commands whose second word names what they do.
const CONTAINERS: &[&str] = &[
    "ACL", "BACKUP", "CLIENT", "CLUSTER", "COMMAND", "CONFIG", "HOTKEYS", "LATENCY", "MEMORY", "MODULE", "OBJECT",
    "PUBSUB", "SLOWLOG", "XGROUP", "XINFO",
];

/// Places named per outcome before `…` stands for the others.
const PLACES_SHOWN: usize = 3;

/// For each command each outcome with the places (`file:line`) that show it.
#[derive(Debug, Default)]
pub struct Coverage {
    rows: BTreeMap<String, BTreeMap<String, Vec<String>>>,
}

impl Coverage {
    /// Reads what these scripts show.
    #[must_use]
    pub fn of(scripts: &[Script]) -> Self {
        let mut coverage = Self::default();
        for script in scripts {
            for step in script.conversations.iter().flat_map(|conversation| &conversation.steps) {
                coverage.add(script, step);
            }
        }
        coverage
    }

    fn add(&mut self, script: &Script, step: &Step) {
        let Action::Command { client, text } = &step.action else {
            return;
        };
        let row = self.rows.entry(command_name(text)).or_default();
        let place = format!("{}:{}", script.path.display(), step.line);
        for outcome in outcomes(step, *client) {
            row.entry(outcome).or_default().push(place.clone());
        }
    }

    /// The commands of `wanted` (as `LPUSH` or `XGROUP CREATE`) that no transcript sends.
    #[must_use]
    pub fn missing<'a>(&self, wanted: &[&'a str]) -> Vec<&'a str> {
        wanted.iter().copied().filter(|command| !self.rows.contains_key(*command)).collect()
    }

    /// How many different outcomes are shown.
    #[must_use]
    pub fn outcomes(&self) -> usize {
        self.rows.values().map(BTreeMap::len).sum()
    }

    /// The table as text: a line per command, and below it one per outcome.
    #[must_use]
    pub fn table(&self) -> String {
        let mut out = String::new();
        for (command, outcomes) in &self.rows {
            let _ = writeln!(out, "{}", printable(command));
            for (outcome, places) in outcomes {
                let shown = places.iter().take(PLACES_SHOWN).cloned().collect::<Vec<_>>().join(", ");
                let more = if places.len() > PLACES_SHOWN { ", …" } else { "" };
                let _ = writeln!(out, "    {outcome}   {shown}{more}");
            }
        }
        out
    }
}

/// A name as a line of text: a transcript may send one that is none.
fn printable(name: &str) -> String {
    match name {
        "" => "\"\"".into(),
        name => name.chars().map(|c| if c.is_control() { c.escape_default().to_string() } else { c.into() }).collect(),
    }
}

fn command_name(text: &str) -> String {
    let args = split_args(text.as_bytes()).unwrap_or_default();
    let word = |index: usize| args.get(index).map(|arg| String::from_utf8_lossy(arg).to_ascii_uppercase());
    let name = word(0).unwrap_or_default();
    match word(1) {
        Some(second) if CONTAINERS.contains(&name.as_str()) => format!("{name} {second}"),
        _ => name,
    }
}

/// What the client that sent the command received because of it.
fn outcomes(step: &Step, actor: Client) -> Vec<String> {
    let received = step.expected.iter().filter(|expected| expected.client == actor);
    let mut outcomes: Vec<String> = received.map(|expected| outcome(&expected.pattern)).collect();
    outcomes.sort();
    outcomes.dedup();
    if outcomes.is_empty() {
        outcomes.push("(waits, or is silent)".into());
    }
    outcomes
}

fn outcome(pattern: &Pattern) -> String {
    let kind = match pattern {
        Pattern::Exact(Value::Error(text)) => return format!("-{text}"),
        Pattern::Exact(Value::Status(text)) => return format!("+{text}"),
        Pattern::Exact(Value::Null) => "nil",
        Pattern::Exact(Value::NullArray) => "nil[]",
        Pattern::Exact(Value::Integer(_)) | Pattern::Int(..) => "integer",
        Pattern::Exact(Value::Bulk(_)) | Pattern::Id | Pattern::Addr | Pattern::Text => "bulk",
        Pattern::Exact(Value::Double(_)) => "double",
        Pattern::Exact(Value::Boolean(_)) => "boolean",
        Pattern::Exact(Value::BigNumber(_)) => "big number",
        Pattern::Exact(Value::Verbatim { .. }) => "verbatim",
        Pattern::Items(shape, items) if shape.kind == Kind::Array && items.is_empty() => "[]",
        Pattern::Items(shape, _) => match shape.kind {
            Kind::Set => "set",
            Kind::Push => "push",
            Kind::Array | Kind::Map => "array",
        },
        Pattern::Pairs(..) => "map",
        Pattern::Bind(_, inner) => return outcome(inner),
        Pattern::Closed => "<closed>",
        Pattern::Exact(_) | Pattern::Any | Pattern::Has(_) => "something",
    };
    kind.into()
}

/// The known differences between servers, one a line with its reason: what `docs` and reviewers want to see together.
#[must_use]
pub fn differences(scripts: &[Script]) -> String {
    let mut out = String::new();
    for script in scripts {
        for conversation in &script.conversations {
            let Some(differs) = &conversation.differs else {
                continue;
            };
            let _ = writeln!(out, "{}", difference(script, conversation, differs));
        }
    }
    out
}

fn difference(script: &Script, conversation: &Conversation, differs: &Difference) -> String {
    let place = format!("{}:{} {}", script.path.display(), conversation.line, conversation.title);
    match differs {
        Difference::Older { until, reason } => {
            format!("{place}\n    redis-server before {until}: {reason}")
        }
        Difference::Rbq { reason } => format!("{place}\n    rbq: {reason}"),
    }
}
