//! `LATENCY GRAPH event`: its spikes as a picture for a terminal.

use rbq_resp::Sink;

use super::ADMIN;
use crate::command::{Arg, Arity, Command, Run};
use crate::error::Error;
use crate::latency::Spikes;

pub(super) const COMMAND: Command = Command {
    name: "GRAPH",
    summary: "Returns a latency graph for an event.",
    arity: Arity::Exactly(3),
    args: &[Arg::string("event")],
    example: "
        ann  LATENCY GRAPH command
        ann: -ERR No samples available for event 'command'
    ",
    run: Run::Act(|turn, args, reply| {
        let name = args.bytes()?;
        let Some(spikes) = turn.broker.latency.event(name) else {
            let name = String::from_utf8_lossy(name);
            return Err(Error::err(format_args!("No samples available for event '{name}'")));
        };
        let name = String::from_utf8_lossy(name).to_lowercase();
        reply.verbatim("txt", draw(&name, spikes, turn.now.unix_us / 1_000_000).as_bytes());
        Ok(())
    }),
    ..ADMIN
};

/// Rows of the picture, and how full a cell of one can be.
const ROWS: u64 = 4;
const CELLS: [char; 3] = ['_', 'o', '#'];

/// A title, a ruler, the spikes from left to right, and under each how long ago it was, read downwards.
fn draw(name: &str, spikes: &Spikes, now_s: u64) -> String {
    let high = spikes.samples.iter().map(|(_, ms)| *ms).max().unwrap_or(0);
    let low = spikes.samples.iter().map(|(_, ms)| *ms).min().unwrap_or(0);
    let mut text = format!("{name} - high {high} ms, low {low} ms (all time high {} ms)\n", spikes.max_ms);
    text.push_str(&"-".repeat(80));
    text.push('\n');
    let steps = ROWS * CELLS.len() as u64;
    let heights: Vec<u64> =
        spikes.samples.iter().map(|(_, ms)| (ms - low) * (steps - 1) / (high - low).max(1)).collect();
    for row in (0..ROWS).rev() {
        let line: String = heights.iter().map(|&height| cell(height, row)).collect();
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text.push('\n');
    let ages: Vec<Vec<char>> =
        spikes.samples.iter().map(|(at_s, _)| age(now_s.saturating_sub(*at_s)).chars().collect()).collect();
    let longest = ages.iter().map(Vec::len).max().unwrap_or(0);
    for at in 0..longest {
        let line: String = ages.iter().map(|age| age.get(at).copied().unwrap_or(' ')).collect();
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

fn cell(height: u64, row: u64) -> char {
    let cells = CELLS.len() as u64;
    match height / cells {
        top if top > row => '|',
        top if top == row => CELLS[(height % cells) as usize],
        _ => ' ',
    }
}

fn age(seconds: u64) -> String {
    match seconds {
        0..60 => format!("{seconds}s"),
        60..3600 => format!("{}m", seconds / 60),
        3600..86_400 => format!("{}h", seconds / 3600),
        _ => format!("{}d", seconds / 86_400),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_worst_is_the_highest_and_ages_stand_below() {
        let samples = [(10, 5), (20, 60), (60, 30), (100, 5)].into_iter().collect();
        insta::assert_snapshot!(draw("command", &Spikes { samples, max_ms: 99 }, 110), @r"
        command - high 60 ms, low 5 ms (all time high 99 ms)
        --------------------------------------------------------------------------------
         #
         |
         |#
        _||_

        1151
        mm00
          ss
        ");
    }
}
