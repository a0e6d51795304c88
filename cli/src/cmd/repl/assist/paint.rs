//! Colours for the line as it is typed: known and unknown commands, options, strings, numbers, quotes that do not match.
//!
//! Invariant: without its escapes the painted line is the line. The editor counts columns by leaving out escapes, and one
//! character more or less would put the cursor in the wrong place.

use super::super::backslash::{self, is_local};
use super::super::line::{self, Quotes, Word};
use crate::catalog::Catalog;

const KNOWN: &str = "1;32";
const UNKNOWN: &str = "31";
const OPTION: &str = "36";
const STRING: &str = "33";
const NUMBER: &str = "35";
const UNBALANCED: &str = "1;31";

/// The line with colours.
pub(super) fn paint(catalog: &Catalog, input: &str) -> String {
    let mut painted = String::with_capacity(input.len() * 2);
    let mut at = 0;
    for words in line::commands(input) {
        let styles = styles(catalog, &words, input.len());
        for (word, style) in words.iter().zip(styles) {
            painted.push_str(&input[at..word.start]);
            let text = &input[word.start..word.end];
            match style {
                Some(style) => painted.extend(["\x1b[", style, "m", text, "\x1b[0m"]),
                None => painted.push_str(text),
            }
            at = word.end;
        }
    }
    painted.push_str(&input[at..]);
    painted
}

fn styles(catalog: &Catalog, words: &[Word], len: usize) -> Vec<Option<&'static str>> {
    let texts = line::all_texts(words);
    let first = usize::from(texts.len() > 1 && texts[0].iter().all(u8::is_ascii_digit));
    let (entry, names) = match catalog.find(&texts[first..]) {
        Some((entry, names)) => (Some(entry), names),
        None => (None, 1),
    };
    let tokens = entry.map(|entry| entry.tokens()).unwrap_or_default();
    let style = |(index, word): (usize, &Word)| match index {
        _ if matches!(word.quotes, Quotes::Open | Quotes::Glued) => Some(UNBALANCED),
        _ if index < first => Some(NUMBER),
        _ if index < first + names => {
            let is_known = entry.is_some() || is_local(&word.text) || backslash::is_known(&word.text);
            match is_known {
                true => Some(KNOWN),
                // While it is being typed it may still become one.
                false if word.end == len && may_become(catalog, &word.text) => None,
                false => Some(UNKNOWN),
            }
        }
        _ if word.quotes == Quotes::Closed => Some(STRING),
        _ if tokens.iter().any(|token| word.text.eq_ignore_ascii_case(token.as_bytes())) => Some(OPTION),
        _ if is_number(&word.text) => Some(NUMBER),
        _ => None,
    };
    words.iter().enumerate().map(style).collect()
}

fn may_become(catalog: &Catalog, word: &[u8]) -> bool {
    let word = String::from_utf8_lossy(word);
    word.starts_with('\\') || catalog.beginning_with(&word).next().is_some()
}

fn is_number(word: &[u8]) -> bool {
    word.first().is_some_and(|first| first.is_ascii_digit() || matches!(first, b'-' | b'+' | b'.'))
        && std::str::from_utf8(word).is_ok_and(|text| text.parse::<f64>().is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::own;

    /// The colours as marks: `<known:get> k`.
    fn marked(input: &str) -> String {
        let mut text = paint(&own(), input);
        for (style, name) in [
            (KNOWN, "known"),
            (UNKNOWN, "unknown"),
            (OPTION, "option"),
            (STRING, "string"),
            (NUMBER, "number"),
            (UNBALANCED, "unbalanced"),
        ] {
            text = text.replace(&format!("\x1b[{style}m"), &format!("<{name}:"));
        }
        text.replace("\x1b[0m", ">")
    }

    #[test]
    fn words_are_coloured_by_what_they_are() {
        for (line, expected) in [
            ("get k", "<known:get> k"),
            ("GETT k", "<unknown:GETT> k"),
            ("ge", "ge"),
            ("zz", "<unknown:zz>"),
            ("set k \"a b\" ex 10", "<known:set> k <string:\"a b\"> <option:ex> <number:10>"),
            ("xgroup create s g $", "<known:xgroup> <known:create> s g <option:$>"),
            ("set k 'a", "<known:set> k <unbalanced:'a>"),
            ("set k \"a\"b", "<known:set> k <unbalanced:\"a\"b>"),
            ("3 incr n", "<number:3> <known:incr> n"),
            ("help get", "<known:help> get"),
            ("\\timing on", "<known:\\timing> on"),
            ("get a\nget b", "<known:get> a\n<known:get> b"),
        ] {
            assert_eq!(marked(line), expected, "{line}");
        }
    }

    #[test]
    fn colours_change_no_printable_character() {
        for line in ["set  größe\t\"ä \\x1b\" 5 ", "  'x", "a\\\n b\n\nget \"", "日本 語 -1.5", ""] {
            let mut plain = String::new();
            let mut rest = paint(&own(), line);
            while let Some(escape) = rest.find("\x1b[") {
                plain.push_str(&rest[..escape]);
                let end = rest[escape..].find('m').expect("every escape ends");
                rest = rest[escape + end + 1..].to_owned();
            }
            assert_eq!(plain + &rest, line);
        }
    }
}
