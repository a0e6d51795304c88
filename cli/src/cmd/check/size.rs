//! An amount of memory as a threshold: `512mb`, `2gb`, or `80%` of what the server may use.

use std::str::FromStr;

/// Bytes, or a share.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Size {
    Bytes(f64),
    Percent(f64),
}

impl Size {
    /// In bytes; none for a share of what has no limit.
    pub(super) fn of(self, limit_bytes: Option<f64>) -> Option<f64> {
        match self {
            Self::Bytes(bytes) => Some(bytes),
            Self::Percent(percent) => limit_bytes.map(|limit| (limit * percent / 100.0).floor()),
        }
    }
}

/// The units are those of `maxmemory`: `k` is 1000, `kb` 1024.
impl FromStr for Size {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("`{text}` is no size; write `512mb`, `2gb` or `80%`");
        let digits = text.find(|letter: char| !letter.is_ascii_digit() && letter != '.').unwrap_or(text.len());
        let number: f64 = text[..digits].parse().map_err(|_| wrong())?;
        let factor = match text[digits..].to_ascii_lowercase().as_str() {
            "%" => return Ok(Self::Percent(number)),
            "" | "b" => 1.0,
            "k" => 1e3,
            "kb" => 1024.0,
            "m" => 1e6,
            "mb" => 1024.0 * 1024.0,
            "g" => 1e9,
            "gb" => 1024.0 * 1024.0 * 1024.0,
            _ => return Err(wrong()),
        };
        Ok(Self::Bytes(number * factor))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_bytes_or_shares() {
        for (text, size) in [
            ("80%", Size::Percent(80.0)),
            ("512", Size::Bytes(512.0)),
            ("2kb", Size::Bytes(2048.0)),
            ("1.5k", Size::Bytes(1500.0)),
            ("1GB", Size::Bytes(1_073_741_824.0)),
        ] {
            assert_eq!(text.parse(), Ok(size));
        }
        for text in ["", "%", "x", "1tb", "-1", "1 gb"] {
            assert!(text.parse::<Size>().is_err(), "{text}");
        }
        assert_eq!(Size::Percent(80.0).of(Some(1000.0)), Some(800.0));
        assert_eq!(Size::Percent(80.0).of(None), None);
    }
}
