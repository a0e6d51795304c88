//! `XADD key [NOMKSTREAM] [KEEPREF | DELREF | ACKED] [IDMPAUTO pid | IDMP pid iid] [<MAXLEN | MINID> [= | ~] threshold
//! [LIMIT count]] <* | id> field value [field value ...]`: append an entry.

use rbq_stream::{NewId, RefPolicy, StreamId};

use super::grammar::{INVALID_ID, POLICIES, TRIM, TrimOptions, arity, block_limits, idmp_limits, policy};
use crate::args::Args;
use crate::command::{Arg, Arity, Command, Family, Flags, KeySpec, Run, Submit, touch};
use crate::error::Error;
use crate::op::{OnMissing, Once, Op};
use crate::streams::ID_TOO_SMALL;

pub(super) const COMMAND: Command = Command {
    name: "XADD",
    group: Family::Stream,
    summary: "Appends an entry to a stream, which is made if need be.",
    since: "5.0.0",
    complexity: "O(1), and O(N) for N entries trimmed",
    arity: Arity::AtLeast(5),
    flags: Flags::WRITE.with(Flags::DENY_OOM).with(Flags::FAST),
    keys: &[KeySpec::one(1, touch::UPDATE)],
    tips: &["nondeterministic_output"],
    args: &[
        Arg::key("key"),
        Arg::word("nomkstream", "NOMKSTREAM").optional().since("6.2.0"),
        Arg::one_of("condition", POLICIES).optional().since("8.2.0"),
        Arg::one_of(
            "idempotency",
            &[
                Arg::string("pid").after("IDMPAUTO"),
                Arg::block("idmp", &[Arg::string("pid"), Arg::string("iid")]).after("IDMP"),
            ],
        )
        .optional()
        .since("8.6.0"),
        Arg::block("trim", TRIM).optional(),
        Arg::one_of("id-selector", &[Arg::word("auto-id", "*"), Arg::string("id")]),
        Arg::block("data", &[Arg::string("field"), Arg::string("value")]).many(),
    ],
    history: &[
        ("6.2.0", "Added the `NOMKSTREAM` option, `MINID` trimming strategy and the `LIMIT` option."),
        ("7.0.0", "Added support for the `<ms>-*` explicit ID form."),
        ("8.2.0", "Added the `KEEPREF`, `DELREF` and `ACKED` options."),
        ("8.6.0", "Added the `IDMPAUTO` and `IDMP` options."),
    ],
    example: "
        ann  XADD orders 1-1 item book
        ann: \"1-1\"
        ann  XADD orders * item pen
        ann: <id>
        ann  XLEN orders
        ann: 2
    ",
    run: Run::Write(parse),
    ..Command::BASE
};

fn parse<'a>(args: &mut Args<'a>, submit: &Submit<'_>) -> Result<Op<'a>, Error> {
    let key = args.key()?;
    let mut missing = OnMissing::Create;
    let (mut refs, mut once, mut trim) = (None, None, TrimOptions::default());
    // No option begins like an ID, so the usual request is past this loop at once.
    while !matches!(args.peek(), Some([b'*' | b'0'..=b'9', ..])) {
        if trim.take(args)? {
            continue;
        }
        if args.keyword("NOMKSTREAM") {
            missing = OnMissing::Refuse;
        } else if refs.is_none()
            && let Some(policy) = policy(args)
        {
            refs = Some(policy);
        } else if let Some(new) = producer(args)? {
            if once.replace(new).is_some() {
                return Err(Error::Fixed("ERR syntax error, IDMP/IDMPAUTO specified multiple times"));
            }
        } else {
            break;
        }
    }
    // Each is judged in the order in which Redis does: what is no ID comes first, what is missing last.
    let id = args.bytes().ok().map(|text| NewId::parse(text).ok_or(INVALID_ID)).transpose()?;
    let limits = block_limits(submit.settings);
    let trim = trim.finish(limits)?;
    let id = id.ok_or_else(|| arity(submit))?;
    if once.is_some() && id != NewId::Auto {
        return Err(Error::Fixed("ERR syntax error, IDMP/IDMPAUTO can be used only with auto-generated IDs"));
    }
    let fields = args.rest();
    if fields.is_empty() || !fields.len().is_multiple_of(2) {
        return Err(arity(submit));
    }
    if id == NewId::Exact(StreamId::MIN) {
        return Err(ID_TOO_SMALL);
    }
    let policy = refs.unwrap_or(RefPolicy::Keep);
    Ok(Op::StreamAppend { key, id, fields, missing, limits, trim, policy, once, idmp: idmp_limits(submit.settings) })
}

/// `IDMPAUTO pid` or `IDMP pid iid`, if it is next.
fn producer<'a>(args: &mut Args<'a>) -> Result<Option<Once<'a>>, Error> {
    if args.left() > 1 && args.keyword("IDMPAUTO") {
        let pid = args.bytes()?;
        if pid.is_empty() {
            return Err(Error::Fixed("ERR syntax error, IDMPAUTO requires a non-empty producer ID"));
        }
        return Ok(Some(Once { pid, iid: None }));
    }
    if args.left() > 2 && args.keyword("IDMP") {
        let (pid, iid) = (args.bytes()?, args.bytes()?);
        if pid.is_empty() {
            return Err(Error::Fixed("ERR syntax error, IDMP requires a non-empty producer ID"));
        }
        if iid.is_empty() {
            return Err(Error::Fixed("ERR syntax error, IDMP requires a non-empty idempotent ID"));
        }
        return Ok(Some(Once { pid, iid: Some(iid) }));
    }
    Ok(None)
}
