//! The list and a `VecDeque<Vec<u8>>` are put through the same operations and must agree on every answer.
//!
//! Blocks of 64 bytes hit the seams with almost every operation; blocks of 8 KiB are what ships. Slices and clones
//! are taken on the way and looked at again at the very end.

use crate::encoding::listpack_size;
use crate::{End, Iter, List, Place, RedisEncoding, Slice};
use bytes::Bytes;
use proptest::prelude::*;
use std::collections::VecDeque;

#[derive(Clone, Debug)]
enum Op {
    Push(End, usize),
    PushShared(End, usize),
    PushAll(End, Vec<usize>),
    Pop(End),
    PopMany(End, usize),
    Rotate(End),
    Get(i64),
    Set(i64, usize),
    SetShared(i64, usize),
    Insert(Place, usize, usize),
    Remove(i64, usize),
    Trim(i64, i64),
    Discard(End, usize),
    Range(i64, i64),
    Positions(usize, i64, usize, usize),
    Slice(i64, i64),
    Clone,
    Swap,
    Reload,
    Forget,
}

fn end() -> impl Strategy<Value = End> {
    prop_oneof![Just(End::Head), Just(End::Tail)]
}

fn place() -> impl Strategy<Value = Place> {
    prop_oneof![Just(Place::Before), Just(Place::After)]
}

fn index() -> impl Strategy<Value = i64> {
    prop_oneof![8 => -60..60i64, 1 => -4..4i64, 1 => prop_oneof![Just(i64::MIN), Just(i64::MAX)]]
}

/// Which of the case's elements.
const POOL: usize = 10;

fn op() -> impl Strategy<Value = Op> {
    let e = || 0..POOL;
    prop_oneof![
        12 => (end(), e()).prop_map(|(end, e)| Op::Push(end, e)),
        2 => (end(), e()).prop_map(|(end, e)| Op::PushShared(end, e)),
        4 => (end(), prop::collection::vec(e(), 0..12)).prop_map(|(end, es)| Op::PushAll(end, es)),
        6 => end().prop_map(Op::Pop),
        2 => (end(), 0..10usize).prop_map(|(end, n)| Op::PopMany(end, n)),
        2 => end().prop_map(Op::Rotate),
        2 => index().prop_map(Op::Get),
        6 => (index(), e()).prop_map(|(i, e)| Op::Set(i, e)),
        1 => (index(), e()).prop_map(|(i, e)| Op::SetShared(i, e)),
        6 => (place(), e(), e()).prop_map(|(place, pivot, e)| Op::Insert(place, pivot, e)),
        4 => (-3..4i64, e()).prop_map(|(count, e)| Op::Remove(count, e)),
        1 => (index(), index()).prop_map(|(start, stop)| Op::Trim(start, stop)),
        1 => (0..3i64, -3..0i64).prop_map(|(start, stop)| Op::Trim(start, stop)),
        1 => (end(), 0..20usize).prop_map(|(end, n)| Op::Discard(end, n)),
        2 => (index(), index()).prop_map(|(start, stop)| Op::Range(start, stop)),
        2 => (e(), prop_oneof![-4..0i64, 1..5i64], 0..4usize, 0..40usize)
            .prop_map(|(e, rank, count, maxlen)| Op::Positions(e, rank, count, maxlen)),
        2 => (index(), index()).prop_map(|(start, stop)| Op::Slice(start, stop)),
        1 => Just(Op::Clone),
        1 => Just(Op::Swap),
        1 => Just(Op::Reload),
        1 => Just(Op::Forget),
    ]
}

/// An element; a failure shows its length alone.
#[derive(Clone)]
struct Blob(Vec<u8>);

impl std::fmt::Debug for Blob {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} bytes", self.0.len())
    }
}

/// Lengths where something changes: nothing, one, the second length byte, a block, twice that, a big one.
fn element(block_bytes: usize) -> impl Strategy<Value = Blob> {
    let near = |n: usize| n.saturating_sub(6)..n + 4;
    let len = prop_oneof![
        4 => 0..8usize,
        4 => 8..80usize,
        2 => near(128),
        1 => near(block_bytes / 2),
        1 => near(block_bytes),
        1 => 0..block_bytes,
        1 => Just(20 * 1024),
    ];
    (len, any::<u8>(), any::<bool>()).prop_map(|(len, seed, digits)| {
        if digits && len < 20 {
            return Blob(format!("{:01$}", u64::from(seed) * 7919, len).into_bytes());
        }
        Blob((0..len).map(|i| seed.wrapping_add(i as u8)).collect())
    })
}

fn case() -> impl Strategy<Value = (usize, Vec<Blob>, Vec<Op>)> {
    prop_oneof![3 => Just(64usize), 2 => Just(100), 2 => Just(256), 1 => Just(1024), 1 => Just(8192)].prop_flat_map(
        |block_bytes| {
            let pool = prop::collection::vec(element(block_bytes), POOL);
            (Just(block_bytes), pool, prop::collection::vec(op(), 1..150))
        },
    )
}

/// What was true when it was taken.
enum Kept {
    Slice(Slice, Vec<Vec<u8>>),
    List(List, Vec<Vec<u8>>),
}

struct Pair {
    encoding: RedisEncoding,
    list: List,
    model: VecDeque<Vec<u8>>,
    kept: Vec<Kept>,
    pool: Vec<Vec<u8>>,
}

fn collect(elements: Iter<'_>) -> Vec<Vec<u8>> {
    let len = elements.len();
    let all: Vec<Vec<u8>> = elements.map(|element| element.to_vec()).collect();
    assert_eq!(all.len(), len);
    all
}

/// `LRANGE`'s arithmetic, written for wide integers and nothing else.
fn model_range(start: i64, stop: i64, len: usize) -> std::ops::Range<usize> {
    let (start, stop, len) = (i128::from(start), i128::from(stop), len as i128);
    let start = if start < 0 { (start + len).max(0) } else { start };
    let stop = if stop < 0 { stop + len } else { stop.min(len - 1) };
    if start > stop || start >= len { 0..0 } else { start as usize..stop as usize + 1 }
}

impl Pair {
    fn position(&self, index: i64) -> Option<usize> {
        let len = self.model.len() as i128;
        let index = i128::from(index) + if index < 0 { len } else { 0 };
        (0..len).contains(&index).then_some(index as usize)
    }

    fn all(&self) -> Vec<Vec<u8>> {
        self.model.iter().cloned().collect()
    }

    fn listpack_bytes(&self) -> usize {
        7 + self.model.iter().map(|e| listpack_size(e)).sum::<usize>()
    }

    fn about_to_grow(&mut self, added: usize) {
        if self.listpack_bytes() + added > 8192 {
            self.encoding = RedisEncoding::Quicklist;
        }
    }

    fn shrunk(&mut self) {
        if self.listpack_bytes() <= 4096 {
            self.encoding = RedisEncoding::Listpack;
        }
    }

    fn shrunk_from(&mut self, len: usize) {
        if self.model.len() < len {
            self.shrunk();
        }
    }

    fn push_model(&mut self, end: End, e: usize) {
        match end {
            End::Head => self.model.push_front(self.pool[e].clone()),
            End::Tail => self.model.push_back(self.pool[e].clone()),
        }
    }

    fn pop_model(&mut self, end: End) -> Option<Vec<u8>> {
        match end {
            End::Head => self.model.pop_front(),
            End::Tail => self.model.pop_back(),
        }
    }

    fn apply(&mut self, op: &Op) {
        match *op {
            Op::Push(..) | Op::PushShared(..) | Op::PushAll(..) => self.push(op),
            // A rotation leaves the encoding alone, but may pass under the limit on its way.
            Op::Rotate(_) => self.pop(op),
            Op::Pop(_) | Op::PopMany(..) => {
                let len = self.model.len();
                self.pop(op);
                self.shrunk_from(len);
            }
            Op::Remove(..) => {
                let len = self.model.len();
                self.edit(op);
                self.shrunk_from(len);
            }
            Op::Set(..) | Op::SetShared(..) | Op::Insert(..) => self.edit(op),
            Op::Trim(..) | Op::Discard(..) => {
                self.drop_some(op);
                self.shrunk();
            }
            Op::Get(..) | Op::Range(..) | Op::Positions(..) => self.read(op),
            Op::Slice(..) | Op::Clone | Op::Swap | Op::Reload | Op::Forget => self.keep(op),
        }
    }

    fn push(&mut self, op: &Op) {
        match op {
            &Op::Push(end, e) => {
                self.about_to_grow(self.pool[e].len());
                self.list.push(end, &self.pool[e]);
                self.push_model(end, e);
            }
            &Op::PushShared(end, e) => {
                self.about_to_grow(self.pool[e].len());
                self.list.push_shared(end, Bytes::from(self.pool[e].clone()));
                self.push_model(end, e);
            }
            Op::PushAll(end, es) => {
                self.about_to_grow(es.iter().map(|&e| self.pool[e].len()).sum());
                self.list.push_all(*end, es.iter().map(|&e| &self.pool[e][..]));
                es.iter().for_each(|&e| self.push_model(*end, e));
            }
            _ => unreachable!("not a push"),
        }
    }

    fn pop(&mut self, op: &Op) {
        match *op {
            Op::Pop(end) => {
                let expected = self.pop_model(end);
                assert_eq!(self.list.peek(end).map(|e| e.to_vec()), expected);
                assert_eq!(self.list.pop(end).map(Vec::from), expected);
            }
            Op::PopMany(end, n) => {
                for _ in 0..n {
                    let expected = self.pop_model(end);
                    assert_eq!(self.list.pop_with(end, |e| e.to_vec()), expected);
                }
            }
            Op::Rotate(from) => {
                let expected = self.pop_model(from);
                match (from, &expected) {
                    (_, None) => {}
                    (End::Head, Some(e)) => self.model.push_back(e.clone()),
                    (End::Tail, Some(e)) => self.model.push_front(e.clone()),
                }
                assert_eq!(self.list.rotate(from).map(|e| e.to_vec()), expected);
            }
            _ => unreachable!("not a pop"),
        }
    }

    fn edit(&mut self, op: &Op) {
        match *op {
            Op::Set(index, e) | Op::SetShared(index, e) => {
                let element = self.pool[e].clone();
                let position = self.position(index);
                let set = match op {
                    Op::Set(..) => self.list.set(index, &element),
                    _ => self.list.set_shared(index, Bytes::from(element.clone())),
                };
                assert_eq!(set, position.is_some());
                if let Some(position) = position {
                    self.about_to_grow(element.len());
                    self.model[position] = element;
                    self.shrunk();
                }
            }
            Op::Insert(place, pivot, e) => {
                let (pivot, element) = (self.pool[pivot].clone(), self.pool[e].clone());
                let inserted = self.list.insert(place, &pivot, &element);
                let found = self.model.iter().position(|x| *x == pivot);
                if let Some(at) = found {
                    self.about_to_grow(element.len());
                    self.model.insert(at + usize::from(place == Place::After), element);
                }
                assert_eq!(inserted, found.map(|_| self.model.len()));
            }
            Op::Remove(count, e) => {
                let removed = self.list.remove(count, &self.pool[e]);
                assert_eq!(removed, self.remove_model(count, e));
            }
            _ => unreachable!("not an edit"),
        }
    }

    fn remove_model(&mut self, count: i64, e: usize) -> usize {
        let element = &self.pool[e];
        let mut hits: Vec<usize> = (0..self.model.len()).filter(|&i| self.model[i] == *element).collect();
        if count < 0 {
            hits.reverse();
        }
        if count != 0 {
            hits.truncate(count.unsigned_abs() as usize);
        }
        hits.sort_unstable();
        for &i in hits.iter().rev() {
            self.model.remove(i);
        }
        hits.len()
    }

    fn drop_some(&mut self, op: &Op) {
        match *op {
            Op::Trim(start, stop) => {
                let range = model_range(start, stop, self.model.len());
                let kept: VecDeque<_> = self.model.range(range).cloned().collect();
                assert_eq!(self.list.trim(start, stop), self.model.len() - kept.len());
                self.model = kept;
            }
            Op::Discard(end, n) => {
                let expected = n.min(self.model.len());
                (0..n).for_each(|_| drop(self.pop_model(end)));
                assert_eq!(self.list.discard(end, n), expected);
            }
            _ => unreachable!("drops nothing"),
        }
    }

    fn read(&mut self, op: &Op) {
        match *op {
            Op::Get(index) => {
                let expected = self.position(index).map(|i| self.model[i].clone());
                assert_eq!(self.list.get(index).map(|e| e.to_vec()), expected);
            }
            Op::Range(start, stop) => {
                let range = model_range(start, stop, self.model.len());
                let expected: Vec<_> = self.model.range(range).cloned().collect();
                assert_eq!(collect(self.list.range(start, stop)), expected);
                let backward: Vec<_> = self.list.range(start, stop).rev().map(|e| e.to_vec()).collect();
                assert!(backward.iter().rev().eq(expected.iter()));
            }
            Op::Positions(e, rank, count, maxlen) => {
                let found = self.list.positions(&self.pool[e], rank, count, maxlen);
                assert_eq!(found, self.positions_model(e, rank, count, maxlen));
            }
            _ => unreachable!("reads nothing"),
        }
    }

    fn positions_model(&self, e: usize, rank: i64, count: usize, maxlen: usize) -> Vec<u64> {
        let mut order: Vec<usize> = (0..self.model.len()).collect();
        if rank < 0 {
            order.reverse();
        }
        if maxlen > 0 {
            order.truncate(maxlen);
        }
        order.retain(|&i| self.model[i] == self.pool[e]);
        order.drain(..order.len().min(rank.unsigned_abs() as usize - 1));
        if count > 0 {
            order.truncate(count);
        }
        order.iter().map(|&i| i as u64).collect()
    }

    fn keep(&mut self, op: &Op) {
        match *op {
            Op::Slice(start, stop) => {
                let range = model_range(start, stop, self.model.len());
                let expected = self.model.range(range).cloned().collect();
                self.kept.push(Kept::Slice(self.list.slice(start, stop), expected));
            }
            Op::Clone => self.kept.push(Kept::List(self.list.clone(), self.all())),
            // Go on with the clone, keep the original.
            Op::Swap => {
                let clone = self.list.clone();
                let original = std::mem::replace(&mut self.list, clone);
                self.kept.push(Kept::List(original, self.all()));
            }
            Op::Reload => {
                let loaded = List::from_blocks(self.list.blocks()).expect("own blocks are sound");
                assert!(loaded == self.list);
                loaded.audit();
                let slice = self.list.slice(0, -1);
                let loaded = List::from_blocks(slice.blocks()).expect("own blocks are sound");
                assert!(loaded == self.list);
            }
            Op::Forget => self.kept.clear(),
            _ => unreachable!("keeps nothing"),
        }
    }

    fn check(&self) {
        self.list.audit();
        assert_eq!(self.list.len(), self.model.len());
        assert_eq!(self.list.is_empty(), self.model.is_empty());
        assert_eq!(self.list.listpack_bytes(), self.listpack_bytes());
        assert_eq!(self.list.redis_encoding(), self.encoding);
    }

    fn check_deeply(&self) {
        assert_eq!(collect(self.list.iter()), self.all());
        for kept in &self.kept {
            match kept {
                Kept::Slice(slice, expected) => {
                    assert_eq!(&collect(slice.iter()), expected);
                    let mut cursor = slice.clone().cursor();
                    for element in expected {
                        assert!(cursor.next().expect("as many as there were") == element);
                    }
                    assert_eq!((cursor.remaining(), cursor.next().is_none()), (0, true));
                }
                Kept::List(list, expected) => {
                    list.audit();
                    assert_eq!(&collect(list.iter()), expected);
                }
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_list_answers_as_its_model((block_bytes, pool, ops) in case()) {
        let list = List::with_block_bytes(block_bytes);
        let pool = pool.into_iter().map(|blob| blob.0).collect();
        let mut pair = Pair { encoding: RedisEncoding::Listpack, list, model: VecDeque::new(), kept: Vec::new(), pool };
        for op in &ops {
            pair.apply(op);
            pair.check();
        }
        pair.check_deeply();
    }
}
