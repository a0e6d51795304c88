//! The generated pages of the manual: made from the tables that the program itself runs on.
//!
//! `cargo xtask docs` writes them; a test fails while one is stale. Nobody edits them by hand.

mod cli;
mod commands;
mod configuration;
mod coverage;

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use clap::Args;

/// Options of `cargo xtask docs`.
#[derive(Debug, Args)]
pub struct Options {
    /// Write nothing; fail if a page is stale
    #[arg(long)]
    check: bool,
}

/// A generated page.
pub struct Page {
    /// Where it stands.
    pub path: PathBuf,
    /// What it says.
    pub text: String,
}

/// Writes the pages, or checks them.
pub fn run(options: &Options) -> Result<()> {
    let root = root();
    let mut pages = pages(&root)?;
    pages.push(cli::page(&root)?);
    for page in pages {
        if options.check {
            if is_stale(&page) {
                bail!("{} is stale\nhint: run `cargo xtask docs`", page.path.display());
            }
        } else {
            fs::write(&page.path, &page.text).with_context(|| format!("cannot write {}", page.path.display()))?;
            println!("wrote {}", page.path.display());
        }
    }
    Ok(())
}

/// Every generated page, as it should be, except that of the command line: the program itself writes it, and holds it to that
/// in its own tests, so that this crate's tests need not build it.
pub fn pages(root: &Path) -> Result<Vec<Page>> {
    let page = |name: &str, text| Page { path: root.join("docs").join(name), text };
    Ok(vec![
        page("commands.md", commands::page()),
        page("configuration.md", configuration::page()),
        page("coverage.md", coverage::page(root)?),
    ])
}

/// Whether what is there is not what should be.
pub fn is_stale(page: &Page) -> bool {
    fs::read_to_string(&page.path).map_or(true, |text| text != page.text)
}

/// The workspace's folder.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_generated_page_is_stale() {
        for page in pages(&root()).expect("the pages can be made") {
            assert!(!is_stale(&page), "{} is stale: run `cargo xtask docs`", page.path.display());
        }
    }
}
