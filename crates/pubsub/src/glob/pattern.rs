//! A pattern looked at once and then matched against many texts.

use super::anchors::{Anchors, Shape};
use super::matches;

/// A glob pattern prepared for many matches: the literal bytes it starts and ends with are compared first, and
/// `news.*`, `*.log`, `a*z` or a pattern without wildcards need no more than that.
///
/// ```
/// use rbq_pubsub::glob::Pattern;
///
/// let errors = Pattern::new(b"app.*.error");
/// assert_eq!(errors.literal_prefix(), b"app.");
/// assert_eq!(errors.literal_suffix(), b".error");
/// assert!(errors.matches(b"app.billing.error"));
/// ```
#[derive(Clone, Debug)]
pub struct Pattern {
    bytes: Box<[u8]>,
    anchors: Anchors,
}

impl Pattern {
    /// Prepares a pattern. Every byte string is one.
    #[must_use]
    pub fn new(pattern: &[u8]) -> Self {
        Self { bytes: pattern.into(), anchors: Anchors::of(pattern) }
    }

    /// The pattern as it was written.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The bytes every matching text starts with, escapes undone. All of them when the pattern [is a literal](Self::literal).
    #[must_use]
    pub fn literal_prefix(&self) -> &[u8] {
        &self.anchors.prefix
    }

    /// The bytes every matching text ends with, not counting the prefix's.
    #[must_use]
    pub fn literal_suffix(&self) -> &[u8] {
        &self.anchors.suffix
    }

    /// The longest run of bytes every matching text holds between prefix and suffix; the first of equally long ones.
    #[must_use]
    pub fn literal_middle(&self) -> &[u8] {
        &self.anchors.middle
    }

    /// The one text that matches, when there is only one: the pattern has no wildcard.
    ///
    /// ```
    /// use rbq_pubsub::glob::Pattern;
    ///
    /// assert_eq!(Pattern::new(br"a\*[?]").literal(), Some(&b"a*?"[..]));
    /// assert_eq!(Pattern::new(b"a*").literal(), None);
    /// ```
    #[must_use]
    pub fn literal(&self) -> Option<&[u8]> {
        (self.anchors.shape == Shape::Literal).then_some(&*self.anchors.prefix)
    }

    /// Whether the pattern is seen to match nothing, like `[]`. `false` is no promise: `[^\x80-\x7f]` matches nothing too.
    #[must_use]
    pub fn never_matches(&self) -> bool {
        self.anchors.shape == Shape::Never
    }

    /// Whether `text` as a whole matches: always what [`glob::matches`](super::matches) says.
    #[must_use]
    pub fn matches(&self, text: &[u8]) -> bool {
        let Anchors { prefix, suffix, shape, len_min, .. } = &self.anchors;
        if text.is_empty() {
            return self.bytes.is_empty();
        }
        match shape {
            Shape::Never => return false,
            Shape::Literal => return text == prefix,
            Shape::Affixes | Shape::General => {}
        }
        if text.len() < *len_min || !text.starts_with(prefix) || !text.ends_with(suffix) {
            return false;
        }
        *shape == Shape::Affixes || matches(&self.bytes, text)
    }
}
