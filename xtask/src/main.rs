//! `cargo xtask`: the project's own tools. Everything is in the library, where tests reach it.

#![forbid(unsafe_code)]

use clap::Parser as _;

fn main() -> anyhow::Result<()> {
    xtask::run(xtask::Cli::parse())
}
