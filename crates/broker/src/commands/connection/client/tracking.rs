//! `CLIENT TRACKING`, `CLIENT CACHING`, `CLIENT TRACKINGINFO` and `CLIENT GETREDIR`: being told when a key one has read
//! changes.

use rbq_resp::Sink;

use super::OWN;
use crate::args::Args;
use crate::broker::Turn;
use crate::command::{Arg, Arity, Command, Run};
use crate::error::Error;
use crate::session::ClientId;
use crate::tracking::{Tracking, TrackingMode};

pub(super) const TRACKING: Command = Command {
    name: "TRACKING",
    summary: "Controls server-assisted client-side caching for the connection.",
    since: "6.0.0",
    complexity: "O(1). Some options may introduce additional complexity.",
    arity: Arity::AtLeast(3),
    args: &[
        Arg::one_of("status", &[Arg::word("on", "ON"), Arg::word("off", "OFF")]),
        Arg::integer("client-id").after("REDIRECT").optional(),
        Arg::string("prefix").after("PREFIX").optional().many_with_token(),
        Arg::word("bcast", "BCAST").optional(),
        Arg::word("optin", "OPTIN").optional(),
        Arg::word("optout", "OPTOUT").optional(),
        Arg::word("noloop", "NOLOOP").optional(),
    ],
    example: "
        ann  HELLO 3
        ann: {<rest>}
        ann  CLIENT TRACKING ON
        ann: +OK
        ann  LLEN mail
        ann: 0
        bob  RPUSH mail one
        bob: 1
        ann: >[invalidate, [mail]]
    ",
    run: Run::Act(|turn, args, reply| {
        let switch = args.bytes()?;
        let wish = Wish::parse(args, turn)?;
        if switch.eq_ignore_ascii_case(b"ON") {
            let tracking = wish.combine(turn.session().tracking.as_deref())?;
            turn.broker.track(turn.client, tracking);
        } else if switch.eq_ignore_ascii_case(b"OFF") {
            turn.broker.untrack(turn.client);
        } else {
            return Err(Error::Syntax);
        }
        reply.status("OK");
        Ok(())
    }),
    ..OWN
};

pub(super) const CACHING: Command = Command {
    name: "CACHING",
    summary: "Instructs the server about tracking or not keys in the next request.",
    since: "6.0.0",
    arity: Arity::Exactly(3),
    args: &[Arg::one_of("mode", &[Arg::word("yes", "YES"), Arg::word("no", "NO")])],
    example: "
        ann  CLIENT TRACKING ON OPTIN
        ann: +OK
        ann  CLIENT CACHING YES
        ann: +OK
        ann  CLIENT CACHING NO
        ann: -ERR CLIENT CACHING NO is only valid when tracking is enabled in OPTOUT mode.
    ",
    run: Run::Act(|turn, args, reply| {
        let Some(tracking) = &mut turn.session_mut().tracking else {
            return Err(Error::Fixed(
                "ERR CLIENT CACHING can be called only when the client is in tracking mode with OPTIN or OPTOUT mode \
                 enabled",
            ));
        };
        let (mode, refusal) = if args.keyword("YES") {
            (TrackingMode::OptIn, "ERR CLIENT CACHING YES is only valid when tracking is enabled in OPTIN mode.")
        } else if args.keyword("NO") {
            (TrackingMode::OptOut, "ERR CLIENT CACHING NO is only valid when tracking is enabled in OPTOUT mode.")
        } else {
            return Err(Error::Syntax);
        };
        if tracking.mode != mode {
            return Err(Error::Fixed(refusal));
        }
        tracking.caching = true;
        reply.status("OK");
        Ok(())
    }),
    ..OWN
};

pub(super) const GETREDIR: Command = Command {
    name: "GETREDIR",
    summary: "Returns the client ID to which the connection's tracking notifications are redirected.",
    since: "6.0.0",
    arity: Arity::Exactly(2),
    example: "
        ann  CLIENT GETREDIR
        ann: -1
    ",
    run: Run::Act(|turn, _, reply| {
        reply.integer(turn.broker.redirection_of(turn.session()));
        Ok(())
    }),
    ..OWN
};

pub(super) const TRACKINGINFO: Command = Command {
    name: "TRACKINGINFO",
    summary: "Returns information about server-assisted client-side caching for the connection.",
    since: "6.2.0",
    arity: Arity::Exactly(2),
    example: "
        ann  CLIENT TRACKING ON NOLOOP
        ann: +OK
        ann  CLIENT TRACKINGINFO
        ann: [flags, [on, noloop], redirect, 0, prefixes, []]
    ",
    run: Run::Act(|turn, _, reply| {
        let session = turn.session();
        let flags = flags(session.tracking.as_deref());
        reply.map(3);
        reply.bulk(b"flags");
        reply.set(flags.len());
        flags.iter().for_each(|flag| reply.bulk(flag.as_bytes()));
        reply.bulk(b"redirect");
        reply.integer(turn.broker.redirection_of(session));
        reply.bulk(b"prefixes");
        match session.tracking.as_deref().map(|tracking| &tracking.mode) {
            Some(TrackingMode::Broadcast(prefixes)) => {
                reply.array(prefixes.len());
                prefixes.iter().for_each(|prefix| reply.bulk(prefix));
            }
            _ => reply.array(0),
        }
        Ok(())
    }),
    ..OWN
};

/// Options as they were given.
#[derive(Default)]
struct Wish<'a> {
    redirect: Option<ClientId>,
    prefixes: Vec<&'a [u8]>,
    broadcast: bool,
    opt_in: bool,
    opt_out: bool,
    no_loop: bool,
}

impl<'a> Wish<'a> {
    fn parse(args: &mut Args<'a>, turn: &Turn<'_>) -> Result<Self, Error> {
        let mut wish = Self::default();
        while !args.is_empty() {
            if args.left() > 1 && args.keyword("REDIRECT") {
                if wish.redirect.is_some() {
                    return Err(Error::Fixed("ERR A client can only redirect to a single other client"));
                }
                let id = args.integer()?;
                let target = u64::try_from(id).ok().and_then(|id| turn.broker.find_session(id));
                let Some(target) = target else {
                    return Err(Error::Fixed("ERR The client ID you want redirect to does not exist"));
                };
                wish.redirect = Some(target.id);
            } else if args.left() > 1 && args.keyword("PREFIX") {
                wish.prefixes.push(args.bytes()?);
            } else if args.keyword("BCAST") {
                wish.broadcast = true;
            } else if args.keyword("OPTIN") {
                wish.opt_in = true;
            } else if args.keyword("OPTOUT") {
                wish.opt_out = true;
            } else if args.keyword("NOLOOP") {
                wish.no_loop = true;
            } else {
                return Err(Error::Syntax);
            }
        }
        Ok(wish)
    }

    /// What these options make of how the client tracks so far.
    fn combine(self, old: Option<&Tracking>) -> Result<Tracking, Error> {
        if !self.broadcast && !self.prefixes.is_empty() {
            return Err(Error::Fixed("ERR PREFIX option requires BCAST mode to be enabled"));
        }
        if old.is_some_and(|old| old.broadcasts() != self.broadcast) {
            return Err(Error::Fixed(
                "ERR You can't switch BCAST mode on/off before disabling tracking for this client, and then \
                 re-enabling it with a different mode.",
            ));
        }
        if self.broadcast && (self.opt_in || self.opt_out) {
            return Err(Error::Fixed("ERR OPTIN and OPTOUT are not compatible with BCAST"));
        }
        if self.opt_in && self.opt_out {
            return Err(Error::Fixed("ERR You can't specify both OPTIN mode and OPTOUT mode"));
        }
        let old_mode = old.map(|old| &old.mode);
        let switches = (self.opt_in && old_mode == Some(&TrackingMode::OptOut))
            || (self.opt_out && old_mode == Some(&TrackingMode::OptIn));
        if switches {
            return Err(Error::Fixed(
                "ERR You can't switch OPTIN/OPTOUT mode before disabling tracking for this client, and then \
                 re-enabling it with a different mode.",
            ));
        }
        let mode = match self {
            Self { broadcast: true, .. } => self.broadcast_mode(old_mode)?,
            Self { opt_in: true, .. } => TrackingMode::OptIn,
            Self { opt_out: true, .. } => TrackingMode::OptOut,
            _ => TrackingMode::Ordinary,
        };
        Ok(Tracking { mode, redirect: self.redirect, no_loop: self.no_loop, ..Tracking::default() })
    }

    /// The prefixes so far and the new ones, none of which may begin another.
    fn broadcast_mode(&self, old: Option<&TrackingMode>) -> Result<TrackingMode, Error> {
        let mut all = match old {
            Some(TrackingMode::Broadcast(prefixes)) => prefixes.clone(),
            _ => Default::default(),
        };
        for (at, prefix) in self.prefixes.iter().enumerate() {
            let other = all.iter().map(Vec::as_slice).find(|other| overlap(other, prefix));
            if let Some(other) = other {
                return Err(collision(prefix, "an existing", other));
            }
            if let Some(other) = self.prefixes[at + 1..].iter().find(|other| overlap(other, prefix)) {
                return Err(collision(prefix, "another provided", other));
            }
        }
        all.extend(self.prefixes.iter().map(|prefix| prefix.to_vec()));
        if self.prefixes.is_empty() {
            all.insert(Vec::new());
        }
        Ok(TrackingMode::Broadcast(all))
    }
}

fn overlap(one: &[u8], other: &[u8]) -> bool {
    one.starts_with(other) || other.starts_with(one)
}

fn collision(prefix: &[u8], which: &str, other: &[u8]) -> Error {
    let (prefix, other) = (String::from_utf8_lossy(prefix), String::from_utf8_lossy(other));
    Error::err(format_args!(
        "Prefix '{prefix}' overlaps with {which} prefix '{other}'. Prefixes for a single client must not overlap."
    ))
}

fn flags(tracking: Option<&Tracking>) -> Vec<&'static str> {
    let Some(tracking) = tracking else { return vec!["off"] };
    let mut flags = vec!["on"];
    match tracking.mode {
        TrackingMode::Ordinary => {}
        TrackingMode::Broadcast(_) => flags.push("bcast"),
        TrackingMode::OptIn => flags.push("optin"),
        TrackingMode::OptOut => flags.push("optout"),
    }
    if tracking.caching {
        flags.push(if tracking.mode == TrackingMode::OptIn { "caching-yes" } else { "caching-no" });
    }
    if tracking.no_loop {
        flags.push("noloop");
    }
    if tracking.broken_redirection {
        flags.push("broken_redirect");
    }
    flags
}
