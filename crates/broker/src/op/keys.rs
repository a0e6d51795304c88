//! Which keys an op names, before it is applied: what routing, WATCH bookkeeping, the log's gates and later access
//! control ask. It must name exactly what `apply` touches, or say that it reaches whole databases; a table-wide test holds
//! the two together. Both are told by one match, so that no kind of op is left without an answer.

use super::Op;

/// What an op reaches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// The keys that it names.
    Keys,
    /// Every key of one database or more.
    Databases,
}

impl<'a> Op<'a> {
    /// Calls `visit` with every key this op reads or writes, and its database where that is not the stamp's. Says whether
    /// that is all.
    pub fn keys(&self, mut visit: impl FnMut(Option<u8>, &'a [u8])) -> Reach {
        match *self {
            Op::KeyDelete { keys } | Op::ListPopFirst { keys, .. } | Op::GroupDeliver { keys, .. } => {
                keys.iter().for_each(|key| visit(None, key.as_slice()));
            }
            Op::StringSetMany { pairs, .. } => {
                pairs.iter().step_by(2).for_each(|key| visit(None, key.as_slice()));
            }
            Op::KeyExpire { key, .. }
            | Op::KeyDeadline { key, .. }
            | Op::KeyPersist { key }
            | Op::StringSet { key, .. }
            | Op::StringTake { key }
            | Op::StringDeadline { key, .. }
            | Op::StringAppend { key, .. }
            | Op::StringSetRange { key, .. }
            | Op::StringAdd { key, .. }
            | Op::StringAddFloat { key, .. }
            | Op::StringDeleteIf { key, .. }
            | Op::ListPush { key, .. }
            | Op::ListPop { key, .. }
            | Op::ListInsert { key, .. }
            | Op::ListSet { key, .. }
            | Op::ListRemove { key, .. }
            | Op::ListTrim { key, .. }
            | Op::ListStore { key, .. }
            | Op::StreamAppend { key, .. }
            | Op::StreamTrim { key, .. }
            | Op::StreamDelete { key, .. }
            | Op::StreamDeleteWith { key, .. }
            | Op::StreamAckDelete { key, .. }
            | Op::StreamSetId { key, .. }
            | Op::StreamConfigure { key, .. }
            | Op::StreamRecordSent { key, .. }
            | Op::GroupCreate { key, .. }
            | Op::GroupSetId { key, .. }
            | Op::GroupDestroy { key, .. }
            | Op::ConsumerCreate { key, .. }
            | Op::ConsumerDelete { key, .. }
            | Op::Ack { key, .. }
            | Op::Claim { key, .. }
            | Op::AutoClaim { key, .. }
            | Op::Nack { key, .. } => visit(None, key),
            Op::KeyRename { from, to, .. } | Op::ListMove { from, to, .. } | Op::ListMoveMany { from, to, .. } => {
                visit(None, from);
                visit(None, to);
            }
            Op::KeyCopy { from, to, to_db, .. } => {
                visit(None, from);
                visit(Some(to_db), to);
            }
            Op::KeyMove { key, to_db } => {
                visit(None, key);
                visit(Some(to_db), key);
            }
            Op::Flush { .. } | Op::SwapDb { .. } => return Reach::Databases,
        }
        Reach::Keys
    }

    /// The databases that it names itself, besides the stamp's.
    pub fn other_databases(&self) -> impl Iterator<Item = u8> {
        let named = match *self {
            Op::KeyCopy { to_db, .. } | Op::KeyMove { to_db, .. } => [Some(to_db), None],
            Op::SwapDb { first, second } => [Some(first), Some(second)],
            _ => [None, None],
        };
        named.into_iter().flatten()
    }
}
