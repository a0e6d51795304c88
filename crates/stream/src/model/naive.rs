//! The stream written as plainly as it can be: sorted maps, and every rule spelled out over them.

use std::collections::BTreeMap;

use crate::{
    Absent, Acks, AppendError, Count, DELIVERIES_MAX, Deletion, Nack, NewId, RefPolicy, SetIdError, StreamId, Trim,
};

pub(super) type Fields = Vec<(Vec<u8>, Vec<u8>)>;

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Hold {
    pub(super) owner: Option<Vec<u8>>,
    pub(super) delivered_ms: u64,
    pub(super) deliveries: u64,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Consumer {
    pub(super) seen_ms: u64,
    pub(super) active_ms: Option<u64>,
}

#[derive(Clone, Debug, Default)]
pub(super) struct Group {
    pub(super) last: StreamId,
    pub(super) read: Option<u64>,
    pub(super) consumers: BTreeMap<Vec<u8>, Consumer>,
    pub(super) pending: BTreeMap<StreamId, Hold>,
    pub(super) queue: Vec<StreamId>,
}

#[derive(Clone, Debug, Default)]
pub(super) struct Naive {
    pub(super) entries: BTreeMap<StreamId, Fields>,
    pub(super) last: StreamId,
    pub(super) max_deleted: StreamId,
    pub(super) added: u64,
    pub(super) groups: BTreeMap<Vec<u8>, Group>,
}

impl Group {
    pub(super) fn remove(&mut self, id: StreamId) -> bool {
        self.queue.retain(|queued| *queued != id);
        self.pending.remove(&id).is_some()
    }

    pub(super) fn put(&mut self, id: StreamId, hold: Hold) {
        self.remove(id);
        if hold.owner.is_none() {
            self.queue.push(id);
        }
        self.pending.insert(id, hold);
    }

    pub(super) fn owned(&self, name: &[u8]) -> Vec<StreamId> {
        let owned = self.pending.iter().filter(|(_, hold)| hold.owner.as_deref() == Some(name));
        owned.map(|(id, _)| *id).collect()
    }

    pub(super) fn delete_consumer(&mut self, name: &[u8]) -> Option<u64> {
        self.consumers.remove(name)?;
        let owned = self.owned(name);
        owned.iter().for_each(|id| {
            self.remove(*id);
        });
        Some(owned.len() as u64)
    }

    pub(super) fn active(&mut self, name: &[u8], now: u64) {
        self.consumers.get_mut(name).expect("it was made").active_ms = Some(now);
    }

    pub(super) fn nack(&mut self, exists: bool, id: StreamId, nack: Nack, count: Option<u64>, absent: Absent) -> bool {
        let before = match self.pending.get(&id) {
            Some(hold) => hold.deliveries,
            None if absent == Absent::Create && exists => 0,
            None => return false,
        };
        let deliveries = match (count, nack) {
            (Some(count), _) => count.min(DELIVERIES_MAX),
            (None, Nack::Silent) => before.saturating_sub(1),
            (None, Nack::Fail) => before,
            (None, Nack::Fatal) => DELIVERIES_MAX,
        };
        self.put(id, Hold { owner: None, delivered_ms: 0, deliveries });
        true
    }
}

pub(super) fn more(deliveries: u64, count: Count) -> u64 {
    match count {
        Count::Bump => (deliveries + 1).min(DELIVERIES_MAX),
        Count::Keep => deliveries,
        Count::Set(count) => count.min(DELIVERIES_MAX),
    }
}

impl Naive {
    pub(super) fn first(&self) -> StreamId {
        self.entries.keys().next().copied().unwrap_or_default()
    }

    pub(super) fn newest(&self) -> StreamId {
        self.entries.keys().next_back().copied().unwrap_or_default()
    }

    pub(super) fn after(&self, id: StreamId) -> Vec<StreamId> {
        self.entries.keys().copied().filter(|other| *other > id).collect()
    }

    pub(super) fn next_id(&self, id: NewId, now: u64) -> Result<StreamId, AppendError> {
        if self.last == StreamId::MAX {
            return Err(AppendError::Exhausted);
        }
        let id = match id {
            NewId::Auto => StreamId::new(now, 0).max(self.last.next().expect("not the last")),
            NewId::AutoSeq(ms) if ms == self.last.ms && self.last.seq == u64::MAX => {
                return Err(AppendError::NotGreater);
            }
            NewId::AutoSeq(ms) if ms == self.last.ms => StreamId::new(ms, self.last.seq + 1),
            NewId::AutoSeq(ms) => StreamId::new(ms, 0),
            NewId::Exact(StreamId::MIN) => return Err(AppendError::Zero),
            NewId::Exact(id) => id,
        };
        if id <= self.last { Err(AppendError::NotGreater) } else { Ok(id) }
    }

    pub(super) fn append(&mut self, id: NewId, fields: Fields, now: u64) -> Result<StreamId, AppendError> {
        let id = self.next_id(id, now)?;
        self.entries.insert(id, fields);
        self.last = id;
        self.added += 1;
        Ok(id)
    }

    pub(super) fn delete(&mut self, id: StreamId) -> bool {
        let deleted = self.entries.remove(&id).is_some();
        if deleted {
            self.max_deleted = self.max_deleted.max(id);
        }
        deleted
    }

    pub(super) fn referenced(&self, id: StreamId) -> bool {
        self.groups.values().any(|group| group.last < id || group.pending.contains_key(&id))
    }

    fn release(&mut self, id: StreamId) {
        self.groups.values_mut().for_each(|group| {
            group.remove(id);
        });
    }

    pub(super) fn delete_with(&mut self, id: StreamId, policy: RefPolicy) -> Deletion {
        if policy == RefPolicy::Acked && self.referenced(id) {
            return Deletion::Referenced;
        }
        if policy == RefPolicy::Drop {
            self.release(id);
        }
        if self.delete(id) { Deletion::Deleted } else { Deletion::Missing }
    }

    pub(super) fn ack_delete(&mut self, group: &[u8], id: StreamId, policy: RefPolicy) -> Deletion {
        if !self.groups.get_mut(group).is_some_and(|group| group.remove(id)) {
            return Deletion::Missing;
        }
        match self.delete_with(id, policy) {
            Deletion::Referenced => Deletion::Referenced,
            _ => Deletion::Deleted,
        }
    }

    pub(super) fn trim(&mut self, trim: Trim, policy: RefPolicy) -> u64 {
        let mut gone = 0;
        for id in self.entries.keys().copied().collect::<Vec<_>>() {
            let done = match trim {
                Trim::MaxLen(len) => self.entries.len() as u64 <= len,
                Trim::MinId(min) => id >= min,
            };
            if done {
                break;
            }
            if policy == RefPolicy::Acked && self.referenced(id) {
                continue;
            }
            if policy == RefPolicy::Drop {
                self.release(id);
            }
            self.entries.remove(&id);
            gone += 1;
        }
        gone
    }

    pub(super) fn set_id(
        &mut self,
        last: StreamId,
        added: Option<u64>,
        max_deleted: Option<StreamId>,
    ) -> Result<(), SetIdError> {
        let given = max_deleted.unwrap_or_default();
        if last < given {
            return Err(SetIdError::BelowGivenDeleted);
        }
        if last < self.max_deleted {
            return Err(SetIdError::BelowDeleted);
        }
        if !self.entries.is_empty() && last < self.newest() {
            return Err(SetIdError::BelowNewest);
        }
        if !self.entries.is_empty() && added.is_some_and(|added| added < self.entries.len() as u64) {
            return Err(SetIdError::AddedBelowLength);
        }
        self.last = last;
        self.added = added.unwrap_or(self.added);
        if given != StreamId::MIN {
            self.max_deleted = given;
        }
        Ok(())
    }

    /// Redis's estimate of the entries ever added up to `id`.
    pub(super) fn estimate(&self, id: StreamId) -> Option<u64> {
        if self.added == 0 {
            return Some(0);
        }
        if self.entries.is_empty() && id <= self.last {
            return Some(self.added);
        }
        if id != StreamId::MIN && id < self.max_deleted {
            return None;
        }
        if id == self.last {
            return Some(self.added);
        }
        if id > self.last {
            return None;
        }
        if self.max_deleted == StreamId::MIN || self.max_deleted < self.first() {
            if id < self.first() {
                return Some(self.added - self.entries.len() as u64);
            }
            if id == self.first() {
                return Some(self.added - self.entries.len() as u64 + 1);
            }
        }
        None
    }

    pub(super) fn deliver(
        &mut self,
        group: &[u8],
        consumer: &[u8],
        limit: usize,
        acks: Acks,
        now: u64,
    ) -> Vec<(StreamId, Fields)> {
        let view = self.clone();
        let group = self.groups.get_mut(group).expect("it exists");
        let ids: Vec<_> = view.after(group.last).into_iter().take(limit).collect();
        for &id in &ids {
            let broken =
                !view.entries.is_empty() && view.max_deleted != StreamId::MIN && group.last <= view.max_deleted;
            group.read = match group.read {
                Some(read) if group.last >= view.first() && !broken => Some(read + 1),
                _ if view.added > 0 => view.estimate(id),
                read => read,
            };
            group.last = id;
            if acks == Acks::Required {
                group.put(id, Hold { owner: Some(consumer.to_vec()), delivered_ms: now, deliveries: 1 });
                group.active(consumer, now);
            }
        }
        ids.into_iter().map(|id| (id, view.entries[&id].clone())).collect()
    }

    pub(super) fn redeliver(
        &mut self,
        group: &[u8],
        consumer: &[u8],
        after: StreamId,
        limit: usize,
        now: u64,
    ) -> Vec<(StreamId, bool)> {
        let entries = &self.entries;
        let group = self.groups.get_mut(group).expect("it exists");
        let ids = group.owned(consumer).into_iter().filter(|id| *id > after).take(limit);
        let shown: Vec<_> = ids.map(|id| (id, entries.contains_key(&id))).collect();
        for (id, _) in shown.iter().filter(|(_, exists)| *exists) {
            let hold = group.pending.get_mut(id).expect("it is pending");
            hold.delivered_ms = now;
            hold.deliveries = more(hold.deliveries, Count::Bump);
        }
        shown
    }

    /// Which entries are claimed, which are dropped.
    #[allow(clippy::too_many_arguments)]
    pub(super) fn claim(
        &mut self,
        group: &[u8],
        consumer: &[u8],
        id: StreamId,
        min_idle: u64,
        delivered_ms: u64,
        count: Count,
        absent: Absent,
        now: u64,
    ) -> Option<bool> {
        let exists = self.entries.contains_key(&id);
        let group = self.groups.get_mut(group).expect("it exists");
        if !exists {
            return group.remove(id).then_some(false);
        }
        let hold = match group.pending.get(&id) {
            Some(hold) if hold.owner.is_some() && now.saturating_sub(hold.delivered_ms) < min_idle => return None,
            Some(hold) => hold.clone(),
            None if absent == Absent::Create => Hold { deliveries: 1, ..Hold::default() },
            None => return None,
        };
        let deliveries = more(hold.deliveries, count);
        group.put(id, Hold { owner: Some(consumer.to_vec()), delivered_ms, deliveries });
        group.active(consumer, now);
        Some(true)
    }

    #[allow(clippy::too_many_arguments)]
    pub(super) fn autoclaim(
        &mut self,
        group: &[u8],
        consumer: &[u8],
        start: StreamId,
        limit: u64,
        min_idle: u64,
        count: Count,
        now: u64,
    ) -> (StreamId, Vec<StreamId>, Vec<StreamId>) {
        let entries = &self.entries;
        let group = self.groups.get_mut(group).expect("it exists");
        let (mut left, mut attempts) = (limit, limit * 10);
        let (mut claimed, mut dropped) = (Vec::new(), Vec::new());
        for id in group.pending.range(start..).map(|(id, _)| *id).collect::<Vec<_>>() {
            if left == 0 || attempts == 0 {
                return (id, claimed, dropped);
            }
            attempts -= 1;
            if !entries.contains_key(&id) {
                group.remove(id);
                dropped.push(id);
                left -= 1;
                continue;
            }
            let hold = group.pending[&id].clone();
            if now.saturating_sub(hold.delivered_ms) < min_idle {
                continue;
            }
            let deliveries = more(hold.deliveries, count);
            group.put(id, Hold { owner: Some(consumer.to_vec()), delivered_ms: now, deliveries });
            group.active(consumer, now);
            claimed.push(id);
            left -= 1;
        }
        (StreamId::MIN, claimed, dropped)
    }

    pub(super) fn claim_idle(
        &mut self,
        group: &[u8],
        consumer: &[u8],
        min_idle: u64,
        limit: usize,
        now: u64,
    ) -> Vec<(StreamId, u64, u64)> {
        let entries = &self.entries;
        let group = self.groups.get_mut(group).expect("it exists");
        let mut owned: Vec<_> = group.pending.iter().filter(|(_, hold)| hold.owner.is_some()).collect();
        owned.sort_by_key(|(id, hold)| (hold.delivered_ms, **id));
        let order = group.queue.iter().copied().chain(owned.into_iter().map(|(id, _)| *id));
        let idle = |id: &StreamId| now.saturating_sub(group.pending[id].delivered_ms);
        let late = |id: &StreamId| now >= min_idle && group.pending[id].delivered_ms <= now - min_idle;
        let order = order.filter(|id| entries.contains_key(id) && late(id));
        let claimed: Vec<_> = order.take(limit).map(|id| (id, idle(&id), group.pending[&id].deliveries)).collect();
        for (id, _, deliveries) in &claimed {
            let deliveries = more(*deliveries, Count::Bump);
            group.put(*id, Hold { owner: Some(consumer.to_vec()), delivered_ms: now, deliveries });
            group.active(consumer, now);
        }
        claimed
    }
}
