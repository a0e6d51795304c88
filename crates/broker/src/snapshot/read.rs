//! Sections into a group.

use rbq_listqueue::{BlockKind, BlockRef, ListBuilder};
use rbq_resp::Bulk;
use rbq_stream::Restore;
use thiserror::Error;

use super::{BLOCK, END, HEAD, LIST, PART, STREAM, STRING, VERSION};
use crate::group::Group;
use crate::op::wire::{DecodeError, Input};
use crate::string::Str;
use crate::value::Value;

/// Why sections are no snapshot.
#[derive(Debug, Error)]
pub enum Corrupt {
    /// A field that cannot be.
    #[error("snapshot: {0}")]
    Field(#[from] DecodeError),
    /// A list's block that cannot be.
    #[error("snapshot: {0}")]
    List(#[from] rbq_listqueue::Corrupt),
    /// A stream's part that cannot be.
    #[error("snapshot: {0}")]
    Stream(#[from] rbq_stream::Corrupt),
    /// Another version of this format.
    #[error("snapshot of format version {0}; this version reads {VERSION}")]
    Version(u64),
    /// It has a key in a database that is not there.
    #[error("snapshot of {needed} databases at least; `databases` allows {allowed}")]
    Databases {
        /// As many it needs.
        needed: u64,
        /// As many there are.
        allowed: usize,
    },
    /// An item where none of its kind may be.
    #[error("snapshot: item {0} out of place")]
    Item(u8),
    /// A key twice, or one with nothing in it.
    #[error("snapshot: a key that cannot be")]
    Key,
    /// Another number of keys than was said.
    #[error("snapshot of {found} keys where {declared} were announced")]
    Keys {
        /// The number that was said.
        declared: u64,
        /// The number found.
        found: u64,
    },
    /// It ends too early.
    #[error("snapshot without an end")]
    Unfinished,
}

struct Place {
    db: u8,
    key: Box<[u8]>,
    deadline_ms: Option<u64>,
}

/// What the items so far began.
enum State {
    Start,
    Between,
    List(Place, ListBuilder),
    Stream(Place, Box<Restore>),
    Ended,
}

/// Fills an empty group with a snapshot's keys, section by section.
pub struct Reader<'g> {
    group: &'g mut Group,
    state: State,
    keys: u64,
    /// When it is read.
    now_ms: u64,
}

impl<'g> Reader<'g> {
    /// Reads into this group, which is empty.
    pub fn new(group: &'g mut Group, now_ms: u64) -> Self {
        Self { group, state: State::Start, keys: 0, now_ms }
    }

    /// Takes the next section.
    ///
    /// # Errors
    /// What could not have been written. The group is then of no use.
    pub fn push(&mut self, section: &[u8]) -> Result<(), Corrupt> {
        let mut input = Input::new(section);
        while !input.rest().is_empty() {
            let item = input.byte()?;
            self.item(item, &mut input)?;
        }
        Ok(())
    }

    /// How many keys there are, when all sections were taken.
    ///
    /// # Errors
    /// When there should have been more.
    pub fn finish(self) -> Result<u64, Corrupt> {
        match self.state {
            State::Ended => Ok(self.keys),
            _ => Err(Corrupt::Unfinished),
        }
    }

    fn item(&mut self, item: u8, input: &mut Input<'_>) -> Result<(), Corrupt> {
        match (item, &mut self.state) {
            (HEAD, State::Start) => self.head(input),
            (BLOCK, State::List(_, builder)) => {
                let kind = if input.byte()? == 0 { BlockKind::Packed } else { BlockKind::Large };
                let count = usize::try_from(input.varint()?).map_err(|_| DecodeError::Length)?;
                Ok(builder.push(BlockRef::new(kind, count, input.bytes()?))?)
            }
            (PART, State::Stream(_, restore)) => Ok(restore.push(input.bytes()?)?),
            (STRING | LIST | STREAM | END, State::Between | State::List(..) | State::Stream(..)) => {
                self.close()?;
                self.open(item, input)
            }
            _ => Err(Corrupt::Item(item)),
        }
    }

    fn head(&mut self, input: &mut Input<'_>) -> Result<(), Corrupt> {
        let version = input.varint()?;
        if version != VERSION {
            return Err(Corrupt::Version(version));
        }
        self.group.index = input.varint()?;
        // How many there were; only those with keys need to be there again.
        let _databases = input.varint()?;
        self.state = State::Between;
        Ok(())
    }

    /// Ends the key under way.
    fn close(&mut self) -> Result<(), Corrupt> {
        match std::mem::replace(&mut self.state, State::Between) {
            State::List(place, builder) => {
                let list = builder.finish();
                if list.is_empty() {
                    return Err(Corrupt::Key);
                }
                self.insert(&place, Value::List(Box::new(list)))
            }
            State::Stream(place, restore) => {
                let stream = restore.finish()?;
                self.insert(&place, Value::Stream(Box::new(stream)))
            }
            _ => Ok(()),
        }
    }

    fn open(&mut self, item: u8, input: &mut Input<'_>) -> Result<(), Corrupt> {
        if item == END {
            let declared = input.varint()?;
            self.state = State::Ended;
            return match declared == self.keys {
                true => Ok(()),
                false => Err(Corrupt::Keys { declared, found: self.keys }),
            };
        }
        let (db, key) = (input.byte()?, input.bytes()?.into());
        let place = Place { db, key, deadline_ms: input.varint()?.checked_sub(1) };
        match item {
            LIST => self.state = State::List(place, ListBuilder::new()),
            STREAM => self.state = State::Stream(place, Box::new(Restore::new())),
            _ => {
                let string = match input.byte()? {
                    0 => {
                        let bytes = input.take(8)?.try_into().expect("eight were asked for");
                        Str::Integer(i64::from_le_bytes(bytes))
                    }
                    1 => Str::new(Bulk::Slice(input.bytes()?)),
                    choice => return Err(DecodeError::Choice(choice).into()),
                };
                return self.insert(&place, Value::String(string));
            }
        }
        Ok(())
    }

    fn insert(&mut self, place: &Place, value: Value) -> Result<(), Corrupt> {
        let allowed = self.group.dbs.len();
        let Some(db) = self.group.dbs.get_mut(usize::from(place.db)) else {
            return Err(Corrupt::Databases { needed: u64::from(place.db) + 1, allowed });
        };
        if db.live(&place.key, 0).is_some() {
            return Err(Corrupt::Key);
        }
        db.insert(&place.key, value, place.deadline_ms, self.now_ms);
        self.keys += 1;
        Ok(())
    }
}
