//! What a journal needs of a file system, and no more.
//!
//! Two promises are told apart, because a crash tells them apart: what was written to a file is durable after the
//! file's `sync_data` or `sync_all`; that a file has a name (created, renamed, removed) is durable after `sync_dir`.
//! The simulated file system breaks everything that these two do not promise, and the journal runs on it unchanged.
//!
//! Names are plain: a journal is one flat directory.

use std::any::Any;
use std::io;

/// What the page cache and disks deal in.
pub(crate) const PAGE_BYTES: usize = 4096;

/// How a file is opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// For reading alone: works in a directory that cannot be written.
    Read,
    /// For reading and writing.
    Write,
}

/// Keeps the directory locked until it is dropped.
pub type Lock = Box<dyn Any + Send + Sync>;

/// Why a directory could not be locked.
#[derive(Debug)]
pub enum LockError {
    /// Another process holds it; its process id, where the lock file tells.
    InUse {
        /// The process that holds the lock.
        pid: Option<u32>,
    },
    /// The lock file could not be made or locked.
    Io(io::Error),
}

/// One flat directory.
pub trait Storage: Send + Sync {
    /// What messages call the directory: its path.
    fn place(&self) -> String;
    /// Makes an empty file, in the place of one that has the name.
    fn create(&self, name: &str) -> io::Result<Box<dyn StorageFile>>;
    /// Opens a file that exists.
    fn open(&self, name: &str, access: Access) -> io::Result<Box<dyn StorageFile>>;
    /// Gives a file another name, in the place of one that has it.
    fn rename(&self, from: &str, to: &str) -> io::Result<()>;
    /// Removes a file's name.
    fn remove(&self, name: &str) -> io::Result<()>;
    /// The names of all files, in any order.
    fn list(&self) -> io::Result<Vec<String>>;
    /// Makes names durable: creations, renames and removals.
    fn sync_dir(&self) -> io::Result<()>;
    /// Locks the directory against other processes, through the file of this name.
    fn lock(&self, name: &str) -> Result<Lock, LockError>;
    /// How many bytes may still be written, as far as the file system tells.
    fn free_bytes(&self) -> io::Result<u64>;
    /// Whether what is written over a file's bytes takes new space, as far as is known: then a file that was written beforehand
    /// reserves none.
    fn copies_on_write(&self) -> bool {
        false
    }
}

/// One file.
#[allow(clippy::len_without_is_empty)]
pub trait StorageFile: Send + Sync {
    /// The file's length in bytes.
    fn len(&self) -> io::Result<u64>;
    /// Fills `into` from `offset` on, and says how much of it: less only where the file ends.
    fn read_at(&self, offset: u64, into: &mut [u8]) -> io::Result<usize>;
    /// Writes all of `bytes`.
    fn write_at(&self, offset: u64, bytes: &[u8]) -> io::Result<()>;
    /// Writes all of `bytes` past the page cache, where that can be done: for much that is written once and not read soon, and would
    /// cost the processor more to copy than the disk to take. Asks for an `offset`, a length and memory that are multiples of 4096.
    fn write_past_cache(&self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        self.write_at(offset, bytes)
    }
    /// Reserves blocks for the first `len` bytes and makes the file that long. It is a request to fail early: what is
    /// not written may read as anything after a crash.
    fn allocate(&self, len: u64) -> io::Result<()>;
    /// Makes the content durable.
    fn sync_data(&self) -> io::Result<()>;
    /// Makes the content and everything known about the file durable.
    fn sync_all(&self) -> io::Result<()>;
}
