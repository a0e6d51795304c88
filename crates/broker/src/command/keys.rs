//! Where a request's keys are, and what is done to them: the key specifications of COMMAND INFO, and COMMAND GETKEYS by them.

use rbq_resp::Request;

/// Where some of a command's keys are and what it does to them: the key specifications of COMMAND INFO.
#[derive(Clone, Copy, Debug)]
pub struct KeySpec {
    /// `RO`, `RW`, `OW`, `RM`, then `access`, `update`, `insert`, `delete`, in COMMAND INFO's words.
    pub flags: &'static [&'static str],
    /// Where the search begins.
    pub begin: Begin,
    /// How keys are found from there.
    pub find: Find,
}

/// Where the search for keys begins.
#[derive(Clone, Copy, Debug)]
pub enum Begin {
    /// At this argument.
    Index(usize),
    /// Behind this word, looked for from this argument on.
    Keyword(&'static str, usize),
    /// Nowhere that can be told in advance.
    Unknown,
}

impl Begin {
    /// Where this word is. A `GROUP` on the way takes the two words behind it along: they are names, whatever they say.
    pub fn keyword(request: Request<'_>, word: &str, from: usize) -> Option<usize> {
        let mut at = 1;
        while at < request.len() {
            let arg = request.arg(at);
            if at >= from && arg.eq_ignore_ascii_case(word.as_bytes()) {
                return Some(at);
            }
            at += if arg.eq_ignore_ascii_case(b"GROUP") { 3 } else { 1 };
        }
        None
    }
}

/// How keys are found from the beginning of the search.
#[derive(Clone, Copy, Debug)]
pub enum Find {
    /// Every `step`th argument up to `last`, counted from the beginning, or from the end if negative; of what is left
    /// then only one `limit`th, if that is more than one.
    Range {
        /// The last key.
        last: i64,
        /// From key to key.
        step: usize,
        /// 0 and 1: no limit; 2: the first half.
        limit: usize,
    },
    /// A number of keys and that many keys behind it, one every `step` arguments.
    Count {
        /// From key to key.
        step: usize,
    },
    /// Not at all: the names derive from what a key holds (SORT … BY).
    Unknown,
    /// By parsing the request: one key at most (SORT … STORE). COMMAND INFO calls it unknown.
    Parsed(fn(Request<'_>) -> Option<usize>),
}

/// `RW access delete` and the like, for the common cases.
pub mod touch {
    /// Reads the value.
    pub const READ: &[&str] = &["RO", "access"];
    /// Reads the key's metadata only.
    pub const PEEK: &[&str] = &["RO"];
    /// Adds.
    pub const INSERT: &[&str] = &["RW", "insert"];
    /// Changes.
    pub const UPDATE: &[&str] = &["RW", "update"];
    /// Reads and changes.
    pub const ACCESS_UPDATE: &[&str] = &["RW", "access", "update"];
    /// Reads and removes.
    pub const TAKE: &[&str] = &["RW", "access", "delete"];
    /// Removes.
    pub const DELETE: &[&str] = &["RW", "delete"];
    /// Removes without a look.
    pub const REMOVE: &[&str] = &["RM", "delete"];
    /// Overwrites.
    pub const OVERWRITE: &[&str] = &["OW", "update"];
}

impl KeySpec {
    /// One key at argument `index`.
    pub const fn one(index: usize, flags: &'static [&'static str]) -> Self {
        Self { flags, begin: Begin::Index(index), find: Find::Range { last: 0, step: 1, limit: 0 } }
    }

    /// All arguments from `index` on.
    pub const fn rest(index: usize, flags: &'static [&'static str]) -> Self {
        Self { flags, begin: Begin::Index(index), find: Find::Range { last: -1, step: 1, limit: 0 } }
    }

    /// All arguments from `index` on but the last: BLPOP's timeout.
    pub const fn rest_but_last(index: usize, flags: &'static [&'static str]) -> Self {
        Self { flags, begin: Begin::Index(index), find: Find::Range { last: -2, step: 1, limit: 0 } }
    }

    /// Every second argument from `index` on: MSET's keys.
    pub const fn pairs(index: usize, flags: &'static [&'static str]) -> Self {
        Self { flags, begin: Begin::Index(index), find: Find::Range { last: -1, step: 2, limit: 0 } }
    }

    /// A count at argument `index` and that many keys.
    pub const fn counted(index: usize, flags: &'static [&'static str]) -> Self {
        Self { flags, begin: Begin::Index(index), find: Find::Count { step: 1 } }
    }

    /// A count at argument `index` and that many pairs of key and value.
    pub const fn counted_pairs(index: usize, flags: &'static [&'static str]) -> Self {
        Self { flags, begin: Begin::Index(index), find: Find::Count { step: 2 } }
    }

    /// Whether keys may be touched that cannot be told from the request.
    pub fn is_incomplete(&self) -> bool {
        matches!(self.find, Find::Unknown)
    }

    /// Whether what it finds are keys: shard channels are routed like keys and are none.
    pub fn names_keys(&self) -> bool {
        self.flags != ["not_key"]
    }

    /// Calls `visit` with the position of every key.
    pub fn positions(&self, request: Request<'_>, mut visit: impl FnMut(usize)) {
        let first = match self.begin {
            Begin::Index(index) => index,
            Begin::Keyword(word, from) => match Begin::keyword(request, word, from) {
                Some(at) => at + 1,
                None => return,
            },
            Begin::Unknown => {
                if let Find::Parsed(parse) = self.find {
                    parse(request).into_iter().for_each(visit);
                }
                return;
            }
        };
        let (start, end, step) = match self.find {
            Find::Range { last, step, limit } => {
                let end = match last {
                    0.. => first + last as usize + 1,
                    _ => (request.len() as i64 + last + 1).max(0) as usize,
                };
                let span = end.saturating_sub(first);
                let end = if limit > 1 { first + span / limit } else { end };
                (first, end, step)
            }
            Find::Count { step } => {
                let count = request.get(first).and_then(|count| crate::number::parse_u64(&count)).unwrap_or(0);
                let span = (count as usize).saturating_mul(step);
                (first + 1, (first + 1).saturating_add(span), step)
            }
            Find::Unknown | Find::Parsed(_) => return,
        };
        (start..end.min(request.len())).step_by(step.max(1)).for_each(&mut visit);
    }
}
