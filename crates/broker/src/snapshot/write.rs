//! Images of keys into sections.

use rbq_listqueue::{BlockKind, List};
use rbq_stream::Stream;

use super::{BLOCK, END, HEAD, LIST, PART, STREAM, STRING, VERSION};
use crate::keyspace::Image;
use crate::op::wire::{put_bytes, put_varint};
use crate::string::Str;
use crate::value::Value;

/// A section is handed on once it has this many bytes: large enough that framing costs nothing, small enough to be
/// held in memory without a thought.
const SECTION_BYTES: usize = 64 * 1024;

/// Encodes images, handing on sections as they fill.
#[derive(Debug)]
pub struct Writer {
    section: Vec<u8>,
    part: Vec<u8>,
    keys: u64,
}

impl Writer {
    /// Begins a snapshot of a group with this index and number of databases.
    pub fn new(index: u64, databases: usize) -> Self {
        let mut section = vec![HEAD];
        put_varint(&mut section, VERSION);
        put_varint(&mut section, index);
        put_varint(&mut section, databases as u64);
        Self { section, part: Vec::new(), keys: 0 }
    }

    /// How many keys were added.
    pub fn keys(&self) -> u64 {
        self.keys
    }

    /// Adds a key; `keep` takes each section that is full.
    ///
    /// # Errors
    /// The first one that `keep` answers.
    pub fn add<E>(&mut self, image: &Image, keep: &mut impl FnMut(&[u8]) -> Result<(), E>) -> Result<(), E> {
        self.keys += 1;
        match &image.value {
            Value::String(string) => self.add_string(image, string),
            Value::List(list) => self.add_list(image, list, keep)?,
            Value::Stream(stream) => self.add_stream(image, stream, keep)?,
        }
        self.hand_on(SECTION_BYTES, keep)
    }

    /// Ends the snapshot.
    ///
    /// # Errors
    /// The one that `keep` answers.
    pub fn finish<E>(mut self, keep: &mut impl FnMut(&[u8]) -> Result<(), E>) -> Result<(), E> {
        self.section.push(END);
        put_varint(&mut self.section, self.keys);
        self.hand_on(1, keep)
    }

    fn hand_on<E>(&mut self, bytes_min: usize, keep: &mut impl FnMut(&[u8]) -> Result<(), E>) -> Result<(), E> {
        if self.section.len() < bytes_min {
            return Ok(());
        }
        keep(&self.section)?;
        self.section.clear();
        if self.section.capacity() > 2 * SECTION_BYTES {
            self.section = Vec::new();
        }
        Ok(())
    }

    fn add_key(&mut self, item: u8, image: &Image) {
        let out = &mut self.section;
        out.push(item);
        out.push(image.db);
        put_bytes(out, &image.key);
        put_varint(out, image.deadline_ms.map_or(0, |deadline_ms| deadline_ms.saturating_add(1)));
    }

    fn add_string(&mut self, image: &Image, string: &Str) {
        self.add_key(STRING, image);
        match string {
            Str::Integer(number) => {
                self.section.push(0);
                self.section.extend_from_slice(&number.to_le_bytes());
            }
            _ => {
                self.section.push(1);
                put_bytes(&mut self.section, string.bytes(&mut itoa::Buffer::new()));
            }
        }
    }

    fn add_list<E>(
        &mut self,
        image: &Image,
        list: &List,
        keep: &mut impl FnMut(&[u8]) -> Result<(), E>,
    ) -> Result<(), E> {
        self.add_key(LIST, image);
        for block in list.blocks() {
            self.section.extend_from_slice(&[BLOCK, u8::from(block.kind() == BlockKind::Large)]);
            put_varint(&mut self.section, block.count() as u64);
            put_bytes(&mut self.section, block.bytes());
            self.hand_on(SECTION_BYTES, keep)?;
        }
        Ok(())
    }

    fn add_stream<E>(
        &mut self,
        image: &Image,
        stream: &Stream,
        keep: &mut impl FnMut(&[u8]) -> Result<(), E>,
    ) -> Result<(), E> {
        self.add_key(STREAM, image);
        for part in stream.sections() {
            self.part.clear();
            part.encode(&mut self.part);
            self.section.push(PART);
            put_bytes(&mut self.section, &self.part);
            self.hand_on(SECTION_BYTES, keep)?;
        }
        Ok(())
    }
}
