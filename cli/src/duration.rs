//! Durations on the command line: `250ms`, `30s`, `2m`, `1.5h`, and words like `1m30s`.

use std::time::Duration;

/// Parses a duration; for clap, so the error is a sentence.
pub(crate) fn parse(text: &str) -> Result<Duration, String> {
    let wrong = || format!("`{text}` is no duration; write `30s`, `2m` or `250ms`");
    let mut rest = text;
    let mut seconds = 0.0;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.').ok_or_else(wrong)?;
        let number: f64 = rest[..digits].parse().map_err(|_| wrong())?;
        rest = &rest[digits..];
        let letters = rest.find(|c: char| c.is_ascii_digit()).unwrap_or(rest.len());
        seconds += number * unit_seconds(&rest[..letters]).ok_or_else(wrong)?;
        rest = &rest[letters..];
    }
    if text.is_empty() {
        return Err(wrong());
    }
    Duration::try_from_secs_f64(seconds).map_err(|_| wrong())
}

/// Writes one for people, in its two largest units: `2d3h`, `3m12s`, `250ms`.
pub(crate) fn shown(duration: Duration) -> String {
    let seconds = duration.as_secs();
    let pair = |large: u64, large_unit, small: u64, small_unit| match seconds % large / small {
        0 => format!("{}{large_unit}", seconds / large),
        rest => format!("{}{large_unit}{rest}{small_unit}", seconds / large),
    };
    match seconds {
        0 => format!("{}ms", duration.as_millis()),
        1..60 => format!("{seconds}s"),
        60..3600 => pair(60, 'm', 1, 's'),
        3600..86_400 => pair(3600, 'h', 60, 'm'),
        _ => pair(86_400, 'd', 3600, 'h'),
    }
}

fn unit_seconds(unit: &str) -> Option<f64> {
    Some(match unit {
        "ms" => 0.001,
        "s" => 1.0,
        "m" => 60.0,
        "h" => 3600.0,
        "d" => 86_400.0,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_have_units() {
        for (text, ms) in [("250ms", 250), ("30s", 30_000), ("2m", 120_000), ("1.5h", 5_400_000), ("1m30s", 90_000)] {
            assert_eq!(parse(text), Ok(Duration::from_millis(ms)), "{text}");
        }
        for text in ["", "30", "s", "3x", "1m30", "-1s", "..s", "1e9d", "9999999999999999999999d"] {
            assert!(parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_duration_is_shown_in_its_two_largest_units() {
        for (ms, text) in [
            (0, "0ms"),
            (250, "250ms"),
            (1_999, "1s"),
            (60_000, "1m"),
            (192_000, "3m12s"),
            (3_660_000, "1h1m"),
            (183_600_000, "2d3h"),
        ] {
            assert_eq!(shown(Duration::from_millis(ms)), text);
        }
    }
}
