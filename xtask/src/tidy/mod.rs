//! The rules of the house that a program can check.
//!
//! Each module holds one kind of rule and returns what breaks it, a line per place, so that a test shows all of it at
//! once. They run as ordinary tests (`xtask/tests/tidy.rs`); what each of them catches is tested beside it. Rules
//! about code that is compiled, such as no clock below the sans-io line, are lints in `clippy.toml`.

pub mod edges;
pub mod licences;
pub mod lints;
pub mod manuals;
pub mod places;
pub mod sources;
