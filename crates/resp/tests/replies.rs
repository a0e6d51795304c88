//! Replies byte by byte, in both versions of the protocol.

#![allow(missing_docs)]

use bytes::Bytes;
use insta::assert_snapshot;
use rbq_resp::{Encoder, LazyReply, NullSink, Progress, Proto, Sink};

/// What both versions make of the same calls.
fn both(write: impl Fn(&mut dyn Sink)) -> String {
    let encoded = [Proto::Resp2, Proto::Resp3].map(|proto| {
        let mut out = b"kept".to_vec();
        write(&mut Encoder::new(&mut out, proto));
        assert!(out.starts_with(b"kept"), "replies are appended");
        out[4..].escape_ascii().to_string()
    });
    match encoded {
        [two, three] if two == three => two,
        [two, three] => format!("{two} | {three}"),
    }
}

#[test]
fn every_kind_of_element() {
    let all: Vec<String> = [
        both(|sink| sink.status("OK")),
        both(|sink| sink.status("QUEUED")),
        both(|sink| sink.error("ERR no such key")),
        both(|sink| sink.integer(0)),
        both(|sink| sink.integer(-1)),
        both(|sink| sink.bulk(b"")),
        both(|sink| sink.bulk(b"a\r\n\0\xff")),
        both(|sink| sink.bulk_shared(&Bytes::from_static(b"shared"))),
        both(|sink| sink.null()),
        both(|sink| sink.null_array()),
        both(|sink| sink.array(0)),
        both(|sink| sink.array(12)),
        both(|sink| sink.map(3)),
        both(|sink| sink.map(0)),
        both(|sink| sink.set(2)),
        both(|sink| sink.push(3)),
        both(|sink| sink.double(1.5)),
        both(|sink| sink.double(f64::INFINITY)),
        both(|sink| sink.double(f64::NEG_INFINITY)),
        both(|sink| sink.double(f64::NAN)),
        both(|sink| sink.double(3.0)),
        both(|sink| sink.boolean(true)),
        both(|sink| sink.boolean(false)),
        both(|sink| sink.verbatim("txt", b"two\nlines")),
        both(|sink| sink.big_number("-12345678901234567890123")),
        both(|sink| sink.raw(b":1\r\n:2\r\n")),
    ]
    .into();
    assert_snapshot!(all.join("\n"), @r"
    +OK\r\n
    +QUEUED\r\n
    -ERR no such key\r\n
    :0\r\n
    :-1\r\n
    $0\r\n\r\n
    $5\r\na\r\n\x00\xff\r\n
    $6\r\nshared\r\n
    $-1\r\n | _\r\n
    *-1\r\n | _\r\n
    *0\r\n
    *12\r\n
    *6\r\n | %3\r\n
    *0\r\n | %0\r\n
    *2\r\n | ~2\r\n
    *3\r\n | >3\r\n
    $3\r\n1.5\r\n | ,1.5\r\n
    $3\r\ninf\r\n | ,inf\r\n
    $4\r\n-inf\r\n | ,-inf\r\n
    $3\r\nnan\r\n | ,nan\r\n
    $1\r\n3\r\n | ,3\r\n
    :1\r\n | #t\r\n
    :0\r\n | #f\r\n
    $9\r\ntwo\nlines\r\n | =13\r\ntxt:two\nlines\r\n
    $24\r\n-12345678901234567890123\r\n | (-12345678901234567890123\r\n
    :1\r\n:2\r\n
    ");
}

#[test]
fn integers_and_heads_of_every_length() {
    for value in (0..20).map(|power| 10_u64.pow(power)).flat_map(|power| [power - 1, power, power + 1]) {
        let Ok(integer) = i64::try_from(value) else { continue };
        assert_eq!(both(|sink| sink.integer(integer)), format!(r":{integer}\r\n"));
        assert_eq!(both(|sink| sink.integer(-integer)), format!(r":{}\r\n", -integer));
        assert_eq!(both(|sink| sink.array(integer as usize)), format!(r"*{integer}\r\n"));
    }
    assert_eq!(both(|sink| sink.integer(i64::MIN)), r":-9223372036854775808\r\n");
    for len in [0, 9, 10, 99, 100, 1000] {
        let bytes = vec![b'x'; len];
        assert_eq!(both(|sink| sink.bulk(&bytes)), format!(r"${len}\r\n{}\r\n", "x".repeat(len)));
    }
}

#[test]
fn no_text_can_end_its_line_early() {
    assert_snapshot!(both(|sink| sink.error("ERR a\r\nb\nc\r:1\r\n")), @r"-ERR a  b c :1\r\n");
    assert_snapshot!(both(|sink| sink.status("a\r\nb")), @r"+a  b\r\n");
}

/// Counts down, an integer an element, and shows the bounds it was called with.
struct Countdown(i64);

impl LazyReply for Countdown {
    fn encode(&mut self, out: &mut Vec<u8>, proto: Proto, bytes_max: usize) -> Progress {
        let start = out.len();
        let mut encoder = Encoder::new(out, proto);
        while self.0 > 0 {
            if encoder.out().len() - start >= bytes_max {
                return Progress::More;
            }
            encoder.integer(self.0);
            self.0 -= 1;
        }
        Progress::Done
    }

    fn pending_bytes_hint(&self) -> usize {
        self.0 as usize * 8
    }
}

#[test]
fn a_sink_that_knows_no_lazy_bodies_encodes_them_at_once() {
    let mut out = Vec::new();
    Encoder::new(&mut out, Proto::Resp3).lazy(Box::new(Countdown(50_000)));
    let expected: String = (1..=50_000).rev().map(|value| format!(":{value}\r\n")).collect();
    assert_eq!(out, expected.as_bytes());
}

#[test]
fn a_lazy_body_comes_in_pieces_of_about_the_size_asked_for() {
    let mut body = Countdown(1_000);
    let mut pieces = Vec::new();
    loop {
        let mut piece = Vec::new();
        let progress = body.encode(&mut piece, Proto::Resp2, 100);
        assert!(piece.len() <= 100 + 7);
        pieces.push(piece);
        if progress == Progress::Done {
            break;
        }
    }
    assert!(pieces.len() > 10);
    assert_eq!(pieces.concat().iter().filter(|byte| **byte == b':').count(), 1_000);
}

#[test]
fn the_null_sink_takes_everything() {
    let mut sink = NullSink;
    let mut by_reference: &mut dyn Sink = &mut sink;
    let nested = &mut by_reference;
    nested.array(1);
    nested.lazy(Box::new(Countdown(i64::MAX)));
    nested.bulk_shared(&Bytes::from_static(b"x"));
    assert_eq!(nested.proto(), Proto::Resp2);
}

#[test]
fn a_reference_to_a_sink_passes_every_call_on() {
    let direct = both(write_all);
    let mut out = Vec::new();
    let mut encoder = Encoder::new(&mut out, Proto::Resp3);
    let mut reference = &mut encoder;
    write_all(&mut reference);
    assert_eq!(reference.proto(), Proto::Resp3);
    assert_eq!(direct.split(" | ").last(), Some(&*out.escape_ascii().to_string()));
}

fn write_all(sink: &mut dyn Sink) {
    sink.status("OK");
    sink.error("ERR");
    sink.integer(1);
    sink.bulk(b"b");
    sink.bulk_shared(&Bytes::from_static(b"s"));
    sink.null();
    sink.null_array();
    sink.array(1);
    sink.map(1);
    sink.set(1);
    sink.push(1);
    sink.double(0.5);
    sink.boolean(true);
    sink.verbatim("txt", b"v");
    sink.big_number("1");
    sink.lazy(Box::new(Countdown(2)));
    sink.raw(b"+raw\r\n");
}
