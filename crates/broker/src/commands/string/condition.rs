//! `IFEQ`, `IFNE`, `IFDEQ`, `IFDNE`: what SET and DELEX want of the value that is there.

use crate::args::Args;
use crate::command::Arg;
use crate::op::SetWhen;

pub(super) const IFEQ: Arg = Arg::string("ifeq-value").after("IFEQ");
pub(super) const IFNE: Arg = Arg::string("ifne-value").after("IFNE");
pub(super) const IFDEQ: Arg = Arg::integer("ifdeq-digest").after("IFDEQ");
pub(super) const IFDNE: Arg = Arg::integer("ifdne-digest").after("IFDNE");

/// Takes a comparison and its operand if that is what stands next.
pub(super) fn comparison<'a>(args: &mut Args<'a>) -> Option<SetWhen<'a>> {
    let words = ["IFEQ", "IFNE", "IFDEQ", "IFDNE"];
    let word = words.into_iter().find(|word| args.left() >= 2 && args.keyword(word))?;
    let operand = args.optional()?;
    Some(match word {
        "IFEQ" => SetWhen::Equals(operand),
        "IFNE" => SetWhen::Differs(operand),
        "IFDEQ" => SetWhen::DigestEquals(operand),
        _ => SetWhen::DigestDiffers(operand),
    })
}
