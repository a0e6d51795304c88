//! `docs/cli.md`: every command of `rbq`, written by `rbq man --markdown` from its own declarations.

use std::path::Path;
use std::process::Stdio;

use anyhow::{Context as _, Result, ensure};

use super::Page;
use crate::workspace;

/// The page.
pub(super) fn page(root: &Path) -> Result<Page> {
    let mut cargo = workspace::cargo();
    cargo.args(["run", "--quiet", "--package", "rbq", "--", "man", "--markdown"]);
    let written = cargo.stderr(Stdio::inherit()).output().context("running `rbq man --markdown`")?;
    ensure!(written.status.success(), "`rbq man --markdown` failed");
    Ok(Page { path: root.join("docs/cli.md"), text: String::from_utf8(written.stdout)? })
}
