//! Storage whose errors say what was tried, on which file, in which directory; and how much of what is in it can be read.

use std::sync::Arc;

use crate::error::IoFailure;
use crate::fault::Faults;
use crate::storage::{Access, Storage, StorageFile};

/// A directory.
#[derive(Clone)]
pub(crate) struct Store {
    storage: Arc<dyn Storage>,
    /// The newest version of the state machine whose files whoever asks can read. What a later one wrote is refused by name.
    pub(crate) state_version: u32,
    pub(crate) faults: Faults,
}

/// A file that knows its name.
#[derive(Clone)]
pub(crate) struct NamedFile {
    pub(crate) name: String,
    place: Arc<dyn Storage>,
    file: Arc<dyn StorageFile>,
}

type Outcome<T> = Result<T, IoFailure>;

impl Store {
    pub(crate) fn new(storage: Arc<dyn Storage>, state_version: u32) -> Self {
        Self { storage, state_version, faults: Faults::default() }
    }

    pub(crate) fn storage(&self) -> &dyn Storage {
        &*self.storage
    }

    pub(crate) fn failure(&self, file: &str, action: &'static str, source: std::io::Error) -> IoFailure {
        IoFailure { directory: self.storage.place(), file: file.into(), action, source }
    }

    fn named(&self, name: &str, file: Box<dyn StorageFile>) -> NamedFile {
        NamedFile { name: name.into(), place: Arc::clone(&self.storage), file: file.into() }
    }

    pub(crate) fn place(&self) -> String {
        self.storage.place()
    }

    pub(crate) fn create(&self, name: &str) -> Outcome<NamedFile> {
        let file = self.storage.create(name).map_err(|source| self.failure(name, "create", source))?;
        Ok(self.named(name, file))
    }

    pub(crate) fn open(&self, name: &str, access: Access) -> Outcome<NamedFile> {
        let file = self.storage.open(name, access).map_err(|source| self.failure(name, "open", source))?;
        Ok(self.named(name, file))
    }

    pub(crate) fn rename(&self, from: &str, to: &str) -> Outcome<()> {
        self.storage.rename(from, to).map_err(|source| self.failure(from, "rename", source))
    }

    pub(crate) fn remove(&self, name: &str) -> Outcome<()> {
        self.storage.remove(name).map_err(|source| self.failure(name, "remove", source))
    }

    /// All names, in order.
    pub(crate) fn list(&self) -> Outcome<Vec<String>> {
        let mut names = self.storage.list().map_err(|source| self.failure(".", "list", source))?;
        names.sort_unstable();
        Ok(names)
    }

    pub(crate) fn sync_dir(&self) -> Outcome<()> {
        self.storage.sync_dir().map_err(|source| self.failure(".", "sync", source))
    }

    /// A file's whole content: for files that are small by their kind.
    pub(crate) fn read_small(&self, name: &str, bytes_max: usize) -> Outcome<Vec<u8>> {
        let file = self.open(name, Access::Read)?;
        let mut bytes = vec![0; bytes_max];
        let read = file.read_at(0, &mut bytes)?;
        bytes.truncate(read);
        Ok(bytes)
    }
}

impl NamedFile {
    pub(crate) fn failure(&self, action: &'static str, source: std::io::Error) -> IoFailure {
        IoFailure { directory: self.place.place(), file: self.name.clone(), action, source }
    }

    pub(crate) fn len(&self) -> Outcome<u64> {
        self.file.len().map_err(|source| self.failure("measure", source))
    }

    pub(crate) fn read_at(&self, offset: u64, into: &mut [u8]) -> Outcome<usize> {
        self.file.read_at(offset, into).map_err(|source| self.failure("read", source))
    }

    pub(crate) fn write_at(&self, offset: u64, bytes: &[u8]) -> Outcome<()> {
        self.file.write_at(offset, bytes).map_err(|source| self.failure("write", source))
    }

    pub(crate) fn write_past_cache(&self, offset: u64, bytes: &[u8]) -> Outcome<()> {
        self.file.write_past_cache(offset, bytes).map_err(|source| self.failure("write", source))
    }

    pub(crate) fn allocate(&self, len: u64) -> Outcome<()> {
        self.file.allocate(len).map_err(|source| self.failure("allocate", source))
    }

    pub(crate) fn sync_data(&self) -> Outcome<()> {
        self.file.sync_data().map_err(|source| self.failure("sync", source))
    }

    pub(crate) fn sync_all(&self) -> Outcome<()> {
        self.file.sync_all().map_err(|source| self.failure("sync", source))
    }
}
