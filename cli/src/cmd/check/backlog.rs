//! What waits to be worked off: groups behind their streams, queues, dead letters.
//!
//! A group's lag is what the server says (Redis 7); where it does not say, it is counted, up to the highest threshold. Age is
//! that of the oldest entry which the group has not acknowledged: pending, or not delivered yet. It is read from the entry's
//! ID by the server's own clock, so an ID that is no time has no age.

use std::time::Duration;

use rbq_client::Request;

use super::HealthArgs;
use super::health::{Bounds, Finding};
use crate::cmd::keyspace::find::search;
use crate::cmd::keyspace::groups::{self, COUNT_MAX};
use crate::cmd::keyspace::kind::{Kind, shown, type_of};
use crate::deadletter::SUFFIX;
use crate::duration;
use crate::exit::Health;
use crate::facts::number;
use crate::failure::Result;
use crate::servers::Servers;

/// The sums, for the sentence when all is well.
#[derive(Debug, Default)]
struct Totals {
    groups: u64,
    lag_max: u64,
    age_max_ms: u64,
    queued: u64,
    dead: u64,
}

/// Where the findings go, and by what they are judged.
struct Look<'a> {
    servers: &'a mut Servers,
    args: &'a HealthArgs,
    now_ms: u64,
    totals: Totals,
    findings: &'a mut Vec<Finding>,
}

/// Adds the findings; gives the rest of a sentence for the case that all is well.
pub(super) async fn look(servers: &mut Servers, args: &HealthArgs, findings: &mut Vec<Finding>) -> Result<String> {
    let now_ms = servers.time_ms().await?;
    let mut keys: Vec<Vec<u8>> = args.key.iter().map(|key| key.clone().into_bytes()).collect();
    if keys.is_empty() {
        let with_queues = args.thresholds.length().is_set();
        let kinds = if with_queues { &[Kind::Stream, Kind::Queue][..] } else { &[Kind::Stream] };
        let mut is_cut = false;
        for kind in kinds {
            let found = search(servers, *kind, None, usize::MAX).await?;
            keys.extend(found.keys);
            is_cut |= found.is_cut;
        }
        if is_cut {
            findings
                .push(Finding::plain(Health::Unknown, "there are more keys than are looked at; name some with --key"));
        }
    }
    let named = args.key.iter().flat_map(|key| [format!("{key}{SUFFIX}"), format!("{{{key}}}{SUFFIX}")]);
    keys.extend(named.chain(args.dlq.iter().cloned()).map(String::into_bytes));
    keys.sort();
    keys.dedup();
    let mut look = Look { servers, args, now_ms, totals: Totals::default(), findings };
    for key in &keys {
        look.key(key).await?;
    }
    let Totals { groups, lag_max, age_max_ms, queued, dead } = look.totals;
    let age = duration::shown(Duration::from_millis(age_max_ms));
    Ok(format!(
        ", {groups} group{} with lag {lag_max} and age {age} at most, {queued} queued, {dead} dead letter{}",
        plural(groups),
        plural(dead)
    ))
}

fn plural(count: u64) -> &'static str {
    if count == 1 { "" } else { "s" }
}

impl Look<'_> {
    async fn key(&mut self, key: &[u8]) -> Result<()> {
        let is_dead = key.ends_with(SUFFIX.as_bytes()) || self.args.dlq.iter().any(|dlq| dlq.as_bytes() == key);
        match type_of(self.servers, key).await?.as_str() {
            // An empty queue is not there, nor is a dead-letter stream before the first.
            "none" if is_dead || !self.wants_group(key) || self.args.thresholds.length().is_set() => Ok(()),
            "none" => {
                self.findings.push(Finding::plain(Health::Unknown, format!("there is no stream `{}`", shown(key))));
                Ok(())
            }
            "stream" if is_dead => self.dead(key).await,
            "stream" => self.groups(key).await,
            "list" => self.queue(key).await,
            other => {
                let text = format!("`{}` is a {other}, and no queue or stream", shown(key));
                self.findings.push(Finding::plain(Health::Unknown, text));
                Ok(())
            }
        }
    }

    /// Whether somebody counts on groups there: the key is named, and a threshold judges what only groups have.
    fn wants_group(&self, key: &[u8]) -> bool {
        let bounds = &self.args.thresholds;
        let is_named = self.args.key.iter().any(|name| name.as_bytes() == key);
        is_named && (bounds.lag().is_set() || bounds.age().is_set())
    }

    async fn dead(&mut self, key: &[u8]) -> Result<()> {
        let length = number(&self.servers.ask(key, Request::new("XLEN").arg(key)).await?).unwrap_or(0);
        self.totals.dead += length;
        let (name, bounds) = (shown(key), self.args.thresholds.dead());
        let what = format!("the number of dead letters in `{name}`");
        self.findings.push(count(&what, format!("dead {name}"), length, bounds));
        Ok(())
    }

    async fn queue(&mut self, key: &[u8]) -> Result<()> {
        let length = number(&self.servers.ask(key, Request::new("LLEN").arg(key)).await?).unwrap_or(0);
        self.totals.queued += length;
        let (name, bounds) = (shown(key), self.args.thresholds.length());
        self.findings.push(count(&format!("the length of `{name}`"), format!("length {name}"), length, bounds));
        Ok(())
    }

    async fn groups(&mut self, key: &[u8]) -> Result<()> {
        let bounds = self.args.thresholds.lag();
        // One above the highest bound is above it as far as anything is.
        let count_max = bounds.most().map_or(COUNT_MAX, |most| most.saturating_add(1).min(u64::MAX - 1));
        let groups = groups::of_stream(self.servers, key).await?;
        if groups.is_empty() && self.wants_group(key) {
            let text = format!("the stream `{}` has no group", shown(key));
            self.findings.push(Finding::plain(Health::Unknown, text));
        }
        for group in groups {
            let lag = group.lag(self.servers, key, count_max).await?.entries;
            let oldest = group.oldest(self.servers, key).await?;
            let age_ms = oldest.and_then(|id| id.age_ms(self.now_ms)).unwrap_or(0);
            self.totals.groups += 1;
            self.totals.lag_max = self.totals.lag_max.max(lag);
            self.totals.age_max_ms = self.totals.age_max_ms.max(age_ms);
            let place = format!("{}/{}", shown(key), shown(&group.name));
            self.findings.push(count(&format!("the lag of `{place}`"), format!("lag {place}"), lag, bounds));
            let bounds = self.args.thresholds.age().map(|age| age.as_secs_f64());
            let shown = |seconds: f64| duration::shown(Duration::from_secs_f64(seconds));
            let (what, age) = (format!("the age of `{place}`"), (age_ms as f64 / 1e3, "s"));
            self.findings.push(Finding::figure(&what, format!("age {place}"), age, bounds, shown));
        }
        Ok(())
    }
}

fn count(what: &str, label: String, value: u64, bounds: Bounds<u64>) -> Finding {
    Finding::figure(what, label, (value as f64, ""), bounds.map(|bound| bound as f64), |value| value.to_string())
}
