//! A folder of transcripts, read whole.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use thiserror::Error;

use crate::{conversation::Script, parse::ParseError};

/// The transcripts of a folder and the folders in it, sorted by path.
#[derive(Debug)]
pub struct Corpus {
    /// The files.
    pub scripts: Vec<Script>,
}

/// A folder of transcripts could not be read.
#[derive(Debug, Error)]
pub enum CorpusError {
    /// A file or folder cannot be read.
    #[error("{path}: {source}")]
    Io {
        /// Which.
        path: PathBuf,
        /// The system's error.
        source: io::Error,
    },
    /// A file is not a transcript.
    #[error(transparent)]
    Parse(#[from] ParseError),
}

impl Corpus {
    /// Reads every `.txt` file below `folder`. Scripts are named by their path from there.
    pub fn read(folder: &Path) -> Result<Self, CorpusError> {
        let mut paths = Vec::new();
        walk(folder, &mut paths)?;
        paths.sort();
        let scripts = paths.iter().map(|path| {
            let text = fs::read_to_string(path).map_err(at(path))?;
            let name = path.strip_prefix(folder).unwrap_or(path);
            Ok(Script::parse(name, &text)?)
        });
        Ok(Self { scripts: scripts.collect::<Result<_, CorpusError>>()? })
    }
}

fn walk(folder: &Path, found: &mut Vec<PathBuf>) -> Result<(), CorpusError> {
    for entry in fs::read_dir(folder).map_err(at(folder))? {
        let path = entry.map_err(at(folder))?.path();
        if path.is_dir() {
            walk(&path, found)?;
        } else if path.extension().is_some_and(|extension| extension == "txt") {
            found.push(path);
        }
    }
    Ok(())
}

fn at(path: &Path) -> impl FnOnce(io::Error) -> CorpusError {
    let path = path.to_owned();
    move |source| CorpusError::Io { path, source }
}
