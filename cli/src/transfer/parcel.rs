//! A key's commands, so put together that the key is never there in part.
//!
//! ```text
//!   few   MULTI  [UNLINK key]  SET|RPUSH|XADD … PEXPIREAT key  EXEC            one alone needs no MULTI
//!   many  RPUSH|XADD temporary …   RPUSHX …   XADD temporary NOMKSTREAM …      as they come
//!         MULTI  PEXPIREAT temporary  [UNLINK key]  RENAMENX temporary key  EXEC    once all of that was taken
//! ```
//!
//! Invariant: whatever ends an import (the target refuses, either side is killed), under the key's own name there is nothing of
//! it, or all. So `--skip-existing` may take what it finds for whole.
//!
//! Behind the first command none makes the key: if the temporary one goes meanwhile, so does all of it, and RENAMENX says so.
//! Few commands are not sent under a temporary name, because each key would then wait for its answers: a million small keys
//! would take a million round trips.

use rbq_client::Request;

/// What one transaction holds: a server stays at it for some tens of microseconds.
const TOGETHER_MAX: usize = 64;
const TOGETHER_BYTES_MAX: usize = 64 * 1024;

/// Commands that not every server has. Without them the key has all that the server can keep.
const OPTIONAL: &[&str] = &["XNACK", "XCFGSET", "XIDMPRECORD"];

/// A key on its way.
#[derive(Debug)]
pub(crate) struct Parcel {
    name: Vec<u8>,
    temporary: Vec<u8>,
    on_arrival: OnArrival,
    /// Not sent yet.
    held: Vec<Request>,
    held_bytes: usize,
    /// Whether it is made under its temporary name.
    is_apart: bool,
    is_begun: bool,
    expiry: Option<Request>,
}

/// What becomes of a key of this name in the target.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum OnArrival {
    Replace,
    Keep,
}

/// How a key comes to be there.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Last {
    /// By one step, which is all of it.
    Together(Vec<Request>),
    /// By this step, once everything before it was taken.
    InPlace(Vec<Request>),
}

impl Parcel {
    pub(crate) fn new(name: Vec<u8>, temporary: Vec<u8>, on_arrival: OnArrival) -> Self {
        Self {
            name,
            temporary,
            on_arrival,
            held: Vec::new(),
            held_bytes: 0,
            is_apart: false,
            is_begun: false,
            expiry: None,
        }
    }

    pub(crate) fn temporary(&self) -> &[u8] {
        &self.temporary
    }

    /// Takes the next command, and adds what is to be sent by now, under the temporary name.
    pub(crate) fn add(&mut self, request: Request, out: &mut Vec<Request>) {
        if request.is_word(0, "PEXPIREAT") {
            self.expiry = Some(request);
            return;
        }
        if self.is_apart {
            out.push(self.apart(&request));
            return;
        }
        self.is_apart = is_optional(&request);
        self.held_bytes += request.size_bytes();
        self.held.push(request);
        self.is_apart |=
            self.held.len() > 1 && (self.held.len() > TOGETHER_MAX || self.held_bytes > TOGETHER_BYTES_MAX);
        if self.is_apart {
            for request in std::mem::take(&mut self.held) {
                out.push(self.apart(&request));
            }
        }
    }

    /// What remains to be sent.
    pub(crate) fn end(mut self) -> Last {
        let unlink = (self.on_arrival == OnArrival::Replace).then(|| Request::new("UNLINK").arg(&self.name));
        if !self.is_apart {
            return Last::Together(unlink.into_iter().chain(self.held).chain(self.expiry).collect());
        }
        let expiry = self.expiry.take().map(|expiry| self.apart(&expiry));
        let rename = Request::new("RENAMENX").arg(&self.temporary).arg(&self.name);
        Last::InPlace(expiry.into_iter().chain(unlink).chain([rename]).collect())
    }

    /// The same under the temporary name; every one but the first only if the key is there.
    fn apart(&mut self, request: &Request) -> Request {
        let key_at = if request.is_word(0, "XGROUP") { 2 } else { 1 };
        let is_later = std::mem::replace(&mut self.is_begun, true);
        let mut apart = Request::default();
        for (index, arg) in request.iter().enumerate() {
            apart.push(match arg {
                _ if index == key_at => self.temporary.as_slice(),
                b"RPUSH" if index == 0 && is_later => b"RPUSHX",
                arg => arg,
            });
            if index == key_at && is_later && request.is_word(0, "XADD") {
                apart.push("NOMKSTREAM");
            }
        }
        apart
    }
}

/// Whether a key may do without it.
pub(crate) fn is_optional(request: &Request) -> bool {
    OPTIONAL.iter().any(|name| request.is_word(0, name))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(request: &Request) -> String {
        request.iter().map(|arg| String::from_utf8_lossy(arg).into_owned()).collect::<Vec<_>>().join(" ")
    }

    /// What is sent of these commands before the end, and at the end.
    fn sent(lines: &[String], on_arrival: OnArrival) -> (Vec<String>, &'static str, Vec<String>) {
        let mut parcel = Parcel::new(b"k".to_vec(), b"tmp".to_vec(), on_arrival);
        let mut out = Vec::new();
        for line in lines {
            parcel.add(Request::from(line.split(' ')), &mut out);
        }
        let (how, last) = match parcel.end() {
            Last::Together(step) => ("together", step),
            Last::InPlace(step) => ("in place", step),
        };
        (out.iter().map(line).collect(), how, last.iter().map(line).collect())
    }

    #[test]
    fn few_commands_are_one_step_under_the_name_itself() {
        let lines = ["RPUSH k a".to_owned(), "PEXPIREAT k 7".to_owned()];
        assert_eq!(sent(&lines, OnArrival::Keep), (vec![], "together", lines.to_vec()));
        let replaced = [&["UNLINK k".to_owned()], &lines[..]].concat();
        assert_eq!(sent(&lines, OnArrival::Replace), (vec![], "together", replaced));
    }

    #[test]
    fn many_commands_make_a_key_of_another_name_and_only_the_first_can_begin_it() {
        let mut lines: Vec<String> = (0..=TOGETHER_MAX).map(|number| format!("RPUSH k {number}")).collect();
        lines.push("PEXPIREAT k 7".to_owned());
        let (before, how, last) = sent(&lines, OnArrival::Replace);
        assert_eq!(before.len(), TOGETHER_MAX + 1);
        assert_eq!(before[..3], ["RPUSH tmp 0", "RPUSHX tmp 1", "RPUSHX tmp 2"]);
        assert_eq!(
            (how, last),
            ("in place", ["PEXPIREAT tmp 7", "UNLINK k", "RENAMENX tmp k"].map(String::from).to_vec())
        );
    }

    #[test]
    fn what_not_every_server_has_stands_in_no_transaction() {
        let lines = ["XADD k 1-1 a b", "XADD k 2-1 a b", "XGROUP CREATE k g 0", "XCFGSET k IDMP-DURATION 9"];
        let (before, how, last) = sent(&lines.map(String::from), OnArrival::Keep);
        assert_eq!(
            before,
            ["XADD tmp 1-1 a b", "XADD tmp NOMKSTREAM 2-1 a b", "XGROUP CREATE tmp g 0", "XCFGSET tmp IDMP-DURATION 9"]
        );
        assert_eq!((how, last), ("in place", vec!["RENAMENX tmp k".to_owned()]));
    }

    #[test]
    fn one_large_value_is_one_command() {
        let lines = [format!("SET k {}", "x".repeat(TOGETHER_BYTES_MAX + 1)), "PEXPIREAT k 7".to_owned()];
        assert_eq!(sent(&lines, OnArrival::Keep), (vec![], "together", lines.to_vec()));
    }
}
