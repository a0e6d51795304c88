//! INCRBYFLOAT's arithmetic.
//!
//! Redis adds in `long double` and prints with 17 decimals, trailing zeros cut; on x86-64 that is the 80-bit format.
//! In plain `f64`, 0.1 + 0.2 would come out as 0.30000000000000004 where Redis says 0.3. Done in software, so
//! that a log replays to the same digits on every machine.

use rustc_apfloat::ieee::X87DoubleExtended;
use rustc_apfloat::{Float, Round};

use crate::error::Error;

/// Decimals that are printed.
const DECIMALS: usize = 17;
/// Longer texts are no number.
const TEXT_BYTES_MAX: usize = 5 * 1024;

/// `value + delta`, both as text, as Redis prints the sum.
pub(crate) fn add(value: &[u8], delta: &[u8]) -> Result<Vec<u8>, Error> {
    let sum = parse(value)?.add_r(parse(delta)?, Round::NearestTiesToEven).value;
    if sum.is_nan() || sum.is_infinite() {
        return Err(Error::Fixed("ERR increment would produce NaN or Infinity"));
    }
    Ok(print(sum))
}

/// Reads what the C library's `strtold` reads, as a whole and without spaces before it: decimal, hexadecimal, infinity.
/// What is too large is no number here, and neither is what is so small that only 0 is left of it.
fn parse(text: &[u8]) -> Result<X87DoubleExtended, Error> {
    let text = std::str::from_utf8(text).map_err(|_| Error::NotFloat)?;
    if text.is_empty() || text.len() >= TEXT_BYTES_MAX || !text.is_ascii() {
        return Err(Error::NotFloat);
    }
    let lower = text.to_ascii_lowercase();
    let (sign, digits) = match lower.as_bytes()[0] {
        b'-' => ("-", &lower[1..]),
        b'+' => ("", &lower[1..]),
        _ => ("", lower.as_str()),
    };
    if matches!(digits, "inf" | "infinity") {
        let infinity = X87DoubleExtended::INFINITY;
        return Ok(if sign.is_empty() { infinity } else { -infinity });
    }
    if !digits.starts_with(|c: char| c.is_ascii_digit() || c == '.') {
        return Err(Error::NotFloat);
    }
    let (mantissa, exponent, base) = match digits.strip_prefix("0x") {
        // C lets the exponent of a hexadecimal number be left out.
        Some(hexadecimal) => {
            let (mantissa, exponent) = hexadecimal.split_once('p').unwrap_or((hexadecimal, "0"));
            (mantissa, format!("p{exponent}"), "0x")
        }
        None => {
            let exponent = digits.find('e').map_or("", |at| &digits[at..]);
            if !exponent.is_empty() && !exponent.ends_with(|c: char| c.is_ascii_digit()) {
                return Err(Error::NotFloat);
            }
            (&digits[..digits.len() - exponent.len()], exponent.to_owned(), "")
        }
    };
    let text = format!("{sign}{base}{mantissa}{exponent}");
    let parsed = X87DoubleExtended::from_str_r(&text, Round::NearestTiesToEven).map_err(|_| Error::NotFloat)?.value;
    let is_lost = parsed.is_zero() && mantissa.contains(|c| c != '0' && c != '.');
    if parsed.is_infinite() || is_lost { Err(Error::NotFloat) } else { Ok(parsed) }
}

/// `%.17Lf` without trailing zeros.
fn print(value: X87DoubleExtended) -> Vec<u8> {
    let bits = value.to_bits();
    let (significand, exponent) = (bits as u64, (bits >> 64) as i32 & 0x7fff);
    let shift = exponent - 16383 - 63;
    let scale = 10u128.pow(DECIMALS as u32);
    // Everything in units of 10^-17: below 2^64 * 10^17 that fits 128 bits and is rounded once, half to even.
    let digits = if shift >= 0 {
        let mut digits = shifted_left(significand, shift as usize);
        digits.extend(std::iter::repeat_n(b'0', DECIMALS));
        digits
    } else {
        divided(u128::from(significand) * scale, shift.unsigned_abs()).to_string().into_bytes()
    };
    let padded = format!("{:0>width$}", String::from_utf8_lossy(&digits), width = DECIMALS + 1);
    let (whole, decimals) = padded.split_at(padded.len() - DECIMALS);
    let decimals = decimals.trim_end_matches('0');
    let mut text = String::new();
    if value.is_negative() && !(decimals.is_empty() && whole == "0") {
        text.push('-');
    }
    text.push_str(whole);
    if !decimals.is_empty() {
        text.push('.');
        text.push_str(decimals);
    }
    text.into_bytes()
}

/// `value / 2^shift`, half to even.
fn divided(value: u128, shift: u32) -> u128 {
    if shift >= 128 {
        return 0;
    }
    let (quotient, rest, half) = (value >> shift, value & ((1 << shift) - 1), 1u128 << (shift - 1));
    let round_up = rest > half || (rest == half && quotient & 1 == 1);
    quotient + u128::from(round_up)
}

/// The decimal digits of `value * 2^shift`.
fn shifted_left(value: u64, shift: usize) -> Vec<u8> {
    const LIMB: u128 = 10u128.pow(18);
    const STEP: usize = 60;
    let mut limbs: Vec<u64> = vec![(u128::from(value) % LIMB) as u64, (u128::from(value) / LIMB) as u64];
    let mut left = shift;
    while left > 0 {
        let bits = left.min(STEP);
        let mut carry = 0u128;
        for limb in &mut limbs {
            let wide = (u128::from(*limb) << bits) + carry;
            *limb = (wide % LIMB) as u64;
            carry = wide / LIMB;
        }
        if carry > 0 {
            limbs.push(carry as u64);
        }
        left -= bits;
    }
    let mut text = String::new();
    for limb in limbs.iter().rev() {
        text.push_str(&format!("{limb:018}"));
    }
    let text = text.trim_start_matches('0');
    if text.is_empty() { b"0".to_vec() } else { text.as_bytes().to_vec() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sum(value: &str, delta: &str) -> String {
        match add(value.as_bytes(), delta.as_bytes()) {
            Ok(text) => String::from_utf8(text).expect("digits"),
            Err(error) => error.to_string(),
        }
    }

    /// Each line of the file is what the real server said: `SET key a`, `INCRBYFLOAT key b`, its answer.
    #[test]
    fn sums_are_those_of_the_real_server() {
        let mut wrong = String::new();
        let lines = include_str!("decimal_vectors.txt").lines().filter(|line| !line.starts_with('#'));
        for line in lines {
            let fields: Vec<&str> = line.split('\t').collect();
            let [value, delta, expected] = fields[..] else { panic!("a vector has three fields: {line:?}") };
            let (value, delta) = (value.replace("\\n", "\n"), delta.replace("\\n", "\n"));
            let sum = sum(&value, &delta);
            if sum != expected {
                wrong.push_str(&format!("{value:?} + {delta:?}: {expected}, not {sum}\n"));
            }
        }
        assert!(wrong.is_empty(), "{wrong}");
    }

    #[test]
    fn the_largest_numbers_have_all_their_digits() {
        let sum = sum("0", "1e4930");
        assert_eq!(sum.len(), 4931);
        assert!(sum.starts_with("10000000000000000000") && sum.ends_with("15470041149975035904"), "{sum}");
    }

    #[test]
    fn no_text_makes_it_panic() {
        for text in
            ["0x", "0x.", "0x1p", ".", "-", "+", "e", "1e", "1e+", "p", "0xp1", "1__", "nan(", "\u{e9}", "-0x-1"]
        {
            assert_eq!(sum("0", text), Error::NotFloat.to_string(), "{text:?}");
        }
        assert_eq!(sum("0", &"9".repeat(TEXT_BYTES_MAX)), Error::NotFloat.to_string());
    }
}
