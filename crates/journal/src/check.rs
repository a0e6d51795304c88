//! What is in a journal's directory, file by file, and what is wrong with it. Nothing is changed.

use std::io::ErrorKind::NotFound;
use std::sync::Arc;

use crate::error::OpenError;
use crate::fault::Faults;
use crate::headers::{self, Standing};
use crate::identity;
use crate::names::{self, Name};
use crate::repair::identity_of;
use crate::segment::{self, Use};
use crate::slot;
use crate::snapshot_read::SnapshotReader;
use crate::storage::{Access, Storage};
use crate::store::Store;
use crate::survey::Survey;
use crate::verify::{ANY_STATE_VERSION, verify};
use crate::walk::{Found, Walker};

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

/// A whole directory.
#[derive(Debug)]
pub struct CheckReport {
    /// All files, by name.
    pub files: Vec<FileReport>,
    /// Why a start would refuse the journal.
    pub refusal: Option<OpenError>,
    /// What a start would cut from the log's end: file, offset, bytes, and why.
    pub torn: Option<(String, u64, u64, String)>,
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

/// Reads every file. The journal should not be open anywhere: what is being written looks torn.
pub fn check(storage: Arc<dyn Storage>) -> Result<CheckReport, OpenError> {
    let store = Store(storage);
    let (mut files, mut notes) = (Vec::new(), Vec::new());
    for name in store.list()? {
        // Whoever has the journal open renames and removes files; one that is gone is no longer part of it.
        let bytes = match store.open(&name, Access::Read) {
            Err(failure) if failure.source.kind() == NotFound => continue,
            opened => opened?.len()?,
        };
        let (holds, damage) = match look(&store, &name) {
            Ok(holds) => (holds, None),
            Err(error) if is_gone(&error) => continue,
            Err(error) => ("unreadable".into(), Some(error)),
        };
        files.push(FileReport { name, bytes, holds, damage });
    }
    match look_behind_headers(&store, &mut files, &mut notes) {
        Err(error) if !is_gone(&error) => return Err(error),
        _ => {}
    }
    notes.extend(slot_note(&store)?);
    let (refusal, torn) = match verify(&store) {
        Ok(whole) => {
            let name = whole.layout.legs.last().expect("a layout has a segment").name.clone();
            let end = whole.tail.end;
            (None, whole.tail.torn.map(|torn| (name, end, torn.to - end, torn.what)))
        }
        Err(error) => (Some(error), None),
    };
    Ok(CheckReport { files, refusal, torn, notes })
}

/// Whoever has the journal open has removed the file meanwhile.
fn is_gone(error: &OpenError) -> bool {
    matches!(error, OpenError::Io { source, .. } if source.kind() == NotFound)
}

/// Of segments whose headers are damaged, and can be written anew: tells what is in them all the same.
fn look_behind_headers(store: &Store, files: &mut [FileReport], notes: &mut Vec<String>) -> Result<(), OpenError> {
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
        let seen = walk(Walker::under(store, &name, header, ANY_STATE_VERSION)?)?;
        let whole =
            if seen.stopped { "those of its batches that are told here are whole" } else { "its batches are whole" };
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

fn look(store: &Store, name: &str) -> Result<String, OpenError> {
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
        Name::Segment(_) => look_at_segment(store, name)?,
        Name::Spare(_) => match spare_capacity(store, name)? {
            Some(capacity) => format!("prepared, {capacity} bytes"),
            None => "not completely prepared".into(),
        },
        Name::Snapshot(cut) => {
            let sections = SnapshotReader::open(store, cut, ANY_STATE_VERSION)?.verify()?;
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

fn look_at_segment(store: &Store, name: &str) -> Result<String, OpenError> {
    Ok(walk(Walker::open(store, name, ANY_STATE_VERSION, Faults::default())?)?.text)
}

/// What is in a segment.
struct Seen {
    text: String,
    /// The walk ended at something that is of this segment and is not whole.
    stopped: bool,
}

fn walk(mut walker: Walker) -> Result<Seen, OpenError> {
    let first = walker.header.first_lsn;
    let mut batches = 0;
    let bad = loop {
        match walker.next()? {
            Found::Batch(..) => batches += 1,
            Found::Nothing => break None,
            Found::Bad(what) => break Some(what),
        }
    };
    let last = walker.chain.lsn - 1;
    let records = if last < first {
        format!("no record, {first} would be the first")
    } else {
        format!("records {first} to {last}")
    };
    let founding = if walker.header.used == Use::Founding { "begins anew: " } else { "" };
    let stopped = bad.is_some();
    let end = bad.map_or_else(String::new, |what| format!("; at byte {}: {what}", walker.at));
    let text = format!("{founding}{records} in {batches} batches, up to byte {}{end}", walker.at);
    Ok(Seen { text, stopped })
}
