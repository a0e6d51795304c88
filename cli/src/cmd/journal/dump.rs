//! `rbq journal dump`: every op in the log, one a line, in order.
//!
//! ```text
//!   position=7 index=9 time_ms=1764165000000 db=0 ListPush key=mail end=Head when=Always elements=[one two]
//! ```
//!
//! The position is what a client waited for, the index counts the ops that changed something, and the time is the one
//! that was frozen for the command. The ops of an EXEC have the same index. A snapshot is not shown: what is said
//! at the end tells which operations the log still had beside it.

use std::ops::ControlFlow;
use std::path::PathBuf;

use clap::{Args, ValueEnum};
use rbq_broker::log::Record;
use rbq_broker::op::STATE_VERSION;
use rbq_broker::op::wire::Input;
use rbq_journal::{Dumped, dump};

use super::text;
use crate::exit::Exit;
use crate::failure::{Failure, Result, say};
use crate::output::Output;

/// Print every operation in the log
#[derive(Debug, Clone, Args)]
pub(super) struct DumpArgs {
    /// The data directory
    dir: PathBuf,
    /// How to write operations
    #[arg(short, long, default_value = "text")]
    output: Form,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Form {
    /// One line an operation
    Text,
    /// One JSON object a line; bytes that are no UTF-8 become {"base64": "…"}
    Jsonl,
}

pub(super) fn run(args: &DumpArgs) -> Result<Exit> {
    let directory = super::open(&args.dir)?;
    super::warn_if_in_use(&directory)?;
    let mut output = Output::new();
    let (mut ended, mut snapshot, mut positions) = (Ok(()), None, None);
    let walked = dump(directory, STATE_VERSION, |dumped| {
        ended = match dumped {
            Dumped::Snapshot { cut } => {
                snapshot = Some(cut);
                Ok(())
            }
            Dumped::Record { lsn, bytes } => {
                let shown = show(lsn, bytes, args.output, &mut output);
                if shown.is_ok() {
                    positions = Some((positions.map_or(lsn, |(first, _)| first), lsn));
                }
                shown
            }
            Dumped::Section { .. } | Dumped::Segment { .. } | Dumped::Batch { .. } => Ok(()),
        };
        if ended.is_ok() { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    });
    if !matches!(ended, Err(Failure::ClosedPipe)) {
        // What could be read is worth seeing, whatever comes after it.
        output.flush()?;
        if let Some(cut) = snapshot {
            say(&beside_the_snapshot(cut, positions));
        }
    }
    ended?;
    walked.map_err(|error| super::refused(error, &args.dir))?;
    Ok(Exit::Done)
}

/// What was shown, where a snapshot holds some of what led to the present.
fn beside_the_snapshot(cut: u64, positions: Option<(u64, u64)>) -> String {
    match positions {
        None => {
            format!("the log holds no operation; a snapshot holds the state after position {cut}, which is not shown")
        }
        Some((1, last)) => format!(
            "shown: positions 1 to {last}, every operation from the first on; a snapshot holds the state after position \
             {cut} besides"
        ),
        Some((first, last)) => format!(
            "shown: positions {first} to {last}; what came before is in a snapshot, the state after position {cut}, which is \
             not shown"
        ),
    }
}

/// All ops of what one hold of the broker logged.
fn show(position: u64, bytes: &[u8], form: Form, output: &mut Output) -> Result<()> {
    let mut input = Input::new(bytes);
    let cannot = |error| Failure::new(format!("position {position} holds no operations of this version: {error}"));
    while let Some(record) = Record::next(&mut input).map_err(cannot)? {
        for (stamp, op) in &record.ops {
            let line = text::Line { position, index: record.index, stamp: *stamp, op };
            match form {
                Form::Text => line.write(output.buffer()),
                Form::Jsonl => line.write_json(output.buffer()),
            }
        }
    }
    Ok(output.relieve()?)
}
