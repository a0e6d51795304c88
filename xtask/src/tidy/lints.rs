//! The lints that guard the sans-io line are on where they must be.
//!
//! `clippy.toml` lists what asks a clock, a socket, a file, the environment, a thread or chance. The list is the
//! workspace's, because clippy reads one file for it, and the lint is off in the workspace, because a server does all
//! of that. A crate below the line turns it on in its root: this rule holds it to that.

use anyhow::Result;
use cargo_metadata::{Metadata, TargetKind};

use super::edges::BELOW;

/// The line in the root of each crate below the sans-io line.
pub const ATTRIBUTE: &str = "#![deny(clippy::disallowed_methods, clippy::disallowed_types)]";

/// Every crate below the line that does not turn the lints on.
pub fn problems(metadata: &Metadata) -> Result<Vec<String>> {
    let mut problems = Vec::new();
    let below = metadata.workspace_packages().into_iter().filter(|package| BELOW.contains(&package.name.as_str()));
    for package in below {
        for root in package.targets.iter().filter(|target| target.kind.contains(&TargetKind::Lib)) {
            let text = std::fs::read_to_string(&root.src_path)?;
            if !text.lines().any(|line| line == ATTRIBUTE) {
                problems.push(format!("{}: below the sans-io line, and lacks `{ATTRIBUTE}`", root.src_path));
            }
        }
    }
    Ok(problems)
}
