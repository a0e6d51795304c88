//! `MEMORY DOCTOR`: what is odd about memory, in words.

use rbq_resp::Sink;

use super::LOOKING;
use crate::broker::Broker;
use crate::command::{Command, Run};

pub(super) const COMMAND: Command = Command {
    name: "DOCTOR",
    summary: "Outputs a memory problems report.",
    example: "
        ann  MEMORY DOCTOR
        ann: \"No memory problems found.\\n\"
    ",
    run: Run::Act(|turn, _, reply| {
        reply.verbatim("txt", report(turn.broker).as_bytes());
        Ok(())
    }),
    ..LOOKING
};

/// Below this nothing that is said of ratios means anything.
const MEMORY_MIN: u64 = 5 << 20;

fn report(broker: &Broker) -> String {
    let (facts, settings) = (&broker.facts, &broker.settings);
    let used = facts.memory_used;
    let mut text = String::new();
    if used < MEMORY_MIN {
        return "No memory problems found.\n".to_owned();
    }
    if broker.stats.memory_peak > used + used / 2 {
        text.push_str(
            "- Far more memory was in use once than is now. The resident size may stay high until the allocator gives \
             pages back; MEMORY PURGE asks it to.\n",
        );
    }
    if facts.memory_resident > used + used / 2 {
        text.push_str(
            "- Far more memory is resident than in use: it is fragmented, or other parts of the process hold it.\n",
        );
    }
    if facts.client_buffers > used / 2 {
        text.push_str(
            "- More than half of the memory are buffers of clients. CLIENT LIST shows whose (tot-mem); \
             maxmemory-clients and client-output-buffer-limit bound them.\n",
        );
    }
    if settings.maxmemory.0 > 0 && used > settings.maxmemory.0 / 10 * 9 {
        text.push_str("- Memory is close to maxmemory; beyond it, commands that add are refused.\n");
    }
    if text.is_empty() { "No memory problems found.\n".to_owned() } else { text }
}
