//! Why replies are not decoded by `redis-protocol`: each reason given in `value.rs`, as its version 6.0 behaves.
//!
//! If one of these fails after an update, the reason is gone, and so perhaps the need for our own decoding.

#![allow(clippy::unwrap_used, missing_docs)]

use redis_protocol::resp2::decode::decode as decode_resp2;
use redis_protocol::resp2::types::OwnedFrame as Resp2;
use redis_protocol::resp3::decode::complete::decode as decode_resp3;
use redis_protocol::resp3::types::OwnedFrame as Resp3;

#[test]
fn maps_lose_equal_keys_and_their_order() {
    let Ok(Some((Resp3::Map { data, .. }, _))) = decode_resp3(b"%2\r\n+a\r\n:1\r\n+a\r\n:2\r\n") else {
        panic!("a map")
    };
    assert_eq!(data.len(), 1);
    // By its type: a hash table, each with an order of its own.
    let _: std::collections::HashMap<_, _> = data;
}

#[test]
fn keys_may_be_no_aggregates() {
    assert!(decode_resp3(b"%1\r\n*1\r\n:1\r\n:2\r\n").is_err());
    assert!(decode_resp3(b"~1\r\n*0\r\n").is_err());
}

#[test]
fn verbatim_strings_have_two_formats() {
    assert!(decode_resp3(b"=5\r\ntxt:a\r\n").unwrap().is_some());
    assert!(decode_resp3(b"=5\r\nxml:a\r\n").is_err());
}

#[test]
fn one_decoder_knows_the_nulls_of_one_version_and_does_not_tell_them_apart() {
    assert_eq!(decode_resp2(b"*-1\r\n").unwrap(), Some((Resp2::Null, 5)));
    assert_eq!(decode_resp2(b"$-1\r\n").unwrap(), Some((Resp2::Null, 5)));
    assert!(decode_resp3(b"*-1\r\n").is_err());
    assert!(decode_resp3(b"$-1\r\n").is_err());
}

#[test]
fn bytes_after_a_bulk_are_not_looked_at() {
    assert!(decode_resp3(b"$3\r\nabcXX").unwrap().is_some());
}

#[test]
fn lengths_of_integers_near_powers_of_ten() {
    // The computation goes through a double, which cannot tell these from the next power of ten.
    assert_eq!(redis_protocol::digits_in_usize(999_999_999_999_999), 16);
    assert_eq!(redis_protocol::digits_in_usize(99_999_999_999_999), 14);
}
