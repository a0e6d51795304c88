//! Producers that send twice.

use std::collections::BTreeMap;

use proptest::prelude::*;
use rbq_stream::{
    AppendError, Appended, BlockLimits, IdmpLimits, Iid, NewId, RecordError, RefPolicy, Stream, StreamId, Trim,
    fields_iid,
};

use crate::snapshot::assert_comes_back;
use crate::stage::id;

const FIELDS: [(&[u8], &[u8]); 1] = [(b"f", b"v")];

fn send(stream: &mut Stream, pid: &str, iid: &str, now_ms: u64) -> Appended {
    let iid = Iid::Given(iid.as_bytes());
    stream.append_once(pid.as_bytes(), iid, FIELDS, now_ms, BlockLimits::default()).unwrap()
}

fn auto(stream: &mut Stream, pid: &str, text: &str) -> Appended {
    let words: Vec<&str> = text.split_whitespace().collect();
    let fields: Vec<_> = words.chunks(2).map(|pair| (pair[0].as_bytes(), pair[1].as_bytes())).collect();
    stream.append_once(pid.as_bytes(), Iid::Fields, fields, 1000, BlockLimits::default()).unwrap()
}

fn is_new(appended: Appended) -> bool {
    matches!(appended, Appended::New(_))
}

#[test]
fn a_duplicate_gets_the_first_id_even_when_the_entry_is_gone() {
    let mut stream = Stream::default();
    let first = send(&mut stream, "p", "1", 1000).id();
    stream.delete(first);
    stream.trim(Trim::MaxLen(0), RefPolicy::Keep);
    assert_eq!(send(&mut stream, "p", "1", 1001), Appended::Duplicate(first));
    assert!(is_new(send(&mut stream, "other", "1", 1001)), "producers are apart");
    assert!(is_new(send(&mut stream, "p", "2", 1001)));
    let stats = stream.idmp_stats(1001);
    let counts = (stats.pids_tracked, stats.iids_tracked, stats.iids_added, stats.iids_duplicates);
    assert_eq!(counts, (2, 3, 3, 1));
}

#[test]
fn the_fields_are_the_id_in_any_order() {
    let mut stream = Stream::default();
    let first = auto(&mut stream, "p", "a 1 b 2 c 3").id();
    assert_eq!(auto(&mut stream, "p", "b 2 c 3 a 1"), Appended::Duplicate(first));
    for text in ["a 1 b 2 c 4", "a 1 b 2", "a 1 a 1", "a 1 a 1 a 1 a 1", "a1 b 2c 3", "b 1 a 2 c 3", "x y", "y x"] {
        assert!(is_new(auto(&mut stream, "p", text)), "{text}");
    }
    assert!(is_new(auto(&mut stream, "q", "a 1 b 2 c 3")));
}

#[test]
fn the_hash_of_fields_never_changes() {
    // It is written to logs and snapshots: another one would let duplicates through after an upgrade.
    let fields: [(&[u8], &[u8]); 2] = [(b"amount", b"100"), (b"currency", b"USD")];
    let iid = fields_iid(fields.into_iter());
    assert_eq!(format!("{:032x}", u128::from_be_bytes(iid)), "c7f02b4b628f90778731923d15c9bdc4");
}

#[test]
fn remembered_for_so_long_and_so_many() {
    let mut stream = Stream::new(IdmpLimits { duration_s: 2, max_iids: 3 });
    for iid in ["1", "2", "3", "4"] {
        send(&mut stream, "p", iid, 1000);
    }
    assert!(is_new(send(&mut stream, "p", "1", 1000)), "the fourth pushed the first out");
    assert!(!is_new(send(&mut stream, "p", "4", 2999)));
    assert!(is_new(send(&mut stream, "p", "4", 3000)), "two seconds are over");
    assert_eq!(stream.idmp_stats(3000).iids_tracked, 1);
    assert_eq!(stream.idmp_stats(9000).pids_tracked, 0);
    stream.expire_idmp(9000);
    assert_eq!(stream.idmp_stats(0).iids_tracked, 0);
}

#[test]
fn ids_ahead_of_the_clock_are_forgotten_in_time() {
    // redis/redis #15836.
    let mut stream = Stream::new(IdmpLimits { duration_s: 1, max_iids: 100 });
    stream.append(NewId::Exact(id("99999999-0")), FIELDS, 0, BlockLimits::default()).unwrap();
    assert_eq!(send(&mut stream, "p", "1", 1000).id(), id("99999999-1"));
    assert!(is_new(send(&mut stream, "p", "1", 2000)));
}

#[test]
fn other_limits_forget_everything_and_the_same_do_not() {
    let mut stream = Stream::default();
    send(&mut stream, "p", "1", 0);
    assert!(!stream.set_idmp_limits(IdmpLimits::default()));
    assert!(!is_new(send(&mut stream, "p", "1", 0)));
    assert!(stream.set_idmp_limits(IdmpLimits { duration_s: 60, ..IdmpLimits::default() }));
    let stats = stream.idmp_stats(0);
    assert_eq!((stats.pids_tracked, stats.iids_tracked), (0, 0));
    assert_eq!((stats.iids_added, stats.iids_duplicates), (1, 1), "counters live on");
    assert!(is_new(send(&mut stream, "p", "1", 0)));
}

#[test]
fn a_duplicate_is_found_on_an_exhausted_stream() {
    let mut stream = Stream::default();
    let first = send(&mut stream, "p", "1", 0).id();
    stream.append(NewId::Exact(StreamId::MAX), FIELDS, 0, BlockLimits::default()).unwrap();
    assert_eq!(send(&mut stream, "p", "1", 0), Appended::Duplicate(first));
    let refused = stream.append_once(b"p", Iid::Given(b"2"), FIELDS, 0, BlockLimits::default());
    assert_eq!(refused, Err(AppendError::Exhausted));
    assert_eq!(stream.idmp_stats(0).iids_tracked, 1, "what was refused is not remembered");
}

#[test]
fn recording_what_was_sent_before() {
    let mut stream = Stream::default();
    let first = stream.append(NewId::Auto, FIELDS, 5000, BlockLimits::default()).unwrap();
    let second = stream.append(NewId::Auto, FIELDS, 5001, BlockLimits::default()).unwrap();
    assert_eq!(stream.record_sent(b"p", b"1", id("7"), 6000), Err(RecordError::NoEntry));
    assert_eq!(stream.record_sent(b"p", b"1", first, 6000), Ok(()));
    assert_eq!(stream.record_sent(b"p", b"1", first, 6000), Ok(()));
    assert_eq!(stream.record_sent(b"p", b"1", second, 6000), Err(RecordError::OtherEntry));
    assert_eq!(send(&mut stream, "p", "1", 6000), Appended::Duplicate(first));
    assert!(is_new(send(&mut stream, "p", "1", 105_000)), "remembered from when the entry was made");
}

#[test]
fn what_was_sent_too_long_ago_is_recorded_to_no_effect() {
    let mut stream = Stream::default();
    let first = stream.append(NewId::Auto, FIELDS, 5000, BlockLimits::default()).unwrap();
    for _ in 0..2 {
        assert_eq!(stream.record_sent(b"p", b"1", first, 105_000), Ok(()));
        assert_eq!(stream.idmp_stats(0).iids_tracked, 0);
    }
    // What was remembered, and is over, is not there twice.
    let sent = send(&mut stream, "p", "1", 105_000).id();
    assert_eq!(stream.record_sent(b"p", b"1", sent, 205_000), Ok(()));
    assert_eq!(stream.record_sent(b"p", b"1", first, 205_000), Ok(()));
    assert_eq!(stream.idmp_stats(0).iids_tracked, 0);
    assert_comes_back(&stream);
}

/// Per producer: ID of the producer's, entry, when. Oldest first.
#[derive(Default)]
struct Plain {
    sent: BTreeMap<u8, Vec<(u8, StreamId, u64)>>,
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn remembers_what_a_plain_list_does(
        calls in prop::collection::vec((0u8..4, 0u8..12, 0u64..400, any::<Option<prop::sample::Index>>()), 1..300),
        duration_s in 1u32..4,
        max_iids in 1u32..8,
    ) {
        let mut stream = Stream::new(IdmpLimits { duration_s, max_iids });
        let (mut plain, mut now_ms, mut duplicates) = (Plain::default(), 1000, 0);
        let mut entries = Vec::new();
        for (pid, iid, wait_ms, recorded) in calls {
            now_ms += wait_ms;
            let alive = |at_ms: u64| now_ms < at_ms + u64::from(duration_s) * 1000;
            plain.sent.values_mut().for_each(|sent| sent.retain(|(_, _, at_ms)| alive(*at_ms)));
            let sent = plain.sent.entry(pid).or_default();
            let known = sent.iter().find(|(known, _, _)| *known == iid).map(|(_, id, _)| *id);
            if let Some(entry) = recorded.filter(|_| !entries.is_empty()) {
                let entry: StreamId = *entry.get(&entries);
                let got = stream.record_sent(pid.to_string().as_bytes(), iid.to_string().as_bytes(), entry, now_ms);
                prop_assert_eq!(got, if known.is_none_or(|id| id == entry) { Ok(()) } else { Err(RecordError::OtherEntry) });
                if known.is_none() && alive(entry.ms) {
                    if sent.len() == max_iids as usize {
                        sent.remove(0);
                    }
                    // Items stay in order of time, so one that is told late counts from the one before.
                    let at_ms = sent.last().map_or(entry.ms, |(_, _, last_ms)| entry.ms.max(*last_ms));
                    sent.push((iid, entry, at_ms));
                }
                plain.sent.retain(|_, sent| !sent.is_empty());
                continue;
            }
            let got = send(&mut stream, &pid.to_string(), &iid.to_string(), now_ms);
            match known {
                Some(id) => {
                    duplicates += 1;
                    prop_assert_eq!(got, Appended::Duplicate(id));
                }
                None => {
                    prop_assert!(is_new(got));
                    entries.push(got.id());
                    sent.push((iid, got.id(), now_ms));
                    if sent.len() > max_iids as usize {
                        sent.remove(0);
                    }
                }
            }
            plain.sent.retain(|_, sent| !sent.is_empty());
            let stats = stream.idmp_stats(now_ms);
            prop_assert_eq!(stats.pids_tracked, plain.sent.len() as u64);
            prop_assert_eq!(stats.iids_tracked, plain.sent.values().map(|sent| sent.len() as u64).sum::<u64>());
            prop_assert_eq!(stats.iids_duplicates, duplicates);
            let later = stream.idmp_stats(now_ms + 700);
            let later_alive = |at_ms: u64| now_ms + 700 < at_ms + u64::from(duration_s) * 1000;
            let left = plain.sent.values().flatten().filter(|(_, _, at_ms)| later_alive(*at_ms)).count();
            prop_assert_eq!(later.iids_tracked, left as u64);
        }
        assert_comes_back(&stream);
    }
}
