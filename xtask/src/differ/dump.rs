//! The whole keyspace of both servers, key by key.
//!
//! Replies show what a command found; this shows what they left behind, also where nobody looked. Three questions reach
//! all of it, each a batch: which keys there are, of which type, and what is in them.

use bytes::Bytes;
use rbq_resp::Value;

use anyhow::Result;

use super::compare::Comparison;
use super::fields::{field_mut, items_mut};
use super::link::Link;
use super::side::Side;
use super::turn::{Args, name, second};

/// The databases that the grammar visits.
const DATABASES: &[&str] = &["0", "1", "2", "15"];

/// What is left otherwise, if anything.
pub(crate) fn compare(comparison: &mut Comparison, older: &mut Side, newer: &mut Side) -> Result<Option<String>> {
    let questions = questions(older.control())?;
    let answers = ask(older.control(), &questions)?;
    let others = ask(newer.control(), &questions)?;
    let mut database = Bytes::new();
    let mut stream = &Value::Null;
    for (question, (older, newer)) in questions.iter().zip(answers.iter().zip(&others)) {
        let difference = match (name(question).as_slice(), second(question).as_slice()) {
            (b"XINFO", b"GROUPS") if !agree(stream, newer) => Some("not what XINFO STREAM said".to_owned()),
            _ => comparison.value(question, older, newer),
        };
        match (name(question).as_slice(), second(question).as_slice()) {
            (b"SELECT", _) => database.clone_from(&question[1]),
            (b"XINFO", b"STREAM") => stream = newer,
            _ => {}
        }
        if let Some(difference) = difference {
            let question: Vec<String> = question.iter().map(|arg| rbq_resp::quote(arg)).collect();
            let database = String::from_utf8_lossy(&database);
            return Ok(Some(format!("database {database}, {}: {difference}", question.join(" "))));
        }
    }
    Ok(None)
}

/// Whether XINFO GROUPS tells the progress that XINFO STREAM FULL told, which was counted.
fn agree(stream: &Value, groups: &Value) -> bool {
    let progress = |groups: &mut Value| -> Vec<[Option<Value>; 2]> {
        let groups = items_mut(groups).iter_mut();
        groups.map(|group| ["lag", "entries-read"].map(|field| field_mut(group, field).cloned())).collect()
    };
    let in_full = field_mut(&mut stream.clone(), "groups").map(progress);
    in_full.is_none_or(|in_full| in_full == progress(&mut groups.clone()))
}

/// What to ask: which keys there are, and what is in each. Ends in database 0.
fn questions(link: &mut Link) -> Result<Vec<Args>> {
    let keys = DATABASES.iter().flat_map(|database| [question(&["SELECT", database]), question(&["KEYS", "*"])]);
    let keys: Vec<Args> = keys.collect();
    let mut types = Vec::new();
    for (which, mut found) in keys.iter().zip(ask(link, &keys)?) {
        let found = items_mut(&mut found);
        found.sort_by(|a, b| a.as_bytes().cmp(&b.as_bytes()));
        types.push(which.clone());
        types.extend(found.iter().filter_map(|key| match key {
            Value::Bulk(key) => Some(about(key, &["TYPE"], &[])),
            _ => None,
        }));
    }
    let mut questions = Vec::new();
    for (which, kind) in types.iter().zip(ask(link, &types)?) {
        questions.push(which.clone());
        let Value::Status(kind) = kind else { continue };
        if name(which) != b"TYPE" {
            continue;
        }
        let key = &which[1];
        questions.push(about(key, &["PEXPIRETIME"], &[]));
        match kind.as_str() {
            "string" => questions.push(about(key, &["GET"], &[])),
            "list" => questions.push(about(key, &["LRANGE"], &["0", "-1"])),
            "stream" => {
                questions.push(about(key, &["XRANGE"], &["-", "+"]));
                questions.push(about(key, &["XINFO", "STREAM"], &["FULL", "COUNT", "0"]));
                questions.push(about(key, &["XINFO", "GROUPS"], &[]));
            }
            _ => {}
        }
    }
    questions.push(question(&["SELECT", DATABASES[0]]));
    Ok(questions)
}

fn question(words: &[&str]) -> Args {
    words.iter().map(|word| Bytes::copy_from_slice(word.as_bytes())).collect()
}

fn about(key: &Bytes, before: &[&str], after: &[&str]) -> Args {
    [question(before), vec![key.clone()], question(after)].concat()
}

fn ask(link: &mut Link, questions: &[Args]) -> Result<Vec<Value>> {
    link.send(questions.iter().map(Vec::as_slice))?;
    questions.iter().map(|_| link.reply()).collect()
}
