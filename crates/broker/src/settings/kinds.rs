//! The types of parameters: how a value is written, read and refused.

use crate::effects::Class;
use crate::number;

/// A value that can be read from text and shown as text.
pub trait Setting: Sized {
    /// Reads a value; the error says what is allowed.
    fn parse(text: &str) -> Result<Self, String>;
    /// Sets the value; text may leave parts of it as they are.
    fn update(&mut self, text: &str) -> Result<(), String> {
        *self = Self::parse(text)?;
        Ok(())
    }
    /// As CONFIG GET shows it; `parse` reads it back.
    fn show(&self) -> String;
    /// What is allowed, for messages and documentation.
    fn allowed() -> String;
}

/// Any text.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Text(pub String);

impl Setting for Text {
    fn parse(text: &str) -> Result<Self, String> {
        Ok(Self(text.to_owned()))
    }
    fn show(&self) -> String {
        self.0.clone()
    }
    fn allowed() -> String {
        "text".into()
    }
}

/// The name of a directory in another one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DirName(pub String);

impl Setting for DirName {
    fn parse(text: &str) -> Result<Self, String> {
        let is_name = !text.contains('/') && !matches!(text, "" | "." | "..");
        if is_name { Ok(Self(text.to_owned())) } else { Err(Self::allowed()) }
    }
    fn show(&self) -> String {
        self.0.clone()
    }
    fn allowed() -> String {
        "argument must be a name and no path: the directory is in `dir`".into()
    }
}

/// Always empty: what clients ask for and has no place here.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OnlyEmpty;

impl Setting for OnlyEmpty {
    fn parse(text: &str) -> Result<Self, String> {
        if text.is_empty() { Ok(Self) } else { Err(Self::allowed()) }
    }
    fn show(&self) -> String {
        String::new()
    }
    fn allowed() -> String {
        "argument must be empty: snapshots are taken by the size of the log, see auto-aof-rewrite-percentage".into()
    }
}

/// An integer between two bounds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ranged<const MIN: i64, const MAX: i64>(pub i64);

impl<const MIN: i64, const MAX: i64> Setting for Ranged<MIN, MAX> {
    fn parse(text: &str) -> Result<Self, String> {
        let value = number::parse_i64(text.as_bytes()).ok_or("argument couldn't be parsed into an integer")?;
        if (MIN..=MAX).contains(&value) { Ok(Self(value)) } else { Err(Self::allowed()) }
    }
    fn show(&self) -> String {
        self.0.to_string()
    }
    fn allowed() -> String {
        format!("argument must be between {MIN} and {MAX} inclusive")
    }
}

/// `yes` or `no`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Flag(pub bool);

impl Setting for Flag {
    fn parse(text: &str) -> Result<Self, String> {
        match text.to_ascii_lowercase().as_str() {
            "yes" => Ok(Self(true)),
            "no" => Ok(Self(false)),
            _ => Err(Self::allowed()),
        }
    }
    fn show(&self) -> String {
        if self.0 { "yes" } else { "no" }.into()
    }
    fn allowed() -> String {
        "argument must be 'yes' or 'no'".into()
    }
}

/// Bytes between two bounds, with an optional unit: `k` and `m` and `g` are powers of 1000, `kb`, `mb`, `gb` of 1024.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Memory<const MIN: u64, const MAX: u64>(pub u64);

fn parse_memory(text: &str) -> Option<u64> {
    let lower = text.to_ascii_lowercase();
    let digits = lower.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let unit: u64 = match &lower[digits.len()..] {
        "" | "b" => 1,
        "k" => 1_000,
        "kb" => 1 << 10,
        "m" => 1_000_000,
        "mb" => 1 << 20,
        "g" => 1_000_000_000,
        "gb" => 1 << 30,
        _ => return None,
    };
    number::parse_u64(digits.as_bytes())?.checked_mul(unit)
}

impl<const MIN: u64, const MAX: u64> Setting for Memory<MIN, MAX> {
    fn parse(text: &str) -> Result<Self, String> {
        let bytes = parse_memory(text).ok_or("argument must be a memory value")?;
        if (MIN..=MAX).contains(&bytes) { Ok(Self(bytes)) } else { Err(Self::allowed()) }
    }
    fn show(&self) -> String {
        self.0.to_string()
    }
    fn allowed() -> String {
        format!("argument must be between {MIN} and {MAX} inclusive")
    }
}

/// Bytes, or a percentage of `maxmemory`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClientMemory {
    /// Bytes; 0 for no limit.
    Bytes(u64),
    /// Percent of `maxmemory`.
    Percent(u8),
}

impl ClientMemory {
    /// The limit in bytes, if there is one.
    pub fn limit(self, maxmemory: u64) -> Option<u64> {
        let bytes = match self {
            Self::Bytes(bytes) => bytes,
            Self::Percent(percent) => maxmemory / 100 * u64::from(percent),
        };
        (bytes > 0).then_some(bytes)
    }
}

impl Setting for ClientMemory {
    fn parse(text: &str) -> Result<Self, String> {
        let Some(percent) = text.strip_suffix('%') else {
            return parse_memory(text).map(Self::Bytes).ok_or_else(Self::allowed);
        };
        match number::parse_u64(percent.as_bytes()) {
            Some(percent @ 0..=100) => Ok(Self::Percent(percent as u8)),
            Some(_) => Err("percentage argument must be less or equal to 100".into()),
            None => Err(Self::allowed()),
        }
    }
    fn show(&self) -> String {
        match self {
            Self::Bytes(bytes) => bytes.to_string(),
            Self::Percent(percent) => format!("{percent}%"),
        }
    }
    fn allowed() -> String {
        "argument must be a memory or percent value".into()
    }
}

/// File permissions in octal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Octal(pub u32);

impl Setting for Octal {
    fn parse(text: &str) -> Result<Self, String> {
        u32::from_str_radix(text, 8).ok().filter(|mode| *mode <= 0o777).map(Self).ok_or_else(Self::allowed)
    }
    fn show(&self) -> String {
        format!("{:o}", self.0)
    }
    fn allowed() -> String {
        "argument must be an octal number between 0 and 777".into()
    }
}

/// Percentages, separated by spaces.
#[derive(Clone, Debug, PartialEq)]
pub struct Percentiles(pub Vec<f64>);

impl Setting for Percentiles {
    fn parse(text: &str) -> Result<Self, String> {
        let percentiles = text.split_ascii_whitespace().map(|word| {
            let value =
                number::parse_f64(word.as_bytes()).ok_or("Invalid latency-tracking-info-percentiles parameters")?;
            if (0.0..=100.0).contains(&value) { Ok(value) } else { Err(Self::allowed()) }
        });
        percentiles.collect::<Result<_, _>>().map(Self)
    }
    fn show(&self) -> String {
        self.0.iter().map(f64::to_string).collect::<Vec<_>>().join(" ")
    }
    fn allowed() -> String {
        "latency-tracking-info-percentiles parameters should sit between [0.0,100.0]".into()
    }
}

macro_rules! words {
    ($( $(#[$doc:meta])* $name:ident { $( $(#[$vdoc:meta])* $variant:ident = $word:literal ),* $(,)? } )*) => { $(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum $name { $( $(#[$vdoc])* $variant ),* }
        impl Setting for $name {
            fn parse(text: &str) -> Result<Self, String> {
                match text.to_ascii_lowercase().as_str() {
                    $( $word => Ok(Self::$variant), )*
                    _ => Err(Self::allowed()),
                }
            }
            fn show(&self) -> String {
                match self { $( Self::$variant => $word ),* }.into()
            }
            fn allowed() -> String {
                let words: &[&str] = &[$( $word ),*];
                format!("argument(s) must be one of the following: {}", words.join(", "))
            }
        }
    )* };
}
words! {
    /// Who may use something dangerous.
    Access { /// Nobody.
        No = "no", /// Clients over loopback or a Unix socket.
        Local = "local", /// Everybody.
        Yes = "yes" }
    /// How much is logged.
    LogLevel { /// Everything.
        Debug = "debug", /// Much.
        Verbose = "verbose", /// What an operator wants to see.
        Notice = "notice", /// Only what is wrong.
        Warning = "warning" }
    /// When a write is answered.
    AppendFsync { /// Once it is synced.
        Always = "always", /// Once it is written; synced every second.
        EverySec = "everysec", /// Once it is written; synced when the system likes.
        No = "no" }
    /// How logs are written.
    LogFormat { /// Lines for people.
        Text = "text", /// One JSON object a line.
        Json = "json" }
    /// What happens at `maxmemory`.
    EvictionPolicy { /// Adding is refused.
        NoEviction = "noeviction" }
}

/// Hard limit, soft limit and how long the soft one may be exceeded, for one class of clients.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OutputLimit {
    /// Bytes at which the client is closed at once; 0 for none.
    pub hard_bytes: u64,
    /// Bytes that may be exceeded for a while; 0 for none.
    pub soft_bytes: u64,
    /// That while; at most [`SOFT_SECONDS_MAX`].
    pub soft_seconds: u64,
}

/// The longest while of a soft limit: Redis keeps it in an `int`, and a greater one would be another there.
pub const SOFT_SECONDS_MAX: u64 = i32::MAX as u64;

impl OutputLimit {
    fn parse(hard: &str, soft: &str, seconds: &str) -> Option<Self> {
        // As strtoll reads it: a sign and leading zeros are no mistake.
        let seconds: u64 = seconds.parse::<i64>().ok()?.try_into().ok()?;
        Some(Self {
            hard_bytes: parse_memory(hard)?,
            soft_bytes: parse_memory(soft)?,
            soft_seconds: (seconds <= SOFT_SECONDS_MAX).then_some(seconds)?,
        })
    }
}

/// `client-output-buffer-limit`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OutputLimits {
    /// Clients that ask and are answered.
    pub normal: OutputLimit,
    /// Replicas.
    pub replica: OutputLimit,
    /// Subscribers.
    pub pubsub: OutputLimit,
}

impl Setting for OutputLimits {
    fn parse(text: &str) -> Result<Self, String> {
        let mut limits = Self::default();
        limits.update(text)?;
        Ok(limits)
    }

    /// Classes that are not named keep their limits.
    fn update(&mut self, text: &str) -> Result<(), String> {
        let mut limits = *self;
        let words: Vec<&str> = text.split_ascii_whitespace().collect();
        if !words.len().is_multiple_of(4) {
            return Err("Wrong number of arguments in buffer limit configuration.".into());
        }
        for class in words.chunks(4) {
            let limit = OutputLimit::parse(class[1], class[2], class[3])
                .ok_or("Error in hard, soft or soft_seconds setting in buffer limit configuration.")?;
            match class[0].to_ascii_lowercase().as_str() {
                "normal" => limits.normal = limit,
                "replica" | "slave" => limits.replica = limit,
                "pubsub" => limits.pubsub = limit,
                _ => return Err("Invalid client class specified in buffer limit configuration.".into()),
            }
        }
        *self = limits;
        Ok(())
    }

    fn show(&self) -> String {
        let show = |name, limit: &OutputLimit| {
            format!("{name} {} {} {}", limit.hard_bytes, limit.soft_bytes, limit.soft_seconds)
        };
        [show("normal", &self.normal), show("slave", &self.replica), show("pubsub", &self.pubsub)].join(" ")
    }

    fn allowed() -> String {
        "per class `normal`, `replica` or `pubsub`: hard limit, soft limit, soft seconds".into()
    }
}

/// Which keyspace events are published, and on which channels.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct EventMask(u32);

/// Letters in the order Redis shows them. Those of classes that rbq has no events of (sets, hashes, eviction …) are taken
/// as they are.
const LETTERS: &[u8] = b"g$lshzxetdnocrKEmSTIV";
/// What `A` stands for: everything but key misses, new keys, overwrites and type changes.
const ALL: &[u8] = b"g$lshzxetd";

impl EventMask {
    fn bit(letter: u8) -> Option<u32> {
        LETTERS.iter().position(|&other| other == letter).map(|at| 1 << at)
    }

    fn has(self, letter: u8) -> bool {
        Self::bit(letter).is_some_and(|bit| self.0 & bit != 0)
    }

    /// Whether anything is published at all.
    #[inline]
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Whether events of this class are published.
    pub fn admits(self, class: Class) -> bool {
        self.has(match class {
            Class::Generic => b'g',
            Class::String => b'$',
            Class::List => b'l',
            Class::Stream => b't',
            Class::Expired => b'x',
            Class::New => b'n',
            Class::KeyMiss => b'm',
            Class::Overwritten => b'o',
            Class::TypeChanged => b'c',
        })
    }

    /// Whether they go to `__keyspace@…` channels.
    pub fn by_key(self) -> bool {
        self.has(b'K')
    }

    /// Whether they go to `__keyevent@…` channels.
    pub fn by_event(self) -> bool {
        self.has(b'E')
    }
}

impl Setting for EventMask {
    fn parse(text: &str) -> Result<Self, String> {
        let mut mask = 0;
        // Redis reads a C string, which a NUL ends.
        for letter in text.bytes().take_while(|letter| *letter != 0) {
            match letter {
                b'A' => mask |= ALL.iter().filter_map(|&letter| Self::bit(letter)).sum::<u32>(),
                _ => mask |= Self::bit(letter).ok_or_else(Self::allowed)?,
            }
        }
        Ok(Self(mask))
    }

    fn show(&self) -> String {
        let all = ALL.iter().all(|&letter| self.has(letter));
        let rest = LETTERS.iter().filter(|&&letter| self.has(letter) && !(all && ALL.contains(&letter)));
        all.then_some('A').into_iter().chain(rest.map(|&letter| char::from(letter))).collect()
    }

    fn allowed() -> String {
        "Invalid event class character. Use 'Ag$lshzxeKEtmdnocrSTIV'.".into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_has_decimal_and_binary_units() {
        type Any = Memory<0, { u64::MAX }>;
        assert_eq!(Any::parse("1k"), Ok(Memory(1000)));
        assert_eq!(Any::parse("1KB"), Ok(Memory(1024)));
        assert_eq!(Any::parse("2gb"), Ok(Memory(2 << 30)));
        assert!(Any::parse("1tb").is_err());
        assert!(Any::parse("-1").is_err());
        assert!(Any::parse("").is_err());
    }

    #[test]
    fn buffer_limits_of_classes_that_are_not_named_stay() {
        let mut limits = OutputLimits::parse("normal 1 2 3 pubsub 32mb 8mb 60").expect("it is allowed");
        assert_eq!(limits.update("slave 256mb 64mb 60"), Ok(()));
        assert_eq!(limits.show(), "normal 1 2 3 slave 268435456 67108864 60 pubsub 33554432 8388608 60");
        assert!(limits.update("normal 0 0 0 nobody 1 2 3").is_err());
        assert_eq!(limits.normal.hard_bytes, 1, "a mistake changes nothing");
    }

    #[test]
    fn the_seconds_of_a_buffer_limit_are_a_number_that_redis_holds() {
        let seconds =
            |text: &str| OutputLimits::parse(&format!("pubsub 0 1mb {text}")).map(|it| it.pubsub.soft_seconds);
        let fine = ["0", "060", "+7", "2147483647"].map(seconds);
        assert_eq!(fine, [Ok(0), Ok(60), Ok(7), Ok(SOFT_SECONDS_MAX)]);
        for text in ["2147483648", "18446744073710", "18446744073709551615", "-1", "1k", "1b", "x"] {
            assert!(seconds(text).is_err_and(|said| said.starts_with("Error in hard, soft or soft_seconds")), "{text}");
        }
    }

    #[test]
    fn event_classes_are_shown_as_redis_shows_them() {
        assert_eq!(EventMask::parse("KEA").map(|mask| mask.show()), Ok("AKE".into()));
        assert_eq!(EventMask::parse("xEl").map(|mask| mask.show()), Ok("lxE".into()));
        assert_eq!(EventMask::parse("mKnA").map(|mask| mask.show()), Ok("AnKm".into()));
        assert!(EventMask::parse("?").is_err());
    }
}
