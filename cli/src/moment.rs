//! Times and places in a stream as they are written on the command line.
//!
//! | written | is |
//! |---|---|
//! | `-15m`, `1h30m`        | so long ago, by the clock of this machine; the dash may be left out |
//! | `2026-11-26T10:00:00Z` | a time stamp of RFC 3339, with its offset |
//! | `2026-11-26`           | where this day begins in UTC, in which all times are shown |
//! | `1790000000000`        | milliseconds since 1970, which is also the first half of an ID |
//! | `1790000000000-0`      | the ID of an entry |
//! | `beginning`, `end`     | before the oldest entry, behind the newest |
//!
//! A number without a dash is a time and never half an ID, so that "from" includes everything of that millisecond.

use std::fmt;
use std::str::FromStr;
use std::time::{SystemTime, UNIX_EPOCH};

use crate::duration;
use crate::entries::EntryId;

/// Milliseconds since 1970 by this machine's clock.
pub(crate) fn now_ms() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as u64)
}

/// Reads a time as milliseconds since 1970; for clap, so the error is a sentence.
pub(crate) fn parse(text: &str) -> Result<u64, String> {
    parse_at(text, now_ms())
}

fn parse_at(text: &str, now_ms: u64) -> Result<u64, String> {
    if let Ok(ago) = duration::parse(text.strip_prefix('-').unwrap_or(text)) {
        let ago_ms = ago.as_millis();
        return Ok(now_ms.saturating_sub(u64::try_from(ago_ms).unwrap_or(u64::MAX)));
    }
    if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
        return text.parse().map_err(|_| wrong(text));
    }
    // Without a zone a time of the day would be anybody's; a day alone is short for its first moment.
    let day = if is_day(text) { format!("{text}T00:00:00Z") } else { text.to_owned() };
    let stamp: jiff::Timestamp = day.parse().map_err(|_| wrong(text))?;
    u64::try_from(stamp.as_millisecond()).map_err(|_| format!("`{text}` is before 1970"))
}

fn is_day(text: &str) -> bool {
    text.len() == "2026-01-31".len() && text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-')
}

fn wrong(text: &str) -> String {
    format!("`{text}` is no time; write `-15m`, `2026-01-31`, `2026-01-31T12:00:00Z` or milliseconds since 1970")
}

/// A place in a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Position {
    Beginning,
    End,
    Id(EntryId),
    TimeMs(u64),
}

impl Position {
    /// The first ID that stands at this place or behind it, for `XRANGE`.
    pub(crate) fn first(self) -> String {
        match self {
            Self::Beginning => "-".to_owned(),
            Self::End => "+".to_owned(),
            Self::Id(id) => id.to_string(),
            Self::TimeMs(ms) => EntryId { ms, seq: 0 }.to_string(),
        }
    }

    /// The last ID that still belongs to it: all of a time's millisecond; `None` for the end, which only the stream knows.
    pub(crate) fn last(self) -> Option<EntryId> {
        match self {
            Self::Beginning => Some(EntryId { ms: 0, seq: 0 }),
            Self::End => None,
            Self::Id(id) => Some(id),
            Self::TimeMs(ms) => Some(EntryId { ms, seq: u64::MAX }),
        }
    }

    /// What a group has to have been given last so that it goes on from here: after an ID, and with all of a time's
    /// millisecond.
    pub(crate) fn given_last(self) -> String {
        match self {
            Self::Beginning | Self::TimeMs(0) => "0-0".to_owned(),
            Self::End => "$".to_owned(),
            Self::Id(id) => id.to_string(),
            Self::TimeMs(ms) => EntryId { ms: ms - 1, seq: u64::MAX }.to_string(),
        }
    }
}

impl FromStr for Position {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "beginning" => return Ok(Self::Beginning),
            "end" => return Ok(Self::End),
            _ => {}
        }
        if let Ok(id) = text.parse() {
            return Ok(Self::Id(id));
        }
        parse(text).map(Self::TimeMs).map_err(|_| {
            format!(
                "`{text}` is no place in a stream; write `beginning`, `end`, an ID, or a time: `-15m`, \
                 `2026-01-31T12:00:00Z`"
            )
        })
    }
}

/// As a part of a sentence: "from the beginning", "behind 1-1".
impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Beginning => f.write_str("the beginning"),
            Self::End => f.write_str("the end"),
            Self::Id(id) => write!(f, "{id}"),
            Self::TimeMs(ms) => {
                let stamp = i64::try_from(*ms).ok().and_then(|ms| jiff::Timestamp::from_millisecond(ms).ok());
                match stamp {
                    Some(stamp) => write!(f, "{stamp:.3}"),
                    None => write!(f, "{ms}"),
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn times_are_ago_stamps_or_milliseconds() {
        for (text, ms) in [
            ("-15m", 100_000),
            ("-1h", 0),
            ("15m", 100_000),
            ("1970-01-01T00:00:01Z", 1_000),
            ("1970-01-01T01:00:01.5+01:00", 1_500),
            ("1970-01-02", 86_400_000),
            ("1790000000000", 1_790_000_000_000),
            ("0", 0),
        ] {
            assert_eq!(parse_at(text, 1_000_000), Ok(ms), "{text}");
        }
        for wrong in [
            "",
            "-",
            "1-1",
            "yesterday",
            "99999999999999999999",
            "1969-12-31T00:00:00Z",
            "2026-13-01",
            "2026-01-31T12:00:00",
            "-3x",
        ] {
            assert!(parse_at(wrong, 1_000_000).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_group_goes_on_after_an_id_and_with_all_of_a_time() {
        for (text, first, given_last, shown) in [
            ("beginning", "-", "0-0", "the beginning"),
            ("end", "+", "$", "the end"),
            ("5-1", "5-1", "5-1", "5-1"),
            ("5", "5-0", "4-18446744073709551615", "1970-01-01T00:00:00.005Z"),
            ("0", "0-0", "0-0", "1970-01-01T00:00:00.000Z"),
        ] {
            let position: Position = text.parse().unwrap();
            assert_eq!((position.first().as_str(), position.given_last().as_str()), (first, given_last), "{text}");
            assert_eq!(position.to_string(), shown);
        }
        assert!("start".parse::<Position>().unwrap_err().contains("`beginning`"));
    }
}
