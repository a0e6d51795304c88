//! A command on its way to a server: a name and arguments, all of them bytes.

use std::fmt;

/// One command with its arguments.
///
/// ```
/// use rbq_client::Request;
///
/// let push = Request::new("LPUSH").arg("jobs").arg(b"\xff\x00 any bytes");
/// assert_eq!(push.len(), 3);
/// let same = Request::from(["GET", "key"]);
/// assert_eq!(same.iter().collect::<Vec<_>>(), [b"GET", b"key"]);
/// ```
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Request {
    // All arguments in a row and where each ends: two allocations, however many there are.
    bytes: Vec<u8>,
    ends: Vec<usize>,
}

impl Request {
    /// The command `name`, so far without arguments.
    #[must_use]
    pub fn new(name: impl AsRef<[u8]>) -> Self {
        Self::default().arg(name)
    }

    /// With one more argument.
    #[must_use]
    pub fn arg(mut self, arg: impl AsRef<[u8]>) -> Self {
        self.push(arg);
        self
    }

    /// With more arguments.
    #[must_use]
    pub fn args<I>(mut self, args: I) -> Self
    where
        I: IntoIterator<Item: AsRef<[u8]>>,
    {
        self.extend(args);
        self
    }

    /// Adds an argument.
    pub fn push(&mut self, arg: impl AsRef<[u8]>) {
        self.bytes.extend_from_slice(arg.as_ref());
        self.ends.push(self.bytes.len());
    }

    /// Keeps the first `len` of name and arguments, and the memory of the rest: a request that is built again and again
    /// with other arguments allocates once.
    pub fn truncate(&mut self, len: usize) {
        self.ends.truncate(len);
        self.bytes.truncate(self.ends.last().copied().unwrap_or(0));
    }

    /// Name and arguments.
    #[must_use]
    pub fn iter(&self) -> Iter<'_> {
        Iter { request: self, next: 0 }
    }

    /// How many there are, the name included.
    #[must_use]
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether there is not even a name; such a request is never sent.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// Name and arguments, in bytes.
    #[must_use]
    pub fn size_bytes(&self) -> usize {
        self.bytes.len()
    }

    /// Whether argument `index` (0 is the name) is this word, in any case.
    #[must_use]
    pub fn is_word(&self, index: usize, word: &str) -> bool {
        self.iter().nth(index).is_some_and(|arg| arg.eq_ignore_ascii_case(word.as_bytes()))
    }
}

impl<A: AsRef<[u8]>> Extend<A> for Request {
    fn extend<I: IntoIterator<Item = A>>(&mut self, args: I) {
        for arg in args {
            self.push(arg);
        }
    }
}

impl<I> From<I> for Request
where
    I: IntoIterator<Item: AsRef<[u8]>>,
{
    fn from(args: I) -> Self {
        Self::default().args(args)
    }
}

/// Shows the name and the number of arguments: the arguments may be passwords.
impl fmt::Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = self.iter().next().unwrap_or_default();
        write!(f, "Request({} +{})", name.escape_ascii(), self.len().saturating_sub(1))
    }
}

/// The name and the arguments of a [`Request`].
#[derive(Debug, Clone)]
pub struct Iter<'a> {
    request: &'a Request,
    next: usize,
}

impl<'a> Iterator for Iter<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        let end = *self.request.ends.get(self.next)?;
        let start = match self.next {
            0 => 0,
            later => self.request.ends[later - 1],
        };
        self.next += 1;
        Some(&self.request.bytes[start..end])
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let left = self.request.len() - self.next;
        (left, Some(left))
    }
}

impl ExactSizeIterator for Iter<'_> {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_keep_their_bounds() {
        let request = Request::new("a").arg("").args(["bc", "d"]);
        assert_eq!(request.iter().collect::<Vec<_>>(), [&b"a"[..], b"", b"bc", b"d"]);
        assert_eq!(request.iter().len(), 4);
        assert!(request.is_word(0, "A") && !request.is_word(4, ""));
    }

    #[test]
    fn a_request_is_cut_back_and_built_again() {
        let mut request = Request::from(["LPUSH", "jobs", "one"]);
        request.truncate(2);
        request.push("two");
        assert_eq!(request, Request::from(["LPUSH", "jobs", "two"]));
        request.truncate(9);
        assert_eq!(request.len(), 3);
        request.truncate(0);
        assert!(request.is_empty() && request.size_bytes() == 0);
    }

    #[test]
    fn arguments_are_not_shown() {
        assert_eq!(format!("{:?}", Request::from(["AUTH", "hunter2"])), "Request(AUTH +1)");
    }
}
