//! The whole keyspace of both servers, key by key.
//!
//! Replies show what a command found; this shows what they left behind, also where nobody looked.

use bytes::Bytes;
use rbq_resp::Value;

use anyhow::Result;

use super::compare::Comparison;
use super::link::Link;
use super::side::Side;
use super::turn::Args;

/// The databases that the grammar visits.
const DATABASES: &[&str] = &["0", "1", "2", "15"];

/// What is left otherwise, if anything.
pub(crate) fn compare(comparison: &mut Comparison, older: &mut Side, newer: &mut Side) -> Result<Option<String>> {
    for database in DATABASES {
        let questions = questions(older.control(), database)?;
        let answers = ask(older.control(), &questions)?;
        let others = ask(newer.control(), &questions)?;
        for (question, (older, newer)) in questions.iter().zip(answers.iter().zip(&others)) {
            if let Some(difference) = comparison.value(question, older, newer) {
                let question: Vec<String> = question.iter().map(|arg| rbq_resp::quote(arg)).collect();
                return Ok(Some(format!("database {database}, {}: {difference}", question.join(" "))));
            }
        }
    }
    older.control().ask(&["SELECT", "0"])?;
    newer.control().ask(&["SELECT", "0"])?;
    Ok(None)
}

/// What to ask about a database: which keys there are, and what is in each.
fn questions(link: &mut Link, database: &str) -> Result<Vec<Args>> {
    let question =
        |words: &[&str]| -> Args { words.iter().map(|word| Bytes::copy_from_slice(word.as_bytes())).collect() };
    let mut questions = vec![question(&["SELECT", database]), question(&["KEYS", "*"])];
    let found = ask(link, &questions)?.pop();
    let Some(Value::Array(mut keys)) = found else { return Ok(questions) };
    keys.sort_by(|a, b| a.as_bytes().cmp(&b.as_bytes()));
    let mut about = |key: &Bytes, before: &[&str], after: &[&str]| {
        let mut args = question(before);
        args.push(key.clone());
        args.extend(question(after));
        questions.push(args);
    };
    for key in &keys {
        let Value::Bulk(key) = key else { continue };
        let kind = ask(link, &[[question(&["TYPE"]), vec![key.clone()]].concat()])?.pop();
        about(key, &["TYPE"], &[]);
        about(key, &["PEXPIRETIME"], &[]);
        match kind {
            Some(Value::Status(kind)) if kind == "string" => about(key, &["GET"], &[]),
            Some(Value::Status(kind)) if kind == "list" => about(key, &["LRANGE"], &["0", "-1"]),
            Some(Value::Status(kind)) if kind == "stream" => {
                about(key, &["XRANGE"], &["-", "+"]);
                about(key, &["XINFO", "STREAM"], &["FULL", "COUNT", "0"]);
                about(key, &["XINFO", "GROUPS"], &[]);
            }
            _ => {}
        }
    }
    Ok(questions)
}

fn ask(link: &mut Link, questions: &[Args]) -> Result<Vec<Value>> {
    link.send(questions.iter().map(Vec::as_slice))?;
    questions.iter().map(|_| link.reply()).collect()
}
