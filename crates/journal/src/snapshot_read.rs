//! Reading a snapshot, a section at a time, each verified before it is shown.

use bytes::Bytes;

use crate::error::OpenError;
use crate::names;
use crate::options::{Identity, Lsn};
use crate::snapshot::{FOOTER_BYTES, HEADER_BYTES, Header, MEANING, Part, SECTION_HEADER_BYTES};
use crate::store::Store;
use crate::walk::{Window, newer};

/// One section of a snapshot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Section {
    /// What the writer called it.
    pub kind: u32,
    /// What the writer put into it.
    pub bytes: Bytes,
}

/// Reads a snapshot, a section at a time. It holds one section in memory, and as much again to read it, and has shown all of the snapshot only when
/// [`next`](Self::next) has returned `None`: what was shown before an error is not a snapshot.
pub struct SnapshotReader {
    window: Window,
    header: Header,
    at: u64,
    sections: u64,
    crc: u32,
    is_done: bool,
}

impl SnapshotReader {
    /// Opens the snapshot of this cut, and looks at both its ends.
    pub(crate) fn open(store: &Store, cut: Lsn) -> Result<Self, OpenError> {
        let name = names::snapshot(cut);
        let mut window = Window::open(store, &name)?;
        let bytes = window.bytes(0, HEADER_BYTES)?;
        let header = Header::decode(&name, bytes)?;
        let crc = crc32c::crc32c(bytes);
        if header.state_version > store.state_version {
            return Err(newer(&name, header.state_version, store.state_version));
        }
        if header.cut != cut {
            let what = format!("it holds the state after record {}", header.cut);
            return Err(OpenError::corrupt(&name, 0, what, MEANING));
        }
        let reader = Self { window, header, at: HEADER_BYTES as u64, sections: 0, crc, is_done: false };
        reader.with_footer()
    }

    /// The same of the journal with this identity: another one's says nothing of it.
    pub(crate) fn open_of(store: &Store, cut: Lsn, identity: Identity) -> Result<Self, OpenError> {
        let reader = Self::open(store, cut)?;
        if reader.identity() != identity {
            let what = "it belongs to another cluster or node than the `id` file says";
            return Err(OpenError::corrupt(&names::snapshot(cut), 0, what, "files of two journals were mixed"));
        }
        Ok(reader)
    }

    /// A file that was cut short is refused before the first section is used.
    fn with_footer(mut self) -> Result<Self, OpenError> {
        let at = self.window.len().saturating_sub(FOOTER_BYTES as u64);
        match Part::decode(self.window.bytes(at, FOOTER_BYTES)?) {
            Some(Part::Footer { bytes_before, .. }) if bytes_before == at => Ok(self),
            _ => Err(OpenError::corrupt(self.window.name(), at, "it does not end with a footer", MEANING)),
        }
    }

    /// The last record whose effect is in the snapshot.
    #[must_use]
    pub fn cut(&self) -> Lsn {
        self.header.cut
    }

    /// The version of the state machine that wrote it.
    #[must_use]
    pub fn state_version(&self) -> u32 {
        self.header.state_version
    }

    /// The wall clock of the newest record in it, in ms, as the caller gave it.
    #[must_use]
    pub fn time_ms(&self) -> u64 {
        self.header.time_ms
    }

    /// Its size in bytes.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.window.len()
    }

    pub(crate) fn identity(&self) -> Identity {
        self.header.identity
    }

    fn damaged(&self, at: u64, what: &str) -> OpenError {
        OpenError::corrupt(self.window.name(), at, what, MEANING)
    }

    /// The next section; `None` after the last one, when the whole file has passed its checksum.
    #[allow(clippy::should_implement_trait)]
    pub fn next(&mut self) -> Result<Option<Section>, OpenError> {
        if self.is_done {
            return Ok(None);
        }
        let at = self.at;
        let bytes = self.window.bytes(at, SECTION_HEADER_BYTES)?;
        let part = Part::decode(bytes);
        let crc_with_part = crc32c::crc32c_append(self.crc, bytes);
        match part {
            None => Err(self.damaged(at, "the checksum of a section's header does not fit")),
            Some(Part::Section { kind, index, bytes, crc }) => {
                let length = usize::try_from(bytes).ok().filter(|_| bytes <= self.window.len() - at);
                let (Some(length), true) = (length, index == self.sections) else {
                    return Err(self.damaged(at, "a section is missing or longer than the file"));
                };
                let start = at + SECTION_HEADER_BYTES as u64;
                let content = self.window.bytes(start, length)?;
                if content.len() < length || crc32c::crc32c(content) != crc {
                    return Err(self.damaged(start, "the checksum of a section does not fit"));
                }
                let content = Bytes::copy_from_slice(content);
                self.crc = crc32c::crc32c_append(crc_with_part, &content);
                self.at = start + bytes;
                self.sections += 1;
                Ok(Some(Section { kind, bytes: content }))
            }
            Some(Part::Footer { sections, bytes_before, file_crc }) => {
                if sections != self.sections || bytes_before != at {
                    return Err(self.damaged(at, "sections are missing"));
                }
                if file_crc != self.crc {
                    return Err(self.damaged(at, "the checksum of the whole file does not fit"));
                }
                if at + FOOTER_BYTES as u64 != self.window.len() {
                    return Err(self.damaged(at, "something follows the end"));
                }
                self.is_done = true;
                Ok(None)
            }
        }
    }

    /// Reads the rest, and returns how many sections there were.
    pub(crate) fn verify(mut self) -> Result<u64, OpenError> {
        while self.next()?.is_some() {}
        Ok(self.sections)
    }
}

impl std::fmt::Debug for SnapshotReader {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SnapshotReader").field("cut", &self.header.cut).field("at", &self.at).finish_non_exhaustive()
    }
}
