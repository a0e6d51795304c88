//! Redis's glob patterns, to the letter, in time that cannot explode.
//!
//! | Element | Matches |
//! |---|---|
//! | `*` | any run of bytes, none included |
//! | `?` | any one byte |
//! | `[abc]`, `[a-z]`, `[^a]` | one byte in, or not in, the class |
//! | `\x` | the byte `x` and nothing else |
//! | anything else | itself |
//!
//! Redis decides the odd cases by how its matcher walks over the bytes (`stringmatchlen` in `src/util.c`), and clients
//! depend on it, so they are rules here:
//!
//! - **Empty text** is matched by the empty pattern only: `*` does not match it.
//! - **A class nobody closed** ends where the pattern ends: `[ab` is `[ab]`, `[^` is `?`.
//! - **An empty class matches nothing**, so neither does a pattern with `[]` or a lone `[` in it; `[^]` matches any byte.
//!   There is no "`]` first means itself": `[]a]` is an empty class.
//! - **A range takes whatever byte follows the dash**, also `]` and `\`: `[a-]` runs from `]` to `a` and is not closed.
//!   `[z-a]` is `[a-z]`. A dash that is first, or last before the end of the pattern, is itself.
//! - **Ranges compare signed bytes**: above 0x7f a byte is negative, so `[a-\xff]` is 0xff and everything up to `a`. That
//!   is Redis as built for x86, where `char` is signed; here it holds on every machine.
//! - **A backslash at the very end** is itself, inside a class too. `[\]]` holds `]`; an escaped byte never opens a range.
//! - **Ignoring case** folds ASCII letters, but not a byte that is escaped inside a class, and a range is put in order
//!   before it is folded, so `[Z-a]` becomes the empty `z` to `a`.
//! - **More than [`STARS_MAX`] inner stars** match nothing. It is Redis's bound on its own recursion; there is none here,
//!   but a pattern should not match on one server and not on the other.
//!
//! How it stays cheap: an element other than `*` takes exactly one byte. So when the run of elements after a star has
//! matched once, leftmost, no other place for it can help what comes later, and only the *last* star seen need ever be
//! retried; what follows the last star of all has one place it can be, the end. That bounds the work by text × longest run
//! between two stars, whatever the number of stars, and by text + pattern where no run is long.

mod anchors;
#[cfg(test)]
mod cost;
mod pattern;

pub(crate) use anchors::{Anchors, Shape};
pub use pattern::Pattern;

/// The most `*` a matching pattern may have, counting a run of them once and the run at the end not at all.
///
/// Redis's value (`stringmatchlen_impl` gives up below 1000 levels of nesting).
pub const STARS_MAX: usize = 1000;

/// Whether `text` as a whole matches `pattern`.
///
/// ```
/// use rbq_pubsub::glob::matches;
///
/// assert!(matches(b"orders:*:new", b"orders:eu:new"));
/// assert!(matches(b"h[a-e]llo", b"hallo"));
/// assert!(!matches(b"h?llo", b"hllo"));
/// ```
#[must_use]
pub fn matches(pattern: &[u8], text: &[u8]) -> bool {
    walk(pattern, text, Case::Exact, &mut Unmetered)
}

/// Like [`matches()`], with ASCII letters equal to their other case: how Redis matches its own names (`CONFIG GET`,
/// `COMMAND LIST FILTERBY PATTERN`), never a user's.
#[must_use]
pub fn matches_ignore_case(pattern: &[u8], text: &[u8]) -> bool {
    walk(pattern, text, Case::Ignored, &mut Unmetered)
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Case {
    Exact,
    Ignored,
}

impl Case {
    fn fold(self, byte: u8) -> u8 {
        match self {
            Case::Exact => byte,
            Case::Ignored => byte.to_ascii_lowercase(),
        }
    }
}

/// Counts the work of a match, one step for each byte of a pattern looked at. Only tests count.
trait Meter {
    fn step(&mut self);
}

struct Unmetered;

impl Meter for Unmetered {
    #[inline]
    fn step(&mut self) {}
}

/// The last star seen: what the pattern goes on with behind it, and where in the text that is being tried.
struct Retry<'p> {
    rest: &'p [u8],
    from: usize,
}

#[inline]
fn walk(pattern: &[u8], text: &[u8], case: Case, meter: &mut impl Meter) -> bool {
    if text.is_empty() {
        return pattern.is_empty();
    }
    let mut rest = pattern;
    let mut at = 0;
    let mut retry: Option<Retry<'_>> = None;
    let mut stars = 0;
    loop {
        meter.step();
        let Some(&byte) = text.get(at) else {
            // A retry would start later and have even less text for the same elements.
            return rest.iter().all(|&byte| byte == b'*');
        };
        if let [b'*', ..] = rest {
            rest = skip_stars(rest);
            if rest.is_empty() {
                return true;
            }
            stars += 1;
            if stars > STARS_MAX {
                return false;
            }
            match elements_to_the_end(rest, meter) {
                // The end of the pattern fits the end of the text or nothing: there is one place to try.
                Some(elements) => match text.len().checked_sub(elements) {
                    Some(start) if start >= at => (at, retry) = (start, None),
                    _ => return false,
                },
                None => retry = Some(Retry { rest, from: at }),
            }
            continue;
        }
        if let Some(behind) = take_one(rest, byte, case, meter) {
            rest = behind;
            at += 1;
            continue;
        }
        let Some(last) = &mut retry else { return false };
        last.from += 1;
        rest = last.rest;
        at = last.from;
    }
}

fn skip_stars(pattern: &[u8]) -> &[u8] {
    let stars = pattern.iter().take_while(|&&byte| byte == b'*').count();
    &pattern[stars..]
}

/// How many elements, one byte of text each, the rest of the pattern has; `None` if there is another star.
#[inline]
fn elements_to_the_end(mut rest: &[u8], meter: &mut impl Meter) -> Option<usize> {
    let mut elements = 0;
    loop {
        meter.step();
        rest = match *rest {
            [] => return Some(elements),
            [b'*', ..] => return None,
            [b'[', ref class @ ..] => each_member(class, |_| meter.step()),
            [b'\\', _, ref behind @ ..] | [_, ref behind @ ..] => behind,
        };
        elements += 1;
    }
}

/// Matches `byte` against the first element of `rest`, which is no star, and returns what is behind that element.
#[inline]
fn take_one<'p>(rest: &'p [u8], byte: u8, case: Case, meter: &mut impl Meter) -> Option<&'p [u8]> {
    match *rest {
        [] => None,
        [b'?', ref behind @ ..] => Some(behind),
        [b'[', ref class @ ..] => {
            let (negated, mut hit) = (class.first() == Some(&b'^'), false);
            let behind = each_member(class, |member| {
                meter.step();
                hit |= member.holds(byte, case);
            });
            (hit != negated).then_some(behind)
        }
        [b'\\', escaped, ref behind @ ..] => (case.fold(escaped) == case.fold(byte)).then_some(behind),
        [literal, ref behind @ ..] => (case.fold(literal) == case.fold(byte)).then_some(behind),
    }
}

/// One member of a `[class]`.
#[derive(Clone, Copy)]
enum Member {
    Byte(u8),
    Escaped(u8),
    Range(u8, u8),
}

impl Member {
    fn holds(self, byte: u8, case: Case) -> bool {
        match self {
            Member::Byte(member) => case.fold(member) == case.fold(byte),
            Member::Escaped(member) => member == byte,
            Member::Range(from, to) => {
                let signed = |byte: u8| byte.cast_signed();
                let (from, to) = if signed(from) > signed(to) { (to, from) } else { (from, to) };
                let (from, to, byte) = (case.fold(from), case.fold(to), case.fold(byte));
                signed(from) <= signed(byte) && signed(byte) <= signed(to)
            }
        }
    }
}

/// Shows every member of a class, given what follows its `[`, and returns what follows the class.
#[inline]
fn each_member(class: &[u8], mut show: impl FnMut(Member)) -> &[u8] {
    let mut rest = class.strip_prefix(b"^").unwrap_or(class);
    loop {
        rest = match *rest {
            [] => return rest,
            [b'\\', escaped, ref behind @ ..] => {
                show(Member::Escaped(escaped));
                behind
            }
            [b']', ref behind @ ..] => return behind,
            [from, b'-', to, ref behind @ ..] => {
                show(Member::Range(from, to));
                behind
            }
            [byte, ref behind @ ..] => {
                show(Member::Byte(byte));
                behind
            }
        }
    }
}
