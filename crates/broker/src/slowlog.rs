//! The slow log: the last commands that took longer than `slowlog-log-slower-than`.

use std::collections::VecDeque;

use rbq_resp::Request;

use crate::catalog::Known;
use crate::redact::{REDACTED, is_secret};
use crate::session::Session;
use crate::settings::Settings;
use crate::time::Now;

/// Bytes kept of an argument: what more there was is said in its place.
const ARG_BYTES_MAX: usize = 128;

/// One slow command.
#[derive(Clone, Debug)]
pub struct Slow {
    /// Counts up.
    pub id: u64,
    /// When it ran, in Unix seconds.
    pub at_s: u64,
    /// How long it took.
    pub usec: u64,
    /// Its arguments, shortened.
    pub args: Vec<Vec<u8>>,
    /// How many there were.
    pub args_len: usize,
    /// Who sent it.
    pub addr: String,
    /// That client's name.
    pub name: Vec<u8>,
}

/// The log, newest first.
#[derive(Debug, Default)]
pub struct SlowLog {
    entries: VecDeque<Slow>,
    next_id: u64,
}

impl SlowLog {
    pub(crate) fn add(
        &mut self,
        session: &Session,
        known: &Known,
        request: Request<'_>,
        at: Now,
        usec: u64,
        settings: &Settings,
    ) {
        let slow = Slow {
            id: self.next_id,
            at_s: at.unix_us / 1_000_000,
            usec,
            args: shorten(known, request, settings.slowlog_max_argc.0 as usize),
            args_len: request.len(),
            addr: session.peer.addr.clone(),
            name: session.name.clone(),
        };
        self.next_id += 1;
        self.entries.push_front(slow);
        self.entries.truncate(settings.slowlog_max_len.0 as usize);
    }

    /// Entries, newest first.
    pub fn entries(&self) -> impl ExactSizeIterator<Item = &Slow> {
        self.entries.iter()
    }

    /// Forgets all entries; the IDs go on.
    pub fn reset(&mut self) {
        self.entries.clear();
    }
}

fn shorten(known: &Known, request: Request<'_>, args_max: usize) -> Vec<Vec<u8>> {
    let kept = if request.len() > args_max { args_max - 1 } else { request.len() };
    let arg = |at: usize| match is_secret(known, request, at) {
        true => REDACTED.into(),
        false => shorten_arg(request.arg(at)),
    };
    let mut args: Vec<Vec<u8>> = (0..kept).map(arg).collect();
    if request.len() > kept {
        args.push(format!("... ({} more arguments)", request.len() - kept).into_bytes());
    }
    args
}

fn shorten_arg(arg: &[u8]) -> Vec<u8> {
    if arg.len() <= ARG_BYTES_MAX {
        return arg.to_vec();
    }
    let mut short = arg[..ARG_BYTES_MAX].to_vec();
    short.extend_from_slice(format!("... ({} more bytes)", arg.len() - ARG_BYTES_MAX).as_bytes());
    short
}
