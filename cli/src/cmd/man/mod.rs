//! `rbq man`: the manual as man pages, or as the page of Markdown that is `docs/cli.md`.
//!
//! Both are written from the declarations of the commands, as `--help` is: they cannot say anything else.

mod markdown;

use std::fs;
use std::path::PathBuf;

use clap::Args;
use clap_mangen::Man;

use crate::app;
use crate::exit::Exit;
use crate::failure::{Failure, Result, say, spoken};
use crate::output::Output;

/// Write the man pages
#[derive(Debug, Clone, Args)]
#[command(
    after_help = "`rbq man | man -l -` shows the first page; `rbq man --dir /usr/local/share/man/man1` installs all."
)]
pub(crate) struct ManArgs {
    /// Write every command's page into this directory, made if need be, instead of rbq(1) to stdout
    #[arg(long)]
    dir: Option<PathBuf>,
    /// Write all commands as one page of Markdown to stdout
    #[arg(long, conflicts_with = "dir")]
    markdown: bool,
}

pub(crate) fn run(args: &ManArgs) -> Result<Exit> {
    let Some(dir) = &args.dir else {
        let mut out = Output::new();
        if args.markdown {
            out.buffer().extend_from_slice(markdown::page().as_bytes());
        } else {
            Man::new(pages()).render(out.buffer())?;
        }
        out.flush()?;
        return Ok(Exit::Done);
    };
    let cannot = |error| Failure::new(format!("cannot write to `{}`: {}", dir.display(), spoken(&error)));
    fs::create_dir_all(dir).map_err(cannot)?;
    clap_mangen::generate_to(pages(), dir).map_err(cannot)?;
    say(&format!("man pages are in `{}`", dir.display()));
    Ok(Exit::Done)
}

/// Without `rbq help`, which has no page of its own.
fn pages() -> clap::Command {
    app::whole().disable_help_subcommand(true)
}
