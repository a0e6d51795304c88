//! Words that several list commands share.

use crate::args::Args;
use crate::command::Arg;
use crate::error::Error;
use crate::op::{End, MoveAmount, MoveOrder};

/// LEFT or RIGHT.
pub(super) const ENDS: &[Arg] = &[Arg::word("left", "LEFT"), Arg::word("right", "RIGHT")];

/// How many elements LMOVEM moves, and in which order.
pub(super) const HOW_MANY: &[Arg] = &[
    Arg::one_of("selector", &[Arg::integer("count").after("COUNT"), Arg::integer("exactly").after("EXACTLY")]),
    Arg::one_of("ordering", &[Arg::word("obo", "OBO"), Arg::word("bulk", "BULK")]),
];

/// LEFT or RIGHT.
pub(super) fn end(args: &mut Args<'_>) -> Result<End, Error> {
    if args.keyword("LEFT") {
        Ok(End::Head)
    } else if args.keyword("RIGHT") {
        Ok(End::Tail)
    } else {
        Err(Error::Syntax)
    }
}

/// `<COUNT count | EXACTLY exactly> <OBO | BULK>`, or nothing: one element.
pub(super) fn how_many(args: &mut Args<'_>) -> Result<(u64, MoveAmount, MoveOrder), Error> {
    if args.is_empty() {
        return Ok((1, MoveAmount::UpTo, MoveOrder::OneByOne));
    }
    let error = "ERR count should be greater than 0";
    let amount = if args.keyword("COUNT") {
        MoveAmount::UpTo
    } else if args.keyword("EXACTLY") {
        MoveAmount::Exactly
    } else {
        return Err(Error::Syntax);
    };
    let count = args.integer_or(Error::Fixed(error))?;
    let count = u64::try_from(count).ok().filter(|count| *count > 0).ok_or(Error::Fixed(error))?;
    let order = if args.keyword("OBO") {
        MoveOrder::OneByOne
    } else if args.keyword("BULK") {
        MoveOrder::Bulk
    } else {
        return Err(Error::Syntax);
    };
    args.end()?;
    Ok((count, amount, order))
}

/// `numkeys key [key …]`.
pub(super) fn counted_keys<'a>(args: &mut Args<'a>) -> Result<crate::many::Many<'a>, Error> {
    let error = Error::Fixed("ERR numkeys should be greater than 0");
    let count = args.integer_or(error.clone())?;
    let count = usize::try_from(count).ok().filter(|count| *count > 0).ok_or(error)?;
    args.take(count)
}

/// `[COUNT count]` at the end.
pub(super) fn optional_count(args: &mut Args<'_>) -> Result<u64, Error> {
    if args.is_empty() {
        return Ok(1);
    }
    if !args.keyword("COUNT") {
        return Err(Error::Syntax);
    }
    let error = Error::Fixed("ERR count should be greater than 0");
    let count = if args.is_empty() { return Err(Error::Syntax) } else { args.integer_or(error.clone())? };
    let count = u64::try_from(count).ok().filter(|count| *count > 0).ok_or(error)?;
    args.end()?;
    Ok(count)
}
