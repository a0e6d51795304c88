//! The project's own tools: checks, generated docs, benchmarks and the comparison with the real `redis-server`.
//!
//! A subcommand is a module; `src/main.rs` only calls [`run`]. What a subcommand checks is a function that tests call
//! too, so that `cargo test` knows everything `cargo xtask` knows.

#![forbid(unsafe_code)]
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "tools talk to people")]

pub mod bench;
pub mod differ;
pub mod docs;
pub mod mutants;
pub mod servers;
pub mod stages;
pub mod tidy;
pub mod torture;
pub mod workspace;

use anyhow::Result;
use clap::{Parser, Subcommand};

/// The project's own tools.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask", version, max_term_width = 120)]
pub struct Cli {
    #[command(subcommand)]
    tool: Tool,
}

#[derive(Debug, Subcommand)]
enum Tool {
    /// Run every check: format, lints, tests, documentation, licences
    Test,
    /// Write the generated pages of the manual
    Docs(docs::Options),
    /// Have the same random conversations with rbq and redis-server and compare what they say
    Differ(differ::Options),
    /// Put bugs into a copy of rbq, one at a time, and see whether the comparison finds each
    Mutants(mutants::Options),
    /// Kill rbq again and again, and see whether it kept what it acknowledged
    Torture(torture::Options),
    /// Be an rbq-server whose disk has a power cut when it is killed
    #[command(hide = true)]
    PowerCutServer(torture::power_cut::Options),
    /// Measure rbq beside redis-server and a server that does nothing
    Bench(bench::Options),
    /// Be the server that does nothing
    #[command(hide = true)]
    NullServer(bench::null_server::Options),
}

/// Does what was asked.
pub fn run(cli: Cli) -> Result<()> {
    match cli.tool {
        Tool::Test => stages::run(),
        Tool::Docs(options) => docs::run(&options),
        Tool::Differ(options) => differ::run(&options),
        Tool::Mutants(options) => mutants::run(&options),
        Tool::Torture(options) => torture::run(&options),
        Tool::PowerCutServer(options) => torture::power_cut::run(options),
        Tool::Bench(options) => bench::run(&options),
        Tool::NullServer(options) => bench::null_server::run(&options),
    }
}
