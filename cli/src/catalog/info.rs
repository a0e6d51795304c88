//! How many arguments commands take, from the reply of `COMMAND`.
//!
//! ```text
//!   [name, arity, flags, first key, last key, step, categories, tips, key specifications, subcommands]
//! ```
//! An arity counts the names; below zero it is a minimum. Before Redis 7 the last three are missing.

use rbq_resp::Value;

use super::docs::{items, text};

/// The arity of each command and subcommand, by its name as a [catalog](super::Catalog) has it.
pub(crate) fn arities(reply: &Value) -> Vec<(String, i64)> {
    let mut all = Vec::new();
    collect(reply, &mut all);
    all
}

fn collect(list: &Value, all: &mut Vec<(String, i64)>) {
    for command in items(list) {
        if let [name, Value::Integer(arity), ..] = items(command) {
            all.push((text(name).to_uppercase().replace('|', " "), *arity));
        }
        if let Some(subcommands) = items(command).get(9) {
            collect(subcommands, all);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn subcommands_are_found_where_a_server_tells_them() {
        let bulk = |text: &str| Value::Bulk(text.to_owned().into());
        let row = |name: &str, arity, more: Vec<Value>| {
            Value::Array([bulk(name), Value::Integer(arity)].into_iter().chain(more).collect())
        };
        let mut rest = vec![Value::Null; 7];
        rest.push(Value::Array(vec![row("xgroup|create", -5, vec![])]));
        let reply = Value::Array(vec![row("get", 2, vec![]), row("xgroup", -2, rest), Value::Null]);
        let expected = [("GET", 2), ("XGROUP", -2), ("XGROUP CREATE", -5)];
        assert_eq!(arities(&reply), expected.map(|(name, arity)| (name.to_owned(), arity)));
    }
}
