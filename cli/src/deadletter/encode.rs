//! A dead letter to the fields of a stream entry.

use bytes::Bytes;
use serde_json::{Value as Json, json};

use super::{ATTEMPTS_MAX, Attempt, DeadLetter, Field, Provenance, TRAILING};
use crate::print::message;

impl DeadLetter {
    /// The fields of the entry: the payload, then the trailing ones.
    pub(crate) fn encode(&self) -> Vec<Field> {
        let from = &self.provenance;
        let text = |text: String| Bytes::from(text);
        let values = [
            from.source.clone(),
            Bytes::from_static(from.kind.as_str().as_bytes()),
            from.group.clone(),
            text(from.id.clone()),
            text(from.reason.clone()),
            from.error.clone(),
            text(attempts(from)),
            text(from.first_delivered_ms.to_string()),
            text(from.died_ms.to_string()),
            text(from.redrives.to_string()),
            text(from.job.clone()),
            text(self.hash.to_string()),
            text(TRAILING.len().to_string()),
        ];
        let trailing = TRAILING.iter().map(|name| Bytes::from_static(name.as_bytes())).zip(values);
        self.payload.iter().cloned().chain(trailing).collect()
    }
}

fn attempts(from: &Provenance) -> String {
    let left_out = from.attempts.len().saturating_sub(ATTEMPTS_MAX);
    let before = from.attempts_before + left_out as u64;
    let attempt = |attempt: &Attempt| json!({ "consumer": message::json(&attempt.consumer), "at": attempt.at_ms });
    let mut kept: Vec<Json> = from.attempts[left_out..].iter().map(attempt).collect();
    if let Some(first) = kept.first_mut().filter(|_| before > 0) {
        first["number"] = (before + 1).into();
    }
    Json::from(kept).to_string()
}
