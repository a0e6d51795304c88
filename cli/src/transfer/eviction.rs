//! Whether a target throws keys away when it is full, and how many it has thrown away so far.
//!
//! Redis does so where it is set up as a cache. To an import each key looks taken then, and some are gone when it ends.

use super::nodes::Nodes;
use crate::failure::Result;

/// What the nodes of a server say together.
#[derive(Debug, Default)]
pub(crate) struct Eviction {
    /// The policy of a node that evicts.
    pub(crate) policy: Option<String>,
    /// Keys that were evicted since the start.
    pub(crate) evicted: u64,
}

impl Eviction {
    pub(crate) async fn of(nodes: &mut Nodes) -> Result<Self> {
        let mut told = Self::default();
        for endpoint in nodes.endpoints() {
            let client = nodes.at(&endpoint).await?;
            for section in ["memory", "stats"] {
                let info = client.call(["INFO", section]).await?;
                told.read(&String::from_utf8_lossy(info.as_bytes().unwrap_or_default()));
            }
        }
        Ok(told)
    }

    fn read(&mut self, info: &str) {
        let field =
            |name: &str| info.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':')).map(str::trim);
        let has_limit = field("maxmemory").is_some_and(|limit| limit != "0");
        if let Some(policy) = field("maxmemory_policy").filter(|policy| has_limit && *policy != "noeviction") {
            self.policy = Some(policy.to_owned());
        }
        self.evicted += field("evicted_keys").and_then(|count| count.parse::<u64>().ok()).unwrap_or(0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_server_with_a_limit_and_a_policy_evicts() {
        for (info, policy) in [
            ("maxmemory:0\r\nmaxmemory_policy:allkeys-lru\r\n", None),
            ("maxmemory:9\r\nmaxmemory_policy:noeviction\r\n", None),
            ("maxmemory:9\r\nmaxmemory_policy:allkeys-lru\r\nevicted_keys:7\r\n", Some("allkeys-lru")),
        ] {
            let mut told = Eviction::default();
            told.read(info);
            assert_eq!(told.policy.as_deref(), policy, "{info}");
        }
    }
}
