//! What must hold for any bytes whatever.
//!
//! Each check takes the bytes of one fuzz input and panics if a property fails. The fuzz targets call them with what
//! libFuzzer makes up; the tests of `rbq-resp` call the same functions, on the stable toolchain, with the corpus and
//! with generated inputs. So a crash that fuzzing finds becomes a test by saving its file under `corpus/`.

#![allow(
    dead_code,
    unreachable_pub,
    reason = "each user of this file calls some of the checks, and includes it its own way"
)]

use rbq_resp::{
    Batch, Decoder, FrameError, FrameScanner, Limits, ProtocolError, ScanLimits, Value, ValueDecoder, parse_integer,
    quote, split_args,
};
use redis_protocol::resp2::types::OwnedFrame as Resp2;
use redis_protocol::resp3::types::{OwnedFrame as Resp3, VerbatimStringFormat};

// ---- requests ------------------------------------------------------------------------------------------------------

/// The requests in a stream are the same however the stream is cut, the same as those of a naive parser that sees all
/// of it at once, and cost no more memory than what was received.
///
/// ```text
///   byte 0      which limits; after how many requests the client is no stranger any more
///   byte 1      how many requests a batch holds; whether bytes are read past the end of a big bulk
///   bytes 2, 3  the seed of where the stream is cut
///   the rest    the stream; 0xF1 n stands for n × 257 bytes, so that small inputs have big bulks
/// ```
pub fn requests(data: &[u8]) {
    let Some((&[choice, batching, seed_low, seed_high], packed)) = data.split_first_chunk() else {
        return;
    };
    let stream = unpack(packed);
    let plan = LimitPlan::new(choice);
    let expected = naive::requests(&stream, &plan);

    let whole = Feeding { commands_max: 1, greedy: false, cuts: Cuts::None };
    assert_eq!(whole.run(&stream, &plan), expected, "whole stream");

    let seed = u64::from(u16::from_le_bytes([seed_low, seed_high]));
    let cut = Feeding {
        // Strangers are decoded one request at a time: the first may be the one that makes them known.
        commands_max: if plan.strangers > 0 { 1 } else { 1 + usize::from(batching % 8) },
        greedy: batching >= 128,
        cuts: Cuts::Seeded(seed),
    };
    assert_eq!(cut.run(&stream, &plan), expected, "cut stream");
}

/// What a stream holds: its requests, and the error at its end if there is one.
pub type Outcome = (Vec<Vec<Vec<u8>>>, Option<ProtocolError>);

/// Limits that change once a number of requests has been decoded, as `AUTH` changes them.
pub struct LimitPlan {
    limits: Limits,
    strangers: usize,
}

impl LimitPlan {
    fn new(choice: u8) -> LimitPlan {
        let limits = match choice % 3 {
            0 => Limits::DEFAULT,
            1 => Limits { inline_bytes_max: 40, args_max: 6, bulk_bytes_max: 20_000, ..Limits::DEFAULT },
            _ => Limits { inline_bytes_max: 300, request_bytes_max: 100, ..Limits::DEFAULT },
        };
        LimitPlan { limits, strangers: usize::from(choice / 64) }
    }

    fn after(&self, requests: usize) -> Limits {
        if requests < self.strangers {
            Limits { stage: Limits::UNAUTHENTICATED.stage, ..self.limits }
        } else {
            self.limits
        }
    }
}

/// How a stream reaches a decoder.
struct Feeding {
    commands_max: usize,
    /// Bytes are written past the spare capacity that was offered, as a careless owner might, and several times before
    /// they are decoded.
    greedy: bool,
    cuts: Cuts,
}

enum Cuts {
    None,
    Seeded(u64),
}

impl Feeding {
    fn run(&self, stream: &[u8], plan: &LimitPlan) -> Outcome {
        let mut decoder = Decoder::new(plan.after(0));
        let mut batch = Batch::default();
        let mut requests = Vec::new();
        let mut rest = stream;
        let mut state = match self.cuts {
            Cuts::None => None,
            Cuts::Seeded(seed) => Some(seed),
        };
        while !rest.is_empty() {
            let len = state.as_mut().map_or(rest.len(), next_cut).min(rest.len());
            let (chunk, after) = rest.split_at(len);
            rest = after;
            if self.greedy {
                decoder.space().extend_from_slice(chunk);
                if !rest.is_empty() && !rest.len().is_multiple_of(3) {
                    continue;
                }
            } else {
                decoder.feed(chunk);
            }
            loop {
                let outcome = decoder.decode(&mut batch, self.commands_max, usize::MAX);
                check_memory(&decoder, &batch);
                if let Err(error) = outcome {
                    assert!(batch.is_empty(), "an error comes after the requests before it");
                    return (requests, Some(error));
                }
                if batch.is_empty() {
                    break;
                }
                for request in decoder.requests(&batch) {
                    assert_eq!(request.to_owned().view(), request);
                    requests.push(request.iter().map(|bulk| bulk.to_vec()).collect());
                }
                decoder.release(&mut batch);
                decoder.set_limits(plan.after(requests.len()));
            }
        }
        decoder.release(&mut batch);
        decoder.shrink();
        (requests, None)
    }
}

fn check_memory(decoder: &Decoder, batch: &Batch) {
    assert!(batch.bytes() <= decoder.buffered(), "what is in the batch is held");
    // A buffer is kept while a quarter of it is used. An argument of six bytes on the wire takes eight in a table that
    // doubles. The rest is room for reading: what is kept of it, the next read, and the start of a big bulk.
    let bound = 7 * decoder.buffered() + (128 + 64 + 33) * 1024;
    assert!(decoder.capacity() <= bound, "{} bytes for {}", decoder.capacity(), decoder.buffered());
}

/// Mostly tiny pieces, sometimes large ones.
fn next_cut(state: &mut u64) -> usize {
    *state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
    let random = (*state >> 33) as usize;
    match random % 8 {
        0..=3 => 1 + random / 8 % 3,
        4..=5 => 1 + random / 8 % 40,
        6 => 1 + random / 8 % 5_000,
        _ => 1 + random / 8 % 70_000,
    }
}

fn unpack(packed: &[u8]) -> Vec<u8> {
    let mut stream = Vec::new();
    let mut rest = packed;
    while let Some((&byte, after)) = rest.split_first() {
        rest = after;
        match (byte, rest.split_first()) {
            (0xF1, Some((&count, after))) => {
                stream.resize(stream.len() + usize::from(count) * 257, b'x');
                rest = after;
            }
            _ => stream.push(byte),
        }
    }
    stream
}

/// The grammar of requests once more, as plainly as it can be said: all bytes at hand, no state, no care for speed.
mod naive {
    use super::*;

    enum Next {
        Request(Vec<Vec<u8>>, usize),
        Incomplete,
        Broken(ProtocolError),
    }

    pub fn requests(stream: &[u8], plan: &LimitPlan) -> Outcome {
        let mut found: Vec<Vec<Vec<u8>>> = Vec::new();
        let mut rest = stream;
        loop {
            match next(rest, &plan.after(found.len())) {
                Next::Incomplete => return (found, None),
                Next::Broken(error) => return (found, Some(error)),
                Next::Request(args, len) => {
                    rest = &rest[len..];
                    if !args.is_empty() {
                        found.push(args);
                    }
                }
            }
        }
    }

    fn next(bytes: &[u8], limits: &Limits) -> Next {
        match bytes.first() {
            None => Next::Incomplete,
            Some(b'*') => multibulk(bytes, limits),
            Some(_) => inline(bytes, limits),
        }
    }

    fn inline(bytes: &[u8], limits: &Limits) -> Next {
        let end = bytes.iter().position(|&byte| byte == b'\n').unwrap_or(bytes.len());
        if end > limits.inline_bytes_max {
            return Next::Broken(ProtocolError::TooBigInline);
        }
        if end == bytes.len() {
            return Next::Incomplete;
        }
        let line = bytes[..end].strip_suffix(b"\r").unwrap_or(&bytes[..end]);
        match split_args(line) {
            Ok(args) => Next::Request(args, end + 1),
            Err(_) => Next::Broken(ProtocolError::UnbalancedQuotes),
        }
    }

    fn multibulk(bytes: &[u8], limits: &Limits) -> Next {
        let stranger = limits.stage == Limits::UNAUTHENTICATED.stage;
        let Some(end) = line(bytes, limits) else {
            return Next::Broken(ProtocolError::TooBigMultibulkCount);
        };
        let Some(end) = end else {
            return Next::Incomplete;
        };
        let count = match parse_integer(&bytes[1..end]) {
            Some(count) if count <= limits.args_max as i64 => count,
            _ => return Next::Broken(ProtocolError::InvalidMultibulkLength),
        };
        if stranger && count > 10 {
            return Next::Broken(ProtocolError::UnauthenticatedMultibulkLength);
        }
        let mut at = end + 2;
        // What stands in a buffer of its own does not count for the limit of the read buffer.
        let mut aside = 0;
        let mut args = Vec::new();
        for _ in 0..count {
            let Some(end) = line(&bytes[at..], limits) else {
                return Next::Broken(ProtocolError::TooBigBulkCount);
            };
            let Some(end) = end else {
                return Next::Incomplete;
            };
            if bytes[at] != b'$' {
                return Next::Broken(ProtocolError::ExpectedBulk { got: bytes[at] });
            }
            let len = match parse_integer(&bytes[at + 1..at + end]) {
                Some(len) if (0..=limits.bulk_bytes_max as i64).contains(&len) => len as usize,
                _ => return Next::Broken(ProtocolError::InvalidBulkLength),
            };
            if stranger && len > 16_384 {
                return Next::Broken(ProtocolError::UnauthenticatedBulkLength);
            }
            let body = at + end + 2;
            let in_buffer = if len < rbq_resp::BIG_BULK_BYTES { len } else { 0 };
            if body - aside + in_buffer + 2 > limits.request_bytes_max {
                return Next::Broken(ProtocolError::TooBigRequest);
            }
            let Some(arg) = bytes.get(body..body + len) else {
                return Next::Incomplete;
            };
            if bytes.len() < body + len + 2 {
                return Next::Incomplete;
            }
            args.push(arg.to_vec());
            at = body + len + 2;
            if in_buffer < len {
                aside += len + 2;
            }
        }
        Next::Request(args, at)
    }

    /// Where the line at the front ends, if it does; the outer `None` if it is too long.
    fn line(bytes: &[u8], limits: &Limits) -> Option<Option<usize>> {
        let end = bytes.iter().position(|&byte| byte == b'\r').unwrap_or(bytes.len());
        if end > limits.inline_bytes_max {
            return None;
        }
        Some((end + 1 < bytes.len()).then_some(end))
    }
}

// ---- values --------------------------------------------------------------------------------------------------------

/// Depth that `redis-protocol`, which recurses, survives in a debug build with sanitizers.
const DEPTH_MAX: u8 = 24;

/// The values in a stream are the same however it is cut; and where `redis-protocol` reads the same bytes as a frame,
/// it reads the same frame.
pub fn values(data: &[u8]) {
    let Some((&[seed], stream)) = data.split_first_chunk() else {
        return;
    };
    let limits = ScanLimits { depth_max: DEPTH_MAX, frame_bytes_max: 1 << 20, line_bytes_max: 100 };
    let whole = decode_values(stream, limits, &mut |rest| rest);
    let mut state = u64::from(seed);
    let cut = decode_values(stream, limits, &mut |rest| next_cut(&mut state).min(rest));
    // By their text, as a NaN is no equal of itself.
    assert_eq!(format!("{whole:?}"), format!("{cut:?}"));

    let mut rest = stream;
    for value in &whole.0 {
        let len = FrameScanner::new(limits).scan(rest).expect("it was decoded").expect("it was decoded");
        compare_with_redis_protocol(value, &rest[..len]);
        rest = &rest[len..];
    }
    if whole.1.is_none() && !rest.is_empty() {
        let theirs = redis_protocol::resp3::decode::complete::decode(rest);
        assert!(!matches!(theirs, Ok(Some(_))), "we miss bytes where they do not: {}", rest.escape_ascii());
    }
}

fn decode_values(
    stream: &[u8],
    limits: ScanLimits,
    cut: &mut dyn FnMut(usize) -> usize,
) -> (Vec<Value>, Option<FrameError>) {
    let mut decoder = ValueDecoder::new(limits);
    let mut values = Vec::new();
    let mut rest = stream;
    while !rest.is_empty() {
        let (chunk, after) = rest.split_at(cut(rest.len()));
        decoder.feed(chunk);
        rest = after;
        loop {
            match decoder.next() {
                Ok(Some(value)) => values.push(value),
                Ok(None) => break,
                Err(error) => return (values, Some(error)),
            }
        }
    }
    (values, None)
}

/// Compares our value with what `redis-protocol` makes of the same bytes, if it makes anything of them.
pub fn compare_with_redis_protocol(value: &Value, frame: &[u8]) {
    let shown = || format!("{value:?} from {}", frame.escape_ascii());
    if let Ok(Some((theirs, len))) = redis_protocol::resp3::decode::complete::decode(frame) {
        assert!(same_resp3(value, &theirs), "{} is {theirs:?} in RESP3", shown());
        assert_eq!(len, frame.len(), "{}", shown());
    }
    if let Ok(Some((theirs, len))) = redis_protocol::resp2::decode::decode(frame) {
        assert!(same_resp2(value, &theirs), "{} is {theirs:?} in RESP2", shown());
        assert_eq!(len, frame.len(), "{}", shown());
    }
}

/// Whether a frame of `redis-protocol` is this value, as far as such a frame can say it: its maps and sets have neither
/// order nor equal members.
pub fn same_resp3(ours: &Value, theirs: &Resp3) -> bool {
    match (ours, theirs) {
        (Value::Status(text), Resp3::SimpleString { data, .. }) => *text == String::from_utf8_lossy(data),
        (Value::Error(text), Resp3::SimpleError { data, .. }) => text == data,
        (Value::Error(text), Resp3::BlobError { data, .. }) => *text == String::from_utf8_lossy(data),
        (Value::Integer(value), Resp3::Number { data, .. }) => value == data,
        (Value::Double(number), Resp3::Double { data, .. }) => {
            number.value() == *data || number.value().is_nan() && data.is_nan()
        }
        (Value::Boolean(value), Resp3::Boolean { data, .. }) => value == data,
        (Value::BigNumber(digits), Resp3::BigNumber { data, .. }) => digits.as_bytes() == data,
        (Value::Bulk(bytes), Resp3::BlobString { data, .. }) => bytes == data,
        (Value::Verbatim { format, text }, Resp3::VerbatimString { data, format: theirs, .. }) => {
            let theirs = match theirs {
                VerbatimStringFormat::Text => "txt",
                VerbatimStringFormat::Markdown => "mkd",
            };
            text == data && format == theirs
        }
        (Value::Null, Resp3::Null) => true,
        (Value::Array(ours), Resp3::Array { data, .. }) | (Value::Push(ours), Resp3::Push { data, .. }) => {
            ours.len() == data.len() && ours.iter().zip(data).all(|(ours, theirs)| same_resp3(ours, theirs))
        }
        (Value::Set(ours), Resp3::Set { data, .. }) => {
            data.len() <= ours.len() && data.iter().all(|theirs| ours.iter().any(|ours| same_resp3(ours, theirs)))
        }
        (Value::Map(ours), Resp3::Map { data, .. }) => {
            let has = |key: &Resp3, value: &Resp3| ours.iter().any(|(k, v)| same_resp3(k, key) && same_resp3(v, value));
            data.len() <= ours.len() && data.iter().all(|(key, value)| has(key, value))
        }
        _ => false,
    }
}

/// The same for RESP2, whose null bulk and null array `redis-protocol` does not tell apart.
pub fn same_resp2(ours: &Value, theirs: &Resp2) -> bool {
    match (ours, theirs) {
        (Value::Status(text), Resp2::SimpleString(data)) => *text == String::from_utf8_lossy(data),
        (Value::Error(text), Resp2::Error(data)) => text == data,
        (Value::Integer(value), Resp2::Integer(data)) => value == data,
        (Value::Bulk(bytes), Resp2::BulkString(data)) => bytes == data,
        (Value::Null | Value::NullArray, Resp2::Null) => true,
        (Value::Array(ours), Resp2::Array(data)) => {
            ours.len() == data.len() && ours.iter().zip(data).all(|(ours, theirs)| same_resp2(ours, theirs))
        }
        _ => false,
    }
}

// ---- lines ---------------------------------------------------------------------------------------------------------

/// Arguments survive being quoted and split again, whether the line they came from was whole or not.
pub fn split_args_and_quote(line: &[u8]) {
    assert_eq!(split_args(quote(line).as_bytes()), Ok(vec![line.to_vec()]));
    let Ok(args) = split_args(line) else { return };
    assert!(args.iter().map(Vec::len).sum::<usize>() <= line.len(), "arguments are never longer than their line");
    let quoted: Vec<String> = args.iter().map(|arg| quote(arg)).collect();
    assert_eq!(split_args(quoted.join(" ").as_bytes()), Ok(args));
}
