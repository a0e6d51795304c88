//! The manifest: one line a file, `file NAME seq N type b|i|h`.

use crate::error::{Error, Problem, Result};

/// A manifest longer than this is none: a line has some 60 bytes, and Redis keeps a handful of files.
const BYTES_MAX: usize = 1024 * 1024;

/// What a file of the directory is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// The state at the last rewrite.
    Base,
    /// The commands since.
    Incremental,
    /// Left from before the last rewrite; it counts no more.
    History,
}

/// A file of the directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct File {
    /// Its name in the directory.
    pub name: String,
    /// What it is.
    pub role: Role,
}

/// The files that make up the state.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Manifest {
    /// Base first, then what follows it, in order.
    pub files: Vec<File>,
}

impl Manifest {
    /// Reads a manifest's text.
    ///
    /// # Errors
    /// A line that is no line of a manifest, or a name that leads out of the directory; the offset is the line's.
    pub fn parse(text: &[u8]) -> Result<Self> {
        if text.len() > BYTES_MAX {
            return Err(damaged(0));
        }
        let mut files: Vec<(u64, File)> = Vec::new();
        let mut offset = 0;
        for line in text.split_inclusive(|byte| *byte == b'\n') {
            let trimmed = line.trim_ascii();
            if !trimmed.is_empty() && !trimmed.starts_with(b"#") {
                files.push(parse_line(trimmed).ok_or_else(|| damaged(offset))?);
            }
            offset += line.len() as u64;
        }
        files.retain(|(_, file)| file.role != Role::History);
        files.sort_by_key(|(sequence, file)| (file.role != Role::Base, *sequence));
        Ok(Self { files: files.into_iter().map(|(_, file)| file).collect() })
    }
}

fn damaged(offset: u64) -> Error {
    Problem::Damaged("a line of the manifest").at(offset)
}

fn parse_line(line: &[u8]) -> Option<(u64, File)> {
    let words = words(std::str::from_utf8(line).ok()?)?;
    let mut words = words.into_iter();
    let (mut name, mut sequence, mut role) = (None, None, None);
    while let (Some(what), Some(value)) = (words.next(), words.next()) {
        match what.as_str() {
            "file" => name = Some(value),
            "seq" => sequence = value.parse().ok(),
            "type" => {
                role = match value.as_str() {
                    "b" => Some(Role::Base),
                    "i" => Some(Role::Incremental),
                    "h" => Some(Role::History),
                    _ => None,
                };
            }
            // Later versions add pairs, such as where a file starts and ends in the replication stream.
            _ => {}
        }
    }
    let name = name.filter(|name| !name.is_empty() && !name.contains('/') && name != "." && name != "..")?;
    Some((sequence?, File { name, role: role? }))
}

/// Words between blanks; a name with a blank in it stands in double quotes, with backslashes.
fn words(line: &str) -> Option<Vec<String>> {
    let mut words = Vec::new();
    let mut letters = line.chars().peekable();
    while letters.peek().is_some() {
        while letters.next_if(|letter| letter.is_ascii_whitespace()).is_some() {}
        let mut word = String::new();
        if letters.next_if_eq(&'"').is_some() {
            loop {
                match letters.next()? {
                    '"' => break,
                    '\\' => word.push(letters.next()?),
                    letter => word.push(letter),
                }
            }
        } else {
            while let Some(letter) = letters.next_if(|letter| !letter.is_ascii_whitespace()) {
                word.push(letter);
            }
        }
        words.push(word);
    }
    Some(words)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_come_base_first_and_in_order() {
        let text = b"file a.3.incr.aof seq 3 type i\nfile \"my log.2.base.rdb\" seq 2 type b\n\
            file a.1.incr.aof seq 1 type h\nfile a.2.incr.aof seq 2 type i startoffset 17\n";
        let manifest = Manifest::parse(text).unwrap();
        let names: Vec<&str> = manifest.files.iter().map(|file| file.name.as_str()).collect();
        assert_eq!(names, ["my log.2.base.rdb", "a.2.incr.aof", "a.3.incr.aof"]);
    }

    #[test]
    fn a_wrong_line_is_named_by_its_offset() {
        for text in ["file a seq 1 type i\nfile ../x seq 2 type i\n", "file a seq 1 type i\nnonsense\n"] {
            assert_eq!(Manifest::parse(text.as_bytes()).unwrap_err().offset, 20);
        }
    }
}
