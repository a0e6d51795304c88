//! The matcher against a naive one that tries everything, and what a prepared pattern claims about its texts.

mod naive;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use rbq_pubsub::glob::{Pattern, STARS_MAX, matches, matches_ignore_case};

/// Bytes that mean something in a pattern, bytes that mean nothing, and the ends of the signed range.
fn bytes(most: usize) -> impl Strategy<Value = Vec<u8>> {
    vec(select(b"**??[[]]^^--\\\\aaabbcAB\x00\x7f\x80\xff".to_vec()), 0..most)
}

/// Texts that a pattern's own bytes are cut from match far more often than random ones.
fn pattern_and_text() -> impl Strategy<Value = (Vec<u8>, Vec<u8>)> {
    let aligned = vec((bytes(4), bytes(3)), 0..5).prop_map(|pairs| {
        let text: Vec<u8> = pairs.iter().flat_map(|(_, text)| text.clone()).collect();
        let pattern = pairs.into_iter().flat_map(|(wild, text)| [wild, text].concat()).collect();
        (pattern, text)
    });
    prop_oneof![(bytes(12), bytes(12)), aligned]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4096, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn one_retried_star_finds_what_trying_everything_finds((pattern, text) in pattern_and_text()) {
        prop_assert_eq!(matches(&pattern, &text), naive::glob(&pattern, &text));
    }

    #[test]
    fn a_prepared_pattern_matches_the_same_texts((pattern, text) in pattern_and_text()) {
        let prepared = Pattern::new(&pattern);
        let matched = matches(&pattern, &text);
        prop_assert_eq!(prepared.matches(&text), matched);
        prop_assert_eq!(prepared.as_bytes(), &pattern[..]);
        if matched {
            prop_assert!(!prepared.never_matches());
            prop_assert!(text.starts_with(prepared.literal_prefix()));
            let behind_prefix = &text[prepared.literal_prefix().len()..];
            prop_assert!(behind_prefix.ends_with(prepared.literal_suffix()));
            let between = &behind_prefix[..behind_prefix.len() - prepared.literal_suffix().len()];
            let middle = prepared.literal_middle();
            prop_assert!(middle.is_empty() || between.windows(middle.len()).any(|window| window == middle));
            prop_assert!(prepared.literal().is_none_or(|literal| literal == text));
        }
    }

    #[test]
    fn a_text_without_wildcards_is_a_pattern_for_itself_alone(text in "[a-z:.]{0,9}", other in "[a-z:.]{0,9}") {
        prop_assert!(matches(text.as_bytes(), text.as_bytes()));
        prop_assert_eq!(matches(text.as_bytes(), other.as_bytes()), text == other);
        let pattern = Pattern::new(text.as_bytes());
        prop_assert_eq!(pattern.literal(), Some(text.as_bytes()));
    }

    #[test]
    fn ignoring_case_is_matching_lower_case_where_no_class_is_involved(
        pattern in "[a-zA-Z*?\\\\]{0,9}",
        text in "[a-zA-Z]{0,9}",
    ) {
        let lower = matches(&pattern.to_ascii_lowercase().into_bytes(), &text.to_ascii_lowercase().into_bytes());
        prop_assert_eq!(matches_ignore_case(pattern.as_bytes(), text.as_bytes()), lower);
    }
}

#[test]
fn a_pattern_with_more_stars_than_redis_nests_matches_nothing() {
    let text = vec![b'a'; STARS_MAX + 1];
    let most = b"*a".repeat(STARS_MAX);
    let more = b"*a".repeat(STARS_MAX + 1);
    // Stars that end the pattern, and repeated ones, are not counted.
    for pattern in [most.clone(), [&most[..], b"*"].concat(), [b"****", &most[..], b"**"].concat()] {
        assert!(matches(&pattern, &text));
        assert!(Pattern::new(&pattern).matches(&text));
    }
    for pattern in [more.clone(), [&more[..], b"*"].concat()] {
        assert!(!matches(&pattern, &text));
        assert!(!Pattern::new(&pattern).matches(&text));
        assert!(Pattern::new(&pattern).never_matches());
    }
}

#[test]
fn literals_are_read_through_escapes_and_classes_of_one() {
    let pattern = Pattern::new(br"a\*[b]?x*:mid[d]le:[0-9]y*[\]]z");
    assert_eq!(pattern.literal_prefix(), b"a*b");
    assert_eq!(pattern.literal_middle(), b":middle:");
    assert_eq!(pattern.literal_suffix(), b"]z");
    assert_eq!(pattern.literal(), None);
}
