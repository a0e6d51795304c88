//! The bugs of keeping what was acknowledged, which kills and power cuts have to find.
//!
//! What only a decaying disk shows is not here, nor what needs one moment in a million, as a new segment whose name is not durable
//! for some milliseconds: the journal's own simulation has such mistakes, and reaches each moment.

use super::Mutant;

/// All of them.
pub const DURABLE: &[Mutant] = &[
    Mutant {
        file: "crates/server/src/gates.rs",
        before: "gate == Gate::OPEN || gate.is_open(self.safe",
        after: "gate.is_behind(gate) || gate.is_open(self.safe",
        breaks: "replies do not wait for the log",
    },
    Mutant {
        file: "crates/server/src/outbox.rs",
        before: "        if !gate.is_behind(self.tail_gate) {",
        after: "        if false {",
        breaks: "a reply leaves with the one before it",
    },
    Mutant {
        file: "crates/broker/src/keyspace/db.rs",
        before: "        entry.epoch = self.epoch;\n        saving.waiting.push(image(saving.db, entry));",
        after: "        entry.epoch = self.epoch;\n        let _ = &mut saving.waiting;",
        breaks: "a key that changes during a snapshot is not in it",
    },
    Mutant {
        file: "crates/stream/src/snapshot/mod.rs",
        before: "        varint::put(out, hold.deliveries);",
        after: "        varint::put(out, 1);",
        breaks: "a snapshot forgets how often entries were delivered",
    },
    Mutant {
        file: "crates/journal/src/log.rs",
        before: "        self.syncs.make(&self.active.file, self.shared.options.faults)?;",
        after: "",
        breaks: "the log is not synced",
    },
    Mutant {
        file: "crates/journal/src/log.rs",
        before: "        if self.shared.options.faults.ack_before_sync() {",
        after: "        if self.synced < self.written {",
        breaks: "records are told to be durable when they are written",
    },
    Mutant {
        file: "crates/broker/src/broker/execute.rs",
        before: "        let db = self.session(client).db;\n        positions.iter()",
        after: "        if !known.flags.has(crate::command::Flags::WRITE) {\n            return Gate::OPEN;\n        }\n        let db = self.session(client).db;\n        positions.iter()",
        breaks: "readers do not wait for the log",
    },
    Mutant {
        file: "crates/journal/src/snapshot_write.rs",
        before: "        if shared.options.faults.recycle_before_snapshot() {",
        after: "        if *cut > 0 {",
        breaks: "old segments go before the snapshot stands",
    },
    Mutant {
        file: "crates/broker/src/broker/park.rs",
        before: "        self.end_record(client);\n        if flow == Flow::Park {\n            return false;\n        }",
        after: "        if flow == Flow::Park {\n            return false;\n        }\n        self.end_record(client);",
        breaks: "what a waiting client changes when it looks again is no record",
    },
];
