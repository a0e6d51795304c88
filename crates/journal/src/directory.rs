//! A directory of the real file system.
//!
//! The lock is `flock`: the kernel lets go of it when its process ends in whatever way, so a lock file that is left
//! over from a crash locks nobody out. The process id in it is for people. The directory itself is locked too: a lock file that
//! somebody removed, as if it were one left over, lets nobody in either.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Seek as _, Write as _};
use std::os::unix::fs::{FileExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use rustix::fs::{FallocateFlags, FlockOperation, OFlags};

use crate::names;
use crate::storage::{Access, Lock, LockError, Storage, StorageFile};

/// A directory of the real file system.
#[derive(Debug)]
pub struct Directory {
    path: PathBuf,
    /// To sync it when no more files can be opened, too.
    handle: File,
}

impl Directory {
    /// The directory at `path`, which is made if it is not there, durably: what is synced in a directory whose own name
    /// is lost would be lost with it.
    pub fn create(path: impl Into<PathBuf>) -> io::Result<Self> {
        let path = path.into();
        let parent = |path: &Path| match path.parent() {
            Some(parent) if parent.as_os_str().is_empty() => Some(PathBuf::from(".")),
            parent => parent.map(Path::to_owned),
        };
        let missing = |path: &PathBuf| !path.exists();
        let made: Vec<PathBuf> =
            std::iter::successors(Some(path.clone()).filter(missing), |at| parent(at).filter(missing)).collect();
        fs::create_dir_all(&path)?;
        for parent in made.iter().rev().filter_map(|made| parent(made)) {
            File::open(parent)?.sync_all()?;
        }
        let handle = File::open(&path)?;
        Ok(Self { path, handle })
    }

    /// The directory at `path`, which must be there.
    pub fn open(path: impl Into<PathBuf>) -> io::Result<Self> {
        let path = path.into();
        if !fs::metadata(&path)?.is_dir() {
            return Err(io::ErrorKind::NotADirectory.into());
        }
        let handle = File::open(&path)?;
        Ok(Self { path, handle })
    }

    /// Asks whether a process has the directory locked, and changes nothing: for whoever only reads. A start that tries
    /// in this very moment is refused, so it is asked once and not again and again.
    pub fn probe_lock(&self) -> Result<(), LockError> {
        self.lock_itself(FlockOperation::NonBlockingLockShared)?;
        let file = match open_file(OpenOptions::new().read(true), &self.path.join(names::LOCK)) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(LockError::Io(error)),
        };
        flock(file, FlockOperation::NonBlockingLockShared).map(drop)
    }

    /// Where the file system has no locks of directories, the lock file has to do.
    fn lock_itself(&self, how: FlockOperation) -> Result<File, LockError> {
        let directory = File::open(&self.path).map_err(LockError::Io)?;
        if rustix::fs::flock(&directory, how) == Err(rustix::io::Errno::WOULDBLOCK) {
            let text = fs::read_to_string(self.path.join(names::LOCK)).unwrap_or_default();
            return Err(LockError::InUse { pid: text.trim().parse().ok() });
        }
        Ok(directory)
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Storage for Directory {
    fn place(&self) -> String {
        self.path.display().to_string()
    }

    fn create(&self, name: &str) -> io::Result<Box<dyn StorageFile>> {
        let mut how = OpenOptions::new();
        let file = open_file(how.read(true).write(true).create(true).truncate(true), &self.path.join(name))?;
        Ok(Box::new(RealFile(file)))
    }

    fn open(&self, name: &str, access: Access) -> io::Result<Box<dyn StorageFile>> {
        let writes = access == Access::Write;
        let file = open_file(OpenOptions::new().read(true).write(writes), &self.path.join(name))?;
        Ok(Box::new(RealFile(file)))
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        fs::rename(self.path.join(from), self.path.join(to))
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        fs::remove_file(self.path.join(name))
    }

    fn list(&self) -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in fs::read_dir(&self.path)? {
            names.push(entry?.file_name().to_string_lossy().into_owned());
        }
        Ok(names)
    }

    fn sync_dir(&self) -> io::Result<()> {
        self.handle.sync_all()
    }

    fn lock(&self, name: &str) -> Result<Lock, LockError> {
        let directory = self.lock_itself(FlockOperation::NonBlockingLockExclusive)?;
        let path = self.path.join(name);
        let mut how = OpenOptions::new();
        let file = open_file(how.read(true).write(true).create(true).truncate(false), &path).map_err(LockError::Io)?;
        let mut file = flock(file, FlockOperation::NonBlockingLockExclusive)?;
        let written = file.set_len(0).and_then(|()| file.rewind());
        written.and_then(|()| writeln!(file, "{}", std::process::id())).map_err(LockError::Io)?;
        Ok(Box::new((file, directory)))
    }

    fn free_bytes(&self) -> io::Result<u64> {
        let figures = rustix::fs::statvfs(&self.path)?;
        if figures.f_blocks == 0 {
            // Some file systems tell nothing of themselves.
            return Err(io::ErrorKind::Unsupported.into());
        }
        Ok(figures.f_bavail.saturating_mul(figures.f_frsize))
    }
}

/// Opens what is a file. Of a pipe the mere opening would wait for somebody at its other end.
fn open_file(how: &mut OpenOptions, path: &Path) -> io::Result<File> {
    let file = how.custom_flags(OFlags::NONBLOCK.bits().cast_signed()).open(path)?;
    if file.metadata()?.is_file() {
        return Ok(file);
    }
    Err(io::Error::new(io::ErrorKind::InvalidInput, "it is not a file"))
}

/// Locks the open lock file.
fn flock(mut file: File, how: FlockOperation) -> Result<File, LockError> {
    match rustix::fs::flock(&file, how) {
        Ok(()) => Ok(file),
        Err(rustix::io::Errno::WOULDBLOCK) => {
            let mut text = String::new();
            let read = file.read_to_string(&mut text);
            Err(LockError::InUse { pid: read.ok().and_then(|_| text.trim().parse().ok()) })
        }
        Err(errno) => Err(LockError::Io(errno.into())),
    }
}

struct RealFile(File);

impl StorageFile for RealFile {
    fn len(&self) -> io::Result<u64> {
        Ok(self.0.metadata()?.len())
    }

    fn read_at(&self, mut offset: u64, into: &mut [u8]) -> io::Result<usize> {
        let mut filled = 0;
        while filled < into.len() {
            match self.0.read_at(&mut into[filled..], offset) {
                Ok(0) => break,
                Ok(read) => {
                    filled += read;
                    offset += read as u64;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(filled)
    }

    fn write_at(&self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        self.0.write_all_at(bytes, offset)
    }

    #[cfg(target_os = "linux")]
    fn write_past_cache(&self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        use rustix::fs::{fcntl_getfl, fcntl_setfl};
        let flags = fcntl_getfl(&self.0)?;
        // Some file systems cannot (tmpfs), and some ask for other multiples: then it is copied after all.
        let is_direct = fcntl_setfl(&self.0, flags | OFlags::DIRECT).is_ok();
        let written = self.0.write_all_at(bytes, offset);
        if !is_direct {
            return written;
        }
        fcntl_setfl(&self.0, flags)?;
        match written {
            Err(error) if error.kind() == io::ErrorKind::InvalidInput => self.write_at(offset, bytes),
            written => written,
        }
    }

    fn allocate(&self, len: u64) -> io::Result<()> {
        match rustix::fs::fallocate(&self.0, FallocateFlags::empty(), 0, len) {
            Ok(()) => Ok(()),
            // Not every file system can; writing the zeros that follow finds out as well, only later.
            Err(rustix::io::Errno::OPNOTSUPP | rustix::io::Errno::NOSYS) => self.0.set_len(len),
            Err(errno) => Err(errno.into()),
        }
    }

    fn sync_data(&self) -> io::Result<()> {
        self.0.sync_data()
    }

    fn sync_all(&self) -> io::Result<()> {
        self.0.sync_all()
    }
}
