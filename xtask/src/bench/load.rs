//! `redis-benchmark`: one command, some clients, some requests in flight on each.

use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, ensure};

use super::sample::{Latency, Sample};
use super::target::Target;

/// Connections, as everybody who quotes redis-benchmark has them.
pub(super) const CLIENTS: usize = 50;

/// How it is sent.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pressure {
    /// Connections.
    pub(super) clients: usize,
    /// Requests in flight on each.
    pub(super) pipeline: usize,
}

/// Sends a command again and again.
pub(super) fn run(target: &Target, command: &[&str], pressure: Pressure, requests: u64) -> Result<Sample> {
    let before = target.process().cpu()?;
    let mut benchmark = Command::new("redis-benchmark");
    benchmark.args(["-h", "127.0.0.1", "-p", &target.addr().port().to_string(), "--csv"]);
    benchmark.args(["-c", &pressure.clients.to_string(), "-P", &pressure.pipeline.to_string()]);
    benchmark.args(["-n", &requests.to_string()]).args(command);
    let output = benchmark.stdin(Stdio::null()).output().context("running redis-benchmark (package redis-tools)")?;
    let text = String::from_utf8_lossy(&output.stdout);
    ensure!(output.status.success(), "redis-benchmark failed: {text}{}", String::from_utf8_lossy(&output.stderr));
    let cpu_seconds = (target.process().cpu()? - before).as_secs_f64();
    let (rate, latency) = parse(&text).with_context(|| format!("redis-benchmark said: {text}"))?;
    let seconds = requests as f64 / rate;
    Ok(Sample { units: requests, seconds, cpu_seconds, latency: Some(latency), memory: None })
}

/// Reads the table with its one row.
fn parse(csv: &str) -> Option<(f64, Latency)> {
    let mut lines = csv.lines().skip_while(|line| !line.starts_with("\"test\""));
    let names: Vec<&str> = lines.next()?.split(',').map(|name| name.trim_matches('"')).collect();
    // The command itself stands in the first field and may hold commas; the figures are counted from the end.
    let figures: Vec<&str> = lines.next()?.rsplit(',').map(|figure| figure.trim_matches('"')).collect();
    let figure = |name: &str| -> Option<f64> {
        let from_end = names.len() - 1 - names.iter().position(|other| *other == name)?;
        figures.get(from_end)?.parse().ok()
    };
    let latency = Latency {
        p50_us: figure("p50_latency_ms")? * 1000.0,
        p99_us: figure("p99_latency_ms")? * 1000.0,
        p999_us: None,
    };
    Some((figure("rps")?, latency))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_read_by_its_names() {
        let csv = "WARNING: whatever\n\"test\",\"rps\",\"avg_latency_ms\",\"min_latency_ms\",\"p50_latency_ms\",\
                   \"p95_latency_ms\",\"p99_latency_ms\",\"max_latency_ms\"\n\
                   \"LPUSH a,b\",\"100000.50\",\"0.2\",\"0.1\",\"0.215\",\"0.3\",\"0.455\",\"1.2\"\n";
        let latency = Latency { p50_us: 215.0, p99_us: 455.0, p999_us: None };
        assert_eq!(parse(csv), Some((100_000.5, latency)));
    }
}
