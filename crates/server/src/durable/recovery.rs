//! The start: what was kept comes back before anybody is served.

use std::io::ErrorKind;
use std::path::Path;
use std::sync::Arc;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use anyhow::{Context as _, Result, anyhow};
use rbq_broker::op::STATE_VERSION;
use rbq_broker::settings::AppendFsync;
use rbq_broker::snapshot::Corrupt;
use rbq_broker::{Broker, ReplayError, Settings};
use rbq_journal::{
    Identity, Journal, OpenError, Options, Policy, Progress, RecoveryReport, Storage, damage_hint, said,
};
use thiserror::Error;

use super::home::{Home, Place};
use super::sync_price;
use crate::facts;
use crate::gates::Gates;

/// How far ahead of the system's clock the log may be. More is a clock that was wrong then or is wrong now, and expiry,
/// idle times and IDs would follow it.
const AHEAD_MS_MAX: u64 = 3_600_000;

/// What a start found, for whoever is to know.
pub(crate) struct Keeping {
    pub(crate) journal: Arc<Journal>,
    /// Median time of a write with its sync, in microseconds, where it could be measured.
    pub(crate) sync_us: Option<u64>,
    /// Bytes of the snapshot that was read.
    pub(crate) snapshot_bytes: u64,
    /// The log was from the future, which was accepted: a snapshot is to end it.
    pub(crate) wants_snapshot: bool,
}

/// Opens the data directory and fills `broker`, which is empty, with what is in it.
pub(crate) fn open(settings: &Settings, home: &Home, broker: &mut Broker, gates: &Arc<Gates>) -> Result<Keeping> {
    let Place { path, storage } = home.open(settings)?;
    let start = Instant::now();
    let progress = gates.clone();
    let options = options(settings, move |progressed| progress.advance(progressed));
    let recovered = recover(settings, storage.clone(), broker, options);
    let Recovered { journal, snapshot_bytes, report, ops, is_ahead } =
        recovered.map_err(|error| with_hint(error, &path))?;
    tell(&report, ops, start, &path);
    let journal = Arc::new(journal);
    gates.guard(journal.clone());
    if is_ahead {
        tracing::warn!(
            "the log is from the future, which is accepted: a snapshot with the time of now takes its place"
        );
    }
    Ok(Keeping { journal, sync_us: price_at(&*storage), snapshot_bytes, wants_snapshot: is_ahead })
}

/// Opens the data directory for a log that begins anew with what is in memory, at a position after `above`. What was there
/// comes with the journal: it is there until the new log's base stands.
pub(super) fn found(
    settings: &Settings,
    home: &Home,
    above: u64,
    gates: &Arc<Gates>,
) -> Result<(Keeping, RecoveryReport)> {
    let Place { path, storage } = home.open(settings)?;
    let progress = gates.clone();
    let options = options(settings, move |progressed| progress.advance(progressed));
    let founded = Journal::found(storage.clone(), options, above).map_err(|error| with_hint(error.into(), &path));
    let (journal, report) = founded?;
    let (journal, sync_us) = (Arc::new(journal), price_at(&*storage));
    Ok((Keeping { journal, sync_us, snapshot_bytes: 0, wants_snapshot: false }, report))
}

/// What a sync costs in a directory that is ours. Not to know it is no reason to serve nobody: the disk may be full.
fn price_at(storage: &dyn Storage) -> Option<u64> {
    let measured = sync_price::measure(storage);
    measured
        .inspect_err(|error| tracing::warn!(error = said(error), "what a sync takes here could not be measured"))
        .ok()
}

/// What was kept, and what goes on from there.
#[derive(Debug)]
pub struct Recovered {
    /// Open for what comes.
    pub journal: Journal,
    /// Bytes of the snapshot that was read.
    pub snapshot_bytes: u64,
    /// What was found.
    pub report: RecoveryReport,
    /// How many ops were replayed after the snapshot.
    pub ops: u64,
    /// The newest record is from more than an hour ahead of the system's clock, and the settings accept it.
    pub is_ahead: bool,
}

/// Fills `broker`, which is empty, with what is in `storage`, and has it log what changes from then on.
///
/// # Errors
/// [`OpenError`] where the directory is in use or damaged; a sentence for everything else.
pub(crate) fn recover(
    settings: &Settings,
    storage: Arc<dyn Storage>,
    broker: &mut Broker,
    options: Options,
) -> Result<Recovered> {
    let mut opened = Journal::open(storage, options)?;
    let in_time = check_time(opened.report().newest_time_ms, now_ms());
    let is_ahead = in_time.is_err();
    if !settings.accept_clock.0 {
        in_time?;
    }
    let mut snapshot_bytes = 0;
    if let Some(snapshot) = opened.snapshot() {
        snapshot_bytes = snapshot.bytes();
        let mut reader = broker.load(now_ms());
        while let Some(section) = snapshot.next()? {
            reader.push(&section.bytes)?;
        }
        reader.finish()?;
    }
    let mut ops = 0;
    for record in opened.records() {
        let (position, bytes) = record?;
        ops += broker.replay(&bytes).with_context(|| format!("position {position} of the log"))?;
    }
    // From here on the directory is changed, and nothing is refused any more.
    let (journal, report) = opened.begin()?;
    drop(broker.take_garbage());
    broker.log().enable(journal.appended());
    Ok(Recovered { journal, snapshot_bytes, report, ops, is_ahead })
}

fn with_hint(error: anyhow::Error, path: &Path) -> anyhow::Error {
    let shown = path.display();
    match error.downcast_ref() {
        Some(OpenError::Io { source, .. }) if source.kind() == ErrorKind::PermissionDenied => {
            anyhow!(
                "{error}\nhint: the files must belong to the user that the server runs as: `chown -R USER: {shown}`, or run `rbq \
                 restore` and `rbq journal repair` as that user"
            )
        }
        Some(OpenError::InUse { .. }) => anyhow!("{error}\nhint: stop it, or give this server a `--dir` of its own"),
        Some(OpenError::Corrupt { .. }) => {
            anyhow!("in {shown}: {error}\nhint: {}", damage_hint(&shown.to_string()))
        }
        Some(_) => error,
        None if error.is::<FromTheFuture>() => anyhow!("in {shown}: {error}"),
        None => {
            let needed = databases_needed(&error);
            let error = error.context(format!("cannot read back what is in {shown}"));
            match needed {
                Some(needed) => anyhow!("{error:#}\nhint: start with `--databases {needed}`, or more"),
                None => error,
            }
        }
    }
}

/// How many databases what is kept needs, where there are too few.
fn databases_needed(error: &anyhow::Error) -> Option<u64> {
    error.chain().find_map(|cause| match (cause.downcast_ref(), cause.downcast_ref()) {
        (Some(Corrupt::Databases { needed, .. }), _) | (_, Some(ReplayError::Databases { needed, .. })) => {
            Some(*needed)
        }
        _ => None,
    })
}

/// A log whose newest record is from more than [`AHEAD_MS_MAX`] ahead of the system's clock.
#[derive(Debug, Error)]
#[error(
    "the log was written {} after what the system's clock says now\nhint: set the clock right; or, if the log's times were the \
     wrong ones, start once with `--accept-clock yes`",
    in_words(*ahead_ms / 60_000)
)]
struct FromTheFuture {
    ahead_ms: u64,
}

/// Whole minutes, or the nearest number of hours or days.
fn in_words(minutes: u64) -> String {
    match minutes {
        0..=120 => format!("{minutes} minutes"),
        121..=2880 => format!("{} hours", (minutes + 30) / 60),
        _ => format!("{} days", (minutes + 720) / 1440),
    }
}

/// Why a start refuses a log whose newest record carries this time, by the system's clock as it is now, if it does.
#[must_use]
pub fn clock_refusal(newest_ms: u64) -> Option<String> {
    check_time(newest_ms, now_ms()).err().map(|refusal| refusal.to_string())
}

/// How the journal is opened: it calls `progress` whenever it got further.
pub(crate) fn options(settings: &Settings, progress: impl Fn(Progress) + Send + Sync + 'static) -> Options {
    let unguessable = || (u128::from(facts::seed()) << 64) | u128::from(facts::seed());
    let identity = Identity { cluster: unguessable(), node: unguessable() };
    let mut options = Options::new(STATE_VERSION, identity);
    options.policy = policy(settings.appendfsync);
    options.progress = Arc::new(progress);
    options.fatal = Arc::new(|fatal| {
        // Whoever waits for an answer gets none: nobody knows what is on the disk.
        tracing::error!(reason = %fatal, "the log can no longer be written: ending");
        std::process::exit(1);
    });
    options
}

/// The journal's word for `appendfsync`.
pub(crate) fn policy(setting: AppendFsync) -> Policy {
    match setting {
        AppendFsync::Always => Policy::Always,
        AppendFsync::EverySec => Policy::EverySec,
        AppendFsync::No => Policy::No,
    }
}

fn now_ms() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as u64)
}

fn check_time(newest_ms: u64, now_ms: u64) -> Result<(), FromTheFuture> {
    let ahead_ms = newest_ms.saturating_sub(now_ms);
    if ahead_ms > AHEAD_MS_MAX { Err(FromTheFuture { ahead_ms }) } else { Ok(()) }
}

fn tell(report: &RecoveryReport, ops: u64, start: Instant, path: &Path) {
    if let Some(torn) = &report.torn {
        tracing::warn!(
            file = torn.file,
            offset = torn.offset,
            bytes = torn.bytes,
            kept_as = torn.kept_as.as_deref().unwrap_or("nothing: the disk had no room for a copy"),
            "the log's end is not whole: it was never completed, or was damaged afterwards, and nothing newer tells which: cut"
        );
    }
    if report.was_unfounded {
        tracing::warn!(
            "appendonly was being switched on when the server ended, and what was in memory then is gone: this is what was \
             kept before"
        );
    }
    if let Some(left_s) = report.left_s {
        tracing::warn!(
            left_unix_s = left_s,
            minutes_ago = (now_ms() / 1000).saturating_sub(u64::from(left_s)) / 60,
            "this log was left when appendonly was switched off: what the server did after that is not in it"
        );
    }
    if report.is_new {
        tracing::info!(directory = %path.display(), "new data directory");
        return;
    }
    tracing::info!(
        directory = %path.display(),
        snapshot = report.snapshot_cut,
        position = report.last_lsn,
        ops,
        ms = start.elapsed().as_millis() as u64,
        "state read back"
    );
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn a_log_from_the_future_is_refused_unless_it_is_near() {
        let now_ms = 1_700_000_000_000;
        assert!(check_time(now_ms - 1, now_ms).is_ok());
        assert!(check_time(now_ms + AHEAD_MS_MAX, now_ms).is_ok());
        let text = check_time(now_ms + 2 * AHEAD_MS_MAX, now_ms).expect_err("it is two hours ahead").to_string();
        assert!(text.contains("120 minutes") && text.contains("--accept-clock yes"), "{text}");
        let text = check_time(now_ms + 400 * 24 * AHEAD_MS_MAX, now_ms).expect_err("it is far ahead").to_string();
        assert!(text.contains("400 days"), "{text}");
    }

    /// Every file but the lock, with its content.
    fn content(dir: &Path) -> BTreeMap<String, Vec<u8>> {
        let files = std::fs::read_dir(dir).expect("it is there").map(|entry| entry.expect("it is read"));
        let named = files.map(|entry| (entry.file_name().to_string_lossy().into_owned(), entry.path()));
        let log = named.filter(|(name, _)| name != "lock");
        log.map(|(name, path)| (name, std::fs::read(path).expect("it is a file"))).collect()
    }

    #[test]
    fn a_start_that_is_refused_for_the_clock_or_for_a_record_has_changed_nothing() {
        let dir = tempfile::tempdir().expect("a directory is made");
        let storage = || Arc::new(rbq_journal::Directory::create(dir.path()).expect("it is there"));
        let settings = Settings::default();
        let opened = Journal::open(storage(), options(&settings, |_| {})).expect("it is new");
        let (journal, _) = opened.begin().expect("it is new");
        journal.append_quietly(b"no op that anybody knows", now_ms() + 3 * AHEAD_MS_MAX);
        journal.close().expect("it is written");
        // What a start would remove.
        std::fs::write(dir.path().join("snapshot-00000000000000000001.tmp"), "unfinished").expect("it is written");
        let before = content(dir.path());
        let refused = |settings: &Settings| {
            let clock = crate::clock::Clock::new();
            let mut broker = Broker::new(settings.clone(), 1, clock.now());
            let refused = recover(settings, storage(), &mut broker, options(settings, |_| {}));
            assert!(content(dir.path()) == before);
            format!("{:#}", refused.expect_err("it cannot be read"))
        };
        assert!(refused(&settings).contains("3 hours after what the system's clock says now"));
        let accepting = Settings { accept_clock: rbq_broker::settings::Flag(true), ..settings.clone() };
        let said = refused(&accepting);
        assert!(said.starts_with("position 1 of the log"), "{said}");
    }

    #[test]
    fn what_a_kill_left_of_a_measurement_is_gone_with_the_next_start() {
        let dir = tempfile::tempdir().expect("a directory is made");
        let storage = || Arc::new(rbq_journal::Directory::create(dir.path()).expect("it is there"));
        let settings = Settings::default();
        let start = || {
            let mut broker = Broker::new(settings.clone(), 1, crate::clock::Clock::new().now());
            let recovered = recover(&settings, storage(), &mut broker, options(&settings, |_| {}));
            recovered.expect("it is whole").journal.close().expect("nothing is to be written");
        };
        start();
        let left = dir.path().join(rbq_journal::SCRATCH);
        std::fs::write(&left, [0; 4096]).expect("it is written");
        start();
        assert!(!left.exists());
    }
}
