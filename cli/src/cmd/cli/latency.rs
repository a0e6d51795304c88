//! `--latency` and `--latency-history`: how many milliseconds a PING takes, a hundred times a second.
//!
//! Closed loop and whole milliseconds, as redis-cli has it; `rbq bench latency` measures better.

use std::time::{Duration, Instant};

use super::Run;
use super::dial::Dial;
use super::flags::CliArgs;
use super::sizes::say;
use crate::exit::Exit;
use crate::output::Output;
use crate::print::Form;

/// Between two samples.
const SAMPLE_INTERVAL: Duration = Duration::from_millis(10);
const PERIOD: Duration = Duration::from_secs(1);
const HISTORY_PERIOD: Duration = Duration::from_secs(15);

/// Samples of one period.
#[derive(Debug, Default)]
struct Samples {
    min_ms: u128,
    max_ms: u128,
    sum_ms: u128,
    count: u32,
}

impl Samples {
    fn add(&mut self, ms: u128) {
        self.min_ms = if self.count == 0 { ms } else { self.min_ms.min(ms) };
        self.max_ms = self.max_ms.max(ms);
        self.sum_ms += ms;
        self.count += 1;
    }

    fn shown(&self, form: Form) -> String {
        let Self { min_ms: min, max_ms: max, count, .. } = self;
        let average = self.sum_ms as f64 / f64::from(self.count.max(1));
        match form {
            Form::Tty => format!("min: {min}, max: {max}, avg: {average:.2} ({count} samples)"),
            Form::Csv => format!("{min},{max},{average:.2},{count}\n"),
            Form::Raw => format!("{min} {max} {average:.2} {count}\n"),
            Form::Json | Form::QuotedJson => {
                format!("{{\"min\": {min}, \"max\": {max}, \"avg\": {average:.2}, \"count\": {count}}}\n")
            }
        }
    }
}

pub(super) async fn run(dial: &Dial, args: &CliArgs, out: &mut Output) -> Run<Exit> {
    let mut link = dial.connect_or_give_up().await?;
    let form = args.printer(out.is_terminal()).form;
    let history = args.mode.latency_history;
    let default = if history { HISTORY_PERIOD } else { PERIOD };
    let period = Some(args.interval()).filter(|interval| !interval.is_zero()).unwrap_or(default);
    let (mut samples, mut start) = (Samples::default(), Instant::now());
    loop {
        let asked = Instant::now();
        link.call(["PING"]).await?;
        samples.add(asked.elapsed().as_millis());
        let over = start.elapsed() > period;
        match form {
            Form::Tty => say(out, &format!("\x1b[0G\x1b[2K{}", samples.shown(form)))?,
            _ if over => say(out, &samples.shown(form))?,
            _ => {}
        }
        if over && history {
            if form == Form::Tty {
                say(out, &format!(" -- {:.2} seconds range\n", start.elapsed().as_secs_f64()))?;
            }
            (samples, start) = (Samples::default(), Instant::now());
        } else if over && form != Form::Tty {
            return Ok(Exit::Done);
        }
        tokio::time::sleep(SAMPLE_INTERVAL).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_are_shown_in_every_form() {
        let mut samples = Samples::default();
        for ms in [3, 1, 4] {
            samples.add(ms);
        }
        let shown: String = [Form::Tty, Form::Csv, Form::Raw, Form::Json].map(|form| samples.shown(form)).concat();
        assert_eq!(
            shown,
            "min: 1, max: 4, avg: 2.67 (3 samples)1,4,2.67,3\n1 4 2.67 3\n\
             {\"min\": 1, \"max\": 4, \"avg\": 2.67, \"count\": 3}\n"
        );
    }
}
