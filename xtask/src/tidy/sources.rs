//! What every Rust file must have, and must not.

use std::path::{Path, PathBuf};

use anyhow::Result;
use cargo_metadata::{Metadata, TargetKind};

use crate::workspace;

/// From here on a file says in its header why it is one idea: the header contains [`REASON`].
const LINES_MAX: usize = 600;

/// How that reason is introduced: "Why not two: …", or "It is not two files because …".
const REASON: &str = "not two";

/// Promises not kept. Spelled in two halves, so that this file does not contain them.
const UNFINISHED: &[&str] = &[
    concat!("to", "do!"),
    concat!("unimple", "mented!"),
    concat!("FIX", "ME"),
    concat!("TO", "DO"),
    concat!("#[", "ignore"),
];

/// Everything wrong with one file's text.
#[must_use]
pub fn problems_in(file: &Path, text: &str) -> Vec<String> {
    let mut problems = Vec::new();
    let mut complain = |line: usize, what: String| problems.push(format!("{}:{line}: {what}", file.display()));
    if !text.starts_with("//!") {
        complain(1, "does not begin with a `//!` header that says what it is and why".into());
    }
    let lines = text.lines().count();
    let header = text.lines().take_while(|line| line.starts_with("//!")).collect::<Vec<_>>().join(" ").to_lowercase();
    if lines > LINES_MAX && !header.contains(REASON) {
        complain(1, format!("has {lines} lines, and its header does not say why it is \"{REASON}\""));
    }
    for (index, line) in text.lines().enumerate() {
        let found = UNFINISHED.iter().find(|unfinished| line.contains(*unfinished));
        found.into_iter().for_each(|unfinished| complain(index + 1, format!("contains `{unfinished}`")));
    }
    problems
}

/// Everything wrong with the project's Rust files.
pub fn problems(files: &[PathBuf]) -> Result<Vec<String>> {
    let mut problems = Vec::new();
    for file in files.iter().filter(|file| file.extension().is_some_and(|extension| extension == "rs")) {
        let text = workspace::text(file)?.unwrap_or_default();
        problems.extend(problems_in(file, &text));
    }
    Ok(problems)
}

/// Every crate root that does not forbid unsafe code, and every crate that does not take the workspace's lints.
pub fn unsafe_problems(metadata: &Metadata) -> Result<Vec<String>> {
    let mut problems = Vec::new();
    for package in metadata.workspace_packages() {
        let manifest = std::fs::read_to_string(&package.manifest_path)?;
        if !manifest.contains("[lints]\nworkspace = true") {
            problems.push(format!("{}: does not take the workspace's lints", package.manifest_path));
        }
        let roots = package.targets.iter().filter(|target| {
            target.kind.iter().any(|kind| matches!(kind, TargetKind::Lib | TargetKind::Bin | TargetKind::ProcMacro))
        });
        for root in roots {
            let text = std::fs::read_to_string(&root.src_path)?;
            if !text.lines().any(|line| line == "#![forbid(unsafe_code)]") {
                problems.push(format!("{}: lacks `#![forbid(unsafe_code)]`", root.src_path));
            }
        }
    }
    Ok(problems)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problems_of(text: &str) -> Vec<String> {
        problems_in(Path::new("some.rs"), text)
    }

    #[test]
    fn a_file_with_a_header_is_fine() {
        assert_eq!(problems_of("//! One idea.\n\nfn main() {}\n"), Vec::<String>::new());
    }

    #[test]
    fn a_file_without_a_header_is_not() {
        assert_eq!(problems_of("use std::fs;\n").len(), 1);
    }

    #[test]
    fn a_long_file_says_why() {
        let long = "fn line() {}\n".repeat(LINES_MAX);
        assert_eq!(problems_of(&format!("//! One idea.\n{long}")).len(), 1);
        assert_eq!(problems_of(&format!("//! One idea.\n//! Why not two: it is a table.\n{long}")).len(), 0);
    }

    #[test]
    fn unfinished_work_is_found_where_it_stands() {
        for unfinished in UNFINISHED {
            let found = problems_of(&format!("//! One idea.\nfn main() {{ {unfinished}() }}\n"));
            assert!(found[0].starts_with("some.rs:2: "), "{found:?}");
        }
    }
}
