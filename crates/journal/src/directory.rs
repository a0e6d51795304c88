//! A directory of the real file system.
//!
//! The lock is `flock`: the kernel lets go of it when its process ends in whatever way, so a lock file that is left
//! over from a crash locks nobody out. The process id in it is for people. The directory itself is locked too: a lock file that
//! somebody removed, as if it were one left over, lets nobody in either.
//!
//! Invariant: what is done is done to the directory that was opened, whatever has its name by now. Who moves it away under a running
//! server and starts another one in its place must not have the first one's names appear, or files disappear, among those of the second.
//! And where it is not found under its name any more no file is made or renamed: what is acknowledged is where the next start looks.

use std::fs::{self, File};
use std::io::{self, Read as _};
use std::os::unix::fs::{FileExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, Dir, FallocateFlags, FlockOperation, Mode, OFlags, openat, renameat, unlinkat};
use rustix::io::{Errno, retry_on_intr};

use crate::names;
use crate::place;
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
        place::keep_in_place(&handle);
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
        let file = match self.open_file(names::LOCK, OFlags::RDONLY) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(LockError::Io(error)),
        };
        flock(file, FlockOperation::NonBlockingLockShared).map(drop)
    }

    /// Where the file system has no locks of directories, the lock file has to do.
    fn lock_itself(&self, how: FlockOperation) -> Result<File, LockError> {
        let directory = self.open_at(".", OFlags::RDONLY | OFlags::DIRECTORY).map_err(LockError::Io)?;
        if rustix::fs::flock(&directory, how) == Err(Errno::WOULDBLOCK) {
            let holder = self.open_file(names::LOCK, OFlags::RDONLY).ok();
            return Err(LockError::InUse { pid: holder.and_then(pid_in) });
        }
        Ok(directory)
    }

    /// Opens what is a file. Of a pipe the mere opening would wait for somebody at its other end.
    fn open_file(&self, name: &str, how: OFlags) -> io::Result<File> {
        let file = self.open_at(name, how | OFlags::NONBLOCK)?;
        if file.metadata()?.is_file() {
            return Ok(file);
        }
        Err(io::Error::new(io::ErrorKind::InvalidInput, "it is not a file"))
    }

    fn open_at(&self, name: &str, how: OFlags) -> io::Result<File> {
        // As any program makes its files: less what the umask takes away.
        let mode = Mode::from_raw_mode(0o666);
        Ok(retry_on_intr(|| openat(&self.handle, name, how | OFlags::CLOEXEC, mode))?.into())
    }

    /// The directory, where it still is what is found under its name.
    fn in_place(&self) -> io::Result<&File> {
        let (ours, named) = (self.handle.metadata()?, fs::metadata(&self.path)?);
        if (ours.dev(), ours.ino()) == (named.dev(), named.ino()) {
            return Ok(&self.handle);
        }
        Err(io::Error::other("it was moved away, and another directory is in its place"))
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
        self.in_place()?;
        let file = self.open_file(name, OFlags::RDWR | OFlags::CREATE | OFlags::TRUNC)?;
        Ok(Box::new(RealFile(file)))
    }

    fn open(&self, name: &str, access: Access) -> io::Result<Box<dyn StorageFile>> {
        let how = if access == Access::Write { OFlags::RDWR } else { OFlags::RDONLY };
        Ok(Box::new(RealFile(self.open_file(name, how)?)))
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        let directory = self.in_place()?;
        Ok(retry_on_intr(|| renameat(directory, from, directory, to))?)
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        Ok(retry_on_intr(|| unlinkat(&self.handle, name, AtFlags::empty()))?)
    }

    fn list(&self) -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in Dir::read_from(&self.handle)? {
            names.push(entry?.file_name().to_string_lossy().into_owned());
        }
        names.retain(|name| name != "." && name != "..");
        Ok(names)
    }

    fn sync_dir(&self) -> io::Result<()> {
        self.handle.sync_all()
    }

    fn lock(&self, name: &str) -> Result<Lock, LockError> {
        let directory = self.lock_itself(FlockOperation::NonBlockingLockExclusive)?;
        let file = self.in_place().and_then(|_| self.open_file(name, OFlags::RDWR | OFlags::CREATE));
        let file = file.map_err(LockError::Io)?;
        let file = flock(file, FlockOperation::NonBlockingLockExclusive)?;
        // It is for people: on a full disk they do without it. Written over what is there, it keeps its block.
        let pid = format!("{}\n", std::process::id());
        let _ = file.write_all_at(pid.as_bytes(), 0).and_then(|()| file.set_len(pid.len() as u64));
        Ok(Box::new((file, directory)))
    }

    fn free_bytes(&self) -> io::Result<u64> {
        let figures = rustix::fs::fstatvfs(&self.handle)?;
        if figures.f_blocks == 0 {
            // Some file systems tell nothing of themselves.
            return Err(io::ErrorKind::Unsupported.into());
        }
        Ok(figures.f_bavail.saturating_mul(figures.f_frsize))
    }

    fn copies_on_write(&self) -> bool {
        place::copies_on_write(&self.handle)
    }
}

/// Locks the open lock file.
fn flock(file: File, how: FlockOperation) -> Result<File, LockError> {
    match rustix::fs::flock(&file, how) {
        Ok(()) => Ok(file),
        Err(Errno::WOULDBLOCK) => Err(LockError::InUse { pid: pid_in(file) }),
        Err(errno) => Err(LockError::Io(errno.into())),
    }
}

/// The process id in a lock file, if there is one.
fn pid_in(mut file: File) -> Option<u32> {
    let mut text = String::new();
    file.read_to_string(&mut text).ok().and_then(|_| text.trim().parse().ok())
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
            Err(Errno::OPNOTSUPP | Errno::NOSYS) => self.0.set_len(len),
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
