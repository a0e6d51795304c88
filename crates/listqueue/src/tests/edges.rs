//! Redis's answers at the edges of its list commands, as the real server gives them.

use crate::{End, List, Place};

fn list(elements: &str) -> List {
    elements.split_whitespace().collect()
}

fn show<'a>(elements: impl IntoIterator<Item = crate::Element<'a>>) -> String {
    let words: Vec<_> = elements.into_iter().map(|e| String::from_utf8_lossy(&e).into_owned()).collect();
    words.join(" ")
}

#[test]
fn an_index_counts_from_the_head_or_from_the_tail() {
    let list = list("a b c");
    for (index, expected) in [(0, "a"), (2, "c"), (-1, "c"), (-3, "a")] {
        assert_eq!(list.get(index).expect("inside"), expected, "{index}");
    }
    for outside in [3, -4, i64::MAX, i64::MIN] {
        assert!(list.get(outside).is_none(), "{outside}");
    }
}

#[test]
fn a_range_is_cut_to_what_there_is() {
    let list = list("a b c d e");
    for (start, stop, expected) in [
        (0, -1, "a b c d e"),
        (1, 3, "b c d"),
        (-3, 2, "c"),
        (-100, 1, "a b"),
        (3, 100, "d e"),
        (4, 4, "e"),
        (-1, -5, ""),
        (5, 10, ""),
        (3, 1, ""),
        (0, -6, ""),
        (i64::MIN, i64::MAX, "a b c d e"),
        (i64::MAX, i64::MIN, ""),
        (i64::MIN, i64::MIN, ""),
    ] {
        assert_eq!(show(list.range(start, stop)), expected, "{start} {stop}");
        assert_eq!(show(list.slice(start, stop).iter()), expected, "{start} {stop}");
    }
    assert_eq!(List::new().range(0, -1).len(), 0);
}

#[test]
fn a_trim_keeps_what_a_range_would_show() {
    for (start, stop, removed, kept) in [
        (0, -1, 0, "a b c d e"),
        (1, -2, 2, "b c d"),
        (-2, -1, 3, "d e"),
        (2, 100, 2, "c d e"),
        (3, 1, 5, ""),
        (5, 10, 5, ""),
        (0, i64::MIN, 5, ""),
        (i64::MIN, 0, 4, "a"),
    ] {
        let mut list = list("a b c d e");
        assert_eq!(list.trim(start, stop), removed, "{start} {stop}");
        assert_eq!(show(&list), kept, "{start} {stop}");
        list.audit();
    }
}

#[test]
fn a_removal_counts_from_the_side_its_sign_says() {
    for (count, removed, kept) in [
        (0, 3, "b c"),
        (1, 1, "b a c a"),
        (2, 2, "b c a"),
        (99, 3, "b c"),
        (-1, 1, "a b a c"),
        (-2, 2, "a b c"),
        (i64::MIN, 3, "b c"),
        (i64::MAX, 3, "b c"),
    ] {
        let mut list = list("a b a c a");
        assert_eq!(list.remove(count, b"a"), removed, "{count}");
        assert_eq!(show(&list), kept, "{count}");
        list.audit();
    }
    assert_eq!(list("a b").remove(0, b"x"), 0);
}

#[test]
fn an_insert_goes_to_the_first_pivot() {
    for (place, pivot, len, after) in [
        (Place::Before, "a", Some(4), "new a b a"),
        (Place::After, "a", Some(4), "a new b a"),
        (Place::Before, "b", Some(4), "a new b a"),
        (Place::After, "b", Some(4), "a b new a"),
        (Place::Before, "x", None, "a b a"),
        (Place::After, "", None, "a b a"),
    ] {
        let mut list = list("a b a");
        assert_eq!(list.insert(place, pivot.as_bytes(), b"new"), len, "{place:?} {pivot}");
        assert_eq!(show(&list), after, "{place:?} {pivot}");
        list.audit();
    }
}

#[test]
fn a_set_outside_changes_nothing() {
    let mut list = list("a b c");
    assert!(list.set(1, b"B") && list.set(-1, b"C"));
    for outside in [3, -4, i64::MIN, i64::MAX] {
        assert!(!list.set(outside, b"x"), "{outside}");
    }
    assert_eq!(show(&list), "a B C");
}

#[test]
fn positions_follow_rank_count_and_maxlen() {
    // The examples of the LPOS page, and what it leaves open.
    let list = list("a b c 1 2 3 c c");
    for (rank, count, maxlen, expected) in [
        (1, 1, 0, vec![2]),
        (2, 1, 0, vec![6]),
        (-1, 1, 0, vec![7]),
        (1, 2, 0, vec![2, 6]),
        (-1, 2, 0, vec![7, 6]),
        (1, 0, 0, vec![2, 6, 7]),
        (-1, 0, 0, vec![7, 6, 2]),
        (2, 0, 0, vec![6, 7]),
        (-2, 0, 0, vec![6, 2]),
        (4, 0, 0, vec![]),
        (1, 0, 2, vec![]),
        (1, 0, 3, vec![2]),
        (-1, 0, 1, vec![7]),
        (-2, 0, 1, vec![]),
        (1, 0, 999, vec![2, 6, 7]),
        (i64::MAX, 0, 0, vec![]),
        (i64::MIN, 0, 0, vec![]),
    ] {
        assert_eq!(list.positions(b"c", rank, count, maxlen), expected, "{rank} {count} {maxlen}");
    }
    assert!(List::new().positions(b"c", -1, 0, 0).is_empty());
}

#[test]
fn numbers_are_compared_as_text() {
    let list = list("10 010 1e1 +10");
    assert_eq!(list.positions(b"10", 1, 0, 0), [0]);
    assert_eq!(list.positions(b"010", 1, 0, 0), [1]);
}

#[test]
fn an_empty_list_answers_everything() {
    let mut list = List::new();
    for end in [End::Head, End::Tail] {
        assert!(list.pop(end).is_none() && list.peek(end).is_none());
        assert!(list.rotate(end).is_none());
        assert_eq!(list.discard(end, 10), 0);
    }
    assert_eq!(list.trim(0, -1) + list.trim(1, 0), 0);
    assert_eq!(list.bytes_in(0, -1), 0);
    assert_eq!((list.slice(0, -1).len(), list.blocks().count()), (0, 0));
    assert!(list.slice(0, -1).cursor().next().is_none());
    list.audit();
}
