//! Words that several stream commands share.

use rbq_stream::{BlockLimits, IdmpLimits, Interval, IntervalError, RefPolicy, StreamId, Trim, default_trim_limit};

use crate::args::Args;
use crate::command::{Arg, Submit};
use crate::error::Error;
use crate::many::Many;
use crate::op::Trimming;
use crate::settings::Settings;
pub(super) use crate::streams::INVALID_ID;

/// KEEPREF, DELREF, ACKED.
pub(super) const POLICIES: &[Arg] =
    &[Arg::word("keepref", "KEEPREF"), Arg::word("delref", "DELREF"), Arg::word("acked", "ACKED")];

/// `<MAXLEN | MINID> [= | ~] threshold [LIMIT count]`.
pub(super) const TRIM: &[Arg] = &[
    Arg::one_of("strategy", &[Arg::word("maxlen", "MAXLEN"), Arg::word("minid", "MINID").since("6.2.0")]),
    Arg::one_of("operator", &[Arg::word("equal", "="), Arg::word("approximately", "~")]).optional(),
    Arg::string("threshold"),
    Arg::integer("count").after("LIMIT").optional().since("6.2.0"),
];

/// `IDS numids id [id …]`.
pub(super) const IDS: &[Arg] = &[Arg::integer("numids"), Arg::string("id").many()];

/// A strict ID; a missing sequence is 0.
pub(super) fn id(text: &[u8]) -> Result<StreamId, Error> {
    StreamId::parse(text, 0).ok_or(INVALID_ID)
}

/// The start of a range.
pub(super) fn range_start(text: &[u8]) -> Result<StreamId, Error> {
    Interval::parse_start(text).map_err(|error| bound_error(error, "ERR invalid start ID for the interval"))
}

/// The end of a range.
pub(super) fn range_end(text: &[u8]) -> Result<StreamId, Error> {
    Interval::parse_end(text).map_err(|error| bound_error(error, "ERR invalid end ID for the interval"))
}

fn bound_error(error: IntervalError, empty: &'static str) -> Error {
    match error {
        IntervalError::Invalid => INVALID_ID,
        IntervalError::Empty => Error::Fixed(empty),
    }
}

/// KEEPREF, DELREF or ACKED, if it is next.
pub(super) fn policy(args: &mut Args<'_>) -> Option<RefPolicy> {
    if args.keyword("KEEPREF") {
        Some(RefPolicy::Keep)
    } else if args.keyword("DELREF") {
        Some(RefPolicy::Drop)
    } else if args.keyword("ACKED") {
        Some(RefPolicy::Acked)
    } else {
        None
    }
}

/// `numids id [id …]`, as XDELEX and XACKDEL count them.
pub(super) fn counted_ids<'a>(args: &mut Args<'a>) -> Result<Many<'a>, Error> {
    let error = Error::Fixed("ERR Number of IDs must be a positive integer");
    let count = args.integer_or(error.clone())?;
    let count = usize::try_from(count).ok().filter(|count| *count > 0).ok_or(error)?;
    if count > args.left() {
        return Err(Error::Fixed("ERR The `numids` parameter must match the number of arguments"));
    }
    args.take(count)
}

/// The options of XADD and XTRIM that say how far to trim.
#[derive(Default)]
pub(super) struct TrimOptions {
    trim: Option<Trim>,
    approximate: bool,
    limit: Option<u64>,
}

impl TrimOptions {
    /// Takes the next option if it is one of these.
    pub(super) fn take(&mut self, args: &mut Args<'_>) -> Result<bool, Error> {
        if args.left() > 1 && args.keyword("MAXLEN") {
            self.sole()?;
            self.operator(args);
            let len = args.integer()?;
            let len = u64::try_from(len).map_err(|_| Error::Fixed("ERR The MAXLEN argument must be >= 0."))?;
            self.trim = Some(Trim::MaxLen(len));
        } else if args.left() > 1 && args.keyword("MINID") {
            self.sole()?;
            self.operator(args);
            self.trim = Some(Trim::MinId(id(args.bytes()?)?));
        } else if args.left() > 1 && args.keyword("LIMIT") {
            let limit = args.integer()?;
            self.limit = Some(u64::try_from(limit).map_err(|_| Error::Fixed("ERR The LIMIT argument must be >= 0."))?);
        } else {
            return Ok(false);
        }
        Ok(true)
    }

    fn sole(&self) -> Result<(), Error> {
        match self.trim {
            None => Ok(()),
            Some(_) => {
                Err(Error::Fixed("ERR syntax error, MAXLEN and MINID options at the same time are not compatible"))
            }
        }
    }

    fn operator(&mut self, args: &mut Args<'_>) {
        if args.left() > 1 && args.keyword("~") {
            self.approximate = true;
        } else if args.left() > 1 {
            args.keyword("=");
        }
    }

    /// Whether a strategy was given.
    pub(super) fn is_given(&self) -> bool {
        self.trim.is_some()
    }

    /// What they come to.
    pub(super) fn finish(self, limits: BlockLimits) -> Result<Option<Trimming>, Error> {
        if self.limit.is_some() && self.trim.is_none() {
            return Err(Error::Fixed("ERR syntax error, LIMIT cannot be used without specifying a trimming strategy"));
        }
        if self.limit.is_some() && !self.approximate {
            return Err(Error::Fixed("ERR syntax error, LIMIT cannot be used without the special ~ option"));
        }
        Ok(self.trim.map(|trim| match self.approximate {
            true => Trimming::Approximate(trim, self.limit.unwrap_or_else(|| default_trim_limit(limits))),
            false => Trimming::Exact(trim),
        }))
    }
}

/// Where blocks end, as configured now.
pub(super) fn block_limits(settings: &Settings) -> BlockLimits {
    BlockLimits {
        max_entries: u32::try_from(settings.stream_node_max_entries.0).unwrap_or(u32::MAX),
        max_bytes: u32::try_from(settings.stream_node_max_bytes.0).unwrap_or(u32::MAX),
    }
}

/// What a new stream remembers of producers, as configured now.
pub(super) fn idmp_limits(settings: &Settings) -> IdmpLimits {
    IdmpLimits { duration_s: settings.stream_idmp_duration.0 as u32, max_iids: settings.stream_idmp_maxsize.0 as u32 }
}

/// Wrong number of arguments of this command.
pub(super) fn arity(submit: &Submit<'_>) -> Error {
    Error::Arity(submit.name())
}

/// A known subcommand with options that are none.
pub(super) fn wrong_arguments(args: &Args<'_>, container: &str) -> Error {
    let subcommand = String::from_utf8_lossy(args.request().arg(1)).into_owned();
    Error::err(format_args!(
        "unknown subcommand or wrong number of arguments for '{subcommand}'. Try {container} HELP."
    ))
}
