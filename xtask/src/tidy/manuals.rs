//! What the manuals tell people to do can be done.
//!
//! In every Markdown file: a `cargo xtask …` names a subcommand and options that exist, a `cargo … -p …` names a
//! package of ours, a relative link leads to a file.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use anyhow::Result;
use cargo_metadata::Metadata;
use clap::CommandFactory as _;

use crate::{Cli, workspace};

/// Every line of a manual that tells what cannot be done.
pub fn problems(metadata: &Metadata, files: &[PathBuf]) -> Result<Vec<String>> {
    let packages: BTreeSet<&str> = metadata.workspace_packages().iter().map(|package| package.name.as_str()).collect();
    let mut problems = Vec::new();
    for file in files.iter().filter(|file| file.extension().is_some_and(|extension| extension == "md")) {
        let text = workspace::text(file)?.unwrap_or_default();
        for (index, line) in text.lines().enumerate() {
            let wrong = commands_in(line, &packages).into_iter().chain(links_in(line, file));
            problems.extend(wrong.map(|what| format!("{}:{}: {what}", file.display(), index + 1)));
        }
    }
    Ok(problems)
}

fn commands_in(line: &str, packages: &BTreeSet<&str>) -> Vec<String> {
    let mut problems = Vec::new();
    for (at, _) in line.match_indices("cargo ") {
        let command = line[at..].split(['`', '#', '|', ';', '&']).next().unwrap_or_default();
        let words: Vec<&str> = command.split_whitespace().collect();
        if words.get(1) == Some(&"xtask") {
            problems.extend(xtask_problem(&words[2..]));
        }
        let named = words.windows(2).filter(|pair| matches!(pair[0], "-p" | "--package"));
        let unknown = named.filter(|pair| !packages.contains(pair[1]) && pair[1] != "…");
        problems.extend(unknown.map(|pair| format!("there is no package `{}`", pair[1])));
    }
    problems
}

fn xtask_problem(words: &[&str]) -> Option<String> {
    let name = words.first().filter(|word| word.chars().all(|letter| letter.is_ascii_lowercase() || letter == '-'))?;
    let xtask = Cli::command();
    let Some(subcommand) = xtask.find_subcommand(name) else {
        return Some(format!("there is no `cargo xtask {name}`"));
    };
    let known: BTreeSet<&str> = subcommand.get_arguments().filter_map(clap::Arg::get_long).collect();
    let options = words[1..].iter().filter_map(|word| word.trim_matches(['[', ']']).strip_prefix("--"));
    let unknown = options.map(|option| option.split('=').next().unwrap_or_default()).find(|name| !known.contains(name));
    unknown.map(|option| format!("`cargo xtask {name}` has no option `--{option}`"))
}

fn links_in(line: &str, file: &Path) -> Vec<String> {
    let targets = line.split("](").skip(1).filter_map(|rest| rest.split(')').next());
    let relative = targets.filter(|target| !target.contains("://") && !target.starts_with(['#', '<']));
    let folder = workspace::root().join(file.parent().unwrap_or(Path::new("")));
    let broken = relative.filter(|target| {
        let path = target.split('#').next().unwrap_or_default();
        !folder.join(path).exists()
    });
    broken.map(|target| format!("the link to `{target}` leads nowhere")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problems_in(line: &str) -> Vec<String> {
        commands_in(line, &BTreeSet::from(["rbq-server"]))
    }

    #[test]
    fn commands_that_exist_are_fine() {
        assert_eq!(problems_in("Run `cargo xtask test`, then `cargo run -p rbq-server`."), Vec::<String>::new());
        assert_eq!(problems_in("A `cargo xtask <subcommand>` is one of our tools."), Vec::<String>::new());
    }

    #[test]
    fn commands_that_do_not_exist_are_found() {
        assert_eq!(problems_in("cargo xtask tset"), ["there is no `cargo xtask tset`"]);
        assert_eq!(problems_in("cargo xtask test --hastily"), ["`cargo xtask test` has no option `--hastily`"]);
        assert_eq!(problems_in("cargo run -p rbq-sever"), ["there is no package `rbq-sever`"]);
    }

    #[test]
    fn links_that_lead_nowhere_are_found() {
        let links = |line| links_in(line, Path::new("README.md"));
        assert_eq!(links("[the manifest](Cargo.toml#top) and [Redis](https://redis.io)"), Vec::<String>::new());
        assert_eq!(links("[it](docs/nowhere.md)"), ["the link to `docs/nowhere.md` leads nowhere"]);
    }
}
