//! Work in batches: progress while it runs, an end between two batches on Ctrl-C, and one sentence about what was done.
//!
//! What went wrong after something was done is exit code 3, "partly done", and says how much.

use clap::Args;

use super::kind::shown;
use crate::exit::Exit;
use crate::failure::{Failure, Result, say};
use crate::interrupt::Interrupt;
use crate::progress::Progress;
use crate::servers::Servers;

/// How many, said in so many words: a forgotten number must not move everything.
#[derive(Debug, Clone, Copy, Args)]
#[group(required = true, multiple = false)]
pub(crate) struct Amount {
    /// How many
    #[arg(short = 'n', long, value_parser = clap::value_parser!(u64).range(1..))]
    count: Option<u64>,
    /// All that are there now
    #[arg(long)]
    all: bool,
}

impl Amount {
    /// How many of so many.
    pub(crate) fn of(self, there: u64) -> u64 {
        self.count.map_or(there, |count| count.min(there))
    }
}

/// Work under way.
#[derive(Debug)]
pub(crate) struct Work {
    verb: &'static str,
    noun: &'static str,
    total: u64,
    done: u64,
    progress: Progress,
    interrupt: Interrupt,
}

impl Work {
    /// Begins: "moved", "message".
    ///
    /// # Errors
    /// Of listening for Ctrl-C.
    pub(crate) fn start(verb: &'static str, noun: &'static str, total: u64) -> Result<Self> {
        let interrupt = Interrupt::listen()?;
        Ok(Self { verb, noun, total, done: 0, progress: Progress::start(verb, Some(total)), interrupt })
    }

    /// How many are next; none when all are done or somebody asked to end.
    pub(crate) fn next(&self, batch: u64) -> Option<u64> {
        let left = self.total - self.done;
        (left > 0 && !self.interrupt.was_pressed()).then(|| left.min(batch))
    }

    /// Takes note of a batch. None: there was nothing left to do.
    ///
    /// # Errors
    /// That of the batch, and what was done before it.
    pub(crate) fn went(&mut self, batch: Result<u64>) -> Result<Option<u64>> {
        match batch {
            Ok(0) => Ok(None),
            Ok(count) => {
                self.done += count;
                self.progress.add(count);
                Ok(Some(count))
            }
            Err(failure) if self.done == 0 => Err(failure),
            Err(failure) => {
                let (so_far, why) = (self.sentence(), failure.message());
                Err(Failure::partly(format!("{so_far}, then: {why}")).hint("the same command does the rest"))
            }
        }
    }

    /// How many were done.
    pub(crate) fn done(&self) -> u64 {
        self.done
    }

    /// Says what was done, and with what.
    ///
    /// # Errors
    /// None of its own; a result for the caller to return.
    pub(crate) fn finish(self, about: &str) -> Result<Exit> {
        let sentence = self.sentence();
        self.progress.finish();
        say(&format!("{sentence} {about}"));
        Ok(self.interrupt.exit())
    }

    fn sentence(&self) -> String {
        let (verb, done) = (self.verb, counted(self.done, self.noun));
        if self.done == self.total { format!("{verb} {done}") } else { format!("{verb} {done} of {}", self.total) }
    }
}

/// `1 message`, `2 messages`, `3 entries`.
pub(crate) fn counted(count: u64, noun: &str) -> String {
    match (count, noun.strip_suffix('y')) {
        (1, _) => format!("1 {noun}"),
        (_, Some(stem)) => format!("{count} {stem}ies"),
        (_, None) => format!("{count} {noun}s"),
    }
}

/// Makes sure that one atomic step can hold both keys.
///
/// # Errors
/// The server is a cluster, and they are in different slots.
pub(crate) fn together(servers: &Servers, from: &[u8], to: &[u8]) -> Result<()> {
    if servers.are_together(from, to) {
        return Ok(());
    }
    let (source, target) = (shown(from), shown(to));
    let failure = Failure::new(format!(
        "`{source}` and `{target}` are in different slots of the cluster, and no step can hold both"
    ));
    Err(failure.hint(format!("a target such as `{}:{target}` is in the same slot", shown(&tag(from)))))
}

/// The hash tag that puts another key into this one's slot: its own, or the whole of it.
fn tag(key: &[u8]) -> Vec<u8> {
    let own = key.iter().position(|byte| *byte == b'{').and_then(|start| {
        let len = key[start + 1..].iter().position(|byte| *byte == b'}').filter(|len| *len > 0)?;
        Some(key[start..=start + 1 + len].to_vec())
    });
    own.unwrap_or_else(|| [b"{", key, b"}"].concat())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_puts_another_key_into_the_same_slot() {
        for (key, expected) in [("orders", "{orders}"), ("{eu}:orders", "{eu}"), ("a{b}c{d}", "{b}")] {
            assert_eq!(tag(key.as_bytes()), expected.as_bytes());
            let beside = [expected.as_bytes(), b":later"].concat();
            assert_eq!(rbq_resp::slot(&beside), rbq_resp::slot(key.as_bytes()));
        }
    }

    #[test]
    fn counts_have_their_plural() {
        assert_eq!(
            [counted(1, "entry"), counted(2, "entry"), counted(0, "message")],
            ["1 entry", "2 entries", "0 messages"]
        );
    }
}
