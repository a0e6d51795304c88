//! `--pipe`: requests as they stand on stdin, at full speed, and a count of the replies.
//!
//! Sending and receiving go on at the same time, and no more is read than the server takes, so memory stays the same for a file of
//! any length. How many replies there are is not known; so the last request is an ECHO of words that nobody else can have sent,
//! and their coming back is the end.

use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hasher};
use std::io::{self, Read};
use std::thread;
use std::time::Duration;

use rbq_client::Link;
use rbq_resp::Value;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until};

use super::Run;
use super::dial::Dial;
use super::sizes::say;
use crate::exit::Exit;
use crate::failure;
use crate::output::Output;

/// One read of stdin; as much again may wait for the socket.
const CHUNK_BYTES: usize = 64 * 1024;
const CHUNKS_MAX: usize = 4;

/// Further than any run of ours lasts: a deadline that is none.
const NEVER: Duration = Duration::from_secs(100 * 365 * 24 * 3600);

enum Step {
    Chunk(Option<io::Result<Vec<u8>>>),
    Value(Option<Value>),
    TooLate,
}

pub(super) async fn run(dial: &Dial, timeout_s: i64, out: &mut Output) -> Run<Exit> {
    let mut link = dial.connect_or_give_up().await?;
    let mut chunks = chunks_of_stdin();
    let limit = u64::try_from(timeout_s).ok().filter(|seconds| *seconds > 0).map_or(NEVER, Duration::from_secs);
    let (mut errors, mut replies) = (0_u64, 0_u64);
    let (mut last_word, mut all_sent) = (None::<String>, false);
    let mut deadline = Instant::now() + NEVER;
    loop {
        let reading = last_word.is_none() && link.queued_bytes() < CHUNK_BYTES;
        let step = tokio::select! {
            chunk = chunks.recv(), if reading => Step::Chunk(chunk),
            value = next(&mut link) => Step::Value(value?),
            () = sleep_until(deadline) => Step::TooLate,
        };
        match step {
            Step::Chunk(Some(chunk)) => link.queue_encoded(&chunk?),
            Step::Chunk(None) => last_word = Some(end(&mut link)),
            Step::Value(None) if last_word.is_some() && !all_sent => {
                all_sent = true;
                say(out, "All data transferred. Waiting for the last reply...\n")?;
                deadline = Instant::now() + limit;
            }
            Step::Value(None) => {}
            Step::Value(Some(value)) if is_last(&value, last_word.as_deref()) => {
                say(out, "Last reply received from server.\n")?;
                break;
            }
            Step::Value(Some(value)) => {
                replies += 1;
                if let Value::Error(text) = value {
                    errors += 1;
                    failure::say(&text);
                }
                if all_sent {
                    deadline = Instant::now() + limit;
                }
            }
            Step::TooLate => {
                failure::say(&format!("No replies for {timeout_s} seconds: exiting."));
                errors += 1;
                break;
            }
        }
    }
    say(out, &format!("errors: {errors}, replies: {replies}\n"))?;
    Ok(if errors > 0 { Exit::Failed } else { Exit::Done })
}

/// The next reply; `None` when what was queued has gone out.
async fn next(link: &mut Link) -> rbq_client::Result<Option<Value>> {
    if link.queued_bytes() > 0 { link.exchange().await } else { link.receive().await.map(Some) }
}

/// Queues the last request, and gives what it will be answered by.
fn end(link: &mut Link) -> String {
    let chance = || RandomState::new().build_hasher().finish();
    let word = format!("{:016x}{:04x}", chance(), chance() & 0xffff);
    // An empty line first, in case the last request does not end in one.
    link.queue_encoded(format!("\r\n*2\r\n$4\r\nECHO\r\n${}\r\n{word}\r\n", word.len()).as_bytes());
    word
}

fn is_last(value: &Value, word: Option<&str>) -> bool {
    word.is_some_and(|word| value.as_bytes() == Some(word.as_bytes()))
}

fn chunks_of_stdin() -> mpsc::Receiver<io::Result<Vec<u8>>> {
    let (sender, receiver) = mpsc::channel(CHUNKS_MAX);
    // Not joined: a read that blocks for ever must not keep the process from ending.
    thread::spawn(move || {
        let mut stdin = io::stdin().lock();
        loop {
            let mut chunk = vec![0; CHUNK_BYTES];
            let read = stdin.read(&mut chunk).map(|read| {
                chunk.truncate(read);
                chunk
            });
            let last = !matches!(&read, Ok(chunk) if !chunk.is_empty());
            // The end is told by the channel's end.
            let is_news = !matches!(&read, Ok(chunk) if chunk.is_empty());
            if is_news && sender.blocking_send(read).is_err() || last {
                return;
            }
        }
    });
    receiver
}
