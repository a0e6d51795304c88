//! Which changes have room in the log: asked before anything is run that may change something, so that nothing is applied that
//! could not be logged.

use std::sync::Arc;

use rbq_broker::{AskRoom, DERIVED_BYTES_FREE, DiskRoom};
use rbq_journal::{Full, Journal, Purpose};

/// What an op has besides what its request brought, at most.
const OP_BYTES_MAX: u64 = DERIVED_BYTES_FREE as u64;

/// Which changes have room that requests of so many bytes bring.
#[must_use]
pub fn look(journal: &Journal, request_bytes: usize) -> DiskRoom {
    let bytes = request_bytes as u64 + OP_BYTES_MAX;
    let why = match journal.admit(bytes, Purpose::Add) {
        Ok(()) => return DiskRoom::Enough,
        Err(Full::Preparing { .. }) => return DiskRoom::Awaited,
        Err(full @ Full::Disk { .. }) => full.to_string(),
    };
    match journal.admit(bytes, Purpose::Drain) {
        Ok(()) => DiskRoom::DrainsOnly(why),
        Err(_) => DiskRoom::Nothing(why),
    }
}

/// Whom the broker asks before something is done that makes much of a small request. Nobody is kept from closing the journal.
#[must_use]
pub fn asker(journal: &Arc<Journal>) -> AskRoom {
    let journal = Arc::downgrade(journal);
    Box::new(move |bytes| match journal.upgrade() {
        Some(journal) => journal.admit_now(bytes).map_err(|full| full.to_string()),
        None => Ok(()),
    })
}
