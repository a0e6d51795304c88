//! Words that were not kept, and how they are told from all other trouble.
//!
//! Whether a bug is found is a question of what a server did with what it had told; a port that was taken, a disk without room or a
//! machine that stands still is no answer to it.

use std::error::Error;
use std::fmt;

use anyhow::{Result, anyhow};

use crate::servers::{DidNotStart, Server};

/// What a server says when it ends, or refuses a directory, for something that the machine lacks.
const LACKS: [&str; 4] = ["in use", "no space left", "too many open files", "cannot allocate memory"];

/// A server did not do as it had told.
#[derive(Debug)]
pub(crate) struct BrokenWord(anyhow::Error);

impl BrokenWord {
    /// What was found, without the circumstances.
    pub(crate) fn story(&self) -> String {
        self.0.root_cause().to_string()
    }
}

impl fmt::Display for BrokenWord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a word was not kept")
    }
}

impl Error for BrokenWord {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(self.0.as_ref())
    }
}

/// What comes of a comparison of what was told with what is: where it fails, a word was broken.
pub(crate) fn kept<T>(compared: Result<T>) -> Result<T> {
    compared.map_err(|error| BrokenWord(error).into())
}

/// What comes of a start on a directory that was served from: a server that refuses it for what is in it has lost everything.
pub(crate) fn started<T>(outcome: Result<T>) -> Result<T> {
    let is_refusal = |ended: &DidNotStart| is_its_own_doing(&ended.log);
    match outcome {
        Err(error) if error.downcast_ref().is_some_and(is_refusal) => kept(Err(error)),
        outcome => outcome,
    }
}

/// What it means that a server closed a connection while nobody had ended it: one that ends by itself, and lacks nothing, keeps no word.
pub(crate) fn closed(server: &mut Server, whose: &str) -> anyhow::Error {
    let story = anyhow!("the server closed connection {whose}");
    match server.ends() {
        Ok(true) if is_its_own_doing(&server.said()) => BrokenWord(story.context("it ended by itself")).into(),
        Ok(_) => story,
        Err(error) => error,
    }
}

fn is_its_own_doing(log: &str) -> bool {
    let log = log.to_lowercase();
    !LACKS.iter().any(|lack| log.contains(lack))
}

#[cfg(test)]
mod tests {
    use super::*;
    use anyhow::{Context as _, anyhow};

    fn is_broken<T>(outcome: Result<T>) -> bool {
        outcome.context("after kill 7").is_err_and(|error| error.downcast_ref::<BrokenWord>().is_some())
    }

    #[test]
    fn a_broken_word_is_known_under_whatever_is_said_around_it() {
        assert!(is_broken(kept::<()>(Err(anyhow!("it is lost").context("group 1")))));
        assert!(!is_broken::<()>(Err(anyhow!("nobody was answered any more"))));
    }

    #[test]
    fn a_start_breaks_a_word_when_it_refuses_what_is_there() {
        let ended = |log: &str| started::<()>(Err(DidNotStart { program: "rbq".into(), log: log.into() }.into()));
        assert!(is_broken(ended("error: in DIR/rbq-data: `segment-1.log` is damaged at byte 4336")));
        assert!(!is_broken(ended("error: cannot listen on 127.0.0.1:7000: Address already in use")));
        assert!(!is_broken(ended("error: cannot write `id`: no space left on device")));
    }
}
