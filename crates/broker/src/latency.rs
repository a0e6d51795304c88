//! The latency monitor: spikes above `latency-monitor-threshold`, by event.

use std::collections::{BTreeMap, VecDeque};

/// Samples kept per event.
const SAMPLES_MAX: usize = 160;

/// Spikes of one event.
#[derive(Clone, Debug, Default)]
pub struct Spikes {
    /// Second and worst duration in it, in milliseconds, oldest first.
    pub samples: VecDeque<(u64, u64)>,
    /// The worst ever, in milliseconds.
    pub max_ms: u64,
}

/// Spikes by event.
#[derive(Clone, Debug, Default)]
pub struct Latency {
    events: BTreeMap<&'static str, Spikes>,
}

impl Latency {
    pub(crate) fn add(&mut self, event: &'static str, at_s: u64, ms: u64) {
        let spikes = self.events.entry(event).or_default();
        spikes.max_ms = spikes.max_ms.max(ms);
        match spikes.samples.back_mut() {
            Some((second, worst)) if *second == at_s => *worst = (*worst).max(ms),
            _ => spikes.samples.push_back((at_s, ms)),
        }
        if spikes.samples.len() > SAMPLES_MAX {
            spikes.samples.pop_front();
        }
    }

    /// Events that had a spike, in order of their names.
    pub fn events(&self) -> impl Iterator<Item = (&'static str, &Spikes)> {
        self.events.iter().map(|(name, spikes)| (*name, spikes))
    }

    /// The spikes of this event, in any case.
    pub fn event(&self, name: &[u8]) -> Option<&Spikes> {
        self.events().find(|(event, _)| name.eq_ignore_ascii_case(event.as_bytes())).map(|(_, spikes)| spikes)
    }

    /// Forgets these events, or all; how many there were.
    pub fn reset(&mut self, names: &[&[u8]]) -> usize {
        let before = self.events.len();
        let is_named = |event: &str| names.iter().any(|name| name.eq_ignore_ascii_case(event.as_bytes()));
        self.events.retain(|event, _| !names.is_empty() && !is_named(event));
        before - self.events.len()
    }
}
