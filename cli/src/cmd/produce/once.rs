//! `--producer-id`: each message has a name, by which the stream knows it again (`XADD … IDMP`, Redis 8.6).
//!
//! ```text
//!   producer  PRODUCER:block     a block is as many messages as the stream remembers of one producer
//!   message   place-hash         its place in the input, and a hash of its bytes
//! ```
//!
//! Invariant: a name depends on the input alone. So a file that is sent again gives the same names, and none of its messages is
//! added twice, as long as the stream remembers them.
//!
//! The blocks are there because a stream remembers ten thousand messages of one producer at most, and files are longer. The hash
//! is there so that another file, sent under the same name by mistake, is not swallowed.

use std::io::Write;
use std::os::unix::ffi::OsStrExt;
use std::time::Duration;

use rbq_client::{Link, Request};
use rbq_resp::{Value, quote};
use xxhash_rust::xxh3::Xxh3;

use super::ProduceArgs;
use crate::duration;
use crate::failure::{Failure, Result, say};

/// What a stream can remember at most (`XCFGSET`).
const REMEMBER_MAX: Duration = Duration::from_secs(86_400);
const MESSAGES_MAX: u64 = 10_000;

/// Names messages.
#[derive(Debug)]
pub(super) struct Once {
    producer: Vec<u8>,
    /// Messages in a block.
    block: u64,
    /// Messages named so far.
    named: u64,
    name: Vec<u8>,
}

impl Once {
    fn new(producer: Vec<u8>, block: u64) -> Self {
        Self { producer, block: block.max(1), named: 0, name: Vec::new() }
    }

    /// Adds `IDMP producer message`.
    pub(super) fn name<'a>(&mut self, bytes: impl IntoIterator<Item = &'a [u8]>, request: &mut Request) {
        let mut hash = Xxh3::new();
        for bytes in bytes {
            hash.update(&(bytes.len() as u64).to_le_bytes());
            hash.update(bytes);
        }
        request.push("IDMP");
        let (place, block) = (self.named, self.named / self.block);
        self.named += 1;
        self.name.clear();
        self.name.extend_from_slice(&self.producer);
        write!(self.name, ":{block}").expect("memory takes what is written");
        request.push(&self.name);
        self.name.clear();
        write!(self.name, "{place}-{:016x}", hash.digest()).expect("memory takes what is written");
        request.push(&self.name);
    }
}

/// What a stream remembers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Memory {
    duration: Duration,
    messages: u64,
}

/// Makes the stream remember, and tells for how long it does; `None` if the server cannot.
pub(super) async fn prepare(args: &ProduceArgs, producer: Vec<u8>, link: &mut Link) -> Result<Option<Once>> {
    let name = args.name.as_bytes();
    if let Some(limit) = args.remember.filter(|limit| *limit < Duration::from_secs(1) || *limit > REMEMBER_MAX) {
        return Err(Failure::usage(format!("a stream remembers for 1s to 1d, not for {}", duration::shown(limit))));
    }
    // Without arguments it changes nothing: the error tells whether the command is known.
    if let Value::Error(text) = link.call(["XCFGSET"]).await?
        && text.contains("unknown command")
    {
        say(
            "this server does not know a message again: --producer-id has no effect, and what is sent again is there twice",
        );
        return Ok(None);
    }
    let memory = match (memory(name, link).await?, args.remember) {
        (Some(memory), Some(wanted)) if memory.duration < wanted => {
            // Forgets what was sent so far, and says so: a memory that grows later than the message helps nobody.
            say("the stream remembers for longer from now on, and has forgotten what was sent before");
            set(configure(name, wanted), link).await?;
            Memory { duration: wanted, messages: MESSAGES_MAX }
        }
        (Some(memory), _) => memory,
        (None, _) if args.entry.nomkstream => Memory { duration: Duration::ZERO, messages: 1 },
        (None, wanted) => {
            let duration = wanted.unwrap_or(REMEMBER_MAX);
            create(name, duration, link).await?;
            Memory { duration, messages: MESSAGES_MAX }
        }
    };
    if !args.quiet && memory.duration < REMEMBER_MAX {
        let (shown, limit) = (quote(name), duration::shown(memory.duration));
        say(&format!("{shown} knows a message again for {limit}; --remember 1d makes it longer"));
    }
    Ok(Some(Once::new(producer, memory.messages)))
}

async fn memory(name: &[u8], link: &mut Link) -> Result<Option<Memory>> {
    let pairs = match link.call(Request::from(["XINFO", "STREAM"]).arg(name)).await? {
        Value::Map(pairs) => pairs,
        Value::Array(flat) => flat.chunks(2).filter_map(|pair| Some((pair[0].clone(), pair.get(1)?.clone()))).collect(),
        Value::Error(text) if text.contains("no such key") => return Ok(None),
        // Of another kind, or on another node: the first message will tell.
        _ => return Ok(Some(Memory { duration: REMEMBER_MAX, messages: MESSAGES_MAX })),
    };
    let number = |wanted: &str| {
        let (_, value) = pairs.iter().find(|(name, _)| name.as_bytes() == Some(wanted.as_bytes()))?;
        match value {
            Value::Integer(number) => u64::try_from(*number).ok(),
            _ => None,
        }
    };
    let duration = Duration::from_secs(number("idmp-duration").unwrap_or(0));
    Ok(Some(Memory { duration, messages: number("idmp-maxsize").unwrap_or(1) }))
}

fn configure(name: &[u8], duration: Duration) -> Request {
    let (duration, messages) = (duration.as_secs().to_string(), MESSAGES_MAX.to_string());
    Request::new("XCFGSET").arg(name).args(["IDMP-DURATION", &duration, "IDMP-MAXSIZE", &messages])
}

async fn set(request: Request, link: &mut Link) -> Result<()> {
    match link.call(request).await? {
        Value::Error(text) => Err(Failure::new(text)),
        _ => Ok(()),
    }
}

/// An empty stream with a memory: only a group's creation makes a stream without an entry.
async fn create(name: &[u8], duration: Duration, link: &mut Link) -> Result<()> {
    let group = "rbq-produce-creates";
    for request in [
        Request::new("MULTI"),
        Request::from(["XGROUP", "CREATE"]).arg(name).args([group, "$", "MKSTREAM"]),
        Request::from(["XGROUP", "DESTROY"]).arg(name).arg(group),
        configure(name, duration),
        Request::new("EXEC"),
    ] {
        set(request, link).await?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_depend_on_the_input_alone() {
        let names = |messages: &[&'static str]| {
            let mut once = Once::new(b"p".to_vec(), 2);
            let name = |message: &&'static str| {
                let mut request = Request::default();
                once.name([message.as_bytes()], &mut request);
                request.iter().map(|arg| String::from_utf8_lossy(arg).into_owned()).collect::<Vec<_>>().join(" ")
            };
            messages.iter().map(name).collect::<Vec<_>>()
        };
        let first = names(&["a", "a", "b"]);
        assert_eq!(first, names(&["a", "a", "b", "c"])[..3]);
        assert!(first[0].starts_with("IDMP p:0 0-") && first[2].starts_with("IDMP p:1 2-"), "{first:?}");
        assert_ne!(first[2], names(&["a", "a", "x"])[2]);
    }
}
