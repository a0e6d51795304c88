//! Fuzzing of the wire protocol, with `cargo fuzz run <target>` on a nightly toolchain.
//!
//! The properties themselves stand in [`checks`], which the tests of `rbq-resp` use as well.

#![forbid(unsafe_code)]

pub mod checks;
