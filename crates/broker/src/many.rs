//! A run of values inside an op: the elements of a push, the fields of an entry, the keys of a DEL.
//!
//! It borrows from the request that brought it or from the log record it was read from, so that neither path
//! allocates for it.

use rbq_resp::{Bulk, Request};

use crate::op::wire::{DecodeError, Field, Input, put_bytes, put_varint};

/// A borrowed run of byte strings.
#[derive(Clone, Copy)]
pub struct Many<'a> {
    source: Source<'a>,
    count: usize,
}

#[derive(Clone, Copy)]
enum Source<'a> {
    Request(Request<'a>),
    Record(&'a [u8]),
}

impl<'a> Many<'a> {
    /// All arguments of this view.
    pub fn of(request: Request<'a>) -> Self {
        Self { count: request.len(), source: Source::Request(request) }
    }

    /// Only the first `count` of them.
    pub fn first(self, count: usize) -> Self {
        Self { count: count.min(self.count), ..self }
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.count
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// The values in order.
    pub fn iter(&self) -> Iter<'a> {
        Iter { source: self.source, at: 0, left: self.count }
    }
}

impl<'a> IntoIterator for Many<'a> {
    type Item = Bulk<'a>;
    type IntoIter = Iter<'a>;
    fn into_iter(self) -> Iter<'a> {
        self.iter()
    }
}

impl std::fmt::Debug for Many<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.iter().map(|bulk| String::from_utf8_lossy(bulk.as_slice()).into_owned())).finish()
    }
}

/// Walks a [`Many`].
#[derive(Clone)]
pub struct Iter<'a> {
    source: Source<'a>,
    at: usize,
    left: usize,
}

impl<'a> Iterator for Iter<'a> {
    type Item = Bulk<'a>;

    #[inline]
    fn next(&mut self) -> Option<Bulk<'a>> {
        if self.left == 0 {
            return None;
        }
        self.left -= 1;
        match &mut self.source {
            Source::Request(request) => {
                let bulk = request.get(self.at);
                self.at += 1;
                bulk
            }
            Source::Record(bytes) => {
                let mut input = Input::new(bytes);
                let value = input.bytes().expect("lengths were checked when the record was decoded");
                *bytes = input.rest();
                Some(Bulk::Slice(value))
            }
        }
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.left, Some(self.left))
    }
}

impl ExactSizeIterator for Iter<'_> {}

impl<'a> Field<'a> for Many<'a> {
    fn encode(&self, out: &mut Vec<u8>) {
        put_varint(out, self.count as u64);
        for value in self.iter() {
            put_bytes(out, &value);
        }
    }

    fn decode(input: &mut Input<'a>) -> Result<Self, DecodeError> {
        let count = usize::try_from(input.varint()?).map_err(|_| DecodeError::Length)?;
        let start = input.rest();
        for _ in 0..count {
            input.bytes()?;
        }
        Ok(Self { count, source: Source::Record(&start[..start.len() - input.rest().len()]) })
    }
}
