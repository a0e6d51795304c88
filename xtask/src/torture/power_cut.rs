//! An rbq-server whose disk has a power cut when its process is killed.
//!
//! The same server as the shipped one, on another storage: what it has not synced is in this process alone, and so ends
//! with it. The shipped program needs no switch for that.

use std::ffi::OsString;
use std::sync::Arc;

use anyhow::Result;
use clap::Args;
use rbq_server::Config;

use super::page_cache::PageCache;

/// How it is started.
#[derive(Args, Debug)]
pub struct Options {
    /// Decides what reaches the disk without a sync
    #[arg(long)]
    seed: u64,
    /// Cut the power at this change or sync of the disk, counted from the start: so also while it recovers
    #[arg(long)]
    steps: Option<u64>,
    /// What the server is told
    #[arg(last = true)]
    args: Vec<OsString>,
}

/// Serves until it is killed.
pub fn run(options: Options) -> Result<()> {
    rbq_server::abort_on_panic();
    let name = OsString::from("rbq-server");
    let config = Config::from_args("rbq-server", [name].into_iter().chain(options.args))?;
    rbq_server::run_with_storage(config, move |path| Ok(Arc::new(PageCache::open(path, options.seed, options.steps)?)))
}
