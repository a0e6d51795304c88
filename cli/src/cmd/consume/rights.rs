//! What this user may do, found out before anything is taken.
//!
//! A transaction that is never executed: a server judges commands and keys as they are queued, and the connection is dropped
//! before EXEC. So every command that will be needed in an hour, when a message dies, is tried now and none is run.
//!
//! Invariant: what cannot be finished is not begun. A consumer that reads and may not acknowledge would have its messages
//! delivered over and over.

use rbq_client::Request;
use rbq_resp::{Value, quote};

use super::home::Home;
use crate::failure::{Failure, Result, say};
use crate::servers::all;

/// What is needed for one purpose, and refused.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Refused {
    commands: Vec<String>,
    keys: Vec<Vec<u8>>,
    /// Without transactions there is none of it, and nothing can be tried.
    is_untried: bool,
}

impl Refused {
    pub(super) fn is_nothing(&self) -> bool {
        self.commands.is_empty() && !self.is_untried
    }

    fn add(&mut self, request: &Request, key: &[u8]) {
        let name = request.iter().next().unwrap_or_default();
        let name = String::from_utf8_lossy(name).into_owned();
        if !self.commands.contains(&name) {
            self.commands.push(name);
        }
        if !self.keys.iter().any(|known| known == key) {
            self.keys.push(key.to_vec());
        }
    }

    fn keys(&self) -> String {
        self.keys.iter().map(|key| quote(key)).collect::<Vec<_>>().join(" and ")
    }

    /// `this user may not use XACK and DEL on "jobs"`.
    fn sentence(&self) -> String {
        format!("this user may not use {} on {}", self.commands.join(" and "), self.keys())
    }

    fn grant(&self) -> String {
        let commands = self.commands.iter().map(|name| format!("+{}", name.to_ascii_lowercase()));
        let keys = self.keys.iter().map(|key| format!("~{}", String::from_utf8_lossy(key)));
        let words: Vec<_> = commands.chain(keys).collect();
        format!("`ACL SETUSER name {}` grants it", words.join(" "))
    }

    /// Ends the command if anything is refused.
    pub(super) fn is_fatal(&self, without: &str) -> Result<()> {
        if self.is_nothing() {
            return Ok(());
        }
        Err(Failure::new(format!("{}, and {without}", self.sentence())).hint(self.grant()))
    }

    /// Says it if anything is refused.
    pub(super) fn warn(&self, consequence: &str) {
        if self.is_untried {
            say(&format!("without MULTI {consequence}"));
        } else if !self.is_nothing() {
            say(&format!("{}: {consequence}; {}", self.sentence(), self.grant()));
        }
    }
}

/// For each purpose, which of its requests the server would refuse. Each request stands with the key it is about.
pub(super) async fn refused<const N: usize>(home: &Home, purposes: [Vec<(Request, &[u8])>; N]) -> Result<[Refused; N]> {
    let mut link = home.link().await?;
    let mut refused = std::array::from_fn(|_| Refused::default());
    // Alone: without it the others would be run.
    if let Value::Error(text) = link.call(["MULTI"]).await? {
        if text.starts_with("NOPERM") {
            tell_untried(&purposes);
            // The first purpose is the work itself, which needs no transaction: what it lacks shows when it begins.
            refused.iter_mut().skip(1).for_each(|refused| refused.is_untried = true);
        }
        return Ok(refused);
    }
    for (purpose, refused) in purposes.iter().zip(&mut refused) {
        let requests: Vec<_> = purpose.iter().map(|(request, _)| request.clone()).collect();
        for ((request, key), reply) in purpose.iter().zip(all(&mut link, &requests).await?) {
            if matches!(reply, Value::Error(text) if text.starts_with("NOPERM")) {
                refused.add(request, key);
            }
        }
    }
    Ok(refused)
}

/// Whoever has no transactions may lack anything else too, so all that is needed is named, once.
fn tell_untried(purposes: &[Vec<(Request, &[u8])>]) {
    let mut needed = Refused::default();
    for (request, key) in purposes.iter().flatten() {
        needed.add(request, key);
    }
    needed.commands.splice(0..0, ["MULTI".to_owned(), "EXEC".to_owned()]);
    let grant = needed.grant();
    say(&format!(
        "this user may not use MULTI, so what else it lacks cannot be found out; {grant}, and all else that is needed"
    ));
}

/// What a burial takes.
pub(super) fn burial(dlq: &[u8]) -> Vec<(Request, &[u8])> {
    vec![
        (Request::new("WATCH").arg(dlq), dlq),
        (Request::new("TYPE").arg(dlq), dlq),
        (Request::new("XADD").arg(dlq).args(["*", "data", ""]), dlq),
        (Request::new("XDEL").arg(dlq).arg("0-1"), dlq),
    ]
}

/// What keeping notes under a key takes.
pub(super) fn noting(key: &[u8]) -> Vec<(Request, &[u8])> {
    vec![
        (Request::new("WATCH").arg(key), key),
        (Request::new("GET").arg(key), key),
        (Request::new("SET").arg(key).arg(""), key),
        (Request::new("DEL").arg(key), key),
    ]
}

/// What is said where a message can be taken and not buried.
pub(super) const NO_BURIAL: &str = "a message that has to become a dead letter will end this consumer";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_refused_is_named_once_with_what_grants_it() {
        let mut refused = Refused::default();
        refused.add(&Request::from(["XACK", "jobs", "g", "1-1"]), b"jobs");
        refused.add(&Request::from(["XACK", "jobs", "g", "1-1"]), b"jobs");
        refused.add(&Request::from(["XCLAIM", "jobs"]), b"jobs");
        assert_eq!(refused.sentence(), r#"this user may not use XACK and XCLAIM on "jobs""#);
        assert_eq!(refused.grant(), "`ACL SETUSER name +xack +xclaim ~jobs` grants it");
        assert!(Refused::default().is_fatal("it would not do").is_ok());
    }
}
