//! Who may run what now: every check between a request and its command, in Redis's order.

use rbq_resp::Request;

use super::{Broker, DiskRoom, Pause};
use crate::catalog::{Known, catalog};
use crate::command::Flags;
use crate::error::Error;
use crate::op::Op;
use crate::session::ClientId;

/// How much of a client's own words an error repeats.
const ECHO_BYTES_MAX: usize = 128;

/// What is made of a request may be so much more than it before room is asked for: the driver sees to as much with each request.
pub const DERIVED_BYTES_FREE: usize = 64 * 1024;

/// What an element takes in the log besides its bytes, at most.
const LENGTH_BYTES_MAX: usize = 5;

impl Broker {
    /// The command a request names. Most requests name the command of the one before, spelled as it is declared: they are
    /// known without a search.
    #[inline]
    pub(super) fn look_up(&mut self, request: Request<'_>) -> Result<&'static Known, (Option<&'static Known>, Error)> {
        if let Some(recent) = self.recent
            && *request.arg(0) == *recent.name.as_bytes()
            && recent.arity.admits(request.len())
        {
            return Ok(recent);
        }
        let known = Self::search(request)?;
        self.recent = Some(known).filter(|known| !known.is_subcommand() && known.command().subcommands.is_empty());
        Ok(known)
    }

    fn search(request: Request<'_>) -> Result<&'static Known, (Option<&'static Known>, Error)> {
        let name = request.arg(0);
        let Some(known) = catalog().find(name) else { return Err((None, unknown_command(request))) };
        let known = match request.get(1) {
            Some(sub) if !known.subcommands.is_empty() => match catalog().find_sub(known, &sub) {
                Some(sub) => sub,
                None => return Err((None, unknown_subcommand(known, &sub))),
            },
            _ => known,
        };
        if known.arity.admits(request.len()) { Ok(known) } else { Err((Some(known), Error::Arity(&known.full_name))) }
    }

    /// Whether this client may run this command now.
    pub(super) fn admit(&self, client: ClientId, known: &'static Known) -> Result<(), Error> {
        let session = self.session(client);
        if !session.authenticated && !known.flags.has(Flags::NO_AUTH) && !self.is_authenticated(session) {
            return Err(Error::NoAuth);
        }
        if session.transaction.is_some() && known.flags.has(Flags::NO_MULTI) {
            return Err(Error::Fixed("ERR Command not allowed inside a transaction"));
        }
        if self.adds_memory(client, known) && self.over_memory() {
            return Err(Error::OutOfMemory);
        }
        match &self.disk_room {
            DiskRoom::Enough | DiskRoom::Awaited => {}
            DiskRoom::DrainsOnly(why) if self.adds_memory(client, known) => return Err(Error::DiskFull(why.clone())),
            DiskRoom::Nothing(why) if self.may_log(client, known) => {
                return Err(Error::DiskUsedUp(why.clone()));
            }
            DiskRoom::DrainsOnly(_) | DiskRoom::Nothing(_) => {}
        }
        if session.in_subscribed_mode() && !known.flags.has(Flags::SUBSCRIBED) {
            return Err(Error::err(format_args!(
                "Can't execute '{}': only (P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING / QUIT / RESET are allowed in this \
                 context",
                known.full_name
            )));
        }
        Ok(())
    }

    /// Refuses what makes so much of a small request that the log has no room for it. For the request itself the driver has seen to
    /// that.
    pub(super) fn find_room(&self, op: &Op<'_>) -> Result<(), Error> {
        let (Op::ListStore { elements, .. }, Some(ask)) = (op, &self.ask_room) else { return Ok(()) };
        let bytes: usize = elements.0.iter().map(|element| element.len() + LENGTH_BYTES_MAX).sum();
        if bytes <= DERIVED_BYTES_FREE {
            return Ok(());
        }
        ask((self.log.pending_bytes() + bytes) as u64).map_err(Error::DiskFull)
    }

    /// Whether the log has room for so much more in this hold that no request brings which the driver has seen to: beyond what that
    /// leaves, what is served to waiters and the purges of keys have to find their own, or come later.
    pub(super) fn find_room_for(&self, bytes: usize) -> bool {
        let bytes = self.log.pending_bytes() + bytes;
        bytes <= DERIVED_BYTES_FREE || self.ask_room.as_ref().is_none_or(|ask| ask(bytes as u64).is_ok())
    }

    /// Whether CLIENT PAUSE holds this command back.
    pub(super) fn is_held(&self, client: ClientId, known: &'static Known) -> bool {
        match self.pause {
            None => false,
            Some(Pause { all: true, .. }) => true,
            Some(Pause { all: false, .. }) => {
                self.runs(client, known, |flags| flags.has(Flags::WRITE) || flags.has(Flags::MAY_REPLICATE))
            }
        }
    }

    /// Whether this may change what is logged.
    pub(super) fn may_log(&self, client: ClientId, known: &'static Known) -> bool {
        self.runs(client, known, |flags| flags.has(Flags::WRITE))
    }

    /// Whether this is such a command, or an EXEC that runs one.
    fn runs(&self, client: ClientId, known: &'static Known, is_such: impl Fn(Flags) -> bool) -> bool {
        let queue = self.session(client).transaction.as_ref().filter(|_| known.name == "EXEC");
        is_such(known.flags)
            || queue.is_some_and(|transaction| transaction.queue.iter().any(|(queued, _)| is_such(queued.flags)))
    }

    /// Whether memory is at its limit.
    pub(crate) fn over_memory(&self) -> bool {
        let limit = self.settings.maxmemory.0;
        limit > 0 && self.facts.memory_used > limit
    }

    fn adds_memory(&self, client: ClientId, known: &'static Known) -> bool {
        let transaction = self.session(client).transaction.as_ref();
        known.flags.has(Flags::DENY_OOM)
            || (known.name == "EXEC" && transaction.is_some_and(|transaction| transaction.deny_oom))
    }
}

/// Whether these are the words of a web request. The lines after them would be run as commands, so whoever makes a
/// browser or another server send a request to this port could command the broker; Redis hangs up on the same words.
pub(super) fn is_http(name: &[u8]) -> bool {
    name.eq_ignore_ascii_case(b"POST") || name.eq_ignore_ascii_case(b"Host:")
}

fn unknown_command(request: Request<'_>) -> Error {
    let mut args = String::new();
    for arg in request.skip(1).iter() {
        if args.len() >= ECHO_BYTES_MAX {
            break;
        }
        let room = ECHO_BYTES_MAX - args.len();
        args.push('\'');
        args.push_str(&echo(&arg, room));
        args.push_str("' ");
    }
    Error::err(format_args!(
        "unknown command '{}', with args beginning with: {args}",
        echo(request.arg(0), ECHO_BYTES_MAX)
    ))
}

fn unknown_subcommand(container: &Known, name: &[u8]) -> Error {
    Error::err(format_args!("unknown subcommand '{}'. Try {} HELP.", echo(name, ECHO_BYTES_MAX), container.name))
}

/// A client's own words, cut (at a zero byte too, as Redis does) and without anything that could end the line or garble
/// a terminal.
fn echo(bytes: &[u8], bytes_max: usize) -> String {
    let end = bytes.iter().position(|&byte| byte == 0).unwrap_or(bytes.len());
    let cut = &bytes[..end.min(bytes_max)];
    let text = String::from_utf8_lossy(cut);
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}
