//! `rbq sub`: messages of channels, to stdout as they come.
//!
//! A message is written whole and flushed before the next is read. A slow reader holds back the server by the socket alone:
//! nothing is dropped here, and what the server does about it is its `client-output-buffer-limit pubsub`.

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;
use std::time::Duration;

use clap::Args;
use rbq_client::{Error, Kind, Link, Options, PubSub, Redirect, Request};
use rbq_resp::Value;
use tokio::time::{Instant, sleep_until};

use crate::duration;
use crate::exit::Exit;
use crate::failure::{Result, say};
use crate::interrupt::Interrupt;
use crate::open::ServerArgs;
use crate::output::Output as Stdout;
use crate::print::message::{self, Output};

/// Redirects followed in a row: a settled cluster needs one.
const REDIRECTS_MAX: usize = 5;

/// Receive messages published to channels
#[derive(Debug, Clone, Args)]
pub(crate) struct SubArgs {
    /// The channels
    #[arg(required = true)]
    channels: Vec<OsString>,
    /// The channels are glob patterns (PSUBSCRIBE)
    #[arg(short, long)]
    pattern: bool,
    /// The channels are shard channels (SSUBSCRIBE)
    #[arg(long, conflicts_with = "pattern")]
    shard: bool,
    /// End after this many messages
    #[arg(short = 'n', long)]
    count: Option<u64>,
    /// End when no message has come for this long: 30s, 2m
    #[arg(long, value_name = "DURATION", value_parser = duration::parse)]
    wait: Option<Duration>,
    /// How to write messages; text puts the channel and a tab before the message if there can be more than one channel
    #[arg(short, long, default_value = "text")]
    output: Output,
    #[command(flatten)]
    server: ServerArgs,
}

pub(crate) async fn run(args: SubArgs) -> Result<Exit> {
    let mut target = args.server.target()?;
    let mut link = Link::connect(&target, &Options::default()).await?;
    let mut interrupt = Interrupt::listen()?;
    let mut stdout = Stdout::new();
    let verb = match (args.pattern, args.shard) {
        (true, _) => "PSUBSCRIBE",
        (_, true) => "SSUBSCRIBE",
        _ => "SUBSCRIBE",
    };
    let (output, one_channel) = (args.output, args.channels.len() == 1 && !args.pattern);
    let mut left = args.count.unwrap_or(u64::MAX);
    let subscribe = Request::new(verb).args(args.channels.into_iter().map(OsString::into_vec));
    link.queue(&subscribe);
    link.flush().await?;
    let mut redirects_left = REDIRECTS_MAX;
    // Counted from the last message: confirmations and other pushes are none.
    let deadline = || args.wait.map(|wait| Instant::now() + wait);
    let mut until = deadline();
    while left > 0 {
        let value = tokio::select! {
            biased;
            () = interrupt.pressed() => break,
            value = link.receive() => value?,
            () = quiet(until) => break,
        };
        let elements = match value {
            Value::Error(text) => match Redirect::parse(text.as_bytes()) {
                // A shard channel is where its slot is, and all of one command's are in one slot.
                Some(redirect) if redirects_left > 0 => {
                    redirects_left -= 1;
                    target.endpoint = redirect.endpoint(&target.endpoint);
                    link = Link::connect(&target, &Options::default()).await?;
                    link.queue(&subscribe);
                    link.flush().await?;
                    continue;
                }
                _ => return Err(Error::from_error_reply(text).into()),
            },
            Value::Push(elements) | Value::Array(elements) => elements,
            _ => continue,
        };
        if let Some(event @ PubSub::Message { .. }) = PubSub::read(&elements) {
            show(&event, output, one_channel, &mut stdout);
            stdout.flush()?;
            left -= 1;
            redirects_left = REDIRECTS_MAX;
            until = deadline();
        }
    }
    if interrupt.was_pressed() {
        let received = args.count.unwrap_or(u64::MAX) - left;
        say(&format!("received {received} message{}", if received == 1 { "" } else { "s" }));
    }
    Ok(interrupt.exit())
}

async fn quiet(until: Option<Instant>) {
    match until {
        Some(until) => sleep_until(until).await,
        None => std::future::pending().await,
    }
}

/// A terminal is given text that does not steer it.
fn show(event: &PubSub, output: Output, one_channel: bool, stdout: &mut Stdout) {
    if output != Output::Text || !stdout.is_terminal() {
        return write(event, output, one_channel, stdout.buffer());
    }
    let mut line = Vec::new();
    write(event, output, one_channel, &mut line);
    stdout.buffer().extend_from_slice(&message::harmless(&line));
}

fn write(event: &PubSub, output: Output, one_channel: bool, out: &mut Vec<u8>) {
    let PubSub::Message { kind, pattern, channel, payload } = event else {
        return;
    };
    match output {
        Output::Raw => out.extend_from_slice(payload),
        Output::Text => {
            if !one_channel {
                out.extend_from_slice(channel);
                out.push(b'\t');
            }
            out.extend_from_slice(payload);
            out.push(b'\n');
        }
        Output::Jsonl => {
            let shard = (*kind == Kind::Shard).then(|| ("shard", true.into()));
            let pattern = pattern.as_deref().map(|pattern| ("pattern", message::json(pattern)));
            let rest = [("channel", message::json(channel)), ("payload", message::json(payload))];
            message::object(pattern.into_iter().chain(shard).chain(rest), out);
        }
    }
}
