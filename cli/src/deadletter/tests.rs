//! What is encoded decodes to the same, and nothing else passes for a dead letter.
#![allow(clippy::unwrap_used)]

use proptest::collection::vec;
use proptest::prelude::*;

use super::decode::NotADeadLetter;
use super::*;

fn letter() -> DeadLetter {
    let provenance = Provenance {
        source: "orders".into(),
        kind: SourceKind::Stream,
        group: "billing".into(),
        id: "17-0".into(),
        reason: "max-deliver".into(),
        error: "no such customer".into(),
        attempts: vec![
            Attempt { consumer: "w1".into(), at_ms: 1000 },
            Attempt { consumer: Bytes::from_static(b"\xff"), at_ms: 2000 },
        ],
        attempts_before: 0,
        first_delivered_ms: 1000,
        died_ms: 3000,
        redrives: 0,
        job: String::new(),
    };
    DeadLetter::new(vec![("item".into(), "book".into())], provenance)
}

/// The entry as lines.
fn lines(fields: &[Field]) -> String {
    fields.iter().map(|(name, value)| format!("{}: {}\n", name.escape_ascii(), value.escape_ascii())).collect()
}

/// The error that the letter gives with this trailing field changed.
fn error_with(name: &str, value: &'static str) -> String {
    let mut fields = letter().encode();
    fields.iter_mut().find(|(found, _)| found == name).unwrap().1 = value.into();
    DeadLetter::decode(&fields).unwrap_err().to_string()
}

#[test]
fn the_original_comes_first_and_the_count_last() {
    insta::assert_snapshot!(lines(&letter().encode()), @r#"
    item: book
    _rbq.source: orders
    _rbq.type: stream
    _rbq.group: billing
    _rbq.id: 17-0
    _rbq.reason: max-deliver
    _rbq.error: no such customer
    _rbq.attempts: [{\"consumer\":\"w1\",\"at\":1000},{\"consumer\":{\"base64\":\"/w==\"},\"at\":2000}]
    _rbq.first_delivered: 1000
    _rbq.died: 3000
    _rbq.redrives: 0
    _rbq.job: 
    _rbq.hash: e00620ef496a2d3e43b2e1db29daaa08
    _rbq.count: 13
    "#);
}

#[test]
fn what_makes_no_sense_is_named() {
    for (name, value, expected) in [
        (COUNT, "12", "no dead letter: `_rbq.count` is `12`, which does not fit its fields"),
        (
            COUNT,
            "999999999999999999999",
            "no dead letter: `_rbq.count` is `999999999999999999999`, which does not fit its fields",
        ),
        (TYPE, "list", "no dead letter: `list` makes no sense as `_rbq.type`"),
        (ID, "17", "no dead letter: `17` makes no sense as `_rbq.id`"),
        (ID, "", "no dead letter: `` makes no sense as `_rbq.id`"),
        (ATTEMPTS, "{}", "no dead letter: `{}` makes no sense as `_rbq.attempts`"),
        (
            ATTEMPTS,
            r#"[{"consumer":"w","at":1,"number":0}]"#,
            r#"no dead letter: `[{\"consumer\":\"w\",\"at\":1,\"number\":0}]` makes no sense as `_rbq.attempts`"#,
        ),
        (ATTEMPTS, "[{\"at\":1}]", "no dead letter: `[{\\\"at\\\":1}]` makes no sense as `_rbq.attempts`"),
        (DIED, "-1", "no dead letter: `-1` makes no sense as `_rbq.died`"),
        (REDRIVES, "+1", "no dead letter: `+1` makes no sense as `_rbq.redrives`"),
        (HASH, "abc", "no dead letter: `abc` makes no sense as `_rbq.hash`"),
    ] {
        assert_eq!(error_with(name, value), expected);
    }
}

#[test]
fn a_field_that_is_missing_or_moved_is_named() {
    let whole = letter().encode();
    for index in 1..whole.len() {
        let mut fields = whole.clone();
        fields.remove(index);
        assert!(DeadLetter::decode(&fields).is_err(), "{index}");
    }
    let mut moved = whole.clone();
    moved.swap(2, 3);
    assert_eq!(DeadLetter::decode(&moved), Err(NotADeadLetter::Field(TYPE)));
    assert_eq!(DeadLetter::decode(&whole[..1]), Err(NotADeadLetter::Unmarked));
    assert_eq!(DeadLetter::decode(&[]), Err(NotADeadLetter::Unmarked));
}

#[test]
fn a_dead_letter_of_a_dead_letter_is_no_special_case() {
    let inner = letter();
    let outer = DeadLetter::new(inner.encode(), Provenance { source: "orders.dlq".into(), ..letter().provenance });
    let read = DeadLetter::decode(&outer.encode()).unwrap();
    assert_eq!(read, outer);
    assert_eq!(DeadLetter::decode(&read.payload).unwrap(), inner);
}

#[test]
fn a_changed_payload_keeps_the_hash_of_the_original() {
    let mut changed = letter();
    assert!(!changed.is_changed());
    changed.payload[0].1 = "pen".into();
    let read = DeadLetter::decode(&changed.encode()).unwrap();
    assert!(read.is_changed());
    assert_eq!(read.hash, letter().hash);
}

#[test]
fn only_the_last_ten_attempts_are_kept() {
    let mut many = letter();
    many.provenance.attempts = (0..25).map(|at_ms| Attempt { consumer: "w".into(), at_ms }).collect();
    let read = DeadLetter::decode(&many.encode()).unwrap().provenance;
    assert_eq!(read.attempts.iter().map(|attempt| attempt.at_ms).collect::<Vec<_>>(), (15..25).collect::<Vec<_>>());
    // How many there were is not forgotten, and what is written again says the same.
    assert_eq!((read.attempts_before, read.attempts_total()), (15, 25));
    let again = DeadLetter { provenance: read, ..many };
    assert!(
        lines(&again.encode())
            .contains(r#"[{\"consumer\":\"w\",\"at\":15,\"number\":16},{\"consumer\":\"w\",\"at\":16},"#)
    );
}

fn bytes() -> impl Strategy<Value = Bytes> {
    vec(any::<u8>(), 0..20).prop_map(Bytes::from)
}

fn fields() -> impl Strategy<Value = Vec<Field>> {
    let name = prop_oneof![bytes(), proptest::sample::select(&TRAILING[..]).prop_map(Bytes::from)];
    vec((name, prop_oneof![bytes(), Just(Bytes::from("13"))]), 0..30)
}

prop_compose! {
    fn provenances()(
        source in bytes(), group in bytes(), error in bytes(), reason in ".{0,12}", job in "[a-z0-9]{0,8}",
        is_queue in any::<bool>(), id in any::<(u64, u64)>(), times in any::<(u64, u64)>(), redrives in any::<u64>(),
        attempts in vec((bytes(), any::<u64>()), 0..=ATTEMPTS_MAX), before in any::<u32>(),
    ) -> Provenance {
        let kind = if is_queue { SourceKind::Queue } else { SourceKind::Stream };
        let id = if is_queue { String::new() } else { format!("{}-{}", id.0, id.1) };
        let attempts: Vec<_> = attempts.into_iter().map(|(consumer, at_ms)| Attempt { consumer, at_ms }).collect();
        let attempts_before = if attempts.is_empty() { 0 } else { before.into() };
        let (first_delivered_ms, died_ms) = times;
        Provenance {
            source, kind, group, id, reason, error, attempts, attempts_before, first_delivered_ms, died_ms, redrives, job,
        }
    }
}

proptest! {
    #[test]
    fn whatever_died_is_read_back(payload in fields(), provenance in provenances()) {
        let letter = DeadLetter::new(payload, provenance);
        prop_assert_eq!(DeadLetter::decode(&letter.encode()), Ok(letter));
    }

    #[test]
    fn any_fields_at_all_are_read_or_refused(fields in fields()) {
        if let Ok(letter) = DeadLetter::decode(&fields) {
            prop_assert_eq!(letter.encode(), fields);
        }
    }

    #[test]
    fn a_dead_letter_with_one_field_spoilt_is_read_or_refused(provenance in provenances(), place in 0..13usize, value in bytes()) {
        let mut fields = DeadLetter::new(vec![], provenance).encode();
        fields[place].1 = value;
        if let Ok(letter) = DeadLetter::decode(&fields) {
            prop_assert_eq!(letter.encode().len(), fields.len());
        }
    }
}
