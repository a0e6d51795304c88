//! Format strings, as kcat has them: `--format '%i %T %k %v\n'`.
//!
//! ```text
//!   %k       the key                                   %i  the entry's ID; nothing for a queue
//!   %v       the value: a lone `data`, else JSON       %T  when it was added, in ms since 1970
//!   %S       the value's length in bytes               %t  … as a date
//!   %h       all fields as JSON                        %d  how often it was delivered; 0 if not counted
//!   %{name}  one field; nothing if it is not there     %%  a percent sign
//!   \n \t \r \0 \e \\ \xHH
//! ```

use bytes::Bytes;

use super::message::Message;
use crate::print::message;

/// The letters, for errors and the help.
const LETTERS: &str = "%k %i %v %S %h %{field} %T %t %d %%";

/// A format that was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Format(Vec<Part>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Text(Vec<u8>),
    Field(Bytes),
    Letter(char),
}

/// Reads a format; for clap, so the error is a sentence.
pub(super) fn parse(text: &str) -> Result<Format, String> {
    let mut parts = Vec::new();
    let mut plain = Vec::new();
    let mut rest = text.chars();
    while let Some(letter) = rest.next() {
        let part = match letter {
            '\\' => {
                plain.push(escape(&mut rest).ok_or_else(|| format!("`{text}` has an escape that nobody knows"))?);
                continue;
            }
            '%' => match rest.next() {
                Some('%') => {
                    plain.push(b'%');
                    continue;
                }
                Some('{') => {
                    let (name, after) = rest.as_str().split_once('}').ok_or("a `%{` needs a `}`")?;
                    rest = after.chars();
                    Part::Field(Bytes::copy_from_slice(name.as_bytes()))
                }
                Some(letter @ ('k' | 'i' | 'v' | 'S' | 'h' | 'T' | 't' | 'd')) => Part::Letter(letter),
                Some(other) => return Err(format!("there is no `%{other}`; there are {LETTERS}")),
                None => return Err(format!("a `%` at the end stands for nothing; there are {LETTERS}")),
            },
            other => {
                plain.extend_from_slice(other.encode_utf8(&mut [0; 4]).as_bytes());
                continue;
            }
        };
        if !plain.is_empty() {
            parts.push(Part::Text(std::mem::take(&mut plain)));
        }
        parts.push(part);
    }
    if !plain.is_empty() {
        parts.push(Part::Text(plain));
    }
    Ok(Format(parts))
}

fn escape(rest: &mut std::str::Chars<'_>) -> Option<u8> {
    Some(match rest.next()? {
        'n' => b'\n',
        't' => b'\t',
        'r' => b'\r',
        '0' => 0,
        'e' => 0x1b,
        '\\' => b'\\',
        'x' => {
            let digits = rest.as_str().get(..2)?;
            *rest = rest.as_str()[2..].chars();
            u8::from_str_radix(digits, 16).ok()?
        }
        _ => return None,
    })
}

impl Format {
    pub(super) fn write(&self, key: &[u8], message: &Message, out: &mut Vec<u8>) {
        for part in &self.0 {
            match part {
                Part::Text(text) => out.extend_from_slice(text),
                Part::Field(wanted) => {
                    if let Some((_, value)) = message.fields.iter().find(|(name, _)| name == wanted) {
                        out.extend_from_slice(value);
                    }
                }
                Part::Letter('k') => out.extend_from_slice(key),
                Part::Letter('v') => out.extend_from_slice(&message.value()),
                Part::Letter(letter) => out.extend_from_slice(text_of(*letter, message).as_bytes()),
            }
        }
    }
}

fn text_of(letter: char, message: &Message) -> String {
    match letter {
        'i' => message.id.clone(),
        'S' => message.value().len().to_string(),
        'h' => message::json_fields(&message.fields).to_string(),
        'T' => message.time_ms().to_string(),
        't' => {
            let time = i64::try_from(message.time_ms()).ok().and_then(|ms| jiff::Timestamp::from_millisecond(ms).ok());
            time.map_or_else(|| message.time_ms().to_string(), |time| format!("{time:.3}"))
        }
        _ => message.delivery.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_letter_stands_for_something() {
        let mut message = Message::of_queue("v\n".into(), 1_500);
        let write = |format: &str, message: &Message| {
            let mut out = Vec::new();
            parse(format).expect("a format").write(b"jobs", message, &mut out);
            String::from_utf8_lossy(&out).into_owned()
        };
        assert_eq!(
            write("%k|%i|%v|%S|%T|%t|%d|%%|%{data}|%{none}\\x41\\t", &message),
            "jobs||v\n|2|1500|1970-01-01T00:00:01.500Z|0|%|v\n|A\t"
        );
        message.id = "7-1".to_owned();
        message.fields.push(("a".into(), "b".into()));
        assert_eq!(write("%i %T %v %h é", &message), r#"7-1 7 {"data":"v\n","a":"b"} {"data":"v\n","a":"b"} é"#);
        for wrong in ["%", "%q", "%{x", "\\q", "\\x4"] {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
    }
}
