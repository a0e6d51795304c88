//! Layouts that the `redis-server` of the tests does not write: older ones, newer ones, and Valkey's.
//!
//! They are written down here by hand, after what the sources of Redis 4 to 8.8 and Valkey 9 say.
#![allow(clippy::unwrap_used)]

use std::io::Cursor;

use rbq_rdb::{Event, Idmp, Payload, Producer, RdbFile, StreamHead, StreamId};

/// A payload of this type, without a checksum.
fn payload(kind: u8, version: u16, value: &[u8]) -> Payload {
    let mut bytes = vec![kind];
    bytes.extend_from_slice(value);
    bytes.extend_from_slice(&version.to_le_bytes());
    bytes.extend_from_slice(&[0; 8]);
    Payload::open(bytes).unwrap()
}

fn all(mut payload: Payload) -> Vec<Event> {
    std::iter::from_fn(|| payload.read().unwrap()).collect()
}

fn raw(ms: u64, seq: u64) -> Vec<u8> {
    [ms.to_be_bytes(), seq.to_be_bytes()].concat()
}

const fn id(ms: u64, seq: u64) -> StreamId {
    StreamId { ms, seq }
}

/// A stream in a version of its layout: entry 1-1 is there, 2-1 is deleted; both are pending.
fn stream(version: u8) -> Vec<u8> {
    let pack = b"\x01\x01\x00\x01\x01\x01\x81f\x02\x00\x01\
        \x02\x01\x00\x01\x00\x01\x81v\x02\x04\x01\
        \x03\x01\x01\x01\x00\x01\x81w\x02\x04\x01";
    let mut bytes = b"\x01\x10".to_vec();
    bytes.extend(raw(1, 1));
    bytes.push(pack.len() as u8 + 7);
    bytes.extend((pack.len() as u32 + 7).to_le_bytes());
    bytes.extend([0, 0]);
    bytes.extend_from_slice(pack);
    bytes.push(0xff);
    bytes.extend([1, 2, 1]);
    if version >= 2 {
        bytes.extend([1, 1, 2, 1, 2]);
    }
    bytes.extend([1, 1, b'g', 2, 1]);
    if version >= 2 {
        bytes.push(2);
    }
    bytes.push(2);
    for (ms, delivered, count) in [(1, 1000_u64, 1), (2, 2000, 3)] {
        bytes.extend(raw(ms, 1));
        bytes.extend(delivered.to_le_bytes());
        bytes.push(count);
    }
    bytes.extend([1, 3, b'a', b'n', b'n']);
    bytes.extend(3000_u64.to_le_bytes());
    if version >= 3 {
        bytes.extend(2500_u64.to_le_bytes());
    }
    if version >= 5 {
        bytes.push(1);
        bytes.extend(raw(2, 1));
        bytes.push(1);
        bytes.extend(raw(1, 1));
    } else {
        bytes.push(2);
        bytes.extend(raw(1, 1));
        bytes.extend(raw(2, 1));
    }
    if version >= 4 {
        bytes.extend([0x40, 200, 50, 1, 4, b's', b'h', b'o', b'p', 1, 2, b'1', b'7', 1, 1, 9, 3]);
    }
    bytes
}

fn head(events: &[Event]) -> &StreamHead {
    match events {
        [Event::Stream(head), Event::Entries(entries)] => {
            assert_eq!(entries.len(), 1);
            assert_eq!((entries[0].id, &entries[0].fields), (id(1, 1), &vec![b"f".to_vec(), b"v".to_vec()]));
            head
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn streams_in_all_five_layouts() {
    for (kind, version) in [(15, 1), (19, 2), (21, 3), (26, 4), (27, 5)] {
        let events = all(payload(kind, 12, &stream(version)));
        let head = head(&events);
        let group = &head.groups[0];
        assert_eq!((head.length, head.last_id), (1, id(2, 1)));
        assert_eq!(head.max_deleted_id, if version >= 2 { id(2, 1) } else { StreamId::ZERO });
        assert_eq!(head.added, if version >= 2 { 2 } else { 1 });
        assert_eq!(group.entries_read, (version >= 2).then_some(2));
        assert_eq!(group.consumers[0].active_ms, (version >= 3).then_some(2500));
        let pending: Vec<_> = group.pending.iter().map(|p| (p.id, p.consumer, p.delivered_ms, p.deliveries)).collect();
        let (first, second) = if version >= 5 {
            ((id(2, 1), Some(0), 2000, 3), (id(1, 1), None, 1000, 1))
        } else {
            ((id(1, 1), Some(0), 1000, 1), (id(2, 1), Some(0), 2000, 3))
        };
        assert_eq!(pending, [first, second], "{version}");
        let sent = vec![(b"17".to_vec(), id(1, 1))];
        let idmp = Idmp { duration_s: 200, ids_max: 50, producers: vec![Producer { pid: b"shop".to_vec(), sent }] };
        assert_eq!(head.idmp, (version >= 4).then_some(idmp));
    }
}

#[test]
fn lists_as_they_were_before_redis_7() {
    let ziplist = b"\x12\x00\x00\x00\x0c\x00\x00\x00\x02\x00\x00\x02hi\x04\xfe\x07\xff";
    let blob = [&[ziplist.len() as u8][..], ziplist].concat();
    let elements = || Event::Elements(vec![b"hi".to_vec(), b"7".to_vec()]);
    assert_eq!(all(payload(10, 6, &blob)), [elements()]);
    let two = [&[2][..], &blob, &blob].concat();
    assert_eq!(all(payload(14, 9, &two)), [elements(), elements()]);
    assert_eq!(all(payload(1, 6, b"\x02\x02hi\xc0\x07")), [elements()]);
}

#[test]
fn types_that_are_passed_over_end_where_the_next_key_begins() {
    let values: &[(u8, u16, &[u8], &str)] = &[
        (2, 6, b"\x02\x01a\xc0\x01", "set"),
        (3, 6, b"\x03\x01a\x031.5\x01b\xff\x01c\xfd", "zset"),
        (5, 8, b"\x01\x01a\x00\x00\x00\x00\x00\x00\xf8\x3f", "zset"),
        (4, 6, b"\x01\x01f\x01v", "hash"),
        (9, 6, b"\x03abc", "hash"),
        (11, 6, b"\xc3\x04\x03\x02abc", "set"),
        (22, 12, b"\x01\x05\x01f\x01v", "hash"),
        (22, 80, b"\x01\x01f\x01v\xff\xff\xff\xff\xff\xff\xff\xff", "hash"),
        (24, 12, b"\x00\x00\x00\x00\x00\x00\x00\x01\x01\x05\x01f\x01v", "hash"),
        (25, 12, b"\x00\x00\x00\x00\x00\x00\x00\x01\x01x", "hash"),
        (7, 9, b"\x81\x00\x00\x00\x00\x00\x00\x00\x01\x02\x05\x01\x06\x05\x02hi\x03abcd\x04abcdefgh\x00", "module"),
    ];
    for (kind, version, value, name) in values {
        let mut read = payload(*kind, *version, value);
        assert_eq!(read.other(), Some(*name));
        assert_eq!(read.read().unwrap(), None, "{name}");
        let mut longer = value.to_vec();
        longer.push(0);
        assert!(payload(*kind, *version, &longer).read().is_err(), "{name}");
    }
}

#[test]
fn what_stands_between_keys_is_passed_over() {
    let magics: [(&[u8], &[u8]); 2] =
        [(b"REDIS0014", b"\xf3\x01abcd\x02\x05\x00"), (b"VALKEY080", b"\xf3\x03job\x01\x00\x05")];
    for (magic, meta) in magics {
        let mut bytes = magic.to_vec();
        bytes.extend_from_slice(b"\xfa\x04name\x05value\xfe\x02\xfb\x01\x01\xf4\x01\x02\x03\xf5\x03lib");
        bytes.extend_from_slice(b"\xf7\x05\x02\x01\x02\x07\x00\xf6\x01n\x01e\x01\x01d\x01c");
        bytes.extend_from_slice(b"\xfd\x01\x00\x00\x00\xf8\x05\xf9\x07");
        bytes.extend_from_slice(meta);
        bytes.extend_from_slice(b"\x00\x01k\x01v\xff\x00\x00\x00\x00\x00\x00\x00\x00");
        let mut file = RdbFile::open(Cursor::new(&bytes)).unwrap();
        let mut events = Vec::new();
        while let Some(event) = file.read().unwrap() {
            events.push(event);
        }
        let key = rbq_rdb::Key { db: 2, name: b"k".to_vec(), expires_ms: Some(1000) };
        let aux = Event::Aux { name: b"name".to_vec(), value: b"value".to_vec() };
        let between = [aux, Event::Library, Event::ModuleData, Event::Library];
        let value = [Event::Key(key), Event::String(b"v".to_vec()), Event::KeyEnd];
        assert_eq!(events, between.into_iter().chain(value).collect::<Vec<_>>());
    }
}

#[test]
fn an_unknown_type_is_named() {
    let mut bytes = vec![200, 0];
    bytes.extend_from_slice(&[11, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    let error = Payload::open(bytes).unwrap_err();
    assert_eq!(error.to_string(), "at byte 1: values of type 200 are not known here, and cannot be passed over");
    assert_eq!(RdbFile::open(Cursor::new(b"HELLO0011")).unwrap_err().to_string(), "at byte 0: this is no RDB file");
}
