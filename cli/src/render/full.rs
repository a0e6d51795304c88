//! What XINFO STREAM … FULL answers: a stream's properties, its entries, its groups, and of each group what is pending and its consumers.
//!
//! Each part is a table below its name. A consumer's own list of what it has pending is part of its group's, but either is cut at the
//! COUNT that was asked for: so what only the consumers' lists have is added, and nothing that was answered is left out.

use rbq_resp::Value;

use super::Look;
use super::cell::cell;
use super::entries;
use super::table::{table, titles};
use super::xinfo::property;
use crate::catalog::{field, items, pairs, text};

/// `None` if it is the answer to something else.
pub(super) fn render(value: &Value, look: Look) -> Option<String> {
    let (entries, groups) = (field(value, "entries")?, field(value, "groups")?);
    let flat = pairs(value).into_iter().filter(|(_, value)| !matches!(value, Value::Array(_) | Value::Map(_)));
    let rows = flat.map(|(name, value)| vec![super::inert(&text(name)), property(&text(name), value, look)]).collect();
    let mut shown = table(&[], rows, look);
    if !items(entries).is_empty() {
        part("entries", &entries::range(entries, look)?, &mut shown);
    }
    if !items(groups).is_empty() {
        part("groups", &rows_of(groups, look)?, &mut shown);
    }
    for group in items(groups) {
        let name = cell(field(group, "name")?, look);
        let rows = pending(group, look)?;
        if !rows.is_empty() {
            let pending = table(&titles(["ID", "CONSUMER", "DELIVERED", "DELIVERIES"]), rows, look);
            part(&format!("pending in {name}"), &pending, &mut shown);
        }
        let consumers = field(group, "consumers")?;
        if !items(consumers).is_empty() {
            part(&format!("consumers of {name}"), &rows_of(consumers, look)?, &mut shown);
        }
    }
    Some(shown)
}

fn part(name: &str, table: &str, shown: &mut String) {
    shown.extend(["\n", name, "\n", table]);
}

/// A row for each, of what it has that is no list.
fn rows_of(list: &Value, look: Look) -> Option<String> {
    let flat = |row: &Value| -> Vec<(String, String)> {
        let flat = pairs(row).into_iter().filter(|(_, value)| !matches!(value, Value::Array(_) | Value::Map(_)));
        flat.map(|(name, value)| (text(name), property(&text(name), value, look))).collect()
    };
    let rows: Vec<Vec<(String, String)>> = items(list).iter().map(flat).collect();
    let names: Vec<&String> = rows.first()?.iter().map(|(name, _)| name).collect();
    if names.is_empty() || !rows.iter().all(|row| row.iter().map(|(name, _)| name).eq(names.iter().copied())) {
        return None;
    }
    let titles: Vec<String> = names.iter().map(|name| super::inert(&name.to_uppercase())).collect();
    Some(table(&titles, rows.iter().map(|row| row.iter().map(|(_, cell)| cell.clone()).collect()).collect(), look))
}

/// ID, consumer, when it was delivered (milliseconds since 1970) and how often.
fn pending(group: &Value, look: Look) -> Option<Vec<Vec<String>>> {
    let list = |holder| field(holder, "pending").or_else(|| field(holder, "pel")).map(items);
    let mut rows = Vec::new();
    for entry in list(group)? {
        let [id, consumer, delivered, count] = items(entry) else { return None };
        rows.push([id, consumer, delivered, count].map(|value| cell(value, look)).to_vec());
    }
    for consumer in items(field(group, "consumers")?) {
        let name = cell(field(consumer, "name")?, look);
        for entry in list(consumer)? {
            let [id, delivered, count] = items(entry) else { return None };
            let id = cell(id, look);
            if !rows.iter().any(|row| row[0] == id) {
                rows.push(vec![id, name.clone(), cell(delivered, look), cell(count, look)]);
            }
        }
    }
    Some(rows)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bulk(text: &str) -> Value {
        Value::Bulk(text.to_owned().into())
    }

    fn array<const N: usize>(values: [Value; N]) -> Value {
        Value::Array(values.to_vec())
    }

    #[test]
    fn each_part_is_a_table_and_nothing_is_left_out() {
        let pending = |id: &str, more: [Value; 3]| Value::Array([bulk(id)].into_iter().chain(more).collect());
        let consumer = array([
            bulk("name"),
            bulk("ann"),
            bulk("pel-count"),
            Value::Integer(2),
            bulk("pending"),
            array([
                array([bulk("1-1"), Value::Integer(70), Value::Integer(3)]),
                array([bulk("2-1"), Value::Integer(80), Value::Integer(1)]),
            ]),
        ]);
        let group = array([
            bulk("name"),
            bulk("g"),
            bulk("lag"),
            Value::Null,
            bulk("pending"),
            array([pending("1-1", [bulk("ann"), Value::Integer(70), Value::Integer(3)])]),
            bulk("consumers"),
            array([consumer]),
        ]);
        let entry = array([bulk("1-1"), array([bulk("a"), bulk("1")])]);
        let value =
            array([bulk("length"), Value::Integer(1), bulk("entries"), array([entry]), bulk("groups"), array([group])]);
        let look = Look { tables: true, json: false, columns: None };
        insta::assert_snapshot!(render(&value, look).expect("it is a stream in full"), @r"
        length  1

        entries
        ID   a
        1-1  1

        groups
        NAME  LAG
        g     -

        pending in g
        ID   CONSUMER  DELIVERED  DELIVERIES
        1-1  ann       70         3
        2-1  ann       80         1

        consumers of g
        NAME  PEL-COUNT
        ann   2
        ");
        assert_eq!(render(&array([bulk("length"), Value::Integer(1)]), look), None);
    }
}
