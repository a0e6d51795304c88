//! What is refused, and in which words.

use std::sync::Arc;

use parking_lot::Mutex;

use super::world::{Model, STATE_VERSION, World, options, turn_and_sync};
use crate::batch;
use crate::error::OpenError;
use crate::examine::examine;
use crate::journal::Journal;
use crate::options::{NOTE_EVERY_MS, Options};
use crate::recover::{Recovered, recover};
use crate::sim::{Image, SimStorage};
use crate::snapshot_write::SnapshotWriter;
use crate::storage::{Access, Storage as _};
use crate::store::Store;
use crate::walk::{Found, Walker};

/// A journal of a few segments, without a snapshot.
fn image() -> Image {
    let model: Arc<Mutex<Model>> = Arc::default();
    let mut world = World::begin(1, SimStorage::new(), model, None).unwrap_or_else(|ended| panic!("{ended:?}"));
    for _ in 0..60 {
        world.shared.append(&[7; 300]);
        let lsn = world.shared.appended();
        assert!(world.settle(lsn).unwrap_or_else(|ended| panic!("{ended:?}")));
    }
    world.log.finish().unwrap();
    world.storage.image()
}

fn refusal_without(name: &str) -> String {
    let mut image = image();
    image.remove(name);
    match recover(Arc::new(SimStorage::of(image)), options(1, None)) {
        Ok(_) => panic!("a journal without `{name}` was opened"),
        Err(error) => error.to_string().lines().next().unwrap().to_owned(),
    }
}

#[test]
fn a_missing_file_is_named() {
    let names: Vec<String> = image().names().map(str::to_owned).collect();
    let segments: Vec<&String> = names.iter().filter(|name| name.starts_with("segment")).collect();
    assert!(segments.len() >= 3, "{names:?}");
    assert_eq!(
        refusal_without("id"),
        "`id` is damaged at byte 0: the file is missing; it is made before the first segment, so it was removed later"
    );
    let first = refusal_without(segments[0]);
    assert!(first.contains("there is no snapshot of what was before; records 1 to"), "{first}");
    let middle = refusal_without(segments[1]);
    assert!(middle.contains("the file is missing: segment 1 is followed by segment 3"), "{middle}");
    let last = refusal_without(segments[segments.len() - 1]);
    assert!(last.contains("it was noted that everything up to batch 60 (record 60) was safe"), "{last}");
}

#[test]
fn what_was_durable_a_second_ago_is_missed_though_appending_never_paused() {
    let disk = SimStorage::new();
    let first = recover(Arc::new(disk.clone()), options(1, None)).unwrap();
    let (shared, mut log) = (first.shared, first.log);
    let mut append = |ms: u64| {
        shared.append(&[7; 300]);
        while shared.synced() < shared.appended() {
            turn_and_sync(&mut log, ms).unwrap();
            shared.shelf.prepare();
        }
        names_of(&disk, "segment").len()
    };
    while append(0) < 3 {}
    append(NOTE_EVERY_MS);
    append(NOTE_EVERY_MS + 1);
    let mut image = disk.image().after_power_cut(1);
    image.remove(&names_of(&disk, "segment")[2]);
    let error = recover(Arc::new(SimStorage::of(image)), options(1, None)).err().unwrap().to_string();
    assert!(error.contains("it was noted that everything up to batch"), "{error}");
}

#[test]
fn a_snapshot_of_what_was_before_the_first_record_is_read_and_missed_when_it_is_gone() {
    let model: Arc<Mutex<Model>> = Arc::default();
    let mut world = World::begin(1, SimStorage::new(), model, None).unwrap_or_else(|ended| panic!("{ended:?}"));
    let identity = options(0, None).identity;
    let mut base = SnapshotWriter::begin(Arc::clone(&world.shared), identity, 0, 0).unwrap();
    base.section(1, b"what was there").unwrap();
    base.finish().unwrap();
    world.shared.append(b"first");
    assert!(world.settle(1).unwrap_or_else(|ended| panic!("{ended:?}")));
    world.log.finish().unwrap();
    let mut image = world.storage.image();

    let examined = examine(Arc::new(SimStorage::of(image.clone())), options(1, None)).unwrap_or_else(|e| panic!("{e}"));
    assert_eq!(examined.snapshot.unwrap().next().unwrap().unwrap().bytes, "what was there");
    assert_eq!(examined.replay.map(|record| record.unwrap().0).collect::<Vec<_>>(), [1]);

    image.remove("snapshot-00000000000000000000.rbq");
    let error = recover(Arc::new(SimStorage::of(image)), options(1, None)).err().unwrap().to_string();
    assert!(
        error.starts_with("`snapshot-00000000000000000000.rbq` is damaged at byte 0: the file is missing"),
        "{error}"
    );
}

/// A journal with all that a start would like to change: a log of some segments after a snapshot, an end that is not whole, a
/// spare that is not whole, an unfinished snapshot, and a segment that nobody needs.
fn untidy() -> SimStorage {
    let disk = SimStorage::new();
    let first = recover(Arc::new(disk.clone()), options(1, None)).unwrap();
    let (shared, mut log) = (first.shared, first.log);
    let mut append = |count: u64| {
        for _ in 0..count {
            shared.append_at(&[7; 300], 5_000_000);
            while shared.synced() < shared.appended() {
                turn_and_sync(&mut log, 1).unwrap();
                shared.shelf.prepare();
            }
        }
    };
    append(20);
    let mut snapshot = SnapshotWriter::begin(Arc::clone(&shared), options(0, None).identity, 20, 1).unwrap();
    snapshot.section(1, &[8; 5_000]).unwrap();
    let reading = shared.catalog.read();
    snapshot.finish().unwrap();
    append(40);
    log.note().unwrap();
    let image = disk.image();
    drop((reading, log));
    let disk = SimStorage::of(image);
    disk.create("spare-0000000000000099.log").unwrap().write_at(0, &[1; 100]).unwrap();
    disk.create("snapshot-00000000000000000060.tmp").unwrap().write_at(0, &[1; 100]).unwrap();
    let last = names_of(&disk, "segment").pop().unwrap();
    let (at, end) = last_batch(&disk, &last);
    let file = disk.open(&last, Access::Write).unwrap();
    let mut begun = [0; batch::HEADER_BYTES];
    file.read_at(at, &mut begun).unwrap();
    file.write_at(end, &begun[..60]).unwrap();
    disk
}

fn names_of(disk: &SimStorage, kind: &str) -> Vec<String> {
    disk.image().names().filter(|name| name.starts_with(kind)).map(str::to_owned).collect()
}

/// Where a segment's last batch begins, and where it ends.
fn last_batch(disk: &SimStorage, name: &str) -> (u64, u64) {
    let store = Store::new(Arc::new(disk.clone()), STATE_VERSION);
    let mut walker = Walker::open(&store, name).unwrap();
    let mut begins = walker.at;
    loop {
        let at = walker.at;
        match walker.next().unwrap() {
            Found::Batch(..) => begins = at,
            _ => return (begins, at),
        }
    }
}

/// Every file with its content, and how often the directory was changed.
fn content(disk: &SimStorage) -> (Vec<(String, Vec<u8>)>, u64) {
    let image = disk.image();
    let files = image.names().map(|name| (name.to_owned(), image.file(name).unwrap().to_vec()));
    (files.collect(), disk.ops())
}

fn flip(disk: &SimStorage, name: &str, at: u64) {
    let file = disk.open(name, Access::Write).unwrap();
    let mut byte = [0];
    file.read_at(at, &mut byte).unwrap();
    file.write_at(at, &[byte[0] ^ 1]).unwrap();
}

/// What a start of the public handle says of this disk, with a look that whoever refused it changed nothing.
fn refused(disk: &SimStorage, options: &Options) -> OpenError {
    let before = content(disk);
    let error = match Journal::open(Arc::new(disk.clone()), options.clone()) {
        Ok(opened) => opened.begin().map(drop).unwrap_err(),
        Err(error) => error,
    };
    assert!(content(disk) == before, "{error}");
    error
}

#[test]
fn a_start_that_is_refused_has_changed_nothing() {
    let options = options(2, None);
    let file_of = |error: OpenError| match error {
        OpenError::Corrupt { file, .. } | OpenError::Newer { file, .. } => file,
        other => panic!("{other}"),
    };
    let sound = untidy();
    let segments = names_of(&sound, "segment");
    let snapshot = names_of(&sound, "snapshot")[0].clone();
    let (older, last) = (segments[segments.len() - 2].clone(), segments[segments.len() - 1].clone());

    let mut places = vec![("id", 30), (&snapshot, 200), (&snapshot, 5_000), (&older, 50)];
    let in_older = last_batch(&sound, &older).0 + 100;
    let before_the_end = last_batch(&sound, &last).0 - 100;
    places.extend([(&*older, in_older), (&*last, 50), (&*last, before_the_end)]);
    for (name, at) in places {
        let disk = SimStorage::of(sound.image());
        flip(&disk, name, at);
        assert_eq!(file_of(refused(&disk, &options)), name, "byte {at}");
    }

    for name in ["id", "durable", &snapshot, &older] {
        let mut without = sound.image();
        without.remove(name);
        refused(&SimStorage::of(without), &options);
    }

    let earlier = Options { state_version: 0, ..options.clone() };
    assert!(matches!(refused(&sound, &earlier), OpenError::Newer { .. }));
    // A batch of a later version behind a header of this one, in a segment that is read late.
    let disk = SimStorage::of(sound.image());
    let (at, end) = last_batch(&disk, &older);
    let file = disk.open(&older, Access::Write).unwrap();
    let mut bytes = vec![0; usize::try_from(end - at).unwrap()];
    file.read_at(at, &mut bytes).unwrap();
    let header = batch::Header { state_version: 9, ..batch::Header::decode(&bytes).unwrap().0 };
    header.encode(&mut bytes);
    file.write_at(at, &bytes).unwrap();
    assert!(matches!(refused(&disk, &options), OpenError::Newer { found: 9, what: "state machine", .. }));
    // And one of a later format.
    bytes[4] = 8;
    let sealed = batch::HEADER_BYTES - 4;
    let crc = crc32c::crc32c(&bytes[..sealed]).to_le_bytes();
    bytes[sealed..batch::HEADER_BYTES].copy_from_slice(&crc);
    file.write_at(at, &bytes).unwrap();
    assert!(matches!(refused(&disk, &options), OpenError::Newer { found: 8, what: "format", .. }));

    let disk = SimStorage::new();
    disk.create("id").unwrap().write_at(0, b"rbq journal, format 1\nnoise\n").unwrap();
    assert_eq!(file_of(refused(&disk, &options)), "id");
}

#[test]
fn a_log_that_was_taken_away_whole_is_missed_though_nothing_was_noted_of_what_was_in_it() {
    let disk = SimStorage::new();
    let Recovered { shared, mut log, .. } = recover(Arc::new(disk.clone()), options(1, None)).unwrap();
    shared.append(b"acknowledged");
    log.write_here(1).unwrap();
    let mut image = disk.image().after_kill();
    for name in names_of(&disk, "segment") {
        image.remove(&name);
    }
    let error = refused(&SimStorage::of(image), &options(2, None)).to_string();
    assert!(
        error.contains("it notes a log (0 batches of it), and there is no segment; the log was removed"),
        "{error}"
    );
}

/// What is added to such a log would get numbers that the snapshot has, and be passed over by the start after that.
#[test]
fn a_log_that_lost_the_last_record_that_its_snapshot_holds_is_refused() {
    let disk = SimStorage::new();
    let Recovered { shared, mut log, .. } = recover(Arc::new(disk.clone()), options(1, None)).unwrap();
    for lsn in 1..=3 {
        shared.append(&[7; 40]);
        while shared.synced() < lsn {
            turn_and_sync(&mut log, 1).unwrap();
        }
    }
    let mut snapshot = SnapshotWriter::begin(Arc::clone(&shared), options(0, None).identity, 3, 1).unwrap();
    snapshot.section(1, b"three").unwrap();
    snapshot.finish().unwrap();
    // Killed before anything vouches for the last batch.
    let left = SimStorage::of(disk.image().after_kill());
    let last = "segment-0000000000000001.log";
    flip(&left, last, last_batch(&left, last).0 + 100);
    let error = refused(&left, &options(2, None)).to_string();
    assert!(
        error.contains("the log ends with record 2; the snapshot holds the state after record 3: segments are missing"),
        "{error}"
    );
    let whole = SimStorage::of(disk.image().after_kill());
    assert_eq!(recover(Arc::new(whole), options(2, None)).unwrap().report.last_lsn, 3);
}

#[test]
fn what_another_epoch_left_behind_the_end_says_nothing_whatever_it_looks_like() {
    let disk = SimStorage::new();
    let Recovered { shared, mut log, .. } = recover(Arc::new(disk.clone()), options(1, None)).unwrap();
    shared.append(&[7; 700]);
    log.write_here(1).unwrap();
    let (at, end) = last_batch(&disk, "segment-0000000000000001.log");
    let file = disk.open("segment-0000000000000001.log", Access::Write).unwrap();
    let mut bytes = vec![0; batch::HEADER_BYTES];
    file.read_at(at, &mut bytes).unwrap();
    let ours = batch::Header::decode(&bytes).unwrap().0;
    batch::Header { epoch: ours.epoch + 1, ..ours }.encode(&mut bytes);
    // Of a later format, and of none.
    for (place, byte) in [(4, 8), (6, 9)] {
        let mut forged = bytes.clone();
        forged[place] = byte;
        let sealed = batch::HEADER_BYTES - 4;
        let crc = crc32c::crc32c(&forged[..sealed]).to_le_bytes();
        forged[sealed..].copy_from_slice(&crc);
        assert!(batch::Header::decode(&forged).is_err());
        file.write_at(end, &forged).unwrap();
        let left = SimStorage::of(disk.image().after_kill());
        let report = recover(Arc::new(left), options(2, None)).unwrap().report;
        assert_eq!((report.last_lsn, report.torn), (1, None));
    }
}

#[test]
fn whoever_opens_a_journal_may_refuse_it_and_has_changed_nothing() {
    let disk = untidy();
    let before = content(&disk);
    let mut opened = Journal::open(Arc::new(disk.clone()), options(2, None)).unwrap();
    assert_eq!((opened.report().newest_time_ms, opened.report().last_lsn), (5_000_000, 60));
    let torn = opened.report().torn.clone().unwrap();
    while opened.snapshot().unwrap().next().unwrap().is_some() {}
    assert_eq!(opened.records().count(), 40);
    drop(opened);
    assert!(content(&disk) == before);

    let (_, report) = Journal::open(Arc::new(disk.clone()), options(2, None)).unwrap().begin().unwrap();
    assert!(content(&disk) != before, "there was much to change");
    assert_eq!((report.torn.clone().unwrap().bytes, report.torn.unwrap().offset), (torn.bytes, torn.offset));
}

#[test]
fn damage_that_a_reader_passed_over_is_found_again_before_anything_is_changed() {
    let disk = untidy();
    let segments = names_of(&disk, "segment");
    let older = &segments[segments.len() - 2];
    let at = last_batch(&disk, older).0 + 100;
    flip(&disk, older, at);
    let before = content(&disk);
    let mut opened = Journal::open(Arc::new(disk.clone()), options(2, None)).unwrap();
    assert!(opened.records().any(|record| record.is_err()));
    assert!(opened.records().next().is_none(), "an error ends it");
    assert!(matches!(opened.begin().map(drop).unwrap_err(), OpenError::Corrupt { .. }));
    assert!(content(&disk) == before);
}

#[test]
fn a_stray_file_with_nearly_a_segments_name_is_passed_over_and_what_is_added_after_it_comes_back() {
    let disk = SimStorage::new();
    let append = |recovered: &mut Recovered| {
        recovered.shared.append(&[7; 100]);
        turn_and_sync(&mut recovered.log, 1).unwrap();
    };
    let mut first = recover(Arc::new(disk.clone()), options(1, None)).unwrap();
    append(&mut first);
    let identity = options(0, None).identity;
    let mut snapshot = SnapshotWriter::begin(Arc::clone(&first.shared), identity, 1, 1).unwrap();
    snapshot.section(1, b"one").unwrap();
    snapshot.finish().unwrap();
    append(&mut first);
    drop(first);

    let strays = ["segment-1.log", "segment-+000000000000001.log", "spare-1.log", "snapshot-1.rbq", "snapshot-1.tmp"];
    for name in strays {
        disk.create(name).unwrap().write_at(0, b"junk").unwrap();
    }
    for life in 2..5 {
        let mut recovered = recover(Arc::new(disk.clone()), options(life, None)).unwrap();
        assert_eq!(recovered.report.last_lsn, life);
        append(&mut recovered);
        assert!(names_of(&disk, "segment-0000000000000001.log").len() == 1, "life {life}");
    }
    for name in strays {
        assert_eq!(disk.image().file(name), Some(&b"junk"[..]), "{name}");
    }
}
