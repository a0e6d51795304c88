//! What the list says of its memory, checked against the allocator's own books.

use rbq_listqueue::{End, List};
use tikv_jemalloc_ctl::thread;

#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

/// Bytes this thread has allocated so far, and how many more that is than it has freed.
fn books() -> (u64, i64) {
    let allocated = thread::allocatedp::read().expect("statistics are built in").get();
    let freed = thread::deallocatedp::read().expect("statistics are built in").get();
    (allocated, allocated as i64 - freed as i64)
}

fn filled(end: End, count: usize, len: usize) -> List {
    let mut list = List::new();
    let element = vec![b'x'; len];
    (0..count).for_each(|_| list.push(end, &element));
    list
}

#[test]
fn a_steady_queue_allocates_nothing() {
    for (into, out_of) in [(End::Tail, End::Head), (End::Head, End::Tail), (End::Tail, End::Tail)] {
        for depth in [1, 5, 100, 125, 2000, 50_000] {
            let mut list = filled(into, depth, 64);
            let turn = |list: &mut List, times: usize| {
                for _ in 0..times {
                    list.push(into, &[b'y'; 64]);
                    list.pop_with(out_of, |element| assert_eq!(element.len(), 64));
                }
            };
            // Once round, so that the spare block exists.
            turn(&mut list, depth + 1000);
            let (before, _) = books();
            turn(&mut list, 100_000);
            assert_eq!(books().0 - before, 0, "{into:?} to {out_of:?}, {depth} deep");
        }
    }
}

#[test]
fn draining_allocates_next_to_nothing() {
    let mut list = filled(End::Tail, 100_000, 64);
    let (before, _) = books();
    while list.pop_with(End::Head, |_| ()).is_some() {}
    // Smaller rows of handles on the way, and a smaller buffer at the end.
    let taken = books().0 - before;
    assert!(taken < 100_000, "{taken}");
}

#[test]
fn the_memory_figure_is_the_allocators() {
    for len in [0, 1, 10, 64, 100, 500, 1000, 3000, 5000, 8000, 10_000, 50_000] {
        for count in [1, 10, 1000] {
            let (_, before) = books();
            let mut list = filled(End::Tail, count, len);
            for step in 0..3 {
                let taken = books().1 - before;
                let said = (list.memory_bytes() - size_of::<List>()) as i64;
                assert!(said <= taken, "{count} of {len}, step {step}: {said} of {taken}");
                // An own buffer for a large element is rounded up by at most a quarter.
                assert!(taken <= said * 5 / 4 + 64, "{count} of {len}, step {step}: {said} of {taken}");
                list.discard(End::Head, count / 3);
            }
        }
    }
}

/// Redis 7.0.15, `RPUSH` or `LPUSH` of 1,000,000 elements of 64 bytes: `MEMORY USAGE` says 67.48 bytes each, and
/// again 67.48 once half were popped at the other end; `used_memory` grows by 67.57 to 67.60 and 67.69 to 67.74.
#[test]
fn a_million_elements_take_less_than_in_redis() {
    const REDIS_BYTES_PER_ELEMENT: f64 = 67.47;
    for end in [End::Head, End::Tail] {
        let (_, before) = books();
        let mut list = filled(end, 1_000_000, 64);
        let full = (books().1 - before) as f64 / 1e6;
        list.discard(end.opposite(), 500_000);
        let half = (books().1 - before) as f64 / 5e5;
        assert!(full < REDIS_BYTES_PER_ELEMENT, "{end:?}: {full}");
        assert!(half < REDIS_BYTES_PER_ELEMENT, "{end:?}, half popped: {half}");
    }
}

#[test]
fn nothing_is_left_when_all_is_dropped() {
    let (_, before) = books();
    let mut list = filled(End::Tail, 10_000, 64);
    list.push(End::Head, &[b'x'; 20_000]);
    let slice = list.slice(5, -5);
    let clone = list.clone();
    list.remove(0, &[b'x'; 64]);
    drop(clone);
    drop(list);
    assert_eq!(slice.iter().count(), slice.len());
    drop(slice);
    assert_eq!(books().1, before);
}
