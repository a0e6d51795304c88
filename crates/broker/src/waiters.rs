//! Who is waiting, for what, and until when.
//!
//! A client whose keys have nothing for it may park here. It leaves by exactly one of three doors:
//!
//! ```text
//!               ┌── served   its command, run again, found something   (`leave`, then the reply)
//!   park ──────►┼── expired  its deadline passed                       (`due`, then `leave`)
//!               └── gone     its connection closed, or was unblocked   (`leave`)
//! ```
//!
//! Invariant: a parked client is queued under *every* key it named and has at most one deadline. Each door clears
//! all of it, so nobody is served twice and a served client can no longer time out.
//!
//! Clients are served in the order they parked: the only order a consumer can predict from outside. Within a key
//! they are queued by [`Class`], so that ten thousand consumers of one group cost a new entry one look, not ten
//! thousand.

use std::collections::{BTreeMap, BTreeSet};

use foldhash::fast::FixedState;
use hashbrown::HashMap;
use rbq_resp::OwnedRequest;
use smallvec::SmallVec;

use crate::catalog::Known;
use crate::command::EmptyReply;
use crate::give_back::give_back;
use crate::session::ClientId;

/// A key in a database.
pub type Key = (u8, Box<[u8]>);

/// What a client waits for, as far as one client finding nothing tells that its neighbours will not either.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Class {
    /// An element of a list.
    List,
    /// An entry beyond an ID of its own: says nothing of others.
    Stream,
    /// A new entry of a group.
    Group(Box<[u8]>),
    /// A new or idle entry of a group (XREADGROUP CLAIM).
    GroupClaim(Box<[u8]>),
}

/// A blocking command that found nothing yet.
pub struct Parked {
    /// The command.
    pub command: &'static Known,
    /// Its request, with what had to be fixed when it parked (XREAD's `$`).
    pub request: OwnedRequest,
    /// Under which keys it is queued.
    pub keys: SmallVec<[Key; 1]>,
    /// What it waits for.
    pub class: Option<Class>,
    /// When it gives up, in monotonic microseconds.
    pub deadline_us: Option<u64>,
    /// When it is run again though no key changed (an entry becomes claimable), in monotonic microseconds.
    pub recheck_us: Option<u64>,
    /// What it answers when it gives up.
    pub on_timeout: EmptyReply,
    /// Its place in every queue.
    pub ticket: u64,
    /// When it parked, in monotonic microseconds.
    pub since_us: u64,
}

#[derive(Default)]
struct Queue {
    classes: SmallVec<[(Class, BTreeMap<u64, ClientId>); 1]>,
}

/// All parked clients.
pub struct Waiters {
    queues: HashMap<Key, Queue, FixedState>,
    timers: BTreeSet<(u64, ClientId)>,
    next_ticket: u64,
    parked: usize,
}

impl Waiters {
    /// Nobody waits. `seed` varies hashing only.
    pub fn new(seed: u64) -> Self {
        let queues = HashMap::with_hasher(FixedState::with_seed(seed));
        Self { queues, timers: BTreeSet::new(), next_ticket: 1, parked: 0 }
    }

    /// How many clients are parked.
    pub fn len(&self) -> usize {
        self.parked
    }

    /// Whether nobody is parked.
    pub fn is_empty(&self) -> bool {
        self.parked == 0
    }

    /// How many keys somebody waits for.
    pub fn keys_len(&self) -> usize {
        self.queues.len()
    }

    /// Whether somebody waits for this key.
    #[inline]
    pub fn waits_for(&self, db: u8, key: &[u8]) -> bool {
        !self.queues.is_empty() && self.queues.contains_key(&Borrowed(db, key))
    }

    /// Whether somebody waits for this key who is told when it is gone: whoever reads as a group.
    pub fn waits_for_end_of(&self, db: u8, key: &[u8]) -> bool {
        let groups = |(class, _): &(Class, _)| matches!(class, Class::Group(_) | Class::GroupClaim(_));
        self.queues.get(&Borrowed(db, key)).is_some_and(|queue| queue.classes.iter().any(groups))
    }

    /// Every key of these databases that somebody waits for, in order of the keys.
    pub fn keys_of(&self, dbs: impl Fn(u8) -> bool) -> Vec<Key> {
        let mut keys: Vec<Key> = self.queues.keys().filter(|(db, _)| dbs(*db)).cloned().collect();
        keys.sort_unstable();
        keys
    }

    /// The next place in the queues.
    pub fn ticket(&mut self) -> u64 {
        self.next_ticket += 1;
        self.next_ticket - 1
    }

    /// Queues a client under all its keys and sets its timer.
    pub fn enter(&mut self, client: ClientId, parked: &Parked) {
        self.parked += 1;
        if let Some(class) = &parked.class {
            for key in &parked.keys {
                let queue = self.queues.entry(key.clone()).or_default();
                queue.of(class).insert(parked.ticket, client);
            }
        }
        self.timers.extend(parked.timer_us().map(|timer_us| (timer_us, client)));
    }

    /// Takes a client out of every queue and stops its timer.
    pub fn leave(&mut self, client: ClientId, parked: &Parked) {
        self.parked -= 1;
        if let Some(class) = &parked.class {
            for key in &parked.keys {
                if let Some(queue) = self.queues.get_mut(key) {
                    queue.of(class).remove(&parked.ticket);
                    queue.classes.retain(|(_, clients)| !clients.is_empty());
                    if queue.classes.is_empty() {
                        self.queues.remove(key);
                    }
                }
            }
            give_back(&mut self.queues);
        }
        if let Some(timer_us) = parked.timer_us() {
            self.timers.remove(&(timer_us, client));
        }
    }

    /// The first client behind `after` that waits for this key in a class that is not `spent`.
    pub fn next(&self, key: &Key, after: u64, spent: &[Class]) -> Option<(u64, ClientId, Class)> {
        let queue = self.queues.get(key)?;
        let behind = (std::ops::Bound::Excluded(after), std::ops::Bound::Unbounded);
        let heads = queue.classes.iter().filter(|(class, _)| !spent.contains(class)).filter_map(|(class, clients)| {
            let (&ticket, &client) = clients.range(behind).next()?;
            Some((ticket, client, class))
        });
        let (ticket, client, class) = heads.min_by_key(|(ticket, ..)| *ticket)?;
        Some((ticket, client, class.clone()))
    }

    /// When the next timer runs out, in monotonic microseconds.
    pub fn next_timer_us(&self) -> Option<u64> {
        self.timers.first().map(|&(timer_us, _)| timer_us)
    }

    /// A client whose timer has run out.
    pub fn due(&self, now_us: u64) -> Option<ClientId> {
        self.timers.first().filter(|&&(timer_us, _)| timer_us <= now_us).map(|&(_, client)| client)
    }
}

impl Queue {
    fn of(&mut self, class: &Class) -> &mut BTreeMap<u64, ClientId> {
        let at = self.classes.iter().position(|(other, _)| other == class).unwrap_or_else(|| {
            self.classes.push((class.clone(), BTreeMap::new()));
            self.classes.len() - 1
        });
        &mut self.classes[at].1
    }
}

impl Parked {
    fn timer_us(&self) -> Option<u64> {
        match (self.deadline_us, self.recheck_us) {
            (Some(deadline), Some(recheck)) => Some(deadline.min(recheck)),
            (deadline, recheck) => deadline.or(recheck),
        }
    }
}

/// A key to look up without owning it.
#[derive(Hash)]
struct Borrowed<'a>(u8, &'a [u8]);

impl hashbrown::Equivalent<Key> for Borrowed<'_> {
    fn equivalent(&self, key: &Key) -> bool {
        self.0 == key.0 && *self.1 == *key.1
    }
}

/// Keys under WATCH, and whose EXEC they would stop.
pub struct Watchers {
    keys: HashMap<Key, SmallVec<[ClientId; 1]>, FixedState>,
}

impl Watchers {
    /// Nobody watches. `seed` varies hashing only.
    pub fn new(seed: u64) -> Self {
        Self { keys: HashMap::with_hasher(FixedState::with_seed(seed)) }
    }

    /// Whether nobody watches anything: the common case.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// How many keys are watched by anybody.
    pub fn keys_len(&self) -> usize {
        self.keys.len()
    }

    /// A client watches one more key.
    pub fn add(&mut self, client: ClientId, db: u8, key: &[u8]) {
        self.keys.entry((db, key.into())).or_default().push(client);
    }

    /// A client stops watching a key.
    pub fn remove(&mut self, client: ClientId, db: u8, key: &[u8]) {
        let key = (db, Box::from(key));
        if let Some(clients) = self.keys.get_mut(&key) {
            clients.retain(|other| *other != client);
            if clients.is_empty() {
                self.keys.remove(&key);
                give_back(&mut self.keys);
            }
        }
    }

    /// Who watches this key.
    pub fn of(&self, db: u8, key: &[u8]) -> &[ClientId] {
        self.keys.get(&Borrowed(db, key)).map_or(&[], |clients| clients)
    }

    /// Everybody who watches a key of these databases for which `test` holds, in no particular order that shows.
    pub fn of_dbs(&self, test: impl Fn(u8, &[u8]) -> bool) -> Vec<ClientId> {
        self.keys.iter().filter(|((db, key), _)| test(*db, key)).flat_map(|(_, clients)| clients.clone()).collect()
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::driver::Driver;

    /// Enough for either table to take a megabyte.
    const KEYS: usize = 10_000;

    #[test]
    fn who_waited_for_many_keys_or_watched_them_leaves_no_large_tables() {
        let names: String = (0..KEYS).map(|number| format!(" key:{number}")).collect();
        let mut driver = Driver::new(1);
        // It waits, and is given up at once.
        driver.run(&format!("BLPOP{names} 1"));
        let queues = &driver.broker().waiters.queues;
        assert!(queues.is_empty() && queues.allocation_size() < 100_000, "{} bytes", queues.allocation_size());

        driver.run(&format!("WATCH{names}"));
        assert_eq!(driver.broker().watchers.keys_len(), KEYS);
        driver.run("UNWATCH");
        let watched = &driver.broker().watchers.keys;
        assert!(watched.is_empty() && watched.allocation_size() < 100_000, "{} bytes", watched.allocation_size());
    }
}
