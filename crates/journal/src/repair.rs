//! What a repair would keep and drop, said before anything is changed; and then exactly that.
//!
//! A repair keeps the longest log without a gap: the newest snapshot that is whole, and the records that follow it up
//! to the first that cannot be read. What comes after that is dropped, even where it can be read: a state machine that
//! misses one operation is in a state that never was.
//!
//! A segment whose header alone is damaged is not dropped: the header is written anew where all that it said is proven (`headers`).
//! Nor is one that is damaged where a snapshot holds what was in it: it begins anew behind the damage (`part`).
//!
//! Nothing is deleted. Whatever is dropped or written anew stays in the directory, as it was, as `aside-…`.

use std::fmt;
use std::sync::Arc;

use crate::error::OpenError;
use crate::examine::lock;
use crate::headers::{self, Segment, Standing};
use crate::identity;
use crate::mark::{self, Mark};
use crate::mend::{self, Step};
use crate::names;
use crate::options::{Identity, Lsn};
use crate::part::{self, Part};
use crate::recover::TornTail;
use crate::segment::{self, Use};
use crate::slot::{self, Note, snapshot_number};
use crate::snapshot_read::SnapshotReader;
use crate::storage::{Access, Storage};
use crate::store::Store;
use crate::survey::Survey;
use crate::tail;
use crate::verify::verify;
use crate::walk::{Chain, Found, Walker};

/// Something that a repair takes away, or that is gone already.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dropped {
    /// The file.
    pub file: String,
    /// From where on.
    pub offset: u64,
    /// How many bytes; 0 for what is gone already.
    pub bytes: u64,
    /// The first record among them, where that is known.
    pub first_lsn: Option<Lsn>,
    /// The last one, where that is known.
    pub last_lsn: Option<Lsn>,
    /// Why.
    pub why: String,
}

impl fmt::Display for Dropped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { file, offset, bytes, first_lsn, last_lsn, why } = self;
        match bytes {
            0 => write!(f, "`{file}`")?,
            _ => write!(f, "`{file}`: {bytes} bytes from byte {offset} on")?,
        }
        let by = if *bytes == 0 { ":" } else { ", with" };
        match (*first_lsn, *last_lsn) {
            (Some(first), Some(last)) if last < first => write!(f, "{by} no record")?,
            (Some(first), Some(last)) if last == first => write!(f, "{by} record {first}")?,
            (Some(first), Some(last)) => write!(f, "{by} {} records, {first} to {last}", last - first + 1)?,
            (Some(first), None) => write!(f, "{by} records from {first} on")?,
            (None, _) => {}
        }
        write!(f, " ({why})")
    }
}

/// Something that a repair mends, and by which nothing is lost.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mended {
    /// The segment.
    pub file: String,
    /// Every record from this one on begins in it or in a later one.
    pub first_lsn: Lsn,
    /// What is mended.
    pub what: &'static str,
    /// Why nothing is lost.
    pub proof: String,
}

impl fmt::Display for Mended {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { file, first_lsn, what, proof } = self;
        write!(f, "the {what} of `{file}`, with records from {first_lsn} on ({proof})")
    }
}

/// Where the log ends that can be followed: in which segment, at which byte, before what; and why, where that is no end that a
/// start would accept.
struct Followed {
    at: usize,
    end: u64,
    chain: Chain,
    why: Option<String>,
}

const FOLLOWED: &str = "a log is followed through headers that are known";

/// What a repair would do.
pub struct Plan {
    store: Store,
    identity: Identity,
    note: Note,
    /// Why a start refuses; `None` when it does not.
    refusal: Option<OpenError>,
    dropped: Vec<Dropped>,
    mended: Vec<Mended>,
    /// An end that is not whole, and is no damage.
    torn: Option<TornTail>,
    /// The last record that is kept.
    keeps: Lsn,
    steps: Vec<Step>,
}

/// Finds out what a repair would do. An error when there is nothing that could be kept, or when a file is of a later
/// version: that is no damage.
pub fn repair_plan(storage: Arc<dyn Storage>, state_version: u32) -> Result<Plan, OpenError> {
    plan_of(Store::new(storage, state_version))
}

fn plan_of(store: Store) -> Result<Plan, OpenError> {
    let survey = Survey::of(&store)?;
    let refusal = match verify(&store) {
        Ok(whole) => {
            let keeps = whole.tail.chain.lsn - 1;
            return Ok(Plan { keeps, torn: whole.torn(), ..Plan::of(store, whole.identity, Note::default()) });
        }
        Err(error @ OpenError::Corrupt { .. }) => error,
        Err(other) => return Err(other),
    };
    let Some(identity) = identity_of(&store, &survey)? else { return Err(refusal) };
    let noted = if survey.has_durable { unless_damaged(slot::read(&store))?.ok() } else { None };
    let mut plan = Plan::of(store, identity, noted.unwrap_or_default());
    if survey.has_mark {
        plan.unmark()?;
    }
    let snapshot = plan.choose_snapshot(&survey)?;
    let Some(chain) = plan.choose_log(&survey, snapshot)? else { return Err(refusal) };
    plan.keeps = chain.lsn - 1;
    plan.tell_what_is_nowhere();
    // With all that was noted kept, the note is as true as before.
    if noted.is_none() || !plan.dropped.is_empty() {
        plan.steps.push(Step::Note { sequence: chain.sequence - 1, lsn: plan.keeps, snapshot });
    }
    if identity::read(&plan.store).ok() != Some(identity) {
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

/// The `id` file's identity, unless no segment has it; or that of the newest segment or snapshot that can be read.
pub(crate) fn identity_of(store: &Store, survey: &Survey) -> Result<Option<Identity>, OpenError> {
    let noted = if survey.has_id { unless_damaged(identity::read(store))?.ok() } else { None };
    let mut newest = None;
    for &number in survey.segments.iter().rev() {
        let walker = Walker::open(store, &names::segment(number));
        if let Ok(walker) = unless_damaged(walker)? {
            let identity = walker.header.identity;
            if noted.is_none_or(|noted| noted == identity) {
                return Ok(Some(identity));
            }
            newest = newest.or(Some(identity));
        }
    }
    if let Some(identity) = newest.or(noted) {
        return Ok(Some(identity));
    }
    for &cut in survey.snapshots.iter().rev() {
        if let Ok(snapshot) = unless_damaged(SnapshotReader::open(store, cut))? {
            return Ok(Some(snapshot.identity()));
        }
    }
    Ok(None)
}

impl Plan {
    fn of(store: Store, identity: Identity, note: Note) -> Self {
        let (dropped, mended, steps) = (Vec::new(), Vec::new(), Vec::new());
        Self { store, identity, note, refusal: None, dropped, mended, torn: None, keeps: 0, steps }
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

    /// What would be mended without a loss.
    #[must_use]
    pub fn mended(&self) -> &[Mended] {
        &self.mended
    }

    /// The small files that would be written anew, and what they would say.
    pub fn rewritten(&self) -> impl Iterator<Item = String> {
        self.steps.iter().filter_map(|step| match step {
            Step::Note { lsn, .. } => Some(format!("`{}`: everything up to record {lsn} was safe", names::DURABLE)),
            Step::Id => {
                let Identity { cluster, node } = self.identity;
                Some(format!("`{}`: cluster {cluster:032x}, node {node:032x}", names::ID))
            }
            _ => None,
        })
    }

    /// An end of the log that is not whole: a repair leaves it, and the next start cuts it and keeps it aside.
    #[must_use]
    pub fn torn(&self) -> Option<&TornTail> {
        self.torn.as_ref()
    }

    /// The last record that would be kept.
    #[must_use]
    pub fn keeps(&self) -> Lsn {
        self.keeps
    }

    fn aside(&mut self, name: String, why: String) -> Result<(), OpenError> {
        let bytes = self.store.open(&name, Access::Read)?.len()?;
        self.dropped.push(Dropped { file: name.clone(), offset: 0, bytes, first_lsn: None, last_lsn: None, why });
        self.steps.push(Step::Aside(name));
        Ok(())
    }

    /// Puts a whole segment aside, and tells what is in it as far as that can be known.
    fn aside_segment(&mut self, segment: &Segment, why: String) -> Result<(), OpenError> {
        let name = segment.name();
        let Some(header) = segment.header() else { return self.aside(name, why) };
        let mut walker = Walker::under(&self.store, &name, header)?;
        let (bytes, last) = part::written(&mut walker)?.unwrap_or((segment::HEADER_BYTES, header.first_lsn - 1));
        let (first_lsn, last_lsn) = (Some(header.first_lsn), Some(last));
        self.dropped.push(Dropped { file: name.clone(), offset: 0, bytes, first_lsn, last_lsn, why });
        self.steps.push(Step::Aside(name));
        Ok(())
    }

    /// Takes the mark off a backup that is not what was written, and remembers what it said.
    fn unmark(&mut self) -> Result<(), OpenError> {
        let why = match unless_damaged(mark::read(&self.store))? {
            Ok(Mark { sequence, lsn, snapshot }) => {
                self.note = self.note.raised(sequence, lsn, snapshot);
                format!(
                    "it says that this is a whole backup up to record {lsn}, and after a repair it is a data directory"
                )
            }
            Err(damage) => what_of(&damage),
        };
        self.aside(names::MARK.into(), why)
    }

    /// The newest snapshot that is whole; newer ones go aside.
    fn choose_snapshot(&mut self, survey: &Survey) -> Result<Option<Lsn>, OpenError> {
        if self.note.snapshot > snapshot_number(survey.snapshots.last().copied()) {
            let file = names::snapshot(self.note.snapshot - 1);
            let why = "the file is missing".into();
            self.dropped.push(Dropped { file, offset: 0, bytes: 0, first_lsn: None, last_lsn: None, why });
        }
        for &cut in survey.snapshots.iter().rev() {
            let opened = SnapshotReader::open_of(&self.store, cut, self.identity);
            match unless_damaged(opened.and_then(SnapshotReader::verify))? {
                Ok(_) => return Ok(Some(cut)),
                Err(damage) => self.aside(names::snapshot(cut), what_of(&damage))?,
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
            self.aside_segment(&segment, why)?;
        }
        let begins = |segment: &Segment| segment.header().is_some_and(|header| header.first_lsn <= cut + 1);
        let Some(start) = segments.iter().rposition(begins) else {
            return if snapshot.is_none() { Ok(None) } else { self.begin_anew(&segments, 0, cut).map(Some) };
        };
        let header = segments[start].header().expect(FOLLOWED);
        let Some(part) = part::after_snapshot(&self.store, &segments[start].name(), header, cut)? else {
            return self.begin_anew(&segments, start, cut).map(Some);
        };
        let Followed { at, end, chain, why } = self.follow(&segments, start, part)?;
        for (index, segment) in segments.iter().enumerate().take(at + 1).skip(start) {
            let part = if index == start { part } else { Part::whole(segment.header().expect(FOLLOWED)) };
            match &why {
                Some(why) if index == at => {
                    self.mend(segment, part, Some(end));
                    self.drop_end(segment, part, (end, chain), why.clone(), at + 1 == segments.len())?;
                }
                _ => self.mend(segment, part, None),
            }
        }
        self.aside_segments(&segments[at + 1..])?;
        Ok(Some(chain))
    }

    /// Mends what is kept of a segment, up to `end` if it is cut there; and keeps a copy of one that is changed.
    fn mend(&mut self, segment: &Segment, part: Part, end: Option<u64>) {
        let name = segment.name();
        let is_replaced = end.is_some() || !part.is_whole();
        if is_replaced || matches!(segment.standing, Standing::Proven(..)) {
            self.steps.push(Step::Keep(name.clone()));
        }
        let (file, first_lsn) = (name.clone(), part.header.first_lsn);
        if !part.is_whole() {
            let from = part.from;
            let proof = format!("not all of it before byte {from} can be read, and the snapshot holds what was in it");
            self.mended.push(Mended { file, first_lsn, what: "beginning", proof });
        } else if let Standing::Proven(_, proof) = &segment.standing {
            self.mended.push(Mended { file, first_lsn, what: "header", proof: proof.clone() });
        }
        if is_replaced {
            self.steps.push(Step::Replace { name, part, end });
        } else if let Standing::Proven(header, _) = segment.standing {
            self.steps.push(Step::Rebuild { name, header });
        }
    }

    /// Tells what is dropped where a segment is cut.
    fn drop_end(
        &mut self,
        segment: &Segment,
        part: Part,
        (offset, chain): (u64, Chain),
        why: String,
        is_last: bool,
    ) -> Result<(), OpenError> {
        let file = segment.name();
        let mut walker = part.walker(&self.store, &file)?;
        let file_bytes = walker.file_bytes();
        (walker.at, walker.chain) = (offset, chain);
        let written = part::written(&mut walker)?;
        // Where no later header tells, all of the file may have been written.
        let bytes = written.map_or(file_bytes, |(to, _)| to.min(file_bytes)).saturating_sub(offset);
        let noted = Some(self.note.lsn).filter(|lsn| is_last && *lsn >= chain.lsn);
        let last_lsn = written.map(|(_, last)| last).max(noted);
        self.dropped.push(Dropped { file, offset, bytes, first_lsn: Some(chain.lsn), last_lsn, why });
        Ok(())
    }

    /// Follows the log from a part of a segment on.
    fn follow(&mut self, segments: &[Segment], start: usize, part: Part) -> Result<Followed, OpenError> {
        let (mut at, mut part) = (start, part);
        loop {
            let name = segments[at].name();
            let mut walker = part.walker(&self.store, &name)?;
            let next = segments.get(at + 1);
            let follower = next.filter(|next| next.number == segments[at].number + 1).and_then(Segment::header);
            let why = loop {
                if let Some(header) = follower
                    && Chain::at_start_of(&header) == walker.chain
                {
                    break None;
                }
                match walker.next()? {
                    Found::Batch(..) => {}
                    Found::Nothing => break Some("the next batch is missing".to_owned()),
                    Found::Bad(what) => break Some(what),
                }
            };
            let (end, chain) = (walker.at, walker.chain);
            let Some(why) = why else {
                at += 1;
                part = Part::whole(follower.expect("only a segment that follows ends a walk well"));
                continue;
            };
            if next.is_some() {
                return Ok(Followed { at, end, chain, why: Some(why) });
            }
            let judged = tail::judge(&mut part.walker(&self.store, &name)?, self.note);
            let why = match unless_damaged(judged)? {
                Ok(tail) => {
                    self.torn = TornTail::of(&tail, &name);
                    None
                }
                Err(damage) => Some(what_of(&damage)),
            };
            return Ok(Followed { at, end, chain, why });
        }
    }

    fn aside_segments(&mut self, segments: &[Segment]) -> Result<(), OpenError> {
        for segment in segments {
            let why = match &segment.standing {
                Standing::Whole(_) | Standing::Proven(..) => "what comes before it cannot be read".to_owned(),
                Standing::Foreign => "it belongs elsewhere".to_owned(),
                Standing::Unproven(why) => format!("its header cannot be read, and {why}"),
            };
            self.aside_segment(segment, why)?;
        }
        Ok(())
    }

    /// What was durable once and is in no file that can be read is lost too, though no bytes of it are dropped.
    fn tell_what_is_nowhere(&mut self) {
        // Where it is not known up to which record something goes, it may well be up to the last.
        let unknown = self.dropped.iter().any(|dropped| dropped.first_lsn.is_some() && dropped.last_lsn.is_none());
        let told = self.dropped.iter().filter_map(|dropped| dropped.last_lsn).max().unwrap_or_default();
        let told = told.max(self.keeps);
        if self.note.lsn > told && !unknown {
            let why = "it says that they were on the disk, and no file has them".into();
            let (first_lsn, last_lsn) = (Some(told + 1), Some(self.note.lsn));
            self.dropped.push(Dropped { file: names::DURABLE.into(), offset: 0, bytes: 0, first_lsn, last_lsn, why });
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

    /// Whether both would do the same, and cost the same.
    fn agrees_with(&self, other: &Self) -> bool {
        let Self { store: _, identity, note: _, refusal: _, dropped, mended, torn: _, keeps, steps } = self;
        (identity, dropped, mended, keeps, steps)
            == (&other.identity, &other.dropped, &other.mended, &other.keeps, &other.steps)
    }

    /// Does what was planned. Whatever is dropped or changed is kept as it was under a name that begins with `aside-`; these names are returned.
    ///
    /// # Errors
    /// Besides what may go wrong with files: somebody has the directory open, or the plan is not what it would be by now, as when
    /// somebody had the directory open since. Nothing is changed then.
    pub fn carry_out(self) -> Result<Vec<String>, OpenError> {
        let lock = lock(&self.store)?;
        if !plan_of(self.store.clone())?.agrees_with(&self) {
            return Err(OpenError::Changed { directory: self.store.place() });
        }
        let kept = mend::carry_out(&self.store, &lock, &self.steps, self.identity)?;
        if self.is_needed() {
            verify(&self.store)?;
        }
        Ok(kept)
    }
}

impl fmt::Debug for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Plan").field("keeps", &self.keeps).field("dropped", &self.dropped).finish_non_exhaustive()
    }
}
