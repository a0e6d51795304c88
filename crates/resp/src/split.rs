//! One line of text to arguments, with quotes and escapes.
//!
//! Inline requests and the command line read their lines by the same rules, those of Redis's `sdssplitargs`:
//!
//! ```text
//!   plain      ends at a blank; a quote may open in its middle:  a"b c" is one argument, ab c
//!   "..."      \xHH a byte; \n \r \t \b \a as in C; any other \c is c
//!   '...'      \' a quote; everything else is itself
//! ```
//!
//! After a closing quote a blank or the end must follow. As Redis works on C strings, a NUL ends the line.

/// A quote was opened and not closed, or text follows right after a closing one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("unbalanced quotes")]
pub struct UnbalancedQuotes;

/// Splits a line into its arguments as Redis does for inline requests.
///
/// # Errors
/// [`UnbalancedQuotes`] if a quote is left open or text follows right after a closing one.
pub fn split_args(line: &[u8]) -> Result<Vec<Vec<u8>>, UnbalancedQuotes> {
    let mut args = Vec::new();
    let mut text = Vec::new();
    let mut rest = line;
    while let Some(after) = split_one(rest, &mut text)? {
        args.push(std::mem::take(&mut text));
        rest = after;
    }
    Ok(args)
}

/// Reads the first argument of `line`, appends it to `text`, and returns what follows it; `None` if only blanks are
/// left. The appended bytes are never more than the bytes read.
pub(crate) fn split_one<'a>(line: &'a [u8], text: &mut Vec<u8>) -> Result<Option<&'a [u8]>, UnbalancedQuotes> {
    let start = line.iter().position(|&byte| !is_blank(byte)).unwrap_or(line.len());
    let mut rest = &line[start..];
    if matches!(rest, [] | [0, ..]) {
        return Ok(None);
    }
    loop {
        match rest {
            [] | [b' ' | b'\n' | b'\r' | b'\t' | 0, ..] => return Ok(Some(rest)),
            [b'"', quoted @ ..] => return after_quote(double_quoted(quoted, text)?).map(Some),
            [b'\'', quoted @ ..] => return after_quote(single_quoted(quoted, text)?).map(Some),
            [byte, after @ ..] => {
                text.push(*byte);
                rest = after;
            }
        }
    }
}

fn double_quoted<'a>(mut rest: &'a [u8], text: &mut Vec<u8>) -> Result<&'a [u8], UnbalancedQuotes> {
    loop {
        rest = match rest {
            [] | [0, ..] => return Err(UnbalancedQuotes),
            [b'"', after @ ..] => return Ok(after),
            [b'\\', b'x', high, low, after @ ..] if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() => {
                text.push(hex_digit(*high) << 4 | hex_digit(*low));
                after
            }
            [b'\\', escaped @ 1..=255, after @ ..] => {
                text.push(unescape(*escaped));
                after
            }
            [byte, after @ ..] => {
                text.push(*byte);
                after
            }
        }
    }
}

fn single_quoted<'a>(mut rest: &'a [u8], text: &mut Vec<u8>) -> Result<&'a [u8], UnbalancedQuotes> {
    loop {
        rest = match rest {
            [] | [0, ..] => return Err(UnbalancedQuotes),
            [b'\'', after @ ..] => return Ok(after),
            [b'\\', b'\'', after @ ..] => {
                text.push(b'\'');
                after
            }
            [byte, after @ ..] => {
                text.push(*byte);
                after
            }
        }
    }
}

fn after_quote(rest: &[u8]) -> Result<&[u8], UnbalancedQuotes> {
    match rest {
        [byte @ 1..=255, ..] if !is_blank(*byte) => Err(UnbalancedQuotes),
        _ => Ok(rest),
    }
}

/// What a byte behind a backslash stands for in double quotes, where it does not begin `\xHH`.
pub fn unescape(byte: u8) -> u8 {
    match byte {
        b'n' => b'\n',
        b'r' => b'\r',
        b't' => b'\t',
        b'b' => 8,
        b'a' => 7,
        other => other,
    }
}

/// The value of a hexadecimal digit, of which the byte has to be one.
pub fn hex_digit(byte: u8) -> u8 {
    debug_assert!(byte.is_ascii_hexdigit(), "only a digit has a value");
    match byte {
        b'0'..=b'9' => byte - b'0',
        _ => (byte | 0x20) - b'a' + 10,
    }
}

/// Whether this separates arguments: `isspace` of the C locale.
pub fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t'..=b'\r')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn split(line: &[u8]) -> Result<Vec<String>, UnbalancedQuotes> {
        Ok(split_args(line)?.into_iter().map(|arg| arg.escape_ascii().to_string()).collect())
    }

    #[test]
    fn lines_split_at_blanks_and_quotes_join() {
        for (line, args) in [
            (&b""[..], &[][..]),
            (b"  \t\x0b\x0c ", &[]),
            (b"set a b", &["set", "a", "b"]),
            (b"  set\ta   b  ", &["set", "a", "b"]),
            (b"a\x0bb", &[r"a\x0bb"]),
            (br#""" ''"#, &["", ""]),
            (br#"a"b c" d"#, &["ab c", "d"]),
            (br#"'b c'"#, &["b c"]),
            (br#""\x41\xfF\x0g\n\r\t\b\a\q\\\"""#, &[r#"A\xffx0g\n\r\t\x08\x07q\\\""#]),
            (br#"'\n\'\\x'"#, &[r"\\n\'\\\\x"]),
            (b"a\0b c", &["a"]),
            (b"a \0b c", &["a"]),
            (b"\"a\"\0b", &["a"]),
        ] {
            let expected: Vec<String> = args.iter().map(|arg| (*arg).to_owned()).collect();
            assert_eq!(split(line), Ok(expected), "{}", line.escape_ascii());
        }
    }

    #[test]
    fn open_quotes_and_text_after_a_closing_quote_are_refused() {
        for line in
            [&br#"""#[..], br#"'"#, br#""a"#, br#"a 'b"#, br#""a"b"#, br#"'a'b"#, br#""a\""#, br#""a\"#, b"\"a\0\""]
        {
            assert_eq!(split(line), Err(UnbalancedQuotes), "{}", line.escape_ascii());
        }
    }
}
