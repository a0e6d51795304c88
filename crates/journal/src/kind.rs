//! What a directory is, by what lies in it: whoever is given one asks before doing anything with it.
//!
//! Of a directory that holds no journal the tools would say that everything in it is missing, when whoever asks has only named the
//! wrong one.

use std::sync::Arc;

use crate::error::OpenError;
use crate::identity;
use crate::storage::Storage;
use crate::store::Store;
use crate::survey::Survey;

/// What a directory is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// No journal is in it.
    Other,
    /// A journal is in it, sound or not.
    Journal,
    /// The same, marked as a backup.
    Backup,
}

impl Kind {
    /// Looks at the names, and into an `id` that is alone: others call a file so, too.
    pub fn of(storage: Arc<dyn Storage>) -> Result<Self, OpenError> {
        // Nothing is read that has a version.
        let store = Store::new(storage, 0);
        let survey = Survey::of(&store)?;
        if survey.has_mark {
            return Ok(Self::Backup);
        }
        let is_begun = || survey.has_id && identity::read(&store).is_ok();
        Ok(if !survey.is_new() || is_begun() { Self::Journal } else { Self::Other })
    }
}
