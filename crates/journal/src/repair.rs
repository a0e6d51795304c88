//! What a repair would keep and drop, said before anything is changed; and then exactly that.
//!
//! A repair keeps the longest log without a gap: the newest snapshot that is whole, and the records that follow it up
//! to the first that cannot be read. What comes after that is dropped, even where it can be read: a state machine that
//! misses one operation is in a state that never was.
//!
//! Nothing is deleted. Whatever is dropped stays in the directory as `aside-…`.

use std::fmt;
use std::sync::Arc;

use crate::chance::Chance;
use crate::error::OpenError;
use crate::fault::Faults;
use crate::identity;
use crate::log::{Place, begin};
use crate::names;
use crate::options::{Identity, Lsn};
use crate::recover::{copy_batches, lock};
use crate::segment::{self, Use};
use crate::shelf::Spare;
use crate::slot::{self, Note, Slots, snapshot_number};
use crate::snapshot_read::SnapshotReader;
use crate::storage::{Access, Storage};
use crate::store::Store;
use crate::survey::Survey;
use crate::tail;
use crate::verify::{ANY_STATE_VERSION, verify};
use crate::walk::{Chain, Found, Walker, Window};

/// More than a file has that says one thing.
const COPIED_BYTES_MAX: usize = 64 << 10;

/// Something that a repair takes away.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dropped {
    /// The file.
    pub file: String,
    /// From where on.
    pub offset: u64,
    /// How many bytes.
    pub bytes: u64,
    /// The first record among them, where that is known.
    pub first_lsn: Option<Lsn>,
    /// Why.
    pub why: String,
}

impl fmt::Display for Dropped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { file, offset, bytes, first_lsn, why } = self;
        write!(f, "`{file}`: {bytes} bytes from byte {offset} on")?;
        if let Some(lsn) = first_lsn {
            write!(f, ", with records from {lsn} on")?;
        }
        write!(f, " ({why})")
    }
}

enum Step {
    /// Gives the file another name.
    Aside(String),
    /// Keeps a copy, and ends the segment here.
    Cut { name: String, end: u64 },
    /// Begins a new segment at this place.
    Begin { number: u64, chain: Chain },
    /// Says again what is durable.
    Note { sequence: u64, lsn: Lsn, snapshot: Option<Lsn> },
    /// Says again whose directory it is.
    Id,
}

/// What a repair would do.
pub struct Plan {
    store: Store,
    identity: Identity,
    note: Note,
    /// Why a start refuses; `None` when it does not.
    refusal: Option<OpenError>,
    dropped: Vec<Dropped>,
    /// The last record that is kept.
    keeps: Lsn,
    steps: Vec<Step>,
}

/// Finds out what a repair would do. An error when there is nothing that could be kept, or when a file is of a later
/// version: that is no damage.
pub fn repair_plan(storage: Arc<dyn Storage>) -> Result<Plan, OpenError> {
    let store = Store(storage);
    let survey = Survey::of(&store)?;
    let refusal = match verify(&store) {
        Ok(whole) => {
            let keeps = whole.tail.chain.lsn - 1;
            let (dropped, steps) = (Vec::new(), Vec::new());
            let (identity, note) = (whole.identity, Note::default());
            return Ok(Plan { store, identity, note, refusal: None, dropped, keeps, steps });
        }
        Err(error @ OpenError::Corrupt { .. }) => error,
        Err(other) => return Err(other),
    };
    let Some(identity) = identity_of(&store, &survey)? else { return Err(refusal) };
    let note =
        if survey.has_durable { unless_damaged(slot::read(&store))?.unwrap_or_default() } else { Note::default() };
    let mut plan = Plan { store, identity, note, refusal: None, dropped: Vec::new(), keeps: 0, steps: Vec::new() };
    let snapshot = plan.choose_snapshot(&survey)?;
    let Some(chain) = plan.choose_log(&survey, snapshot)? else { return Err(refusal) };
    plan.keeps = chain.lsn - 1;
    plan.tell_what_is_nowhere();
    plan.steps.push(Step::Note { sequence: chain.sequence - 1, lsn: plan.keeps, snapshot });
    if identity::read(&plan.store).is_err() {
        plan.steps.push(Step::Id);
    }
    plan.refusal = Some(refusal);
    Ok(plan)
}

/// Damage is what a repair is for; anything else ends it.
fn unless_damaged<T>(result: Result<T, OpenError>) -> Result<Result<T, OpenError>, OpenError> {
    match result {
        Err(error @ OpenError::Corrupt { .. }) => Ok(Err(error)),
        Err(other) => Err(other),
        Ok(value) => Ok(Ok(value)),
    }
}

fn what_of(error: &OpenError) -> String {
    match error {
        OpenError::Corrupt { what, .. } => what.clone(),
        other => other.to_string(),
    }
}

/// The `id` file's identity, or that of the newest segment that can be read.
fn identity_of(store: &Store, survey: &Survey) -> Result<Option<Identity>, OpenError> {
    if survey.has_id
        && let Ok(identity) = unless_damaged(identity::read(store))?
    {
        return Ok(Some(identity));
    }
    for &number in survey.segments.iter().rev() {
        let walker = Walker::open(store, &names::segment(number), ANY_STATE_VERSION, Faults::default());
        if let Ok(walker) = unless_damaged(walker)? {
            return Ok(Some(walker.header.identity));
        }
    }
    Ok(None)
}

impl Plan {
    /// True when a start refuses the journal as it is.
    #[must_use]
    pub fn is_needed(&self) -> bool {
        self.refusal.is_some()
    }

    /// Why a start refuses.
    #[must_use]
    pub fn refusal(&self) -> Option<&OpenError> {
        self.refusal.as_ref()
    }

    /// What would be taken away.
    #[must_use]
    pub fn dropped(&self) -> &[Dropped] {
        &self.dropped
    }

    /// The last record that would be kept.
    #[must_use]
    pub fn keeps(&self) -> Lsn {
        self.keeps
    }

    fn aside(&mut self, name: String, first_lsn: Option<Lsn>, why: String) -> Result<(), OpenError> {
        let bytes = self.store.open(&name, Access::Read)?.len()?;
        self.dropped.push(Dropped { file: name.clone(), offset: 0, bytes, first_lsn, why });
        self.steps.push(Step::Aside(name));
        Ok(())
    }

    /// The newest snapshot that is whole; newer ones go aside.
    fn choose_snapshot(&mut self, survey: &Survey) -> Result<Option<Lsn>, OpenError> {
        if self.note.snapshot > snapshot_number(survey.snapshots.last().copied()) {
            let file = names::snapshot(self.note.snapshot - 1);
            let why = "the file is missing".into();
            self.dropped.push(Dropped { file, offset: 0, bytes: 0, first_lsn: None, why });
        }
        for &cut in survey.snapshots.iter().rev() {
            let verified = SnapshotReader::open(&self.store, cut, ANY_STATE_VERSION).and_then(SnapshotReader::verify);
            match unless_damaged(verified)? {
                Ok(_) => return Ok(Some(cut)),
                Err(damage) => self.aside(names::snapshot(cut), None, what_of(&damage))?,
            }
        }
        Ok(None)
    }

    /// Where the log ends that can be kept; `None` when there would be neither snapshot nor log.
    fn choose_log(&mut self, survey: &Survey, snapshot: Option<Lsn>) -> Result<Option<Chain>, OpenError> {
        let cut = snapshot.unwrap_or_default();
        let mut headers = Vec::new();
        for &number in &survey.segments {
            let name = names::segment(number);
            let opened = Walker::open(&self.store, &name, ANY_STATE_VERSION, Faults::default());
            let header = unless_damaged(opened)?.map(|walker| walker.header);
            let is_ours = |header: &segment::Header| header.identity == self.identity && header.number == number;
            headers.push((number, header.ok().filter(is_ours)));
        }
        let is_unfounded = |header: &segment::Header| header.used == Use::Founding && header.first_lsn > cut + 1;
        let unfounded = headers.iter().position(|(_, header)| header.as_ref().is_some_and(is_unfounded));
        for (number, header) in headers.drain(unfounded.unwrap_or(headers.len())..) {
            let why = "it was to begin a log anew, and the state that it begins with is not there".into();
            self.aside(names::segment(number), header.map(|header| header.first_lsn), why)?;
        }
        let begins = |header: &Option<segment::Header>| header.is_some_and(|header| header.first_lsn <= cut + 1);
        let Some(start) = headers.iter().rposition(|(_, header)| begins(header)) else {
            return if snapshot.is_none() { Ok(None) } else { self.begin_anew(&headers, 0, cut).map(Some) };
        };
        let (at, end, chain, why) = self.walk(&headers, start)?;
        if chain.lsn <= cut {
            return self.begin_anew(&headers, at, cut).map(Some);
        }
        if let Some(why) = why {
            let name = names::segment(headers[at].0);
            let bytes = self.store.open(&name, Access::Read)?.len()? - end;
            self.dropped.push(Dropped { file: name.clone(), offset: end, bytes, first_lsn: Some(chain.lsn), why });
            self.steps.push(Step::Cut { name, end });
        }
        self.aside_segments(&headers[at + 1..])?;
        Ok(Some(chain))
    }

    /// Follows the log from a segment on: the segment and the byte where it ends, and why there.
    fn walk(
        &self,
        headers: &[(u64, Option<segment::Header>)],
        start: usize,
    ) -> Result<(usize, u64, Chain, Option<String>), OpenError> {
        let mut at = start;
        loop {
            let (number, _) = headers[at];
            let name = names::segment(number);
            let mut walker = Walker::open(&self.store, &name, ANY_STATE_VERSION, Faults::default())?;
            let next = headers.get(at + 1);
            let follower = next.filter(|(next, _)| *next == number + 1).and_then(|(_, header)| *header);
            let goal = follower.map(|header| Chain::at_start_of(&header));
            let why = loop {
                if goal == Some(walker.chain) {
                    break None;
                }
                match walker.next()? {
                    Found::Batch(..) => {}
                    Found::Nothing => break Some("the next batch is missing".to_owned()),
                    Found::Bad(what) => break Some(what),
                }
            };
            let (end, chain) = (walker.at, walker.chain);
            match why {
                None => at += 1,
                Some(_) if next.is_none() => return Ok((at, end, chain, self.judge(&name)?)),
                Some(why) => return Ok((at, end, chain, Some(why))),
            }
        }
    }

    /// Why the last segment must be cut; `None` when a start would accept it.
    fn judge(&self, name: &str) -> Result<Option<String>, OpenError> {
        let mut walker = Walker::open(&self.store, name, ANY_STATE_VERSION, Faults::default())?;
        let judged = unless_damaged(tail::judge(&mut walker, self.note, Faults::default()))?;
        Ok(judged.err().map(|damage| what_of(&damage)))
    }

    fn aside_segments(&mut self, segments: &[(u64, Option<segment::Header>)]) -> Result<(), OpenError> {
        for (number, header) in segments {
            let why = if header.is_some() { "what comes before it cannot be read" } else { "it cannot be read" };
            self.aside(names::segment(*number), header.map(|header| header.first_lsn), why.into())?;
        }
        Ok(())
    }

    /// What was durable once and is in no file that can be read is lost too, though no bytes of it are dropped.
    fn tell_what_is_nowhere(&mut self) {
        let is_told = self.dropped.iter().any(|dropped| dropped.first_lsn.is_some());
        if self.note.lsn > self.keeps && !is_told {
            let why = format!("it says that records up to {} were on the disk", self.note.lsn);
            let first_lsn = Some(self.keeps + 1);
            self.dropped.push(Dropped { file: names::DURABLE.into(), offset: 0, bytes: 0, first_lsn, why });
        }
    }

    /// Puts the segments from `from` on aside, and lets the log begin again after the snapshot.
    fn begin_anew(
        &mut self,
        headers: &[(u64, Option<segment::Header>)],
        from: usize,
        cut: Lsn,
    ) -> Result<Chain, OpenError> {
        self.aside_segments(&headers[from..])?;
        let known = headers.iter().filter_map(|(_, header)| *header);
        let newest = known.map(|header| header.first_sequence).max().unwrap_or_default();
        let chain =
            Chain { sequence: newest.max(self.note.sequence) + 1, lsn: cut + 1, crc_before: 0, mid_record: false };
        let number = headers.last().map_or(1, |(number, _)| number + 1);
        self.steps.push(Step::Begin { number, chain });
        Ok(chain)
    }

    /// Does what was planned. Whatever is dropped is kept under a name that begins with `aside-`; these names are returned.
    pub fn carry_out(self) -> Result<Vec<String>, OpenError> {
        let store = &self.store;
        let _lock = lock(store)?;
        let taken = store.list()?;
        let is_free = |attempt: &u32| !taken.iter().any(|name| name.starts_with(&names::aside("", *attempt)));
        let attempt = (1..).find(is_free).expect("there are more numbers than files");
        let mut chance = Chance::new(crate::Options::new(0, self.identity).seed);
        let mut kept = Vec::new();
        for step in &self.steps {
            match step {
                Step::Aside(name) => store.rename(name, &names::aside(name, attempt))?,
                Step::Cut { name, end } => cut_segment(store, name, *end, &names::aside(name, attempt), &mut chance)?,
                Step::Begin { number, chain } => {
                    let template = segment::Header::blank(0, self.identity);
                    let file = store.create(&names::spare(0))?;
                    let used = Use::Log;
                    let place = Place { used, number: *number, epoch: chance.mark(), chain: *chain, time_ms: 0 };
                    let spare = Spare { file, capacity: segment::HEADER_BYTES };
                    begin(store, &template, Faults::default(), spare, place)?;
                }
                Step::Note { sequence, lsn, snapshot } => {
                    kept.extend(keep_copy(store, names::DURABLE, attempt)?);
                    Slots::create(store)?.note(*sequence, *lsn, *snapshot)?;
                }
                Step::Id => {
                    kept.extend(keep_copy(store, names::ID, attempt)?);
                    identity::write(store, self.identity)?;
                }
            }
            store.sync_dir()?;
        }
        if self.is_needed() {
            verify(store)?;
        }
        let moved = self.steps.iter().filter_map(|step| match step {
            Step::Aside(name) | Step::Cut { name, .. } => Some(names::aside(name, attempt)),
            Step::Begin { .. } | Step::Note { .. } | Step::Id => None,
        });
        Ok(moved.chain(kept).collect())
    }
}

/// Keeps a whole copy of a small file, if it is there; its name.
fn keep_copy(store: &Store, name: &str, attempt: u32) -> Result<Option<String>, OpenError> {
    if !store.list()?.iter().any(|there| there == name) {
        return Ok(None);
    }
    let bytes = store.read_small(name, COPIED_BYTES_MAX)?;
    let aside = names::aside(name, attempt);
    let copy = store.create(&aside)?;
    copy.write_at(0, &bytes)?;
    copy.sync_all()?;
    Ok(Some(aside))
}

/// Keeps a whole copy, and then replaces the segment by its first part.
fn cut_segment(store: &Store, name: &str, end: u64, aside: &str, chance: &mut Chance) -> Result<(), OpenError> {
    let mut window = Window::open(store, name)?;
    let copy = store.create(aside)?;
    let mut at = 0;
    while at < window.len() {
        let bytes = window.bytes(at, 1 << 20)?;
        if bytes.is_empty() {
            break;
        }
        copy.write_at(at, bytes)?;
        at += bytes.len() as u64;
    }
    copy.sync_all()?;
    store.sync_dir()?;
    let spare = Spare { file: store.create(&names::spare(0))?, capacity: end };
    copy_batches(store, name, spare, end, chance.mark(), ANY_STATE_VERSION, Faults::default())?;
    Ok(())
}

impl fmt::Debug for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Plan").field("keeps", &self.keeps).field("dropped", &self.dropped).finish_non_exhaustive()
    }
}
