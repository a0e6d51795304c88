//! The three registers behind one face.

use std::hash::Hash;

use smallvec::SmallVec;

use crate::arena::Id;
use crate::glob::{self, Pattern};
use crate::index::PatternIndex;
use crate::register::{Gone, Joined, Parted, Register};
use crate::seeded::Seeded;

/// How many patterns may match one channel before a publish allocates.
const MATCHES_INLINE: usize = 32;

/// What may stand for a subscriber: any small, copyable, comparable name, such as a connection's number.
pub trait Subscriber: Copy + Eq + Ord + Hash {}

impl<T: Copy + Eq + Ord + Hash> Subscriber for T {}

/// Why a subscriber receives a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Via<'s> {
    /// It subscribed to the channel itself.
    Channel,
    /// It subscribed to this pattern, which matches the channel.
    Pattern(&'s [u8]),
}

/// How many subscriptions one subscriber has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Counts {
    /// Channels subscribed to by name.
    pub channels: usize,
    /// Patterns subscribed to.
    pub patterns: usize,
    /// Shard channels subscribed to.
    pub shard_channels: usize,
}

impl Counts {
    /// Channels and patterns together: the number Redis reports when either kind is subscribed to or left. Shard
    /// channels are reported on their own.
    #[must_use]
    pub fn channels_and_patterns(self) -> usize {
        self.channels + self.patterns
    }

    /// Everything together: 0 means the subscriber is none any more.
    #[must_use]
    pub fn total(self) -> usize {
        self.channels_and_patterns() + self.shard_channels
    }
}

/// Who subscribed to which channels, patterns and shard channels.
///
/// It carries no messages: [`publish`](Self::publish) names the receivers, in order, and the caller delivers.
#[derive(Clone, Debug)]
pub struct PubSub<S> {
    channels: Register<S>,
    patterns: Register<S>,
    index: PatternIndex,
    shard_channels: Register<S>,
}

impl<S: Subscriber> Default for PubSub<S> {
    fn default() -> Self {
        Self::new()
    }
}

impl<S: Subscriber> PubSub<S> {
    /// Nobody subscribed to anything, hashing with a fixed seed. Where strangers choose channel names, prefer
    /// [`with_seed`](Self::with_seed).
    #[must_use]
    pub fn new() -> Self {
        Self::with_seed(0)
    }

    /// Like [`new`](Self::new), with a secret seed for the hash tables: who does not know it cannot choose names that
    /// collide. No result and no order depends on the seed.
    #[must_use]
    pub fn with_seed(seed: u64) -> Self {
        let seeded = Seeded::new(seed);
        Self {
            channels: Register::new(seeded),
            patterns: Register::new(seeded),
            index: PatternIndex::default(),
            shard_channels: Register::new(seeded),
        }
    }

    /// Subscribes to a channel. Returns whether that is new.
    pub fn subscribe(&mut self, who: S, channel: &[u8]) -> bool {
        self.channels.subscribe(who, channel) != Joined::Already
    }

    /// Leaves a channel. Returns whether it was subscribed to.
    pub fn unsubscribe(&mut self, who: S, channel: &[u8]) -> bool {
        !matches!(self.channels.unsubscribe(who, channel), Parted::Never)
    }

    /// Subscribes to every channel that matches a [glob pattern](crate::glob). Returns whether that is new.
    pub fn psubscribe(&mut self, who: S, pattern: &[u8]) -> bool {
        let joined = self.patterns.subscribe(who, pattern);
        if let Joined::First(id) = joined {
            self.index.insert(id, |id| self.patterns.name(id));
        }
        joined != Joined::Already
    }

    /// Leaves a pattern, named by the same bytes. Returns whether it was subscribed to.
    pub fn punsubscribe(&mut self, who: S, pattern: &[u8]) -> bool {
        let parted = self.patterns.unsubscribe(who, pattern);
        if let Parted::Last(Gone { id, name }) = &parted {
            self.index.remove(*id, name);
        }
        !matches!(parted, Parted::Never)
    }

    /// Subscribes to a shard channel: a space of names of its own, which patterns do not see. Returns whether that is
    /// new.
    pub fn ssubscribe(&mut self, who: S, channel: &[u8]) -> bool {
        self.shard_channels.subscribe(who, channel) != Joined::Already
    }

    /// Leaves a shard channel. Returns whether it was subscribed to.
    pub fn sunsubscribe(&mut self, who: S, channel: &[u8]) -> bool {
        !matches!(self.shard_channels.unsubscribe(who, channel), Parted::Never)
    }

    /// Ends all subscriptions of a subscriber, at a cost proportional to their number.
    pub fn forget(&mut self, who: S) {
        self.channels.forget(who, drop);
        self.patterns.forget(who, |Gone { id, name }| self.index.remove(id, &name));
        self.shard_channels.forget(who, drop);
    }

    /// The channels of a subscriber, in the order it subscribed. (Redis: in its hash table's order.)
    pub fn channels_of(&self, who: S) -> impl Iterator<Item = &[u8]> {
        self.channels.topics_of(who)
    }

    /// The patterns of a subscriber, in the order it subscribed.
    pub fn patterns_of(&self, who: S) -> impl Iterator<Item = &[u8]> {
        self.patterns.topics_of(who)
    }

    /// The shard channels of a subscriber, in the order it subscribed.
    pub fn shard_channels_of(&self, who: S) -> impl Iterator<Item = &[u8]> {
        self.shard_channels.topics_of(who)
    }

    /// How many subscriptions a subscriber has. Constant time.
    #[must_use]
    pub fn counts_of(&self, who: S) -> Counts {
        Counts {
            channels: self.channels.topic_count_of(who),
            patterns: self.patterns.topic_count_of(who),
            shard_channels: self.shard_channels.topic_count_of(who),
        }
    }

    /// Calls `deliver` for each receiver of a message and returns how many calls that were.
    ///
    /// First the subscribers of the channel itself, in the order they subscribed; then those of each matching pattern,
    /// patterns in the order each was first subscribed to. Who is reached in several ways is called once for each.
    /// (Redis sends to channels first too, and visits patterns in its hash table's order.)
    pub fn publish<'s>(&'s self, channel: &[u8], mut deliver: impl FnMut(S, Via<'s>)) -> usize {
        let mut deliveries = 0;
        if let Some(topic) = self.channels.find(channel) {
            for who in self.channels.subscribers(topic) {
                deliver(who, Via::Channel);
                deliveries += 1;
            }
        }
        for (_, topic) in self.matching_patterns(channel) {
            let pattern = self.patterns.name(topic);
            for who in self.patterns.subscribers(topic) {
                deliver(who, Via::Pattern(pattern));
                deliveries += 1;
            }
        }
        deliveries
    }

    /// The patterns that match, with their births, oldest first.
    fn matching_patterns(&self, channel: &[u8]) -> SmallVec<[(u64, Id); MATCHES_INLINE]> {
        let mut matching = SmallVec::new();
        self.index.candidates(channel, |id| {
            if glob::matches(self.patterns.name(id), channel) {
                matching.push((self.index.birth(id), id));
            }
        });
        matching.sort_unstable();
        matching
    }

    /// Calls `deliver` for each subscriber of a shard channel, in the order they subscribed, and returns how many there
    /// were.
    pub fn spublish(&self, channel: &[u8], mut deliver: impl FnMut(S)) -> usize {
        let mut deliveries = 0;
        if let Some(topic) = self.shard_channels.find(channel) {
            for who in self.shard_channels.subscribers(topic) {
                deliver(who);
                deliveries += 1;
            }
        }
        deliveries
    }

    /// The channels that have subscribers, those matching `pattern` if one is given, in the order they became active.
    /// Who subscribed to a pattern makes no channel active.
    pub fn channels<'s>(&'s self, pattern: Option<&[u8]>) -> impl Iterator<Item = &'s [u8]> + use<'s, S> {
        matching(&self.channels, pattern)
    }

    /// The shard channels that have subscribers, as [`channels`](Self::channels).
    pub fn shard_channels<'s>(&'s self, pattern: Option<&[u8]>) -> impl Iterator<Item = &'s [u8]> + use<'s, S> {
        matching(&self.shard_channels, pattern)
    }

    /// How many subscribed to a channel by name.
    #[must_use]
    pub fn subscribers(&self, channel: &[u8]) -> usize {
        self.channels.subscriber_count(channel)
    }

    /// How many subscribed to a shard channel.
    #[must_use]
    pub fn shard_subscribers(&self, channel: &[u8]) -> usize {
        self.shard_channels.subscriber_count(channel)
    }

    /// How many different patterns are subscribed to, by however many.
    #[must_use]
    pub fn pattern_count(&self) -> usize {
        self.patterns.topic_count()
    }

    /// Heap bytes in use, spare capacity included; the allocator's own overhead is not.
    #[must_use]
    pub fn memory_bytes(&self) -> usize {
        self.channels.memory_bytes()
            + self.patterns.memory_bytes()
            + self.index.memory_bytes()
            + self.shard_channels.memory_bytes()
    }
}

fn matching<'s, S: Subscriber>(
    register: &'s Register<S>,
    pattern: Option<&[u8]>,
) -> impl Iterator<Item = &'s [u8]> + use<'s, S> {
    let pattern = pattern.map(Pattern::new);
    let shown = move |name: &&[u8]| pattern.as_ref().is_none_or(|pattern| pattern.matches(name));
    register.topics().filter(shown)
}
