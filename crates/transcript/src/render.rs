//! Values as transcripts write them.
//!
//! Invariant: what is rendered reads back as a pattern that matches that value and no other. A reply that fits on a
//! line stays on it; a longer one is broken inside its outermost brackets, small values several to a line.

use rbq_resp::{Value, quote};

use crate::{lexer::is_plain_word, stage::Event};

/// Columns a reply may take before it is broken over several lines.
const WIDTH_MAX: usize = 100;

/// Renders a value on one line or, when that would be long, on several, indented from `indent` columns.
#[must_use]
pub fn render(value: &Value, indent: usize) -> String {
    let line = flat(value, Place::Top);
    if indent + line.chars().count() <= WIDTH_MAX {
        return line;
    }
    match value {
        Value::Array(items) => broken("[", items, "]", indent),
        Value::Set(items) => broken("~[", items, "]", indent),
        Value::Push(items) => broken(">[", items, "]", indent),
        Value::Map(pairs) => broken_map(pairs, indent),
        _ => line,
    }
}

/// Renders what a client received.
#[must_use]
pub fn render_event(event: &Event, indent: usize) -> String {
    match event {
        Event::Reply(value) => render(value, indent),
        Event::Closed => "<closed>".into(),
    }
}

/// Where a value stands: decides whether a status or error must be quoted.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    Top,
    Inside,
}

fn flat(value: &Value, place: Place) -> String {
    match value {
        Value::Status(text) => format!("+{}", line_text(text, place)),
        Value::Error(text) => format!("-{}", line_text(text, place)),
        Value::Integer(number) => number.to_string(),
        Value::Bulk(bytes) => bulk(bytes),
        Value::Null => "nil".into(),
        Value::NullArray => "nil[]".into(),
        Value::Boolean(true) => "#t".into(),
        Value::Boolean(false) => "#f".into(),
        Value::Double(number) => format!(",{}", double(number.value())),
        Value::BigNumber(digits) => format!("({digits}"),
        Value::Verbatim { format, text } => format!("={format}:{}", quote(text)),
        Value::Array(items) => format!("[{}]", flat_items(items)),
        Value::Set(items) => format!("~[{}]", flat_items(items)),
        Value::Push(items) => format!(">[{}]", flat_items(items)),
        Value::Map(pairs) => {
            let pairs: Vec<String> = pairs.iter().map(|(key, value)| pair(key, value)).collect();
            format!("{{{}}}", pairs.join(", "))
        }
    }
}

fn flat_items(items: &[Value]) -> String {
    let items: Vec<String> = items.iter().map(|item| flat(item, Place::Inside)).collect();
    items.join(", ")
}

fn pair(key: &Value, value: &Value) -> String {
    format!("{}: {}", flat(key, Place::Inside), flat(value, Place::Inside))
}

fn bulk(bytes: &[u8]) -> String {
    match std::str::from_utf8(bytes) {
        Ok(text) if is_plain_word(text) => text.into(),
        _ => quote(bytes),
    }
}

fn line_text(text: &str, place: Place) -> String {
    let ambiguous = match place {
        Place::Top => text.starts_with('"') || text.trim() != text || text.contains(char::is_control),
        Place::Inside => {
            text.is_empty() || text.trim() != text || text.contains(|c: char| c.is_control() || ",:[]{}\"".contains(c))
        }
    };
    // An error that begins with a digit would read as a negative number.
    if ambiguous || text.starts_with(|c: char| c.is_ascii_digit()) {
        return quote(text.as_bytes());
    }
    text.into()
}

fn double(number: f64) -> String {
    match number {
        n if n == f64::INFINITY => "inf".into(),
        n if n == f64::NEG_INFINITY => "-inf".into(),
        n if n.is_nan() => "nan".into(),
        n => n.to_string(),
    }
}

/// Items over several lines: as many scalars to a line as fit; an aggregate begins its own.
fn broken(open: &str, items: &[Value], close: &str, indent: usize) -> String {
    let inner = indent + 2;
    let rendered = items.iter().map(|item| (render_inside(item, inner), is_scalar(item)));
    layout(open, rendered, close, indent)
}

fn broken_map(pairs: &[(Value, Value)], indent: usize) -> String {
    let inner = indent + 2;
    let rendered = pairs.iter().map(|(key, value)| {
        let key = flat(key, Place::Inside);
        let text = format!("{key}: {}", render_inside(value, inner));
        (text, is_scalar(value))
    });
    layout("{", rendered, "}", indent)
}

fn render_inside(value: &Value, indent: usize) -> String {
    if is_scalar(value) {
        return flat(value, Place::Inside);
    }
    render(value, indent)
}

fn is_scalar(value: &Value) -> bool {
    !matches!(value, Value::Array(_) | Value::Set(_) | Value::Push(_) | Value::Map(_))
}

fn layout(open: &str, items: impl ExactSizeIterator<Item = (String, bool)>, close: &str, indent: usize) -> String {
    let margin = " ".repeat(indent + 2);
    let count = items.len();
    let mut lines: Vec<String> = vec![open.into()];
    let mut joins = false;
    for (index, (text, scalar)) in items.enumerate() {
        let comma = if index + 1 < count { "," } else { "" };
        let piece = format!("{text}{comma}");
        let fits = |line: &String| line.chars().count() + 1 + piece.chars().count() <= WIDTH_MAX;
        match lines.last_mut().filter(|line| joins && scalar && fits(line)) {
            Some(line) => *line = format!("{line} {piece}"),
            None => lines.push(format!("{margin}{piece}")),
        }
        joins = scalar;
    }
    lines.push(format!("{}{close}", " ".repeat(indent)));
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{matching::Bindings, pattern::Pattern};

    fn bulk(text: &str) -> Value {
        Value::Bulk(text.to_owned().into())
    }

    /// One of each, and the awkward ones.
    fn scalars() -> Vec<Value> {
        let mut values: Vec<Value> =
            ["word", "a:b", "", "7", "nil", "ends:", "1-1", "a b", "x\0\"\\\n", "+x", "<id>"].map(bulk).into();
        values.extend([0, -7, i64::MIN, i64::MAX].map(Value::Integer));
        values.extend(["OK", "", "a, b", " x", "\"q\"", "7"].map(|text| Value::Status(text.into())));
        values.extend(["ERR a, b: [c] \"d\"", "", "5 sharp", "ERR x"].map(|text| Value::Error(text.into())));
        values.extend(
            [0.5, -0.0, 1e300, f64::INFINITY, f64::NEG_INFINITY, f64::NAN].map(|number| Value::Double(number.into())),
        );
        values.extend([Value::Null, Value::NullArray, Value::Boolean(true), Value::Boolean(false)]);
        values.push(Value::BigNumber("-123456789012345678901234567890".into()));
        values.push(Value::Verbatim { format: "txt".into(), text: "two\nlines".into() });
        values
    }

    fn matches(text: &str, value: &Value) -> bool {
        let pattern = Pattern::parse(text).unwrap_or_else(|problem| panic!("{text}: {problem}"));
        Bindings::default().matches(&pattern, &Event::Reply(value.clone()))
    }

    #[test]
    fn what_is_rendered_matches_its_value_and_no_other() {
        let mut values = scalars();
        let aggregates = [
            Value::Array(scalars()),
            Value::Set(scalars()),
            Value::Push(scalars()),
            Value::Map(scalars().into_iter().map(|value| (value.clone(), value)).collect()),
            Value::Array(vec![]),
            Value::Map(vec![]),
            Value::Array(vec![Value::Array(scalars()), Value::Map(vec![(bulk("k"), Value::Array(scalars()))])]),
        ];
        values.extend(aggregates);
        for (at, value) in values.iter().enumerate() {
            let text = render(value, 0);
            for (other_at, other) in values.iter().enumerate() {
                assert_eq!(matches(&text, other), at == other_at, "{text} against {}", render(other, 0));
            }
        }
    }

    #[test]
    fn long_replies_are_broken_inside_their_outermost_brackets() {
        let words = |count| Value::Array((0..count).map(|n| bulk(&format!("word{n}"))).collect());
        let map = vec![(bulk("few"), words(2)), (bulk("many"), words(30)), (bulk("n"), Value::Integer(1))];
        insta::assert_snapshot!(render(&Value::Map(map), 0), @r"
        {
          few: [word0, word1],
          many: [
            word0, word1, word2, word3, word4, word5, word6, word7, word8, word9, word10, word11, word12,
            word13, word14, word15, word16, word17, word18, word19, word20, word21, word22, word23, word24,
            word25, word26, word27, word28, word29
          ],
          n: 1
        }
        ");
    }
}
