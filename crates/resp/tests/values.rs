//! What the bytes of a server mean to a client.

#![allow(clippy::unwrap_used, missing_docs)]

use bytes::Bytes;
use insta::assert_snapshot;
use rbq_resp::{FrameError, FrameScanner, ScanLimits, Value, ValueDecoder};

const LIMITS: ScanLimits = ScanLimits { depth_max: 5, frame_bytes_max: 1_000, line_bytes_max: 50 };

fn decode(limits: ScanLimits, pieces: &[&[u8]]) -> (Vec<Value>, Result<usize, FrameError>) {
    let mut decoder = ValueDecoder::new(limits);
    let mut values = Vec::new();
    for piece in pieces {
        decoder.feed(piece);
        loop {
            match decoder.next() {
                Ok(Some(value)) => values.push(value),
                Ok(None) => break,
                Err(error) => {
                    assert_eq!(decoder.next(), Err(error), "an error stays");
                    return (values, Err(error));
                }
            }
        }
    }
    (values, Ok(decoder.buffered()))
}

/// Each value on a line, then what is left or wrong.
fn show(limits: ScanLimits, bytes: &[u8]) -> String {
    let (values, end) = decode(limits, &[bytes]);
    let mut shown: String = values.iter().map(|value| format!("{value:?}\n")).collect();
    match end {
        Ok(0) => {}
        Ok(left) => shown.push_str(&format!("? {left} bytes\n")),
        Err(error) => shown.push_str(&format!("! {error}\n")),
    }
    shown
}

#[test]
fn every_type_of_both_versions() {
    assert_snapshot!(show(LIMITS, b"+OK\r\n-ERR no\r\n:-42\r\n$3\r\na\r\n\r\n$-1\r\n*-1\r\n*2\r\n:1\r\n*0\r\n"), @r#"
    Status("OK")
    Error("ERR no")
    Integer(-42)
    Bulk(b"a\r\n")
    Null
    NullArray
    Array([Integer(1), Array([])])
    "#);
    assert_snapshot!(show(LIMITS, b"_\r\n#t\r\n#f\r\n,1.5\r\n,-inf\r\n,1e3\r\n,nan\r\n(-123\r\n=7\r\ntxt:abc\r\n!5\r\nERR x\r\n~1\r\n:1\r\n>2\r\n+m\r\n:1\r\n%1\r\n+k\r\n*1\r\n_\r\n"), @r#"
    Null
    Boolean(true)
    Boolean(false)
    Double(1.5)
    Double(-inf)
    Double(1000.0)
    Double(NaN)
    BigNumber("-123")
    Verbatim { format: "txt", text: b"abc" }
    Error("ERR x")
    Set([Integer(1)])
    Push([Status("m"), Integer(1)])
    Map([(Status("k"), Array([Null]))])
    "#);
}

#[test]
fn maps_and_sets_keep_the_order_and_the_equals_of_the_wire() {
    assert_snapshot!(show(LIMITS, b"%3\r\n+z\r\n:1\r\n+a\r\n:2\r\n+z\r\n:3\r\n~3\r\n:2\r\n:1\r\n:2\r\n"), @r#"
    Map([(Status("z"), Integer(1)), (Status("a"), Integer(2)), (Status("z"), Integer(3))])
    Set([Integer(2), Integer(1), Integer(2)])
    "#);
}

#[test]
fn attributes_are_read_and_dropped_wherever_they_stand() {
    assert_snapshot!(show(LIMITS, b"|1\r\n+ttl\r\n*1\r\n:9\r\n|0\r\n*2\r\n|1\r\n+a\r\n|1\r\n+b\r\n:0\r\n+c\r\n:1\r\n:2\r\n+end\r\n"), @r#"
    Array([Integer(1), Integer(2)])
    Status("end")
    "#);
}

#[test]
fn integers_of_every_length() {
    for value in [999_999_999_999_999, 99_999_999_999_999_999, 999_999_999_999_999_999, i64::MAX, i64::MIN, 0, -1] {
        let bytes = format!(":{value}\r\n");
        assert_eq!(decode(LIMITS, &[bytes.as_bytes()]), (vec![Value::Integer(value)], Ok(0)));
    }
    assert_snapshot!(show(LIMITS, b":+5\r\n:007\r\n:-0\r\n:9223372036854775808\r\n"), @r"
    Integer(5)
    Integer(7)
    Integer(0)
    ! reply has an invalid integer
    ");
}

#[test]
fn what_is_not_utf8_is_kept_in_bulks_and_replaced_in_lines() {
    assert_snapshot!(show(LIMITS, b"$2\r\n\xff\x00\r\n+a\xffb\r\n-ERR '\xff'\r\n"), @r#"
    Bulk(b"\xff\0")
    Status("a�b")
    Error("ERR '�'")
    "#);
}

#[test]
fn a_cr_alone_belongs_to_its_line() {
    assert_snapshot!(show(LIMITS, b"+a\rb\nc\r\n+\r\r\n"), @r#"
    Status("a\rb\nc")
    Status("\r")
    "#);
}

#[test]
fn broken_replies_are_refused_with_the_reason() {
    for (bytes, error) in [
        (&b"x\r\n"[..], FrameError::UnknownType(b'x')),
        (b"\r\n", FrameError::UnknownType(b'\r')),
        (b"HELLO 3\r\n", FrameError::UnknownType(b'H')),
        (b"$abc\r\n", FrameError::InvalidLength),
        (b"$\r\n", FrameError::InvalidLength),
        (b"$-2\r\n", FrameError::InvalidLength),
        (b"$01\r\n", FrameError::InvalidLength),
        (b"*+1\r\n", FrameError::InvalidLength),
        (b"%-1\r\n", FrameError::InvalidLength),
        (b"~-1\r\n", FrameError::InvalidLength),
        (b">-1\r\n", FrameError::InvalidLength),
        (b"|-1\r\n", FrameError::InvalidLength),
        (b"!-1\r\n", FrameError::InvalidLength),
        (b"=-1\r\n", FrameError::InvalidLength),
        (b"$3\r\nabcd\r\n", FrameError::MissingLineEnd),
        (b":x\r\n", FrameError::InvalidScalar("integer")),
        (b":\r\n", FrameError::InvalidScalar("integer")),
        (b",x\r\n", FrameError::InvalidScalar("double")),
        (b"#x\r\n", FrameError::InvalidScalar("boolean")),
        (b"#true\r\n", FrameError::InvalidScalar("boolean")),
        (b"_x\r\n", FrameError::InvalidScalar("null")),
        (b"(\r\n", FrameError::InvalidScalar("big number")),
        (b"(-\r\n", FrameError::InvalidScalar("big number")),
        (b"(12x\r\n", FrameError::InvalidScalar("big number")),
        (b"=3\r\ntxt\r\n", FrameError::InvalidScalar("verbatim string")),
        (b"=4\r\ntxt-\r\n", FrameError::InvalidScalar("verbatim string")),
        (b"$?\r\n", FrameError::Streamed),
        (b"*?\r\n", FrameError::Streamed),
        (b"%?\r\n", FrameError::Streamed),
        (b"~?\r\n", FrameError::Streamed),
    ] {
        let shown = bytes.escape_ascii();
        assert_eq!(decode(LIMITS, &[bytes]), (vec![], Err(error)), "{shown}");
        let inside = [b"+OK\r\n*2\r\n:1\r\n", bytes].concat();
        assert_eq!(decode(LIMITS, &[&inside]), (vec![Value::Status("OK".into())], Err(error)), "{shown}");
    }
}

#[test]
fn size_and_depth_are_bounded_before_anything_is_built() {
    assert_snapshot!(show(LIMITS, b"*1\r\n*1\r\n%1\r\n+a\r\n~1\r\n>1\r\n:1\r\n"), @r#"Array([Array([Map([(Status("a"), Set([Push([Integer(1)])]))])])])"#);
    assert_snapshot!(show(LIMITS, b"*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n"), @"! reply is nested too deep");
    assert_snapshot!(show(LIMITS, b"|1\r\n|1\r\n|1\r\n|1\r\n|1\r\n|1\r\n"), @"! reply is nested too deep");
    assert_snapshot!(show(LIMITS, b"$991\r\n"), @"? 6 bytes");
    assert_snapshot!(show(LIMITS, b"$1001\r\n"), @"! reply is too large");
    assert_snapshot!(show(LIMITS, b"*334\r\n"), @"! reply is too large");
    assert_snapshot!(show(LIMITS, b"%167\r\n"), @"! reply is too large");
    assert_snapshot!(show(LIMITS, b"*9223372036854775807\r\n"), @"! reply is too large");
    assert_snapshot!(show(LIMITS, b"%9223372036854775807\r\n"), @"! reply is too large");
    assert_snapshot!(show(LIMITS, b"$9223372036854775807\r\n"), @"! reply is too large");
    let many = [&b"*200\r\n"[..], &b":1234\r\n".repeat(200)].concat();
    assert_snapshot!(show(LIMITS, &many), @"! reply is too large");
    let line = [b'a'; 51];
    assert_eq!(decode(LIMITS, &[b"+", &line[..49]]).1, Ok(50));
    assert_eq!(decode(LIMITS, &[b"+", &line[..50]]).1, Err(FrameError::LineTooLong));
    assert_eq!(decode(LIMITS, &[&[b"+", &line[..50], b"\r\n"].concat()]).1, Err(FrameError::LineTooLong));
}

#[test]
fn a_few_kilobytes_of_nesting_do_no_harm() {
    let deep = b"*1\r\n".repeat(100_000);
    assert_eq!(decode(ScanLimits::default(), &[&deep]), (vec![], Err(FrameError::TooDeep)));
    let attributes = b"|1\r\n:1\r\n:1\r\n".repeat(100_000);
    let (values, end) = decode(ScanLimits::default(), &[&attributes, b":7\r\n"]);
    assert_eq!((values, end), (vec![Value::Integer(7)], Ok(0)), "attributes beside each other are not nested");
    let limits = ScanLimits { depth_max: u8::MAX, ..ScanLimits::default() };
    let (values, end) = decode(limits, &[&b"*1\r\n".repeat(255), b":1\r\n"]);
    assert_eq!((values.len(), end), (1, Ok(0)));
}

#[test]
fn the_result_is_the_same_at_every_split_point_and_no_truncation_is_a_value() {
    let stream = b"*2\r\n+OK\r\n$4\r\na\r\nb\r\n%1\r\n+a\rb\r\n~2\r\n_\r\n,1.5\r\n|1\r\n+x\r\n:1\r\n>1\r\n$-1\r\n=5\r\ntxt:a\r\n";
    let whole = decode(LIMITS, &[stream]);
    assert_eq!((whole.0.len(), whole.1), (4, Ok(0)));
    for first in 0..stream.len() {
        let (front, rest) = stream.split_at(first);
        let (values, end) = decode(LIMITS, &[front]);
        assert!(values.len() < 4 && end.is_ok(), "{first}");
        for second in 0..rest.len() {
            let (middle, back) = rest.split_at(second);
            assert_eq!(decode(LIMITS, &[front, middle, back]), whole);
        }
    }
    let bytes: Vec<&[u8]> = stream.chunks(1).collect();
    assert_eq!(decode(LIMITS, &bytes), whole);
}

#[test]
fn the_scanner_finds_the_end_of_a_frame_and_starts_over() {
    let mut scanner = FrameScanner::new(LIMITS);
    let bytes = b"*2\r\n:1\r\n$3\r\nabc\r\n+next\r\n";
    for len in 0..17 {
        assert_eq!(scanner.scan(&bytes[..len]), Ok(None));
    }
    assert_eq!(scanner.scan(bytes), Ok(Some(17)));
    assert_eq!(scanner.scan(&bytes[17..]), Ok(Some(7)));
}

#[test]
fn strings_share_the_received_bytes() {
    let mut decoder = ValueDecoder::new(ScanLimits::default());
    decoder.feed(b"*2\r\n$3\r\nabc\r\n$3\r\ndef\r\n");
    let Ok(Some(Value::Array(values))) = decoder.next() else { panic!("an array") };
    let [Value::Bulk(first), Value::Bulk(second)] = &values[..] else { panic!("two bulks") };
    assert_eq!(second.as_ptr() as usize - first.as_ptr() as usize, 9);
    assert_eq!(values[0].as_bytes(), Some(&b"abc"[..]));
    assert_eq!(Value::Bulk(Bytes::new()).as_bytes(), Some(&b""[..]));
    assert_eq!(Value::Null.as_bytes(), None);
}
