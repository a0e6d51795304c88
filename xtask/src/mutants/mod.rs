//! `cargo xtask mutants`: whether the comparison with redis-server finds bugs.
//!
//! ```text
//!   catalog ──► a copy of the sources, with one bug ──► build ──► differ ──► caught by seed N after M commands
//! ```
//!
//! With `--durable` the bugs are those of keeping what was acknowledged, and `cargo xtask torture` has to find them: by
//! kills, or by power cuts where a kill cannot show them. Only a word that was not kept counts: a server that cannot be
//! started at all, a disk that is full or a machine that hangs finds no bug. A season without any bug is played first.
//!
//! A comparison that finds nothing is worth what it would have found. So realistic small bugs are put into a copy of
//! the sources, one at a time, and each has to show as a difference. It takes minutes, so CI does not run it; what CI
//! does check is that every bug can still be put in, which moving code would otherwise break unseen.

mod catalog;
mod durable;

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use clap::Args;

use crate::differ::{self, Limits};
use crate::servers::{Profile, Program, build_at, build_package_at};
use crate::torture::{self, End};
use crate::workspace;
pub use catalog::CATALOG;
pub use durable::DURABLE;

/// A bug: what is written wrong, and what that breaks.
#[derive(Clone, Copy, Debug)]
pub struct Mutant {
    /// Where, from the root.
    pub file: &'static str,
    /// What stands there, once.
    pub before: &'static str,
    /// What is written instead.
    pub after: &'static str,
    /// What it breaks.
    pub breaks: &'static str,
}

/// Which bugs to try, and how hard.
#[derive(Args, Debug)]
pub struct Options {
    /// Only those whose description holds this text
    #[arg(long, default_value = "")]
    pub only: String,
    /// The seed of the first episode
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// Bugs of keeping things, against kills and power cuts, instead of those that a client would notice
    #[arg(long)]
    pub durable: bool,
    /// How many kills such a bug may survive
    #[arg(long, default_value_t = 240)]
    pub loops: u64,
    /// How many commands a bug may survive
    #[arg(long, default_value_t = 200_000)]
    pub commands: u64,
}

/// Tries the bugs one by one; fails if one is not found.
pub fn run(options: &Options) -> Result<()> {
    let mut survivors = Vec::new();
    let catalog = if options.durable { DURABLE } else { CATALOG };
    let mutants: Vec<&Mutant> = catalog.iter().filter(|mutant| mutant.breaks.contains(&options.only)).collect();
    ensure!(!mutants.is_empty(), "no bug's description holds `{}`", options.only);
    let nursery = Nursery::new()?;
    nursery.try_out_healthy(options).context("without any bug")?;
    for mutant in &mutants {
        let start = Instant::now();
        let outcome = nursery.try_out(mutant, options);
        println!("{}", line(mutant, &outcome, start.elapsed()));
        if !matches!(outcome, Ok(Some(_))) {
            survivors.push(mutant.breaks);
        }
    }
    println!("{} bugs, {} caught", mutants.len(), mutants.len() - survivors.len());
    if !survivors.is_empty() {
        bail!("not caught: {}", survivors.join("; "));
    }
    Ok(())
}

fn line(mutant: &Mutant, outcome: &Result<Option<String>>, took: Duration) -> String {
    let outcome = match outcome {
        Ok(Some(how)) => format!("caught by {how}"),
        Ok(None) => "NOT CAUGHT".to_owned(),
        Err(error) => format!("NOT TRIED: {error:#}"),
    };
    format!("{:<64} {outcome:<44} {:>5.1} s", mutant.breaks, took.as_secs_f64())
}

impl Mutant {
    /// The text of its file with the bug in it.
    ///
    /// # Errors
    /// If what it replaces does not stand there exactly once.
    pub fn applied(&self, text: &str) -> Result<String> {
        let times = text.matches(self.before).count();
        ensure!(times == 1, "{}: what `{}` replaces stands there {times} times", self.file, self.breaks);
        Ok(text.replace(self.before, self.after))
    }
}

/// A copy of the sources, built into a folder of its own. Both stay, so that only what a bug changes is built anew.
struct Nursery {
    sources: PathBuf,
    target: PathBuf,
}

impl Nursery {
    fn new() -> Result<Self> {
        let folder = workspace::root().join("target/mutants");
        let nursery = Self { sources: folder.join("sources"), target: folder.join("target") };
        for file in workspace::files()? {
            copy_if_changed(&workspace::root().join(&file), &nursery.sources.join(&file))?;
        }
        Ok(nursery)
    }

    /// Builds a server with the bug and tries it until the bug shows; how it did.
    fn try_out(&self, mutant: &Mutant, options: &Options) -> Result<Option<String>> {
        let path = self.sources.join(mutant.file);
        let healthy = fs::read_to_string(&path).with_context(|| mutant.file)?;
        fs::write(&path, mutant.applied(&healthy)?)?;
        let built = self.build(options);
        fs::write(&path, healthy)?;
        let (server, tools) = built?;
        match tools {
            None => compare(&server, options),
            Some(tools) => torture(&server, tools, options.seed, options.loops),
        }
    }

    /// A season without any bug: where that goes wrong, nothing that comes after it shows anything.
    fn try_out_healthy(&self, options: &Options) -> Result<()> {
        let (server, tools) = self.build(options)?;
        let Some(tools) = tools else { return Ok(()) };
        match torture(&server, tools, options.seed, torture::SEASON_LOOPS)? {
            Some(how) => bail!("a word is not kept: {how}"),
            None => Ok(()),
        }
    }

    /// The server, and the tools where they are to have the bug as well.
    fn build(&self, options: &Options) -> Result<(PathBuf, Option<PathBuf>)> {
        let server = build_at(&self.sources, Profile::Dev, Some(&self.target))?;
        let tools = || build_package_at(&self.sources, "xtask", Profile::Dev, Some(&self.target));
        Ok((server, options.durable.then(tools).transpose()?))
    }
}

fn compare(server: &Path, options: &Options) -> Result<Option<String>> {
    let programs = [Program::redis(), Program::rbq(Some(server), Profile::Dev)?];
    let [older, newer] = &programs;
    let (pairs, _servers) = differ::start(older, newer, differ::pairs_default())?;
    let findings = differ::compare(&pairs, options.seed, Limits { commands: options.commands, ..Limits::FIRST })?;
    let first = findings.differences.first_key_value();
    Ok(first.map(|(seed, difference)| format!("seed {seed} after {} commands", difference.commands)))
}

/// A kill shows less than a power cut and is the plainer case, so it comes first.
fn torture(server: &Path, tools: PathBuf, seed: u64, loops: u64) -> Result<Option<String>> {
    let kill = End::Kill(Program::rbq(Some(server), Profile::Dev)?.kept());
    for (name, end) in [("kill", kill), ("power cut", End::PowerCut(tools))] {
        if let Some(how) = torture::broken(&end, seed, loops).context(name)? {
            return Ok(Some(format!("{name}, {how}")));
        }
    }
    Ok(None)
}

/// Files that are the same keep their time, so that cargo builds only what differs.
fn copy_if_changed(from: &Path, to: &Path) -> Result<()> {
    let wanted = fs::read(from).with_context(|| from.display().to_string())?;
    if fs::read(to).is_ok_and(|there| there == wanted) {
        return Ok(());
    }
    fs::create_dir_all(to.parent().expect("a file has a folder"))?;
    fs::write(to, wanted).with_context(|| to.display().to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_bug_can_be_put_in() {
        for mutant in CATALOG.iter().chain(DURABLE) {
            let text = fs::read_to_string(workspace::root().join(mutant.file)).expect(mutant.file);
            let ill = mutant.applied(&text).expect("it stands there once");
            assert_ne!(ill, text, "{}", mutant.breaks);
        }
    }

    #[test]
    fn bugs_have_names_of_their_own() {
        let names: std::collections::BTreeSet<&str> =
            CATALOG.iter().chain(DURABLE).map(|mutant| mutant.breaks).collect();
        assert_eq!(names.len(), CATALOG.len() + DURABLE.len());
    }
}
