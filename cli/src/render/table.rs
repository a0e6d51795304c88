//! Rows in columns, no wider than the terminal.

use comfy_table::{ContentArrangement, Table, presets};

use super::Look;

/// Rows under these titles, or without any.
pub(super) fn table(titles: &[String], rows: Vec<Vec<String>>, look: Look) -> String {
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    match look.columns {
        Some(columns) => {
            table.set_content_arrangement(ContentArrangement::Dynamic);
            table.set_width(u16::try_from(columns).unwrap_or(u16::MAX));
        }
        None => drop(table.set_content_arrangement(ContentArrangement::Disabled)),
    }
    if !titles.is_empty() {
        table.set_header(titles);
    }
    table.add_rows(rows);
    for column in table.column_iter_mut() {
        column.set_padding((0, 2));
    }
    let mut text = String::new();
    for line in table.lines() {
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

/// Titles of our own, in capitals.
pub(super) fn titles<const N: usize>(names: [&str; N]) -> [String; N] {
    names.map(str::to_owned)
}
