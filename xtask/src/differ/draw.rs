//! Blanks filled in by chance: few keys, few values, and the numbers at which things break.
//!
//! A small world makes commands meet: four keys a type, a handful of elements, stream IDs below a hundred. What would
//! make two servers differ for reasons of time is kept out here rather than excused later: deadlines are far away or
//! long past, waits are endless or a few milliseconds, and only the stream `x:now` is given IDs made of time.

use std::collections::VecDeque;

use bytes::Bytes;
use fastrand::Rng;

/// What an episode is about.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Mood {
    /// Commands that never wait, and transactions.
    #[default]
    Busy,
    /// Clients wait for lists and streams, one command or several keys at a time; no transactions. When a transaction
    /// writes several of the keys one client waits for, 7.0 and later versions disagree about which it gets (redis
    /// PR #11012), so waits for several keys and transactions do not meet.
    Patient,
    /// Clients wait for one list each, and transactions are spoken.
    PatientOnce,
}

/// A kind of blank.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Blank {
    Any,
    List,
    Stream,
    PlainList,
    WaitedList,
    WaitedStream,
    Text,
    Element,
    Field,
    Integer,
    Count,
    Index,
    Rank,
    Db,
    Pattern,
    KeyPattern,
    Channel,
    ChannelPattern,
    NewId,
    Id,
    RangeId,
    ReadId,
    GroupId,
    HistoryId,
    Group,
    Consumer,
    IdleMs,
    TimeMs,
    Seconds,
    Milliseconds,
    UnixSeconds,
    UnixMilliseconds,
    FutureSeconds,
    FutureMilliseconds,
    Timeout,
    ShortTimeout,
    BlockMs,
    ShortBlockMs,
    ShortMs,
    Float,
    Type,
    Cursor,
    Client,
    Junk,
    Message,
    SortBy,
}

impl Blank {
    /// The kind with this name.
    ///
    /// # Panics
    /// If there is none: names stand in this program's own grammar.
    #[must_use]
    pub(crate) fn named(name: &str) -> Self {
        match name {
            "any" => Self::Any,
            "list" => Self::List,
            "stream" => Self::Stream,
            "plainlist" => Self::PlainList,
            "waitedlist" => Self::WaitedList,
            "waitedstream" => Self::WaitedStream,
            "text" => Self::Text,
            "element" => Self::Element,
            "field" => Self::Field,
            "integer" => Self::Integer,
            "count" => Self::Count,
            "index" => Self::Index,
            "rank" => Self::Rank,
            "db" => Self::Db,
            "pattern" => Self::Pattern,
            "keypattern" => Self::KeyPattern,
            "channel" => Self::Channel,
            "channelpattern" => Self::ChannelPattern,
            "newid" => Self::NewId,
            "id" => Self::Id,
            "rangeid" => Self::RangeId,
            "readid" => Self::ReadId,
            "groupid" => Self::GroupId,
            "historyid" => Self::HistoryId,
            "group" => Self::Group,
            "consumer" => Self::Consumer,
            "idlems" => Self::IdleMs,
            "timems" => Self::TimeMs,
            "seconds" => Self::Seconds,
            "milliseconds" => Self::Milliseconds,
            "unixseconds" => Self::UnixSeconds,
            "unixmilliseconds" => Self::UnixMilliseconds,
            "futureseconds" => Self::FutureSeconds,
            "futuremilliseconds" => Self::FutureMilliseconds,
            "timeout" => Self::Timeout,
            "shorttimeout" => Self::ShortTimeout,
            "blockms" => Self::BlockMs,
            "shortblockms" => Self::ShortBlockMs,
            "shortms" => Self::ShortMs,
            "float" => Self::Float,
            "type" => Self::Type,
            "cursor" => Self::Cursor,
            "client" => Self::Client,
            "junk" => Self::Junk,
            "message" => Self::Message,
            "sortby" => Self::SortBy,
            _ => panic!("there is no blank `{name}`"),
        }
    }
}

const LISTS: &[&str] = &["l:1", "l:2", "l:3", "l:4"];
const STREAMS: &[&str] = &["x:1", "x:2", "x:3"];
/// The stream whose IDs are made of time.
pub(crate) const TIMED_STREAM: &str = "x:now";
/// Keys that several are waited for at once, and that never hold anything else. A waiter whose other key holds another
/// type is told so since 7.2, and not before (redis PR #11012).
const WAITED_LISTS: &[&str] = &["w:1", "w:2", "w:3"];
const WAITED_STREAMS: &[&str] = &["y:1", "y:2"];
const TEXTS: &[&str] = &["t:1", "t:2", "t:3", "t:4"];
const SIMPLE: &[&str] = &["a", "b", "c", "d", "1", "2", "10", "-3", "", "two words"];
const FIELDS: &[&str] = &["f", "g", "name", ""];
const GROUPS: &[&str] = &["g", "h"];
const CONSUMERS: &[&str] = &["me", "you"];
const CHANNELS: &[&str] = &["news", "news.art", "news.tech", "chat", ""];
const CHANNEL_PATTERNS: &[&str] = &["*", "news.*", "n?ws", "news", "[nc]*", "[^n]*", "\\*", "chat"];
const KEY_PATTERNS: &[&str] = &["*", "l:*", "?:1", "[lt]:[1-2]", "x:[^1]", "t:\\1", "nothing", "", "*:*", "l:1"];
const EDGES: &[&str] = &[
    "9223372036854775807",
    "-9223372036854775808",
    "9223372036854775808",
    "-9223372036854775807",
    "18446744073709551615",
];
/// What is no number, or only nearly one. None is a small positive number: as a timeout it would be one.
const JUNK: &[&str] =
    &["abc", "", " 1", "1 ", "+1", "01", "1.5", "1e3", "0x10", "-", "--1", "nan", "99999999999999999999", "\u{0}", "é"];

/// IDs remembered: about as many as are in the streams at any time.
const GIVEN_MAX: usize = 12;

/// The source of chance for one episode.
pub(crate) struct Draw {
    rng: Rng,
    mood: Mood,
    /// The ID last given to a stream: new ones are mostly greater.
    last_ms: u64,
    /// The IDs given lately: commands that name an ID mostly name one that there is.
    given: VecDeque<String>,
    /// Whether databases are swapped under waiting clients, or these move elements: not both. A swap makes several keys
    /// ready in the order of a hash table, and what one client moves may be what the other waits for.
    swaps: bool,
}

impl Draw {
    /// The same seed draws the same.
    #[must_use]
    pub(crate) fn new(seed: u64, mood: Mood) -> Self {
        let mut rng = Rng::with_seed(seed);
        let swaps = rng.bool();
        Self { rng, mood, last_ms: 0, given: VecDeque::new(), swaps }
    }

    /// Whether databases are swapped under waiting clients in this episode.
    pub(crate) fn swaps(&self) -> bool {
        self.swaps
    }

    /// True this often.
    pub(crate) fn chance(&mut self, probability: f64) -> bool {
        self.rng.f64() < probability
    }

    /// One of `0..count`.
    pub(crate) fn below(&mut self, count: usize) -> usize {
        self.rng.usize(..count)
    }

    /// One to four, rarely up to forty.
    pub(crate) fn few(&mut self) -> usize {
        if self.chance(0.02) { self.rng.usize(5..=40) } else { self.rng.usize(1..=4).min(self.rng.usize(1..=4)) }
    }

    /// How many streams a command reads.
    pub(crate) fn keys_at_once(&mut self) -> usize {
        if self.mood == Mood::PatientOnce || self.chance(0.7) { 1 } else { self.rng.usize(1..=3) }
    }

    /// Any order.
    pub(crate) fn shuffle<T>(&mut self, items: &mut [T]) {
        self.rng.shuffle(items);
    }

    /// One of these.
    pub(crate) fn one<'w>(&mut self, words: &[&'w str]) -> &'w str {
        words[self.rng.usize(..words.len())]
    }

    /// A word of the syntax, now and then in another case.
    pub(crate) fn word(&mut self, word: &'static str) -> Bytes {
        match self.rng.u8(..) {
            0..=5 => Bytes::from(word.to_ascii_lowercase()),
            6 => {
                let upper = |letter: char| if letter > 'M' { letter.to_ascii_lowercase() } else { letter };
                Bytes::from(word.chars().map(upper).collect::<String>())
            }
            _ => Bytes::from_static(word.as_bytes()),
        }
    }

    /// Fills in a blank.
    pub(crate) fn fill(&mut self, blank: Blank) -> Bytes {
        if blank == Blank::Element {
            return self.element();
        }
        Bytes::from(match blank {
            Blank::Any => self.any_key(),
            Blank::List if self.is_waited() => self.one(WAITED_LISTS).to_owned(),
            Blank::Stream if self.is_waited() => self.one(WAITED_STREAMS).to_owned(),
            // What BLMOVE moves into a key that others wait for with several makes two of theirs ready at once.
            Blank::List | Blank::PlainList => self.key(LISTS),
            Blank::Stream => self.key(STREAMS),
            Blank::WaitedList => self.one(WAITED_LISTS).to_owned(),
            Blank::WaitedStream => self.one(WAITED_STREAMS).to_owned(),
            Blank::Text => self.key(TEXTS),
            Blank::Field => self.one(FIELDS).to_owned(),
            Blank::Message => self.one(SIMPLE).to_owned(),
            Blank::Pattern | Blank::KeyPattern => self.one(KEY_PATTERNS).to_owned(),
            Blank::Channel => self.one(CHANNELS).to_owned(),
            Blank::ChannelPattern => self.one(CHANNEL_PATTERNS).to_owned(),
            Blank::Group => self.one(GROUPS).to_owned(),
            Blank::Consumer => self.one(CONSUMERS).to_owned(),
            Blank::Junk => self.one(JUNK).to_owned(),
            Blank::Type => self.one(&["string", "list", "stream", "LIST", "zset", "nothing"]).to_owned(),
            Blank::Client => self.one(&["$ann", "$bob", "$cat", "$dan"]).to_owned(),
            Blank::SortBy => self.one(&["nosort", "t:*", "*", "l:*", "nothing"]).to_owned(),
            Blank::Db => self.mostly(&["0", "0", "1", "2"], &["15", "16", "-1"]),
            // Any other cursor stands for a place in one server's table.
            Blank::Cursor => self.one(&["0", "0", "0", "0", "abc", "", "1x"]).to_owned(),
            _ => return Bytes::from(self.number(blank)),
        })
    }

    fn number(&mut self, blank: Blank) -> String {
        match blank {
            Blank::NewId => self.new_id(),
            Blank::Id => self.id(),
            Blank::RangeId => self.range_id(),
            Blank::ReadId => self.mostly_id(&["$", "0", "0-0", "$"]),
            Blank::GroupId => self.mostly_id(&["$", "0", "0"]),
            Blank::HistoryId => self.mostly_id(&[">", ">", ">", ">", "0"]),
            Blank::Index => self.small_or_edge(-6..=6),
            Blank::Rank => self.mostly(&["1", "2", "-1", "-2", "3"], &["0", "9223372036854775807", "abc"]),
            Blank::Count => self.small_or_edge(0..=5),
            Blank::IdleMs => self.mostly(&["0", "0", "100000", "1000000"], &["-1", "9223372036854775807"]),
            Blank::TimeMs => self.mostly(&["1000", "0", "1600000000000"], &["-1"]),
            Blank::Seconds => self.mostly(&["100000", "200000", "0", "-1"], EDGES),
            Blank::Milliseconds => self.mostly(&["100000000", "200000000", "0", "-1"], EDGES),
            Blank::UnixSeconds => self.mostly(&["4102444800", "4102444801", "4133980800", "1", "0", "-1"], EDGES),
            Blank::UnixMilliseconds => {
                self.mostly(&["4102444800000", "4102444800001", "4133980800000", "1", "0", "-1"], EDGES)
            }
            Blank::FutureSeconds => self.mostly(&["4102444800", "4133980800"], EDGES),
            Blank::FutureMilliseconds => self.mostly(&["4102444800000", "4133980800000"], EDGES),
            Blank::Timeout => self.mostly(&["0", "0", "0", "0.0", "1000000"], &["-1", "-0.1"]),
            Blank::ShortTimeout => "0.01".to_owned(),
            Blank::BlockMs => self.mostly(&["0", "0", "0", "1000000000"], &["-1", "1.5"]),
            Blank::ShortBlockMs => "10".to_owned(),
            // A server may be set aside for a few milliseconds between setting and looking.
            Blank::ShortMs => "10".to_owned(),
            Blank::Float => self.mostly(&["1.5", "-0.1", "3", "1e10", "0"], &["1e400", "inf", "1e-300"]),
            _ => self.small_or_edge(-3..=12),
        }
    }

    /// A small number, rarely one at the edge of what a machine holds, rarely none at all.
    fn small_or_edge(&mut self, range: std::ops::RangeInclusive<i64>) -> String {
        match self.rng.u8(..) {
            0..=4 => self.one(EDGES).to_owned(),
            5..=7 => self.one(JUNK).to_owned(),
            8..=15 => self.rng.i64(-200..=200).to_string(),
            _ => self.rng.i64(range).to_string(),
        }
    }

    fn mostly(&mut self, usual: &[&str], rare: &[&str]) -> String {
        match self.rng.u8(..) {
            0..=12 => self.one(rare).to_owned(),
            13..=15 => self.one(JUNK).to_owned(),
            _ => self.one(usual).to_owned(),
        }
    }

    /// Whether a key is one of those that several are waited for at once.
    fn is_waited(&mut self) -> bool {
        self.mood == Mood::Patient && self.chance(0.4)
    }

    /// A key mostly of this type.
    fn key(&mut self, usual: &[&str]) -> String {
        if self.chance(0.06) { self.any_key() } else { self.one(usual).to_owned() }
    }

    fn any_key(&mut self) -> String {
        let pool = match self.rng.u8(..10) {
            0..=3 => LISTS,
            4..=5 => STREAMS,
            6..=8 => TEXTS,
            _ => &["nothing", "", TIMED_STREAM],
        };
        self.one(pool).to_owned()
    }

    /// Mostly few and short, so that searches find them; rarely as long as a block of a list.
    fn element(&mut self) -> Bytes {
        match self.rng.u8(..) {
            0 => Bytes::from(vec![b'L'; self.rng.usize(4000..9000)]),
            1..=6 => Bytes::from(vec![b'm'; self.rng.usize(10..300)]),
            7..=10 => Bytes::from_static(b"\x00\xff\r\n\""),
            11..=16 => Bytes::from(self.small_or_edge(-130..=130)),
            _ => Bytes::from(self.one(SIMPLE).to_owned()),
        }
    }

    /// Greater than all before, mostly.
    fn new_id(&mut self) -> String {
        match self.rng.u8(..) {
            0..=12 => self.id(),
            13..=40 => format!("{}-*", self.last_ms),
            41..=80 => self.give(1..6),
            _ => {
                self.last_ms += self.rng.u64(1..3);
                self.give(0..3)
            }
        }
    }

    fn give(&mut self, seq: std::ops::Range<u8>) -> String {
        let id = format!("{}-{}", self.last_ms, self.rng.u8(seq));
        self.given.push_back(id.clone());
        if self.given.len() > GIVEN_MAX {
            self.given.pop_front();
        }
        id
    }

    fn id(&mut self) -> String {
        const BROKEN: &[&str] =
            &["", "abc", "5-", "-5", "1-2-3", "1-x", "18446744073709551616", "1-18446744073709551616", "01-1"];
        const LIMITS: &[&str] = &["0-0", "0", "18446744073709551615-18446744073709551615", "18446744073709551615"];
        match self.rng.u8(..) {
            0..=5 => self.one(BROKEN).to_owned(),
            6..=10 => self.one(LIMITS).to_owned(),
            11..=170 if !self.given.is_empty() => self.given[self.rng.usize(..self.given.len())].clone(),
            11..=190 => self.rng.u64(..self.last_ms + 2).to_string(),
            _ => format!("{}-{}", self.rng.u64(..self.last_ms + 2), self.rng.u8(..6)),
        }
    }

    fn range_id(&mut self) -> String {
        match self.rng.u8(..8) {
            0..=1 => "-".to_owned(),
            2..=3 => "+".to_owned(),
            4 => format!("({}", self.id()),
            _ => self.id(),
        }
    }

    fn mostly_id(&mut self, usual: &[&str]) -> String {
        if self.chance(0.5) { self.one(usual).to_owned() } else { self.id() }
    }
}
