//! Replies that are maps: `{name: value}` in RESP3, `[name, value, …]` in RESP2.

use rbq_resp::Value;

/// The value of a field.
pub(crate) fn field_mut<'v>(map: &'v mut Value, name: &str) -> Option<&'v mut Value> {
    match map {
        Value::Map(pairs) => pairs.iter_mut().find(|(key, _)| is(key, name)).map(|(_, value)| value),
        Value::Array(flat) => {
            let at = flat.chunks(2).position(|pair| is(&pair[0], name))?;
            flat.get_mut(2 * at + 1)
        }
        _ => None,
    }
}

/// Takes a field away, if it is there.
pub(crate) fn remove_field(map: &mut Value, name: &str) {
    match map {
        Value::Map(pairs) => pairs.retain(|(key, _)| !is(key, name)),
        Value::Array(flat) => {
            if let Some(at) = flat.chunks(2).position(|pair| is(&pair[0], name)) {
                flat.drain(2 * at..(2 * at + 2).min(flat.len()));
            }
        }
        _ => {}
    }
}

/// The elements of an array or set; none for everything else.
pub(crate) fn items_mut(value: &mut Value) -> &mut [Value] {
    match value {
        Value::Array(items) | Value::Set(items) | Value::Push(items) => items,
        _ => &mut [],
    }
}

fn is(key: &Value, name: &str) -> bool {
    key.as_bytes() == Some(name.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;

    #[test]
    fn a_map_is_one_in_both_protocols() {
        let bulk = |text: &'static str| Value::Bulk(Bytes::from_static(text.as_bytes()));
        let flat = Value::Array(vec![bulk("a"), Value::Integer(1), bulk("b"), Value::Integer(2)]);
        let pairs = Value::Map(vec![(bulk("a"), Value::Integer(1)), (bulk("b"), Value::Integer(2))]);
        for mut map in [flat, pairs] {
            assert_eq!(field_mut(&mut map, "b"), Some(&mut Value::Integer(2)));
            remove_field(&mut map, "a");
            assert_eq!(field_mut(&mut map, "a"), None);
            assert_eq!(field_mut(&mut map, "b"), Some(&mut Value::Integer(2)));
        }
    }
}
