//! The timeouts of blocking commands.

use crate::error::Error;
use crate::number;

/// Seconds with a fraction; 0 waits for ever. Rounded up to whole milliseconds, so that no wait is shorter than it
/// was asked to be.
pub(super) fn seconds(text: &[u8]) -> Result<Option<u64>, Error> {
    let seconds = number::parse_f64(text).ok_or(Error::TimeoutNotFloat)?;
    if seconds < 0.0 {
        return Err(Error::TimeoutNegative);
    }
    let ms = (seconds * 1000.0).ceil();
    if ms > (i64::MAX / 1000) as f64 {
        return Err(Error::TimeoutRange);
    }
    Ok(match ms as u64 {
        0 => None,
        ms => Some(ms * 1000),
    })
}

/// Whole milliseconds; 0 waits for ever.
pub(super) fn milliseconds(text: &[u8]) -> Result<Option<u64>, Error> {
    let ms = number::parse_i64(text).ok_or(Error::TimeoutNotInteger)?;
    if ms < 0 {
        return Err(Error::TimeoutNegative);
    }
    let us = u64::try_from(ms).ok().and_then(|ms| ms.checked_mul(1000)).ok_or(Error::TimeoutRange)?;
    Ok((us > 0).then_some(us))
}
