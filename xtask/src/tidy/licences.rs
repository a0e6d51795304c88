//! Every package we link has a licence that goes with ours.
//!
//! The list is the one of `deny.toml`, so that `cargo deny` and this test cannot disagree; the test needs no tool that
//! somebody may not have installed.

use std::collections::BTreeSet;
use std::fs;

use anyhow::{Context as _, Result};
use cargo_metadata::Metadata;
use spdx::Expression;
use spdx::expression::ExprNode;

use crate::workspace;

/// The licences that `deny.toml` allows.
pub fn allowed() -> Result<BTreeSet<String>> {
    let text = fs::read_to_string(workspace::root().join("deny.toml")).context("deny.toml")?;
    let deny: toml::Table = text.parse().context("deny.toml")?;
    let allow = deny.get("licenses").and_then(|licences| licences.get("allow")).and_then(toml::Value::as_array);
    let allow = allow.context("deny.toml has no `licenses.allow`")?;
    Ok(allow.iter().filter_map(toml::Value::as_str).map(str::to_owned).collect())
}

/// Every package whose licence is not allowed.
pub fn problems(metadata: &Metadata, allowed: &BTreeSet<String>) -> Result<Vec<String>> {
    let mut problems = Vec::new();
    let mut used = BTreeSet::new();
    for package in &metadata.packages {
        let place = format!("{} {}", package.name, package.version);
        let Some(licence) = &package.license else {
            problems.push(format!("{place}: declares no licence"));
            continue;
        };
        let expression = Expression::parse_mode(licence, spdx::ParseMode::LAX)
            .map_err(|error| anyhow::anyhow!("{place}: `{licence}`: {error}"))?;
        if !expression.evaluate(|requirement| allowed.contains(&requirement.to_string())) {
            problems.push(format!("{place}: `{licence}` is not allowed by deny.toml"));
        }
        used.extend(expression.iter().filter_map(|node| match node {
            ExprNode::Req(requirement) => Some(requirement.req.to_string()),
            ExprNode::Op(_) => None,
        }));
    }
    let unused = allowed.difference(&used);
    problems.extend(unused.map(|licence| format!("deny.toml allows `{licence}`, which no package has")));
    Ok(problems)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_licence_is_allowed_if_one_of_its_choices_is() {
        let judge = |text: &str| {
            Expression::parse(text).expect("an expression").evaluate(|requirement| requirement.to_string() == "MIT")
        };
        assert!(judge("MIT OR GPL-3.0-only"));
        assert!(!judge("MIT AND GPL-3.0-only"));
        assert!(!judge("Apache-2.0"));
    }
}
