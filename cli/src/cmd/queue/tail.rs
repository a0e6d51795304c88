//! `rbq queue tail`: the newest messages, and with `-f` what arrives, without taking anything.
//!
//! A list tells nobody what came in, so it is looked at again and again, and what is at its newest end is compared with what was
//! there before:
//!
//! ```text
//!   before     e d c b a        the newest on the left
//!   now      g f e d            two have come, three were taken
//!            └─┘ new
//! ```
//!
//! What cannot be seen so is said when it begins: a message that came and went between two looks, or that went straight to a
//! waiting consumer. When everything that was there is gone, all that is there now is new.

use std::time::Duration;

use bytes::Bytes;
use clap::Args;
use rbq_client::Request;
use rbq_resp::Value;
use tokio::time::sleep;

use super::{End, QueueName};
use crate::cmd::keyspace::kind::{Kind, expect, shown, type_of};
use crate::cmd::keyspace::messages::LookArgs;
use crate::duration;
use crate::exit::Exit;
use crate::facts::{array, number, unexpected};
use crate::failure::{Failure, Result, say};
use crate::interrupt::Interrupt;
use crate::open::ServerArgs;
use crate::reader::Reader;
use crate::records::{Column, OutputArgs, column};
use crate::servers::{Servers, all};

/// Messages at the newest end that are compared: as many may come between two looks and all be shown.
const WINDOW: u64 = 100;

/// Show the newest messages, and follow what arrives, without taking anything
#[derive(Debug, Clone, Args)]
pub(super) struct TailArgs {
    #[command(flatten)]
    name: QueueName,
    /// How many that are there already
    #[arg(short = 'n', long, default_value_t = 10)]
    count: u64,
    /// Go on with what arrives, until Ctrl-C
    #[arg(short, long)]
    follow: bool,
    /// How long between two looks
    #[arg(long, value_name = "DURATION", value_parser = duration::parse, default_value = "200ms")]
    every: Duration,
    /// The end that consumers take from; new messages come in at the other
    #[arg(long, value_name = "END", default_value = "right")]
    take: End,
    #[command(flatten)]
    look: LookArgs,
    #[command(flatten)]
    output: OutputArgs,
    #[command(flatten)]
    server: ServerArgs,
}

const COLUMNS: &[Column] = &[column("payload", "MESSAGE")];

pub(super) async fn run(args: TailArgs) -> Result<Exit> {
    let mut servers = Servers::connect(&args.server).await?;
    let key = args.name.key();
    // A queue that is empty is not there; who follows it waits for its first message.
    if args.follow && type_of(&mut servers, &key).await? == "none" {
        say(&format!("there is no queue `{}` yet; waiting for its first message", shown(&key)));
    } else {
        expect(&mut servers, &key, Kind::Queue, "tail").await?;
    }
    let mut records = args.output.records(COLUMNS);
    let mut seen = Seen::look(&mut servers, &key, args.take, args.count.max(WINDOW)).await?;
    let shown = usize::try_from(args.count).unwrap_or(usize::MAX).min(seen.newest.len());
    for message in seen.newest[..shown].iter().rev() {
        records.add(vec![args.look.payload(message)])?;
    }
    if !args.follow {
        records.finish()?;
        return Ok(Exit::Done);
    }
    records.flush()?;
    let every = duration::shown(args.every);
    say(&format!("looking every {every}; what is taken between two looks, or by a consumer that waits, is not seen"));
    let mut interrupt = Interrupt::listen()?;
    let mut reader = Reader::of_stdout();
    loop {
        tokio::select! {
            () = sleep(args.every) => {}
            () = interrupt.pressed() => break,
            () = reader.gone() => return Err(Failure::ClosedPipe),
        }
        let now = Seen::look(&mut servers, &key, args.take, WINDOW).await?;
        let (arrived, is_all) = now.since(&seen);
        if !is_all {
            say(&format!("more than {WINDOW} came between two looks; only the newest of them are shown"));
        }
        for message in now.newest[..arrived].iter().rev() {
            records.add(vec![args.look.payload(message)])?;
        }
        records.flush()?;
        seen = now;
    }
    records.finish()?;
    Ok(interrupt.exit())
}

/// What a look at a queue has shown.
#[derive(Debug)]
struct Seen {
    length: u64,
    /// The newest first.
    newest: Vec<Bytes>,
}

impl Seen {
    async fn look(servers: &mut Servers, key: &[u8], take: End, window: u64) -> Result<Self> {
        let range = Request::new("LRANGE").arg(key).args(take.other().range(0, window));
        let length = Request::new("LLEN").arg(key);
        // Neither waits for the other, but something may come between: the transaction has them see the same list.
        let requests = [Request::new("MULTI"), length, range, Request::new("EXEC")];
        let done = all(servers.of(key).await?, &requests).await?.pop().expect("EXEC was answered");
        let mut parts = match done {
            Value::Array(parts) => parts.into_iter(),
            other => return Err(unexpected(other)),
        };
        let (length, messages) = (parts.next().unwrap_or(Value::Null), parts.next().unwrap_or(Value::Null));
        if let Value::Error(_) = &length {
            return Err(unexpected(length));
        }
        let bytes = |message| match message {
            Value::Bulk(bytes) => Some(bytes),
            _ => None,
        };
        let mut newest: Vec<Bytes> = array(messages).into_iter().filter_map(bytes).collect();
        if take == End::Left {
            newest.reverse();
        }
        Ok(Self { length: number(&length).unwrap_or(0), newest })
    }

    /// How many of the newest have come since, and whether those are all that have.
    fn since(&self, before: &Self) -> (usize, bool) {
        // Taking shortens a list; it has grown by no more than what came.
        let least = usize::try_from(self.length.saturating_sub(before.length)).unwrap_or(usize::MAX);
        for arrived in least..self.newest.len() {
            let old = &self.newest[arrived..];
            let common = old.len().min(before.newest.len());
            if common > 0 && old[..common] == before.newest[..common] {
                return (arrived, true);
            }
        }
        (self.newest.len(), self.length <= self.newest.len() as u64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(text: &str) -> Seen {
        let newest: Vec<Bytes> = text.bytes().map(|letter| Bytes::from(vec![letter])).collect();
        Seen { length: newest.len() as u64, newest }
    }

    #[test]
    fn what_has_come_is_told_from_what_was_there() {
        for (before, now, arrived) in [
            ("", "", 0),
            ("", "ba", 2),
            ("edcba", "gfed", 2),
            ("ba", "ba", 0),
            ("ba", "b", 0),
            ("a", "aa", 1),
            ("aa", "a", 0),
            ("cba", "x", 1),
            ("cba", "", 0),
        ] {
            assert_eq!(seen(now).since(&seen(before)), (arrived, true), "{before} {now}");
        }
    }

    #[test]
    fn more_than_the_window_is_said_to_be_more() {
        let now = Seen { length: 1000, ..seen("zyx") };
        assert_eq!(now.since(&Seen { length: 10, ..seen("cba") }), (3, false));
        assert_eq!(now.since(&Seen { length: 999, ..seen("yxw") }), (1, true));
    }
}
