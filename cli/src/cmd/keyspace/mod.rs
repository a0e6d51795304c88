//! What `queue`, `stream` and `group` share: finding keys, telling a key of the wrong kind or none at all apart, showing
//! messages, what is known of a stream's groups, and work that is done in batches.

pub(crate) mod dead;
pub(crate) mod find;
pub(crate) mod groups;
pub(crate) mod kind;
pub(crate) mod messages;
pub(crate) mod own;
pub(crate) mod purge;
pub(crate) mod work;
