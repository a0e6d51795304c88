//! What a match costs, counted in steps rather than in time.

use super::{Case, Meter, walk};

struct Steps(usize);

impl Meter for Steps {
    fn step(&mut self) {
        self.0 += 1;
    }
}

fn steps(pattern: &[u8], text: &[u8]) -> usize {
    let mut steps = Steps(0);
    walk(pattern, text, Case::Exact, &mut steps);
    steps.0
}

#[test]
fn many_stars_cost_no_more_than_one_pass_over_pattern_and_text() {
    for stars in [1, 10, 100, 900] {
        for length in [10, 100, 1_000, 10_000] {
            let text = vec![b'a'; length];
            let pattern = [&b"*a".repeat(stars)[..], b"*b"].concat();
            let steps = steps(&pattern, &text);
            // Each step moves on in the pattern or in the text; a retry looks at one byte twice.
            assert!(steps <= pattern.len() + 2 * length, "{stars} stars, {length} bytes: {steps} steps");
        }
    }
}

#[test]
fn doubling_a_hostile_pattern_and_its_text_doubles_the_steps() {
    let cost = |n: usize| {
        let text = vec![b'a'; n];
        [
            steps(&[&b"a*".repeat(n / 2)[..], b"b"].concat(), &text),
            steps(&[&b"*?".repeat(n / 2)[..], b"b"].concat(), &text),
            steps(&[&b"*[ab]".repeat(n / 2)[..], b"*[^a]"].concat(), &text),
            steps(&[&b"**".repeat(n)[..], b"b"].concat(), &text),
            steps(&b"?".repeat(n + 1), &text),
        ]
    };
    for (small, large) in cost(500).into_iter().zip(cost(1_000)) {
        assert!(large <= 2 * small + 8, "{small} steps became {large}");
    }
}

#[test]
fn a_run_between_two_stars_is_retried_at_most_once_for_each_byte_of_text() {
    let text = vec![b'a'; 2_000];
    let run = 50;
    let pattern = [&b"*"[..], &b"a".repeat(run), b"b*"].concat();
    let steps = steps(&pattern, &text);
    assert!(steps <= text.len() * (run + 2) + pattern.len(), "{steps} steps");
}

#[test]
fn what_follows_the_last_star_is_tried_once_at_the_end_of_the_text() {
    let text = vec![b'a'; 10_000];
    for suffix in [&b"aaaab"[..], b"baaaa", b"[ab]?\\a[^b]a", b"aaaaa"] {
        let pattern = [b"*a*", suffix].concat();
        assert!(steps(&pattern, &text) <= 4 * pattern.len());
    }
}
