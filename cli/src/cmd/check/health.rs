//! How well something is, in the words and the form that Nagios and what came after it read.
//!
//! ```text
//!   RBQ WARNING - lag of `orders/billing` is 120 (warning above 100) | 'lag orders/billing'=120;100;1000;0;
//!       └ worst of all findings                                         └ value;warning;critical;minimum;maximum
//! ```

use std::fmt::Write as _;

use crate::exit::Health;
use crate::failure::Failure;

/// From which value on something is worth a warning, and from which it is critical.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Bounds<T> {
    pub(super) warning: Option<T>,
    pub(super) critical: Option<T>,
}

impl<T: PartialOrd + Copy> Bounds<T> {
    pub(super) fn judge(&self, value: T) -> Health {
        let above = |bound: Option<T>| bound.is_some_and(|bound| value > bound);
        match (above(self.critical), above(self.warning)) {
            (true, _) => Health::Critical,
            (_, true) => Health::Warning,
            _ => Health::Ok,
        }
    }

    pub(super) fn map<U>(self, change: impl Fn(T) -> U) -> Bounds<U> {
        Bounds { warning: self.warning.map(&change), critical: self.critical.map(&change) }
    }

    pub(super) fn is_set(&self) -> bool {
        self.warning.is_some() || self.critical.is_some()
    }

    /// The largest bound: beyond it a value need not be known exactly.
    pub(super) fn most(&self) -> Option<T> {
        [self.warning, self.critical].into_iter().flatten().reduce(|one, other| if other > one { other } else { one })
    }
}

/// One thing that was looked at.
#[derive(Debug, Clone)]
pub(super) struct Finding {
    pub(super) health: Health,
    /// A clause: "lag of `orders/billing` is 120".
    pub(super) text: String,
    pub(super) figure: Option<Figure>,
}

/// What a monitoring system plots.
#[derive(Debug, Clone)]
pub(super) struct Figure {
    pub(super) label: String,
    pub(super) value: f64,
    pub(super) unit: &'static str,
    pub(super) bounds: Bounds<f64>,
}

impl Finding {
    /// Something without a number.
    pub(super) fn plain(health: Health, text: impl Into<String>) -> Self {
        Self { health, text: text.into(), figure: None }
    }

    /// Something that could not be looked at: critical if the server is to blame, and unknown otherwise.
    pub(super) fn failed(failure: &Failure) -> Self {
        let health = if failure.is_the_servers() { Health::Critical } else { Health::Unknown };
        Self::plain(health, failure.message())
    }

    /// The same, said of one of several servers.
    pub(super) fn of_node(self, node: &str) -> Self {
        let text = if self.text.contains(node) { self.text } else { format!("{node}: {}", self.text) };
        let label = |figure: Figure| Figure { label: format!("{} {node}", figure.label), ..figure };
        Self { text, figure: self.figure.map(label), ..self }
    }

    /// A number, judged; `shown` is how a person reads it and its bounds.
    pub(super) fn figure(
        what: &str,
        label: impl Into<String>,
        (value, unit): (f64, &'static str),
        bounds: Bounds<f64>,
        shown: impl Fn(f64) -> String,
    ) -> Self {
        let health = bounds.judge(value);
        let bound = match health {
            Health::Critical => bounds.critical.map(|bound| format!(" (critical above {})", shown(bound))),
            Health::Warning => bounds.warning.map(|bound| format!(" (warning above {})", shown(bound))),
            Health::Ok | Health::Unknown => None,
        };
        let text = format!("{what} is {}{}", shown(value), bound.unwrap_or_default());
        Self { health, text, figure: Some(Figure { label: label.into(), value, unit, bounds }) }
    }
}

/// The worst of all.
pub(super) fn worst(findings: &[Finding]) -> Health {
    findings.iter().map(|finding| finding.health).max().unwrap_or(Health::Ok)
}

/// What a person should read: everything that is not well, the worst first, or all of it in short.
pub(super) fn sentence(findings: &[Finding], well: &str) -> String {
    let mut wrong: Vec<&Finding> = findings.iter().filter(|finding| finding.health != Health::Ok).collect();
    if wrong.is_empty() {
        return well.to_owned();
    }
    wrong.sort_by_key(|finding| std::cmp::Reverse(finding.health));
    wrong.iter().map(|finding| finding.text.as_str()).collect::<Vec<_>>().join("; ")
}

/// The one line of a plugin.
pub(super) fn line(health: Health, sentence: &str, findings: &[Finding]) -> String {
    // A bar begins the figures, and a line end the part that many systems cut off.
    let sentence = sentence.replace('|', "/").replace(['\n', '\r'], " ");
    let mut line = format!("RBQ {} - {sentence}", health.word());
    for (index, figure) in findings.iter().filter_map(|finding| finding.figure.as_ref()).enumerate() {
        line.push_str(if index == 0 { " | " } else { " " });
        figure.write(&mut line);
    }
    line
}

impl Figure {
    fn write(&self, out: &mut String) {
        let label: String =
            self.label.chars().map(|letter| if "'=|".contains(letter) { '_' } else { letter }).collect();
        let label = if label.contains(' ') { format!("'{label}'") } else { label };
        let bound = |bound: Option<f64>| bound.map_or_else(String::new, |bound| bound.to_string());
        let (warning, critical) = (bound(self.bounds.warning), bound(self.bounds.critical));
        write!(out, "{label}={}{};{warning};{critical};0;", self.value, self.unit).expect("strings grow");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_has_the_worst_first_and_every_figure() {
        let bounds = Bounds { warning: Some(10.0), critical: Some(100.0) };
        let lag = |value| Finding::figure("lag of `a|b`", "lag a|b's", (value, ""), bounds, |lag| lag.to_string());
        let findings = [lag(5.0), lag(11.0), lag(101.0), Finding::plain(Health::Unknown, "INFO is refused")];
        assert_eq!(worst(&findings), Health::Critical);
        assert_eq!(worst(&findings[..2]), Health::Warning);
        let sentence = sentence(&findings, "all is well");
        assert_eq!(
            line(Health::Critical, &sentence, &findings[1..3]),
            "RBQ CRITICAL - lag of `a/b` is 101 (critical above 100); lag of `a/b` is 11 (warning above 10); INFO is \
             refused | 'lag a_b_s'=11;10;100;0; 'lag a_b_s'=101;10;100;0;"
        );
        assert_eq!(self::sentence(&findings[..1], "all is well"), "all is well");
    }
}
