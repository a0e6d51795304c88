//! A journal on a simulated disk, beside a model of what it must keep.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::Mutex;

use crate::chance::Chance;
use crate::error::{Fatal, OpenError};
use crate::examine::{Examined, examine};
use crate::fault::{Fault, Faults};
use crate::log::{Log, Turn, Written};
use crate::options::{Identity, Lsn, Options, Policy, Sizes};
use crate::recover::{Recovered, recover};
use crate::shared::Shared;
use crate::shelf::{Prepared, Purpose};
use crate::sim::{Image, Op, SimStorage};
use crate::snapshot_write::SnapshotWriter;

pub(super) const SIZES: Sizes = Sizes {
    segment_first_bytes: 8 << 10,
    segments_of_a_size: 2,
    segment_bytes: 12 << 10,
    batch_bytes_max: 1 << 10,
    in_flight_bytes_max: 64 << 10,
};

/// The version of the state machine that the tests stand for.
pub(super) const STATE_VERSION: u32 = 1;

pub(super) fn options(seed: u64, fault: Option<Fault>) -> Options {
    let faults = Faults { on: fault };
    Options { sizes: SIZES, seed, faults, ..Options::new(STATE_VERSION, Identity { cluster: 1, node: 2 }) }
}

/// What the journal must keep.
#[derive(Clone, Default)]
pub(super) struct Model {
    /// Everything that was appended, in order.
    pub appended: Vec<Vec<u8>>,
    /// Records that earlier lives were told of as synced and written.
    pub synced: Lsn,
    pub written: Lsn,
    /// The counters of the life that goes on.
    pub life: Option<Arc<Shared>>,
}

impl Model {
    fn synced(&self) -> Lsn {
        self.life.as_ref().map_or(self.synced, |life| life.synced().max(self.synced))
    }

    fn written(&self) -> Lsn {
        self.life.as_ref().map_or(self.written, |life| life.written().max(self.written))
    }

    /// The least that must come back.
    pub(super) fn least(&self, crash: Crash) -> Lsn {
        match crash {
            Crash::PowerCut => self.synced(),
            Crash::Kill => self.written(),
        }
    }
}

/// How a life ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Crash {
    PowerCut,
    Kill,
}

/// The state that the records make: their count and a digest, so that a snapshot can be compared.
pub(super) fn digest(records: &[Vec<u8>]) -> Vec<u8> {
    let mut crc = 0;
    for record in records {
        crc = crc32c::crc32c_append(crc, &(record.len() as u64).to_le_bytes());
        crc = crc32c::crc32c_append(crc, record);
    }
    [(records.len() as u64).to_le_bytes().as_slice(), &crc.to_le_bytes()].concat()
}

/// A turn of a journal that nobody else drives.
pub(super) fn turn_and_sync(log: &mut Log, now_ms: u64) -> Result<Turn, Fatal> {
    let turn = log.turn(now_ms)?;
    if let Some(due) = log.due_sync(now_ms) {
        due.make()?;
        log.settle(&due, now_ms);
    }
    if let Some(note) = log.due_note(now_ms) {
        note.make()?;
    }
    if turn != Turn::NeedsSegment {
        return Ok(turn);
    }
    let rotated = log.rotation().make()?;
    Ok(if log.enter(rotated, now_ms) { Turn::Worked } else { turn })
}

/// A start, compared with the model: what came back is a prefix of what was appended, and at least so much.
pub(super) fn start(
    storage: &SimStorage,
    options: Options,
    model: &Model,
    least: Lsn,
) -> Result<(Recovered, Lsn), String> {
    let refused = |error: OpenError| format!("refused: {error}");
    let mut examined = examine(Arc::new(storage.clone()), options).map_err(refused)?;
    let last = compare(&mut examined, &model.appended)?;
    if last < least {
        return Err(format!("records up to {least} were acknowledged, and the log ends with {last}"));
    }
    let recovered = examined.begin().map_err(refused)?;
    if recovered.report.last_lsn != last {
        return Err(format!("the report says {} and the replay ends with {last}", recovered.report.last_lsn));
    }
    Ok((recovered, last))
}

/// Reads snapshot and replay to their ends; returns the last record.
pub(super) fn compare(examined: &mut Examined, appended: &[Vec<u8>]) -> Result<Lsn, String> {
    let refused = |error: OpenError| format!("refused while reading: {error}");
    let mut last = 0;
    if let Some(snapshot) = &mut examined.snapshot {
        last = snapshot.cut();
        let count = usize::try_from(last).expect("it is small");
        let expected = appended.get(..count).ok_or("the snapshot is of records that never were")?;
        let first = snapshot.next().map_err(refused)?.ok_or("the snapshot is empty")?;
        if first.bytes != digest(expected) {
            return Err(format!("the snapshot of record {last} holds another state"));
        }
        while snapshot.next().map_err(refused)?.is_some() {}
    }
    for record in &mut examined.replay {
        let (lsn, bytes) = record.map_err(refused)?;
        if lsn != last + 1 {
            return Err(format!("record {lsn} follows record {last}"));
        }
        match appended.get(usize::try_from(last).expect("it is small")) {
            Some(expected) if *expected == bytes => last = lsn,
            Some(_) => return Err(format!("record {lsn} came back changed")),
            None => return Err(format!("record {lsn} was never appended")),
        }
    }
    if last != examined.report.last_lsn {
        return Err(format!("the report says {} and the replay ends with {last}", examined.report.last_lsn));
    }
    Ok(last)
}

/// A scenario under way.
pub(super) struct World {
    pub storage: SimStorage,
    pub model: Arc<Mutex<Model>>,
    pub log: Log,
    pub shared: Arc<Shared>,
    chance: Chance,
    now_ms: u64,
    fault: Option<Fault>,
    snapshot: Option<SnapshotWriter>,
}

/// Why a scenario ended before its last step.
#[derive(Debug)]
pub(super) enum Ended {
    /// The journal said that it can go on no longer: what an injected error may lead to.
    Stopped,
    /// The journal broke a promise.
    Wrong(String),
}

impl From<Fatal> for Ended {
    fn from(_: Fatal) -> Self {
        Self::Stopped
    }
}

impl World {
    pub(super) fn begin(
        seed: u64,
        storage: SimStorage,
        model: Arc<Mutex<Model>>,
        fault: Option<Fault>,
    ) -> Result<Self, Ended> {
        let started = recover(Arc::new(storage.clone()), options(seed, fault)).map_err(refusal)?;
        let Recovered { shared, log, .. } = started;
        model.lock().life = Some(Arc::clone(&shared));
        let chance = Chance::new(seed ^ 0x5eed);
        Ok(Self { storage, model, log, shared, chance, now_ms: 0, fault, snapshot: None })
    }

    /// Does so many steps.
    pub(super) fn run(&mut self, steps: usize) -> Result<(), Ended> {
        (0..steps).try_for_each(|_| self.step())
    }

    fn step(&mut self) -> Result<(), Ended> {
        match self.chance.below(42) {
            0..=11 => self.append_some(),
            12..=18 => self.turn()?,
            19..=25 => self.write_here()?,
            26..=28 => {
                self.now_ms += 700;
                self.turn()?;
            }
            29..=30 => {
                self.shared.shelf.prepare();
            }
            31 => self.change_policy(),
            32 => {
                self.shared.request_sync();
            }
            33..=34 => self.begin_snapshot(),
            35..=37 => self.finish_snapshot()?,
            38 => self.append_giant(),
            39..=40 => self.change_space(),
            _ => self.restart()?,
        }
        Ok(())
    }

    fn append(&mut self, bytes: usize) {
        let seed = self.chance.next();
        let record: Vec<u8> = (0..bytes).map(|at| (seed >> (at % 8 * 8)) as u8 ^ (at / 8) as u8).collect();
        let mut model = self.model.lock();
        model.appended.push(record.clone());
        let expected = model.appended.len() as u64;
        drop(model);
        assert_eq!(self.shared.append(&record), expected, "records are numbered in order");
    }

    fn append_some(&mut self) {
        for _ in 0..=self.chance.below(6) {
            let bytes_max = [8, 100, 700][usize::try_from(self.chance.below(3)).expect("it is small")];
            let bytes = usize::try_from(self.chance.below(bytes_max)).expect("it is small");
            if self.shared.admit(bytes as u64, Purpose::Add).is_ok() {
                self.append(bytes);
            }
        }
    }

    /// A record of several pieces, sometimes larger than a segment.
    fn append_giant(&mut self) {
        let bytes = usize::try_from(1_000 + self.chance.below(14_000)).expect("it is small");
        while self.shared.admit(bytes as u64, Purpose::Add).is_err() {
            if self.shared.shelf.prepare() != Prepared::Made {
                return;
            }
        }
        self.append(bytes);
    }

    pub(super) fn turn(&mut self) -> Result<(), Ended> {
        self.now_ms += 1;
        let turn = self.log.turn(self.now_ms)?;
        if let Some(due) = self.log.due_sync(self.now_ms) {
            // Others write before, while and after it is made.
            self.write_meanwhile()?;
            due.make()?;
            self.write_meanwhile()?;
            self.log.settle(&due, self.now_ms);
        }
        if turn == Turn::NeedsSegment {
            let rotation = self.log.rotation();
            self.write_meanwhile()?;
            let rotated = rotation.make()?;
            self.write_meanwhile()?;
            if !self.log.enter(rotated, self.now_ms) {
                self.shared.shelf.prepare();
            }
        }
        Ok(())
    }

    fn write_meanwhile(&mut self) -> Result<(), Ended> {
        if self.chance.once_in(3) {
            self.append_some();
            self.log.write_here(self.now_ms)?;
        }
        if self.chance.once_in(9) {
            self.change_policy();
        }
        Ok(())
    }

    /// What an appender does that sees to the write, and to the sync where there is one, itself.
    fn write_here(&mut self) -> Result<(), Ended> {
        self.now_ms += 1;
        if self.log.write_here(self.now_ms)? == Written::NotAll {
            self.turn()?;
        }
        Ok(())
    }

    fn change_policy(&mut self) {
        let policies = [Policy::Always, Policy::EverySec, Policy::No];
        let policy = policies[usize::try_from(self.chance.below(3)).expect("it is small")];
        self.shared.set_policy(policy);
    }

    /// Makes the disk full, or nearly, or gives it space again.
    fn change_space(&mut self) {
        let room = self.chance.below(30 << 10);
        let limit = self.chance.once_in(3).then(|| self.storage.bytes() + room);
        self.storage.limit_space(limit);
    }

    fn begin_snapshot(&mut self) {
        let records = self.model.lock().appended.clone();
        let cut = records.len() as u64;
        if self.snapshot.is_some() || Some(cut) < self.shared.catalog.snapshot() {
            return;
        }
        let identity = Identity { cluster: 1, node: 2 };
        // A snapshot may fail for lack of space; the journal goes on.
        if let Ok(mut writer) = SnapshotWriter::begin(Arc::clone(&self.shared), identity, cut, 1) {
            let filler = vec![7; usize::try_from(self.chance.below(3_000)).expect("it is small")];
            let written = writer.section(1, &digest(&records)).and_then(|()| writer.section(2, &filler));
            self.snapshot = written.is_ok().then_some(writer);
        }
    }

    fn finish_snapshot(&mut self) -> Result<(), Ended> {
        let Some(writer) = self.snapshot.take() else { return Ok(()) };
        if self.chance.once_in(5) {
            writer.abort();
            return Ok(());
        }
        if self.settle(writer.cut())? {
            // What fails here leaves the old snapshot and its log.
            let _ = writer.finish();
        }
        Ok(())
    }

    /// Takes turns until the record is synced. False when the disk is full.
    pub(super) fn settle(&mut self, lsn: Lsn) -> Result<bool, Ended> {
        self.shared.request_sync();
        while self.shared.synced() < lsn {
            self.now_ms += 1;
            let needs = turn_and_sync(&mut self.log, self.now_ms)? == Turn::NeedsSegment;
            if needs && self.shared.shelf.prepare() == Prepared::Refused {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Ends this life in one of three ways, and begins the next.
    fn restart(&mut self) -> Result<(), Ended> {
        self.snapshot = None;
        let how = self.chance.below(3);
        if how == 0 && self.settle(self.shared.appended())? {
            self.log.finish()?;
        }
        let crash = if how == 2 { Crash::PowerCut } else { Crash::Kill };
        let image = match crash {
            Crash::Kill => self.storage.image().after_kill(),
            Crash::PowerCut => self.storage.image().after_power_cut(self.chance.next()),
        };
        self.replace(image, crash)
    }

    /// Goes on with what a crash left.
    fn replace(&mut self, image: Image, crash: Crash) -> Result<(), Ended> {
        let policy = self.shared.policy();
        let least = {
            let mut model = self.model.lock();
            let least = model.least(crash);
            (model.synced, model.written, model.life) = (model.synced(), least, None);
            least
        };
        self.storage.restore(image);
        let before = self.model.lock().clone();
        let options = Options { policy, ..options(self.chance.next(), self.fault) };
        let started = start(&self.storage, options, &before, least);
        let (recovered, last) = match started {
            Ok(started) => started,
            Err(why) if self.storage.has_failed() => {
                let _ = why;
                return Err(Ended::Stopped);
            }
            Err(why) => return Err(Ended::Wrong(why)),
        };
        let mut model = self.model.lock();
        model.appended.truncate(usize::try_from(last).expect("it is small"));
        // Whatever was recovered may have been shown.
        (model.synced, model.written) = (last, last);
        model.life = Some(Arc::clone(&recovered.shared));
        (self.log, self.shared) = (recovered.log, recovered.shared);
        self.now_ms = 0;
        Ok(())
    }
}

fn refusal(error: OpenError) -> Ended {
    match error {
        OpenError::Io { .. } => Ended::Stopped,
        other => Ended::Wrong(other.to_string()),
    }
}

/// What was found wrong, over all threads of a test.
#[derive(Default)]
pub(super) struct Findings {
    pub crashes: AtomicU64,
    pub torn: AtomicU64,
    pub wrong: Mutex<Vec<String>>,
}

impl Findings {
    pub(super) fn add(&self, what: String) {
        self.wrong.lock().push(what);
    }

    /// Looks at what a crash at this moment leaves, and at what a crash while that is recovered leaves.
    pub(super) fn crash(&self, image: &Image, op: Op, model: &Model, seed: u64, fault: Option<Fault>) {
        let mut chance = Chance::new(seed);
        for crash in [Crash::PowerCut, Crash::Kill] {
            if crash == Crash::Kill && !chance.once_in(4) {
                continue;
            }
            let left = match crash {
                Crash::PowerCut => image.after_power_cut(chance.next()),
                Crash::Kill => image.after_kill(),
            };
            self.crashes.fetch_add(1, Ordering::Relaxed);
            let least = model.least(crash);
            let again = self.recover_twice(left, model, least, &mut chance, fault);
            if let Err(what) = again {
                self.add(format!("{crash:?} during {op:?}, seed {seed}: {what}"));
            }
        }
    }

    /// Recovers, with one more power cut on the way; recovers what that left; and goes on with it.
    fn recover_twice(
        &self,
        left: Image,
        model: &Model,
        least: Lsn,
        chance: &mut Chance,
        fault: Option<Fault>,
    ) -> Result<(), String> {
        let storage = SimStorage::of(left);
        let cut_at = chance.below(24);
        let cut_image: Arc<Mutex<Option<Image>>> = Arc::default();
        let (seen, slot) = (AtomicU64::new(0), Arc::clone(&cut_image));
        storage.observe(Some(Arc::new(move |image: &Image, _| {
            if seen.fetch_add(1, Ordering::Relaxed) == cut_at {
                *slot.lock() = Some(image.clone());
            }
        })));
        let (recovered, last) = start(&storage, options(chance.next(), fault), model, least)?;
        storage.observe(None);
        if recovered.report.torn.is_some() {
            self.torn.fetch_add(1, Ordering::Relaxed);
        }
        if let Some(image) = cut_image.lock().take() {
            self.crashes.fetch_add(1, Ordering::Relaxed);
            let storage = SimStorage::of(image.after_power_cut(chance.next()));
            // A kill keeps what was only written; the power cut that follows need not.
            let least = model.least(Crash::PowerCut);
            let (again, _) = start(&storage, options(chance.next(), fault), model, least)
                .map_err(|why| format!("recovered after a crash in recovery: {why}"))?;
            drop(again);
        }
        if chance.once_in(8) {
            go_on(&storage, recovered, last, model, chance, fault)?;
        }
        Ok(())
    }
}

/// A recovered journal takes further records, and they survive a power cut too.
fn go_on(
    storage: &SimStorage,
    recovered: Recovered,
    last: Lsn,
    model: &Model,
    chance: &mut Chance,
    fault: Option<Fault>,
) -> Result<(), String> {
    let Recovered { shared, mut log, .. } = recovered;
    let mut appended = model.appended[..usize::try_from(last).expect("it is small")].to_vec();
    for record in [vec![1; 10], vec![2; 2_000], vec![3; 30]] {
        shared.append(&record);
        appended.push(record);
    }
    let wanted = appended.len() as u64;
    let mut now_ms = 0;
    while shared.synced() < wanted {
        now_ms += 1;
        if turn_and_sync(&mut log, now_ms).map_err(|fatal| fatal.to_string())? == Turn::NeedsSegment {
            shared.shelf.prepare();
        }
    }
    let storage = SimStorage::of(storage.image().after_power_cut(chance.next()));
    let model = Model { appended, ..Model::default() };
    let (_, _) = start(&storage, options(chance.next(), fault), &model, wanted)
        .map_err(|why| format!("went on after a recovery: {why}"))?;
    Ok(())
}

/// Runs one scenario with a crash at every operation.
pub(super) fn scenario(seed: u64, steps: usize, fault: Option<Fault>, findings: &Arc<Findings>) {
    let storage = SimStorage::new();
    let model: Arc<Mutex<Model>> = Arc::default();
    let (seen, told, count) = (Arc::clone(&model), Arc::clone(findings), AtomicU64::new(0));
    storage.observe(Some(Arc::new(move |image: &Image, op| {
        let number = count.fetch_add(1, Ordering::Relaxed);
        let model = seen.lock().clone();
        told.crash(image, op, &model, seed.wrapping_mul(1_000_003) ^ number, fault);
    })));
    let ran = World::begin(seed, storage.clone(), model, fault).and_then(|mut world| world.run(steps));
    match ran {
        Ok(()) => {}
        Err(Ended::Stopped) => findings.add(format!("seed {seed}: the journal stopped without an error")),
        Err(Ended::Wrong(what)) => findings.add(format!("seed {seed}: {what}")),
    }
    storage.observe(None);
}

/// Runs one scenario in which one operation fails; whatever that leads to, what was acknowledged comes back.
pub(super) fn scenario_with_error(seed: u64, steps: usize, at: u64, error: io::ErrorKind) -> Result<u64, String> {
    let storage = SimStorage::new();
    storage.inject(at, error);
    let model: Arc<Mutex<Model>> = Arc::default();
    let ran = World::begin(seed, storage.clone(), Arc::clone(&model), None).and_then(|mut world| world.run(steps));
    if let Err(Ended::Wrong(what)) = ran {
        return Err(format!("seed {seed}, {error} at operation {at}: {what}"));
    }
    let model = model.lock().clone();
    let ops = storage.ops();
    for crash in [Crash::PowerCut, Crash::Kill] {
        let left = match crash {
            Crash::PowerCut => storage.image().after_power_cut(seed ^ at),
            Crash::Kill => storage.image().after_kill(),
        };
        // A failed sync has lost what was only written: that is what a failed sync means.
        let least = model.least(Crash::PowerCut);
        start(&SimStorage::of(left), options(seed ^ at, None), &model, least)
            .map_err(|why| format!("seed {seed}, {error} at operation {at}, {crash:?}: {why}"))?;
    }
    Ok(ops)
}
