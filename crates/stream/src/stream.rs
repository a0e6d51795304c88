//! The stream: entries, the groups that read them, and the memory of what producers have sent.

use crate::block::BlockLimits;
use crate::entries::{Entries, Tombstone};
use crate::error::{AppendError, SetIdError};
use crate::group::{Group, GroupMut, Groups};
use crate::id::{NewId, StreamId};
use crate::idmp::{Idmp, IdmpLimits, IdmpStats, Iid};
use crate::refs::{Deletion, RefPolicy};

/// An append-only stream with consumer groups. See the crate's documentation.
///
/// A clone shares all blocks with the original and copies what either of them changes.
#[derive(Clone, Debug, Default)]
pub struct Stream {
    pub(crate) entries: Entries,
    pub(crate) groups: Groups,
    pub(crate) idmp: Idmp,
}

/// What an idempotent append did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Appended {
    /// A new entry has this ID.
    New(StreamId),
    /// The producer had sent this before, and it got this ID; the entry may be deleted since.
    Duplicate(StreamId),
}

impl Appended {
    /// The ID, new or old.
    #[must_use]
    pub const fn id(self) -> StreamId {
        match self {
            Self::New(id) | Self::Duplicate(id) => id,
        }
    }
}

/// Why a remembered ID was not recorded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RecordError {
    /// No entry has the ID.
    #[error("there is no entry with this ID")]
    NoEntry,
    /// The producer's ID is remembered for another entry.
    #[error("the producer's ID is recorded for another entry")]
    OtherEntry,
}

impl Stream {
    /// An empty stream that remembers producers' IDs within these limits.
    #[must_use]
    pub fn new(limits: IdmpLimits) -> Self {
        Self { idmp: Idmp::new(limits), ..Self::default() }
    }

    /// A clone that takes memory of its own at once, and not only when one of the two is changed: where what is counted is what both
    /// will need once they come back from a disk.
    #[must_use]
    pub fn duplicate(&self) -> Self {
        let mut own = self.clone();
        own.entries.unshare();
        own.groups.unshare();
        own.idmp.unshare();
        own
    }

    /// The entries.
    #[must_use]
    pub const fn entries(&self) -> &Entries {
        &self.entries
    }

    /// Appends an entry. Its ID is made from `id` and, where `id` leaves it open, `now_ms`.
    ///
    /// # Errors
    /// When the ID is not greater than the last one, when there is none left, when the fields are too large.
    pub fn append<'f, F>(
        &mut self,
        id: NewId,
        fields: F,
        now_ms: u64,
        limits: BlockLimits,
    ) -> Result<StreamId, AppendError>
    where
        F: IntoIterator<Item = (&'f [u8], &'f [u8])>,
        F::IntoIter: Clone,
    {
        let id = self.entries.next_id(id, now_ms)?;
        self.entries.push(id, fields.into_iter(), limits)?;
        self.groups.note_append(id);
        Ok(id)
    }

    /// Appends an entry with an ID of the stream's choice, unless producer `pid` has sent `iid` before and it is still
    /// remembered at `now_ms`.
    ///
    /// # Errors
    /// As for [`append`](Self::append). A duplicate is found first, so it succeeds where a new entry would not.
    pub fn append_once<'f, F>(
        &mut self,
        pid: &[u8],
        iid: Iid<'_>,
        fields: F,
        now_ms: u64,
        limits: BlockLimits,
    ) -> Result<Appended, AppendError>
    where
        F: IntoIterator<Item = (&'f [u8], &'f [u8])>,
        F::IntoIter: Clone,
    {
        let fields = fields.into_iter();
        let iid = iid.resolve(fields.clone());
        if let Some(id) = self.idmp.duplicate(pid, &iid, now_ms) {
            return Ok(Appended::Duplicate(id));
        }
        let id = self.append(NewId::Auto, fields, now_ms, limits)?;
        self.idmp.remember(pid, &iid, id, now_ms);
        Ok(Appended::New(id))
    }

    /// The ID that `pid`'s `iid` was given, if it is remembered at `now_ms`.
    #[must_use]
    pub fn sent_before<'f>(
        &self,
        pid: &[u8],
        iid: Iid<'_>,
        fields: impl Iterator<Item = (&'f [u8], &'f [u8])>,
        now_ms: u64,
    ) -> Option<StreamId> {
        self.idmp.find(pid, &iid.resolve(fields), now_ms)
    }

    /// Remembers that producer `pid` sent the existing entry `id` as `iid`, from when the entry was made: what is over by then is
    /// not remembered. Saying it again changes nothing.
    ///
    /// # Errors
    /// When there is no such entry, and when `iid` is remembered for another.
    pub fn record_sent(&mut self, pid: &[u8], iid: &[u8], id: StreamId, now_ms: u64) -> Result<(), RecordError> {
        if !self.entries.contains(id) {
            return Err(RecordError::NoEntry);
        }
        match self.idmp.find(pid, iid, now_ms) {
            Some(known) if known == id => Ok(()),
            Some(_) => Err(RecordError::OtherEntry),
            None => {
                self.idmp.remember_since(pid, iid, id, now_ms.min(id.ms), now_ms);
                Ok(())
            }
        }
    }

    /// Sets how long and how many of a producer's IDs are remembered. A change forgets all that are; says whether it was
    /// one.
    pub fn set_idmp_limits(&mut self, limits: IdmpLimits) -> bool {
        self.idmp.set_limits(limits)
    }

    /// Limits and counters of what producers have sent.
    #[must_use]
    pub fn idmp_stats(&self, now_ms: u64) -> IdmpStats {
        self.idmp.stats(now_ms)
    }

    /// Forgets producers' IDs that have expired. Appending does so too; this is for streams that get none.
    pub fn expire_idmp(&mut self, now_ms: u64) {
        self.idmp.expire(now_ms);
    }

    /// Deletes the entry `id`, leaving what is pending as it is. Says whether it existed.
    pub fn delete(&mut self, id: StreamId) -> bool {
        let deleted = self.entries.delete(id, Tombstone::Recorded);
        if deleted {
            self.groups.note_deletion(id);
        }
        deleted
    }

    /// Deletes the entry `id`, minding the groups that refer to it.
    ///
    /// The reference is judged first, as in Redis: with [`RefPolicy::Acked`] an ID that some group has yet to reach is
    /// [`Deletion::Referenced`] whether or not there is such an entry. Without groups nothing is referenced.
    pub fn delete_with(&mut self, id: StreamId, policy: RefPolicy) -> Deletion {
        match policy {
            RefPolicy::Keep => {}
            RefPolicy::Drop => {
                self.groups.release(id);
            }
            RefPolicy::Acked if self.groups.refers_to(id) => return Deletion::Referenced,
            RefPolicy::Acked => {}
        }
        if self.delete(id) { Deletion::Deleted } else { Deletion::Missing }
    }

    /// Acknowledges `id` in the group `name` and deletes the entry, minding the other groups. An ID that was not pending
    /// there, or a group that is not, is [`Deletion::Missing`] and nothing changes.
    pub fn ack_delete(&mut self, name: &[u8], id: StreamId, policy: RefPolicy) -> AckDeletion {
        let acked = self.groups.by_name.get_mut(name).is_some_and(|group| group.release(id));
        if !acked {
            return AckDeletion { outcome: Deletion::Missing, deleted: false };
        }
        match self.delete_with(id, policy) {
            Deletion::Referenced => AckDeletion { outcome: Deletion::Referenced, deleted: false },
            // What was acknowledged counts as deleted even if somebody else had deleted it.
            outcome => AckDeletion { outcome: Deletion::Deleted, deleted: outcome == Deletion::Deleted },
        }
    }

    /// Sets the last ID, and where given the number of entries ever added and the greatest deleted ID.
    ///
    /// # Errors
    /// When it lies before what is or was there. Nothing changes then.
    pub fn set_id(
        &mut self,
        last_id: StreamId,
        added: Option<u64>,
        max_deleted_id: Option<StreamId>,
    ) -> Result<(), SetIdError> {
        self.entries.set_id(last_id, added, max_deleted_id)?;
        if self.entries.is_empty() {
            self.groups.note_reset(&self.entries);
        }
        Ok(())
    }

    /// How many groups there are.
    #[must_use]
    pub fn groups_len(&self) -> usize {
        self.groups.by_name.len()
    }

    /// Groups in order of their names.
    pub fn groups(&self) -> impl ExactSizeIterator<Item = (&[u8], &Group)> {
        self.groups.by_name.iter().map(|(name, group)| (name.as_ref(), group))
    }

    /// The group `name`.
    #[must_use]
    pub fn group(&self, name: &[u8]) -> Option<&Group> {
        self.groups.by_name.get(name)
    }

    /// The group `name`, to work with.
    pub fn group_mut(&mut self, name: &[u8]) -> Option<GroupMut<'_>> {
        let group = self.groups.by_name.get_mut(name)?;
        Some(GroupMut { entries: &self.entries, group, reach: &mut self.groups.reach })
    }

    /// Makes a group that reads what comes after `last_delivered`. Says whether the name was free. No more can have been
    /// read than were ever added.
    pub fn create_group(&mut self, name: &[u8], last_delivered: StreamId, entries_read: Option<u64>) -> bool {
        if self.groups.by_name.contains_key(name) {
            return false;
        }
        let entries_read = entries_read.map(|read| read.min(self.entries.added()));
        let mut group = Group { last_delivered, entries_read, ..Group::default() };
        group.count_lag(&self.entries);
        self.groups.insert(name, group);
        true
    }

    /// Takes a group out, with all it remembers; drop it where that is cheap. `None` when there is no such group.
    pub fn destroy_group(&mut self, name: &[u8]) -> Option<Group> {
        self.groups.remove(name)
    }

    /// Bytes allocated for the stream. Takes time for the groups, not for entries or what is pending.
    #[must_use]
    pub fn memory_bytes(&self) -> usize {
        size_of::<Self>() + self.entries.memory_bytes() + self.groups.memory_bytes() + self.idmp.memory_bytes()
    }
}

/// What [`Stream::ack_delete`] did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AckDeletion {
    /// The answer.
    pub outcome: Deletion,
    /// Whether an entry was deleted; one that was gone before is answered as deleted too.
    pub deleted: bool,
}
