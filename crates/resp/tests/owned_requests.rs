//! Requests that outlive the read buffer.

#![allow(clippy::unwrap_used, missing_docs)]

use rbq_resp::{BIG_BULK_BYTES, Batch, Bulk, Decoder, Limits, OwnedRequest, encode_request};

#[test]
fn a_view_of_an_owned_request_is_the_request() {
    let big = vec![b'x'; 30_000];
    let mut bytes = Vec::new();
    encode_request([b"LPUSH", b"mail".as_slice(), b"", &big, b"last"], &mut bytes);
    let mut decoder = Decoder::new(Limits::DEFAULT);
    let mut batch = Batch::default();
    decoder.feed(&bytes);
    decoder.decode(&mut batch, 1, usize::MAX).unwrap();
    let request = decoder.request(&batch, 0);
    let (owned, tail) = (request.to_owned(), request.skip(3).to_owned());
    assert_eq!(owned.view(), request);
    assert_eq!(owned.view().arg(3).as_ptr(), request.arg(3).as_ptr(), "a big bulk is shared");
    drop(decoder);

    let args: Vec<&[u8]> = owned.view().iter().map(Bulk::as_slice).collect();
    assert_eq!(args, [b"LPUSH".as_slice(), b"mail", b"", &big, b"last"]);
    assert_eq!(tail.view().iter().map(Bulk::as_slice).collect::<Vec<_>>(), [big.as_slice(), b"last"]);
    assert_eq!(owned.clone(), OwnedRequest::from_args(args));
}

#[test]
fn a_view_can_be_taken_apart() {
    let owned = OwnedRequest::from_args(["a", "bc", "def"]);
    let view = owned.view();
    assert_eq!((view.len(), view.is_empty(), view.bytes_len()), (3, false, 6));
    assert_eq!((view.arg(1), view.get(2).as_deref()), (&b"bc"[..], Some(&b"def"[..])));
    assert!(view.get(3).is_none());
    let rest = view.skip(2);
    assert_eq!((rest.len(), rest.arg(0)), (1, &b"def"[..]));
    assert!(view.skip(3).is_empty() && view.skip(4).is_empty());
    assert_eq!(format!("{view:?}"), r#"[b"a", b"bc", b"def"]"#);
    assert_eq!(view.iter().rev().len(), 3);
    assert!(OwnedRequest::from_args::<[&str; 0]>([]).view().is_empty());
}

#[test]
fn memory_counts_what_is_kept_alive() {
    let small = OwnedRequest::from_args(["LPUSH", "mail", "hello"]);
    assert_eq!(small.memory_bytes(), size_of::<OwnedRequest>() + 14);
    let many = OwnedRequest::from_args(vec!["x"; 1_000]);
    assert!((9_000..20_000).contains(&many.memory_bytes()), "{}", many.memory_bytes());
    let big = OwnedRequest::from_args([vec![b'x'; BIG_BULK_BYTES]]);
    assert!((BIG_BULK_BYTES..BIG_BULK_BYTES + 500).contains(&big.memory_bytes()));
    assert!(matches!(big.view().get(0), Some(Bulk::Shared(_))));
    let below = OwnedRequest::from_args([vec![b'x'; BIG_BULK_BYTES - 1]]);
    assert!(matches!(below.view().get(0), Some(Bulk::Slice(_))));
}
