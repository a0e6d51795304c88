//! Does a reply look as it must? And what do its `$names` stand for?
//!
//! Names are bound by the first reply that matches them and are the same ever after. An attempt that fails binds
//! nothing: unordered comparison tries several.

use std::collections::BTreeMap;

use rbq_resp::Value;

use crate::{
    pattern::{End, Kind, Order, Pattern, Shape, is_variable_char},
    stage::Event,
};

/// What the names of a conversation stand for: scalars.
#[derive(Debug, Clone, Default)]
pub(crate) struct Bindings {
    values: BTreeMap<String, Value>,
}

impl Bindings {
    /// Does the event match? Binds the pattern's new names if so.
    pub(crate) fn matches(&mut self, pattern: &Pattern, event: &Event) -> bool {
        match event {
            Event::Closed => *pattern == Pattern::Closed,
            Event::Reply(value) => self.matches_value(pattern, value),
        }
    }

    fn matches_value(&mut self, pattern: &Pattern, value: &Value) -> bool {
        let mut trial = self.clone();
        let matched = trial.accept(pattern, value);
        if matched {
            *self = trial;
        }
        matched
    }

    fn accept(&mut self, pattern: &Pattern, value: &Value) -> bool {
        match (pattern, value) {
            (Pattern::Exact(wanted), _) => is_same(wanted, value),
            (Pattern::Any, _) => true,
            (Pattern::Int(low, high), Value::Integer(number)) => (low..=high).contains(&number),
            (Pattern::Id, Value::Bulk(bytes)) => is_stream_id(bytes),
            (Pattern::Addr, Value::Bulk(bytes)) => is_address(bytes),
            (Pattern::Text, Value::Bulk(_)) => true,
            (Pattern::Has(needles), _) => {
                text(value).is_some_and(|text| needles.iter().all(|needle| contains(&text, needle)))
            }
            (Pattern::Bind(name, inner), _) => self.accept(inner, value) && self.bind(name, value),
            (Pattern::Items(shape, patterns), _) => {
                items(value, shape.kind).is_some_and(|items| self.accept_all(*shape, patterns, items))
            }
            (Pattern::Pairs(shape, patterns), Value::Map(pairs)) => self.accept_pairs(*shape, patterns, pairs),
            _ => false,
        }
    }

    fn bind(&mut self, name: &str, value: &Value) -> bool {
        match self.values.get(name) {
            Some(bound) => is_same(bound, value),
            None if text(value).is_none() => false,
            None => {
                self.values.insert(name.to_owned(), value.clone());
                true
            }
        }
    }

    fn accept_all(&mut self, shape: Shape, patterns: &[Pattern], items: &[Value]) -> bool {
        self.accept_each(shape, patterns, items, Self::accept)
    }

    fn accept_pairs(&mut self, shape: Shape, patterns: &[(Pattern, Pattern)], pairs: &[(Value, Value)]) -> bool {
        self.accept_each(shape, patterns, pairs, |bindings, (key, value), pair| {
            bindings.accept(key, &pair.0) && bindings.accept(value, &pair.1)
        })
    }

    /// Free order takes for each pattern the first item left that matches: exact where patterns do not overlap,
    /// which is how transcripts use it.
    fn accept_each<P, V>(
        &mut self,
        shape: Shape,
        patterns: &[P],
        values: &[V],
        accept: impl Fn(&mut Self, &P, &V) -> bool,
    ) -> bool {
        if values.len() < patterns.len() || (shape.end == End::Closed && values.len() > patterns.len()) {
            return false;
        }
        let mut left: Vec<&V> = values.iter().collect();
        patterns.iter().all(|pattern| {
            let tries = if shape.order == Order::Free { left.len() } else { 1 };
            let found = (0..tries).find(|&index| {
                let mut trial = self.clone();
                let matched = accept(&mut trial, pattern, left[index]);
                if matched {
                    *self = trial;
                }
                matched
            });
            found.map(|index| left.remove(index)).is_some()
        })
    }

    /// Replaces the unquoted `$names` of a command line. Names that nothing was bound to are told.
    pub(crate) fn fill(&self, line: &str) -> Result<String, String> {
        let mut out = String::new();
        let mut quote = None;
        let mut rest = line;
        while let Some(c) = rest.chars().next() {
            rest = &rest[c.len_utf8()..];
            let name_end = rest.find(|c| !is_variable_char(c)).unwrap_or(rest.len());
            match quote {
                None if c == '$' && name_end > 0 => {
                    out.push_str(&self.plain_text(&rest[..name_end])?);
                    rest = &rest[name_end..];
                    continue;
                }
                Some('"') if c == '\\' => {
                    out.push(c);
                    let Some(escaped) = rest.chars().next() else {
                        break;
                    };
                    out.push(escaped);
                    rest = &rest[escaped.len_utf8()..];
                    continue;
                }
                None if c == '"' || c == '\'' => quote = Some(c),
                Some(open) if open == c => quote = None,
                _ => {}
            }
            out.push(c);
        }
        Ok(out)
    }

    /// The text a name stands for, which must not need quotes: it may stand in the middle of an argument.
    fn plain_text(&self, name: &str) -> Result<String, String> {
        let value = self.values.get(name).ok_or_else(|| format!("`${name}` is not bound to anything"))?;
        let text = text(value).and_then(|text| String::from_utf8(text).ok());
        text.filter(|text| !text.is_empty() && !text.contains(|c: char| c.is_whitespace() || "\"'\\".contains(c)))
            .ok_or_else(|| format!("what `${name}` stands for needs quotes"))
    }
}

/// Equality as a transcript means it: any two NaNs are the same.
fn is_same(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Double(a), Value::Double(b)) if a.value().is_nan() => b.value().is_nan(),
        _ => a == b,
    }
}

fn items(value: &Value, kind: Kind) -> Option<&[Value]> {
    match (value, kind) {
        (Value::Array(items), Kind::Array) | (Value::Set(items), Kind::Set) | (Value::Push(items), Kind::Push) => {
            Some(items)
        }
        _ => None,
    }
}

/// The text of a scalar.
fn text(value: &Value) -> Option<Vec<u8>> {
    match value {
        Value::Bulk(text) | Value::Verbatim { text, .. } => Some(text.to_vec()),
        Value::Status(text) | Value::Error(text) => Some(text.clone().into_bytes()),
        Value::Integer(number) => Some(number.to_string().into_bytes()),
        _ => None,
    }
}

fn contains(text: &[u8], needle: &[u8]) -> bool {
    needle.is_empty() || text.windows(needle.len()).any(|window| window == needle)
}

fn is_stream_id(bytes: &[u8]) -> bool {
    let digits = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
    let text = std::str::from_utf8(bytes).unwrap_or_default();
    text.split_once('-').is_some_and(|(ms, seq)| digits(ms) && digits(seq))
}

fn is_address(bytes: &[u8]) -> bool {
    let text = std::str::from_utf8(bytes).unwrap_or_default();
    text.rsplit_once(':').is_some_and(|(host, port)| !host.is_empty() && port.parse::<u16>().is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bulk(text: &str) -> Value {
        Value::Bulk(text.to_owned().into())
    }

    fn ints(numbers: &[i64]) -> Value {
        Value::Array(numbers.iter().copied().map(Value::Integer).collect())
    }

    fn matches(pattern: &str, value: &Value) -> bool {
        let pattern = Pattern::parse(pattern).expect("a pattern");
        Bindings::default().matches(&pattern, &Event::Reply(value.clone()))
    }

    #[test]
    fn holes_match_what_they_say_and_nothing_else() {
        let cases = [
            ("<any>", ints(&[1]), true),
            ("<int>", Value::Integer(-5), true),
            ("<int>", bulk("5"), false),
            ("<int 1..3>", Value::Integer(3), true),
            ("<int 1..3>", Value::Integer(4), false),
            ("<int -3..-1>", Value::Integer(-2), true),
            ("<id>", bulk("12-0"), true),
            ("<id>", bulk("12"), false),
            ("<id>", bulk("a-0"), false),
            ("<addr>", bulk("127.0.0.1:6379"), true),
            ("<addr>", bulk("127.0.0.1:99999"), false),
            ("<text>", bulk("x"), true),
            ("<text>", Value::Status("x".into()), false),
            ("<has \"b\" \"c\">", Value::Error("abc".into()), true),
            ("<has \"b\" \"d\">", Value::Error("abc".into()), false),
            ("[1, <rest>]", ints(&[1, 2, 3]), true),
            ("[1, <rest>]", ints(&[1]), true),
            ("[1, <rest>]", ints(&[2]), false),
            ("[<rest>]", Value::Set(vec![]), false),
            ("<unordered> [1, 2, 2]", ints(&[2, 1, 2]), true),
            ("<unordered> [1, 2, 2]", ints(&[2, 1, 1]), false),
            ("<unordered> [3, <rest>]", ints(&[1, 2, 3]), true),
            ("[<int $a>, $a]", ints(&[4, 4]), true),
            ("[<int $a>, $a]", ints(&[4, 5]), false),
            ("<closed>", bulk("closed"), false),
        ];
        for (pattern, value, expected) in cases {
            assert_eq!(matches(pattern, &value), expected, "{pattern} against {value:?}");
        }
    }

    #[test]
    fn a_pattern_that_does_not_match_binds_nothing() {
        let mut bindings = Bindings::default();
        let pattern = Pattern::parse("[<int $a>, 9]").expect("a pattern");
        assert!(!bindings.matches(&pattern, &Event::Reply(ints(&[1, 2]))));
        assert!(bindings.fill("$a").is_err());
    }

    #[test]
    fn names_are_filled_in_outside_quotes_only() {
        let mut bindings = Bindings::default();
        assert!(bindings.matches(&Pattern::parse("$id").expect("a pattern"), &Event::Reply(bulk("1-2"))));
        let filled = bindings.fill(r#"X ($id "$id" '$id' $ "\"$id" a$id-b"#);
        assert_eq!(filled.as_deref(), Ok(r#"X (1-2 "$id" '$id' $ "\"$id" a1-2-b"#));
    }
}
