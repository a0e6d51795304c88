//! What redis-cli 7.0 cannot be asked: big numbers, empty pushes, equal keys.

use super::*;

fn shown(value: &Value) -> String {
    let mut out = Vec::new();
    for form in [Form::Tty, Form::Raw, Form::Csv, Form::Json] {
        Printer::new(form).reply(value, &mut out);
    }
    String::from_utf8_lossy(&out).into_owned()
}

#[test]
fn an_integer_of_any_length_is_an_integer() {
    let digits = "123456789012345678901234567890";
    let value = Value::BigNumber(digits.to_owned());
    assert_eq!(shown(&value), format!("(integer) {digits}\n{digits}\n{digits}\n{digits}\n"));
}

#[test]
fn equal_keys_are_kept_and_keys_of_any_type_are_strings_in_json() {
    let pair = |value| (Value::Array(vec![Value::Null]), Value::Integer(value));
    let value = Value::Map(vec![pair(1), pair(2)]);
    assert_eq!(
        shown(&value),
        "1# 1) (nil) => (integer) 1\n2# 1) (nil) => (integer) 2\n 1\n 2\nNULL,1,NULL,2\n{\"[null]\":1,\"[null]\":2}\n"
    );
}

#[test]
fn nothing_is_shown_as_nothing() {
    assert_eq!(shown(&Value::Push(vec![])), "(empty push)\n\n\n[]\n");
    assert_eq!(shown(&Value::NullArray), "(nil)\n\nNULL\nnull\n");
}
