//! A directory whose unsynced changes live in the process that makes them, and die with it.
//!
//! ```text
//!   write_at ──► cache ──sync_data──► file            create, rename, remove ──► list ──sync_dir──► directory
//!                  └─ some blocks, some halves: at once                           └─ sometimes at once
//! ```
//!
//! Invariant: the real directory holds what a disk would hold if the power went now. So SIGKILL is a power cut; no restorer
//! has to run, and the next start finds it as a machine would that comes up again.
//!
//! Of a write that is not synced each block reaches the disk or not, some only by half, as the seed has it. Names change in
//! the order in which they were changed, as on a file system with a journal; the journal crate's own simulation is harsher
//! there. An undo log beside the files would do the same, with writes before each write and a rollback after each kill.

use std::collections::{BTreeMap, VecDeque};
use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use std::{process, thread};

use fastrand::Rng;
use parking_lot::Mutex;
use rbq_journal::{Access, Directory, Lock, LockError, Storage, StorageFile};

/// What a disk writes whole or not at all.
const BLOCK_BYTES: u64 = 512;

/// The same for writes of at least this size, which prepare files: block by block they would take seconds.
const LARGE_BYTES: u64 = 64 * 1024;

/// What a sync takes, so that others come while one is under way.
const SYNC: Duration = Duration::from_millis(1);

/// Where files are until their names are durable, beside the directory.
const NAMELESS: &str = "nameless";

struct Inode {
    file: File,
    cached: Mutex<Cached>,
}

#[derive(Default)]
struct Cached {
    len: u64,
    writes: Vec<(u64, Vec<u8>)>,
}

enum NameChange {
    /// The file waits under this path.
    Create(PathBuf, String),
    Rename(String, String),
    Remove(String),
}

#[derive(Default)]
struct Names {
    shown: BTreeMap<String, Arc<Inode>>,
    pending: VecDeque<NameChange>,
    made: u64,
}

/// What reaches the disk of itself.
struct Chance {
    rng: Rng,
    /// Of eight blocks, and of eight changes of names.
    early_of_8: u8,
    /// Changes and syncs before the power goes of itself, if it does.
    steps_left: Option<u64>,
}

/// The directory.
pub(crate) struct PageCache {
    real: Directory,
    nameless: PathBuf,
    names: Mutex<Names>,
    chance: Arc<Mutex<Chance>>,
}

impl PageCache {
    /// The directory at `path`, as it was left. The process ends at the change or sync that is so manieth, if one is named.
    pub(crate) fn open(path: &Path, seed: u64, steps: Option<u64>) -> io::Result<Self> {
        let real = Directory::create(path)?;
        let nameless = path.with_file_name(NAMELESS);
        if fs::exists(&nameless)? {
            fs::remove_dir_all(&nameless)?;
        }
        fs::create_dir(&nameless)?;
        let mut names = Names::default();
        for entry in fs::read_dir(path)? {
            let entry = entry?;
            let file = OpenOptions::new().read(true).write(true).open(entry.path())?;
            let cached = Mutex::new(Cached { len: file.metadata()?.len(), writes: Vec::new() });
            names.shown.insert(entry.file_name().to_string_lossy().into_owned(), Arc::new(Inode { file, cached }));
        }
        let mut rng = Rng::with_seed(seed);
        // Sometimes nearly all is lost, sometimes nearly nothing; the middle alone would seldom show either.
        let early_of_8 = [0, 1, 4, 7][rng.usize(..4)];
        let chance = Arc::new(Mutex::new(Chance { rng, early_of_8, steps_left: steps }));
        Ok(Self { real, nameless, names: Mutex::new(names), chance })
    }

    fn file(&self, inode: &Arc<Inode>) -> Box<dyn StorageFile> {
        Box::new(CachedFile { inode: Arc::clone(inode), chance: Arc::clone(&self.chance) })
    }

    /// Notes a change of names, and makes all there are durable if chance has it.
    fn note(&self, names: &mut Names, change: NameChange) -> io::Result<()> {
        names.pending.push_back(change);
        if self.chance.lock().is_early() { self.make_durable(names) } else { Ok(()) }
    }

    fn make_durable(&self, names: &mut Names) -> io::Result<()> {
        let at = |name: &str| self.real.path().join(name);
        while let Some(change) = names.pending.pop_front() {
            match change {
                NameChange::Create(waiting, name) => fs::rename(waiting, at(&name))?,
                NameChange::Rename(from, to) => fs::rename(at(&from), at(&to))?,
                NameChange::Remove(name) => fs::remove_file(at(&name))?,
            }
        }
        Ok(())
    }
}

impl Chance {
    /// Something is about to reach the disk, or to be asked to.
    fn step(&mut self) {
        if let Some(left) = &mut self.steps_left {
            if *left == 0 {
                process::exit(1);
            }
            *left -= 1;
        }
    }

    fn is_early(&mut self) -> bool {
        self.rng.u8(..8) < self.early_of_8
    }
}

impl Storage for PageCache {
    fn place(&self) -> String {
        self.real.place()
    }

    fn create(&self, name: &str) -> io::Result<Box<dyn StorageFile>> {
        self.chance.lock().step();
        let mut names = self.names.lock();
        names.made += 1;
        let waiting = self.nameless.join(names.made.to_string());
        let file = OpenOptions::new().read(true).write(true).create_new(true).open(&waiting)?;
        let inode = Arc::new(Inode { file, cached: Mutex::default() });
        names.shown.insert(name.to_owned(), Arc::clone(&inode));
        self.note(&mut names, NameChange::Create(waiting, name.to_owned()))?;
        Ok(self.file(&inode))
    }

    fn open(&self, name: &str, _access: Access) -> io::Result<Box<dyn StorageFile>> {
        let names = self.names.lock();
        names.shown.get(name).map(|inode| self.file(inode)).ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        self.chance.lock().step();
        let mut names = self.names.lock();
        let inode = names.shown.remove(from).ok_or(io::ErrorKind::NotFound)?;
        names.shown.insert(to.to_owned(), inode);
        self.note(&mut names, NameChange::Rename(from.to_owned(), to.to_owned()))
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        self.chance.lock().step();
        let mut names = self.names.lock();
        names.shown.remove(name).ok_or(io::ErrorKind::NotFound)?;
        self.note(&mut names, NameChange::Remove(name.to_owned()))
    }

    fn list(&self) -> io::Result<Vec<String>> {
        Ok(self.names.lock().shown.keys().cloned().collect())
    }

    fn sync_dir(&self) -> io::Result<()> {
        self.chance.lock().step();
        thread::sleep(SYNC);
        self.make_durable(&mut self.names.lock())
    }

    fn lock(&self, name: &str) -> Result<Lock, LockError> {
        self.real.lock(name)
    }

    fn free_bytes(&self) -> io::Result<u64> {
        self.real.free_bytes()
    }
}

struct CachedFile {
    inode: Arc<Inode>,
    chance: Arc<Mutex<Chance>>,
}

impl CachedFile {
    /// Writes the blocks that reach the disk without being asked to, or parts of them.
    fn write_early(&self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        let (mut from, end) = (offset, offset + bytes.len() as u64);
        let block_bytes = if end - from < LARGE_BYTES { BLOCK_BYTES } else { LARGE_BYTES };
        while from < end {
            let to = ((from / block_bytes + 1) * block_bytes).min(end);
            let part = {
                let mut chance = self.chance.lock();
                let middle = chance.rng.u64(from..to);
                match (chance.is_early(), chance.rng.u8(..16)) {
                    (false, _) => None,
                    (true, 0) => Some((from, middle)),
                    (true, 1) => Some((middle, to)),
                    (true, _) => Some((from, to)),
                }
            };
            if let Some((start, stop)) = part {
                let within = |at: u64| usize::try_from(at - offset).expect("it lies in the write");
                self.inode.file.write_all_at(&bytes[within(start)..within(stop)], start)?;
            }
            from = to;
        }
        Ok(())
    }

    fn sync(&self) -> io::Result<()> {
        self.chance.lock().step();
        thread::sleep(SYNC);
        let mut cached = self.inode.cached.lock();
        if self.inode.file.metadata()?.len() < cached.len {
            self.inode.file.set_len(cached.len)?;
        }
        for (offset, bytes) in cached.writes.drain(..) {
            self.inode.file.write_all_at(&bytes, offset)?;
        }
        Ok(())
    }
}

impl StorageFile for CachedFile {
    fn len(&self) -> io::Result<u64> {
        Ok(self.inode.cached.lock().len)
    }

    fn read_at(&self, offset: u64, into: &mut [u8]) -> io::Result<usize> {
        let cached = self.inode.cached.lock();
        let there = cached.len.saturating_sub(offset).min(into.len() as u64);
        let into = &mut into[..usize::try_from(there).expect("it is at most the buffer's length")];
        into.fill(0);
        let mut filled = 0;
        while filled < into.len() {
            match self.inode.file.read_at(&mut into[filled..], offset + filled as u64)? {
                0 => break,
                count => filled += count,
            }
        }
        for (at, bytes) in &cached.writes {
            let (start, stop) = ((*at).max(offset), (at + bytes.len() as u64).min(offset + there));
            if start < stop {
                let within = |place: u64, base: u64| usize::try_from(place - base).expect("it lies in a buffer");
                let from = &bytes[within(start, *at)..within(stop, *at)];
                into[within(start, offset)..within(stop, offset)].copy_from_slice(from);
            }
        }
        Ok(into.len())
    }

    fn write_at(&self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        self.chance.lock().step();
        let mut cached = self.inode.cached.lock();
        cached.len = cached.len.max(offset + bytes.len() as u64);
        cached.writes.push((offset, bytes.to_vec()));
        drop(cached);
        self.write_early(offset, bytes)
    }

    fn allocate(&self, len: u64) -> io::Result<()> {
        let mut cached = self.inode.cached.lock();
        cached.len = cached.len.max(len);
        Ok(())
    }

    fn sync_data(&self) -> io::Result<()> {
        self.sync()
    }

    fn sync_all(&self) -> io::Result<()> {
        self.sync()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What another process finds after this one was killed.
    fn found(path: &Path, name: &str) -> Option<Vec<u8>> {
        fs::read(path.join(name)).ok()
    }

    #[test]
    fn what_was_synced_is_there_and_what_was_not_is_there_or_not() {
        let mut kept = 0;
        for seed in 0..64 {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("data");
            let storage = PageCache::open(&path, seed, None).unwrap();
            let file = storage.create("a").unwrap();
            file.write_at(0, &[1; 1024]).unwrap();
            file.sync_data().unwrap();
            storage.sync_dir().unwrap();
            file.write_at(512, &[2; 512]).unwrap();
            let content = found(&path, "a").unwrap();
            assert_eq!(content[..512], [1; 512]);
            kept += u32::from(content[512..] == [2; 512]);
            let mut shown = [0; 1024];
            assert_eq!(file.read_at(0, &mut shown).unwrap(), 1024);
            assert_eq!(shown[512..], [2; 512]);
        }
        assert!((1..64).contains(&kept), "{kept} of 64");
    }

    #[test]
    fn names_change_on_the_disk_in_order_and_at_the_latest_when_synced() {
        for seed in 0..16 {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("data");
            let storage = PageCache::open(&path, seed, None).unwrap();
            storage.create("a").unwrap();
            storage.rename("a", "b").unwrap();
            let both = (found(&path, "a").is_some(), found(&path, "b").is_some());
            assert_ne!(both, (true, true));
            storage.sync_dir().unwrap();
            assert_eq!((found(&path, "a"), found(&path, "b")), (None, Some(Vec::new())));
        }
    }
}
