//! Lines of `field:value` under headings, being written.

use std::fmt::{Display, Write};

/// The text of an INFO.
#[derive(Default)]
pub(super) struct Lines {
    text: String,
}

impl Lines {
    /// Begins a section.
    pub(super) fn heading(&mut self, title: &str) {
        if !self.text.is_empty() {
            self.text.push_str("\r\n");
        }
        self.write(format_args!("# {title}"));
    }

    /// One line.
    pub(super) fn field(&mut self, name: impl Display, value: impl Display) {
        self.write(format_args!("{name}:{value}"));
    }

    /// Bytes, and the same again for people.
    pub(super) fn bytes(&mut self, name: &str, bytes: u64) {
        self.field(name, bytes);
        self.field(format_args!("{name}_human"), human(bytes));
    }

    /// Lines made elsewhere, with or without their last line end.
    pub(super) fn append(&mut self, lines: &str) {
        for line in lines.lines() {
            self.write(format_args!("{line}"));
        }
    }

    pub(super) fn into_text(self) -> String {
        self.text
    }

    fn write(&mut self, line: std::fmt::Arguments<'_>) {
        write!(self.text, "{line}\r\n").expect("writing to a string does not fail");
    }
}

/// `1.31M`, as Redis writes sizes for people.
pub(super) fn human(bytes: u64) -> String {
    const UNITS: [(u32, char); 4] = [(40, 'T'), (30, 'G'), (20, 'M'), (10, 'K')];
    match UNITS.iter().find(|(shift, _)| bytes >> shift > 0) {
        Some((shift, unit)) => format!("{:.2}{unit}", bytes as f64 / (1u64 << shift) as f64),
        None => format!("{bytes}B"),
    }
}

/// A ratio, 0 of nothing.
pub(super) fn ratio(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}

#[cfg(test)]
mod tests {
    use super::human;

    #[test]
    fn sizes_are_written_for_people() {
        let shown: Vec<String> = [0, 1023, 1024, 1_369_888, 25_276_502_016].into_iter().map(human).collect();
        assert_eq!(shown, ["0B", "1023B", "1.00K", "1.31M", "23.54G"]);
    }
}
