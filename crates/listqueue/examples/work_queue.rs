//! A work queue with a processing list, the pattern behind `LMOVE`: a job is moved, not popped, so that one whose
//! worker died is found again.
//!
//! `cargo run -p rbq-listqueue --example work_queue`

use rbq_listqueue::{End, List};
use std::io::{self, Write};

/// Moves the oldest job to the list of jobs in work, and shows it.
fn take(waiting: &mut List, in_work: &mut List) -> Option<String> {
    waiting.pop_with(End::Head, |job| {
        in_work.push_element(End::Tail, job);
        String::from_utf8_lossy(&job).into_owned()
    })
}

fn main() -> io::Result<()> {
    let mut out = io::stdout().lock();
    let (mut waiting, mut in_work) = (List::new(), List::new());
    for job in 1..=5 {
        waiting.push(End::Tail, format!("resize image {job}").as_bytes());
    }

    // Somebody looks at the queue. The view is theirs; the queue goes on.
    let view = waiting.slice(0, -1);

    while let Some(job) = take(&mut waiting, &mut in_work) {
        if job.ends_with('3') {
            writeln!(out, "worker died at `{job}`")?;
            continue;
        }
        writeln!(out, "done: {job}")?;
        in_work.remove(1, job.as_bytes());
    }

    while in_work.pop_with(End::Head, |job| waiting.push_element(End::Head, job)).is_some() {}
    writeln!(out, "to do again: {}, of {} seen at the start", waiting.len(), view.len())?;
    writeln!(out, "memory: {} bytes", waiting.memory_bytes())
}
