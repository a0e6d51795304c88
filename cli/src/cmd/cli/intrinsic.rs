//! `--intrinsic-latency`: how long this machine keeps a program waiting that only wants to compute.
//!
//! No server answers faster than that. A short piece of work is timed over and over; what takes longer than it ever does is
//! time in which somebody else had the processor.

use std::hint::black_box;
use std::time::{Duration, Instant};

use super::Run;
use super::sizes::say;
use crate::exit::Exit;
use crate::output::Output;

/// Steps of the work: less than a microsecond, so that what is seen is the waiting.
const STEPS: u64 = 100;

pub(super) fn run(seconds: i64, out: &mut Output) -> Run<Exit> {
    let limit = Duration::from_secs(u64::try_from(seconds).unwrap_or(0));
    let start = Instant::now();
    let (mut runs, mut worst_us) = (0_u64, 0);
    let mut before = start;
    while before - start <= limit {
        black_box((0..STEPS).fold(runs, |sum, step| black_box(sum.wrapping_mul(31).wrapping_add(step))));
        let now = Instant::now();
        let us = (now - before).as_micros();
        before = now;
        runs += 1;
        if us > worst_us {
            worst_us = us;
            say(out, &format!("Max latency so far: {us} microseconds.\n"))?;
            // Telling takes longer than working: it must not be taken for waiting.
            before = Instant::now();
        }
    }
    let average_us = (before - start).as_secs_f64() * 1e6 / runs as f64;
    say(
        out,
        &format!(
            "\n{runs} total runs (avg latency: {average_us:.4} microseconds / {:.2} nanoseconds per run).\n\
             Worst run took {:.0}x longer than the average latency.\n",
            average_us * 1000.0,
            worst_us as f64 / average_us,
        ),
    )?;
    Ok(Exit::Done)
}
