//! `rbq-server`: the broker alone, without the command line's other tools.

#![forbid(unsafe_code)]

use std::process::ExitCode;

#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> ExitCode {
    rbq_server::main("rbq-server", std::env::args_os())
}
