//! What a key can hold.
//!
//! Everything that the keyspace asks of a value (its type's name, its encoding as Redis would report it, its
//! memory, its digest) is one trait, so that another type is a new implementation and one variant here.

use rbq_listqueue::List;
use rbq_stream::Stream;

use crate::string::Str;

/// What the keyspace asks of every type of value.
pub trait Kind {
    /// The answer to TYPE.
    fn type_name(&self) -> &'static str;
    /// The answer to OBJECT ENCODING under Redis's default thresholds.
    fn encoding(&self) -> &'static str;
    /// Bytes held, without the key.
    fn memory_bytes(&self) -> usize;
    /// Feeds everything durable, in a fixed order, so that equal values give equal digests.
    fn digest(&self, feed: &mut dyn FnMut(&[u8]));
}

/// The value of a key.
#[derive(Debug, Clone)]
pub enum Value {
    /// A string or a number.
    String(Str),
    /// A list.
    List(Box<List>),
    /// A stream.
    Stream(Box<Stream>),
}

impl Value {
    /// Values of at least this many bytes are dropped on another thread: freeing one takes longer than a command
    /// should hold the broker.
    pub const GARBAGE_BYTES_MIN: usize = 64 * 1024;

    /// Another one that shares nothing with it. A clone shares its blocks, so that nothing counts what the two will take when
    /// they are read back from the log or a snapshot.
    pub fn duplicate(&self) -> Self {
        match self {
            Self::String(string) => Self::String(string.duplicate()),
            Self::List(list) => Self::List(Box::new(list.duplicate())),
            Self::Stream(stream) => Self::Stream(Box::new(stream.duplicate())),
        }
    }

    /// This value as its type.
    pub fn kind(&self) -> &dyn Kind {
        match self {
            Self::String(string) => string,
            Self::List(list) => &**list,
            Self::Stream(stream) => &**stream,
        }
    }
}

impl Kind for List {
    fn type_name(&self) -> &'static str {
        "list"
    }

    fn encoding(&self) -> &'static str {
        self.redis_encoding().as_str()
    }

    fn memory_bytes(&self) -> usize {
        List::memory_bytes(self)
    }

    fn digest(&self, feed: &mut dyn FnMut(&[u8])) {
        for element in self.iter() {
            feed(&(element.len() as u64).to_le_bytes());
            feed(&element);
        }
    }
}

impl Kind for Stream {
    fn type_name(&self) -> &'static str {
        "stream"
    }

    fn encoding(&self) -> &'static str {
        "stream"
    }

    fn memory_bytes(&self) -> usize {
        Stream::memory_bytes(self)
    }

    fn digest(&self, mut feed: &mut dyn FnMut(&[u8])) {
        Stream::digest(self, &mut feed);
    }
}
