//! Reading replies character by character: words, quoted strings, brackets.
//!
//! The quoting is `redis-cli`'s, so that a string may be carried from a reply into a command as it stands.

/// A place in the text of one reply.
#[derive(Debug, Clone)]
pub(crate) struct Cursor<'a> {
    text: &'a str,
    at: usize,
}

/// What is wrong with a reply as written.
pub(crate) type Problem = String;

impl<'a> Cursor<'a> {
    pub(crate) fn new(text: &'a str) -> Self {
        Self { text, at: 0 }
    }

    pub(crate) fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    pub(crate) fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    pub(crate) fn bump(&mut self) -> Option<char> {
        let next = self.peek()?;
        self.at += next.len_utf8();
        Some(next)
    }

    pub(crate) fn skip_space(&mut self) {
        self.take_while(char::is_whitespace);
    }

    /// Takes `wanted` if it comes next.
    pub(crate) fn eat(&mut self, wanted: &str) -> bool {
        let found = self.rest().starts_with(wanted);
        if found {
            self.at += wanted.len();
        }
        found
    }

    pub(crate) fn expect(&mut self, wanted: &str) -> Result<(), Problem> {
        if self.eat(wanted) {
            return Ok(());
        }
        Err(format!("expected `{wanted}` at `{}`", self.rest()))
    }

    pub(crate) fn take_while(&mut self, wanted: impl Fn(char) -> bool) -> &'a str {
        let rest = self.rest();
        let end = rest.find(|c| !wanted(c)).unwrap_or(rest.len());
        self.at += end;
        &rest[..end]
    }

    /// A plain word, see [`is_plain_word`]; a colon at its end belongs to a map and is left.
    pub(crate) fn word(&mut self) -> &'a str {
        let rest = self.rest();
        let end = rest.find(|c| !is_word_char(c)).unwrap_or(rest.len());
        let word = rest[..end].trim_end_matches(':');
        self.at += word.len();
        word
    }

    /// A quoted string with its escapes undone. The cursor stands on the opening quote.
    pub(crate) fn quoted(&mut self) -> Result<Vec<u8>, Problem> {
        self.expect("\"")?;
        let mut bytes = Vec::new();
        loop {
            match self.bump() {
                None => return Err("the closing quote is missing".into()),
                Some('"') => return Ok(bytes),
                Some('\\') => bytes.push(self.escape()?),
                Some(c) => bytes.extend(c.encode_utf8(&mut [0; 4]).bytes()),
            }
        }
    }

    fn escape(&mut self) -> Result<u8, Problem> {
        match self.bump() {
            Some('n') => Ok(b'\n'),
            Some('r') => Ok(b'\r'),
            Some('t') => Ok(b'\t'),
            Some('a') => Ok(7),
            Some('b') => Ok(8),
            Some(c @ ('\\' | '"')) => Ok(c as u8),
            Some('x') => self.hex_byte(),
            other => Err(format!("no such escape: `\\{}`", other.unwrap_or(' '))),
        }
    }

    fn hex_byte(&mut self) -> Result<u8, Problem> {
        let digits = self.rest().get(..2).unwrap_or_default();
        let byte = u8::from_str_radix(digits, 16);
        self.at += digits.len();
        byte.map_err(|_| format!("`\\x` wants two hexadecimal digits, not `{digits}`"))
    }
}

fn is_word_char(c: char) -> bool {
    c.is_ascii_alphanumeric() || "_:./@-".contains(c)
}

/// May this bulk string stand without quotes?
pub(crate) fn is_plain_word(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && text.chars().all(is_word_char)
        && !text.ends_with(':')
        && text != "nil"
}

#[cfg(test)]
mod tests {
    use rbq_resp::quote;

    use super::*;

    #[test]
    fn quoting_is_undone_by_reading() {
        let every_byte: Vec<u8> = (0..=255).collect();
        let cases: [&[u8]; 4] = [&every_byte, b"", "grün \"x\" \\ \u{85}".as_bytes(), b"a\r\n\tb\x07\x08"];
        for bytes in cases {
            let quoted = quote(bytes);
            assert_eq!(Cursor::new(&quoted).quoted().as_deref(), Ok(bytes), "{quoted}");
        }
    }

    #[test]
    fn a_word_leaves_the_colon_of_a_map() {
        let mut cursor = Cursor::new("user:7: x");
        assert_eq!(cursor.word(), "user:7");
        assert_eq!(cursor.rest(), ": x");
    }

    #[test]
    fn broken_quotes_are_told() {
        for text in ["\"open", "\"\\q\"", "\"\\x4\"", "\"\\xzz\""] {
            assert!(Cursor::new(text).quoted().is_err(), "{text}");
        }
    }
}
