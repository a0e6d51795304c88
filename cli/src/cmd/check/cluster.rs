//! A cluster: every master is looked at as a single server is, and each is asked what it thinks of the whole.
//!
//! A node that answers proves nothing about the others: with one of three masters gone, the two that are left say PONG and
//! refuse every command about a key. So the state is theirs to tell, and a master that cannot be reached is critical
//! before they have noticed.

use std::time::Instant;

use rbq_client::{Endpoint, Error, Link};
use rbq_resp::{SLOTS, Value};

use super::HealthArgs;
use super::health::Finding;
use super::vitals::{self, Vitals, fields, number, size};
use crate::exit::Health;
use crate::failure::Result;
use crate::servers::Servers;

/// Adds the findings about every master; gives a sentence for the case that all is well.
pub(super) async fn look(servers: &mut Servers, args: &HealthArgs, findings: &mut Vec<Finding>) -> String {
    let nodes = servers.nodes();
    let mut told = Vec::new();
    for endpoint in &nodes {
        let mut of_node = Vec::new();
        match node(servers, endpoint, args, &mut of_node).await {
            Ok(vitals) => told.push(vitals),
            Err(failure) => of_node.push(Finding::failed(&failure)),
        }
        let name = endpoint.to_string();
        findings.extend(of_node.into_iter().map(|finding| finding.of_node(&name)));
    }
    let slowest = told.iter().map(|vitals| vitals.answered_in).max().unwrap_or_default();
    let used: f64 = told.iter().filter_map(|vitals| vitals.used_bytes).sum();
    let server = told.first().map_or("the server", |vitals| vitals.server.as_str());
    let (count, slowest_ms) = (nodes.len(), slowest.as_secs_f64() * 1e3);
    format!("{server}, a cluster of {count} masters, answers in {slowest_ms:.2}ms, memory {}", size(used))
}

async fn node(
    servers: &mut Servers,
    endpoint: &Endpoint,
    args: &HealthArgs,
    findings: &mut Vec<Finding>,
) -> Result<Vitals> {
    let link = servers.at(endpoint.clone()).await?;
    let asked = Instant::now();
    if let Value::Error(text) = link.call(["PING"]).await? {
        return Err(Error::from_error_reply(text).into());
    }
    vitals::look(link, args, asked.elapsed(), findings).await
}

/// Adds what a node thinks of its cluster.
pub(super) async fn state(link: &mut Link, findings: &mut Vec<Finding>) -> Result<()> {
    let info = match link.call(["CLUSTER", "INFO"]).await? {
        Value::Error(text) => {
            findings.push(Finding::plain(Health::Unknown, format!("CLUSTER INFO is refused: {text}")));
            return Ok(());
        }
        value => String::from_utf8_lossy(value.as_bytes().unwrap_or_default()).into_owned(),
    };
    judge(&info, findings);
    if let Value::Error(text) = link.call(["CLUSTER", "SLOTS"]).await? {
        // Then this one node was all that could be looked at.
        findings.push(Finding::plain(Health::Unknown, format!("CLUSTER SLOTS is refused: {text}")));
    }
    Ok(())
}

fn judge(info: &str, findings: &mut Vec<Finding>) {
    let info = fields(info);
    if info.get("cluster_state").is_none_or(|state| state != "ok") {
        findings.push(Finding::plain(Health::Critical, "the cluster is down"));
        return;
    }
    let slots = |field| number(&info, field).unwrap_or(0.0);
    // A cluster may be told to go on without some of its slots.
    let missing = f64::from(SLOTS) - (slots("cluster_slots_assigned") - slots("cluster_slots_fail"));
    if missing > 0.0 {
        findings.push(Finding::plain(Health::Critical, format!("{missing} of {SLOTS} slots are served by nobody")));
    }
}

/// Whether a node says that its cluster is down; one that is in none does not.
pub(super) async fn is_down(link: &mut Link) -> Result<bool, Error> {
    let reply = link.call(["CLUSTER", "INFO"]).await?;
    let info = String::from_utf8_lossy(reply.as_bytes().unwrap_or_default()).into_owned();
    Ok(fields(&info).get("cluster_state").is_some_and(|state| state != "ok"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cluster_is_well_while_every_slot_is_served() {
        let found = |info: &str| {
            let mut findings = Vec::new();
            judge(info, &mut findings);
            findings.into_iter().map(|finding| (finding.health, finding.text)).collect::<Vec<_>>()
        };
        let critical = |text: &str| vec![(Health::Critical, text.to_owned())];
        assert_eq!(found("cluster_state:ok\r\ncluster_slots_assigned:16384\r\ncluster_slots_fail:0\r\n"), []);
        assert_eq!(found("cluster_state:fail\r\ncluster_slots_assigned:16384\r\n"), critical("the cluster is down"));
        assert_eq!(
            found("cluster_state:ok\r\ncluster_slots_assigned:16380\r\ncluster_slots_fail:10\r\n"),
            critical("14 of 16384 slots are served by nobody")
        );
    }
}
