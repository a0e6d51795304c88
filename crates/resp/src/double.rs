//! Doubles as Redis prints them.
//!
//! Redis (since 7.2) and Rust print the fewest digits that read back as the same number, but Redis lays them out by the
//! rules of its own printer (`d2string` and `fpconv`). With digits `d`, so that the value is `d × 10^k`, and the decimal
//! exponent `e` of the first digit:
//!
//! ```text
//!   whole and below 2^62          an integer                1e18     1000000000000000000
//!   k ≥ 0 and e < digits + 7      digits and k zeros        1.2345678901234567e19   12345678901234567000
//!   k < 0 and (k > -7 or |e| < 4) a point, 0.00… if small   0.00125
//!   otherwise                     d.ddde±e, no padding      1e-9, 1.5e+19
//! ```
//!
//! The digits may differ in one number of a thousand: Redis finds them by Grisu2, which then has one digit too many.

use std::fmt::{self, Write as _};
use std::num::ParseFloatError;
use std::ops::Deref;
use std::str::FromStr;

/// A number with a fraction as a reply has it: its value, and the text that the server gave it.
///
/// The same number is written in different ways: Redis before 7.2 and some still say `0.10000000000000001` where others say
/// `0.1`. Who shows a reply shows what it says. Two are equal if their values are.
#[derive(Clone)]
pub struct Double {
    value: f64,
    /// None where it is the text of [`format_double`].
    text: Option<Box<str>>,
}

impl Double {
    /// The number.
    #[must_use]
    pub fn value(&self) -> f64 {
        self.value
    }
}

impl FromStr for Double {
    type Err = ParseFloatError;

    fn from_str(text: &str) -> Result<Self, ParseFloatError> {
        let value: f64 = text.parse()?;
        let is_ours = &*format_double(value) == text;
        Ok(Self { value, text: (!is_ours).then(|| text.into()) })
    }
}

impl From<f64> for Double {
    fn from(value: f64) -> Self {
        Self { value, text: None }
    }
}

impl PartialEq for Double {
    fn eq(&self, other: &Self) -> bool {
        self.value == other.value
    }
}

impl fmt::Display for Double {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.text {
            Some(text) => f.write_str(text),
            None => f.write_str(&format_double(self.value)),
        }
    }
}

impl fmt::Debug for Double {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.value, f)
    }
}

/// The text of a double, without allocation.
#[derive(Clone, Copy)]
pub struct DoubleText {
    bytes: [u8; DoubleText::BYTES_MAX],
    len: usize,
}

impl DoubleText {
    /// A sign, 17 digits, a point, and at most six zeros or a five-byte exponent: 25. Rounded up.
    const BYTES_MAX: usize = 32;

    fn new() -> DoubleText {
        DoubleText { bytes: [0; DoubleText::BYTES_MAX], len: 0 }
    }
}

impl Deref for DoubleText {
    type Target = str;

    fn deref(&self) -> &str {
        str::from_utf8(&self.bytes[..self.len]).expect("only whole strings are written")
    }
}

impl fmt::Write for DoubleText {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let end = self.len + text.len();
        self.bytes.get_mut(self.len..end).ok_or(fmt::Error)?.copy_from_slice(text.as_bytes());
        self.len = end;
        Ok(())
    }
}

impl fmt::Display for DoubleText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self)
    }
}

impl fmt::Debug for DoubleText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self)
    }
}

/// The text that Redis gives a double in its replies: `3`, `0.1`, `1.5e+300`, `inf`, `-inf`, `nan`.
#[must_use]
pub fn format_double(value: f64) -> DoubleText {
    let mut text = DoubleText::new();
    write_double(value, &mut text).expect("the longest double fits");
    text
}

fn write_double(value: f64, text: &mut DoubleText) -> fmt::Result {
    // Redis's bound for printing by the faster integer way; both ends are exact in a double.
    const WHOLE_MAX: f64 = (i64::MAX / 2) as f64;
    if value.is_nan() {
        return text.write_str("nan");
    }
    if value.is_infinite() {
        return text.write_str(if value < 0.0 { "-inf" } else { "inf" });
    }
    if value == 0.0 {
        return text.write_str(if value.is_sign_negative() { "-0" } else { "0" });
    }
    if value.abs() <= WHOLE_MAX && value.trunc() == value {
        return text.write_str(itoa::Buffer::new().format(value as i64));
    }
    if value < 0.0 {
        text.write_char('-')?;
    }
    let mut scientific = DoubleText::new();
    write!(scientific, "{:e}", value.abs())?;
    let (mantissa, exponent) = scientific.split_once('e').expect("`{:e}` has an exponent");
    let exponent: i32 = exponent.parse().expect("`{:e}` has a decimal exponent");
    let (first, rest) = mantissa.split_at(1);
    lay_out(first, rest.strip_prefix('.').unwrap_or_default(), exponent, text)
}

/// Writes the digits `first` and `rest`, of which the first has the weight `10^exponent`.
fn lay_out(first: &str, rest: &str, exponent: i32, text: &mut DoubleText) -> fmt::Result {
    let digits = 1 + rest.len() as i32;
    let k = exponent - (digits - 1);
    if k >= 0 && exponent < digits + 7 {
        write!(text, "{first}{rest}{:0<1$}", "", k as usize)
    } else if k < 0 && exponent < 0 && (k > -7 || exponent > -4) {
        write!(text, "0.{:0<1$}{first}{rest}", "", (-exponent - 1) as usize)
    } else if k < 0 && exponent >= 0 && (k > -7 || exponent < 4) {
        let (whole, fraction) = rest.split_at(exponent as usize);
        write!(text, "{first}{whole}.{fraction}")
    } else {
        let point = if rest.is_empty() { "" } else { "." };
        let sign = if exponent < 0 { '-' } else { '+' };
        write!(text, "{first}{point}{rest}e{sign}{}", exponent.unsigned_abs())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_double_is_shown_as_it_was_written_and_compared_by_its_value() {
        for text in ["0.1", "0.10000000000000001", "3", "3.0", "1e3", "inf", "nan"] {
            assert_eq!(text.parse::<Double>().expect("a number").to_string(), text);
        }
        assert_eq!("0.10000000000000001".parse(), Ok(Double::from(0.1)));
        assert_eq!(Double::from(0.1).to_string(), "0.1");
        "0,1".parse::<Double>().expect_err("no number");
    }

    #[test]
    fn doubles_are_laid_out_as_redis_lays_them_out() {
        for (value, expected) in [
            (0.0, "0"),
            (-0.0, "-0"),
            (1.0, "1"),
            (-42.0, "-42"),
            (0.1, "0.1"),
            (-0.1, "-0.1"),
            (1.5, "1.5"),
            (3.25e2, "325"),
            (1234.5678, "1234.5678"),
            (0.001, "0.001"),
            (0.000125, "0.000125"),
            (0.0000125, "1.25e-5"),
            (0.00001, "0.00001"),
            (0.000001, "0.000001"),
            (0.00123456789, "0.00123456789"),
            (0.000123456789, "1.23456789e-4"),
            (1e-7, "1e-7"),
            (1e-9, "1e-9"),
            (123456.7, "123456.7"),
            (12345.6789012, "1.23456789012e+4"),
            (1234.56789012, "1234.56789012"),
            (1e18, "1000000000000000000"),
            (4611686018427387904.0, "4611686018427387904"),
            (1e19, "1e+19"),
            (1.2345678901234567e19, "12345678901234567000"),
            (1.5e19, "1.5e+19"),
            (1.234567890123e19, "12345678901230000000"),
            (1.23456789012e19, "1.23456789012e+19"),
            (1e22, "1e+22"),
            (1.5e300, "1.5e+300"),
            (1.7976931348623157e308, "1.7976931348623157e+308"),
            (5e-324, "5e-324"),
            (-2.2250738585072014e-308, "-2.2250738585072014e-308"),
            (f64::INFINITY, "inf"),
            (f64::NEG_INFINITY, "-inf"),
            (f64::NAN, "nan"),
        ] {
            assert_eq!(&*format_double(value), expected);
        }
    }

    #[test]
    fn every_power_of_ten_reads_back() {
        for exponent in -320..=308 {
            for digits in ["1", "1.5", "9.999999999999999", "-1.2345678901234567"] {
                let value: f64 = format!("{digits}e{exponent}").parse().expect("a double");
                assert_eq!(format_double(value).parse::<f64>(), Ok(value));
            }
        }
    }
}
