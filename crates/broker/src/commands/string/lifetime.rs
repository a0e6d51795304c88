//! `EX`, `PX`, `EXAT`, `PXAT`, `KEEPTTL`, `PERSIST`: what SET, GETEX and MSETEX say of a key's end.

use crate::args::Args;
use crate::command::Arg;
use crate::error::Error;
use crate::number;
use crate::op::SetDeadline;

pub(super) const EX: Arg = Arg::integer("seconds").after("EX");
pub(super) const PX: Arg = Arg::integer("milliseconds").after("PX");
pub(super) const EXAT: Arg = Arg::unix_time("unix-time-seconds").after("EXAT");
pub(super) const PXAT: Arg = Arg::unix_time("unix-time-milliseconds").after("PXAT");

/// How an end is given.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Clock {
    /// Seconds from now.
    Ex,
    /// Milliseconds from now.
    Px,
    /// Seconds since the epoch.
    ExAt,
    /// Milliseconds since the epoch.
    PxAt,
}

/// What was said.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Lifetime<'a> {
    /// Nothing.
    Unsaid,
    /// KEEPTTL.
    Keep,
    /// PERSIST.
    Persist,
    /// One of the four, with its amount as it was written: it is judged once all options are known.
    Until(Clock, &'a [u8]),
}

impl<'a> Lifetime<'a> {
    /// Takes EX, PX, EXAT or PXAT and its amount if that is what stands next. Two different options at once are a
    /// mistake; of one that is repeated the last counts.
    pub(super) fn take(&mut self, args: &mut Args<'a>) -> Result<bool, Error> {
        let words = [("EX", Clock::Ex), ("PX", Clock::Px), ("EXAT", Clock::ExAt), ("PXAT", Clock::PxAt)];
        let Some((_, clock)) = words.into_iter().find(|(word, _)| args.left() >= 2 && args.keyword(word)) else {
            return Ok(false);
        };
        match self {
            Self::Unsaid => {}
            Self::Until(before, _) if *before == clock => {}
            _ => return Err(Error::Syntax),
        }
        *self = Self::Until(clock, args.bytes()?);
        Ok(true)
    }

    /// Takes `word` (KEEPTTL or PERSIST) if it stands next.
    pub(super) fn take_word(&mut self, args: &mut Args<'a>, word: &str, meaning: Self) -> Result<bool, Error> {
        if !args.keyword(word) {
            return Ok(false);
        }
        if *self != Self::Unsaid && *self != meaning {
            return Err(Error::Syntax);
        }
        *self = meaning;
        Ok(true)
    }

    /// As an op has it; `command` is for the error that names it.
    pub(super) fn deadline(self, command: &str, now_ms: u64) -> Result<SetDeadline, Error> {
        match self {
            Self::Unsaid | Self::Persist => Ok(SetDeadline::Clear),
            Self::Keep => Ok(SetDeadline::Keep),
            Self::Until(clock, amount) => deadline_ms(clock, amount, command, now_ms).map(SetDeadline::At),
        }
    }
}

/// The moment that an amount means: it must be above zero and come to no more than 63 bits of milliseconds.
pub(super) fn deadline_ms(clock: Clock, amount: &[u8], command: &str, now_ms: u64) -> Result<u64, Error> {
    let amount = number::parse_i64(amount).ok_or(Error::NotInteger)?;
    let amount_ms = match clock {
        Clock::Ex | Clock::ExAt => amount.checked_mul(1000),
        Clock::Px | Clock::PxAt => Some(amount),
    };
    let since_ms = match clock {
        Clock::Ex | Clock::Px => now_ms as i64,
        Clock::ExAt | Clock::PxAt => 0,
    };
    let deadline_ms = amount_ms.filter(|ms| *ms > 0).and_then(|ms| ms.checked_add(since_ms));
    deadline_ms.map(|ms| ms as u64).ok_or_else(|| Error::invalid_expire(command))
}
