//! What the bytes of a client mean. The facts were observed on redis-server 7.0.15 over a socket.

#![allow(clippy::unwrap_used, missing_docs)]

mod play;

use insta::assert_snapshot;
use play::{play, play_whole};
use rbq_resp::{Batch, Bulk, Decoder, Limits, ProtocolError, encode_request};

fn encoded(requests: &[&[&[u8]]]) -> Vec<u8> {
    let mut out = Vec::new();
    for args in requests {
        encode_request(args.iter(), &mut out);
    }
    out
}

#[test]
fn pipelined_requests_of_both_kinds_come_in_order() {
    assert_snapshot!(play_whole(
        b"*2\r\n$4\r\nECHO\r\n$3\r\na\r\n\r\nPING\r\n*1\r\n$0\r\n\r\nset k \"v w\"\n*1\r\n$4\r\nPI"
    ), @r#"
    "ECHO" "a\r\n"
    "PING"
    ""
    "set" "k" "v w"
    ? 10 bytes
    "#);
}

#[test]
fn requests_of_nothing_are_skipped() {
    assert_snapshot!(play_whole(
        b"*0\r\n*-1\r\n*-9223372036854775808\r\n\r\n\n   \t\r\nPING\r\n*0\r\n"
    ), @r#""PING""#);
}

#[test]
fn only_cr_is_looked_at_in_length_lines_and_nothing_after_a_bulk() {
    assert_snapshot!(play_whole(b"*1\rX$4\rXPINGXXPING\r\n"), @r#"
    "PING"
    "PING"
    "#);
    assert_snapshot!(play_whole(b"*1\n$4\nPING\n"), @"? 11 bytes");
}

#[test]
fn inline_lines_are_split_with_quotes_and_escapes() {
    assert_snapshot!(play_whole(b"ECHO \"a\\x41\\n\"\r\nECHO 'a\\'b\\n'\nECHO a\"b c\"\r\nECHO\x0ba\r\nECHO a\rb\r\nPING\r\r\n"), @r#"
    "ECHO" "aA\n"
    "ECHO" "a'b\\n"
    "ECHO" "ab c"
    "ECHO\x0ba"
    "ECHO" "a" "b"
    "PING"
    "#);
}

#[test]
fn an_inline_line_ends_at_nul() {
    // Redis 7.0.15 does not see the line end after a NUL and waits for more until the line is too long. Its splitter
    // takes NUL for the end, and so do we.
    assert_snapshot!(play_whole(b"PING\0 a\r\nECHO a \0\"\r\n\0\r\nPING\r\n"), @r#"
    "PING"
    "ECHO" "a"
    "PING"
    "#);
    assert_snapshot!(play_whole(b"ECHO \"a\0b\"\r\n"), @"! Protocol error: unbalanced quotes in request");
}

/// Bytes, and what is wrong with them; also when a good request comes first.
const BROKEN: &[(&[u8], ProtocolError)] = &[
    (b"*\r\n", ProtocolError::InvalidMultibulkLength),
    (b"*abc\r\n", ProtocolError::InvalidMultibulkLength),
    (b"*+1\r\n", ProtocolError::InvalidMultibulkLength),
    (b"* 1\r\n", ProtocolError::InvalidMultibulkLength),
    (b"*01\r\n", ProtocolError::InvalidMultibulkLength),
    (b"*00\r\n", ProtocolError::InvalidMultibulkLength),
    (b"*-0\r\n", ProtocolError::InvalidMultibulkLength),
    (b"*2147483648\r\n", ProtocolError::InvalidMultibulkLength),
    (b"*9223372036854775808\r\n", ProtocolError::InvalidMultibulkLength),
    (b"*100000000000000000000\r\n", ProtocolError::InvalidMultibulkLength),
    (b"*1\r\nx\r\n", ProtocolError::ExpectedBulk { got: b'x' }),
    (b"*1\r\n:1\r\n", ProtocolError::ExpectedBulk { got: b':' }),
    (b"*1\r\n\r\n", ProtocolError::ExpectedBulk { got: b'\r' }),
    (b"*1\r\n\n\r\n", ProtocolError::ExpectedBulk { got: b'\n' }),
    (b"*1\r\n\x07\r\n", ProtocolError::ExpectedBulk { got: 7 }),
    (b"*1\r\n\0\r\n", ProtocolError::ExpectedBulk { got: 0 }),
    (b"*1\r\n\x1b[2J\r\n", ProtocolError::ExpectedBulk { got: 0x1b }),
    (b"*1\r\n\xff\r\n", ProtocolError::ExpectedBulk { got: 0xff }),
    (b"*2\r\n$1\r\na\r\n*1\r\n", ProtocolError::ExpectedBulk { got: b'*' }),
    (b"*1\r\n$\r\n", ProtocolError::InvalidBulkLength),
    (b"*1\r\n$-1\r\n", ProtocolError::InvalidBulkLength),
    (b"*1\r\n$abc\r\n", ProtocolError::InvalidBulkLength),
    (b"*1\r\n$04\r\n", ProtocolError::InvalidBulkLength),
    (b"*1\r\n$536870913\r\n", ProtocolError::InvalidBulkLength),
    (b"ECHO \"a\r\n", ProtocolError::UnbalancedQuotes),
    (b"ECHO 'a\r\n", ProtocolError::UnbalancedQuotes),
    (b"ECHO \"a\"b\r\n", ProtocolError::UnbalancedQuotes),
];

#[test]
fn broken_bytes_are_told_apart_as_redis_tells_them() {
    for (bytes, error) in BROKEN {
        let shown = bytes.escape_ascii();
        assert_eq!(play_whole(bytes), format!("! {error}\n"), "{shown}");
        let after_good = [b"PING\r\n", *bytes].concat();
        assert_eq!(play_whole(&after_good), format!("\"PING\"\n! {error}\n"), "{shown}");
        // Without the last byte none of them can be told yet.
        let truncated = &bytes[..bytes.len() - 1];
        assert_eq!(play_whole(truncated), format!("? {} bytes\n", truncated.len()), "{shown}");
    }
}

#[test]
fn the_text_of_every_error() {
    let line = "1".repeat(65_537);
    let stranger = Limits::UNAUTHENTICATED;
    let small = Limits { request_bytes_max: 100, ..Limits::DEFAULT };
    let texts: String = [
        (Limits::DEFAULT, "*x\r\n".to_owned()),
        (Limits::DEFAULT, format!("*{line}")),
        (stranger, "*11\r\n".to_owned()),
        (Limits::DEFAULT, "*1\r\nx\r\n".to_owned()),
        (Limits::DEFAULT, "*1\r\n\r\n".to_owned()),
        (Limits::DEFAULT, "*1\r\n\u{7f}\r\n".to_owned()),
        (Limits::DEFAULT, "*1\r\n$x\r\n".to_owned()),
        (Limits::DEFAULT, format!("*1\r\n${line}")),
        (stranger, "*1\r\n$16385\r\n".to_owned()),
        (Limits::DEFAULT, line.clone()),
        (Limits::DEFAULT, "'\n".to_owned()),
        (small, "*1\r\n$90\r\n".to_owned()),
    ]
    .iter()
    .map(|(limits, bytes)| play(*limits, &[bytes.as_bytes()]))
    .collect();
    assert_snapshot!(texts, @r"
    ! Protocol error: invalid multibulk length
    ! Protocol error: too big mbulk count string
    ! Protocol error: unauthenticated multibulk length
    ! Protocol error: expected '$', got 'x'
    ! Protocol error: expected '$', got ' '
    ! Protocol error: expected '$', got '\x7f'
    ! Protocol error: invalid bulk length
    ! Protocol error: too big bulk count string
    ! Protocol error: unauthenticated bulk length
    ! Protocol error: too big inline request
    ! Protocol error: unbalanced quotes in request
    ! Protocol error: too big request
    ");
}

#[test]
fn no_error_shows_a_control_byte() {
    for got in 0..=255 {
        let text = ProtocolError::ExpectedBulk { got }.to_string();
        assert!(text.bytes().all(|byte| (b' '..=b'~').contains(&byte)), "{text:?}");
    }
}

#[test]
fn lines_may_be_64_kib_and_no_longer_wherever_they_are_cut() {
    let full = "A".repeat(65_536);
    for prefix in ["", "*", "*1\r\n$"] {
        let line = &full[usize::from(!prefix.is_empty())..];
        let just_fits = format!("{prefix}{line}");
        assert_eq!(play_whole(just_fits.as_bytes()), format!("? {} bytes\n", just_fits.len()));
        for too_long in [format!("{just_fits}A"), format!("{just_fits}A\r\n")] {
            let whole = play_whole(too_long.as_bytes());
            assert!(whole.starts_with("! Protocol error: too big"), "{whole}");
            let (front, back) = too_long.as_bytes().split_at(too_long.len() - 3);
            assert_eq!(play(Limits::DEFAULT, &[front, back]), whole);
        }
    }
    assert_eq!(play_whole(format!("{full}\n").as_bytes()), "A×65536\n");
}

#[test]
fn strangers_may_send_ten_arguments_and_16_kib_a_bulk() {
    let args: Vec<&[u8]> = vec![b"a"; 10];
    let stranger = Limits::UNAUTHENTICATED;
    assert_eq!(play(stranger, &[&encoded(&[&args])]), format!("{}\n", ["\"a\""; 10].join(" ")));
    assert_eq!(play(stranger, &[&encoded(&[&[b"ECHO", &[b'x'; 16_384]]])]), "\"ECHO\" x×16384\n");
    assert_snapshot!(play(stranger, &[b"*11\r\n"]), @"! Protocol error: unauthenticated multibulk length");
    assert_snapshot!(play(stranger, &[b"*1\r\n$16385\r\n"]), @"! Protocol error: unauthenticated bulk length");
    // What nobody may send is told first.
    assert_snapshot!(play(stranger, &[b"*3000000000\r\n"]), @"! Protocol error: invalid multibulk length");
    assert_snapshot!(play(stranger, &[b"*1\r\n$600000000\r\n"]), @"! Protocol error: invalid bulk length");
    // Inline requests know no such limit.
    let inline = [b"ECHO ", &[b'A'; 30_000][..], b"\r\n"].concat();
    assert_eq!(play(stranger, &[&inline]), "\"ECHO\" A×30000\n");
}

#[test]
fn a_request_behind_auth_is_judged_by_the_limits_after_it() {
    let mut decoder = Decoder::new(Limits::UNAUTHENTICATED);
    let mut batch = Batch::default();
    decoder.feed(&encoded(&[&[b"AUTH", b"pw"], &[b"ECHO", &[b'x'; 20_000]]]));
    decoder.decode(&mut batch, 1, usize::MAX).unwrap();
    assert_eq!(decoder.request(&batch, 0).arg(0), b"AUTH");
    decoder.release(&mut batch);

    assert_eq!(decoder.decode(&mut batch, 1, usize::MAX), Err(ProtocolError::UnauthenticatedBulkLength));
    assert_eq!(decoder.decode(&mut batch, 1, usize::MAX), Err(ProtocolError::UnauthenticatedBulkLength));
    decoder.set_limits(Limits::DEFAULT);
    decoder.decode(&mut batch, 1, usize::MAX).unwrap();
    assert_eq!(decoder.request(&batch, 0).arg(1).len(), 20_000);
}

#[test]
fn every_limit_holds_at_its_edge() {
    let limits = Limits { args_max: 3, bulk_bytes_max: 5, inline_bytes_max: 20, ..Limits::DEFAULT };
    assert_snapshot!(play(limits, &[b"*3\r\n$1\r\na\r\n$1\r\nb\r\n$5\r\n12345\r\n"]), @r#""a" "b" "12345""#);
    assert_snapshot!(play(limits, &[b"*4\r\n"]), @"! Protocol error: invalid multibulk length");
    assert_snapshot!(play(limits, &[b"*1\r\n$6\r\n"]), @"! Protocol error: invalid bulk length");
    assert_snapshot!(play(limits, &[b"12345678901234567890\n123456789012345678901\n"]), @r#"
    "12345678901234567890"
    ! Protocol error: too big inline request
    "#);
    let limits = Limits { request_bytes_max: 30, ..Limits::DEFAULT };
    assert_snapshot!(play(limits, &[b"*2\r\n$4\r\nECHO\r\n$9\r\n", b"123456789\r\n"]), @r#""ECHO" "123456789""#);
    assert_snapshot!(play(limits, &[b"*2\r\n$4\r\nECHO\r\n$10\r\n"]), @"! Protocol error: too big request");
}

#[test]
fn every_truncation_needs_more() {
    let big = [b'x'; 20_000];
    for request in [
        encoded(&[&[b"LPUSH", b"mail", b""]]),
        encoded(&[&[b"a".as_slice(); 12]]),
        encoded(&[&[b"LPUSH", &big, b"x"]]),
        b"set key \"a b\"\r\n".to_vec(),
    ] {
        let whole = play_whole(&request);
        assert!(!whole.contains('?') && !whole.contains('!'));
        for len in (0..request.len()).filter(|len| *len < 200 || *len > request.len() - 50 || len % 997 == 0) {
            let mut decoder = Decoder::new(Limits::DEFAULT);
            let mut batch = Batch::default();
            decoder.feed(&request[..len]);
            assert_eq!(decoder.decode(&mut batch, usize::MAX, usize::MAX), Ok(()));
            assert!(batch.is_empty());
            assert_eq!(decoder.buffered(), len);
            // A request is as good as its last byte.
            decoder.feed(&request[len..]);
            assert_eq!(decoder.decode(&mut batch, usize::MAX, usize::MAX), Ok(()));
            assert_eq!((batch.len(), batch.bytes()), (1, request.len()));
        }
    }
}

#[test]
fn the_result_is_the_same_at_every_split_point() {
    let mut streams = vec![
        b"*2\r\n$4\r\nECHO\r\n$3\r\na\r\n\r\n\r\n*0\r\nset k \"v\\x41\" 'w'\n*-1\r\n*1\r\n$0\r\n\r\nPING\r\n*1\r\n$4\r\nPI".to_vec(),
        b"*0000000001\r\n".to_vec(),
        b"*3\r\n$0000000001\r\n".to_vec(),
        encoded(&[&[b"a".as_slice(); 30], &[b"PING"]]),
    ];
    streams.extend(BROKEN.iter().map(|(bytes, _)| [b"*1\r\n$1\r\na\r\n", *bytes].concat()));
    for stream in streams {
        let whole = play_whole(&stream);
        for first in 0..stream.len() {
            let (a, rest) = stream.split_at(first);
            for second in 0..rest.len() {
                let (b, c) = rest.split_at(second);
                assert_eq!(play(Limits::DEFAULT, &[a, b, c]), whole, "{}", stream.escape_ascii());
            }
        }
        let bytes: Vec<&[u8]> = stream.chunks(1).collect();
        assert_eq!(play(Limits::DEFAULT, &bytes), whole, "{}", stream.escape_ascii());
    }
}

#[test]
fn big_bulks_come_in_a_buffer_of_their_own_at_every_split_point() {
    let big: Vec<u8> = (0..16_384_u32).map(|at| (at % 251) as u8).collect();
    let below = vec![b'y'; 16_383];
    let stream = encoded(&[&[b"LPUSH", &big, b"a", &big], &[b"PING"], &[b"ECHO", &below], &[b"LLEN"]]);
    for cut in (0..stream.len()).filter(|cut| cut % 61 == 0 || (16_380..16_440).contains(cut) || *cut < 60) {
        let mut decoder = Decoder::new(Limits::DEFAULT);
        let mut batch = Batch::default();
        for piece in [&stream[..cut], &stream[cut..]] {
            decoder.feed(piece);
            decoder.decode(&mut batch, usize::MAX, usize::MAX).unwrap();
        }
        let request = decoder.request(&batch, 0);
        assert_eq!(request.len(), 4);
        for (index, expected) in [(1, &big), (3, &big)] {
            assert!(matches!(request.get(index), Some(Bulk::Shared(bytes)) if bytes == expected), "cut at {cut}");
        }
        assert!(matches!(request.get(2), Some(Bulk::Slice(b"a"))));
        assert_eq!(decoder.request(&batch, 1).arg(0), b"PING");
        assert!(matches!(decoder.request(&batch, 2).get(1), Some(Bulk::Slice(bytes)) if bytes == below));
        assert_eq!(decoder.request(&batch, 3).arg(0), b"LLEN");
        assert_eq!(batch.bytes(), stream.len());
    }
}
