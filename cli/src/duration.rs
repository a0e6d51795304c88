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
}
