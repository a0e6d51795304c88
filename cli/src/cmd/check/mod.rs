//! `rbq check`: is the server ready, and is it well? For scripts that wait and for monitoring that asks.
//!
//! It alone has the exit codes of Nagios plugins (0 ok, 1 warning, 2 critical, 3 unknown), and one line on stdout that such
//! systems read. Whatever cannot be found out is unknown and never ok; a server that cannot be reached is critical, and so is
//! one of a cluster's.

mod backlog;
mod cluster;
mod compat;
mod health;
mod size;
mod vitals;

use std::time::Duration;

use clap::{Args, Subcommand};
use rbq_client::{Error, Link, Options};
use rbq_resp::Value;
use serde_json::json;
use tokio::time::{Instant, sleep, timeout};

use self::health::{Bounds, Finding, line, sentence, worst};
use self::size::Size;
use crate::duration;
use crate::exit::{Exit, Health};
use crate::failure::{Failure, Result};
use crate::interrupt::Interrupt;
use crate::open::ServerArgs;
use crate::output::Output;
use crate::records::{Cell, Form, OutputArgs, column};
use crate::servers::Servers;

/// How long between two attempts: short beside a server's start, long beside a connection.
const ATTEMPT_EVERY: Duration = Duration::from_millis(100);

/// Is a server ready, and is it well?
#[derive(Debug, Clone, Args)]
#[command(after_help = "\
Prints one line as Nagios plugins do, and ends as they do: 0 ok, 1 warning, 2 critical, 3 unknown.\n\n\
Without thresholds it tells whether the server, or every master of a cluster, answers and keeps \
what it should keep. A threshold on lag, age, length or dead letters looks at the keys that --key \
names, and without any at every stream, or for length at every queue. Age is how old the oldest \
entry is that a group has not acknowledged. Dead letters are those that `rbq dlq ls` finds; with \
--key those in KEY.dlq, in what --dlq names, and in their quarantines.\n\n\
A queue that is not there is empty. A stream that --key names and that is not there, or has no \
group, is unknown to a threshold on lag or age. So is a key to which no threshold fits: lag and \
age are a stream's, length is a queue's.")]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct CheckArgs {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    health: HealthArgs,
}

#[derive(Debug, Clone, Subcommand)]
enum Command {
    Compat(Box<compat::CompatArgs>),
}

#[derive(Debug, Clone, Args)]
struct HealthArgs {
    /// Wait for the server to be ready, up to this long: 10s, 2m
    #[arg(long, value_name = "DURATION", value_parser = duration::parse)]
    wait: Option<Duration>,
    /// How long its answers may take in all
    #[arg(long, value_name = "DURATION", value_parser = duration::parse, default_value = "10s")]
    timeout: Duration,
    /// A stream or queue to look at; may be repeated
    #[arg(short, long, value_name = "KEY")]
    key: Vec<String>,
    /// A dead-letter stream that is not called KEY.dlq; may be repeated
    #[arg(long, value_name = "KEY")]
    dlq: Vec<String>,
    #[command(flatten)]
    output: OutputArgs,
    #[command(flatten)]
    thresholds: ThresholdArgs,
    #[command(flatten)]
    server: ServerArgs,
}

/// A value above its threshold is a warning, or critical.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Thresholds")]
struct ThresholdArgs {
    /// Entries that a group has not been given yet
    #[arg(long, value_name = "ENTRIES")]
    warn_lag: Option<u64>,
    /// The same, critical
    #[arg(long, value_name = "ENTRIES")]
    crit_lag: Option<u64>,
    /// Age of the oldest entry that a group has not acknowledged: 30s, 2m
    #[arg(long, value_name = "DURATION", value_parser = duration::parse)]
    warn_age: Option<Duration>,
    /// The same, critical
    #[arg(long, value_name = "DURATION", value_parser = duration::parse)]
    crit_age: Option<Duration>,
    /// Messages in a queue
    #[arg(long, value_name = "MESSAGES")]
    warn_length: Option<u64>,
    /// The same, critical
    #[arg(long, value_name = "MESSAGES")]
    crit_length: Option<u64>,
    /// Dead letters
    #[arg(long, value_name = "MESSAGES")]
    warn_dead: Option<u64>,
    /// The same, critical
    #[arg(long, value_name = "MESSAGES")]
    crit_dead: Option<u64>,
    /// Memory in use: 2gb, or a share of maxmemory, without one of the machine's: 80%
    #[arg(long, value_name = "SIZE")]
    warn_memory: Option<Size>,
    /// The same, critical
    #[arg(long, value_name = "SIZE")]
    crit_memory: Option<Size>,
    /// Records of the log that are not synced yet, as rbq tells it: a power cut would take them
    #[arg(long, value_name = "RECORDS")]
    warn_unsynced: Option<u64>,
    /// The same, critical
    #[arg(long, value_name = "RECORDS")]
    crit_unsynced: Option<u64>,
}

impl HealthArgs {
    fn looks_at_keys(&self) -> bool {
        let bounds = &self.thresholds;
        let any = bounds.lag().is_set() || bounds.age().is_set() || bounds.length().is_set() || bounds.dead().is_set();
        any || !self.key.is_empty() || !self.dlq.is_empty()
    }
}

impl ThresholdArgs {
    fn lag(&self) -> Bounds<u64> {
        Bounds { warning: self.warn_lag, critical: self.crit_lag }
    }

    fn age(&self) -> Bounds<Duration> {
        Bounds { warning: self.warn_age, critical: self.crit_age }
    }

    fn length(&self) -> Bounds<u64> {
        Bounds { warning: self.warn_length, critical: self.crit_length }
    }

    fn dead(&self) -> Bounds<u64> {
        Bounds { warning: self.warn_dead, critical: self.crit_dead }
    }

    fn unsynced(&self) -> Bounds<u64> {
        Bounds { warning: self.warn_unsynced, critical: self.crit_unsynced }
    }
}

pub(crate) async fn run(args: CheckArgs) -> Result<Exit> {
    let ended = match args.command {
        None => health(&args.health).await,
        Some(Command::Compat(args)) => unless_interrupted(compat::run(*args)).await,
    };
    // What was found out and cannot be told, as stdout is full or gone, is not known to who asked.
    ended.or_else(|failure| {
        let _ = failure.report();
        Ok(Exit::Health(Health::Unknown))
    })
}

/// Ctrl-C and SIGTERM leave it unknown: 130 and 143 are no codes of a plugin.
async fn unless_interrupted<T>(work: impl Future<Output = Result<T>>) -> Result<T> {
    let mut interrupt = Interrupt::listen()?;
    tokio::select! {
        done = work => done,
        () = interrupt.pressed() => Err(Failure::new("interrupted before it was found out")),
    }
}

async fn health(args: &HealthArgs) -> Result<Exit> {
    let (findings, well) = match unless_interrupted(examine(args)).await {
        Ok(examined) => examined,
        Err(failure) => (vec![Finding::failed(&failure)], String::new()),
    };
    let health = worst(&findings);
    write(args.output, health, &sentence(&findings, &well), &findings)?;
    Ok(Exit::Health(health))
}

/// All findings, and a sentence for the case that nothing is wrong.
async fn examine(args: &HealthArgs) -> Result<(Vec<Finding>, String)> {
    let (link, answered_in) = ready(args).await?;
    let look = async {
        let mut findings = Vec::new();
        let mut servers = Servers::over_one(args.server.target()?, link).await?;
        let mut text = match &servers.nodes()[..] {
            _ if servers.is_cluster() => cluster::look(&mut servers, args, &mut findings).await,
            [server, ..] => {
                let link = servers.at(server.clone()).await?;
                vitals::look(link, args, answered_in, &mut findings).await?.text()
            }
            [] => String::new(),
        };
        if args.looks_at_keys() {
            match backlog::look(&mut servers, args, &mut findings).await {
                Ok(backlog) => text.push_str(&backlog),
                Err(failure) => note(Finding::failed(&failure), &mut findings),
            }
        }
        Ok((findings, text))
    };
    match timeout(args.timeout, look).await {
        Ok(found) => found,
        Err(_) => Err(Error::Timeout(args.timeout).into()),
    }
}

/// Adds a finding, unless it was said already: a node that is down is met more than once.
fn note(finding: Finding, findings: &mut Vec<Finding>) {
    if findings.iter().all(|known| known.text != finding.text) {
        findings.push(finding);
    }
}

/// A connection over which the server has answered that it is there, and how long that took. Who waits, waits for a cluster
/// to be up as well; if it is not up in time, that is for the findings to tell.
async fn ready(args: &HealthArgs) -> Result<(Link, Duration)> {
    let target = args.server.target()?;
    let deadline = Instant::now() + args.wait.unwrap_or_default();
    loop {
        let left = if args.wait.is_some() { deadline.saturating_duration_since(Instant::now()) } else { args.timeout };
        let patience = left.min(args.timeout).max(ATTEMPT_EVERY);
        let attempt = async {
            let mut link = Link::connect(
                &target,
                &Options { connect_timeout: patience, greeting_timeout: Some(patience), ..Options::default() },
            )
            .await?;
            let asked = Instant::now();
            match link.call(["PING"]).await? {
                Value::Error(text) => Err(Error::from_error_reply(text)),
                _ => {
                    let answered_in = asked.elapsed();
                    let is_up = args.wait.is_none() || !cluster::is_down(&mut link).await?;
                    Ok((link, answered_in, is_up))
                }
            }
        };
        let is_last = Instant::now() + ATTEMPT_EVERY >= deadline;
        match timeout(patience, attempt).await {
            Ok(Ok((link, answered_in, is_up))) if is_up || is_last => return Ok((link, answered_in)),
            Ok(Ok(_)) => {}
            // Waiting does not make a password right.
            Ok(Err(error)) if is_last || matches!(error, Error::Auth(_)) => return Err(error.into()),
            Ok(Err(_)) => {}
            Err(_) if is_last => return Err(Error::Timeout(patience).into()),
            Err(_) => {}
        }
        sleep(ATTEMPT_EVERY).await;
    }
}

fn write(output: OutputArgs, health: Health, sentence: &str, findings: &[Finding]) -> Result<()> {
    if output.output == Form::Text {
        let mut out = Output::new();
        out.buffer().extend_from_slice(line(health, sentence, findings).as_bytes());
        out.buffer().push(b'\n');
        return Ok(out.flush()?);
    }
    let one = |finding: &Finding| {
        let figure = finding.figure.as_ref();
        json!({
            "health": finding.health.word(),
            "text": finding.text,
            "label": figure.map(|figure| figure.label.as_str()),
            "value": figure.map(|figure| figure.value),
            "unit": figure.map(|figure| figure.unit),
            "warning": figure.and_then(|figure| figure.bounds.warning),
            "critical": figure.and_then(|figure| figure.bounds.critical),
        })
    };
    output.one(vec![
        (column("health", "health"), Cell::word(health.word())),
        (column("text", "text"), Cell::word(sentence)),
        (column("findings", "findings"), Cell::json(findings.iter().map(one).collect())),
    ])
}
