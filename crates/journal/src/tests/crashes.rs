//! A power cut at every operation, and an error at every operation.

use std::io::ErrorKind;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::world::{Findings, scenario, scenario_with_error};

/// Fewer would be a weaker test, and nobody would notice.
const CRASHES_MIN: u64 = 100_000;

/// A longer search is asked for with this variable: how many crashes, and the first seed.
const LONGER: &str = "RBQ_JOURNAL_CRASHES";

/// How many crashes, from which seed on.
fn wanted() -> (u64, u64) {
    let asked = std::env::var(LONGER).unwrap_or_default();
    let mut numbers = asked.split(',').map(|number| number.trim().parse().expect("it is `crashes` or `crashes,seed`"));
    if asked.is_empty() {
        (CRASHES_MIN, 0)
    } else {
        (numbers.next().unwrap_or(CRASHES_MIN), numbers.next().unwrap_or(0))
    }
}

#[test]
#[allow(clippy::print_stdout)]
fn whatever_moment_the_power_is_cut_what_was_acknowledged_comes_back() {
    let findings = Arc::new(Findings::default());
    let (crashes_min, mut seed) = wanted();
    while findings.crashes.load(Ordering::Relaxed) < crashes_min {
        scenario(seed, 120, None, &findings);
        seed += 1;
        let wrong = findings.wrong.lock();
        assert!(
            wrong.is_empty(),
            "{} findings, the first ones:\n{}",
            wrong.len(),
            wrong[..wrong.len().min(5)].join("\n")
        );
    }
    let (crashes, torn) = (findings.crashes.load(Ordering::Relaxed), findings.torn.load(Ordering::Relaxed));
    assert!(crashes >= CRASHES_MIN.min(crashes_min));
    assert!(torn > crashes / 100, "the scenarios hardly ever tear a tail: {torn} times in {crashes}");
    println!("{crashes} crashes in scenarios up to seed {seed}; {torn} tore the tail");
}

#[test]
fn whichever_operation_fails_what_was_acknowledged_comes_back() {
    let mut runs = 0;
    for seed in 0..12 {
        for error in [ErrorKind::Other, ErrorKind::StorageFull, ErrorKind::ReadOnlyFilesystem] {
            let mut at = 0;
            // The operation after the last one does not fail any more.
            while scenario_with_error(seed, 60, at, error).unwrap() > at {
                at += 1;
                runs += 1;
            }
        }
    }
    assert!(runs > 2_000, "{runs}");
}
