//! A storage that tells how much goes through it.
//!
//! For long work on a directory: whoever waits sees that it goes on, and may end it, which is an error like any other that a
//! file system gives. So no function that copies or checks needs to know of either.

use std::io;
use std::sync::Arc;

use crate::storage::{Access, Lock, LockError, Storage, StorageFile};

/// Called after so many bytes were read or written. An error ends the work, as if the file system had given it.
pub type OnBytes = Arc<dyn Fn(u64) -> io::Result<()> + Send + Sync>;

/// A storage that tells how much goes through it.
pub struct Metered {
    inner: Arc<dyn Storage>,
    on_bytes: OnBytes,
}

impl Metered {
    /// The same storage, and `on_bytes` is told of each piece.
    pub fn new(inner: Arc<dyn Storage>, on_bytes: OnBytes) -> Self {
        Self { inner, on_bytes }
    }

    fn file(&self, file: Box<dyn StorageFile>) -> Box<dyn StorageFile> {
        Box::new(MeteredFile { file, on_bytes: Arc::clone(&self.on_bytes) })
    }
}

impl Storage for Metered {
    fn place(&self) -> String {
        self.inner.place()
    }

    fn create(&self, name: &str) -> io::Result<Box<dyn StorageFile>> {
        Ok(self.file(self.inner.create(name)?))
    }

    fn open(&self, name: &str, access: Access) -> io::Result<Box<dyn StorageFile>> {
        Ok(self.file(self.inner.open(name, access)?))
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        self.inner.rename(from, to)
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        self.inner.remove(name)
    }

    fn list(&self) -> io::Result<Vec<String>> {
        self.inner.list()
    }

    fn sync_dir(&self) -> io::Result<()> {
        self.inner.sync_dir()
    }

    fn lock(&self, name: &str) -> Result<Lock, LockError> {
        self.inner.lock(name)
    }

    fn free_bytes(&self) -> io::Result<u64> {
        self.inner.free_bytes()
    }

    fn copies_on_write(&self) -> bool {
        self.inner.copies_on_write()
    }
}

struct MeteredFile {
    file: Box<dyn StorageFile>,
    on_bytes: OnBytes,
}

impl StorageFile for MeteredFile {
    fn len(&self) -> io::Result<u64> {
        self.file.len()
    }

    fn read_at(&self, offset: u64, into: &mut [u8]) -> io::Result<usize> {
        let read = self.file.read_at(offset, into)?;
        (self.on_bytes)(read as u64)?;
        Ok(read)
    }

    fn write_at(&self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        self.file.write_at(offset, bytes)?;
        (self.on_bytes)(bytes.len() as u64)
    }

    fn write_past_cache(&self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        self.file.write_past_cache(offset, bytes)?;
        (self.on_bytes)(bytes.len() as u64)
    }

    fn allocate(&self, len: u64) -> io::Result<()> {
        self.file.allocate(len)
    }

    fn sync_data(&self) -> io::Result<()> {
        self.file.sync_data()
    }

    fn sync_all(&self) -> io::Result<()> {
        self.file.sync_all()
    }
}
