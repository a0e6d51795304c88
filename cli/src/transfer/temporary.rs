//! The name under which a key is made until it is whole, and what is done about those that never became so.
//!
//! ```text
//!   NAME:rbq:import:RUN      in NAME's slot; RUN is 16 hexadecimal digits, drawn for each import
//!   rbq-import-RUN           what the connections of that import are called
//! ```
//!
//! Invariant: only what is whole has the name that it has in the source. An import that was killed leaves at most one key under
//! a temporary name, and the next import removes it.
//!
//! An import that is still at work is known by its connections: names are looked for first and connections afterwards, so one
//! that begins meanwhile is not taken for dead. A name of its own for each run, because commands of a run that was killed may
//! arrive after the next has begun.

use rbq_client::{Client, Error, Request};
use rbq_resp::slot;

use super::nodes::{Nodes, databases};
use super::scan::Scan;
use crate::failure::Result;

const MARK: &[u8] = b":rbq:import:";

const RUN_DIGITS: usize = 16;

const CONNECTION: &str = "rbq-import-";

/// One import.
#[derive(Debug, Clone)]
pub(crate) struct Run(String);

impl Run {
    pub(crate) fn draw() -> Self {
        Self(format!("{:0RUN_DIGITS$x}", fastrand::u64(..)))
    }

    /// What its connections are called.
    pub(crate) fn connection(&self) -> String {
        format!("{CONNECTION}{}", self.0)
    }

    /// The name for a key, in the slot of the key.
    pub(crate) fn name(&self, key: &[u8]) -> Vec<u8> {
        let behind = |name: &[&[u8]]| [&name.concat(), MARK, self.0.as_bytes()].concat();
        let plain = behind(&[key]);
        let tagged = || behind(&[b"{", key, b"}"]);
        // A name with braces that are no hash tag gets a tag in front: a number, as there is one for each slot.
        let numbered = |number: u32| behind(&[b"{", number.to_string().as_bytes(), b"}", key]);
        [plain, tagged()]
            .into_iter()
            .chain((0..).map(numbered))
            .find(|name| slot(name) == slot(key))
            .expect("numbers of six digits reach all 16384 slots")
    }
}

/// The run of an import that made this name, if one did.
pub(crate) fn run_of(name: &[u8]) -> Option<&[u8]> {
    let (before, run) = name.split_at_checked(name.len().checked_sub(RUN_DIGITS)?)?;
    let is_run = run.iter().all(|digit| digit.is_ascii_digit() || (b'a'..=b'f').contains(digit));
    (is_run && before.ends_with(MARK)).then_some(run)
}

/// Removes what imports left that are no longer at work, and tells how many keys those were.
///
/// A server that will not show its keys or its connections is left as it is: what is there has no name that anybody uses.
pub(crate) async fn sweep(nodes: &mut Nodes) -> Result<usize> {
    let mut removed = 0;
    for endpoint in nodes.endpoints() {
        let client = nodes.at(&endpoint).await?;
        match sweep_node(&client).await {
            Ok(count) => removed += count,
            Err(crate::failure::Failure::Server(Error::Reply(_))) => {}
            Err(failure) => return Err(failure),
        }
    }
    Ok(removed)
}

async fn sweep_node(client: &Client) -> Result<usize> {
    let mut left = Vec::new();
    for db in databases(client, None).await?.0 {
        client.call(["SELECT", &db.to_string()]).await?;
        left.extend(unfinished(client).await?.into_iter().map(|name| (db, name)));
    }
    if left.is_empty() {
        return Ok(0);
    }
    let list = client.call(["CLIENT", "LIST"]).await?;
    let list = String::from_utf8_lossy(list.as_bytes().unwrap_or_default()).into_owned();
    let names: Vec<&str> = list.split_ascii_whitespace().filter_map(|word| word.strip_prefix("name=")).collect();
    left.retain(|(_, name)| {
        let run = run_of(name).map(String::from_utf8_lossy).unwrap_or_default();
        !names.contains(&format!("{CONNECTION}{run}").as_str())
    });
    for (db, name) in &left {
        client.call(["SELECT", &db.to_string()]).await?;
        client.call(Request::new("UNLINK").arg(name)).await?;
    }
    Ok(left.len())
}

async fn unfinished(client: &Client) -> Result<Vec<Vec<u8>>> {
    let mut found = Vec::new();
    let pattern = [b"*", MARK, b"*"].concat();
    let mut scan = Scan::begin();
    while let Some(names) = scan.next(client, Some(&pattern)).await? {
        found.extend(names.into_iter().filter(|name| run_of(name).is_some()));
    }
    found.sort();
    found.dedup();
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_temporary_name_is_in_the_slot_of_its_key_whatever_braces_that_has() {
        let run = Run::draw();
        for key in ["jobs", "{jobs}:1", "a}b", "{}x", "}{", "{", "", "{a}{b}", "x{y", "{{a}}"] {
            let name = run.name(key.as_bytes());
            assert_eq!(slot(&name), slot(key.as_bytes()), "{key}");
            assert_eq!(run_of(&name), Some(run.0.as_bytes()), "{key}");
        }
        assert!(run.name(b"{jobs}:1").starts_with(b"{jobs}:1:rbq:import:"));
        assert!(run.name(b"jobs").starts_with(b"{jobs}:rbq:import:"));
    }

    #[test]
    fn no_other_name_is_taken_for_one() {
        for name in
            ["jobs", "jobs:rbq:import:", "jobs:rbq:import:0123", "jobs:rbq:import:0123456789ABCDEF", "0123456789abcdef"]
        {
            assert_eq!(run_of(name.as_bytes()), None, "{name}");
        }
    }
}
