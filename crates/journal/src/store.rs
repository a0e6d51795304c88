//! Storage whose errors say what was tried, on which file, in which directory.

use std::sync::Arc;

use crate::error::IoFailure;
use crate::storage::{Access, Storage, StorageFile};

/// A directory.
#[derive(Clone)]
pub(crate) struct Store(pub(crate) Arc<dyn Storage>);

/// A file that knows its name.
#[derive(Clone)]
pub(crate) struct NamedFile {
    pub(crate) name: String,
    place: Arc<dyn Storage>,
    file: Arc<dyn StorageFile>,
}

type Outcome<T> = Result<T, IoFailure>;

impl Store {
    pub(crate) fn failure(&self, file: &str, action: &'static str, source: std::io::Error) -> IoFailure {
        IoFailure { directory: self.0.place(), file: file.into(), action, source }
    }

    fn named(&self, name: &str, file: Box<dyn StorageFile>) -> NamedFile {
        NamedFile { name: name.into(), place: Arc::clone(&self.0), file: file.into() }
    }

    pub(crate) fn place(&self) -> String {
        self.0.place()
    }

    pub(crate) fn create(&self, name: &str) -> Outcome<NamedFile> {
        let file = self.0.create(name).map_err(|source| self.failure(name, "create", source))?;
        Ok(self.named(name, file))
    }

    pub(crate) fn open(&self, name: &str, access: Access) -> Outcome<NamedFile> {
        let file = self.0.open(name, access).map_err(|source| self.failure(name, "open", source))?;
        Ok(self.named(name, file))
    }

    pub(crate) fn rename(&self, from: &str, to: &str) -> Outcome<()> {
        self.0.rename(from, to).map_err(|source| self.failure(from, "rename", source))
    }

    pub(crate) fn remove(&self, name: &str) -> Outcome<()> {
        self.0.remove(name).map_err(|source| self.failure(name, "remove", source))
    }

    /// All names, in order.
    pub(crate) fn list(&self) -> Outcome<Vec<String>> {
        let mut names = self.0.list().map_err(|source| self.failure(".", "list", source))?;
        names.sort_unstable();
        Ok(names)
    }

    pub(crate) fn sync_dir(&self) -> Outcome<()> {
        self.0.sync_dir().map_err(|source| self.failure(".", "sync", source))
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
