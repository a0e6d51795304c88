//! `SET key value [NX | XX | IFEQ value | IFNE value | IFDEQ digest | IFDNE digest] [GET] [EX seconds | PX milliseconds |
//! EXAT time | PXAT time | KEEPTTL]`, and `GETSET`: a value, whatever was there.

use super::condition::{self, IFDEQ, IFDNE, IFEQ, IFNE};
use super::lifetime::{EX, EXAT, Lifetime, PX, PXAT};
use crate::args::Args;
use crate::command::{Arg, Arity, Command, Family, Flags, KeySpec, Run, Submit, touch};
use crate::error::Error;
use crate::op::{Op, SetDeadline, SetReply, SetWhen};

pub(super) const SET: Command = Command {
    name: "SET",
    group: Family::String,
    summary: "Sets the string value of a key, whatever it held before.",
    since: "1.0.0",
    arity: Arity::AtLeast(3),
    flags: Flags::WRITE.with(Flags::DENY_OOM),
    keys: &[KeySpec::one(1, &["RW", "access", "update", "variable_flags"])],
    args: &[
        Arg::key("key"),
        Arg::string("value"),
        Arg::one_of(
            "condition",
            &[
                Arg::word("nx", "NX"),
                Arg::word("xx", "XX"),
                IFEQ.since("8.4.0"),
                IFNE.since("8.4.0"),
                IFDEQ.since("8.4.0"),
                IFDNE.since("8.4.0"),
            ],
        )
        .optional()
        .since("2.6.12"),
        Arg::word("get", "GET").optional().since("6.2.0"),
        Arg::one_of(
            "expiration",
            &[
                EX.since("2.6.12"),
                PX.since("2.6.12"),
                EXAT.since("6.2.0"),
                PXAT.since("6.2.0"),
                Arg::word("keepttl", "KEEPTTL").since("6.0.0"),
            ],
        )
        .optional(),
    ],
    history: &[
        ("2.6.12", "Added the `EX`, `PX`, `NX` and `XX` options."),
        ("6.0.0", "Added the `KEEPTTL` option."),
        ("6.2.0", "Added the `GET`, `EXAT` and `PXAT` option."),
        ("7.0.0", "Allowed the `NX` and `GET` options to be used together."),
        ("8.4.0", "Added 'IFEQ', 'IFNE', 'IFDEQ', 'IFDNE' options."),
    ],
    example: "
        ann  SET lock ann NX EX 30
        ann: +OK
        bob  SET lock bob NX EX 30
        bob: nil
        ann  SET lock ann IFEQ ann PX 60000
        ann: +OK
        ann  SET lock free GET
        ann: ann
    ",
    run: Run::Write(parse),
    ..Command::BASE
};

pub(super) const GETSET: Command = Command {
    name: "GETSET",
    summary: "Sets the string value of a key and returns the one before.",
    arity: Arity::Exactly(3),
    flags: Flags::WRITE.with(Flags::DENY_OOM).with(Flags::FAST),
    keys: &[KeySpec::one(1, touch::ACCESS_UPDATE)],
    args: &[Arg::key("key"), Arg::string("value")],
    history: &[],
    deprecated: Some(("6.2.0", "`SET` with the `GET` argument")),
    example: "
        ann  GETSET name ann
        ann: nil
        ann  GETSET name bob
        ann: ann
    ",
    run: Run::Write(|args, _| {
        let (key, value) = (args.key()?, args.bulk()?);
        let (when, deadline) = (SetWhen::Always, SetDeadline::Clear);
        Ok(Op::StringSet { key, value, when, deadline, reply: SetReply::Old })
    }),
    ..SET
};

fn parse<'a>(args: &mut Args<'a>, submit: &Submit<'_>) -> Result<Op<'a>, Error> {
    let (key, value) = (args.key()?, args.bulk()?);
    let (mut when, mut lifetime, mut reply) = (SetWhen::Always, Lifetime::Unsaid, SetReply::Status);
    while !args.is_empty() {
        if args.keyword("GET") {
            reply = SetReply::Old;
        } else if let Some(condition) = take_condition(args) {
            // Of one condition that is repeated the last counts.
            if when != SetWhen::Always && std::mem::discriminant(&when) != std::mem::discriminant(&condition) {
                return Err(Error::Syntax);
            }
            when = condition;
        } else if !lifetime.take(args)? && !lifetime.take_word(args, "KEEPTTL", Lifetime::Keep)? {
            return Err(Error::Syntax);
        }
    }
    let deadline = lifetime.deadline(submit.name(), submit.stamp.now_ms)?;
    Ok(Op::StringSet { key, value, when, deadline, reply })
}

fn take_condition<'a>(args: &mut Args<'a>) -> Option<SetWhen<'a>> {
    if args.keyword("NX") {
        Some(SetWhen::Missing)
    } else if args.keyword("XX") {
        Some(SetWhen::Exists)
    } else {
        condition::comparison(args)
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::play;

    #[test]
    fn options_may_be_repeated_but_not_contradict_each_other() {
        insta::assert_snapshot!(play("
            ann  SET a 1 NX NX GET GET EX 10 EX 20
            ann  TTL a
            ann  SET a 2 IFEQ x IFEQ 1 KEEPTTL KEEPTTL
            ann  TTL a
            ann  SET a 3 IFEQ 2 NX
            ann  SET a 3 IFEQ 2 IFDEQ 0123456789abcdef
            ann  SET a 3 PX 1 EXAT 1
            ann  SET a 3 EX x NX XX
        "), @r"
        ann: nil
        ann: 20
        ann: +OK
        ann: 20
        ann: -ERR syntax error
        ann: -ERR syntax error
        ann: -ERR syntax error
        ann: -ERR syntax error
        ");
    }

    #[test]
    fn a_digest_is_judged_only_where_there_is_a_value() {
        insta::assert_snapshot!(play("
            ann  SET a 1 IFDEQ short
            ann  SET a 1 IFDNE short
            ann  SET a 2 IFDNE short
            ann  SET a 2 IFDEQ short GET
            ann  DIGEST a
            ann  SET a 2 IFDEQ 65CD25028F98F158
            ann  SET a 2 IFDNE zzzzzzzzzzzzzzzz
        "), @r#"
        ann: nil
        ann: +OK
        ann: -ERR must be exactly 16 hexadecimal characters
        ann: -ERR must be exactly 16 hexadecimal characters
        ann: "65cd25028f98f158"
        ann: +OK
        ann: +OK
        "#);
    }

    #[test]
    fn a_comparison_wants_a_string() {
        insta::assert_snapshot!(play("
            ann  RPUSH mail one
            ann  SET mail x IFNE one
            ann  SET mail x IFDNE 0123456789abcdef
            ann  SET mail x XX GET
            ann  SET mail x NX
            ann  TYPE mail
        "), @r"
        ann: 1
        ann: -WRONGTYPE Operation against a key holding the wrong kind of value
        ann: -WRONGTYPE Operation against a key holding the wrong kind of value
        ann: -WRONGTYPE Operation against a key holding the wrong kind of value
        ann: nil
        ann: +list
        ");
    }
}
