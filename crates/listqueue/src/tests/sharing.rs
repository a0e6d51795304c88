//! Who holds which bytes: what is shared is not copied, and what is seen does not change.

use crate::{Element, End, List, Slice, SliceCursor};
use bytes::Bytes;

const fn is_send<T: Send + Sync>() {}
const _: () = {
    is_send::<List>();
    is_send::<Slice>();
    is_send::<SliceCursor>();
};

fn numbers(count: usize) -> List {
    (0..count).map(|i| format!("element {i:08}")).collect()
}

fn addresses(list: &List) -> Vec<*const u8> {
    list.blocks().map(|block| block.bytes().as_ptr()).collect()
}

#[test]
fn a_clone_shares_all_blocks_but_the_ends() {
    let list = numbers(5000);
    let clone = list.clone();
    let (ours, theirs) = (addresses(&list), addresses(&clone));
    let last = ours.len() - 1;
    assert!(last > 5);
    assert_eq!(ours[1..last], theirs[1..last]);
    assert_ne!(ours[last], theirs[last]);
    assert!(clone == list);
}

#[test]
fn popping_from_a_shared_block_copies_nothing() {
    let mut list = numbers(5000);
    let slice = list.slice(0, -1);
    let before = addresses(&list);
    list.discard(End::Head, 2000);
    let at = before.len() - addresses(&list).len();
    list.pop(End::Head);
    let after = addresses(&list);
    assert_eq!(after[1..], before[at + 1..]);
    let offset = after[0] as usize - before[at] as usize;
    assert!(offset < crate::BLOCK_BYTES, "still the same buffer");
    assert_eq!(slice.len(), 5000);
    list.audit();
}

#[test]
fn an_edit_in_a_shared_block_copies_that_block_alone() {
    let mut list = numbers(5000);
    let slice = list.slice(0, -1);
    let before = addresses(&list);
    assert!(list.set(2500, b"ELEMENT 00002500"));
    let after = addresses(&list);
    let changed = before.iter().zip(&after).filter(|(a, b)| a != b).count();
    assert_eq!((before.len(), changed), (after.len(), 1));
    assert!(slice.iter().eq(numbers(5000).iter()));
    // Alone again, the block is written where it lies.
    drop(slice);
    let before = addresses(&list);
    assert!(list.set(1000, b"ELEMENT 00001000"));
    assert_eq!(addresses(&list), before);
    list.audit();
}

#[test]
fn pushing_after_a_slice_leaves_the_slice_alone() {
    let mut list = numbers(300);
    let slices: Vec<Slice> = (0..300)
        .map(|i| {
            list.push(End::Tail, format!("tail {i}").as_bytes());
            list.push(End::Head, format!("head {i}").as_bytes());
            list.slice(0, -1)
        })
        .collect();
    for (i, slice) in slices.iter().enumerate() {
        assert_eq!(slice.len(), 302 + 2 * i);
        assert_eq!(slice.iter().next().expect("a head"), format!("head {i}"));
        assert_eq!(slice.iter().next_back().expect("a tail"), format!("tail {i}"));
    }
    // Taking them did not break the list into pieces.
    assert!(addresses(&list).len() <= 4);
}

#[test]
fn a_large_element_keeps_its_buffer_from_push_to_pop() {
    let large = Bytes::from(vec![7; 100_000]);
    let mut list = numbers(10);
    list.push_shared(End::Tail, large.clone());
    list.push(End::Tail, b"after");
    let slice = list.slice(0, -1);
    match list.get(10) {
        Some(Element::Shared(found)) => assert_eq!(found.as_ptr(), large.as_ptr()),
        other => panic!("a large element stands alone: {other:?}"),
    }
    list.pop(End::Tail);
    let popped = list.pop(End::Tail).expect("it is there");
    assert_eq!(popped.as_ptr(), large.as_ptr());
    let mut cursor = slice.cursor();
    (0..10).for_each(|_| assert!(cursor.next().is_some()));
    assert!(matches!(cursor.next(), Some(Element::Shared(found)) if found.as_ptr() == large.as_ptr()));
    assert_eq!(cursor.next().expect("one more"), "after");
}

#[test]
fn a_large_element_moves_between_lists_without_a_copy() {
    let large = Bytes::from(vec![7; 100_000]);
    let (mut from, mut to) = (List::new(), List::new());
    from.push_shared(End::Tail, large.clone());
    from.pop_with(End::Head, |element| to.push_element(End::Head, element));
    assert_eq!(to.pop(End::Tail).expect("moved").as_ptr(), large.as_ptr());
}

#[test]
fn a_cursor_goes_on_where_it_stopped() {
    let mut list = numbers(5000);
    let mut cursor = list.slice(100, 4099).cursor();
    for i in 100..4100 {
        if i == 2000 {
            list.trim(1, 0);
        }
        assert_eq!(cursor.remaining(), 4100 - i);
        assert_eq!(cursor.next().expect("there are more"), format!("element {i:08}"));
    }
    assert!(cursor.next().is_none());
}

#[test]
fn a_duplicate_shares_nothing() {
    let mut list = numbers(5000);
    list.push(End::Tail, &vec![b'x'; 100_000]);
    list.push(End::Tail, b"last");
    let own = list.duplicate();
    assert!(addresses(&list).iter().all(|place| !addresses(&own).contains(place)));
    assert!(own == list);
    own.audit();
}
