//! Records to stdout: what `ls`, `info`, `pending` and their like find out.
//!
//! | `--output` | records are |
//! |---|---|
//! | text  | a table for people: ages and sizes with units, names quoted where a terminal could not show them, very long values cut |
//! | json  | one array; one object where a thing is shown by itself |
//! | jsonl | one object a line |
//! | raw   | the values alone, a tab between them, a record a line; bytes as they are |
//!
//! JSON is valid always: bytes that are no UTF-8 become `{"base64": "…"}`, numbers stay numbers in the unit that the member's
//! name ends in. A column therefore has one name for programs (`age_ms`) and one for people (`AGE`).
//!
//! Records may be without end (`tail -f`), so nothing but a table's block is held back, and [`Records::flush`] ends that.

use std::time::Duration;

use anstyle::Style;
use clap::{Args, ValueEnum};
use comfy_table::{CellAlignment, ContentArrangement, Table, presets};
use serde_json::Value as Json;

use crate::duration;
use crate::failure::{Result, say};
use crate::output::Output;
use crate::print::message;

/// Rows of a table that are laid out together; from here on the next block has widths of its own. A thousand rows are a
/// few hundred KiB, and more than anybody compares.
const BLOCK_ROWS_MAX: usize = 1000;

/// Of one value on a screen: some screens full. A table has to be held and measured as a whole, and nobody reads more.
const TEXT_BYTES_MAX: usize = 16 * 1024;

/// What people are shown of what is not known.
const UNKNOWN: &str = "-";

/// How records are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub(crate) enum Form {
    /// For people: a table, or lines of a name and its value
    #[default]
    Text,
    /// One JSON array of what is listed, or one object of what is shown by itself
    Json,
    /// One JSON object a line
    Jsonl,
    /// The values alone, a tab between them, a record a line
    Raw,
}

/// The option of every command that finds something out.
#[derive(Debug, Clone, Copy, Default, Args)]
pub(crate) struct OutputArgs {
    /// How to write it
    #[arg(short, long, default_value = "text")]
    pub(crate) output: Form,
}

/// A member of every record.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Column {
    /// In JSON; its unit last.
    pub(crate) name: &'static str,
    /// At the head of a table; empty for what programs alone are told.
    pub(crate) title: &'static str,
}

/// A column of this name for programs and this title for people.
pub(crate) const fn column(name: &'static str, title: &'static str) -> Column {
    Column { name, title }
}

/// A column for programs alone, beside one that people read it from.
pub(crate) const fn hidden(name: &'static str) -> Column {
    column(name, "")
}

/// One value in its three looks.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Cell {
    json: Json,
    text: String,
    raw: Vec<u8>,
    align: Align,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Align {
    Left,
    Right,
}

impl Cell {
    /// What a server holds: a key, a name, a payload.
    pub(crate) fn bytes(bytes: &[u8]) -> Self {
        Self { json: message::json(bytes), text: printable(bytes), raw: bytes.to_vec(), align: Align::Left }
    }

    /// Several names, and what to show people of them.
    pub(crate) fn names(names: &[Vec<u8>], text: String) -> Self {
        let json = names.iter().map(|name| message::json(name)).collect();
        Self { json, raw: text.clone().into_bytes(), text, align: Align::Left }
    }

    /// A word of ours.
    pub(crate) fn word(text: impl Into<String>) -> Self {
        let text = text.into();
        Self { json: text.as_str().into(), raw: text.clone().into_bytes(), text, align: Align::Left }
    }

    /// A count, or any other whole number.
    pub(crate) fn number(number: impl Into<i128>) -> Self {
        let number = number.into();
        let json = i64::try_from(number).map_or_else(|_| Json::from(number as u64), Json::from);
        Self { json, text: number.to_string(), raw: number.to_string().into(), align: Align::Right }
    }

    /// A rate or a share, with two digits after the point for people.
    pub(crate) fn fraction(number: f64) -> Self {
        let json = Json::from(number);
        Self { raw: json.to_string().into(), json, text: format!("{number:.2}"), align: Align::Right }
    }

    /// How long, in milliseconds: `3m12s` for people.
    pub(crate) fn span_ms(ms: u64) -> Self {
        Self { text: duration::shown(Duration::from_millis(ms)), ..Self::number(ms) }
    }

    /// How long, in microseconds: `512us`, `1.25ms` for people.
    pub(crate) fn span_us(us: u64) -> Self {
        let text = match us {
            0..1_000 => format!("{us}us"),
            1_000..1_000_000 => format!("{:.2}ms", us as f64 / 1e3),
            _ => format!("{:.2}s", us as f64 / 1e6),
        };
        Self { text, ..Self::number(us) }
    }

    /// How much memory, in bytes: `1.5 MiB` for people.
    pub(crate) fn size_bytes(bytes: u64) -> Self {
        Self { text: size(bytes), ..Self::number(bytes) }
    }

    /// When, in milliseconds since 1970: `2026-01-31T12:00:00.250Z` for people.
    pub(crate) fn time_ms(ms: u64) -> Self {
        let time = i64::try_from(ms).ok().and_then(|ms| jiff::Timestamp::from_millisecond(ms).ok());
        let text = time.map_or_else(|| ms.to_string(), |time| format!("{time:.3}"));
        Self { text, align: Align::Left, ..Self::number(ms) }
    }

    /// `yes` or `no`; `true` or `false` in JSON.
    pub(crate) fn yes_no(truth: bool) -> Self {
        Self { json: truth.into(), ..Self::word(if truth { "yes" } else { "no" }) }
    }

    /// JSON as it is; for people, and raw, in one line.
    pub(crate) fn json(json: Json) -> Self {
        let text = json.to_string();
        Self { raw: text.clone().into_bytes(), text, json, align: Align::Left }
    }

    /// Not known, or not there: `-` for people, `null` in JSON, nothing in raw.
    pub(crate) fn none() -> Self {
        Self { json: Json::Null, text: UNKNOWN.to_owned(), raw: Vec::new(), align: Align::Right }
    }

    /// Whether people are told that it is not known, or not there.
    fn is_unknown(&self) -> bool {
        self.raw.is_empty() && self.text == UNKNOWN
    }

    /// The same shown to people as this.
    pub(crate) fn with_text(self, text: impl Into<String>) -> Self {
        Self { text: text.into(), ..self }
    }

    /// The same told to programs as this.
    pub(crate) fn with_json(self, json: Json) -> Self {
        Self { json, ..self }
    }

    /// What people are shown.
    pub(crate) fn into_text(self) -> String {
        self.text
    }

    /// What `cell` makes of it, or [`Cell::none`].
    pub(crate) fn maybe<T>(value: Option<T>, cell: impl FnOnce(T) -> Self) -> Self {
        value.map_or_else(Self::none, cell)
    }
}

impl OutputArgs {
    /// Begins to write records of these columns; every record has a cell for each.
    pub(crate) fn records(self, columns: &'static [Column]) -> Records {
        let out = Output::new();
        let bold = if out.is_terminal() && wants_colour() { Style::new().bold() } else { Style::new() };
        Records { form: self.output, columns, out, rows: Vec::new(), are_blocks: false, begun: false, count: 0, bold }
    }

    /// Begins to write records that people read one by one: lines of `title  value`, without what is not known, and an empty line
    /// between two. Programs see no difference.
    pub(crate) fn blocks(self, columns: &'static [Column]) -> Records {
        Records { are_blocks: true, ..self.records(columns) }
    }

    /// Writes one record by itself: lines of `title  value` for people, one JSON object, or the values alone.
    pub(crate) fn one(self, members: Vec<(Column, Cell)>) -> Result<()> {
        let mut out = Output::new();
        match self.output {
            Form::Text => {
                let mut table = plain_table();
                for (column, cell) in members.into_iter().filter(|(column, _)| !column.title.is_empty()) {
                    table.add_row([column.title.to_owned(), cut(cell.text)]);
                }
                put_table(&table, out.buffer());
            }
            Form::Json | Form::Jsonl => {
                message::object(members.into_iter().map(|(column, cell)| (column.name, cell.json)), out.buffer());
            }
            Form::Raw => put_raw(members.into_iter().map(|(_, cell)| cell.raw), out.buffer()),
        }
        Ok(out.flush()?)
    }
}

/// Records under way to stdout.
#[derive(Debug)]
pub(crate) struct Records {
    form: Form,
    columns: &'static [Column],
    out: Output,
    /// Of the table's present block.
    rows: Vec<Vec<Cell>>,
    are_blocks: bool,
    /// Whether something stands on stdout already: a head, or the array's first element.
    begun: bool,
    count: u64,
    bold: Style,
}

impl Records {
    /// One more record, its cells in the order of the columns.
    ///
    /// # Errors
    /// Of stdout.
    pub(crate) fn add(&mut self, cells: Vec<Cell>) -> Result<()> {
        debug_assert_eq!(cells.len(), self.columns.len(), "a record has a cell for every column");
        self.count += 1;
        match self.form {
            Form::Text if self.are_blocks => self.block(cells),
            Form::Text => {
                self.rows.push(cells);
                if self.rows.len() >= BLOCK_ROWS_MAX {
                    self.lay_out();
                }
            }
            Form::Json => {
                self.out.buffer().extend_from_slice(if self.begun { b"," } else { b"[" });
                self.begun = true;
                self.object(cells);
                // The comma stands at the end of the line before, which is not known to be needed until now.
                let end = self.out.buffer().pop();
                debug_assert_eq!(end, Some(b'\n'), "an object ends its line");
            }
            Form::Jsonl => self.object(cells),
            Form::Raw => put_raw(cells.into_iter().map(|cell| cell.raw), self.out.buffer()),
        }
        Ok(self.out.relieve()?)
    }

    /// Writes out what there is, for whoever watches.
    ///
    /// # Errors
    /// Of stdout.
    pub(crate) fn flush(&mut self) -> Result<()> {
        self.lay_out();
        Ok(self.out.flush()?)
    }

    /// Ends: the array is closed, everything is written out. A table without rows is nothing.
    ///
    /// # Errors
    /// Of stdout.
    pub(crate) fn finish(mut self) -> Result<()> {
        if self.form == Form::Json {
            self.out.buffer().extend_from_slice(if self.begun { b"]\n" } else { b"[]\n" });
        }
        self.flush()
    }

    /// The same for a listing, which says on stderr when there is nothing in it: "no queues".
    ///
    /// # Errors
    /// Of stdout.
    pub(crate) fn finish_or_say(self, nothing: &str) -> Result<()> {
        if self.count == 0 {
            say(nothing);
        }
        self.finish()
    }

    fn object(&mut self, cells: Vec<Cell>) {
        let members = self.columns.iter().zip(cells).map(|(column, cell)| (column.name, cell.json));
        message::object(members, self.out.buffer());
    }

    fn block(&mut self, cells: Vec<Cell>) {
        let mut table = plain_table();
        for (column, cell) in self.columns.iter().zip(cells) {
            if !column.title.is_empty() && !cell.is_unknown() {
                table.add_row([column.title.to_owned(), cut(cell.text)]);
            }
        }
        if std::mem::replace(&mut self.begun, true) {
            self.out.buffer().push(b'\n');
        }
        put_table(&table, self.out.buffer());
    }

    fn lay_out(&mut self) {
        if self.rows.is_empty() {
            return;
        }
        let rows = std::mem::take(&mut self.rows);
        let mut table = plain_table();
        // The head belongs to the first block; later ones follow without.
        let has_head = !std::mem::replace(&mut self.begun, true);
        let seen: Vec<usize> = (0..self.columns.len()).filter(|index| !self.columns[*index].title.is_empty()).collect();
        if has_head {
            table.set_header(seen.iter().map(|index| self.columns[*index].title));
        }
        let right = |index: &usize| rows.iter().all(|row| row[*index].align == Align::Right);
        let right: Vec<bool> = seen.iter().map(right).collect();
        for row in rows {
            let cells = row.into_iter().zip(self.columns).filter(|(_, column)| !column.title.is_empty());
            table.add_row(cells.map(|(cell, _)| cut(cell.text)));
        }
        for (column, _) in table.column_iter_mut().zip(right).filter(|(_, right)| *right) {
            column.set_cell_alignment(CellAlignment::Right);
        }
        let mut text = Vec::new();
        put_table(&table, &mut text);
        let head_ends = text.iter().position(|byte| *byte == b'\n').filter(|_| has_head).unwrap_or(0);
        let bold = self.bold;
        let out = self.out.buffer();
        if head_ends > 0 && bold != Style::new() {
            out.extend_from_slice(bold.render().to_string().as_bytes());
            out.extend_from_slice(&text[..head_ends]);
            out.extend_from_slice(bold.render_reset().to_string().as_bytes());
            out.extend_from_slice(&text[head_ends..]);
        } else {
            out.extend_from_slice(&text);
        }
    }
}

/// Columns with two blanks between, no lines.
fn plain_table() -> Table {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Disabled);
    table
}

fn put_table(table: &Table, out: &mut Vec<u8>) {
    for line in table.lines() {
        // The first column is padded on its left too.
        out.extend_from_slice(line.strip_prefix(' ').unwrap_or(&line).trim_end().as_bytes());
        out.push(b'\n');
    }
}

fn put_raw(values: impl Iterator<Item = Vec<u8>>, out: &mut Vec<u8>) {
    for (index, value) in values.enumerate() {
        if index > 0 {
            out.push(b'\t');
        }
        out.extend_from_slice(&value);
    }
    out.push(b'\n');
}

/// As it is if a terminal shows it so, quoted with escapes otherwise: bytes of strangers must not steer a terminal.
fn printable(bytes: &[u8]) -> String {
    match std::str::from_utf8(bytes) {
        Ok(text) if !text.is_empty() && !text.chars().any(char::is_control) => text.to_owned(),
        _ => rbq_resp::quote(bytes),
    }
}

/// What a person is shown of a long text, and how much there is.
fn cut(mut text: String) -> String {
    if text.len() > TEXT_BYTES_MAX {
        let whole = size(text.len() as u64);
        text.truncate(text.floor_char_boundary(TEXT_BYTES_MAX));
        text.push_str(&format!("… ({whole} in all; `-o json` and `-o raw` have the whole)"));
    }
    text
}

/// `512 B`, `1.5 KiB`, `12 MiB`.
pub(crate) fn size(bytes: u64) -> String {
    const UNITS: [&str; 6] = ["KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];
    if bytes < 1024 {
        return format!("{bytes} B");
    }
    let mut value = bytes as f64 / 1024.0;
    let mut unit = 0;
    while value >= 1023.95 {
        value /= 1024.0;
        unit += 1;
    }
    if value < 9.95 { format!("{value:.1} {}", UNITS[unit]) } else { format!("{value:.0} {}", UNITS[unit]) }
}

fn wants_colour() -> bool {
    anstream::AutoStream::choice(&std::io::stdout()) != anstream::ColorChoice::Never
}

#[cfg(test)]
mod tests {
    use super::*;

    const COLUMNS: &[Column] = &[column("name", "NAME"), column("age_ms", "AGE"), column("memory_bytes", "MEMORY")];

    fn written(form: Form, records: &[&[u8]]) -> String {
        let mut written = OutputArgs { output: form }.records(COLUMNS);
        for name in records {
            let cells = vec![Cell::bytes(name), Cell::span_ms(192_000), Cell::maybe(None, Cell::size_bytes)];
            written.add(cells).expect("nothing is flushed yet");
        }
        if form == Form::Json {
            written.out.buffer().extend_from_slice(if written.begun { b"]\n" } else { b"[]\n" });
        }
        written.lay_out();
        String::from_utf8_lossy(written.out.buffer()).into_owned()
    }

    #[test]
    fn every_form_has_all_of_a_record() {
        let names: &[&[u8]] = &[b"jobs", b"\xff", "größer".as_bytes()];
        insta::assert_snapshot!(written(Form::Text, names), @r#"
        NAME      AGE  MEMORY
        jobs    3m12s       -
        "\xff"  3m12s       -
        größer  3m12s       -
        "#);
        insta::assert_snapshot!(
            written(Form::Json, &names[..2]),
            @r#"[{"name":"jobs","age_ms":192000,"memory_bytes":null},{"name":{"base64":"/w=="},"age_ms":192000,"memory_bytes":null}]"#
        );
        insta::assert_snapshot!(written(Form::Jsonl, names), @r#"
        {"name":"jobs","age_ms":192000,"memory_bytes":null}
        {"name":{"base64":"/w=="},"age_ms":192000,"memory_bytes":null}
        {"name":"größer","age_ms":192000,"memory_bytes":null}
        "#);
        assert_eq!(written(Form::Raw, &[b"a\tb", b""]), "a\tb\t192000\t\n\t192000\t\n");
        assert_eq!(written(Form::Json, &[]), "[]\n");
        assert_eq!(written(Form::Text, &[]), "");
    }

    #[test]
    fn a_very_long_value_is_cut_for_people_alone() {
        let long = "ü".repeat(TEXT_BYTES_MAX);
        let text = written(Form::Text, &[long.as_bytes()]);
        assert!(text.len() < TEXT_BYTES_MAX * 2, "{}", text.len());
        assert!(text.contains("ü… (32 KiB in all; `-o json` and `-o raw` have the whole)"));
        for form in [Form::Json, Form::Jsonl, Form::Raw] {
            assert!(written(form, &[long.as_bytes()]).contains(&long));
        }
    }

    #[test]
    fn bytes_of_strangers_do_not_steer_a_terminal() {
        for (bytes, text) in
            [(&b"plain"[..], "plain"), ("ünï".as_bytes(), "ünï"), (b"\x1b[2J", r#""\x1b[2J""#), (b"", r#""""#)]
        {
            assert_eq!(printable(bytes), text);
        }
    }

    #[test]
    fn sizes_have_two_digits_or_more() {
        for (bytes, text) in [
            (0, "0 B"),
            (1023, "1023 B"),
            (1536, "1.5 KiB"),
            (12 << 20, "12 MiB"),
            ((1 << 20) - 1, "1.0 MiB"),
            (u64::MAX, "16 EiB"),
        ] {
            assert_eq!(size(bytes), text);
        }
    }

    #[test]
    fn times_are_utc_and_to_the_millisecond() {
        assert_eq!(Cell::time_ms(0).text, "1970-01-01T00:00:00.000Z");
        assert_eq!(Cell::time_ms(u64::MAX).text, u64::MAX.to_string());
    }
}
