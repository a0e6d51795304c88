//! The server itself: how fast it answers, how much memory it has left, whether it keeps what it should keep.

use std::collections::HashMap;
use std::time::Duration;

use rbq_client::Link;
use rbq_resp::Value;

use super::health::{Bounds, Finding};
use super::{HealthArgs, cluster};
use crate::duration;
use crate::exit::Health;
use crate::failure::Result;
use crate::records;

/// What is said of a server that is well.
#[derive(Debug)]
pub(super) struct Vitals {
    /// `redis 7.0.15`.
    pub(super) server: String,
    pub(super) answered_in: Duration,
    pub(super) used_bytes: Option<f64>,
}

impl Vitals {
    pub(super) fn text(&self) -> String {
        let used = self.used_bytes.map_or_else(String::new, |bytes| format!(", memory {}", size(bytes)));
        format!("{} answers in {:.2}ms{used}", self.server, self.answered_in.as_secs_f64() * 1e3)
    }
}

/// Adds the findings about one server.
pub(super) async fn look(
    link: &mut Link,
    args: &HealthArgs,
    answered_in: Duration,
    findings: &mut Vec<Finding>,
) -> Result<Vitals> {
    let seconds = answered_in.as_secs_f64();
    let shown = |seconds: f64| duration::shown(Duration::from_secs_f64(seconds));
    findings.push(Finding::figure("the answer's time", "time", (seconds, "s"), Bounds::default(), shown));
    let info = match link.call(["INFO"]).await? {
        Value::Error(text) => {
            findings.push(Finding::plain(Health::Unknown, format!("INFO is refused: {text}")));
            return Ok(Vitals { server: "the server".to_owned(), answered_in, used_bytes: None });
        }
        value => fields(&String::from_utf8_lossy(value.as_bytes().unwrap_or_default())),
    };
    let known = ["rbq", "valkey", "redis"].iter().find_map(|name| Some((name, info.get(&format!("{name}_version"))?)));
    let server = known.map_or_else(|| "the server".to_owned(), |(name, version)| format!("{name} {version}"));
    memory(&info, args, findings);
    journal(&info, findings);
    unsynced(&info, args.thresholds.unsynced(), findings);
    if info.get("cluster_enabled").is_some_and(|enabled| enabled == "1") {
        cluster::state(link, findings).await?;
    }
    Ok(Vitals { server, answered_in, used_bytes: number(&info, "used_memory") })
}

fn memory(info: &HashMap<String, String>, args: &HealthArgs, findings: &mut Vec<Finding>) {
    let Some(used) = number(info, "used_memory") else {
        return findings.push(Finding::plain(Health::Unknown, "the server does not tell its memory"));
    };
    // Without a limit of its own it may use the machine's.
    let limit = number(info, "maxmemory").filter(|limit| *limit > 0.0).or(number(info, "total_system_memory"));
    let thresholds = &args.thresholds;
    let wanted = [thresholds.warn_memory, thresholds.crit_memory];
    let [warning, critical] = wanted.map(|size| size.and_then(|size| size.of(limit)));
    let bounds = Bounds { warning, critical };
    if wanted.iter().flatten().count() > [warning, critical].iter().flatten().count() {
        findings.push(Finding::plain(
            Health::Unknown,
            "a share of the memory is not known, as the server has no maxmemory",
        ));
    }
    findings.push(Finding::figure("memory", "memory", (used, "B"), bounds, size));
}

/// What the server says of its last attempts to keep something.
fn journal(info: &HashMap<String, String>, findings: &mut Vec<Finding>) {
    let failed = |field: &str| info.get(field).is_some_and(|status| status != "ok");
    if info.get("loading").is_some_and(|loading| loading != "0") {
        findings.push(Finding::plain(Health::Critical, "the server is loading its data"));
    }
    if failed("aof_last_write_status") {
        findings.push(Finding::plain(Health::Critical, "the journal cannot be written"));
    }
    for (field, what) in
        [("rdb_last_bgsave_status", "snapshot"), ("aof_last_bgrewrite_status", "rewrite of the journal")]
    {
        if failed(field) {
            findings.push(Finding::plain(Health::Warning, format!("the last {what} failed")));
        }
    }
}

/// How much of the log a power cut would take. Only rbq counts that; where nobody asks, it is a figure to plot.
fn unsynced(info: &HashMap<String, String>, bounds: Bounds<u64>, findings: &mut Vec<Finding>) {
    let bounds = bounds.map(|bound| bound as f64);
    match (number(info, "rbq_log_appended"), number(info, "rbq_log_synced")) {
        (Some(appended), Some(synced)) => {
            let records = ((appended - synced).max(0.0), "");
            let what = "the number of records not synced";
            findings.push(Finding::figure(what, "unsynced", records, bounds, |records| records.to_string()));
        }
        _ if bounds.is_set() => {
            let text = "the server does not tell how much of its log is not synced";
            findings.push(Finding::plain(Health::Unknown, text));
        }
        _ => {}
    }
}

pub(super) fn fields(info: &str) -> HashMap<String, String> {
    let pair = |line: &str| line.split_once(':').map(|(name, value)| (name.to_owned(), value.trim_end().to_owned()));
    info.lines().filter_map(pair).collect()
}

pub(super) fn number(info: &HashMap<String, String>, field: &str) -> Option<f64> {
    info.get(field)?.parse().ok()
}

pub(super) fn size(bytes: f64) -> String {
    records::size(bytes as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_power_cut_would_take_is_counted_or_unknown() {
        let found = |info: &str, critical| {
            let mut findings = Vec::new();
            unsynced(&fields(info), Bounds { warning: None, critical }, &mut findings);
            findings.into_iter().map(|finding| (finding.health, finding.text)).collect::<Vec<_>>()
        };
        let behind = "rbq_log_appended:120\r\nrbq_log_synced:100\r\n";
        let text = |more: &str| format!("the number of records not synced is 20{more}");
        assert_eq!(found(behind, None), [(Health::Ok, text(""))]);
        assert_eq!(found(behind, Some(20)), [(Health::Ok, text(""))]);
        assert_eq!(found(behind, Some(19)), [(Health::Critical, text(" (critical above 19)"))]);
        assert_eq!(found("aof_enabled:1\r\n", None), []);
        let unknown = "the server does not tell how much of its log is not synced";
        assert_eq!(found("aof_enabled:1\r\n", Some(0)), [(Health::Unknown, unknown.to_owned())]);
    }

    #[test]
    fn what_the_server_says_of_its_journal_counts() {
        let found = |info: &str| {
            let mut findings = Vec::new();
            journal(&fields(info), &mut findings);
            findings.into_iter().map(|finding| (finding.health, finding.text)).collect::<Vec<_>>()
        };
        assert_eq!(found("loading:0\r\naof_last_write_status:ok\r\n"), []);
        assert_eq!(
            found("aof_last_write_status:err\r\n"),
            [(Health::Critical, "the journal cannot be written".into())]
        );
        assert_eq!(found("rdb_last_bgsave_status:err\r\n"), [(Health::Warning, "the last snapshot failed".into())]);
        assert_eq!(found("loading:1\r\n"), [(Health::Critical, "the server is loading its data".into())]);
    }
}
