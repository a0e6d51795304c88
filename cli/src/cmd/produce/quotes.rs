//! Whether a CSV breaks off inside quotes: the sign of a file that was cut.
//!
//! The reader of CSV takes the end of the input for the end of the last value, whatever is open. So what goes to it is looked at on
//! its way, by the same rules: a quote opens a value only at the value's beginning, and two of them inside are one.

use std::cell::Cell;
use std::io::{self, Read};
use std::rc::Rc;

/// Where in a row the last byte stood.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Where {
    #[default]
    Begin,
    Bare,
    Quoted,
    /// Behind a quote inside of quotes: the end of them, or half of a quote that is meant.
    Quote,
}

/// What is known of an input so far.
#[derive(Debug, Clone, Default)]
pub(super) struct Quotes(Rc<Cell<(Where, bool)>>);

impl Quotes {
    /// The same input, looked at as it is read.
    pub(super) fn watch<R: Read>(&self, inner: R) -> Watched<R> {
        Watched { quotes: self.clone(), inner }
    }

    /// Whether the input has ended inside quotes.
    pub(super) fn are_cut_off(&self) -> bool {
        self.0.get() == (Where::Quoted, true)
    }
}

/// An input that is looked at.
#[derive(Debug)]
pub(super) struct Watched<R> {
    quotes: Quotes,
    inner: R,
}

impl<R: Read> Read for Watched<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buffer)?;
        let (before, _) = self.quotes.0.get();
        let is_over = read == 0 && !buffer.is_empty();
        self.quotes.0.set((buffer[..read].iter().fold(before, |at, byte| at.behind(*byte)), is_over));
        Ok(read)
    }
}

impl Where {
    fn behind(self, byte: u8) -> Self {
        match (self, byte) {
            (Self::Begin, b'"') | (Self::Quote, b'"') => Self::Quoted,
            (Self::Quoted, b'"') => Self::Quote,
            (Self::Quoted, _) => Self::Quoted,
            (_, b',' | b'\n' | b'\r') => Self::Begin,
            _ => Self::Bare,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_quotes_that_were_opened_can_be_cut_off() {
        for (text, expected) in [
            ("a,b\n1,\"un", true),
            ("a,b\n1,\"un\n", true),
            ("a,b\n1,\"an \"\"inner\"\" one", true),
            ("a,b\n1,\"an \"\"inner\"\"\"", false),
            ("a,b\n1,5\" pipe\n", false),
            ("a,b\n\"1\"x\",2", false),
            ("", false),
        ] {
            let quotes = Quotes::default();
            io::copy(&mut quotes.watch(text.as_bytes()), &mut io::sink()).expect("bytes in memory are read");
            assert_eq!(quotes.are_cut_off(), expected, "{text}");
        }
    }
}
