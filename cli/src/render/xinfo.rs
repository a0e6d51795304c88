//! What XINFO answers: of groups and consumers a row each, of a stream a row for each property.

use rbq_resp::Value;

use super::cell::cell;
use super::pending::span;
use super::table::table;
use super::{Look, full};
use crate::catalog::{items, pairs, text};

pub(super) fn render(value: &Value, look: Look) -> Option<String> {
    let is_named = |value: &Value| {
        let pairs = pairs(value);
        !pairs.is_empty() && pairs.iter().all(|(name, _)| name.as_bytes().is_some())
    };
    if is_named(value) && pairs(value).len() * 2 >= items(value).len() {
        return properties(value, look);
    }
    let rows = items(value);
    if rows.is_empty() || !rows.iter().all(is_named) {
        return None;
    }
    let names: Vec<String> = pairs(&rows[0]).iter().map(|(name, _)| text(name)).collect();
    let mut cells = Vec::new();
    for row in rows {
        let row = pairs(row);
        if row.len() != names.len() || !row.iter().zip(&names).all(|((name, _), title)| text(name) == *title) {
            return None;
        }
        cells.push(row.iter().map(|(name, value)| property(&text(name), value, look)).collect());
    }
    let titles: Vec<String> = names.iter().map(|name| super::inert(&name.to_uppercase())).collect();
    Some(table(&titles, cells, look))
}

fn properties(value: &Value, look: Look) -> Option<String> {
    let is_flat = |value: &Value| {
        items(value).iter().all(|element| !matches!(items(element), [Value::Array(_), ..] | [Value::Map(_), ..]))
    };
    let pairs = pairs(value);
    if let Some(shown) = full::render(value, look) {
        return Some(shown);
    }
    if !pairs.iter().all(|(_, value)| is_flat(value)) {
        return None;
    }
    let row = |(name, value): &(&Value, &Value)| vec![super::inert(&text(name)), property(&text(name), value, look)];
    Some(table(&[], pairs.iter().map(row).collect(), look))
}

pub(super) fn property(name: &str, value: &Value, look: Look) -> String {
    match (name, value) {
        ("idle" | "inactive", Value::Integer(ms @ 0..)) => span(*ms),
        _ => cell(value, look),
    }
}
