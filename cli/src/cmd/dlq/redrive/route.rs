//! Where a dead letter goes: back to the group that failed, to another place if that was asked for, or nowhere yet.
//!
//! ```text
//!   letter ─► wish ─► facts (asked of the server) ─► way | skip
//! ```
//!
//! A wish is what the command line means for this letter; it needs no server. The facts are what the server says about the keys,
//! groups and entries that wishes name. The plan and the run come to their ways by the same steps, so the plan does not promise
//! what the run would not do.
//!
//! The default is narrow on purpose: the entry that failed goes back to the group that failed, and to no other, or it stays.
//! Everything wider (a new entry, another key, all groups) makes somebody see a message a second time, so it has to be asked for.

use std::collections::{HashMap, HashSet};
use std::fmt;

use bytes::Bytes;
use rbq_client::Request;
use rbq_resp::Value;

use super::super::change::Changer;
use super::super::entries::{self, Entry, append};
use super::super::keys::shown;
use super::job::{Goal, Keys};
use crate::deadletter::{DeadLetter, Field, PayloadHash, QUEUE_FIELD, SourceKind};
use crate::failure::Result;
use crate::servers::Servers;

/// Where a letter goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Way {
    /// The original entry becomes pending in its group again.
    Hand { key: Bytes, group: Bytes, id: String },
    /// A new entry.
    Append { key: Bytes, fields: Vec<Field> },
    /// Into a queue.
    Push { key: Bytes, data: Bytes, front: bool },
    /// Sent back often enough.
    Quarantine,
}

/// Why a letter stays.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Skip {
    NoLetter,
    SourceGone,
    /// What a person named is not there.
    NoTarget(Bytes),
    GroupGone,
    EntryGone,
    Changed,
    TooOften,
    NotOneField,
    Empty,
    WrongType,
    NoToken,
    Change(String),
}

impl fmt::Display for Skip {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NoLetter => "not in the form of a dead letter",
            Self::SourceGone => "the source is gone (--to or --map names another)",
            Self::NoTarget(key) => return write!(f, "there is no `{}` (--create makes it)", shown(key)),
            Self::GroupGone => "the group is gone (--to, --map or --all-groups)",
            Self::EntryGone => "the original entry is gone (--append makes a new one, which every group sees)",
            Self::Changed => "the message was changed (--append makes a new entry, which every group sees)",
            Self::TooOften => "sent back too often (a higher --max-redrives)",
            Self::NotOneField => "a queue takes the one field `data`, and the message has others",
            Self::Empty => "the message has no fields",
            Self::WrongType => "the target is neither a stream nor a queue",
            Self::NoToken => "the target is in another slot and has no name for a token (--at-least-once)",
            Self::Change(why) => return f.write_str(why),
        })
    }
}

/// What is meant for a letter, before the server was asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Wish {
    /// Back to the group; as a new entry if the original is gone and `append` allows it.
    Group,
    /// To this key.
    Key {
        key: Bytes,
        absent: Absent,
    },
    Quarantine,
    Stay(Skip),
}

/// What it means that a key is not there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Absent {
    /// It is an empty queue, or somebody agreed to a new key.
    Fill,
    /// The source is gone.
    Gone,
    /// Perhaps a slip in a name that was typed: what goes there would be read by nobody.
    Unknown,
}

/// A letter, what is meant for it, and the message as it will be sent.
#[derive(Debug, Clone)]
pub(super) struct Case {
    pub(super) entry: Entry,
    pub(super) letter: Option<DeadLetter>,
    pub(super) wish: Wish,
    pub(super) payload: Vec<Field>,
}

/// What is asked for, ready to be applied.
#[derive(Debug)]
pub(super) struct Rules {
    pub(super) goal: Goal,
    pub(super) changer: Changer,
    pub(super) max_redrives: u64,
    pub(super) in_quarantine: bool,
}

impl Rules {
    /// What is meant for an entry, which was sent back `redrives` times.
    pub(super) fn case(&self, entry: Entry, letter: Option<DeadLetter>, redrives: u64) -> Case {
        let Some(read) = &letter else {
            return Case { entry, letter, wish: Wish::Stay(Skip::NoLetter), payload: vec![] };
        };
        let (payload, changed) = match self.changer.change(&read.payload) {
            Ok(payload) => (payload, None),
            Err(why) => (vec![], Some(Skip::Change(why))),
        };
        let wish = match changed {
            _ if redrives >= self.max_redrives && self.in_quarantine => Wish::Stay(Skip::TooOften),
            _ if redrives >= self.max_redrives => Wish::Quarantine,
            Some(skip) => Wish::Stay(skip),
            None if payload.is_empty() => Wish::Stay(Skip::Empty),
            None => self.wish(read, &payload),
        };
        Case { entry, letter, wish, payload }
    }

    fn wish(&self, letter: &DeadLetter, payload: &[Field]) -> Wish {
        let from = &letter.provenance;
        let source = || Wish::Key { key: from.source.clone(), absent: Absent::Gone };
        let mapped = self.goal.map.iter().find(|(old, _)| from.source == *old).map(|(_, new)| new);
        if let Some(to) = mapped.or(self.goal.to.as_ref()) {
            // Its own queue may well be empty; whether that is another's name is not known.
            let is_own_queue = from.kind == SourceKind::Queue && from.source == *to;
            let absent = if self.goal.create || is_own_queue { Absent::Fill } else { Absent::Unknown };
            return Wish::Key { key: to.clone().into(), absent };
        }
        match from.kind {
            // An empty queue is no key at all, so a queue is never gone.
            SourceKind::Queue => Wish::Key { key: from.source.clone(), absent: Absent::Fill },
            SourceKind::Stream if self.goal.all_groups => source(),
            SourceKind::Stream if PayloadHash::of(payload) == letter.hash => Wish::Group,
            SourceKind::Stream if self.goal.append => source(),
            SourceKind::Stream => Wish::Stay(Skip::Changed),
        }
    }

    /// The way that the facts leave for a case.
    pub(super) fn way(&self, case: &Case, facts: &Facts) -> std::result::Result<Way, Skip> {
        match (&case.wish, &case.letter) {
            (Wish::Stay(skip), _) => Err(skip.clone()),
            (_, None) => Err(Skip::NoLetter),
            (Wish::Quarantine, _) => Ok(Way::Quarantine),
            (Wish::Key { key, absent }, Some(letter)) => self.to_key(key, *absent, case, letter, facts),
            (Wish::Group, Some(letter)) => self.to_group(case, letter, facts),
        }
    }

    fn to_group(&self, case: &Case, letter: &DeadLetter, facts: &Facts) -> std::result::Result<Way, Skip> {
        let from = &letter.provenance;
        match facts.kind(&from.source) {
            "stream" => {}
            "none" => return Err(Skip::SourceGone),
            _ => return Err(Skip::WrongType),
        }
        if !facts.has_group(&from.source, &from.group) {
            return Err(Skip::GroupGone);
        }
        // By content, not by ID alone: a stream that was deleted and filled again may have the ID, with another message.
        if facts.originals.get(&(from.source.clone(), from.id.clone())) == Some(&letter.hash) {
            return Ok(Way::Hand { key: from.source.clone(), group: from.group.clone(), id: from.id.clone() });
        }
        if self.goal.append {
            return self.to_key(&from.source, Absent::Gone, case, letter, facts);
        }
        Err(Skip::EntryGone)
    }

    fn to_key(
        &self,
        key: &Bytes,
        absent: Absent,
        case: &Case,
        letter: &DeadLetter,
        facts: &Facts,
    ) -> std::result::Result<Way, Skip> {
        let is_queue = match facts.kind(key) {
            "stream" => false,
            "list" => true,
            "none" => match absent {
                Absent::Fill => letter.provenance.kind == SourceKind::Queue,
                Absent::Gone => return Err(Skip::SourceGone),
                Absent::Unknown => return Err(Skip::NoTarget(key.clone())),
            },
            _ => return Err(Skip::WrongType),
        };
        match case.payload.as_slice() {
            _ if !is_queue => Ok(Way::Append { key: key.clone(), fields: case.payload.clone() }),
            [(name, data)] if name == QUEUE_FIELD => {
                Ok(Way::Push { key: key.clone(), data: data.clone(), front: self.goal.front })
            }
            _ => Err(Skip::NotOneField),
        }
    }
}

impl Case {
    /// The key that the wish is about, if it is about one beside the dead-letter stream.
    pub(super) fn target(&self) -> Option<&Bytes> {
        match (&self.wish, &self.letter) {
            (Wish::Group, Some(letter)) => Some(&letter.provenance.source),
            (Wish::Key { key, .. }, _) => Some(key),
            _ => None,
        }
    }
}

/// What the server says about the targets of cases.
#[derive(Debug, Default)]
pub(super) struct Facts {
    kinds: HashMap<Bytes, String>,
    groups: HashMap<Bytes, HashSet<Bytes>>,
    originals: HashMap<(Bytes, String), PayloadHash>,
}

impl Facts {
    /// Asks, in two rounds: groups and entries are asked of streams only.
    ///
    /// # Errors
    /// Of the connection.
    pub(super) async fn gather(servers: &mut Servers, cases: &[Case]) -> Result<Self> {
        let mut facts = Self::default();
        let mut keys: Vec<&Bytes> = cases.iter().filter_map(Case::target).collect();
        keys.sort_unstable();
        keys.dedup();
        let types = keys.iter().map(|key| (&key[..], Request::new("TYPE").arg(key))).collect();
        for (key, reply) in keys.iter().zip(servers.gather(types).await?) {
            let Value::Status(kind) = reply else { return Err(entries::refused(reply)) };
            facts.kinds.insert((*key).clone(), kind);
        }
        let streams: Vec<&Bytes> = keys.into_iter().filter(|key| facts.kind(key) == "stream").collect();
        let of_streams = streams.iter().map(|key| (&key[..], Request::from(["XINFO", "GROUPS"]).arg(key))).collect();
        for (key, reply) in streams.iter().zip(servers.gather(of_streams).await?) {
            facts.groups.insert((*key).clone(), groups_of(&reply));
        }
        let wanted: Vec<(&Bytes, &str)> = cases.iter().filter_map(|case| facts.original_of(case)).collect();
        let ranges =
            wanted.iter().map(|(key, id)| (&key[..], Request::new("XRANGE").arg(key).arg(id).arg(id))).collect();
        let mut originals = HashMap::with_capacity(wanted.len());
        for ((key, id), reply) in wanted.iter().zip(servers.gather(ranges).await?) {
            if let Some(entry) = entries::read(reply)?.first() {
                originals.insert(((*key).clone(), (*id).to_owned()), PayloadHash::of(&entry.fields));
            }
        }
        facts.originals = originals;
        Ok(facts)
    }

    fn original_of<'a>(&self, case: &'a Case) -> Option<(&'a Bytes, &'a str)> {
        let from = &case.letter.as_ref()?.provenance;
        let wanted = case.wish == Wish::Group && self.kind(&from.source) == "stream";
        wanted.then_some((&from.source, from.id.as_str()))
    }

    /// Whether there is no such key, and it is about to be made.
    pub(super) fn is_new(&self, key: &Bytes) -> bool {
        self.kind(key) == "none"
    }

    fn kind(&self, key: &Bytes) -> &str {
        self.kinds.get(key).map_or("none", String::as_str)
    }

    pub(super) fn has_group(&self, key: &Bytes, group: &Bytes) -> bool {
        self.groups.get(key).is_some_and(|groups| groups.contains(group))
    }
}

/// The names in a reply of `XINFO GROUPS`; none in an error.
pub(super) fn groups_of(reply: &Value) -> HashSet<Bytes> {
    let Value::Array(groups) = reply else { return HashSet::new() };
    let name = |group: &Value| {
        let pairs: Vec<(&Value, &Value)> = match group {
            Value::Map(pairs) => pairs.iter().map(|(key, value)| (key, value)).collect(),
            Value::Array(flat) => flat.chunks_exact(2).map(|pair| (&pair[0], &pair[1])).collect(),
            _ => vec![],
        };
        let name = pairs.iter().find(|(key, _)| key.as_bytes() == Some(b"name"))?.1;
        name.as_bytes().map(Bytes::copy_from_slice)
    };
    groups.iter().filter_map(name).collect()
}

/// The consumer that holds what goes back to a group where a server's pending entries must have one.
pub(super) const HOLDER: &str = "rbq-redrive";

impl Way {
    /// The command that does it.
    pub(super) fn request(&self, keys: &Keys, quarantined: &[Field], has_xnack: bool) -> Request {
        match self {
            Self::Hand { key, group, id } if has_xnack => {
                let request = Request::new("XNACK").arg(key).arg(group).args(["FAIL", "IDS", "1"]).arg(id);
                request.args(["RETRYCOUNT", "0", "FORCE"])
            }
            // Delivered at the beginning of time, so that whoever claims by idle time may have it at once.
            Self::Hand { key, group, id } => {
                let request = Request::new("XCLAIM").arg(key).arg(group).arg(HOLDER).arg("0").arg(id);
                request.args(["TIME", "0", "RETRYCOUNT", "0", "FORCE", "JUSTID"])
            }
            Self::Append { key, fields } => append(key, fields),
            Self::Push { key, data, front } => Request::new(if *front { "RPUSH" } else { "LPUSH" }).arg(key).arg(data),
            Self::Quarantine => append(&keys.quarantine, quarantined),
        }
    }

    /// Whether the reply says that it was done.
    pub(super) fn is_done(&self, reply: &Value) -> bool {
        match (self, reply) {
            (_, Value::Error(_)) => false,
            (Self::Hand { .. }, Value::Integer(count)) => *count > 0,
            (Self::Hand { .. }, Value::Array(claimed)) => !claimed.is_empty(),
            (Self::Hand { .. }, _) => false,
            _ => true,
        }
    }

    /// For audit lines: the key, and the group if it is about one.
    pub(super) fn target(&self, keys: &Keys) -> (Bytes, Option<Bytes>) {
        match self {
            Self::Hand { key, group, .. } => (key.clone(), Some(group.clone())),
            Self::Append { key, .. } | Self::Push { key, .. } => (key.clone(), None),
            Self::Quarantine => (Bytes::copy_from_slice(&keys.quarantine), None),
        }
    }
}
