//! Files that Redis wrote, as one source: an RDB file, an append-only file, a directory of them.
//!
//! What a file is, is seen from its first bytes. An RDB file may be followed by commands, as append-only files before Redis 7
//! were after a rewrite. Files are read twice, first to check them whole; so they are opened by name.

use std::collections::VecDeque;
use std::fs::{self, File};
use std::io::{ErrorKind, Read as _, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rbq_client::reason;
use rbq_journal::{Directory, Kind};
use rbq_rdb::RdbFile;
use rbq_rdb::aof::{CommandLog, Logged, Manifest, Role};

use super::Found;
use crate::cmd::journal::DATA;
use crate::failure::{Failure, Result};

/// What the manifest of an append-only directory is called behind its first part.
const MANIFEST: &str = "manifest";

/// What other programs call their standard input.
const STDIN: &str = "-";

/// Files in the order in which they count.
#[derive(Debug)]
pub(crate) struct Files {
    left: VecDeque<PathBuf>,
    open: Option<Open>,
    db: u32,
    /// Bytes of the files that are done, and of all.
    done_bytes: u64,
    total_bytes: u64,
}

#[derive(Debug)]
struct Open {
    path: PathBuf,
    length: u64,
    content: Content,
}

#[derive(Debug)]
enum Content {
    Keys(Box<RdbFile<File>>),
    Commands(CommandLog<File>),
}

impl Files {
    /// The files that `path` stands for.
    ///
    /// # Errors
    /// It is not there, or it is a directory without a manifest.
    pub(crate) fn open(path: &Path) -> Result<Self> {
        if path.as_os_str() == STDIN {
            return Err(no_file(path));
        }
        let paths = match path.is_dir() {
            true => of_directory(path)?,
            false => {
                refuse_empty(path)?;
                vec![path.to_owned()]
            }
        };
        let mut total_bytes = 0;
        for path in &paths {
            let metadata = fs::metadata(path).map_err(|error| cannot_read(path, &error))?;
            if !metadata.is_file() {
                return Err(no_file(path));
            }
            total_bytes += metadata.len();
        }
        Ok(Self { left: paths.into(), open: None, db: 0, done_bytes: 0, total_bytes })
    }

    pub(crate) fn total_bytes(&self) -> u64 {
        self.total_bytes
    }

    pub(crate) fn done_bytes(&self) -> u64 {
        let open = self.open.as_ref().map_or(0, |open| match &open.content {
            Content::Keys(file) => file.read_bytes(),
            Content::Commands(log) => log.read_bytes(),
        });
        self.done_bytes + open
    }

    /// The next piece.
    pub(crate) fn next(&mut self) -> Result<Option<Found>> {
        loop {
            let Some(open) = &mut self.open else {
                let Some(path) = self.left.pop_front() else { return Ok(None) };
                self.open = Some(Open::first(path)?);
                self.db = 0;
                continue;
            };
            let wrong = |error: rbq_rdb::Error| Failure::new(format!("`{}`: {error}", open.path.display()));
            match &mut open.content {
                Content::Keys(file) => match file.read().map_err(wrong)? {
                    Some(event) => return Ok(Some(Found::Event(event))),
                    None => {
                        let unverified = (!file.is_verified()).then(|| open.path.display().to_string());
                        self.after_keys()?;
                        if let Some(path) = unverified {
                            return Ok(Some(Found::Unverified(path)));
                        }
                    }
                },
                Content::Commands(log) => match log.read().map_err(wrong)? {
                    Some(Logged::Command(args)) => match selected(&args) {
                        Some(db) => self.db = db,
                        None => return Ok(Some(Found::Command { db: self.db, args })),
                    },
                    Some(Logged::Torn { offset }) => {
                        let torn =
                            format!("`{}` ends in the middle of a command, at byte {offset}", open.path.display());
                        // More than the end of everything that was written is missing then.
                        return if self.left.is_empty() {
                            Ok(Some(Found::Torn(torn)))
                        } else {
                            Err(Failure::new(format!("{torn}, and it is not the last file")))
                        };
                    }
                    None => self.close(),
                },
            }
        }
    }

    /// Behind the keys of a file there may be commands.
    fn after_keys(&mut self) -> Result<()> {
        let Some(Open { path, length, content: Content::Keys(file) }) = self.open.take() else { return Ok(()) };
        let offset = file.read_bytes();
        if offset >= length {
            self.done_bytes += length;
            return Ok(());
        }
        let rest = file.into_reader().map_err(|error| Failure::new(format!("`{}`: {error}", path.display())))?;
        self.open = Some(Open { path, length, content: Content::Commands(CommandLog::new(rest, offset)) });
        Ok(())
    }

    fn close(&mut self) {
        self.done_bytes += self.open.take().map_or(0, |open| open.length);
    }
}

impl Open {
    fn first(path: PathBuf) -> Result<Self> {
        let cannot = |error| cannot_read(&path, &error);
        let mut file = File::open(&path).map_err(cannot)?;
        let length = file.metadata().map_err(cannot)?.len();
        let mut begins = Vec::new();
        (&file).take(8).read_to_end(&mut begins).map_err(cannot)?;
        file.seek(SeekFrom::Start(0)).map_err(cannot)?;
        let content = if RdbFile::<File>::begins(&begins) {
            let file = RdbFile::open(file).map_err(|error| Failure::new(format!("`{}`: {error}", path.display())))?;
            Content::Keys(Box::new(file))
        } else if begins.is_empty() || begins.starts_with(b"*") || begins.starts_with(b"#") {
            Content::Commands(CommandLog::new(file, 0))
        } else {
            let shown = path.display();
            let failure = Failure::new(format!("`{shown}` is neither an RDB file nor an append-only file"));
            return Err(match unpacked_by(&begins) {
                Some(tool) => failure.hint(format!("it is compressed: unpack it with `{tool}` first")),
                None => failure,
            });
        };
        Ok(Self { path, length, content })
    }
}

/// The files that the manifest of a directory names.
fn of_directory(path: &Path) -> Result<Vec<PathBuf>> {
    let cannot = |error| cannot_read(path, &error);
    let mut manifests = Vec::new();
    for entry in fs::read_dir(path).map_err(cannot)? {
        let file = entry.map_err(cannot)?.path();
        if file.extension().is_some_and(|extension| extension == MANIFEST) {
            manifests.push(file);
        }
    }
    let [manifest] = manifests.as_slice() else {
        if let Some(failure) = of_rbq(path) {
            return Err(failure);
        }
        let what = if manifests.is_empty() { "no manifest" } else { "more than one manifest" };
        return Err(Failure::new(format!("there is {what} in `{}`", path.display()))
            .hint("give an RDB file, an append-only file, or a directory as Redis writes it, `appendonlydir`"));
    };
    let text = fs::read(manifest).map_err(|error| cannot_read(manifest, &error))?;
    let parsed = Manifest::parse(&text).map_err(|error| Failure::new(format!("`{}`: {error}", manifest.display())))?;
    let Some(base) = parsed.files.iter().find(|file| file.role == Role::Base) else {
        return Err(Failure::new(format!(
            "`{}` names no base file: only a part of the keys is there",
            manifest.display()
        ))
        .hint("Redis writes one with each directory: copy the directory again"));
    };
    // A base of commands is empty where there was no key; one of keys never is.
    if base.name.ends_with(".rdb") {
        refuse_empty(&path.join(&base.name))?;
    }
    Ok(parsed.files.into_iter().map(|file| path.join(file.name)).collect())
}

/// What a copy to a full disk leaves, and no Redis writes.
fn refuse_empty(path: &Path) -> Result<()> {
    let about = fs::metadata(path).map_err(|error| cannot_read(path, &error))?;
    if about.is_file() && about.len() == 0 {
        return Err(
            Failure::new(format!("`{}` is empty", path.display())).hint("copy it again, or have it written again")
        );
    }
    Ok(())
}

/// The database, if this is a SELECT.
fn selected(args: &[Vec<u8>]) -> Option<u32> {
    match args {
        [name, db] if name.eq_ignore_ascii_case(b"SELECT") => std::str::from_utf8(db).ok()?.parse().ok(),
        _ => None,
    }
}

/// What unpacks a file that begins like this.
fn unpacked_by(begins: &[u8]) -> Option<&'static str> {
    let kinds: [(&[u8], &str); 4] =
        [(b"\x1f\x8b", "gunzip"), (b"\x28\xb5\x2f\xfd", "unzstd"), (b"\xfd7zXZ", "unxz"), (b"BZh", "bunzip2")];
    kinds.iter().find(|(magic, _)| begins.starts_with(magic)).map(|(_, tool)| *tool)
}

/// Not kept in a file of ours: it may be larger than the place for such, and its user knows a better one.
fn no_file(path: &Path) -> Failure {
    Failure::new(format!(
        "`{}` is no file, and an import reads its source twice: to check it, and to write",
        path.display()
    ))
    .hint("put it into a file first: `zcat dump.rdb.gz > dump.rdb`")
}

/// A directory of rbq's own is no source, and needs none: a server reads it.
fn of_rbq(path: &Path) -> Option<Failure> {
    let kind = |path: &Path| Kind::of(Arc::new(Directory::open(path).ok()?)).ok().filter(|kind| *kind != Kind::Other);
    let below = path.join(DATA);
    let (data, kind) = [path, &below].into_iter().find_map(|path| Some((path.display(), kind(path)?)))?;
    let what = if kind == Kind::Backup { "backup" } else { "data directory" };
    let failure = Failure::new(format!("`{data}` is a {what} of rbq, and nothing that Redis wrote"));
    Some(failure.hint(format!(
        "`rbq restore {data} DIR` and `rbq server --dir DIR` serve what is in it; that server is a source, `redis://…`"
    )))
}

fn cannot_read(path: &Path, error: &std::io::Error) -> Failure {
    let failure = Failure::new(format!("cannot read `{}`: {}", path.display(), reason(error).to_lowercase()));
    match address(path) {
        Some(address) if error.kind() == ErrorKind::NotFound => {
            failure.hint(format!("a server is named by a URL: `redis://{address}`"))
        }
        _ => failure,
    }
}

/// What looks like `host:port`.
fn address(path: &Path) -> Option<&str> {
    let text = path.to_str().filter(|text| !text.contains('/'))?;
    let (host, port) = text.rsplit_once(':')?;
    (!host.is_empty() && port.parse::<u16>().is_ok()).then_some(text)
}
