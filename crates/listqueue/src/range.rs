//! Reading: by index, by range, element after element.
//!
//! Indices are Redis's: 0 is the head, -1 the tail, and what lies outside is cut off rather than refused.

use crate::block::{Block, Body};
use crate::element::Element;
use crate::entry;
use crate::list::List;
use bytes::Bytes;
use std::iter::{Chain, FusedIterator};
use std::ops::Range;
use std::slice;

/// A range as `LRANGE` and `LTRIM` give it, turned into positions from the head; empty when nothing is meant.
pub(crate) fn normalise(start: i64, stop: i64, len: usize) -> Range<usize> {
    let len = len as i64;
    let from_head = |index: i64| {
        if index < 0 { index.saturating_add(len) } else { index }
    };
    let start = from_head(start).max(0);
    let stop = from_head(stop).min(len - 1);
    if start > stop { 0..0 } else { start as usize..stop as usize + 1 }
}

impl List {
    /// The element at `index`, counted from the tail when negative; `None` outside. O(log blocks).
    pub fn get(&self, index: i64) -> Option<Element<'_>> {
        let (block, within) = self.locate(self.position(index)?);
        Some(self.blocks[block].body.element(within))
    }

    /// The elements from `start` to `stop`, both included, as `LRANGE` understands them.
    pub fn range(&self, start: i64, stop: i64) -> Iter<'_> {
        self.iter_positions(normalise(start, stop, self.len))
    }

    /// All elements, from head to tail.
    pub fn iter(&self) -> Iter<'_> {
        self.iter_positions(0..self.len)
    }

    /// Payload bytes from `start` to `stop`, both included: an estimate from whole blocks, good enough to reserve
    /// a buffer or to choose how to answer. Off by at most two bytes an element, and by the unevenness of
    /// the two blocks where the range begins and ends.
    pub fn bytes_in(&self, start: i64, stop: i64) -> usize {
        let range = normalise(start, stop, self.len);
        if range.is_empty() {
            return 0;
        }
        let (first, _) = self.locate(range.start);
        let head = self.head_ordinal();
        let wanted = head + range.start as i64..head + range.end as i64;
        self.blocks
            .range(first..)
            .take_while(|block| block.first < wanted.end)
            .map(|block| {
                let shared = block.past().min(wanted.end) - block.first.max(wanted.start);
                let payload = match &block.body {
                    Body::Packed(packed) => packed.live_len() - 2 * packed.count(),
                    Body::Large(bytes) => bytes.len(),
                };
                payload * shared as usize / block.count()
            })
            .sum()
    }

    /// Where a Redis index points, if inside.
    pub(crate) fn position(&self, index: i64) -> Option<usize> {
        let index = if index < 0 { index.checked_add(self.len as i64)? } else { index };
        usize::try_from(index).ok().filter(|&position| position < self.len)
    }

    /// The block with the element at `position`, which must exist, and which of its elements that is.
    pub(crate) fn locate(&self, position: usize) -> (usize, usize) {
        let ordinal = self.head_ordinal() + position as i64;
        let block = self.blocks.partition_point(|block| block.first <= ordinal) - 1;
        (block, (ordinal - self.blocks[block].first) as usize)
    }

    fn head_ordinal(&self) -> i64 {
        self.blocks.front().map_or(0, |block| block.first)
    }

    pub(crate) fn iter_positions(&self, range: Range<usize>) -> Iter<'_> {
        if range.is_empty() {
            return Iter::new(&[], &[], Run::Done, Run::Done, 0);
        }
        let (first, from) = self.locate(range.start);
        let (last, to) = self.locate(range.end - 1);
        if first == last {
            let run = Run::of_part(&self.blocks[first].body, from..to + 1);
            return Iter::new(&[], &[], run, Run::Done, range.len());
        }
        let front = Run::of_part(&self.blocks[first].body, from..self.blocks[first].count());
        let back = Run::of_part(&self.blocks[last].body, 0..to + 1);
        let (left, right) = self.blocks.as_slices();
        let split = left.len();
        let between = first + 1..last;
        let left = &left[between.start.min(split)..between.end.min(split)];
        let right = &right[between.start.max(split) - split..between.end.max(split) - split];
        Iter::new(left, right, front, back, range.len())
    }
}

impl<'a> IntoIterator for &'a List {
    type Item = Element<'a>;
    type IntoIter = Iter<'a>;

    fn into_iter(self) -> Iter<'a> {
        self.iter()
    }
}

/// Elements of a list in order, from either side. Goes through each block's bytes in sequence: a step costs a few
/// instructions, and no search.
#[derive(Clone)]
pub struct Iter<'a> {
    front: Run<'a>,
    between: Chain<slice::Iter<'a, Block>, slice::Iter<'a, Block>>,
    back: Run<'a>,
    len: usize,
}

impl<'a> Iter<'a> {
    pub(crate) fn new(left: &'a [Block], right: &'a [Block], front: Run<'a>, back: Run<'a>, len: usize) -> Self {
        Iter { front, between: left.iter().chain(right), back, len }
    }
}

impl<'a> Iterator for Iter<'a> {
    type Item = Element<'a>;

    #[inline]
    fn next(&mut self) -> Option<Element<'a>> {
        loop {
            if let Some(element) = self.front.next() {
                self.len -= 1;
                return Some(element);
            }
            match self.between.next() {
                Some(block) => self.front = Run::of(&block.body),
                None => {
                    let element = self.back.next()?;
                    self.len -= 1;
                    return Some(element);
                }
            }
        }
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.len, Some(self.len))
    }
}

impl DoubleEndedIterator for Iter<'_> {
    #[inline]
    fn next_back(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(element) = self.back.next_back() {
                self.len -= 1;
                return Some(element);
            }
            match self.between.next_back() {
                Some(block) => self.back = Run::of(&block.body),
                None => {
                    let element = self.front.next_back()?;
                    self.len -= 1;
                    return Some(element);
                }
            }
        }
    }
}

impl ExactSizeIterator for Iter<'_> {}
impl FusedIterator for Iter<'_> {}

/// What is left to read of one block.
#[derive(Clone, Copy)]
pub(crate) enum Run<'a> {
    Done,
    Packed(&'a [u8]),
    Large(&'a Bytes),
}

impl<'a> Run<'a> {
    pub(crate) fn of(body: &'a Body) -> Self {
        match body {
            Body::Packed(packed) => Run::Packed(packed.live()),
            Body::Large(bytes) => Run::Large(bytes),
        }
    }

    fn of_part(body: &'a Body, range: Range<usize>) -> Self {
        match body {
            Body::Packed(packed) => Run::Packed(packed.entries(range)),
            Body::Large(bytes) => Run::Large(bytes),
        }
    }

    #[inline]
    fn next(&mut self) -> Option<Element<'a>> {
        match self {
            Run::Packed(entries) if !entries.is_empty() => {
                let (payload, size) = entry::first(entries);
                *entries = &entries[size..];
                Some(Element::Slice(payload))
            }
            Run::Large(bytes) => {
                let element = Element::Shared(bytes);
                *self = Run::Done;
                Some(element)
            }
            _ => None,
        }
    }

    #[inline]
    fn next_back(&mut self) -> Option<Element<'a>> {
        match self {
            Run::Packed(entries) if !entries.is_empty() => {
                let (payload, size) = entry::last(entries);
                *entries = &entries[..entries.len() - size];
                Some(Element::Slice(payload))
            }
            run => run.next(),
        }
    }
}
