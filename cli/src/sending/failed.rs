//! Which messages failed, by where they stood in the input: what somebody has to send again.
//!
//! Bounded: neighbours are one range, of which the first [`RANGES_MAX`] are kept, and the rest is counted.

use crate::feed::Place;

/// Ranges told: what a person can read, and copy into `sed -n`.
const RANGES_MAX: usize = 20;

/// A part of the input: `lines 3 to 5 of stdin`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Source {
    /// What is counted in it: `line`, `message`.
    pub(crate) unit: &'static str,
    /// Empty for arguments.
    pub(crate) name: String,
}

impl Source {
    /// Messages that are arguments, or come one by one.
    pub(crate) fn messages() -> Self {
        Self { unit: "message", name: String::new() }
    }

    fn of(&self) -> String {
        if self.name.is_empty() { String::new() } else { format!(" of {}", self.name) }
    }
}

/// What failed.
#[derive(Debug, Default)]
pub(super) struct Failed {
    ranges: Vec<(Place, u64)>,
    untold: u64,
}

impl Failed {
    pub(super) fn add(&mut self, place: Place) {
        let is_full = self.ranges.len() == RANGES_MAX;
        match self.ranges.last_mut() {
            Some((first, last)) if first.source == place.source && *last + 1 == place.number => *last = place.number,
            _ if is_full => self.untold += 1,
            _ => self.ranges.push((place, place.number)),
        }
    }

    /// In one line; `None` if nothing failed.
    pub(super) fn told(&self, sources: &[Source]) -> Option<String> {
        let parts: Vec<String> = self
            .ranges
            .chunk_by(|(a, _), (b, _)| a.source == b.source)
            .filter_map(|part| {
                let source = sources.get(part[0].0.source)?;
                let range = |(first, last): &(Place, u64)| match last - first.number {
                    0 => last.to_string(),
                    _ => format!("{}-{last}", first.number),
                };
                let plural = if part.len() == 1 && part[0].0.number == part[0].1 { "" } else { "s" };
                let numbers: Vec<_> = part.iter().map(range).collect();
                Some(format!("{}{plural} {}{}", source.unit, numbers.join(", "), source.of()))
            })
            .collect();
        let more = if self.untold > 0 { format!("; and {} more", self.untold) } else { String::new() };
        (!parts.is_empty()).then(|| format!("not acknowledged: {}{more}", parts.join("; ")))
    }
}

/// `line 3 of stdin`.
pub(super) fn place(place: Place, sources: &[Source]) -> String {
    match sources.get(place.source) {
        Some(source) => format!("{} {}{}", source.unit, place.number, source.of()),
        None => format!("message {}", place.number),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neighbours_are_told_together_and_the_list_ends() {
        let sources = [Source { unit: "line", name: "stdin".to_owned() }, Source::messages()];
        let mut failed = Failed::default();
        assert_eq!(failed.told(&sources), None);
        for number in [3, 4, 5, 9] {
            failed.add(Place { source: 0, number });
        }
        failed.add(Place { source: 1, number: 1 });
        assert_eq!(failed.told(&sources).as_deref(), Some("not acknowledged: lines 3-5, 9 of stdin; message 1"));
        (0..100).for_each(|number| failed.add(Place { source: 1, number: 10 + 2 * number }));
        assert!(failed.told(&sources).is_some_and(|line| line.ends_with(", 42; and 83 more")), "{failed:?}");
        assert_eq!(place(Place { source: 0, number: 7 }, &sources), "line 7 of stdin");
    }
}
