//! How far long work is: a bar with rate and time left on a terminal, a line now and then elsewhere.
//!
//! All of it on stderr. Work that is over before [`LINE_EVERY`] says nothing off a terminal, so that scripts see no more than
//! the summary at the end.

use std::io::{self, IsTerminal as _};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

use crate::duration;
use crate::failure::say;

/// How long off a terminal between two lines: often enough to see that it lives, seldom enough for a log.
const LINE_EVERY: Duration = Duration::from_secs(5);

/// Between two changes of what a bar says: more often nobody can read it.
const BAR_EVERY: Duration = Duration::from_millis(100);

/// Work under way.
#[derive(Debug)]
pub(crate) struct Progress {
    face: Face,
}

#[derive(Debug)]
enum Face {
    Bar(ProgressBar, Count),
    Lines(Count),
    Silent,
}

/// What is done, and of what.
#[derive(Debug)]
struct Count {
    label: String,
    whole: Whole,
    done: u64,
    /// Of the input, where it is measured by that.
    done_bytes: u64,
    started: Instant,
    told: Instant,
}

/// What the work is a part of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Whole {
    /// So many there will be.
    Count(u64),
    /// So many bytes will be read for an unknown number.
    Bytes(u64),
    Unknown,
}

impl Progress {
    /// Begins; `total` is how many there will be, if that is known.
    pub(crate) fn start(label: &str, total: Option<u64>) -> Self {
        Self::begin(label, total.map_or(Whole::Unknown, Whole::Count))
    }

    /// Begins what goes through an input of so many bytes: its share and the time left are those of the bytes.
    pub(crate) fn through(label: &str, bytes: u64) -> Self {
        Self::begin(label, Whole::Bytes(bytes))
    }

    fn begin(label: &str, whole: Whole) -> Self {
        let now = Instant::now();
        let count = Count { label: label.to_owned(), whole, done: 0, done_bytes: 0, started: now, told: now };
        if !io::stderr().is_terminal() {
            return Self { face: Face::Lines(count) };
        }
        let (bar, template) = match whole {
            Whole::Count(total) | Whole::Bytes(total) => (ProgressBar::new(total), "{prefix} {wide_bar} {msg}"),
            Whole::Unknown => (ProgressBar::no_length(), "{prefix} {spinner} {msg}, {elapsed}"),
        };
        let style = ProgressStyle::with_template(template).expect("the template is one of the two above");
        let bar = bar.with_style(style).with_prefix(label.to_owned()).with_message(count.state(Duration::ZERO));
        Self { face: Face::Bar(bar, count) }
    }

    /// Says nothing, as `--quiet` wants it.
    pub(crate) fn silent() -> Self {
        Self { face: Face::Silent }
    }

    /// So many more are done.
    pub(crate) fn add(&mut self, more: u64) {
        match &mut self.face {
            Face::Bar(bar, count) => {
                count.done += more;
                if !matches!(count.whole, Whole::Bytes(_)) {
                    bar.inc(more);
                }
                if let Some(elapsed) = count.is_due(BAR_EVERY) {
                    bar.set_message(count.state(elapsed));
                }
            }
            Face::Lines(count) => {
                count.done += more;
                if let Some(elapsed) = count.is_due(LINE_EVERY) {
                    say(&format!("{}: {}", count.label, count.state(elapsed)));
                }
            }
            Face::Silent => {}
        }
    }

    /// The input is done with up to here.
    pub(crate) fn reach(&mut self, bytes: u64) {
        match &mut self.face {
            Face::Bar(bar, count) => {
                count.done_bytes = bytes;
                if matches!(count.whole, Whole::Bytes(_)) {
                    bar.set_position(bytes);
                }
            }
            Face::Lines(count) => count.done_bytes = bytes,
            Face::Silent => {}
        }
    }

    /// Says a line of the conversation without tearing the bar; `--quiet` does not silence it.
    pub(crate) fn say(&self, line: &str) {
        match &self.face {
            Face::Bar(bar, _) => bar.suspend(|| say(line)),
            Face::Lines(_) | Face::Silent => say(line),
        }
    }

    /// Takes the bar away; what was done is for the caller to say.
    pub(crate) fn finish(self) {}
}

/// A bar that was left by an error goes away as well.
impl Drop for Progress {
    fn drop(&mut self) {
        if let Face::Bar(bar, _) = &self.face {
            bar.finish_and_clear();
        }
    }
}

impl Count {
    /// Whether it is time to tell again, and how much time went by since the beginning.
    fn is_due(&mut self, every: Duration) -> Option<Duration> {
        let now = Instant::now();
        let due = now.duration_since(self.told) >= every;
        due.then(|| {
            self.told = now;
            now.duration_since(self.started)
        })
    }

    /// `2500 of 10000 (25 %), 500/s, 15s left`. The rate is that of all the time: of a burst at the beginning nothing can be told.
    fn state(&self, elapsed: Duration) -> String {
        let done = self.done;
        let (part, whole) = match self.whole {
            Whole::Count(total) => (done, total),
            Whole::Bytes(total) => (self.done_bytes.min(total), total),
            Whole::Unknown => (0, 0),
        };
        let of = if let Whole::Count(total) = self.whole { format!(" of {total}") } else { String::new() };
        if elapsed.is_zero() || done == 0 {
            return format!("{done}{of}");
        }
        let rate = done as f64 / elapsed.as_secs_f64();
        if part == 0 || whole == 0 {
            return format!("{done}{of}, {rate:.0}/s");
        }
        let percent = u128::from(part) * 100 / u128::from(whole);
        let left_seconds = elapsed.as_secs_f64() * (whole - part.min(whole)) as f64 / part as f64;
        let left = Duration::try_from_secs_f64(left_seconds.round()).unwrap_or(Duration::MAX);
        let left = if left.is_zero() { "0s".to_owned() } else { duration::shown(left) };
        format!("{done}{of} ({percent} %), {rate:.0}/s, {left} left")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_tells_rate_and_time_left() {
        let now = Instant::now();
        let state = |done, whole, done_bytes, seconds| {
            let count = Count { label: "moved".into(), whole, done, done_bytes, started: now, told: now };
            count.state(Duration::from_secs(seconds))
        };
        assert_eq!(state(2_500, Whole::Count(10_000), 0, 5), "2500 of 10000 (25 %), 500/s, 15s left");
        assert_eq!(state(10_000, Whole::Count(10_000), 0, 5), "10000 of 10000 (100 %), 2000/s, 0s left");
        assert_eq!(state(0, Whole::Count(10_000), 0, 5), "0 of 10000");
        assert_eq!(state(2_500, Whole::Bytes(1_000_000), 250_000, 5), "2500 (25 %), 500/s, 15s left");
        assert_eq!(state(2_500, Whole::Bytes(0), 0, 5), "2500, 500/s");
        assert_eq!(state(2_500, Whole::Unknown, 0, 5), "2500, 500/s");
        assert_eq!(state(0, Whole::Count(0), 0, 5), "0 of 0");
    }
}
