//! What is in a journal's directory, file by file, and what is wrong with it. Nothing is changed.

use std::fmt;
use std::io::ErrorKind::NotFound;
use std::sync::Arc;

use crate::error::OpenError;
use crate::headers::{self, Standing};
use crate::identity;
use crate::mark;
use crate::names::{self, Name};
use crate::options::Lsn;
use crate::recover::TornTail;
use crate::repair::identity_of;
use crate::segment::{self, Use};
use crate::slot;
use crate::snapshot_read::SnapshotReader;
use crate::storage::{Access, Storage};
use crate::store::Store;
use crate::survey::Survey;
use crate::verify::verify;
use crate::walk::{Chain, Found, Walker};

/// One file.
#[derive(Debug)]
pub struct FileReport {
    /// Its name.
    pub name: String,
    /// Its size.
    pub bytes: u64,
    /// What is in it, for people.
    pub holds: String,
    /// What is wrong with it by itself. An end that a crash may have left is not.
    pub damage: Option<OpenError>,
}

/// A stretch of a segment that cannot be read, with something after it that can.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gap {
    /// The segment.
    pub file: String,
    /// Where it begins.
    pub offset: u64,
    /// How long it is.
    pub bytes: u64,
    /// The first record in it, and the last one.
    pub records: (Lsn, Lsn),
    /// What is wrong at its beginning.
    pub what: String,
}

impl fmt::Display for Gap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { file, offset, bytes, records: (first, last), what } = self;
        write!(f, "`{file}`: {bytes} bytes from byte {offset} on cannot be read ({what}), with ")?;
        if first == last { write!(f, "record {first}") } else { write!(f, "records {first} to {last}") }
    }
}

/// A whole directory.
#[derive(Debug)]
pub struct CheckReport {
    /// All files, by name.
    pub files: Vec<FileReport>,
    /// Why a start would refuse the journal: the first reason that it meets.
    pub refusal: Option<OpenError>,
    /// Where segments cannot be read, with something after it that can; none where a start would accept it all the same.
    pub gaps: Vec<Gap>,
    /// What a start would cut from the log's end.
    pub torn: Option<TornTail>,
    /// The wall clock that its newest record carries, in ms; 0 where a start would refuse it.
    pub newest_time_ms: u64,
    /// It is a backup, and every byte of it is as it was written.
    pub is_backup: bool,
    /// What is no damage by itself, or less of it than it looks: a sentence each.
    pub notes: Vec<String>,
}

impl CheckReport {
    /// True when a start would accept it.
    #[must_use]
    pub fn is_sound(&self) -> bool {
        self.refusal.is_none()
    }
}

/// Reads every file, as a state machine of this version would. The journal should not be open anywhere: what is being written
/// looks torn.
pub fn check(storage: Arc<dyn Storage>, state_version: u32) -> Result<CheckReport, OpenError> {
    let store = Store::new(storage, state_version);
    let (mut files, mut notes, mut gaps) = (Vec::new(), Vec::new(), Vec::new());
    for name in store.list()? {
        // Whoever has the journal open renames and removes files; one that is gone is no longer part of it.
        let bytes = match store.open(&name, Access::Read).and_then(|file| file.len()) {
            Ok(bytes) => bytes,
            Err(failure) if failure.source.kind() == NotFound => continue,
            // Whatever it is, and whoever may read it: a directory `lost+found` is often there.
            Err(_) if names::parse(&name) == Name::Other => 0,
            Err(failure) => return Err(failure.into()),
        };
        let (holds, damage) = match look(&store, &name, &mut gaps) {
            Ok(holds) => (holds, None),
            Err(error) if is_gone(&error) => continue,
            Err(error) => ("unreadable".into(), Some(error)),
        };
        files.push(FileReport { name, bytes, holds, damage });
    }
    match look_behind_headers(&store, &mut files, &mut notes, &mut gaps) {
        Err(error) if !is_gone(&error) => return Err(error),
        _ => {}
    }
    if !Survey::of(&store)?.has_mark {
        notes.extend(slot_note(&store)?);
    }
    let (refusal, torn, newest_time_ms, is_backup) = match verify(&store) {
        Ok(whole) => (None, whole.torn(), whole.newest_time_ms, whole.is_backup),
        Err(error) => (Some(error), None, 0, false),
    };
    if refusal.is_none() {
        gaps.clear();
    }
    Ok(CheckReport { files, refusal, gaps, torn, newest_time_ms, is_backup, notes })
}

/// Whoever has the journal open has removed the file meanwhile.
fn is_gone(error: &OpenError) -> bool {
    matches!(error, OpenError::Io { source, .. } if source.kind() == NotFound)
}

/// Of segments whose headers are damaged, and can be written anew: tells what is in them all the same.
fn look_behind_headers(
    store: &Store,
    files: &mut [FileReport],
    notes: &mut Vec<String>,
    gaps: &mut Vec<Gap>,
) -> Result<(), OpenError> {
    let is_lost = |file: &FileReport| {
        matches!(names::parse(&file.name), Name::Segment(_)) && matches!(file.damage, Some(OpenError::Corrupt { .. }))
    };
    if !files.iter().any(is_lost) {
        return Ok(());
    }
    let survey = Survey::of(store)?;
    let Some(identity) = identity_of(store, &survey)? else { return Ok(()) };
    for segment in headers::look(store, &survey.segments, identity)? {
        let name = segment.name();
        let (Standing::Proven(header, proof), Some(file)) =
            (segment.standing, files.iter_mut().find(|file| file.name == name))
        else {
            continue;
        };
        let gaps_before = gaps.len();
        let seen = walk(Walker::under(store, &name, header)?, gaps)?;
        let whole = if seen.stopped || gaps.len() > gaps_before {
            "those of its batches that are told here are whole"
        } else {
            "its batches are whole"
        };
        notes.push(format!(
            "the header of `{name}` is damaged, and {whole}: a repair can write the header anew ({proof})"
        ));
        file.holds = seen.text;
    }
    Ok(())
}

/// A slot that cannot be read is no damage: a crash may have left it.
fn slot_note(store: &Store) -> Result<Option<String>, OpenError> {
    let lacks_one = match slot::read_both(store) {
        Ok(slate) => slate.lacks_one,
        // Told with the file, if it is there.
        Err(OpenError::Corrupt { .. } | OpenError::Newer { .. }) => false,
        Err(error) if is_gone(&error) => false,
        Err(error) => return Err(error),
    };
    Ok(lacks_one.then(|| {
        format!(
            "one of the two slots of `{}` cannot be read: a crash came while it was written, or it was damaged \
             afterwards. The other one is used; if that is the older one, less is known to have been safe, and damage at \
             the log's end can more easily pass for an end that a crash left",
            names::DURABLE
        )
    }))
}

fn look(store: &Store, name: &str, gaps: &mut Vec<Gap>) -> Result<String, OpenError> {
    Ok(match names::parse(name) {
        Name::Lock => "the lock".into(),
        Name::Id => {
            let identity = identity::read(store)?;
            format!("cluster {:032x}, node {:032x}", identity.cluster, identity.node)
        }
        Name::Durable => {
            let note = slot::read(store)?;
            let left = if note.left_s > 0 { ", when it was left" } else { "" };
            format!("everything up to batch {}, record {} was safe{left}", note.sequence, note.lsn)
        }
        Name::Mark => {
            let mark = mark::read(store)?;
            format!("a backup of everything up to batch {}, record {}", mark.sequence, mark.lsn)
        }
        Name::Segment(_) => walk(Walker::open(store, name)?, gaps)?.text,
        Name::Spare(_) => match spare_capacity(store, name)? {
            Some(capacity) => format!("prepared, {capacity} bytes"),
            None => "not completely prepared".into(),
        },
        Name::Snapshot(cut) => {
            let sections = SnapshotReader::open(store, cut)?.verify()?;
            format!("the state after record {cut}, in {sections} sections")
        }
        Name::Unfinished => "unfinished, of no use".into(),
        Name::Torn => "what a crash tore off the end of the log".into(),
        Name::Aside => "what a repair took away".into(),
        Name::Other => "not part of the journal".into(),
    })
}

fn spare_capacity(store: &Store, name: &str) -> Result<Option<u64>, OpenError> {
    let bytes = store.read_small(name, usize::try_from(segment::HEADER_BYTES).expect("it is a small number"))?;
    Ok(segment::Header::decode(name, &bytes).ok().map(|header| header.capacity))
}

/// What is in a segment.
struct Seen {
    text: String,
    /// The walk ended at something that is of this segment and is not whole.
    stopped: bool,
}

/// Where a walk could not go on.
struct Stop {
    at: u64,
    chain: Chain,
    what: Option<String>,
}

impl Stop {
    /// The gap that it is, now that a batch was read after it.
    fn gap(self, file: &str, to: u64, next: Chain) -> Gap {
        // Of a record in pieces that began in the gap, or before it, the rest alone is none.
        let last = if next.mid_record { next.lsn } else { next.lsn - 1 };
        let what = self.what.unwrap_or_else(|| "a batch is missing".into());
        let records = (self.chain.lsn, last.max(self.chain.lsn));
        Gap { file: file.into(), offset: self.at, bytes: to - self.at, records, what }
    }
}

fn walk(mut walker: Walker, gaps: &mut Vec<Gap>) -> Result<Seen, OpenError> {
    let (name, first, gaps_before) = (walker.name().to_owned(), walker.header.first_lsn, gaps.len());
    let (mut batches, mut stop) = (0, None::<Stop>);
    loop {
        let (at, chain) = (walker.at, walker.chain);
        let what = match walker.next()? {
            Found::Batch(..) => {
                batches += 1;
                gaps.extend(stop.take().map(|stop| stop.gap(&name, at, chain)));
                continue;
            }
            Found::Nothing => None,
            Found::Bad(what) => Some(what),
        };
        stop.get_or_insert(Stop { at, chain, what });
        if !walker.skip()? {
            break;
        }
    }
    let Stop { at, chain, what } = stop.expect("a walk goes on until it stops");
    let last = chain.lsn - 1;
    let records = if last < first {
        format!("no record, {first} would be the first")
    } else {
        format!("records {first} to {last}")
    };
    let founding = if walker.header.used == Use::Founding { "begins anew: " } else { "" };
    let with_gaps = match gaps.len() - gaps_before {
        0 => String::new(),
        1 => ", with a gap".into(),
        count => format!(", with {count} gaps"),
    };
    let stopped = what.is_some();
    let end = what.map_or_else(String::new, |what| format!("; at byte {at}: {what}"));
    let text = format!("{founding}{records} in {batches} batches, up to byte {at}{with_gaps}{end}");
    Ok(Seen { text, stopped })
}
