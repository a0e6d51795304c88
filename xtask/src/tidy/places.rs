//! No file knows the machine it was written on.
//!
//! A path of a workplace or scratch folder, or the host of a private registry, works in one place only. Programs
//! that need a scratch folder ask for one; the lock file names the public registry and nothing else.

use std::path::PathBuf;

use anyhow::Result;

use crate::workspace;

/// Spelled in two halves, so that this file does not contain them.
const MACHINE: &[&str] = &[
    concat!("/wo", "rk/"),
    concat!("/ro", "ot/"),
    concat!("/t", "mp/"),
    concat!("arti", "factory"),
    concat!("index.crates", ".io"),
];

/// The one place packages come from.
const REGISTRY: &str = "registry+https://github.com/rust-lang/crates.io-index";

/// Every line that names a place of one machine.
pub fn problems(files: &[PathBuf]) -> Result<Vec<String>> {
    let mut problems = Vec::new();
    for file in files {
        let Some(text) = workspace::text(file)? else { continue };
        for (index, line) in text.lines().enumerate() {
            let place = format!("{}:{}", file.display(), index + 1);
            problems.extend(problem_in(line).map(|what| format!("{place}: {what}")));
            let is_lock = file.ends_with("Cargo.lock");
            if is_lock && line.starts_with("source = ") && !line.contains(REGISTRY) {
                problems.push(format!("{place}: a package that does not come from crates.io"));
            }
        }
    }
    Ok(problems)
}

fn problem_in(line: &str) -> Option<String> {
    MACHINE.iter().find(|needle| line.contains(*needle)).map(|needle| format!("names `{needle}`"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_of_one_machine_are_found() {
        for needle in MACHINE {
            assert!(problem_in(&format!("see {needle}file")).is_some());
        }
        assert_eq!(problem_in("/var/lib/rbq and /etc/rbq.conf are places of every machine"), None);
    }
}
