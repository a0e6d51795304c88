//! Where the data directory is, and how it is opened: at the start, and whenever `appendonly` is switched on later.
//!
//! The path is made absolute at the start. The server works in `dir` from then on, and CONFIG SET may name another `dir`, which
//! is used when the directory is opened next.

use std::fs;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context as _, Result, bail};
use rbq_broker::Settings;
use rbq_journal::{Directory, Draft, Kind, Storage};

type Open = dyn Fn(&Path) -> io::Result<Arc<dyn Storage>> + Send + Sync;

/// The way to the data directory.
pub(crate) struct Home {
    /// Where the server works.
    work: PathBuf,
    /// The `dir` that this is.
    dir: String,
    open: Box<Open>,
}

/// The data directory, opened.
pub(super) struct Place {
    pub(super) path: PathBuf,
    pub(super) storage: Arc<dyn Storage>,
}

impl Home {
    /// Of a server that works in the `dir` of these settings already.
    pub(crate) fn new<F>(settings: &Settings, open: F) -> Result<Self>
    where
        F: Fn(&Path) -> io::Result<Arc<dyn Storage>> + Send + Sync + 'static,
    {
        let work = std::env::current_dir().context("the working directory is gone")?;
        Ok(Self { work, dir: settings.dir.0.clone(), open: Box::new(open) })
    }

    /// Where the data directory is.
    pub(super) fn path(&self, settings: &Settings) -> PathBuf {
        self.above(settings).join(&settings.appenddirname.0)
    }

    fn above(&self, settings: &Settings) -> PathBuf {
        let dir = &settings.dir.0;
        if *dir == self.dir { self.work.clone() } else { self.work.join(dir) }
    }

    pub(super) fn open(&self, settings: &Settings) -> Result<Place> {
        let dir = &settings.dir.0;
        let above = self.above(settings);
        let shown = || format!("cannot make the data directory `{}` in `{dir}`", settings.appenddirname.0);
        // A `dir` that is not there is a mistake, as at the start; only the data directory below is made.
        fs::metadata(&above).with_context(shown)?;
        let path = self.path(settings);
        expect_not_within(&above, &path)?;
        expect_no_restore(&path)?;
        let storage = (self.open)(&path).with_context(shown)?;
        if storage.copies_on_write() {
            tracing::warn!(
                path = %path.display(),
                "the file system writes nothing over in place, so no space can be kept in reserve: on a full disk the server ends, and \
                 starts again when there is space. On btrfs `chattr +C` on the data directory, while it is empty, changes that; else set a \
                 `maxmemory` that fits"
            );
        }
        Ok(Place { path, storage })
    }
}

/// Who names a backup, or a data directory, as the one that has the data directory in it wants what is kept there: with nothing
/// at `path` yet, a server would begin empty, in the midst of it.
pub(super) fn expect_not_within(above: &Path, path: &Path) -> Result<()> {
    let begins = match fs::read_dir(path) {
        Ok(mut files) => files.next().is_none(),
        Err(error) => error.kind() == ErrorKind::NotFound,
    };
    if !begins {
        return Ok(());
    }
    // What cannot be listed is not taken for anything: the data directory below need not be listed through it.
    let kind = Directory::open(above).ok().and_then(|dir| Kind::of(Arc::new(dir)).ok()).unwrap_or(Kind::Other);
    let whole = fs::canonicalize(above).unwrap_or_else(|_| above.to_owned());
    let shown = whole.display();
    match kind {
        Kind::Other => Ok(()),
        Kind::Backup => bail!(
            "`dir` {shown} is a backup\nhint: `rbq restore {shown} DIR` makes a data directory of it, and `--dir DIR` then serves it"
        ),
        Kind::Journal => {
            let parent = whole.parent().unwrap_or(&whole).display();
            let named = match whole.file_name() {
                name if name == path.file_name() => String::new(),
                name => format!(" --appenddirname {}", name.unwrap_or_default().display()),
            };
            bail!("`dir` {shown} is a data directory itself\nhint: `--dir {parent}{named}` serves what is in it")
        }
    }
}

/// Who restores wants what was kept: whoever began with nothing instead would be taken for it.
pub(super) fn expect_no_restore(path: &Path) -> Result<()> {
    let left = Draft::unfinished(path).with_context(|| format!("cannot look at `{}`", path.display()))?;
    let Some(left) = left else { return Ok(()) };
    let (left, name) = (left.display(), path.file_name().unwrap_or_default().display());
    bail!(
        "`{left}` is there and no `{name}`: a restore is under way, or was not completed\nhint: run `rbq restore` again; or, to start \
         with nothing, remove `{left}`"
    )
}
