//! `rbq cli` against `redis-cli`: the same bytes on stdout and stderr, the same exit code.
//!
//! Each command line is run through both programs on the same server. What differs on purpose is in `differences.rs`, with its
//! reason in `docs/redis-cli.md`; everything else has to be the same, byte for byte.
#![allow(clippy::unwrap_used)]

#[path = "../support/mod.rs"]
mod support;

mod cluster;
mod commands;
mod differences;
mod flags;
mod modes;
mod pair;
mod prompt;
mod scripts;
mod secure;
mod streams;
#[path = "../support/terminal.rs"]
mod terminal;
