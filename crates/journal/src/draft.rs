//! A directory that appears whole: it is filled beside its place, as `NAME.partial`, and renamed at the end.
//!
//! Whatever ends the work in between, a kill or a power cut included, nothing with the name that was asked for looks like what
//! it is not. What is left of it is removed by the next attempt, and by nothing else: it may be the only thing there is.

use std::fs::{self, File};
use std::io::{self, ErrorKind};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use crate::directory::Directory;
use crate::error::OpenError;
use crate::names::{self, Name};
use crate::storage::LockError;

/// What a directory is called until it is whole.
const SUFFIX: &str = ".partial";

/// A directory on its way. Dropped before it is [published](Self::publish), it leaves nothing behind.
#[derive(Debug)]
pub struct Draft {
    target: PathBuf,
    partial: PathBuf,
}

impl Draft {
    /// Begins a directory that will be at `target`, which is empty or not there yet, and removes what an earlier attempt left.
    ///
    /// # Errors
    /// [`OpenError::NotEmpty`] where something else is in the way, [`OpenError::InUse`] where another attempt is under way.
    pub fn begin(target: &Path) -> Result<(Self, Directory), OpenError> {
        // A link to a directory is not what a directory can be renamed over.
        let target = &fs::canonicalize(target).unwrap_or_else(|_| target.to_owned());
        let failed = |action| move |source| io_error(target, action, source);
        refuse_place(target).map_err(failed("create"))?;
        if let Some(file) = first_in(target).map_err(failed("create"))? {
            return Err(OpenError::NotEmpty { directory: target.display().to_string(), file });
        }
        let partial = partial_of(target);
        remove_left(&partial)?;
        let directory = Directory::create(&partial).map_err(failed("create"))?;
        Ok((Self { target: target.to_owned(), partial }, directory))
    }

    /// Where it is until then.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.partial
    }

    /// What an attempt left that would have been at `target`, or one that is under way; nothing where `target` has anything in it.
    ///
    /// # Errors
    /// The directory cannot be read.
    pub fn unfinished(target: &Path) -> io::Result<Option<PathBuf>> {
        let partial = partial_of(target);
        let is_empty = match first_in(target) {
            // Something is there, whatever whoever wants to use it as a directory says to that.
            Err(error) if error.kind() == ErrorKind::NotADirectory => false,
            found => found?.is_none(),
        };
        Ok((is_empty && partial.is_dir()).then_some(partial))
    }

    /// Gives it its name, durably.
    pub fn publish(self) -> Result<(), OpenError> {
        fs::rename(&self.partial, &self.target).map_err(|source| io_error(&self.target, "rename", source))?;
        if let Err(source) = sync_above(&self.target) {
            // It is there, and nobody knows whether its name outlives a power cut: it is taken back, so that it can be tried again.
            let _ = fs::rename(&self.target, &self.partial);
            return Err(io_error(&self.target, "sync the name of", source));
        }
        Ok(())
    }

    /// The name that a directory has while it is not whole, if this is one.
    #[must_use]
    pub fn is_partial(path: &Path) -> bool {
        path.file_name().is_some_and(|name| name.to_string_lossy().ends_with(SUFFIX))
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        // Best effort: the next attempt does it otherwise. After a publication there is nothing of that name.
        let _ = remove_files(&self.partial);
    }
}

/// What could be filled and not be given its name, or not be told from what is not whole.
fn refuse_place(target: &Path) -> io::Result<()> {
    let refused = |why: &str| Err(io::Error::new(ErrorKind::InvalidInput, why));
    if Draft::is_partial(target) {
        return refused("what is called `….partial` is not whole: choose another name");
    }
    let above = target.parent().filter(|above| !above.as_os_str().is_empty()).unwrap_or(Path::new("."));
    match (fs::metadata(target), fs::metadata(above)) {
        (Ok(there), Ok(above)) if there.dev() != above.dev() => {
            refused("it is where a file system is mounted: name a directory below it")
        }
        _ => Ok(()),
    }
}

fn partial_of(target: &Path) -> PathBuf {
    let mut name = target.file_name().unwrap_or_default().to_owned();
    name.push(SUFFIX);
    target.with_file_name(name)
}

fn io_error(path: &Path, action: &'static str, source: io::Error) -> OpenError {
    OpenError::Io { directory: path.display().to_string(), file: ".".into(), action, source }
}

/// Something in the directory; nothing if it is not there.
fn first_in(path: &Path) -> io::Result<Option<String>> {
    match fs::read_dir(path) {
        Ok(mut entries) => {
            Ok(entries.next().transpose()?.map(|entry| entry.file_name().to_string_lossy().into_owned()))
        }
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

fn remove_left(partial: &Path) -> Result<(), OpenError> {
    let failed = |source| io_error(partial, "remove", source);
    match Directory::open(partial) {
        Ok(left) => left.probe_lock().map_err(|error| match error {
            LockError::InUse { pid } => OpenError::InUse { directory: partial.display().to_string(), pid },
            LockError::Io(source) => failed(source),
        })?,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(failed(error)),
    }
    remove_files(partial).map_err(failed)?;
    match first_in(partial).map_err(failed)? {
        // Nothing of ours: whoever put it there wants it.
        Some(file) => Err(OpenError::NotEmpty { directory: partial.display().to_string(), file }),
        None => Ok(()),
    }
}

/// Removes the files of a journal, and the directory if it is empty then.
fn remove_files(partial: &Path) -> io::Result<()> {
    for entry in fs::read_dir(partial)? {
        let entry = entry?;
        if names::parse(&entry.file_name().to_string_lossy()) != Name::Other {
            fs::remove_file(entry.path())?;
        }
    }
    match fs::remove_dir(partial) {
        Err(error) if error.kind() != ErrorKind::DirectoryNotEmpty => Err(error),
        _ => Ok(()),
    }
}

fn sync_above(path: &Path) -> io::Result<()> {
    let above = path.parent().filter(|above| !above.as_os_str().is_empty());
    File::open(above.unwrap_or(Path::new(".")))?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names_in(path: &Path) -> Vec<String> {
        let entries = fs::read_dir(path).unwrap();
        entries.map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned()).collect()
    }

    #[test]
    fn a_directory_appears_whole_or_not_at_all() {
        let scratch = tempfile::tempdir().unwrap();
        let target = scratch.path().join("copy");
        let (draft, directory) = Draft::begin(&target).unwrap();
        fs::write(directory.path().join(names::ID), "x").unwrap();
        assert_eq!(names_in(scratch.path()), ["copy.partial"]);
        drop(draft);
        assert!(names_in(scratch.path()).is_empty());

        let (draft, directory) = Draft::begin(&target).unwrap();
        fs::write(directory.path().join(names::ID), "x").unwrap();
        draft.publish().unwrap();
        assert_eq!((names_in(scratch.path()), names_in(&target)), (vec!["copy".into()], vec![names::ID.into()]));
        assert!(matches!(Draft::begin(&target), Err(OpenError::NotEmpty { .. })));
    }

    #[test]
    fn what_an_attempt_left_is_removed_by_the_next_and_what_is_somebody_elses_is_not() {
        let scratch = tempfile::tempdir().unwrap();
        let (target, partial) = (scratch.path().join("copy"), scratch.path().join("copy.partial"));
        fs::create_dir_all(&target).unwrap();
        fs::create_dir_all(&partial).unwrap();
        fs::write(partial.join(names::segment(1)), "left").unwrap();
        let (draft, directory) = Draft::begin(&target).unwrap();
        assert!(names_in(directory.path()).is_empty());
        draft.publish().unwrap();

        fs::create_dir_all(&partial).unwrap();
        fs::write(partial.join("letters.txt"), "mine").unwrap();
        fs::remove_dir_all(&target).unwrap();
        let error = Draft::begin(&target).unwrap_err().to_string();
        assert!(error.contains("copy.partial` is not empty: it holds `letters.txt`"), "{error}");
        assert!(partial.join("letters.txt").exists());
    }

    #[test]
    fn an_attempt_that_is_under_way_is_not_disturbed() {
        let scratch = tempfile::tempdir().unwrap();
        let target = scratch.path().join("copy");
        let (_draft, directory) = Draft::begin(&target).unwrap();
        let _lock = crate::Storage::lock(&directory, names::LOCK).ok().unwrap();
        assert!(matches!(Draft::begin(&target), Err(OpenError::InUse { .. })));
    }
}
