//! `rbq bench`: how fast a server is, how long it takes, and whether everything arrives.
//!
//! ```text
//!   producers ──► queue, stream, channel ──► receivers        latency: producers alone, with PING
//!        └──────── what was acknowledged, beside what came ────────┘
//! ```
//!
//! A measurement that loses, doubles or misplaces a message fails, however fast it was, and the durability in force stands
//! beside every figure. Everything is on one thread of one process, so that one clock dates both ends; its own limit is
//! a few hundred thousand messages a second.

mod lanes;
mod ledger;
mod pace;
mod payload;
mod produce;
mod receive;
mod report;
mod run;
mod server;
mod spread;

use std::sync::Arc;
use std::time::{Duration, Instant};

use clap::{Args, ValueEnum};
use rbq_client::{Error, Link};
use rbq_resp::Value;
use tokio::task::JoinSet;

use self::lanes::Lane;
use self::pace::{Pace, Schedule};
use self::produce::Sent;
use self::receive::{GROUP, Received, Receiver};
use self::report::Report;
use self::run::Run;
use crate::duration;
use crate::exit::Exit;
use crate::failure::{Failure, Result};
use crate::interrupt::Interrupt;
use crate::open::ServerArgs;
use crate::progress::Progress;
use crate::records::OutputArgs;

/// How often the progress is told.
const TOLD_EVERY: Duration = Duration::from_millis(100);

/// Measure a server, and check that everything arrives
#[derive(Debug, Clone, Args)]
#[command(after_help = "\
queue:    LPUSH by --clients, RPOP and BRPOP by --consumers: each message once\n\
stream:   XADD by --clients, XREAD by --consumers: every message to each\n\
group:    XADD by --clients, XREADGROUP and XACK by --consumers: each message once\n\
pubsub:   PUBLISH by --clients, to --consumers subscribers: every message to each\n\
latency:  PING by --clients\n\n\
Without --rate each client waits for its replies before it sends more: a closed loop, for how much a server can do. With \
--rate messages are due when the plan says, and latencies count from then: an open loop, for how long it takes.\n\n\
On a cluster there is a key on each node, unless --keys or --consumers say otherwise.\n\n\
Keys are named rbq:bench:WORKLOAD:RUN and deleted at the end. Ends with 1 if a message was lost, doubled, out of order or \
damaged.")]
pub(crate) struct BenchArgs {
    /// What to measure
    workload: Workload,
    /// Connections that send [default: 50, for latency 1]
    #[arg(short, long, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    clients: Option<u32>,
    /// Connections that receive [default: one for each key]
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    consumers: Option<u32>,
    /// Queues, streams or channels, which clients and consumers share out [default: one for each node]
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=1000))]
    keys: Option<u32>,
    /// Messages that a client sends before it waits for the replies
    #[arg(short = 'P', long, default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..=10_000))]
    pipeline: u64,
    /// Messages that a consumer takes at a time, at most
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u64).range(1..=10_000))]
    batch: u64,
    /// Messages a second, of all clients together, whatever the server does
    #[arg(long, value_parser = parse_rate, conflicts_with = "pipeline")]
    rate: Option<f64>,
    /// Bytes a message
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(payload::SIZE_MIN as i64..=64 << 20))]
    size: u32,
    /// Messages to send [default: 100000, unless there is a --duration]
    #[arg(short = 'n', long, value_parser = clap::value_parser!(u64).range(1..=1_000_000_000))]
    count: Option<u64>,
    /// How long to send: 30s, 2m
    #[arg(long, value_parser = duration::parse, conflicts_with = "count")]
    duration: Option<Duration>,
    /// No progress on stderr
    #[arg(short, long)]
    quiet: bool,
    #[command(flatten)]
    output: OutputArgs,
    #[command(flatten)]
    server: ServerArgs,
}

/// What is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Workload {
    /// A list that is pushed to and popped from
    Queue,
    /// A stream that is followed
    Stream,
    /// A stream whose consumer group works it off
    Group,
    /// A channel
    Pubsub,
    /// Round trips alone
    Latency,
}

impl Workload {
    fn name(self) -> &'static str {
        match self {
            Self::Queue => "queue",
            Self::Stream => "stream",
            Self::Group => "group",
            Self::Pubsub => "pubsub",
            Self::Latency => "latency",
        }
    }

    /// Whether every receiver is to be given every message.
    fn is_fan_out(self) -> bool {
        matches!(self, Self::Stream | Self::Pubsub)
    }
}

fn parse_rate(text: &str) -> std::result::Result<f64, &'static str> {
    match text.parse() {
        Ok(rate) if (0.001..=10e6).contains(&rate) => Ok(rate),
        _ => Err("a rate is a number of messages a second, up to ten million"),
    }
}

pub(crate) async fn run(args: BenchArgs) -> Result<Exit> {
    let run_id = fastrand::u64(..);
    let mut lanes = lanes::lay(&args, run_id).await?;
    let mut report = Report::new(&args, lanes.len(), &mut lanes[0].control).await?;
    let interrupt = Interrupt::listen()?;
    let form = payload::Form::new(run_id, args.size as usize);
    let measured = measure(&args, form, &mut lanes, interrupt.clone(), &mut report).await;
    // Whatever happened, nothing of ours stays behind.
    let mut removed = Ok(());
    for lane in &mut lanes {
        removed = removed.and(lane.remove().await);
    }
    let Some(failure) = measured? else {
        removed?;
        report.write(args.output)?;
        return Ok(if report.is_sound() { interrupt.exit() } else { Exit::Failed });
    };
    if !failure.is_the_servers() || !report.has_figures() {
        return Err(failure);
    }
    report.write(args.output)?;
    let keys: Vec<String> = lanes.iter().map(|lane| format!("`{}`", lane.key)).collect();
    Err(failure.after_a_part().hint(match removed {
        Ok(()) => "the figures are of what was measured until then".to_owned(),
        Err(_) => {
            format!("the figures are of what was measured until then; {} is left, and goes by itself", keys.join(", "))
        }
    }))
}

/// The first thing that went wrong.
#[derive(Debug, Default)]
struct Trouble {
    first: Option<Failure>,
}

impl Trouble {
    /// Takes note of it, and has everybody come to an end.
    fn note(&mut self, failure: Option<Failure>, run: &Run, pace: Option<&Pace>) {
        let Some(failure) = failure else { return };
        run.stop();
        if let Some(pace) = pace {
            pace.wake_all();
        }
        self.first.get_or_insert(failure);
    }
}

async fn measure(
    args: &BenchArgs,
    form: payload::Form,
    lanes: &mut [Lane],
    mut interrupt: Interrupt,
    report: &mut Report,
) -> Result<Option<Failure>> {
    let keys = lanes.iter().map(|lane| lane.key.clone()).collect();
    let mut run = Run::new(args.workload, keys, form, args.pipeline, args.batch);
    (run.count, run.duration) = (args.total(), args.duration);
    for lane in &mut *lanes {
        lane.prepare(args.workload).await?;
    }
    let links = links(lanes, args.producers()).await?;
    let receiver_links = self::links(lanes, args.receivers(lanes.len())).await?;
    // Connecting is not part of it.
    run.origin = Instant::now();
    let run = Arc::new(run);
    let mut receivers = JoinSet::new();
    for (number, link) in (0..).zip(receiver_links) {
        let receiver = Receiver::start(link, Arc::clone(&run), number).await?;
        receivers.spawn(receiver.run());
    }
    let (mut producers, pace) = produce(args, &run, links);

    let mut progress = if args.quiet { Progress::silent() } else { Progress::start(args.workload.name(), run.count) };
    let mut sent: Vec<(u32, Sent)> = Vec::new();
    let mut received: Vec<Received> = Vec::new();
    let mut told = 0;
    let mut trouble = Trouble::default();
    let mut ticks = tokio::time::interval(TOLD_EVERY);
    while !(producers.is_empty() && receivers.is_empty()) {
        tokio::select! {
            () = interrupt.pressed(), if !run.is_stopped() => {
                run.stop();
                pace.iter().for_each(Pace::wake_all);
            }
            Some(ended) = producers.join_next() => {
                let (producer, mut ended) = ended.expect("a producer neither panics nor is aborted");
                trouble.note(ended.failure.take(), &run, pace.as_ref());
                sent.push((producer, ended));
                if producers.is_empty() {
                    report.sent_ns = run.now_ns();
                    run.close();
                    if let Err(failure) = end_channels(args.workload, lanes, &run).await {
                        trouble.note(Some(failure), &run, pace.as_ref());
                        // Nobody tells them any more that nothing will come.
                        receivers.shutdown().await;
                    }
                }
            }
            Some(ended) = receivers.join_next() => {
                let mut ended: Received = ended.expect("a receiver does not panic, and who is aborted is not waited for");
                trouble.note(ended.failure.take(), &run, pace.as_ref());
                received.push(ended);
            }
            _ = ticks.tick() => {
                progress.add(run.acknowledged() - told);
                told = run.acknowledged();
                for lane in &mut *lanes {
                    trouble.note(lane.renew().await.err(), &run, pace.as_ref());
                }
            }
        }
    }
    progress.finish();
    report.is_cut = trouble.first.is_some();
    for lane in lanes.iter_mut().filter(|_| args.workload == Workload::Group && trouble.first.is_none()) {
        *report.pending.get_or_insert(0) += pending(&mut lane.control, &lane.key).await?;
    }
    sent.sort_by_key(|(producer, _)| *producer);
    report.settle(sent.into_iter().map(|(_, sent)| sent), received);
    Ok(trouble.first)
}

/// Tells subscribers that nothing more will come.
async fn end_channels(workload: Workload, lanes: &mut [Lane], run: &Run) -> Result<()> {
    for lane in lanes.iter_mut().filter(|_| workload == Workload::Pubsub) {
        lane.publish(run.form.end()).await?;
    }
    Ok(())
}

/// So many connections, to the nodes of the keys in turn.
async fn links(lanes: &[Lane], count: u32) -> Result<Vec<Link>> {
    let mut links = Vec::new();
    for lane in lanes.iter().cycle().take(count as usize) {
        links.push(lane.link().await?);
    }
    Ok(links)
}

type Producers = JoinSet<(u32, Sent)>;

fn produce(args: &BenchArgs, run: &Arc<Run>, links: Vec<Link>) -> (Producers, Option<Pace>) {
    let mut producers = JoinSet::new();
    let schedule = args.schedule();
    let pace = schedule.map(|schedule| Pace::start(schedule, run.origin));
    for (producer, link) in (0..).zip(links) {
        let run = Arc::clone(run);
        match schedule.zip(pace.as_ref().map(|pace| pace.waker(producer))) {
            None => producers.spawn(async move { (producer, produce::closed(link, run, producer).await) }),
            Some((schedule, waker)) => {
                producers.spawn(async move { (producer, produce::open(link, run, producer, schedule, waker).await) })
            }
        };
    }
    (producers, pace)
}

impl BenchArgs {
    fn producers(&self) -> u32 {
        self.clients.unwrap_or(if self.workload == Workload::Latency { 1 } else { 50 })
    }

    fn receivers(&self, keys: usize) -> u32 {
        if self.workload == Workload::Latency { 0 } else { self.consumers.unwrap_or(keys as u32) }
    }

    /// How many messages there will be, if that is known.
    fn total(&self) -> Option<u64> {
        match (self.count, self.duration, self.rate) {
            (Some(count), ..) => Some(count),
            (None, None, _) => Some(100_000),
            (None, Some(duration), Some(rate)) => Some((duration.as_secs_f64() * rate).ceil().max(1.0) as u64),
            (None, Some(_), None) => None,
        }
    }

    fn schedule(&self) -> Option<Schedule> {
        let (rate, total) = (self.rate?, self.total()?);
        Some(Schedule { rate, producers: self.producers().into(), total })
    }
}

/// How many entries of the group nobody acknowledged.
async fn pending(control: &mut Link, key: &str) -> Result<u64> {
    match call(control, &["XPENDING", key, GROUP]).await? {
        Value::Array(summary) => match summary.first() {
            Some(Value::Integer(count)) => Ok(u64::try_from(*count).unwrap_or(0)),
            _ => Err(Failure::new("the server answered XPENDING in no form that is known")),
        },
        _ => Err(Failure::new("the server answered XPENDING in no form that is known")),
    }
}

async fn call(control: &mut Link, words: &[&str]) -> Result<Value> {
    match control.call(words).await? {
        Value::Error(text) => Err(Error::from_error_reply(text).into()),
        value => Ok(value),
    }
}
