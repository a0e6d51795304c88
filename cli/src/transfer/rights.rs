//! Which commands a source has to allow, all of them asked before any key is.
//!
//! | For | Commands |
//! |---|---|
//! | finding keys | INFO, SELECT, SCAN, TYPE |
//! | reading each at one moment | MULTI, EXEC, PTTL and DUMP |
//! | where DUMP is not allowed | TIME, GET, LRANGE, XINFO, XPENDING, XRANGE instead |
//!
//! Each is called once with arguments that change nothing and find nothing, because a user that is limited may not ask what it
//! is allowed either. Whoever lacks several is told of all of them at once, and not of one at every attempt.
//!
//! Which keys a user may touch is not asked: it may be other keys than any that could be named here.

use rbq_client::{Client, Request, Target, Value};

use super::live::Depth;
use crate::failure::{Failure, Result};
use crate::open::unless_silent;

/// A key that nobody has.
const NO_KEY: &str = "_rbq.nothing";

/// What makes a refusal one of a command, and not of a key; every server since 6.0 says so. Of EXEC it stands in an EXECABORT.
const COMMAND_REFUSED: &str = "permissions to run";

const FINDING: &[&[&str]] = &[&["INFO", "keyspace"], &["SELECT", "0"], &["SCAN", "0", "COUNT", "1"], &["TYPE", NO_KEY]];
/// The last two in this order: a transaction with nothing in it.
const READING: &[&[&str]] = &[&["PTTL", NO_KEY], &["MULTI"], &["EXEC"]];
const DUMPING: &[&[&str]] = &[&["DUMP", NO_KEY]];
const WITHOUT_DUMP: &[&[&str]] = &[
    &["TIME"],
    &["GET", NO_KEY],
    &["LRANGE", NO_KEY, "0", "0"],
    &["XINFO", "STREAM", NO_KEY],
    &["XINFO", "GROUPS", NO_KEY],
    &["XINFO", "CONSUMERS", NO_KEY, NO_KEY],
    &["XPENDING", NO_KEY, NO_KEY],
    &["XRANGE", NO_KEY, "0", "0", "COUNT", "1"],
];
const BETTER: &[&[&str]] = &[&["PEXPIRETIME", NO_KEY]];

/// Which of several ways the user may go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Rights {
    pub(super) dump: bool,
    pub(super) expiretime: bool,
}

/// What this user may do, if it is enough.
///
/// # Errors
/// The server's, or a sentence that names every command that is refused and needed.
pub(crate) async fn demand(target: &Target, depth: Depth) -> Result<Rights> {
    // A connection of its own: what is asked leaves it in whatever state.
    let (client, _) = Client::connect(target, &unless_silent()?).await?;
    let mut missing = refused(&client, FINDING).await?;
    if depth == Depth::Names {
        return enough(&missing).map(|()| Rights { dump: false, expiretime: false });
    }
    missing.extend(refused(&client, READING).await?);
    let no_dump = refused(&client, DUMPING).await?;
    let dump = no_dump.is_empty();
    if !dump && !refused(&client, WITHOUT_DUMP).await?.is_empty() {
        missing.extend(no_dump);
    }
    enough(&missing)?;
    Ok(Rights { dump, expiretime: refused(&client, BETTER).await?.is_empty() })
}

/// The names of those that this user may not call.
async fn refused(client: &Client, questions: &[&[&'static str]]) -> Result<Vec<&'static str>> {
    let replies = client.pipeline(questions.iter().map(|words| Request::from(*words)).collect::<Vec<_>>()).await?;
    let is_refused = |reply: &Value| matches!(reply, Value::Error(text) if text.contains("NOPERM") && text.contains(COMMAND_REFUSED));
    Ok(questions.iter().zip(&replies).filter(|(_, reply)| is_refused(reply)).map(|(words, _)| words[0]).collect())
}

fn enough(missing: &[&str]) -> Result<()> {
    let Some((last, others)) = missing.split_last() else { return Ok(()) };
    let names = if others.is_empty() { (*last).to_owned() } else { format!("{} and {last}", others.join(", ")) };
    let grants: Vec<String> = missing.iter().map(|name| format!("+{}", name.to_lowercase())).collect();
    Err(Failure::new(format!("the user of the server that is read may not use {names}"))
        .hint(format!("`ACL SETUSER name {}` grants it, `~*` all keys", grants.join(" "))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_that_is_missing_is_named_with_what_grants_it() {
        assert!(enough(&[]).is_ok());
        let one = enough(&["DUMP"]).expect_err("it is missing").message();
        assert_eq!(one, "the user of the server that is read may not use DUMP");
        let three = enough(&["INFO", "MULTI", "EXEC"]).expect_err("they are missing").message();
        assert_eq!(three, "the user of the server that is read may not use INFO, MULTI and EXEC");
    }
}
