//! Sections: back as they were, and refused when they are not what a stream wrote.

use proptest::prelude::*;
use rbq_stream::{BlockLimits, Corrupt, Iid, Nack, NewId, RefPolicy, Restore, Stream, StreamId, Trim};

use crate::stage::{Stage, id};

fn sections(stream: &Stream) -> Vec<Vec<u8>> {
    let encode = |section: rbq_stream::Section<'_>| {
        let mut bytes = Vec::new();
        section.encode(&mut bytes);
        bytes
    };
    stream.sections().map(encode).collect()
}

fn restore<'a>(sections: impl IntoIterator<Item = &'a [u8]>) -> Result<Stream, Corrupt> {
    let mut restore = Restore::new();
    for section in sections {
        restore.push(section)?;
    }
    restore.finish()
}

/// A stream that goes through its sections comes back as it was.
pub(crate) fn assert_comes_back(stream: &Stream) {
    let again = restore(sections(stream).iter().map(Vec::as_slice)).expect("a stream writes what it can read");
    assert_eq!(digest(&again), digest(stream));
}

fn digest(stream: &Stream) -> Vec<u8> {
    let mut bytes = Vec::new();
    stream.digest(&mut |piece| bytes.extend_from_slice(piece));
    bytes
}

#[test]
fn a_duplicate_is_the_same() {
    let stream = lived_in();
    let own = stream.duplicate();
    assert_eq!(digest(&own), digest(&stream));
}

/// A stream with some of everything.
fn lived_in() -> Stream {
    let mut stage = Stage::new();
    stage.limits = BlockLimits { max_entries: 7, ..BlockLimits::default() };
    for number in 1..=60 {
        stage.add(&format!("{}-{}", number / 3 + 5, number));
    }
    for text in ["6-5", "10-17", "25-60"] {
        stage.stream.delete(id(text));
    }
    stage.stream.trim(Trim::MaxLen(50), RefPolicy::Keep);
    for (group, consumers) in [("g1", 3), ("g2", 300)] {
        stage.group(group, "0");
        for consumer in 0..consumers {
            stage.read(group, &format!("c{consumer:03}"), 9);
            stage.now_ms += 3;
        }
    }
    stage.group("idle", "12-20");
    stage.nack("g1", Nack::Fatal, "12-21 14-27 9-14");
    stage.ack("g1", "15-30 15-31");
    for pid in ["p1", "p2"] {
        for iid in 0..5u8 {
            let fields = [(&b"other"[..], &[iid; 200][..]), (b"f", b"")];
            let iid = Iid::Given(&[iid]);
            let now_ms = stage.now_ms;
            stage.stream.append_once(pid.as_bytes(), iid, fields, now_ms, stage.limits).unwrap();
        }
    }
    stage.stream
}

#[test]
fn everything_comes_back() {
    let stream = lived_in();
    let sections = sections(&stream);
    let again = restore(sections.iter().map(Vec::as_slice)).unwrap();
    assert_eq!(digest(&again), digest(&stream));
    assert_eq!(again.entries().blocks(), stream.entries().blocks());
    assert_eq!(self::sections(&again), sections, "and writes itself the same way");
    for (name, group) in stream.groups() {
        let other = again.group(name).unwrap();
        assert_eq!(other.lag(again.entries()), group.lag(stream.entries()));
        assert!(other.nacked().eq(group.nacked()));
    }
}

#[test]
fn a_restored_stream_goes_on_as_the_original_does() {
    let mut original = lived_in();
    let mut restored = restore(sections(&original).iter().map(Vec::as_slice)).unwrap();
    for stream in [&mut original, &mut restored] {
        for number in 0..200u64 {
            let value = number.to_string();
            let fields = [(&b"f"[..], value.as_bytes())];
            stream.append(NewId::Auto, fields, 200_000 + number, BlockLimits::default()).unwrap();
        }
        let mut group = stream.group_mut(b"g1").unwrap();
        let (consumer, _) = group.consumer(b"new", 300_000);
        group.claim_idle(consumer, 10, 20, 300_000, |_| rbq_stream::Take::Yes);
        group.deliver(consumer, 30, rbq_stream::Acks::Required, 300_001, |_| rbq_stream::Take::Yes);
        group.delete_consumer(b"c001");
        stream.trim(Trim::MaxLen(77), RefPolicy::Acked);
    }
    assert_eq!(digest(&original), digest(&restored));
    assert_eq!(original.entries().blocks(), restored.entries().blocks());
}

#[test]
fn an_empty_stream_comes_back() {
    let stream = Stream::default();
    let again = restore(sections(&stream).iter().map(Vec::as_slice)).unwrap();
    assert_eq!(digest(&again), digest(&stream));
}

#[test]
fn nothing_may_be_missing_doubled_or_moved() {
    let all = sections(&lived_in());
    let whole: Vec<&[u8]> = all.iter().map(Vec::as_slice).collect();
    for at in 0..whole.len() {
        let mut missing = whole.clone();
        missing.remove(at);
        assert!(restore(missing).is_err(), "section {at} missing");
        let mut doubled = whole.clone();
        doubled.insert(at, whole[at]);
        assert!(restore(doubled).is_err(), "section {at} doubled");
    }
    for at in 1..whole.len() {
        let mut swapped = whole.clone();
        swapped.swap(at - 1, at);
        assert!(restore(swapped).is_err(), "sections {at} and the one before swapped");
    }
    assert!(restore([]).is_err());
}

#[test]
fn a_section_cut_short_is_refused() {
    let all = sections(&lived_in());
    for (at, section) in all.iter().enumerate() {
        for cut in 0..section.len() {
            let cut = all.iter().enumerate().map(|(other, bytes)| if other == at { &bytes[..cut] } else { &bytes[..] });
            assert!(restore(cut).is_err());
        }
    }
}

#[test]
fn a_block_of_the_dead_is_refused() {
    let mut stage = Stage::with("1 2");
    stage.stream.delete(id("1"));
    let mut all = sections(&stage.stream);
    // The last entry's flags, before one byte each of step, length and body.
    let flags = all[1].len() - 4;
    all[1][flags] |= 1;
    assert!(restore(all.iter().map(Vec::as_slice)).is_err());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(3000))]

    /// Changed bytes are refused, or are a stream that works: a value's byte may be any.
    #[test]
    fn changed_bytes_never_panic(section in any::<prop::sample::Index>(), at in any::<prop::sample::Index>(), to in any::<u8>()) {
        let mut all = sections(&lived_in());
        let section = section.index(all.len());
        let at = at.index(all[section].len());
        all[section][at] = to;
        if let Ok(mut stream) = restore(all.iter().map(Vec::as_slice)) {
            use_all(&mut stream);
        }
    }

    #[test]
    fn any_bytes_never_panic(bytes in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..60), 0..6)) {
        let head = &sections(&Stream::default())[0];
        let _ = restore(std::iter::once(head.as_slice()).chain(bytes.iter().map(Vec::as_slice)));
        let _ = restore(bytes.iter().map(Vec::as_slice));
    }
}

/// Touches whatever could be out of joint.
fn use_all(stream: &mut Stream) {
    let entries = stream.entries();
    let bytes: usize = entries
        .range(StreamId::MIN, StreamId::MAX)
        .chain(entries.range_rev(StreamId::MIN, StreamId::MAX))
        .flat_map(|entry| entry.fields)
        .map(|(name, value)| name.len() + value.len())
        .sum();
    assert!(bytes < 1 << 20);
    let _ = stream.append(NewId::Auto, [(&b"f"[..], &b"v"[..])], 1 << 40, BlockLimits::default());
    let names: Vec<Vec<u8>> = stream.groups().map(|(name, _)| name.to_vec()).collect();
    for name in names {
        let mut group = stream.group_mut(&name).unwrap();
        let (consumer, _) = group.consumer(b"new", 1 << 41);
        group.claim_idle(consumer, 0, 1000, 1 << 41, |_| rbq_stream::Take::Yes);
        group.deliver(consumer, 10, rbq_stream::Acks::Required, 1 << 41, |_| rbq_stream::Take::Yes);
        let ids: Vec<_> = group.view().pending(rbq_stream::PendingFilter::default(), 0).map(|entry| entry.id).collect();
        ids.into_iter().for_each(|id| {
            group.ack(id);
        });
        assert_eq!(group.view().pending_len(), 0);
    }
    stream.trim(Trim::MaxLen(3), RefPolicy::Drop);
    stream.trim(Trim::MaxLen(0), RefPolicy::Acked);
    digest(stream);
}
