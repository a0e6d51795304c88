//! A file system that keeps its promises to the letter, and nothing beyond them.
//!
//! What was written and not synced is, after a power cut, there or not there or half there, each block of each write by
//! itself, in no order. A name that was made, changed or removed is durable after `sync_dir` and may or may not be
//! before, each by itself. A failed sync loses what it should have written, while reading goes on showing it, as page
//! caches do.
//!
//! It can be watched at every operation that changes something ([`SimStorage::observe`]), so that a test can go on from
//! what a crash at that very moment would leave; and be told to fail ([`SimStorage::inject`]) or to be full
//! ([`SimStorage::limit_space`]).

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;

use parking_lot::Mutex;

use crate::chance::Chance;
use crate::storage::{Access, Lock, LockError, Storage, StorageFile};

/// An operation that changes something, as an observer is told of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Op {
    /// A file was created.
    Create,
    /// Bytes were written.
    Write,
    /// Blocks were reserved.
    Allocate,
    /// A file is about to be synced.
    Sync,
    /// A file was renamed.
    Rename,
    /// A file was removed.
    Remove,
    /// The directory is about to be synced.
    SyncDir,
}

/// Told of every operation: of a change when it is made and not durable, of a sync before it does anything.
pub type Observer = Arc<dyn Fn(&Image, Op) + Send + Sync>;

/// A file's content.
#[derive(Clone, Default)]
struct Inode {
    durable: Arc<Vec<u8>>,
    /// What reading shows.
    current: Arc<Vec<u8>>,
    /// What was done since the last sync.
    pending: Vec<Change>,
    /// A sync failed: reading shows what will never be durable.
    is_spoiled: bool,
}

#[derive(Clone)]
enum Change {
    Write { at: usize, bytes: Arc<[u8]> },
    Extend { len: usize },
}

#[derive(Clone)]
enum NameChange {
    Set(String, u64),
    Remove(String),
    /// One step, as on any journaling file system: there is no moment without either name.
    Rename(String, String, u64),
}

impl NameChange {
    fn apply(&self, names: &mut BTreeMap<String, u64>) {
        match self {
            Self::Set(name, inode) => {
                names.insert(name.clone(), *inode);
            }
            Self::Remove(name) => {
                names.remove(name);
            }
            Self::Rename(from, to, inode) => {
                names.remove(from);
                names.insert(to.clone(), *inode);
            }
        }
    }
}

/// Everything that a directory holds at one moment: what is durable, and what is not yet.
#[derive(Clone, Default)]
pub struct Image {
    inodes: BTreeMap<u64, Inode>,
    next_inode: u64,
    durable_names: BTreeMap<String, u64>,
    names: BTreeMap<String, u64>,
    pending_names: Vec<NameChange>,
}

impl Image {
    /// What is left when the process is killed and the system lives on: all that was done.
    #[must_use]
    pub fn after_kill(&self) -> Self {
        self.clone()
    }

    /// What is left after a power cut: the seed decides.
    #[must_use]
    pub fn after_power_cut(&self, seed: u64) -> Self {
        let mut chance = Chance::new(seed);
        let block = if chance.once_in(2) { 512 } else { 4096 };
        // Sometimes nearly all is lost, sometimes nearly nothing; the middle alone would seldom show either.
        let lost_in_8 = [0, 1, 4, 7, 8][usize::try_from(chance.below(5)).expect("it is small")];
        let mut names = self.durable_names.clone();
        for change in &self.pending_names {
            if chance.below(8) >= lost_in_8 {
                change.apply(&mut names);
            }
        }
        let mut inodes = BTreeMap::new();
        for &inode in names.values() {
            let content = self.inodes[&inode].after_power_cut(&mut chance, block, lost_in_8);
            inodes.insert(inode, Inode { durable: Arc::clone(&content), current: content, ..Inode::default() });
        }
        let next_inode = self.next_inode;
        Self { inodes, next_inode, durable_names: names.clone(), names, pending_names: Vec::new() }
    }

    /// The names there are.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.names.keys().map(String::as_str)
    }

    /// A file's content, as reading shows it.
    #[must_use]
    pub fn file(&self, name: &str) -> Option<&[u8]> {
        self.names.get(name).map(|inode| self.inodes[inode].current.as_slice())
    }

    /// Changes one bit of a file, as a decaying disk does.
    pub fn flip_bit(&mut self, name: &str, bit: usize) {
        let inode = self.inodes.get_mut(&self.names[name]).expect("a name has a file");
        let mut content = inode.current.to_vec();
        content[bit / 8] ^= 1 << (bit % 8);
        let content = Arc::new(content);
        *inode = Inode { durable: Arc::clone(&content), current: content, ..Inode::default() };
    }

    /// Removes a file, as somebody who tidies up does.
    pub fn remove(&mut self, name: &str) {
        self.names.remove(name);
        self.durable_names.remove(name);
    }

    fn bytes(&self) -> u64 {
        self.names.values().map(|inode| self.inodes[inode].current.len() as u64).sum()
    }
}

impl Inode {
    fn after_power_cut(&self, chance: &mut Chance, block: usize, lost_in_8: u64) -> Arc<Vec<u8>> {
        if self.pending.is_empty() {
            return Arc::clone(&self.durable);
        }
        let mut content = self.durable.to_vec();
        for change in &self.pending {
            match change {
                Change::Extend { len } if chance.below(8) >= lost_in_8 => content.resize(content.len().max(*len), 0),
                Change::Extend { .. } => {}
                Change::Write { at, bytes } => write_some(&mut content, *at, bytes, chance, block, lost_in_8),
            }
        }
        Arc::new(content)
    }

    fn write(&mut self, at: usize, bytes: &[u8]) {
        let current = Arc::make_mut(&mut self.current);
        if current.len() < at + bytes.len() {
            current.resize(at + bytes.len(), 0);
        }
        current[at..at + bytes.len()].copy_from_slice(bytes);
        self.pending.push(Change::Write { at, bytes: bytes.into() });
    }

    fn sync(&mut self) {
        if self.is_spoiled {
            let durable = Arc::make_mut(&mut self.durable);
            for change in &self.pending {
                let (end, bytes): (usize, &[u8]) = match change {
                    Change::Write { at, bytes } => (at + bytes.len(), bytes),
                    Change::Extend { len } => (*len, &[]),
                };
                durable.resize(durable.len().max(end), 0);
                durable[end - bytes.len()..end].copy_from_slice(bytes);
            }
        } else {
            self.durable = Arc::clone(&self.current);
        }
        self.pending.clear();
    }

    fn spoil(&mut self) {
        self.pending.clear();
        self.is_spoiled = true;
    }
}

/// Writes each block of a write, or not, or a part of it.
fn write_some(content: &mut Vec<u8>, at: usize, bytes: &[u8], chance: &mut Chance, block: usize, lost_in_8: u64) {
    let mut from = at;
    while from < at + bytes.len() {
        let to = ((from / block + 1) * block).min(at + bytes.len());
        let (mut start, mut end) = (from, to);
        let is_lost = chance.below(8) < lost_in_8;
        if !is_lost && chance.once_in(16) {
            let middle = from + usize::try_from(chance.below((to - from) as u64)).expect("it lies in a block");
            if chance.once_in(2) { start = middle } else { end = middle }
        }
        if !is_lost {
            if content.len() < end {
                content.resize(end, 0);
            }
            content[start..end].copy_from_slice(&bytes[start - at..end - at]);
        }
        from = to;
    }
}

#[derive(Default)]
struct State {
    image: Image,
    ops: u64,
    fails: Vec<(u64, io::ErrorKind)>,
    space: Option<u64>,
    /// Who has the lock, of all who ever had it.
    holder: Option<u64>,
    holders: u64,
}

/// A simulated directory. Clones are the same directory.
#[derive(Clone, Default)]
pub struct SimStorage {
    state: Arc<Mutex<State>>,
    observer: Arc<Mutex<Option<Observer>>>,
}

impl SimStorage {
    /// An empty directory.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// A directory that holds this.
    #[must_use]
    pub fn of(image: Image) -> Self {
        let storage = Self::default();
        storage.state.lock().image = image;
        storage
    }

    /// What it holds now.
    #[must_use]
    pub fn image(&self) -> Image {
        let state = self.state.lock();
        let mut image = state.image.clone();
        let pending = image.pending_names.iter().filter_map(|change| match change {
            NameChange::Set(_, inode) | NameChange::Rename(_, _, inode) => Some(*inode),
            NameChange::Remove(_) => None,
        });
        let reachable: Vec<u64> =
            image.names.values().chain(image.durable_names.values()).copied().chain(pending).collect();
        image.inodes.retain(|inode, _| reachable.contains(inode));
        image
    }

    /// Has every operation shown to an observer.
    pub fn observe(&self, observer: Option<Observer>) {
        *self.observer.lock() = observer;
    }

    /// How many operations there were.
    #[must_use]
    pub fn ops(&self) -> u64 {
        self.state.lock().ops
    }

    /// Has the operation of this number fail; they are counted from 0.
    pub fn inject(&self, op: u64, error: io::ErrorKind) {
        self.state.lock().fails.push((op, error));
    }

    /// Lets files have so many bytes in all.
    pub fn limit_space(&self, bytes: Option<u64>) {
        self.state.lock().space = bytes;
    }

    /// Has it hold this instead, as after a restart: whoever had the lock is gone.
    pub fn restore(&self, image: Image) {
        let mut state = self.state.lock();
        state.image = image;
        state.holder = None;
    }

    /// True when an operation has failed that was told to.
    #[must_use]
    pub fn has_failed(&self) -> bool {
        let state = self.state.lock();
        state.fails.iter().any(|(at, _)| *at < state.ops)
    }

    /// How many bytes all files have.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.state.lock().image.bytes()
    }

    /// Does one operation. `change` makes it visible, then it is shown, then `settle` makes it durable.
    fn operate(
        &self,
        op: Op,
        change: impl FnOnce(&mut Image) -> io::Result<()>,
        settle: impl FnOnce(&mut Image),
        spoil: impl FnOnce(&mut Image),
    ) -> io::Result<()> {
        {
            let mut state = self.state.lock();
            let number = state.ops;
            state.ops += 1;
            if let Some(&(_, error)) = state.fails.iter().find(|(at, _)| *at == number) {
                spoil(&mut state.image);
                return Err(error.into());
            }
            change(&mut state.image)?;
        }
        let observer = self.observer.lock().clone();
        if let Some(observer) = observer {
            observer(&self.image(), op);
        }
        settle(&mut self.state.lock().image);
        Ok(())
    }

    fn change(&self, op: Op, change: impl FnOnce(&mut Image) -> io::Result<()>) -> io::Result<()> {
        self.operate(op, change, |_| (), |_| ())
    }

    fn check_space(&self, grown: u64) -> io::Result<()> {
        let state = self.state.lock();
        let is_full = state.space.is_some_and(|space| grown > 0 && state.image.bytes() + grown > space);
        if is_full { Err(io::ErrorKind::StorageFull.into()) } else { Ok(()) }
    }
}

struct SimLock {
    state: Arc<Mutex<State>>,
    holder: u64,
}

impl Drop for SimLock {
    fn drop(&mut self) {
        let mut state = self.state.lock();
        if state.holder == Some(self.holder) {
            state.holder = None;
        }
    }
}

impl Storage for SimStorage {
    fn place(&self) -> String {
        "simulated".into()
    }

    fn create(&self, name: &str) -> io::Result<Box<dyn StorageFile>> {
        let mut id = 0;
        self.change(Op::Create, |image| {
            id = image.next_inode;
            image.next_inode += 1;
            image.inodes.insert(id, Inode::default());
            let change = NameChange::Set(name.into(), id);
            change.apply(&mut image.names);
            image.pending_names.push(change);
            Ok(())
        })?;
        Ok(Box::new(SimFile { storage: self.clone(), inode: id, access: Access::Write }))
    }

    fn open(&self, name: &str, access: Access) -> io::Result<Box<dyn StorageFile>> {
        let inode = self.state.lock().image.names.get(name).copied().ok_or(io::ErrorKind::NotFound)?;
        Ok(Box::new(SimFile { storage: self.clone(), inode, access }))
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        self.change(Op::Rename, |image| {
            let inode = *image.names.get(from).ok_or(io::ErrorKind::NotFound)?;
            let change = NameChange::Rename(from.into(), to.into(), inode);
            change.apply(&mut image.names);
            image.pending_names.push(change);
            Ok(())
        })
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        self.change(Op::Remove, |image| {
            image.names.remove(name).ok_or(io::ErrorKind::NotFound)?;
            image.pending_names.push(NameChange::Remove(name.into()));
            Ok(())
        })
    }

    fn list(&self) -> io::Result<Vec<String>> {
        Ok(self.state.lock().image.names.keys().cloned().collect())
    }

    fn sync_dir(&self) -> io::Result<()> {
        let settle = |image: &mut Image| {
            image.durable_names = image.names.clone();
            image.pending_names.clear();
        };
        self.operate(Op::SyncDir, |_| Ok(()), settle, |_| ())
    }

    fn lock(&self, _name: &str) -> Result<Lock, LockError> {
        let mut state = self.state.lock();
        if state.holder.is_some() {
            return Err(LockError::InUse { pid: None });
        }
        state.holders += 1;
        let holder = state.holders;
        state.holder = Some(holder);
        Ok(Box::new(SimLock { state: Arc::clone(&self.state), holder }))
    }

    fn free_bytes(&self) -> io::Result<u64> {
        let state = self.state.lock();
        Ok(state.space.map_or(u64::MAX, |space| space.saturating_sub(state.image.bytes())))
    }
}

struct SimFile {
    storage: SimStorage,
    inode: u64,
    access: Access,
}

impl SimFile {
    fn with<T>(&self, look: impl FnOnce(&Inode) -> T) -> T {
        look(&self.storage.state.lock().image.inodes[&self.inode])
    }

    fn sync(&self) -> io::Result<()> {
        let id = self.inode;
        let inode = move |image: &mut Image, act: fn(&mut Inode)| {
            act(image.inodes.get_mut(&id).expect("an open file has content"));
        };
        // The failure is told once; what was not written is forgotten, and still shown.
        let spoil = |image: &mut Image| inode(image, Inode::spoil);
        self.storage.operate(Op::Sync, |_| Ok(()), |image| inode(image, Inode::sync), spoil)
    }
}

impl StorageFile for SimFile {
    fn len(&self) -> io::Result<u64> {
        Ok(self.with(|inode| inode.current.len() as u64))
    }

    fn read_at(&self, offset: u64, into: &mut [u8]) -> io::Result<usize> {
        Ok(self.with(|inode| {
            let from = usize::try_from(offset).expect("files are small").min(inode.current.len());
            let count = into.len().min(inode.current.len() - from);
            into[..count].copy_from_slice(&inode.current[from..from + count]);
            count
        }))
    }

    fn write_at(&self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        if self.access == Access::Read {
            return Err(io::ErrorKind::PermissionDenied.into());
        }
        let at = usize::try_from(offset).expect("files are small");
        let len = self.with(|inode| inode.current.len());
        self.storage.check_space((at + bytes.len()).saturating_sub(len) as u64)?;
        let id = self.inode;
        self.storage.change(Op::Write, |image| {
            image.inodes.get_mut(&id).expect("an open file has content").write(at, bytes);
            Ok(())
        })
    }

    fn allocate(&self, len: u64) -> io::Result<()> {
        let len = usize::try_from(len).expect("files are small");
        let was = self.with(|inode| inode.current.len());
        self.storage.check_space(len.saturating_sub(was) as u64)?;
        let id = self.inode;
        self.storage.change(Op::Allocate, |image| {
            let inode = image.inodes.get_mut(&id).expect("an open file has content");
            if inode.current.len() < len {
                Arc::make_mut(&mut inode.current).resize(len, 0);
            }
            inode.pending.push(Change::Extend { len });
            Ok(())
        })
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

    fn content_after_cut(storage: &SimStorage, seed: u64, name: &str) -> Option<Vec<u8>> {
        storage.image().after_power_cut(seed).file(name).map(<[u8]>::to_vec)
    }

    #[test]
    fn what_was_synced_survives_every_power_cut_and_what_was_not_does_not_always() {
        let storage = SimStorage::new();
        let file = storage.create("x").unwrap();
        file.write_at(0, &[1; 1024]).unwrap();
        file.sync_data().unwrap();
        assert!((0..50).any(|seed| content_after_cut(&storage, seed, "x").is_none()));
        storage.sync_dir().unwrap();
        file.write_at(512, &[2; 512]).unwrap();
        let seen: Vec<_> = (0..200).map(|seed| content_after_cut(&storage, seed, "x").unwrap()).collect();
        assert!(seen.iter().all(|content| content[..512] == [1; 512]));
        assert!(seen.iter().any(|content| content[512..] == [1; 512]));
        assert!(seen.iter().any(|content| content[512..] == [2; 512]));
        assert!(seen.iter().any(|content| content[512] != content[1023]));
        assert_eq!(storage.image().after_kill().file("x").unwrap()[512..], [2; 512]);
    }

    #[test]
    fn a_failed_sync_loses_what_reading_still_shows() {
        let storage = SimStorage::new();
        let file = storage.create("x").unwrap();
        file.sync_data().unwrap();
        storage.sync_dir().unwrap();
        file.write_at(0, b"gone").unwrap();
        storage.inject(storage.ops(), io::ErrorKind::Other);
        file.sync_data().unwrap_err();
        file.sync_data().unwrap();
        assert_eq!(storage.image().file("x").unwrap(), b"gone");
        assert_eq!(content_after_cut(&storage, 1, "x").unwrap(), b"");
    }
}
