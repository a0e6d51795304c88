//! What waits to be worked off: groups behind their streams, queues, dead letters.
//!
//! A group's lag is what the server says (Redis 7); where it does not say, it is counted, up to the highest threshold. Age is
//! that of the oldest entry which the group has not acknowledged: pending, or not delivered yet. It is read from the entry's
//! ID by the server's own clock, so an ID that is no time ([`TIME_MS_MIN`]) has no age.

use std::time::Duration;

use rbq_client::{Error, Link, Request};
use rbq_resp::Value;

use super::HealthArgs;
use super::health::{Bounds, Finding};
use crate::duration;
use crate::exit::Health;
use crate::failure::Result;

/// IDs below this are numbers of somebody's own: as times they would lie before September 2001.
const TIME_MS_MIN: u64 = 1_000_000_000_000;

/// Entries counted at a time where the server does not say the lag.
const PAGE: u64 = 1000;

/// Keys the server looks at in one step of a search.
const SCAN_COUNT: &str = "1000";

/// What a dead-letter stream is called, unless told otherwise.
const DEAD: &str = ".dlq";

/// The sums, for the sentence when all is well.
#[derive(Debug, Default)]
struct Totals {
    groups: u64,
    lag_max: u64,
    age_max_ms: u64,
    queued: u64,
    dead: u64,
}

/// Adds the findings; gives the rest of a sentence for the case that all is well.
pub(super) async fn look(link: &mut Link, args: &HealthArgs, findings: &mut Vec<Finding>) -> Result<String> {
    let now_ms = server_time_ms(link).await?;
    let mut keys = args.key.clone();
    if keys.is_empty() {
        keys = streams(link).await?;
    }
    let named: Vec<String> =
        args.key.iter().flat_map(|key| [format!("{key}{DEAD}"), format!("{{{key}}}{DEAD}")]).collect();
    keys.extend(named.into_iter().chain(args.dlq.iter().cloned()));
    keys.sort();
    keys.dedup();
    let mut totals = Totals::default();
    for key in &keys {
        let is_dead = key.ends_with(DEAD) || args.dlq.contains(key);
        match text(call(link, &["TYPE", key]).await?).as_str() {
            // An empty queue is not there, nor is a dead-letter stream before the first.
            "none" => {}
            "stream" if is_dead => dead(link, key, args, &mut totals, findings).await?,
            "stream" => groups(link, key, now_ms, args, &mut totals, findings).await?,
            "list" => queue(link, key, args, &mut totals, findings).await?,
            other => {
                findings.push(Finding::plain(Health::Unknown, format!("`{key}` is a {other}, and no queue or stream")))
            }
        }
    }
    let Totals { groups, lag_max, age_max_ms, queued, dead } = totals;
    let age = duration::shown(Duration::from_millis(age_max_ms));
    Ok(format!(", {groups} groups with lag {lag_max} and age {age} at most, {queued} queued, {dead} dead letters"))
}

async fn dead(
    link: &mut Link,
    key: &str,
    args: &HealthArgs,
    totals: &mut Totals,
    findings: &mut Vec<Finding>,
) -> Result<()> {
    let length = number(call(link, &["XLEN", key]).await?);
    totals.dead += length;
    findings.push(count(
        &format!("the number of dead letters in `{key}`"),
        format!("dead {key}"),
        length,
        args.thresholds.dead(),
    ));
    Ok(())
}

async fn queue(
    link: &mut Link,
    key: &str,
    args: &HealthArgs,
    totals: &mut Totals,
    findings: &mut Vec<Finding>,
) -> Result<()> {
    let length = number(call(link, &["LLEN", key]).await?);
    totals.queued += length;
    findings.push(count(&format!("the length of `{key}`"), format!("length {key}"), length, args.thresholds.length()));
    Ok(())
}

async fn groups(
    link: &mut Link,
    key: &str,
    now_ms: u64,
    args: &HealthArgs,
    totals: &mut Totals,
    findings: &mut Vec<Finding>,
) -> Result<()> {
    for group in array(call(link, &["XINFO", "GROUPS", key]).await?) {
        let facts = pairs(group);
        let fact = |name: &str| facts.iter().find(|(known, _)| known == name).map(|(_, value)| value.clone());
        let name = fact("name").map(text).unwrap_or_default();
        let last = fact("last-delivered-id").map(text).unwrap_or_default();
        let lag = match fact("lag") {
            Some(Value::Integer(lag)) => u64::try_from(lag).unwrap_or(0),
            _ => counted(link, key, &last, args.thresholds.lag().most()).await?,
        };
        let oldest = oldest_ms(link, key, &name, &last).await?;
        let age_ms = oldest.filter(|ms| *ms >= TIME_MS_MIN).map_or(0, |ms| now_ms.saturating_sub(ms));
        totals.groups += 1;
        totals.lag_max = totals.lag_max.max(lag);
        totals.age_max_ms = totals.age_max_ms.max(age_ms);
        let place = format!("{key}/{name}");
        findings.push(count(&format!("the lag of `{place}`"), format!("lag {place}"), lag, args.thresholds.lag()));
        let bounds = args.thresholds.age().map(|age| age.as_secs_f64());
        let shown = |seconds: f64| duration::shown(Duration::from_secs_f64(seconds));
        let age = (age_ms as f64 / 1e3, "s");
        findings.push(Finding::figure(&format!("the age of `{place}`"), format!("age {place}"), age, bounds, shown));
    }
    Ok(())
}

fn count(what: &str, label: String, value: u64, bounds: Bounds<u64>) -> Finding {
    Finding::figure(what, label, (value as f64, ""), bounds.map(|bound| bound as f64), |value| value.to_string())
}

/// Entries after `last`, no further than it matters.
async fn counted(link: &mut Link, key: &str, last: &str, most: Option<u64>) -> Result<u64> {
    let page = PAGE.to_string();
    let (mut after, mut counted) = (format!("({last}"), 0);
    loop {
        let entries = array(call(link, &["XRANGE", key, &after, "+", "COUNT", &page]).await?);
        counted += entries.len() as u64;
        let Some(newest) = entries.last().and_then(id) else {
            return Ok(counted);
        };
        if most.is_none_or(|most| counted > most) {
            return Ok(counted);
        }
        after = format!("({newest}");
    }
}

/// When the oldest entry that the group has not acknowledged was added; none if there is none.
async fn oldest_ms(link: &mut Link, key: &str, group: &str, last: &str) -> Result<Option<u64>> {
    let pending = array(call(link, &["XPENDING", key, group]).await?);
    let pending = pending.get(1).and_then(Value::as_bytes).map(|id| String::from_utf8_lossy(id).into_owned());
    let waiting = array(call(link, &["XRANGE", key, &format!("({last}"), "+", "COUNT", "1"]).await?);
    let ids = pending.into_iter().chain(waiting.first().and_then(id));
    Ok(ids.filter_map(|id| id.split('-').next()?.parse().ok()).min())
}

/// Every stream of the database.
async fn streams(link: &mut Link) -> Result<Vec<String>> {
    let (mut cursor, mut keys) = ("0".to_owned(), Vec::new());
    loop {
        let mut step = array(call(link, &["SCAN", &cursor, "COUNT", SCAN_COUNT, "TYPE", "stream"]).await?).into_iter();
        cursor = step.next().map(text).unwrap_or_default();
        keys.extend(step.next().map(array).unwrap_or_default().into_iter().map(text));
        if cursor == "0" || cursor.is_empty() {
            return Ok(keys);
        }
    }
}

async fn server_time_ms(link: &mut Link) -> Result<u64> {
    let parts: Vec<u64> =
        array(call(link, &["TIME"]).await?).into_iter().filter_map(|part| text(part).parse().ok()).collect();
    Ok(match parts[..] {
        [seconds, micros] => seconds * 1000 + micros / 1000,
        _ => 0,
    })
}

async fn call(link: &mut Link, words: &[&str]) -> Result<Value> {
    match link.call(Request::from(words)).await? {
        Value::Error(text) => Err(Error::from_error_reply(text).into()),
        value => Ok(value),
    }
}

fn array(value: Value) -> Vec<Value> {
    match value {
        Value::Array(values) => values,
        _ => Vec::new(),
    }
}

/// A map of RESP3, or the list it is in RESP2.
fn pairs(value: Value) -> Vec<(String, Value)> {
    match value {
        Value::Map(pairs) => pairs.into_iter().map(|(name, value)| (text(name), value)).collect(),
        other => {
            let mut values = array(other).into_iter();
            std::iter::from_fn(|| Some((text(values.next()?), values.next()?))).collect()
        }
    }
}

fn id(entry: &Value) -> Option<String> {
    match entry {
        Value::Array(parts) => Some(String::from_utf8_lossy(parts.first()?.as_bytes()?).into_owned()),
        _ => None,
    }
}

fn text(value: Value) -> String {
    match value {
        Value::Status(text) => text,
        other => String::from_utf8_lossy(other.as_bytes().unwrap_or_default()).into_owned(),
    }
}

fn number(value: Value) -> u64 {
    match value {
        Value::Integer(number) => u64::try_from(number).unwrap_or(0),
        _ => 0,
    }
}
