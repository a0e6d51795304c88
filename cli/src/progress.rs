//! How far long work is: a bar with rate and time left on a terminal, a line now and then elsewhere.
//!
//! All of it on stderr. Work that is over before [`LINE_EVERY`] says nothing off a terminal, so that scripts see no more than
//! the summary at the end.

use std::fmt;
use std::io::{self, IsTerminal as _};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressState, ProgressStyle};

use crate::failure::say;

/// How long off a terminal between two lines: often enough to see that it lives, seldom enough for a log.
const LINE_EVERY: Duration = Duration::from_secs(5);

/// Work under way.
#[derive(Debug)]
pub(crate) struct Progress {
    face: Face,
}

#[derive(Debug)]
enum Face {
    Bar(ProgressBar),
    Lines(Lines),
    Silent,
}

#[derive(Debug)]
struct Lines {
    label: String,
    total: Option<u64>,
    done: u64,
    started: Instant,
    told: Instant,
}

impl Progress {
    /// Begins; `total` is how many there will be, if that is known.
    pub(crate) fn start(label: &str, total: Option<u64>) -> Self {
        if !io::stderr().is_terminal() {
            let now = Instant::now();
            let lines = Lines { label: label.to_owned(), total, done: 0, started: now, told: now };
            return Self { face: Face::Lines(lines) };
        }
        let (bar, template) = match total {
            Some(total) => (ProgressBar::new(total), "{msg} {wide_bar} {human_pos} of {human_len}, {rate}, {eta} left"),
            None => (ProgressBar::no_length(), "{msg} {spinner} {human_pos}, {rate}, {elapsed}"),
        };
        let style = ProgressStyle::with_template(template).expect("the template is one of the two above").with_key(
            "rate",
            |state: &ProgressState, out: &mut dyn fmt::Write| {
                // A line that is a digit short is nobody's loss.
                let _ = write!(out, "{:.0}/s", state.per_sec());
            },
        );
        Self { face: Face::Bar(bar.with_style(style).with_message(label.to_owned())) }
    }

    /// Says nothing, as `--quiet` wants it.
    pub(crate) fn silent() -> Self {
        Self { face: Face::Silent }
    }

    /// So many more are done.
    pub(crate) fn add(&mut self, count: u64) {
        match &mut self.face {
            Face::Bar(bar) => bar.inc(count),
            Face::Lines(lines) => {
                lines.done += count;
                let now = Instant::now();
                if now.duration_since(lines.told) >= LINE_EVERY {
                    lines.told = now;
                    say(&lines.line(now.duration_since(lines.started)));
                }
            }
            Face::Silent => {}
        }
    }

    /// Says a line of the conversation without tearing the bar; `--quiet` does not silence it.
    pub(crate) fn say(&self, line: &str) {
        match &self.face {
            Face::Bar(bar) => bar.suspend(|| say(line)),
            Face::Lines(_) | Face::Silent => say(line),
        }
    }

    /// Takes the bar away; what was done is for the caller to say.
    pub(crate) fn finish(self) {}
}

/// A bar that was left by an error goes away as well.
impl Drop for Progress {
    fn drop(&mut self) {
        if let Face::Bar(bar) = &self.face {
            bar.finish_and_clear();
        }
    }
}

impl Lines {
    fn line(&self, elapsed: Duration) -> String {
        let rate = self.done as f64 / elapsed.as_secs_f64();
        let (label, done) = (&self.label, self.done);
        match self.total {
            Some(total) if total > 0 && done > 0 => {
                let percent = done.saturating_mul(100) / total;
                let left_seconds = total.saturating_sub(done) as f64 / rate;
                format!("{label}: {done} of {total} ({percent} %), {rate:.0}/s, {left_seconds:.0} s left")
            }
            Some(total) => format!("{label}: {done} of {total}"),
            None => format!("{label}: {done}, {rate:.0}/s"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_tells_rate_and_time_left() {
        let now = Instant::now();
        let line = |done, total, seconds| {
            let lines = Lines { label: "moved".into(), total, done, started: now, told: now };
            lines.line(Duration::from_secs(seconds))
        };
        assert_eq!(line(2_500, Some(10_000), 5), "moved: 2500 of 10000 (25 %), 500/s, 15 s left");
        assert_eq!(line(0, Some(10_000), 5), "moved: 0 of 10000");
        assert_eq!(line(2_500, None, 5), "moved: 2500, 500/s");
        assert_eq!(line(0, Some(0), 5), "moved: 0 of 0");
    }
}
