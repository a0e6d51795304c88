//! The properties that fuzzing checks, on generated inputs; and replies held against `redis-protocol` both ways.

#![allow(clippy::unwrap_used, missing_docs)]

#[path = "../../../fuzz/src/checks.rs"]
mod checks;

use bytes::Bytes;
use proptest::collection::vec;
use proptest::prelude::*;
use rbq_resp::{Encoder, Proto, ScanLimits, Value, ValueDecoder, encode_request, parse_integer};
use redis_protocol::resp2::types::OwnedFrame as Resp2;
use redis_protocol::resp3::types::{OwnedFrame as Resp3, VerbatimStringFormat};

/// Pieces of requests, whole and broken, as the packed streams of `checks::requests`.
fn stream() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        4 => vec(vec(any::<u8>().prop_filter("is no run", |byte| *byte != 0xF1), 0..20), 1..8).prop_map(|args| {
            let mut out = Vec::new();
            encode_request(&args, &mut out);
            out
        }),
        2 => (0_u8..120).prop_map(|count| [format!("*1\r\n${}\r\n", usize::from(count) * 257).as_bytes(), &[0xF1, count], b"\r\n"].concat()),
        2 => r#"[ -~\t"'\\]{0,50}\r?\n"#.prop_map(String::into_bytes),
        1 => r"[*$][-+]?[0-9]{0,12}\r\n".prop_map(String::into_bytes),
        1 => vec(any::<u8>(), 0..10),
        1 => Just(b"*0\r\n".to_vec()),
        1 => (0_u8..255).prop_map(|count| vec![0xF1, count]),
    ];
    vec(piece, 0..12).prop_map(|pieces| pieces.concat())
}

fn bytes() -> impl Strategy<Value = Bytes> {
    vec(any::<u8>(), 0..30).prop_map(Bytes::from)
}

fn text() -> impl Strategy<Value = String> {
    "[ -~äöü]{0,20}"
}

/// Integers, those at the edges of decimal lengths among them.
fn integer() -> impl Strategy<Value = i64> {
    prop_oneof![
        any::<i64>(),
        -100_i64..1_000,
        (0_u32..19, -2_i64..=1).prop_map(|(power, off)| 10_i64.pow(power) + off),
        (0_u32..19, -2_i64..=1).prop_map(|(power, off)| -(10_i64.pow(power) + off)),
        Just(i64::MIN),
        Just(i64::MAX),
    ]
}

fn scalar() -> impl Strategy<Value = Value> {
    prop_oneof![
        text().prop_map(Value::Status),
        text().prop_map(Value::Error),
        integer().prop_map(Value::Integer),
        bytes().prop_map(Value::Bulk),
        Just(Value::Null),
        any::<f64>()
            .prop_filter("equals itself", |value| !value.is_nan())
            .prop_map(|value| Value::Double(value.into())),
        any::<bool>().prop_map(Value::Boolean),
        "-?[1-9][0-9]{0,40}".prop_map(Value::BigNumber),
        ("txt|mkd", bytes()).prop_map(|(format, text)| Value::Verbatim { format, text }),
    ]
}

/// Values of every kind and shape.
fn value() -> impl Strategy<Value = Value> {
    scalar().prop_recursive(5, 60, 8, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..8).prop_map(Value::Array),
            vec(inner.clone(), 0..8).prop_map(Value::Set),
            vec(inner.clone(), 0..8).prop_map(Value::Push),
            vec((inner.clone(), inner), 0..8).prop_map(Value::Map),
        ]
    })
}

/// Values that `redis-protocol` can represent: keys and members are bulks, each once.
fn representable() -> impl Strategy<Value = Value> {
    scalar().prop_recursive(4, 40, 6, |inner| {
        let keys = proptest::collection::btree_set(vec(any::<u8>(), 0..8), 0..6);
        prop_oneof![
            vec(inner.clone(), 0..6).prop_map(Value::Array),
            vec(inner.clone(), 0..6).prop_map(Value::Push),
            keys.clone().prop_map(|keys| Value::Set(keys.into_iter().map(bulk).collect())),
            (keys, vec(inner, 6))
                .prop_map(|(keys, values)| Value::Map(keys.into_iter().map(bulk).zip(values).collect())),
        ]
    })
}

fn bulk(bytes: Vec<u8>) -> Value {
    Value::Bulk(bytes.into())
}

fn encode(value: &Value, proto: Proto) -> Vec<u8> {
    let mut out = Vec::new();
    value.write_to(&mut Encoder::new(&mut out, proto));
    out
}

fn decode(bytes: &[u8]) -> Value {
    let mut decoder = ValueDecoder::new(ScanLimits::default());
    decoder.feed(bytes);
    let value = decoder.next().unwrap().expect("a whole value");
    assert_eq!(decoder.buffered(), 0, "nothing but the value");
    value
}

/// What is left of a value in RESP2.
fn fallen_back(value: &Value) -> Value {
    let all = |values: &[Value]| Value::Array(values.iter().map(fallen_back).collect());
    match value {
        Value::Array(values) | Value::Set(values) | Value::Push(values) => all(values),
        Value::Map(pairs) => {
            Value::Array(pairs.iter().flat_map(|(key, value)| [fallen_back(key), fallen_back(value)]).collect())
        }
        Value::Double(value) => Value::Bulk(Bytes::from(value.to_string())),
        Value::Boolean(value) => Value::Integer(i64::from(*value)),
        Value::BigNumber(digits) => Value::Bulk(Bytes::from(digits.clone())),
        Value::Verbatim { text, .. } => Value::Bulk(text.clone()),
        other => other.clone(),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn requests_do_not_depend_on_how_they_arrive(header in any::<[u8; 4]>(), stream in stream()) {
        checks::requests(&[&header[..], &stream].concat());
    }

    #[test]
    fn values_do_not_depend_on_how_they_arrive(seed: u8, values in vec(value(), 0..4), junk in vec(any::<u8>(), 0..6), at: prop::sample::Index) {
        let mut stream: Vec<u8> = values.iter().flat_map(|value| encode(value, Proto::Resp3)).collect();
        let at = at.index(stream.len() + 1);
        stream.splice(at..at, junk);
        checks::values(&[&[seed][..], &stream].concat());
    }

    #[test]
    fn lines_and_quotes_are_inverse(line in vec(prop_oneof![any::<u8>(), Just(b'"'), Just(b'\''), Just(b'\\'), Just(b'x'), Just(b' ')], 0..40)) {
        checks::split_args_and_quote(&line);
    }

    #[test]
    fn what_is_encoded_in_resp3_is_decoded_again(value in value()) {
        prop_assert_eq!(decode(&encode(&value, Proto::Resp3)), value);
    }

    #[test]
    fn what_is_encoded_in_resp2_falls_back_as_told(value in value()) {
        prop_assert_eq!(decode(&encode(&value, Proto::Resp2)), fallen_back(&value));
    }

    #[test]
    fn redis_protocol_reads_what_we_write(value in representable()) {
        let three = encode(&value, Proto::Resp3);
        let (theirs, len) = redis_protocol::resp3::decode::complete::decode(&three).unwrap().unwrap();
        prop_assert!(checks::same_resp3(&value, &theirs), "{:?} is {:?}", value, theirs);
        prop_assert_eq!(len, three.len());
        let two = encode(&value, Proto::Resp2);
        let (theirs, len) = redis_protocol::resp2::decode::decode(&two).unwrap().unwrap();
        prop_assert!(checks::same_resp2(&fallen_back(&value), &theirs), "{:?} is {:?}", value, theirs);
        prop_assert_eq!(len, two.len());
    }

    #[test]
    fn we_read_what_redis_protocol_writes(value in representable()) {
        let theirs = resp3_frame(&value);
        let mut out = vec![0; 64 + 4 * theirs_bound(&value)];
        let len = redis_protocol::resp3::encode::complete::encode(&mut out, &theirs, false).unwrap();
        prop_assert!(checks::same_resp3(&decode(&out[..len]), &theirs));
        let value = fallen_back(&value);
        let theirs = resp2_frame(&value);
        let len = redis_protocol::resp2::encode::encode(&mut out, &theirs, false).unwrap();
        prop_assert_eq!(decode(&out[..len]), value);
    }

    #[test]
    fn integers_are_read_as_they_are_printed_and_in_no_other_way(value in integer(), text in "[-+]?[0-9]{1,21}") {
        prop_assert_eq!(parse_integer(value.to_string().as_bytes()), Some(value));
        let printed_alike = text.parse::<i64>().ok().filter(|value| value.to_string() == text);
        prop_assert_eq!(parse_integer(text.as_bytes()), printed_alike);
    }
}

/// A buffer this large takes the frame, whatever `redis-protocol` computes its length to be.
fn theirs_bound(value: &Value) -> usize {
    encode(value, Proto::Resp3).len() + 1_000
}

fn resp3_frame(value: &Value) -> Resp3 {
    let attributes = None;
    let all = |values: &[Value]| values.iter().map(resp3_frame).collect();
    match value {
        Value::Status(text) => Resp3::SimpleString { data: text.clone().into_bytes(), attributes },
        Value::Error(text) => Resp3::SimpleError { data: text.clone(), attributes },
        Value::Integer(value) => Resp3::Number { data: *value, attributes },
        Value::Bulk(bytes) => Resp3::BlobString { data: bytes.to_vec(), attributes },
        Value::Null | Value::NullArray => Resp3::Null,
        Value::Double(value) => Resp3::Double { data: value.value(), attributes },
        Value::Boolean(value) => Resp3::Boolean { data: *value, attributes },
        Value::BigNumber(digits) => Resp3::BigNumber { data: digits.clone().into_bytes(), attributes },
        Value::Verbatim { format, text } => {
            let format = if format == "txt" { VerbatimStringFormat::Text } else { VerbatimStringFormat::Markdown };
            Resp3::VerbatimString { data: text.to_vec(), format, attributes }
        }
        Value::Array(values) => Resp3::Array { data: all(values), attributes },
        Value::Push(values) => Resp3::Push { data: all(values), attributes },
        Value::Set(values) => Resp3::Set { data: values.iter().map(resp3_frame).collect(), attributes },
        Value::Map(pairs) => {
            let data = pairs.iter().map(|(key, value)| (resp3_frame(key), resp3_frame(value))).collect();
            Resp3::Map { data, attributes }
        }
    }
}

fn resp2_frame(value: &Value) -> Resp2 {
    match value {
        Value::Status(text) => Resp2::SimpleString(text.clone().into_bytes()),
        Value::Error(text) => Resp2::Error(text.clone()),
        Value::Integer(value) => Resp2::Integer(*value),
        Value::Bulk(bytes) => Resp2::BulkString(bytes.to_vec()),
        Value::Array(values) => Resp2::Array(values.iter().map(resp2_frame).collect()),
        Value::Null => Resp2::Null,
        other => unreachable!("{other:?} is not of RESP2"),
    }
}
