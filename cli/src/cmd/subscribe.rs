//! `rbq sub`: messages of channels, to stdout as they come.
//!
//! A message is written whole and flushed before the next is read. A slow reader holds back the server by the socket alone:
//! nothing is dropped here, and what the server does about it is its `client-output-buffer-limit pubsub`.
//!
//! A channel may be silent for days, and so may a server that hangs. So it is asked for a sign of life now and then.

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;
use std::time::Duration;

use clap::Args;
use rbq_client::{Error, Kind, Link, Options, PubSub, Redirect, Request, Target};
use rbq_resp::Value;
use tokio::time::{Instant, sleep_until};

use crate::duration;
use crate::exit::Exit;
use crate::failure::{Failure, Result, say};
use crate::interrupt::Interrupt;
use crate::open::{ServerArgs, options};
use crate::output::Output as Stdout;
use crate::print::message;
use crate::reader::Reader;
use crate::records::Form;

/// Redirects followed in a row: a settled cluster needs one.
const REDIRECTS_MAX: usize = 5;

/// Without a limit on replies, how long between two signs of life.
const PING_EVERY: Duration = Duration::from_secs(15);

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
    /// End when no message has come for this long: 30s, 2m; with 5 if --count messages had not come by then
    #[arg(long, value_name = "DURATION", value_parser = duration::parse)]
    wait: Option<Duration>,
    /// How to write messages; text puts the channel and a tab before the message if there can be more than one channel
    #[arg(short, long, default_value = "text")]
    output: Form,
    #[command(flatten)]
    server: ServerArgs,
}

/// A subscription under way.
#[derive(Debug)]
struct Listening {
    target: Target,
    options: Options,
    link: Link,
    subscribe: Request,
    redirects_left: usize,
    /// When something came last.
    heard: Instant,
    /// Whether the server owes us a sign of life.
    is_pinged: bool,
    is_late: bool,
}

pub(crate) async fn run(args: SubArgs) -> Result<Exit> {
    let mut listening = Listening::connect(&args).await?;
    let mut interrupt = Interrupt::listen()?;
    listening.subscribe().await?;
    let mut reader = Reader::of_stdout();
    let mut writer = Writer::new(&args);
    let mut left = args.count.unwrap_or(u64::MAX);
    // Counted from the last message: confirmations and other pushes are none.
    let deadline = || args.wait.map(|wait| Instant::now() + wait);
    let mut until = deadline();
    let mut is_quiet = false;
    while left > 0 && !is_quiet {
        let event = tokio::select! {
            biased;
            () = interrupt.pressed() => break,
            () = reader.gone() => return Err(Failure::ClosedPipe),
            event = listening.next() => event?,
            () = quiet(until) => {
                is_quiet = true;
                continue;
            }
        };
        writer.add(&event);
        writer.stdout.flush()?;
        left -= 1;
        until = deadline();
    }
    writer.finish()?;
    let received = args.count.unwrap_or(u64::MAX) - left;
    if interrupt.was_pressed() {
        say(&format!("received {received} message{}", if received == 1 { "" } else { "s" }));
    }
    match (args.count, args.wait) {
        (Some(count), Some(wait)) if is_quiet => {
            say(&format!("no message for {}: {received} of {count} have come", duration::shown(wait)));
            Ok(Exit::TimedOut)
        }
        _ => Ok(interrupt.exit()),
    }
}

impl Listening {
    async fn connect(args: &SubArgs) -> Result<Self> {
        let (target, options) = (args.server.target()?, options()?);
        let verb = match (args.pattern, args.shard) {
            (true, _) => "PSUBSCRIBE",
            (_, true) => "SSUBSCRIBE",
            _ => "SUBSCRIBE",
        };
        let subscribe = Request::new(verb).args(args.channels.iter().cloned().map(OsString::into_vec));
        let link = Link::connect(&target, &options).await?;
        Ok(Self {
            target,
            options,
            link,
            subscribe,
            redirects_left: REDIRECTS_MAX,
            heard: Instant::now(),
            is_pinged: false,
            is_late: false,
        })
    }

    async fn subscribe(&mut self) -> Result<()> {
        self.link.queue(&self.subscribe);
        Ok(self.link.flush().await?)
    }

    /// The next message. Cancellation-safe, but for a redirect on its way.
    async fn next(&mut self) -> Result<PubSub> {
        loop {
            let next_doubt = self.next_doubt();
            let value = tokio::select! {
                biased;
                value = self.link.receive() => value?,
                () = sleep_until(next_doubt) => {
                    self.doubt().await?;
                    continue;
                }
            };
            (self.heard, self.is_pinged, self.is_late) = (Instant::now(), false, false);
            let elements = match value {
                Value::Error(text) => match Redirect::parse(text.as_bytes()) {
                    // A shard channel is where its slot is, and all of one command's are in one slot.
                    Some(redirect) if self.redirects_left > 0 => {
                        self.redirects_left -= 1;
                        self.target.endpoint = redirect.endpoint(&self.target.endpoint);
                        self.link = Link::connect(&self.target, &self.options).await?;
                        self.subscribe().await?;
                        continue;
                    }
                    _ => return Err(Error::from_error_reply(text).into()),
                },
                Value::Push(elements) | Value::Array(elements) => elements,
                _ => continue,
            };
            if let Some(event @ PubSub::Message { .. }) = PubSub::read(&elements) {
                self.redirects_left = REDIRECTS_MAX;
                return Ok(event);
            }
        }
    }

    /// When a silence is to be looked into.
    fn next_doubt(&self) -> Instant {
        let limit = self.options.reply_timeout;
        let ping = limit.map_or(PING_EVERY, |limit| PING_EVERY.min(limit / 2));
        let after = match (self.options.late, limit) {
            _ if !self.is_pinged => ping,
            (Some(late), _) if !self.is_late => ping + late.after,
            (_, Some(limit)) => ping + limit,
            // Then nothing is made of it; the system's own probes end a connection without a server.
            (_, None) => return Instant::now() + PING_EVERY,
        };
        self.heard + after
    }

    /// Nothing has come for a while: a sign of life is asked for, then missed, then no longer waited for.
    async fn doubt(&mut self) -> Result<()> {
        match (self.options.late, self.options.reply_timeout) {
            _ if !self.is_pinged => {
                self.is_pinged = true;
                self.link.queue(&Request::new("PING"));
                self.link.flush().await?;
            }
            (Some(late), _) if !self.is_late => {
                self.is_late = true;
                (late.tell)(late.after);
            }
            (_, Some(limit)) => return Err(Error::Timeout(limit).into()),
            _ => {}
        }
        Ok(())
    }
}

async fn quiet(until: Option<Instant>) {
    match until {
        Some(until) => sleep_until(until).await,
        None => std::future::pending().await,
    }
}

/// Messages onto stdout.
struct Writer {
    stdout: Stdout,
    form: Form,
    one_channel: bool,
    /// Whether the array of `json` has an element.
    begun: bool,
}

impl Writer {
    fn new(args: &SubArgs) -> Self {
        let one_channel = args.channels.len() == 1 && !args.pattern;
        Self { stdout: Stdout::new(), form: args.output, one_channel, begun: false }
    }

    /// A terminal is given text that does not steer it.
    fn add(&mut self, event: &PubSub) {
        let PubSub::Message { kind, pattern, channel, payload } = event else {
            return;
        };
        let is_terminal = self.stdout.is_terminal();
        let out = self.stdout.buffer();
        match self.form {
            Form::Raw => out.extend_from_slice(payload),
            Form::Text => {
                let mut line = Vec::new();
                if !self.one_channel {
                    line.extend_from_slice(channel);
                    line.push(b'\t');
                }
                line.extend_from_slice(payload);
                line.push(b'\n');
                out.extend_from_slice(if is_terminal { message::harmless(&line) } else { line.into() }.as_ref());
            }
            Form::Json | Form::Jsonl => {
                if self.form == Form::Json {
                    out.push(if self.begun { b',' } else { b'[' });
                    self.begun = true;
                }
                let shard = (*kind == Kind::Shard).then(|| ("shard", true.into()));
                let pattern = pattern.as_deref().map(|pattern| ("pattern", message::json(pattern)));
                let rest = [("channel", message::json(channel)), ("payload", message::json(payload))];
                message::object(pattern.into_iter().chain(shard).chain(rest), out);
                if self.form == Form::Json {
                    // The comma stands at the end of the line before, which is not known to be needed until now.
                    let end = out.pop();
                    debug_assert_eq!(end, Some(b'\n'), "an object ends its line");
                }
            }
        }
    }

    /// Closes the array of `json`.
    fn finish(&mut self) -> Result<()> {
        if self.form == Form::Json {
            self.stdout.buffer().extend_from_slice(if self.begun { b"]\n" } else { b"[]\n" });
            self.stdout.flush()?;
        }
        Ok(())
    }
}
