//! What a stream does, case by case, through its public face.
//!
//! Many cases are those of Redis's own suite (`tests/unit/type/stream*.tcl`) or of its bug reports, told anew.
#![allow(missing_docs, clippy::unwrap_used)]

mod claims;
mod idmp;
mod lag;
mod nack;
mod refs;
mod snapshot;
mod stage;
mod trim;
