//! `rbq`: the broker's command line. `main` is thin; [`app`] says what the commands are, one file each under `cmd/`.
//!
//! stdout carries data and nothing else, stderr the conversation; exit codes are in [`exit`].

#![forbid(unsafe_code)]
#![allow(
    rustdoc::broken_intra_doc_links,
    reason = "the comments of arguments are help on a terminal: [brackets] are optional parts"
)]

mod app;
mod catalog;
mod cmd;
#[allow(dead_code, reason = "the ground that other commands are built on")]
mod consent;
mod contexts;
mod danger;
mod deadletter;
mod duration;
mod embedded;
mod entries;
mod exit;
mod facts;
mod failure;
mod feed;
mod interrupt;
mod jq;
mod lines;
mod moment;
mod open;
mod outage;
mod output;
mod print;
mod progress;
mod reader;
#[allow(dead_code, reason = "the ground that other commands are built on")]
mod records;
mod render;
mod repeat;
mod sending;
mod servers;
mod session;
mod tls;
mod transfer;

/// The server's choice, which `rbq server` measures its memory with.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> std::process::ExitCode {
    app::run()
}
