//! Commands from stdin, one a line, as redis-cli's interactive mode reads them when nobody sits at the terminal.
//!
//! A number before a command repeats it; `quit` and `exit` end the run; a line whose quotes do not match is reported in its
//! place and skipped.

use std::time::{Duration, Instant};

use rbq_client::Request;
use rbq_resp::split_args;

use crate::exit::Exit;
use crate::failure::Result;
use crate::lines;
use crate::output::Output;
use crate::print::Form;
use crate::repeat::{Repeat, repetitions};
use crate::session::{Session, Turn};

/// From here on redis-cli tells people how long a command took.
const SLOW: Duration = Duration::from_millis(500);

pub(super) async fn run(session: &mut Session, interval: Duration, exit_error: bool, out: &mut Output) -> Result<Exit> {
    let mut lines = lines::of_stdin();
    let mut refused = false;
    while let Some(batch) = lines.recv().await {
        for line in batch? {
            match step(session, &line, interval, out).await? {
                Step::Quit => return Ok(exit(refused && exit_error)),
                Step::Refused => refused = true,
                Step::Next => {}
            }
        }
    }
    Ok(exit(refused && exit_error))
}

enum Step {
    Next,
    Refused,
    Quit,
}

async fn step(session: &mut Session, line: &[u8], interval: Duration, out: &mut Output) -> Result<Step> {
    let Ok(words) = split_args(line) else {
        return complain("Invalid argument(s)\n", out);
    };
    let (words, times) = match repetitions(&words) {
        Repeat::Not => (words.as_slice(), 1),
        Repeat::Times(times) => (&words[1..], times),
        Repeat::Invalid => return complain("Invalid redis-cli repeat command option value.\n", out),
    };
    let request = Request::from(words);
    if request.is_empty() {
        return Ok(Step::Next);
    }
    if request.is_word(0, "quit") || request.is_word(0, "exit") {
        return Ok(Step::Quit);
    }
    let start = Instant::now();
    let mut step = Step::Next;
    for _ in 0..times {
        match session.ask(&request, out).await? {
            Turn::Answered => {}
            Turn::Refused(_) => step = Step::Refused,
            Turn::Ended => return Ok(Step::Quit),
        }
        if !interval.is_zero() {
            tokio::time::sleep(interval).await;
        }
    }
    let elapsed = start.elapsed();
    if elapsed >= SLOW && session.printer.form == Form::Tty {
        out.buffer().extend_from_slice(format!("({:.2}s)\n", elapsed.as_secs_f64()).as_bytes());
        out.flush()?;
    }
    Ok(step)
}

fn complain(text: &str, out: &mut Output) -> Result<Step> {
    out.buffer().extend_from_slice(text.as_bytes());
    out.flush()?;
    Ok(Step::Next)
}

fn exit(failed: bool) -> Exit {
    if failed { Exit::Failed } else { Exit::Done }
}
