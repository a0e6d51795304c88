//! The globs of a real redis-server, as recorded by `data/glob_vectors.py`.

#![allow(clippy::unwrap_used)]

use rbq_pubsub::glob::{Pattern, matches, matches_ignore_case};

const VECTORS: &str = include_str!("data/glob_vectors.txt");

struct Vector {
    ignore_case: bool,
    pattern: Vec<u8>,
    text: Vec<u8>,
    expected: bool,
}

/// `exact "a%00*" "b" no`
fn vector(line: &str) -> Vector {
    let mut quoted = line.split('"');
    let kind = quoted.next().unwrap().trim();
    let pattern = unescaped(quoted.next().unwrap());
    let between = quoted.next().unwrap();
    let text = unescaped(quoted.next().unwrap());
    let expected = quoted.next().unwrap().trim();
    assert!(matches!(kind, "exact" | "nocase") && between == " " && matches!(expected, "yes" | "no"), "{line}");
    Vector { ignore_case: kind == "nocase", pattern, text, expected: expected == "yes" }
}

fn unescaped(quoted: &str) -> Vec<u8> {
    let mut pieces = quoted.split('%');
    let mut bytes = pieces.next().unwrap().as_bytes().to_vec();
    for piece in pieces {
        let (hex, plain) = piece.split_at(2);
        bytes.push(u8::from_str_radix(hex, 16).unwrap());
        bytes.extend(plain.as_bytes());
    }
    bytes
}

#[test]
fn every_recorded_answer_of_redis_is_ours_too() {
    let mut wrong = Vec::new();
    for line in VECTORS.lines() {
        let Vector { ignore_case, pattern, text, expected } = vector(line);
        let answer = if ignore_case {
            matches_ignore_case(&pattern, &text)
        } else {
            assert_eq!(Pattern::new(&pattern).matches(&text), matches(&pattern, &text), "prepared or not: {line}");
            matches(&pattern, &text)
        };
        if answer != expected {
            wrong.push(line);
        }
    }
    assert!(wrong.is_empty(), "Redis says otherwise:\n{}", wrong.join("\n"));
}

#[test]
fn the_record_is_large_and_holds_both_answers_of_both_kinds() {
    let count = |kind: &str, answer: &str| {
        VECTORS.lines().filter(|line| line.starts_with(kind) && line.ends_with(answer)).count()
    };
    assert!(count("exact", "yes") > 500 && count("exact", "no") > 500);
    assert!(count("nocase", "yes") > 40 && count("nocase", "no") > 200);
}
