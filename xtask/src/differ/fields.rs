//! Parts of replies: fields of maps, which are `{name: value}` in RESP3 and `[name, value, …]` in RESP2, and elements of
//! arrays; of one reply, or of two side by side.

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

/// The same, to look at.
pub(crate) fn items(value: &Value) -> &[Value] {
    match value {
        Value::Array(items) | Value::Set(items) | Value::Push(items) => items,
        _ => &[],
    }
}

/// Applies to the elements in pairs.
pub(crate) fn each(older: &Value, newer: &mut Value, apply: impl Fn(&Value, &mut Value)) {
    items(older).iter().zip(items_mut(newer)).for_each(|(older, newer)| apply(older, newer));
}

/// Applies to one element of both.
pub(crate) fn at(older: &Value, newer: &mut Value, index: usize, apply: impl Fn(&Value, &mut Value)) {
    if let (Some(older), Some(newer)) = (items(older).get(index), items_mut(newer).get_mut(index)) {
        apply(older, newer);
    }
}

/// Applies to one field of both.
pub(crate) fn in_field(older: &Value, newer: &mut Value, field: &str, apply: impl Fn(&Value, &mut Value)) {
    let mut older = older.clone();
    if let (Some(older), Some(newer)) = (field_mut(&mut older, field), field_mut(newer, field)) {
        apply(older, newer);
    }
}

/// A number.
pub(crate) fn integer(value: &Value) -> Option<i64> {
    match value {
        Value::Integer(integer) => Some(*integer),
        _ => None,
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
