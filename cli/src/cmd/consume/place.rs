//! `--from` and `--until`: places in a stream.
//!
//! ```text
//!   beginning, end           before the oldest entry, behind the newest
//!   1790000000000-0          from: behind this entry; until: up to it
//!   1790000000000            a time in milliseconds since 1970, included
//!   2026-11-26T10:00:00Z     … as a date, with its offset
//!   -15m                     … so long ago, by the clock of this machine
//! ```

use std::fmt;
use std::str::FromStr;
use std::time::{SystemTime, UNIX_EPOCH};

use crate::duration;

/// Milliseconds since 1970 by this machine's clock.
pub(super) fn now_ms() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as u64)
}

/// An entry's ID, in the order of the stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct EntryId {
    pub(super) ms: u64,
    pub(super) seq: u64,
}

impl FromStr for EntryId {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let (ms, seq) = text.split_once('-').ok_or(())?;
        Ok(Self { ms: ms.parse().map_err(|_| ())?, seq: seq.parse().map_err(|_| ())? })
    }
}

impl fmt::Display for EntryId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.ms, self.seq)
    }
}

/// A place in a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    Beginning,
    End,
    Id(EntryId),
    TimeMs(u64),
}

impl Place {
    /// The ID that the first message stands behind, as `XREAD` and `XGROUP CREATE` want it.
    pub(super) fn behind(self) -> String {
        match self {
            Self::Beginning | Self::TimeMs(0) => "0-0".to_owned(),
            Self::End => "$".to_owned(),
            Self::Id(id) => id.to_string(),
            Self::TimeMs(ms) => EntryId { ms: ms - 1, seq: u64::MAX }.to_string(),
        }
    }

    /// The last ID that still belongs to it; `None` for the end, which only the stream knows.
    pub(super) fn last(self) -> Option<EntryId> {
        match self {
            Self::Beginning => Some(EntryId { ms: 0, seq: 0 }),
            Self::End => None,
            Self::Id(id) => Some(id),
            Self::TimeMs(ms) => Some(EntryId { ms, seq: u64::MAX }),
        }
    }
}

/// Reads a place; for clap, so the error is a sentence.
pub(super) fn parse(text: &str) -> Result<Place, String> {
    parse_at(text, now_ms())
}

fn parse_at(text: &str, now_ms: u64) -> Result<Place, String> {
    let wrong =
        || format!("`{text}` is no place in a stream; write `beginning`, `end`, an ID, or a time such as `-15m`");
    match text {
        "beginning" => return Ok(Place::Beginning),
        "end" | "$" => return Ok(Place::End),
        _ => {}
    }
    if let Ok(id) = text.parse() {
        return Ok(Place::Id(id));
    }
    if let Some(ago) = text.strip_prefix('-') {
        let ago_ms = duration::parse(ago).map_err(|_| wrong())?.as_millis();
        return Ok(Place::TimeMs(now_ms.saturating_sub(u64::try_from(ago_ms).unwrap_or(u64::MAX))));
    }
    if let Ok(ms) = text.parse() {
        return Ok(Place::TimeMs(ms));
    }
    let stamp: jiff::Timestamp = text.parse().map_err(|_| wrong())?;
    u64::try_from(stamp.as_millisecond()).map(Place::TimeMs).map_err(|_| wrong())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_a_word_an_id_or_a_time() {
        for (text, behind, last) in [
            ("beginning", "0-0", Some((0, 0))),
            ("end", "$", None),
            ("5-1", "5-1", Some((5, 1))),
            ("5", "4-18446744073709551615", Some((5, u64::MAX))),
            ("0", "0-0", Some((0, u64::MAX))),
            ("-15m", "99999-18446744073709551615", Some((100_000, u64::MAX))),
            ("1970-01-01T01:00:01.5+01:00", "1499-18446744073709551615", Some((1_500, u64::MAX))),
        ] {
            let place = parse_at(text, 1_000_000);
            let seen = place.map(|place| (place.behind(), place.last()));
            let last = last.map(|(ms, seq)| EntryId { ms, seq });
            assert_eq!(seen, Ok((behind.to_owned(), last)), "{text}");
        }
        for text in ["", "-", "15m", "1-", "yesterday", "1969-12-31T00:00:00Z"] {
            assert!(parse_at(text, 0).is_err(), "{text}");
        }
    }
}
