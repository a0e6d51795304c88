//! Who has read what, and must hear when it changes: client-side caching.
//!
//! A client that tracks is told which of its copies have become stale. In the ordinary mode the broker remembers
//! every key the client read and tells it once; in broadcasting mode it remembers prefixes instead, and tells of
//! every change under them.
//!
//! ```text
//!   GET a ──► remember (a: ann)             SET a ──► note ──► pending (ann: a) ──► end of the command: told
//!             CLIENT TRACKING BCAST ──► prefixes (user: bob)      ▲
//!                                                                 └── every change under a prefix
//! ```
//!
//! Keys are known by name alone, whatever their database, as in Redis: being told too much is safe.
//!
//! Invariant: a client is in the table, the prefixes or the pending list only while it tracks.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use foldhash::fast::FixedState;
use hashbrown::HashMap;
use smallvec::SmallVec;

use crate::give_back::give_back;
use crate::session::ClientId;

/// How a client tracks.
#[derive(Clone, Debug, Default)]
pub struct Tracking {
    /// Which reads are remembered.
    pub mode: TrackingMode,
    /// Who is told in its place.
    pub redirect: Option<ClientId>,
    /// That one is gone.
    pub broken_redirection: bool,
    /// It is not told of its own changes.
    pub no_loop: bool,
    /// CLIENT CACHING was said for the next command.
    pub caching: bool,
}

/// Which reads are remembered.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum TrackingMode {
    /// All.
    #[default]
    Ordinary,
    /// Those after CLIENT CACHING YES.
    OptIn,
    /// All but those after CLIENT CACHING NO.
    OptOut,
    /// None: every change of a key with one of these prefixes is told.
    Broadcast(BTreeSet<Vec<u8>>),
}

impl Tracking {
    /// Whether changes are told by prefix.
    pub fn broadcasts(&self) -> bool {
        matches!(self.mode, TrackingMode::Broadcast(_))
    }

    /// Whether what the client reads now is to be remembered.
    pub(crate) fn remembers(&self) -> bool {
        match self.mode {
            TrackingMode::Ordinary => true,
            TrackingMode::OptIn => self.caching,
            TrackingMode::OptOut => !self.caching,
            TrackingMode::Broadcast(_) => false,
        }
    }
}

/// What a client must be told.
#[derive(Debug, Default)]
pub(crate) struct Stale {
    /// These keys, which it had read: one message each.
    pub(crate) single: Vec<Arc<[u8]>>,
    /// These, by the prefix it asked for: one message a prefix.
    pub(crate) keys: BTreeMap<Vec<u8>, Vec<Arc<[u8]>>>,
    /// Everything is gone.
    pub(crate) all: bool,
}

/// All that is tracked.
pub(crate) struct Tracker {
    readers: HashMap<Arc<[u8]>, Readers, FixedState>,
    /// Keys in the order they were first read, to forget the oldest when there are too many.
    oldest: BTreeMap<u64, Arc<[u8]>>,
    next_age: u64,
    items: usize,
    prefixes: BTreeMap<Vec<u8>, BTreeSet<ClientId>>,
    clients: BTreeSet<ClientId>,
    pending: BTreeMap<ClientId, Stale>,
}

struct Readers {
    age: u64,
    clients: SmallVec<[ClientId; 1]>,
}

impl Tracker {
    /// Nobody tracks. `seed` varies hashing only.
    pub(crate) fn new(seed: u64) -> Self {
        Self {
            readers: HashMap::with_hasher(FixedState::with_seed(seed)),
            oldest: BTreeMap::new(),
            next_age: 0,
            items: 0,
            prefixes: BTreeMap::new(),
            clients: BTreeSet::new(),
            pending: BTreeMap::new(),
        }
    }

    /// Whether nobody tracks: the common case.
    #[inline]
    pub(crate) fn is_idle(&self) -> bool {
        self.clients.is_empty()
    }

    /// How many clients track.
    pub(crate) fn clients_len(&self) -> usize {
        self.clients.len()
    }

    /// How many keys are remembered.
    pub(crate) fn keys_len(&self) -> usize {
        self.readers.len()
    }

    /// How many pairs of a key and a reader.
    pub(crate) fn items_len(&self) -> usize {
        self.items
    }

    /// How many prefixes are broadcast.
    pub(crate) fn prefixes_len(&self) -> usize {
        self.prefixes.len()
    }

    /// A client begins to track, or changes how.
    pub(crate) fn enable(&mut self, client: ClientId, tracking: &Tracking) {
        self.clients.insert(client);
        if let TrackingMode::Broadcast(prefixes) = &tracking.mode {
            for prefix in prefixes {
                self.prefixes.entry(prefix.clone()).or_default().insert(client);
            }
        }
    }

    /// A client tracks no more. Its entries in the table go when their key changes or is forgotten.
    pub(crate) fn disable(&mut self, client: ClientId) {
        self.clients.remove(&client);
        self.pending.remove(&client);
        self.prefixes.retain(|_, clients| {
            clients.remove(&client);
            !clients.is_empty()
        });
        if self.clients.is_empty() {
            self.forget_keys();
        }
    }

    /// A client has read a key.
    pub(crate) fn remember(&mut self, client: ClientId, key: &[u8]) {
        let readers = match self.readers.get_mut(key) {
            Some(readers) => readers,
            None => {
                let (key, age): (Arc<[u8]>, u64) = (key.into(), self.next_age);
                self.next_age += 1;
                self.oldest.insert(age, key.clone());
                self.readers.entry(key).or_insert(Readers { age, clients: SmallVec::new() })
            }
        };
        if !readers.clients.contains(&client) {
            readers.clients.push(client);
            self.items += 1;
        }
    }

    /// Forgets the keys read first until there are no more than `keys_max`; their readers are told as if they had
    /// changed.
    pub(crate) fn bound(&mut self, keys_max: usize) {
        while keys_max > 0 && self.readers.len() > keys_max {
            let Some((_, key)) = self.oldest.first_key_value() else { return };
            let key = key.clone();
            self.note_readers(&key, None);
        }
    }

    /// A key has changed. `silent` is who changed it, if that one does not want to hear of it.
    pub(crate) fn note(&mut self, key: &[u8], silent: Option<ClientId>) {
        self.note_readers(key, silent);
        for (prefix, clients) in &self.prefixes {
            if !key.starts_with(prefix) {
                continue;
            }
            for client in clients.iter().filter(|client| Some(**client) != silent) {
                let keys = self.pending.entry(*client).or_default().keys.entry(prefix.clone()).or_default();
                if !keys.iter().any(|other| **other == *key) {
                    keys.push(key.into());
                }
            }
        }
    }

    fn note_readers(&mut self, key: &[u8], silent: Option<ClientId>) {
        let Some((key, readers)) = self.readers.remove_entry(key) else { return };
        give_back(&mut self.readers);
        self.oldest.remove(&readers.age);
        self.items -= readers.clients.len();
        for client in readers.clients {
            if Some(client) != silent && self.clients.contains(&client) {
                self.pending.entry(client).or_default().single.push(key.clone());
            }
        }
    }

    /// Every key has gone.
    pub(crate) fn note_all(&mut self) {
        self.forget_keys();
        for client in &self.clients {
            let stale = self.pending.entry(*client).or_default();
            *stale = Stale { all: true, ..Stale::default() };
        }
    }

    /// Whether somebody must be told something.
    #[inline]
    pub(crate) fn has_pending(&self) -> bool {
        !self.pending.is_empty()
    }

    /// Who must be told what.
    pub(crate) fn take_pending(&mut self) -> BTreeMap<ClientId, Stale> {
        std::mem::take(&mut self.pending)
    }

    fn forget_keys(&mut self) {
        self.readers.clear();
        give_back(&mut self.readers);
        self.oldest.clear();
        self.items = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(id: u64) -> ClientId {
        ClientId { id, slot: id as u32 }
    }

    fn singles(tracker: &mut Tracker) -> Vec<(u64, Vec<String>)> {
        let text = |key: &Arc<[u8]>| String::from_utf8_lossy(key).into_owned();
        let pending = tracker.take_pending().into_iter();
        pending.map(|(client, stale)| (client.id, stale.single.iter().map(text).collect())).collect()
    }

    #[test]
    fn a_reader_is_told_once() {
        let mut tracker = Tracker::new(1);
        tracker.enable(client(1), &Tracking::default());
        tracker.enable(client(2), &Tracking::default());
        tracker.remember(client(1), b"a");
        tracker.remember(client(1), b"a");
        tracker.remember(client(2), b"a");
        assert_eq!((tracker.keys_len(), tracker.items_len()), (1, 2));
        tracker.note(b"a", Some(client(2)));
        tracker.note(b"a", None);
        assert_eq!(singles(&mut tracker), [(1, vec!["a".to_owned()])]);
        assert_eq!((tracker.keys_len(), tracker.items_len()), (0, 0));
    }

    #[test]
    fn beyond_the_limit_the_keys_read_first_are_forgotten_and_told() {
        let mut tracker = Tracker::new(1);
        tracker.enable(client(1), &Tracking::default());
        for key in ["a", "b", "c", "a", "d"] {
            tracker.remember(client(1), key.as_bytes());
        }
        tracker.bound(2);
        assert_eq!(singles(&mut tracker), [(1, vec!["a".to_owned(), "b".to_owned()])]);
        assert_eq!(tracker.keys_len(), 2);
    }

    #[test]
    fn keys_that_changed_leave_no_large_table() {
        let mut tracker = Tracker::new(1);
        tracker.enable(client(1), &Tracking::default());
        let names: Vec<String> = (0..10_000).map(|number| format!("key:{number}")).collect();
        names.iter().for_each(|name| tracker.remember(client(1), name.as_bytes()));
        let full = tracker.readers.allocation_size();
        names.iter().for_each(|name| tracker.note(name.as_bytes(), None));
        assert!(tracker.readers.allocation_size() < full / 5);
    }

    #[test]
    fn a_client_that_left_is_told_nothing() {
        let mut tracker = Tracker::new(1);
        tracker.enable(client(1), &Tracking::default());
        tracker.enable(client(2), &Tracking::default());
        tracker.remember(client(1), b"a");
        tracker.disable(client(1));
        tracker.note(b"a", None);
        assert!(!tracker.has_pending());
    }
}
