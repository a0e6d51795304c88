//! What came of it, as a table: both servers, their ratio, the floor, and whether the bar was cleared.

use serde::Serialize;

use super::Durability;
use super::machine::Machine;
use super::plan::Workload;
use super::sample::{Sample, median};

/// The rounds of one workload, by server in the order of [`servers`].
#[derive(Serialize)]
pub(super) struct Measured {
    pub(super) workload: &'static str,
    pub(super) unit: &'static str,
    pub(super) rounds: [Vec<Sample>; 3],
}

/// The servers, in the order of all figures.
pub(super) fn servers(durability: Durability) -> [&'static str; 3] {
    match durability {
        Durability::None => ["rbq", "redis", "null"],
        Durability::Everysec | Durability::Always => ["rbq", "redis", "memory"],
    }
}

/// Everything, as it is written to a file.
#[derive(Serialize)]
pub(super) struct Report<'r> {
    pub(super) machine: &'r Machine,
    pub(super) versions: &'r [String],
    pub(super) durability: &'r str,
    pub(super) servers: [&'static str; 3],
    pub(super) workloads: &'r [Measured],
}

/// One figure of one workload.
struct Row {
    name: &'static str,
    unit: String,
    figures: [Option<f64>; 3],
    /// What is asked of it: of the ratio to Redis, or of the figure itself.
    bar: Option<Bar>,
}

#[derive(Clone, Copy)]
enum Bar {
    RatioAtMost(f64),
    RatioAtLeast(f64),
    OfMemoryAtLeast(f64),
    AtMost(f64),
}

/// The heading of the table.
pub(super) fn heading([rbq, redis, third]: [&str; 3]) -> String {
    let line = format!(
        "{:<15} {:<26} {rbq:>10} {redis:>10} {:>9} {third:>10} {:>8}  {}",
        "workload",
        "figure",
        "rbq/redis",
        format!("/{third}"),
        "bar"
    );
    let rule = "-".repeat(line.len() + 10);
    format!("{line}\n{rule}")
}

/// The lines of a workload, and how many bars were missed.
pub(super) fn lines(workload: &Workload, measured: &Measured) -> (Vec<String>, usize) {
    let rows = rows(workload, measured);
    let missed = rows.iter().filter(|row| row.bar.is_some_and(|bar| !row.clears(bar).unwrap_or(true))).count();
    (rows.iter().map(Row::line).collect(), missed)
}

fn rows(workload: &Workload, measured: &Measured) -> Vec<Row> {
    let name = workload.name;
    let unit = workload.unit;
    let bars = workload.bars;
    let figures = |figure: fn(&Sample) -> Option<f64>| -> [Option<f64>; 3] {
        [0, 1, 2].map(|server: usize| median(&measured.rounds[server], figure))
    };
    let row = |what: String, figure: fn(&Sample) -> Option<f64>, bar: Option<Bar>| Row {
        name,
        unit: what,
        figures: figures(figure),
        bar,
    };
    let mut rows = Vec::new();
    if let Some(limit) = bars.core_percent_max {
        rows.push(row("% of a core, waiting".into(), |sample| Some(sample.core_percent()), Some(Bar::AtMost(limit))));
    } else {
        let bar = bars.rate_min.map(Bar::RatioAtLeast);
        rows.push(row(format!("{unit} rate, 1000/s"), |sample| Some(sample.rate() / 1000.0), bar));
        if let Some(bar) = bars.of_memory_min.map(Bar::OfMemoryAtLeast) {
            rows.push(row("the same".into(), |sample| Some(sample.rate() / 1000.0), Some(bar)));
        }
        let bar = bars.cpu_max.map(Bar::RatioAtMost);
        rows.push(row(format!("CPU µs/{unit}"), |sample| Some(sample.cpu_us()), bar));
    }
    rows.push(row("p50 µs".into(), |sample| sample.latency.map(|latency| latency.p50_us), None));
    rows.push(row("p99 µs".into(), |sample| sample.latency.map(|latency| latency.p99_us), None));
    rows.push(row("p99.9 µs".into(), |sample| sample.latency.and_then(|latency| latency.p999_us), None));
    let bar = bars.memory_max.map(Bar::RatioAtMost);
    rows.push(row(format!("bytes/{unit}, own count"), |sample| sample.memory.map(|memory| memory.used_bytes), bar));
    let resident = |sample: &Sample| sample.memory.map(|memory| memory.resident_bytes);
    rows.push(row(format!("bytes/{unit}, resident"), resident, None));
    rows.retain(|row| row.figures.iter().any(Option::is_some));
    rows
}

impl Row {
    fn ratio(&self, to: usize) -> Option<f64> {
        Some(self.figures[0]? / self.figures[to]?)
    }

    /// Whether the bar is cleared; unknown when something was not measured.
    fn clears(&self, bar: Bar) -> Option<bool> {
        Some(match bar {
            Bar::RatioAtMost(limit) => self.ratio(1)? <= limit,
            Bar::RatioAtLeast(limit) => self.ratio(1)? >= limit,
            Bar::OfMemoryAtLeast(limit) => self.ratio(2)? >= limit,
            Bar::AtMost(limit) => self.figures[0]? <= limit,
        })
    }

    fn line(&self) -> String {
        let shown = |figure: Option<f64>| figure.map_or_else(|| "-".to_owned(), digits);
        let bar = self.bar.map(|bar| {
            let limit = match bar {
                Bar::RatioAtMost(limit) => format!("at most {limit}"),
                Bar::RatioAtLeast(limit) => format!("at least {limit}"),
                Bar::OfMemoryAtLeast(limit) => format!("of memory at least {limit}"),
                Bar::AtMost(limit) => format!("rbq at most {limit}"),
            };
            let verdict = match self.clears(bar) {
                Some(true) => "ok",
                Some(false) => "MISSED",
                None => "not measured",
            };
            format!("{limit}: {verdict}")
        });
        let [rbq, redis, null] = self.figures.map(shown);
        let line = format!(
            "{:<15} {:<26} {rbq:>10} {redis:>10} {:>9} {null:>10} {:>8}  {}",
            self.name,
            self.unit,
            shown(self.ratio(1)),
            shown(self.ratio(2)),
            bar.unwrap_or_default()
        );
        line.trim_end().to_owned()
    }
}

/// Three digits that mean something.
fn digits(figure: f64) -> String {
    match figure.abs() {
        100.0.. => format!("{figure:.0}"),
        10.0.. => format!("{figure:.1}"),
        _ => format!("{figure:.2}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(rbq: Option<f64>, redis: Option<f64>, bar: Bar) -> Row {
        Row { name: "lpush-p16", unit: "CPU µs/command".into(), figures: [rbq, redis, None], bar: Some(bar) }
    }

    #[test]
    fn a_bar_is_cleared_missed_or_unknown() {
        assert_eq!(row(Some(0.6), Some(1.0), Bar::RatioAtMost(0.75)).clears(Bar::RatioAtMost(0.75)), Some(true));
        assert_eq!(row(Some(0.8), Some(1.0), Bar::RatioAtMost(0.75)).clears(Bar::RatioAtMost(0.75)), Some(false));
        assert_eq!(row(None, Some(1.0), Bar::RatioAtLeast(1.0)).clears(Bar::RatioAtLeast(1.0)), None);
    }

    #[test]
    fn a_line_has_both_figures_their_ratio_and_the_verdict() {
        insta::assert_snapshot!(row(Some(0.6), Some(1.2), Bar::RatioAtMost(0.75)).line(), @"lpush-p16       CPU µs/command                   0.60       1.20      0.50          -        -  at most 0.75: ok");
    }
}
