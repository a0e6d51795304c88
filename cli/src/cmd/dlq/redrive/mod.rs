//! `rbq dlq redrive`: dead letters back to where they failed, each exactly once, whatever happens on the way.
//!
//! ```text
//!   route    where a letter goes, by what was asked for and what the server says
//!   survey   the plan
//!   job      what the server keeps of a re-drive under way; one a dead-letter stream
//!   step     a page of letters in one transaction            undo   … made whole if it is cut off
//!   apart    … where no transaction can hold both keys       ledger what was sent, how often
//!   engine   step after step                             again  … over a connection that was lost
//! ```
//!
//! Only entries that are there when a job begins are touched: what dies again has a later ID, and is for the next job.

mod again;
mod apart;
mod audit;
mod engine;
mod job;
mod ledger;
mod memory;
mod route;
mod step;
mod survey;
mod undo;

use std::hash::{BuildHasher as _, Hasher as _, RandomState};
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use rbq_client::Request;
use rbq_resp::Value;

use self::audit::Audit;
use self::engine::{End, Engine, Parts};
use self::job::{At, Counts, Goal, Keys, Spec};
use self::ledger::Ledger;
use self::route::Rules;
use self::survey::messages;
use super::change::ChangeArgs;
use super::entries::{self, Direction};
use super::keys::{self, Place};
use super::select::{Matcher, SelectArgs};
use crate::consent::{Answer, ConsentArgs, Plan};
use crate::duration;
use crate::exit::Exit;
use crate::failure::{Failure, Result, say};
use crate::interrupt::Interrupt;
use crate::open::ServerArgs;
use crate::outage::Outage;
use crate::progress::Progress;
use crate::servers::Servers;

pub(super) use self::job::{refuse_if_unfinished, unfinished};
pub(super) use self::memory::Memory;

/// Messages a transaction: enough that round trips do not count, few enough that the server is not held up by one.
const BATCH: usize = 500;

/// Send dead letters back, each exactly once
///
/// By default a message goes back to the group that failed, and to no other, while its entry exists; a queue's message
/// goes to the tail of its queue. Whatever else is needed is listed in the plan, skipped, and has to be asked for.
#[derive(Debug, Clone, Args)]
pub(crate) struct RedriveArgs {
    /// The dead-letter stream, or its source: orders.dlq, orders, orders/billing
    key: String,
    #[command(flatten)]
    select: SelectArgs,
    #[command(flatten)]
    target: TargetArgs,
    #[command(flatten)]
    change: ChangeArgs,
    #[command(flatten)]
    run: RunArgs,
    #[command(flatten)]
    consent: ConsentArgs,
    #[command(flatten)]
    server: ServerArgs,
}

#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Target")]
struct TargetArgs {
    /// Make a new entry where the original is gone or was changed; every group of the stream sees it
    #[arg(long)]
    append: bool,
    /// Make a new entry of every message, so that all groups of its stream see it
    #[arg(long, conflicts_with = "to")]
    all_groups: bool,
    /// Send all to this stream or queue instead
    #[arg(long, value_name = "KEY")]
    to: Option<String>,
    /// Send what came from OLD to NEW; may be given several times
    #[arg(long, value_name = "OLD=NEW", value_parser = mapping)]
    map: Vec<(String, String)>,
    /// Make the key that --to or --map names where it is not there
    #[arg(long)]
    create: bool,
    /// Queues: at the front, so that they are the next to be taken, in their old order
    #[arg(long)]
    front: bool,
    /// Send also where neither a transaction nor a token is possible: a kill at the wrong moment sends a message again
    #[arg(long)]
    at_least_once: bool,
}

#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Run")]
struct RunArgs {
    /// No more than so many messages a second
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    rate: Option<u64>,
    /// Messages in one transaction [default: 500]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=10_000))]
    batch: Option<u64>,
    /// Stop when more than so many percent of what was sent died again (from 20 messages on)
    #[arg(long, value_name = "PERCENT", value_parser = clap::value_parser!(u64).range(0..100))]
    stop_at: Option<u64>,
    /// Put into quarantine what was sent back so often before [default: 3]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    max_redrives: Option<u64>,
    /// Append a line of JSON to this file for every message
    #[arg(long, value_name = "FILE")]
    audit: Option<PathBuf>,
    /// When the connection is lost, try this long to reach the server again; `0s` leaves the job to be resumed at once
    #[arg(long, value_name = "DURATION", value_parser = duration::parse, default_value = "30s")]
    reconnect: Duration,
    /// Finish this job, which was interrupted; what was asked for then holds still
    #[arg(long, value_name = "JOB", conflicts_with_all = NOT_ON_RESUME)]
    resume: Option<String>,
    /// Give up this job, which was interrupted: what was not sent stays
    #[arg(long, value_name = "JOB", conflicts_with_all = NOT_ON_RESUME, conflicts_with_all = ["resume", "audit"])]
    abandon: Option<String>,
    /// No progress and no summary on stderr
    #[arg(short, long)]
    quiet: bool,
}

/// What a job has settled when it began.
const NOT_ON_RESUME: [&str; 24] = [
    "reason",
    "source",
    "group",
    "since",
    "until",
    "min_attempts",
    "max_attempts",
    "pattern",
    "condition",
    "ids",
    "limit",
    "append",
    "all_groups",
    "to",
    "map",
    "create",
    "front",
    "at_least_once",
    "set",
    "jq",
    "rate",
    "batch",
    "stop_at",
    "max_redrives",
];

fn mapping(text: &str) -> std::result::Result<(String, String), String> {
    let (old, new) = text.split_once('=').ok_or_else(|| format!("`{text}` is no `old=new`"))?;
    Ok((old.to_owned(), new.to_owned()))
}

pub(super) async fn run(args: RedriveArgs) -> Result<Exit> {
    let mut servers = Servers::connect(&args.server).await?;
    let place = keys::resolve(&mut servers, &args.key).await?;
    let keys = Keys::of(&servers, &place);
    if let Some(job) = &args.run.abandon {
        return abandon(&args, &mut servers, &place, &keys, job).await;
    }
    let spec = match &args.run.resume {
        Some(job) => Spec::load(&mut servers, &keys, &place, job).await?,
        None => {
            refuse_if_unfinished(&mut servers, &place).await?;
            match new_spec(&args, &mut servers, &place).await? {
                Some(spec) => spec,
                None => {
                    let plan = Plan::nothing(format!("re-drive nothing: `{}` is empty", place.name()));
                    return Ok(stopped(args.consent.ask(&plan, &args.server)?));
                }
            }
        }
    };
    let rules = Rules {
        goal: spec.goal.clone(),
        changer: spec.changes.compile()?,
        max_redrives: spec.max_redrives,
        in_quarantine: keys.is_quarantine(),
    };
    let matcher = spec.selection.clone().compile()?;
    redrive(&args, &mut servers, &place, keys, spec, (rules, matcher)).await
}

/// The new job that the command line asks for; `None` if there is no entry at all.
async fn new_spec(args: &RedriveArgs, servers: &mut Servers, place: &Place) -> Result<Option<Spec>> {
    let newest = Request::new("XREVRANGE").arg(&place.key).args(["+", "-", "COUNT", "1"]);
    let Some(last) = entries::read(servers.ask(&place.key, newest).await?)?.first().map(|entry| entry.id) else {
        return Ok(None);
    };
    let TargetArgs { append, all_groups, to, map, create, front, at_least_once } = args.target.clone();
    // Whoever is put at the front last is the first to be taken: from the newest on, the old order is kept.
    let direction = if front { Direction::NewestFirst } else { Direction::OldestFirst };
    let mut spec = Spec::new(random_word()[..8].to_owned(), last, direction, args.select.selection(place)?);
    spec.goal = Goal { append, all_groups, to, map, front, create };
    spec.changes = args.change.changes();
    spec.max_redrives = args.run.max_redrives.unwrap_or(3);
    spec.batch = args.run.batch.map_or(BATCH, |batch| batch as usize);
    spec.rate = args.run.rate;
    spec.stop_at_percent = args.run.stop_at;
    spec.at_least_once = at_least_once;
    Ok(Some(spec))
}

async fn redrive(
    args: &RedriveArgs,
    servers: &mut Servers,
    place: &Place,
    keys: Keys,
    spec: Spec,
    (rules, matcher): (Rules, Matcher),
) -> Result<Exit> {
    let ledger = Ledger::read(servers, &keys, &spec.job).await?;
    let expected = match args.run.resume {
        Some(_) => {
            // Agreed to when it began; going through all of it again would hold up what waits to be finished.
            let at: Option<At> = job::parse(&servers.ask(&keys.letters, Request::new("GET").arg(&keys.at)).await?)?;
            let done = messages(at.unwrap_or_default().counts.moved());
            let plan =
                Plan::new(format!("finish job {} of `{}`, which has sent {done} so far", spec.job, place.name()));
            if let Answer::Stop(exit) = args.consent.ask(&plan, &args.server)? {
                return Ok(exit);
            }
            None
        }
        None => {
            let survey = survey::survey(servers, &keys, &spec, (&rules, &matcher, &ledger)).await?;
            if let Answer::Stop(exit) = args.consent.ask(&survey.plan(place, &spec), &args.server)? {
                // Asked for, and not to be had: that is not done.
                let nothing_went = exit == Exit::Done && survey.moving == 0 && survey.skipped() > 0;
                return Ok(if nothing_went && !args.consent.is_dry_run() { Exit::Partly } else { exit });
            }
            Some(survey.moving)
        }
    };
    let mut interrupt = Interrupt::listen()?;
    let audit = Audit::open(args.run.audit.as_deref(), &spec.job)?;
    let owner = random_word();
    // Before the job begins: from then on what is lost is gone on with.
    let has_xnack = knows_xnack(servers, &keys).await?;
    let elsewhere = &mut Servers::connect(&args.server).await?;
    let at = match args.run.resume {
        Some(_) => spec.take_over(servers, &keys, &owner).await?,
        None => spec.begin(servers, &keys, place, &owner).await?,
    };
    let resume = resume_command(args, place, &spec.job);
    say(&format!("job {}; if it is interrupted: {resume}", spec.job));
    if let Some(advice) = args.server.password_left_out() {
        say(&format!("  {advice}"));
    }
    let mut engine =
        Engine::new(&spec, Parts { servers, elsewhere, keys, rules, matcher, ledger, at, audit, has_xnack });
    let label = format!("re-driving {}", place.name());
    let mut progress = if args.run.quiet { Progress::silent() } else { Progress::start(&label, expected) };
    let mut outage = Outage::new(args.run.reconnect);
    let ended = loop {
        let why = match engine.run(&mut interrupt, &mut progress).await {
            Ok(end) => break Ok(end),
            Err(why) if args.run.reconnect.is_zero() => break Err(why),
            Err(why) => why,
        };
        let before = engine.at.counts.moved();
        match again::come_back(&mut engine, (&spec, &args.server), &mut outage, &mut interrupt, why).await {
            Ok(None) => progress.add(engine.at.counts.moved().saturating_sub(before)),
            Ok(Some(end)) => break Ok(end),
            Err(failure) => break Err(failure),
        }
    };
    progress.finish();
    finish(&mut engine, ended, &interrupt, args.run.quiet, &resume).await
}

/// Says how it ended, and takes the job away if it is done.
async fn finish(
    engine: &mut Engine<'_>,
    ended: Result<End>,
    interrupt: &Interrupt,
    quiet: bool,
    resume: &str,
) -> Result<Exit> {
    let to_go_on = |failure: Failure| failure.hint(format!("`{resume}` goes on"));
    let end = match ended {
        Ok(End::Done) => engine.close().await.map(|()| End::Done),
        other => other,
    };
    let counts = &engine.at.counts;
    if !quiet {
        tell(counts);
    }
    let end = match end {
        Ok(end) => end,
        Err(failure) if counts.moved() > 0 => return Err(to_go_on(failure.after_a_part())),
        Err(failure) => return Err(to_go_on(failure)),
    };
    match end {
        End::Done if counts.not_sent() > 0 => Ok(Exit::Partly),
        End::Done => Ok(Exit::Done),
        End::Interrupted => {
            say(&format!("interrupted; to go on: {resume}"));
            Ok(interrupt.exit())
        }
        End::DyingAgain { died } => {
            let sent = messages(counts.redriven);
            Err(to_go_on(Failure::partly(format!("stopped: {died} of {sent} sent back have died again"))))
        }
    }
}

fn tell(counts: &Counts) {
    let skipped: u64 = counts.skipped.values().sum();
    say(&format!(
        "re-driven {}, quarantined {}, put back {}, skipped {skipped}",
        counts.redriven, counts.quarantined, counts.restored
    ));
    for (why, count) in &counts.skipped {
        say(&format!("  skipped {count}: {why}"));
    }
}

async fn abandon(args: &RedriveArgs, servers: &mut Servers, place: &Place, keys: &Keys, job: &str) -> Result<Exit> {
    let spec = Spec::load(servers, keys, place, job).await?;
    let plan = Plan::new(format!("give up job {job} of `{}`: what was not sent stays there", place.name()));
    if let Answer::Stop(exit) = args.consent.ask(&plan, &args.server)? {
        return Ok(exit);
    }
    let mut at = spec.take_over(servers, keys, &random_word()).await?;
    undo::recover(servers, keys, &mut at).await?;
    engine::close(servers, keys, &at).await?;
    say(&format!("given up, after {} sent back", messages(at.counts.redriven)));
    Ok(Exit::Done)
}

/// Whether entries can be handed back to nobody (Redis 8.8, rbq).
async fn knows_xnack(servers: &mut Servers, keys: &Keys) -> Result<bool> {
    let reply = servers.ask(&keys.letters, Request::from(["COMMAND", "INFO", "XNACK"])).await?;
    Ok(matches!(&reply, Value::Array(infos) if matches!(infos.first(), Some(Value::Array(info)) if !info.is_empty())))
}

fn resume_command(args: &RedriveArgs, place: &Place, job: &str) -> String {
    let mut words = vec!["rbq dlq redrive".to_owned(), quoted(&place.name()), "--resume".to_owned(), job.to_owned()];
    if let Some(path) = &args.run.audit {
        words.extend(["--audit".to_owned(), quoted(&path.display().to_string())]);
    }
    words.extend(args.server.words().iter().map(|word| quoted(word)));
    words.extend(args.consent.words().iter().map(|word| quoted(word)));
    words.join(" ")
}

/// A word as a shell takes it.
fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "_-.:/@%+=,".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

fn stopped(answer: Answer) -> Exit {
    match answer {
        Answer::Stop(exit) => exit,
        Answer::Go => Exit::Done,
    }
}

/// A word that nobody else has: std seeds its hash tables from the system's randomness.
fn random_word() -> String {
    format!("{:016x}", RandomState::new().build_hasher().finish())
}
