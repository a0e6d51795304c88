//! `rbq consume`: messages of a queue or a stream, to stdout or through a command.
//!
//! What is promised depends on what it is:
//!
//! | | taken | when it is gone from the server | after a crash of ours |
//! |---|---|---|---|
//! | stream            | by everybody        | never: reading changes nothing                      | read again from the start |
//! | stream, `--group` | by one of the group | acknowledged, once stdout accepted it or the command ended well | delivered again |
//! | queue             | by one consumer     | the same                                            | taken back, delivered again |
//! | `--ack none`      | by one consumer     | as it is taken                                      | lost |
//!
//! What fails too often, or kills its consumer each time, becomes a dead letter with its provenance.

mod attempts;
mod exec;
mod fates;
mod format;
mod group;
mod history;
mod home;
mod last_words;
mod message;
mod notes;
mod policy;
mod queue;
mod rights;
mod select;
mod source;
mod stream;
mod worker;
mod write;

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;
use std::sync::Arc;
use std::time::Duration;

use clap::{Args, ValueEnum};
use rbq_client::Link;
use rbq_resp::Value;

use self::worker::Work;
use crate::cmd::produce::Kind;
use crate::duration;
use crate::exit::Exit;
use crate::facts;
use crate::failure::{Failure, Result, say};
use crate::interrupt::Interrupt;
use crate::moment::Position;
use crate::open::ServerArgs;
use crate::records::Form;

/// Receive messages from a queue or a stream
#[derive(Debug, Clone, Args)]
pub(crate) struct ConsumeArgs {
    /// What NAME is
    kind: Kind,
    /// The queue's or stream's name
    name: OsString,
    /// End after this many messages
    #[arg(short = 'n', long)]
    count: Option<u64>,
    /// End when there is no message left. With a group, what others hold is left too: it is waited for until it is acknowledged,
    /// or taken over
    #[arg(long, conflicts_with_all = ["no_wait", "wait"])]
    exit_at_end: bool,
    /// End when there is no message to be had at once
    #[arg(long)]
    no_wait: bool,
    /// End when no message has come for this long: 30s, 2m; with 5 if --count messages had not come by then
    #[arg(long, value_name = "DURATION", value_parser = duration::parse, conflicts_with = "no_wait")]
    wait: Option<Duration>,
    /// Take up to this many messages at a time [default: 1 from a queue, 100 from a stream]
    #[arg(long, value_name = "MESSAGES", value_parser = clap::value_parser!(u64).range(1..=100_000))]
    batch: Option<u64>,
    /// How to write messages: text, a line each; json, one array; jsonl, an object a line; raw, the values with nothing between
    /// or behind them, not even a line end
    #[arg(short, long, default_value = "text", hide_possible_values = true)]
    output: Form,
    /// How to write a message: %k key, %i ID, %v value, %S its length, %h fields as JSON, %{NAME} a field, %T ms since 1970,
    /// %t date, %d delivery, \n \t \r \0 \e \xHH; nothing is added
    #[arg(short, long, value_parser = format::parse, conflicts_with = "output")]
    format: Option<format::Format>,
    #[command(flatten)]
    select: select::SelectArgs,
    /// Stream: begin here: beginning, end, behind an ID, or at a time: 2026-01-31T12:00:00Z, -15m.
    /// With a group: where it begins when --create makes it
    #[arg(long, value_name = "PLACE", value_parser = position, allow_hyphen_values = true)]
    from: Option<Position>,
    /// Stream: end here: end (what is the end now), an ID, or a time
    #[arg(long, value_name = "PLACE", value_parser = position, allow_hyphen_values = true, conflicts_with = "group")]
    until: Option<Position>,
    /// Stream: read as a member of this consumer group
    #[arg(short, long)]
    group: Option<OsString>,
    /// Our name in the group, or at the queue; give each parallel consumer its own [default: the host's name]
    #[arg(short, long)]
    consumer: Option<OsString>,
    /// Stream: create the group, and the stream, if missing; it begins with the oldest entry unless --from says otherwise
    #[arg(long, requires = "group")]
    create: bool,
    /// Group or queue: when a message is acknowledged
    #[arg(long, default_value = "auto")]
    ack: Ack,
    /// When the connection is lost, try this long to reach the server again; `0s` gives up at once
    #[arg(long, value_name = "DURATION", default_value = "5m", value_parser = duration::parse)]
    reconnect: Duration,
    /// Queue: do not say that messages are removed
    #[arg(short, long)]
    quiet: bool,
    #[command(flatten)]
    policy: policy::Policy,
    #[command(flatten)]
    server: ServerArgs,
}

/// Reads a place; `$` is what the server calls the end.
fn position(text: &str) -> Result<Position, String> {
    if text == "$" { Ok(Position::End) } else { text.parse() }
}

/// When a message is acknowledged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Ack {
    /// When stdout has accepted it, or its command has ended with 0
    Auto,
    /// When its command has ended with 0
    AfterExec,
    /// By somebody else: it stays pending
    Manual,
    /// As it is taken: what is in hand when we crash is lost
    None,
}

pub(crate) async fn run(args: ConsumeArgs) -> Result<Exit> {
    args.check()?;
    let key = args.name.clone().into_vec();
    let select = args.select.ready().map_err(Failure::usage)?;
    let group = args.group.clone().map(OsString::into_vec);
    let worker = args.policy.exec.clone().map(|command| {
        Arc::new(exec::Worker {
            command,
            limit: args.policy.exec_timeout,
            key: key.clone(),
            group: group.clone().unwrap_or_default(),
            consumer: args.consumer_name(),
        })
    });
    let batch = if args.kind == Kind::Queue && worker.is_none() { 1 } else { stream::BATCH };
    let work = Work {
        writer: write::Writer::new(&key, args.output, args.format.clone()),
        key: key.clone(),
        select,
        worker,
        policy: args.policy.clone(),
        quota: Quota::new(&args, batch),
        wait: args.wait(),
        reconnect: args.reconnect,
    };
    match (args.kind, group) {
        (Kind::Queue, _) => {
            let queue = queue::Queue::open(&args, key).await?;
            if !args.quiet {
                let name = args.name.to_string_lossy();
                say(&format!(
                    "messages are removed from `{name}` as they are consumed; `rbq queue peek {name}` only looks"
                ));
            }
            worker::run(queue, work).await
        }
        (Kind::Stream, Some(group)) => worker::run(group::Group::join(&args, key, group).await?, work).await,
        (Kind::Stream, None) => stream::run(args, work).await,
    }
}

impl ConsumeArgs {
    fn check(&self) -> Result<()> {
        let is_queue = self.kind == Kind::Queue;
        let is_shared = is_queue || self.group.is_some();
        if is_queue && (self.group.is_some() || self.from.is_some() || self.until.is_some()) {
            return Err(Failure::usage(
                "a queue has neither groups nor IDs; --group, --from and --until are for streams",
            ));
        }
        if self.group.is_some() && self.from.is_some() && !self.create {
            let failure = Failure::usage("a group goes on where it is; --from is for one that --create makes");
            return Err(failure.hint("`rbq group seek` moves a group"));
        }
        if !is_shared && (self.policy.exec.is_some() || self.consumer.is_some() || self.ack != Ack::Auto) {
            let failure = Failure::usage("without a group nothing is acknowledged, and nobody is given a message");
            return Err(failure.hint("--exec, --ack and --consumer go with --group, or with a queue"));
        }
        if !is_queue && self.policy.recover_idle.is_some() {
            let failure = Failure::usage("a group takes over what is pending for longer than --ack-wait");
            return Err(failure.hint("--recover-idle is for queues"));
        }
        if self.ack == Ack::AfterExec && self.policy.exec.is_none() {
            return Err(Failure::usage("--ack after-exec goes with --exec"));
        }
        if is_shared && self.select.is_given() && !self.select.ack_skipped {
            let failure = Failure::usage("what a filter leaves out has to be taken all the same, to reach the rest");
            return Err(failure.hint("--ack-skipped acknowledges it unseen"));
        }
        if let Some(option) = self.policy.given().filter(|_| !is_shared) {
            let failure =
                Failure::usage(format!("without a group nothing is acknowledged, so {option} has nothing to do"));
            return Err(failure.hint("--group names one"));
        }
        if !is_shared && self.select.ack_skipped {
            let failure = Failure::usage("without a group nothing is acknowledged, so --ack-skipped has nothing to do");
            return Err(failure.hint("--group names one"));
        }
        if self.select.ack_skipped && !self.select.is_given() {
            return Err(Failure::usage("--ack-skipped goes with --grep or --where: nothing else is left out"));
        }
        if is_queue && self.policy.exec.is_none() && self.policy.buries().is_some() {
            let failure = Failure::usage("what is only shown does not fail: --max-deliver and --dlq go with --exec");
            return Err(failure.hint("a queue counts deliveries only where a command works on them"));
        }
        if self.policy.ack_wait() < Duration::from_millis(10) {
            return Err(Failure::usage("--ack-wait is at least 10ms: leases have to be extended in time"));
        }
        Ok(())
    }

    /// The same after a restart, so that what we left unacknowledged comes back to us.
    fn consumer_name(&self) -> Vec<u8> {
        let host = || rustix::system::uname().nodename().to_bytes().to_vec();
        self.consumer.clone().map_or_else(host, OsString::into_vec)
    }

    fn wait(&self) -> Wait {
        match self.wait {
            _ if self.exit_at_end && self.group.is_some() => Wait::Inheritance,
            _ if self.no_wait || self.exit_at_end => Wait::No,
            Some(Duration::ZERO) => Wait::No,
            Some(limit) => Wait::AtMost(limit),
            None => Wait::Ever,
        }
    }
}

/// Whether to wait for a message when there is none, and how long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wait {
    No,
    /// Only while others hold messages that may yet come to us.
    Inheritance,
    Ever,
    AtMost(Duration),
}

/// How many messages may still be delivered.
#[derive(Debug, Clone, Copy)]
struct Quota {
    count: Option<u64>,
    batch: u64,
    taken: u64,
}

impl Quota {
    fn new(args: &ConsumeArgs, default_batch: u64) -> Self {
        Self { count: args.count, batch: args.batch.unwrap_or(default_batch), taken: 0 }
    }

    /// How many to ask for; `None` when there have been enough.
    fn next(self) -> Option<u64> {
        let left = self.count.map_or(u64::MAX, |count| count.saturating_sub(self.taken));
        (left > 0).then(|| self.batch.min(left))
    }

    fn take(&mut self, messages: usize) {
        self.taken += messages as u64;
    }

    /// So many of those taken were not for us after all.
    fn put_back(&mut self, messages: usize) {
        self.taken = self.taken.saturating_sub(messages as u64);
    }

    /// How it ended: what was done, for whoever has ended it, and what is missing, where a time ended it.
    fn tell(self, wait: Wait, interrupt: &Interrupt) -> Exit {
        let Self { count, taken, .. } = self;
        if interrupt.was_pressed() {
            say(&format!("consumed {taken} message{}", if taken == 1 { "" } else { "s" }));
            return interrupt.exit();
        }
        match (wait, count) {
            (Wait::AtMost(limit), Some(count)) if taken < count => {
                say(&format!("no message for {}: {taken} of {count} have come", duration::shown(limit)));
                Exit::TimedOut
            }
            _ => Exit::Done,
        }
    }
}

/// The server's number for a connection.
async fn client_id(link: &mut Link) -> Result<String> {
    match link.client_id() {
        Some(id) => Ok(id.to_string()),
        None => match link.call(["CLIENT", "ID"]).await? {
            Value::Integer(id) => Ok(id.to_string()),
            other => Err(facts::unexpected(other)),
        },
    }
}
