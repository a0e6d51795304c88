//! Which crate may use which.
//!
//! The layers of the architecture as data. An edge that is not here is a decision: it gets a commit of its own with a
//! line of why. Tests are freer: a crate's tests may use [`FOR_TESTS`] as well.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Result;
use cargo_metadata::{DependencyKind, Metadata, Package, PackageId};

/// Each crate and the crates of this workspace that it is built on.
pub const EDGES: &[(&str, &[&str])] = &[
    ("rbq-resp", &[]),
    ("rbq-pubsub", &[]),
    ("rbq-listqueue", &[]),
    ("rbq-stream", &[]),
    ("rbq-broker", &["rbq-resp", "rbq-pubsub", "rbq-listqueue", "rbq-stream"]),
    ("rbq-journal", &[]),
    ("rbq-client", &["rbq-resp"]),
    ("rbq-rdb", &[]),
    ("rbq-server", &["rbq-broker", "rbq-journal", "rbq-resp"]),
    ("rbq-transcript", &["rbq-resp"]),
    ("rbq", &["rbq-broker", "rbq-client", "rbq-journal", "rbq-rdb", "rbq-resp", "rbq-server"]),
];

/// The tools may use any crate; no crate may use the tools.
const TOOLS: &str = "xtask";

/// What the tests of any crate may use besides.
pub const FOR_TESTS: &[&str] = &["rbq-transcript", "rbq-client"];

/// The crates below the sans-io line.
pub const BELOW: &[&str] = &["rbq-resp", "rbq-pubsub", "rbq-listqueue", "rbq-stream", "rbq-broker"];

/// What has no business below the sans-io line, not even through another dependency.
const IO: &[&str] = &[
    "async-std",
    "chrono",
    "crossbeam-channel",
    "fastrand",
    "getrandom",
    "jiff",
    "mio",
    "num_cpus",
    "parking_lot",
    "rand",
    "rand_core",
    "rayon",
    "rustix",
    "smol",
    "socket2",
    "tempfile",
    "time",
    "tokio",
    "tracing",
];

/// The one crate that names `redis-protocol`.
const WIRE: &str = "rbq-resp";

/// Every dependency that breaks the layers.
pub fn problems(metadata: &Metadata) -> Result<Vec<String>> {
    let allowed: BTreeMap<&str, &[&str]> = EDGES.iter().copied().collect();
    let members: BTreeSet<&str> = metadata.workspace_packages().iter().map(|package| package.name.as_str()).collect();
    let mut problems = Vec::new();
    for package in metadata.workspace_packages() {
        let name = package.name.as_str();
        if name != TOOLS {
            match allowed.get(name) {
                Some(allowed) => problems.extend(unknown_edges(package, allowed, &members)),
                None => problems.push(format!("`{name}` is not in the list of edges")),
            }
        }
        if name != WIRE && depends_on(package, "redis-protocol") {
            problems.push(format!("`{name}` depends on redis-protocol; only `{WIRE}` does"));
        }
        if BELOW.contains(&name) {
            let reached = reached_from(metadata, &package.id);
            let banned = IO.iter().filter(|banned| reached.contains(*banned));
            problems.extend(banned.map(|banned| format!("`{name}` is below the sans-io line and reaches `{banned}`")));
        }
    }
    let gone = EDGES.iter().filter(|(name, _)| !members.contains(name));
    problems.extend(gone.map(|(name, _)| format!("`{name}` is in the list of edges and not in the workspace")));
    Ok(problems)
}

fn unknown_edges(package: &Package, allowed: &[&str], members: &BTreeSet<&str>) -> Vec<String> {
    let to_members = package.dependencies.iter().filter(|dependency| members.contains(dependency.name.as_str()));
    let unknown = to_members.filter(|dependency| {
        let name = dependency.name.as_str();
        let for_tests = dependency.kind == DependencyKind::Development && FOR_TESTS.contains(&name);
        !allowed.contains(&name) && !for_tests
    });
    unknown.map(|dependency| format!("`{}` may not depend on `{}`", package.name, dependency.name)).collect()
}

fn depends_on(package: &Package, name: &str) -> bool {
    package.dependencies.iter().any(|dependency| dependency.name == name)
}

/// The names of all packages that are linked into this one; build scripts and tests do not count.
fn reached_from<'m>(metadata: &'m Metadata, start: &'m PackageId) -> BTreeSet<&'m str> {
    let resolve = metadata.resolve.as_ref().expect("cargo resolves unless told not to");
    let nodes: BTreeMap<&PackageId, _> = resolve.nodes.iter().map(|node| (&node.id, node)).collect();
    let mut seen = BTreeSet::from([start]);
    let mut ahead = vec![start];
    while let Some(id) = ahead.pop() {
        for dependency in &nodes[id].deps {
            let linked = dependency.dep_kinds.iter().any(|info| info.kind == DependencyKind::Normal);
            if linked && seen.insert(&dependency.pkg) {
                ahead.push(&dependency.pkg);
            }
        }
    }
    seen.remove(start);
    seen.into_iter().map(|id| metadata[id].name.as_str()).collect()
}
