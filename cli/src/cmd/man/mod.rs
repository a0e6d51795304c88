//! `rbq man`: the manual as man pages, or as the page of Markdown that is `docs/cli.md`.
//!
//! Both are written from the declarations of the commands, as `--help` is: they cannot say anything else.

mod markdown;

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use clap::Args;
use clap_mangen::Man;
use clap_mangen::roff::{Roff, roman};

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
            page(&pages(), out.buffer())?;
        }
        out.flush()?;
        return Ok(Exit::Done);
    };
    let cannot = |error| Failure::new(format!("cannot write to `{}`: {}", dir.display(), spoken(&error)));
    fs::create_dir_all(dir).map_err(cannot)?;
    write_all(&pages(), dir).map_err(cannot)?;
    say(&format!("man pages are in `{}`", dir.display()));
    Ok(Exit::Done)
}

/// Without `rbq help`, which has no page of its own.
fn pages() -> clap::Command {
    let mut whole = app::whole().disable_help_subcommand(true);
    whole.build();
    whole
}

/// The pages of a command and of all below it.
fn write_all(command: &clap::Command, dir: &Path) -> io::Result<()> {
    let mut page_bytes = Vec::new();
    page(command, &mut page_bytes)?;
    fs::write(dir.join(Man::new(command.clone()).get_filename()), page_bytes)?;
    command.get_subcommands().filter(|command| !command.is_hide_set()).try_for_each(|command| write_all(command, dir))
}

/// One page: the sections of the renderer, but a title that says of which program and release it is, and as synopsis the usage that
/// `--help` shows: forty options one behind the other say nothing.
fn page(command: &clap::Command, out: &mut Vec<u8>) -> io::Result<()> {
    let name = command.get_display_name().unwrap_or(command.get_name());
    let release = concat!("rbq ", env!("CARGO_PKG_VERSION"));
    let man = Man::new(command.clone()).title(name.to_uppercase()).source(release).manual("The rbq manual");
    man.render_title(out)?;
    man.render_name_section(out)?;
    let usage = command.clone().render_usage().to_string();
    let mut synopsis = Roff::new();
    synopsis.control("SH", ["SYNOPSIS"]);
    // Each form a line of its own.
    for (index, form) in
        usage.trim_start_matches("Usage:").lines().map(str::trim).filter(|form| !form.is_empty()).enumerate()
    {
        if index > 0 {
            synopsis.control("br", []);
        }
        synopsis.text([roman(form)]);
    }
    synopsis.to_writer(out)?;
    man.render_description_section(out)?;
    if command.get_arguments().any(|argument| !argument.is_hide_set()) {
        man.render_options_section(out)?;
    }
    if command.has_subcommands() {
        man.render_subcommands_section(out)?;
    }
    if command.get_after_long_help().or(command.get_after_help()).is_some() {
        man.render_extra_section(out)?;
    }
    Ok(())
}
