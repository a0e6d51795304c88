//! What waits to be worked off: groups behind their streams, queues, dead letters.
//!
//! A group's lag is what the server says (Redis 7); where it does not say, it is counted, up to the highest threshold. Age is
//! that of the oldest entry which the group has not acknowledged: pending, or not delivered yet. It is read from the entry's
//! ID by the server's own clock, so an ID that is no time has no age.
//!
//! Dead letters are found as `rbq dlq ls` finds them: by the mark of a stream's first entry, wherever they are, and by names.

use std::collections::BTreeSet;
use std::time::Duration;

use rbq_client::Request;
use rbq_resp::Value;

use super::HealthArgs;
use super::health::{Bounds, Finding};
use crate::cmd::dlq::keys::{QUARANTINE, beside, is_named_so};
use crate::cmd::keyspace::find::search;
use crate::cmd::keyspace::groups::{self, COUNT_MAX};
use crate::cmd::keyspace::kind::{Kind, shown, type_of};
use crate::cmd::keyspace::own::is_own;
use crate::deadletter::{SUFFIX, is_marked};
use crate::duration;
use crate::entries;
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
    /// Streams that hold dead letters, and names under which there may be one.
    dead: BTreeSet<Vec<u8>>,
    totals: Totals,
    /// How many of the keys that were named are of each kind.
    named: Named,
    findings: &'a mut Vec<Finding>,
}

#[derive(Debug, Default)]
struct Named {
    streams: u64,
    queues: u64,
}

/// Adds the findings; gives the rest of a sentence for the case that all is well.
pub(super) async fn look(servers: &mut Servers, args: &HealthArgs, findings: &mut Vec<Finding>) -> Result<String> {
    let now_ms = servers.time_ms().await?;
    let (totals, named) = (Totals::default(), Named::default());
    let mut look = Look { servers, args, now_ms, dead: BTreeSet::new(), totals, named, findings };
    let mut keys: BTreeSet<Vec<u8>> = args.key.iter().map(|key| key.clone().into_bytes()).collect();
    if keys.is_empty() {
        keys = look.all_keys().await?;
    }
    look.add_dead_by_name();
    keys.extend(look.dead.iter().cloned());
    for key in &keys {
        look.key(key).await?;
    }
    look.judge_thresholds();
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
    /// Every stream, and with a threshold on length every queue.
    async fn all_keys(&mut self) -> Result<BTreeSet<Vec<u8>>> {
        let streams = search(self.servers, Kind::Stream, None, usize::MAX).await?;
        self.find_dead(&streams.keys).await?;
        let mut is_cut = streams.is_cut;
        let mut keys: BTreeSet<Vec<u8>> = streams.keys.into_iter().collect();
        if self.args.thresholds.length().is_set() {
            let queues = search(self.servers, Kind::Queue, None, usize::MAX).await?;
            is_cut |= queues.is_cut;
            // What a consumer has in hand is no queue.
            keys.extend(queues.keys.into_iter().filter(|key| !is_own(Kind::Queue, key)));
        }
        if is_cut {
            self.unknown("there are more keys than are looked at; name some with --key");
        }
        Ok(keys)
    }

    /// Which of these streams hold dead letters. Where the first entry may not be read, that is unknown.
    async fn find_dead(&mut self, streams: &[Vec<u8>]) -> Result<()> {
        let first = |key: &Vec<u8>| Request::new("XRANGE").arg(key).args(["-", "+", "COUNT", "1"]);
        let requests = streams.iter().map(|key| (key.as_slice(), first(key))).collect();
        let replies = self.servers.gather(requests).await?;
        for (key, reply) in streams.iter().zip(replies) {
            if is_named_so(key) {
                self.dead.insert(key.clone());
                continue;
            }
            match reply {
                // It has become something else since.
                Value::Error(text) if text.starts_with("WRONGTYPE") => {}
                Value::Error(text) => {
                    if self.args.thresholds.dead().is_set() {
                        self.unknown(format!("whether `{}` holds dead letters is not known: {text}", shown(key)));
                    }
                }
                reply => {
                    if entries::read(reply)?.first().is_some_and(|entry| is_marked(&entry.fields)) {
                        self.dead.insert(key.clone());
                    }
                }
            }
        }
        Ok(())
    }

    /// Names under which the keys that were named have their dead letters, and the quarantines beside those.
    fn add_dead_by_name(&mut self) {
        let of_keys = self.args.key.iter().flat_map(|key| [format!("{key}{SUFFIX}"), format!("{{{key}}}{SUFFIX}")]);
        let by_name: Vec<Vec<u8>> = of_keys.chain(self.args.dlq.iter().cloned()).map(String::into_bytes).collect();
        let quarantines: Vec<Vec<u8>> = by_name.iter().map(|key| beside(self.servers, key, QUARANTINE)).collect();
        self.dead.extend(by_name.into_iter().chain(quarantines));
    }

    fn unknown(&mut self, text: impl Into<String>) {
        self.findings.push(Finding::plain(Health::Unknown, text));
    }

    async fn key(&mut self, key: &[u8]) -> Result<()> {
        // By habit of its name alone nobody works on it; by its mark it may be a stream like any other as well.
        let is_only_dead = [SUFFIX, QUARANTINE].iter().any(|suffix| key.ends_with(suffix.as_bytes()));
        let is_dead = is_only_dead || self.dead.contains(key);
        let is_named = self.args.key.iter().any(|name| name.as_bytes() == key);
        match type_of(self.servers, key).await?.as_str() {
            // An empty queue is not there, nor is a dead-letter stream before the first.
            "none" if is_dead || !self.wants_group(key) || self.args.thresholds.length().is_set() => {
                self.named.queues += u64::from(is_named);
                Ok(())
            }
            "none" => {
                self.unknown(format!("there is no stream `{}`", shown(key)));
                Ok(())
            }
            "stream" => {
                if is_named {
                    self.named.streams += 1;
                    self.judge_stream(key, is_dead);
                }
                if is_dead {
                    self.dead(key).await?;
                }
                if is_only_dead { Ok(()) } else { self.groups(key).await }
            }
            "list" if self.args.dlq.iter().any(|name| name.as_bytes() == key) => {
                self.unknown(format!("`{}` is a queue, and dead letters are in a stream", shown(key)));
                Ok(())
            }
            "list" => {
                if is_named {
                    self.named.queues += 1;
                    self.judge_queue(key);
                }
                self.queue(key).await
            }
            other => {
                self.unknown(format!("`{}` is a {other}, and no queue or stream", shown(key)));
                Ok(())
            }
        }
    }

    /// A stream that was named, and that none of the thresholds on keys can judge.
    fn judge_stream(&mut self, key: &[u8], is_dead: bool) {
        let bounds = &self.args.thresholds;
        let (on_groups, on_length) = (bounds.lag().is_set() || bounds.age().is_set(), bounds.length().is_set());
        let name = shown(key);
        if is_dead && on_length && !bounds.dead().is_set() {
            self.unknown(format!("`{name}` holds dead letters, and length is a queue's: --warn-dead judges them"));
        } else if !is_dead && on_length && !on_groups {
            self.unknown(format!("`{name}` is a stream, and length is a queue's: --warn-lag and --warn-age judge it"));
        }
    }

    /// The same of a queue.
    fn judge_queue(&mut self, key: &[u8]) {
        let bounds = &self.args.thresholds;
        if (bounds.lag().is_set() || bounds.age().is_set()) && !bounds.length().is_set() {
            self.unknown(format!(
                "`{}` is a queue, and lag and age are a group's: --warn-length judges it",
                shown(key)
            ));
        }
    }

    /// A threshold that judges none of the keys that were named, while another one judges some.
    fn judge_thresholds(&mut self) {
        let bounds = &self.args.thresholds;
        let (on_groups, on_length) = (bounds.lag().is_set() || bounds.age().is_set(), bounds.length().is_set());
        if self.args.key.is_empty() || !on_groups || !on_length {
            return;
        }
        if self.named.streams == 0 {
            self.unknown("a threshold on lag or age judges streams, and --key names none");
        }
        if self.named.queues == 0 {
            self.unknown("a threshold on length judges queues, and --key names none");
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
            self.unknown(text);
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
