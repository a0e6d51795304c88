//! What SORT does once its options are known: weigh, order, cut, and fetch.
//!
//! ```text
//!   elements ──weigh (itself | BY)──► order ──► cut (LIMIT) ──► fetch (itself | GET …) ──► Output
//! ```
//!
//! The order is total (elements of equal weight by their bytes or, where there is nothing to compare, as they stood),
//! so the same list always comes out the same, and only the part that LIMIT keeps needs to be sorted.

use std::borrow::Cow;
use std::cmp::Ordering;

use rbq_listqueue::Element;
use rbq_resp::Sink;

use crate::broker::View;
use crate::error::Error;
use crate::number;
use crate::string::Str;
use crate::value::Value;

/// Smallest first, or largest.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Direction {
    Ascending,
    Descending,
}

/// As what weights are compared.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Rule {
    Numbers,
    Words,
}

/// The options of one SORT.
pub(super) struct Sorting<'a> {
    key: &'a [u8],
    pub(super) by: Option<&'a [u8]>,
    /// BY a name without a star: the weight is the same for all, which is how one asks for no order at all.
    pub(super) is_unsorted: bool,
    pub(super) get: Vec<&'a [u8]>,
    pub(super) offset: i64,
    /// Negative for all.
    pub(super) count: i64,
    pub(super) direction: Direction,
    pub(super) rule: Rule,
    /// Words that are stored are compared to their end, words that are answered as C strings, which a NUL ends.
    pub(super) is_stored: bool,
}

/// The result of one SORT: elements, or what GET found for each.
pub(super) struct Output<'v> {
    values: Vec<Option<Fetched<'v>>>,
}

/// A value that stays where it is.
#[derive(Clone)]
enum Fetched<'v> {
    Element(Element<'v>),
    String(&'v Str),
}

/// An element on its way, and where it stood.
struct Weighed<'v> {
    element: Element<'v>,
    place: usize,
    weight: Weight<'v>,
}

enum Weight<'v> {
    Number(f64),
    Word(Option<Cow<'v, [u8]>>),
    Itself,
}

impl<'a> Sorting<'a> {
    /// Everything at `key`, by number, smallest first.
    pub(super) fn of(key: &'a [u8]) -> Self {
        let (direction, rule) = (Direction::Ascending, Rule::Numbers);
        Self {
            key,
            by: None,
            is_unsorted: false,
            get: Vec::new(),
            offset: 0,
            count: -1,
            direction,
            rule,
            is_stored: false,
        }
    }

    /// Sorts the list under the key; a key that is not there is an empty one.
    pub(super) fn run<'v>(&self, view: &mut View<'v>) -> Result<Output<'v>, Error> {
        let Some(list) = view.list(self.key)? else { return Ok(Output { values: Vec::new() }) };
        let mut elements: Vec<Element<'v>> = list.iter().collect();
        let window = self.window(elements.len());
        if self.is_unsorted {
            if self.direction == Direction::Descending {
                elements.reverse();
            }
        } else {
            elements = self.ordered(elements, window.end, view)?;
        }
        Ok(self.fetch(&elements[window], view))
    }

    /// Which elements LIMIT keeps.
    fn window(&self, len: usize) -> std::ops::Range<usize> {
        let start = usize::try_from(self.offset.max(0)).unwrap_or(len).min(len);
        let end = match usize::try_from(self.count) {
            Ok(count) => start.saturating_add(count).min(len),
            Err(_) => len,
        };
        start..end
    }

    /// The first `end` elements in order.
    fn ordered<'v>(
        &self,
        elements: Vec<Element<'v>>,
        end: usize,
        view: &mut View<'v>,
    ) -> Result<Vec<Element<'v>>, Error> {
        let mut weighed = Vec::with_capacity(elements.len());
        let mut is_number = true;
        for (place, element) in elements.into_iter().enumerate() {
            let weight = self.weigh(&element, view);
            is_number &= !matches!(weight, Weight::Number(number) if number.is_nan());
            weighed.push(Weighed { element, place, weight });
        }
        if !is_number {
            return Err(Error::Fixed("ERR One or more scores can't be converted into double"));
        }
        if 0 < end && end < weighed.len() {
            weighed.select_nth_unstable_by(end - 1, |one, other| self.compare(one, other));
        }
        weighed.truncate(end);
        weighed.sort_unstable_by(|one, other| self.compare(one, other));
        Ok(weighed.into_iter().map(|weighed| weighed.element).collect())
    }

    /// What an element is sorted by; not a number stands for what is none.
    fn weigh<'v>(&self, element: &Element<'v>, view: &mut View<'v>) -> Weight<'v> {
        match (self.rule, self.by) {
            (Rule::Words, None) => Weight::Itself,
            (Rule::Words, Some(pattern)) => Weight::Word(lookup(pattern, element, view).map(str_bytes)),
            (Rule::Numbers, None) => Weight::Number(score(element)),
            (Rule::Numbers, Some(pattern)) => Weight::Number(match lookup(pattern, element, view) {
                None => 0.0,
                Some(Str::Integer(integer)) => *integer as f64,
                Some(string) => score(&str_bytes(string)),
            }),
        }
    }

    fn compare(&self, one: &Weighed<'_>, other: &Weighed<'_>) -> Ordering {
        let order = match (&one.weight, &other.weight) {
            (Weight::Number(weight), Weight::Number(than)) => {
                // Never NaN. Not `total_cmp`, for which -0 comes before 0.
                let by_weight = weight.partial_cmp(than).unwrap_or(Ordering::Equal);
                by_weight.then_with(|| one.element[..].cmp(&other.element[..]))
            }
            (Weight::Word(word), Weight::Word(than)) => {
                word.as_deref().map(|word| self.compared(word)).cmp(&than.as_deref().map(|than| self.compared(than)))
            }
            _ => self.compared(&one.element).cmp(self.compared(&other.element)),
        };
        let order = if self.direction == Direction::Descending { order.reverse() } else { order };
        order.then(one.place.cmp(&other.place))
    }

    /// The part of a word that is compared.
    fn compared<'w>(&self, word: &'w [u8]) -> &'w [u8] {
        match memchr::memchr(0, word) {
            Some(end) if !self.is_stored => &word[..end],
            _ => word,
        }
    }

    fn fetch<'v>(&self, elements: &[Element<'v>], view: &mut View<'v>) -> Output<'v> {
        if self.get.is_empty() {
            return Output { values: elements.iter().map(|element| Some(Fetched::Element(*element))).collect() };
        }
        let mut values = Vec::with_capacity(elements.len() * self.get.len());
        for element in elements {
            for pattern in &self.get {
                values.push(match *pattern {
                    b"#" => Some(Fetched::Element(*element)),
                    pattern => lookup(pattern, element, view).map(Fetched::String),
                });
            }
        }
        Output { values }
    }
}

impl Output<'_> {
    /// Answers the values.
    pub(super) fn reply(&self, sink: &mut impl Sink) {
        sink.array(self.values.len());
        for value in &self.values {
            match value {
                Some(Fetched::Element(Element::Slice(bytes))) => sink.bulk(bytes),
                Some(Fetched::Element(Element::Shared(bytes))) => sink.bulk_shared(bytes),
                Some(Fetched::String(string)) => string.reply(sink),
                None => sink.null(),
            }
        }
    }

    /// The values to be stored; what was not there is stored as the empty string.
    pub(super) fn into_values<'a>(self) -> Vec<Cow<'a, [u8]>> {
        let owned = |value| match value {
            Some(Fetched::Element(element)) => Element::as_slice(element).to_vec(),
            Some(Fetched::String(string)) => str_bytes(string).into_owned(),
            None => Vec::new(),
        };
        self.values.into_iter().map(|value| Cow::Owned(owned(value))).collect()
    }
}

/// The string under the key that a pattern makes of an element: its first star replaced by it. `->` asks for a field of
/// a hash, and there are no hashes; the key counts as looked for all the same.
fn lookup<'v>(pattern: &[u8], element: &[u8], view: &mut View<'v>) -> Option<&'v Str> {
    let star = memchr::memchr(b'*', pattern)?;
    let (prefix, rest) = (&pattern[..star], &pattern[star + 1..]);
    let field = memchr::memmem::find(rest, b"->").filter(|arrow| arrow + 2 < rest.len());
    let key = [prefix, element, &rest[..field.unwrap_or(rest.len())]].concat();
    match (&view.entry(&key)?.value, field) {
        (Value::String(string), None) => Some(string),
        _ => None,
    }
}

fn str_bytes(string: &Str) -> Cow<'_, [u8]> {
    match string {
        Str::Integer(integer) => Cow::Owned(integer.to_string().into_bytes()),
        Str::Fixed(bytes) => Cow::Borrowed(bytes),
        Str::Growing(bytes) => Cow::Borrowed(bytes),
        Str::Shared(bytes) => Cow::Borrowed(bytes),
    }
}

/// A score as the C library's `strtod` reads it, NaN if it is none: it ends at a NUL, spaces may stand before it,
/// nothing at all is 0 but blanks alone are no score, hexadecimal is allowed, and what is too large or too small for a
/// double is not a score.
fn score(text: &[u8]) -> f64 {
    let text = text.split(|byte| *byte == 0).next().unwrap_or_default();
    if text.is_empty() {
        return 0.0;
    }
    let is_space = |byte: &&u8| matches!(byte, b' ' | b'\t' | b'\n' | 0x0b | 0x0c | b'\r');
    let text = &text[text.iter().take_while(is_space).count()..];
    let Some(value) = number::parse_f64(text) else { return f64::NAN };
    let has_digit = |digits: std::ops::RangeInclusive<u8>| {
        let mantissa = text.iter().take_while(|byte| !matches!(byte, b'e' | b'E'));
        mantissa.into_iter().any(|byte| digits.contains(byte))
    };
    let overflowed = value.is_infinite() && has_digit(b'0'..=b'9');
    let underflowed = (value == 0.0 || value.is_subnormal()) && has_digit(b'1'..=b'9');
    if overflowed || underflowed { f64::NAN } else { value }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scores_are_read_as_strtod_reads_them() {
        assert_eq!(score(b"10"), 10.0);
        assert_eq!(score(b" \t1.5"), 1.5);
        assert_eq!(score(b"+5"), 5.0);
        assert_eq!(score(b""), 0.0);
        assert_eq!(score(b"0x10"), 16.0);
        assert_eq!(score(b"-0x1.8p1"), -3.0);
        assert_eq!(score(b"-inf"), f64::NEG_INFINITY);
        assert_eq!(score(b"0e999999"), 0.0);
    }

    #[test]
    fn what_is_no_score_is_not_a_number() {
        for text in
            ["x", "1x", "1 ", "nan", "1e400", "-1e400", "1e-400", "4.9e-324", "0x", "0xg", "--1", " ", "\t\r\n", " \0"]
        {
            assert!(score(text.as_bytes()).is_nan(), "{text:?}");
        }
    }
}
