//! What a repair would keep and drop, said before anything is changed; and then exactly that.
//!
//! A repair keeps the longest log without a gap: the newest snapshot that is whole, and the records that follow it up
//! to the first that cannot be read. What comes after that is dropped, even where it can be read: a state machine that
//! misses one operation is in a state that never was.
//!
//! A segment whose header alone is damaged is not dropped: the header is written anew where all that it said is proven (`headers`).
//!
//! Nothing is deleted. Whatever is dropped or written anew stays in the directory, as it was, as `aside-…`.

use std::fmt;
use std::sync::Arc;

use crate::chance::Chance;
use crate::error::OpenError;
use crate::examine::lock;
use crate::fault::Faults;
use crate::headers::{self, Segment, Standing};
use crate::identity;
use crate::names;
use crate::options::{Identity, Lsn};
use crate::recover::copy_batches;
use crate::rotation::{Place, begin};
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

/// A segment's header that a repair writes anew.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rebuilt {
    /// The segment.
    pub file: String,
    /// Every record from this one on begins in it or in a later one.
    pub first_lsn: Lsn,
    /// What proves what the header said.
    pub proof: String,
}

impl fmt::Display for Rebuilt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { file, first_lsn, proof } = self;
        write!(f, "the header of `{file}`, with records from {first_lsn} on ({proof})")
    }
}

enum Step {
    /// Gives the file another name.
    Aside(String),
    /// Keeps a whole copy of what is about to be changed.
    Keep(String),
    /// Writes the segment's header anew.
    Rebuild { name: String, header: segment::Header },
    /// Ends the segment here.
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
    rebuilt: Vec<Rebuilt>,
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
            return Ok(Plan { keeps, ..Plan::of(store, whole.identity, Note::default()) });
        }
        Err(error @ OpenError::Corrupt { .. }) => error,
        Err(other) => return Err(other),
    };
    let Some(identity) = identity_of(&store, &survey)? else { return Err(refusal) };
    let noted = if survey.has_durable { unless_damaged(slot::read(&store))?.ok() } else { None };
    let mut plan = Plan::of(store, identity, noted.unwrap_or_default());
    let snapshot = plan.choose_snapshot(&survey)?;
    let Some(chain) = plan.choose_log(&survey, snapshot)? else { return Err(refusal) };
    plan.keeps = chain.lsn - 1;
    plan.tell_what_is_nowhere();
    // With all that was noted kept, the note is as true as before.
    if noted.is_none() || !plan.dropped.is_empty() {
        plan.steps.push(Step::Note { sequence: chain.sequence - 1, lsn: plan.keeps, snapshot });
    }
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
pub(crate) fn identity_of(store: &Store, survey: &Survey) -> Result<Option<Identity>, OpenError> {
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
    fn of(store: Store, identity: Identity, note: Note) -> Self {
        let (dropped, rebuilt, steps) = (Vec::new(), Vec::new(), Vec::new());
        Self { store, identity, note, refusal: None, dropped, rebuilt, keeps: 0, steps }
    }

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

    /// Which headers would be written anew.
    #[must_use]
    pub fn rebuilt(&self) -> &[Rebuilt] {
        &self.rebuilt
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
        let mut segments = headers::look(&self.store, &survey.segments, self.identity)?;
        let is_unfounded = |header: segment::Header| header.used == Use::Founding && header.first_lsn > cut + 1;
        let unfounded = segments.iter().position(|segment| segment.header().is_some_and(is_unfounded));
        for segment in segments.drain(unfounded.unwrap_or(segments.len())..) {
            let why = "it was to begin a log anew, and the state that it begins with is not there".into();
            self.aside(segment.name(), segment.header().map(|header| header.first_lsn), why)?;
        }
        let begins = |segment: &Segment| segment.header().is_some_and(|header| header.first_lsn <= cut + 1);
        let Some(start) = segments.iter().rposition(begins) else {
            return if snapshot.is_none() { Ok(None) } else { self.begin_anew(&segments, 0, cut).map(Some) };
        };
        let (at, end, chain, why) = self.walk(&segments, start)?;
        if chain.lsn <= cut {
            return self.begin_anew(&segments, at, cut).map(Some);
        }
        self.rebuild_headers(&segments[start..=at], why.is_some());
        if let Some(why) = why {
            let name = segments[at].name();
            let bytes = self.store.open(&name, Access::Read)?.len()? - end;
            self.dropped.push(Dropped { file: name.clone(), offset: end, bytes, first_lsn: Some(chain.lsn), why });
            self.steps.push(Step::Cut { name, end });
        }
        self.aside_segments(&segments[at + 1..])?;
        Ok(Some(chain))
    }

    /// Writes the headers anew that are damaged and proven, and keeps copies of these segments; and of the last one, if it is
    /// about to be cut.
    fn rebuild_headers(&mut self, kept: &[Segment], is_last_cut: bool) {
        for (index, segment) in kept.iter().enumerate() {
            let name = segment.name();
            let is_cut = is_last_cut && index + 1 == kept.len();
            let is_proven = matches!(segment.standing, Standing::Proven(..));
            if is_cut || is_proven {
                self.steps.push(Step::Keep(name.clone()));
            }
            if let Standing::Proven(header, proof) = &segment.standing {
                let (file, first_lsn) = (name.clone(), header.first_lsn);
                self.rebuilt.push(Rebuilt { file, first_lsn, proof: proof.clone() });
                self.steps.push(Step::Rebuild { name, header: *header });
            }
        }
    }

    /// Follows the log from a segment on, whose header is known: the segment and the byte where it ends, and why there.
    fn walk(&self, segments: &[Segment], start: usize) -> Result<(usize, u64, Chain, Option<String>), OpenError> {
        let mut at = start;
        loop {
            let mut walker = self.walker(&segments[at])?;
            let next = segments.get(at + 1);
            let follower = next.filter(|next| next.number == segments[at].number + 1).and_then(Segment::header);
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
                Some(_) if next.is_none() => return Ok((at, end, chain, self.judge(&segments[at])?)),
                Some(why) => return Ok((at, end, chain, Some(why))),
            }
        }
    }

    fn walker(&self, segment: &Segment) -> Result<Walker, OpenError> {
        let header = segment.header().expect("a log is followed through headers that are known");
        Walker::under(&self.store, &segment.name(), header, ANY_STATE_VERSION)
    }

    /// Why the last segment must be cut; `None` when a start would accept it.
    fn judge(&self, segment: &Segment) -> Result<Option<String>, OpenError> {
        let mut walker = self.walker(segment)?;
        let judged = unless_damaged(tail::judge(&mut walker, self.note, Faults::default()))?;
        Ok(judged.err().map(|damage| what_of(&damage)))
    }

    fn aside_segments(&mut self, segments: &[Segment]) -> Result<(), OpenError> {
        for segment in segments {
            let why = match &segment.standing {
                Standing::Whole(_) | Standing::Proven(..) => "what comes before it cannot be read".to_owned(),
                Standing::Foreign => "it belongs elsewhere".to_owned(),
                Standing::Unproven(why) => format!("its header cannot be read, and {why}"),
            };
            self.aside(segment.name(), segment.header().map(|header| header.first_lsn), why)?;
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
    fn begin_anew(&mut self, segments: &[Segment], from: usize, cut: Lsn) -> Result<Chain, OpenError> {
        self.aside_segments(&segments[from..])?;
        let known = segments.iter().filter_map(Segment::header);
        let newest = known.map(|header| header.first_sequence).max().unwrap_or_default();
        let chain =
            Chain { sequence: newest.max(self.note.sequence) + 1, lsn: cut + 1, crc_before: 0, mid_record: false };
        let number = segments.last().map_or(1, |segment| segment.number + 1);
        self.steps.push(Step::Begin { number, chain });
        Ok(chain)
    }

    /// Does what was planned. Whatever is dropped or changed is kept as it was under a name that begins with `aside-`; these names are returned.
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
                Step::Keep(name) => keep_whole(store, name, &names::aside(name, attempt))?,
                Step::Rebuild { name, header } => rebuild_header(store, name, header)?,
                Step::Cut { name, end } => cut_segment(store, name, *end, &mut chance)?,
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
            Step::Aside(name) | Step::Keep(name) => Some(names::aside(name, attempt)),
            Step::Rebuild { .. } | Step::Cut { .. } | Step::Begin { .. } | Step::Note { .. } | Step::Id => None,
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

/// Keeps a copy of a file of any size.
fn keep_whole(store: &Store, name: &str, aside: &str) -> Result<(), OpenError> {
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
    Ok(copy.sync_all()?)
}

/// Writes the header where it belongs. Whatever a crash leaves of it, what proved the header is still there.
fn rebuild_header(store: &Store, name: &str, header: &segment::Header) -> Result<(), OpenError> {
    let file = store.open(name, Access::Write)?;
    file.write_at(0, &header.encode())?;
    Ok(file.sync_data()?)
}

/// Replaces a segment by its first part.
fn cut_segment(store: &Store, name: &str, end: u64, chance: &mut Chance) -> Result<(), OpenError> {
    let spare = Spare { file: store.create(&names::spare(0))?, capacity: end };
    copy_batches(store, name, spare, end, chance.mark(), ANY_STATE_VERSION, Faults::default())?;
    Ok(())
}

impl fmt::Debug for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Plan").field("keeps", &self.keeps).field("dropped", &self.dropped).finish_non_exhaustive()
    }
}
