//! A cursor over the arguments of one request: parse, don't validate.
//!
//! A parser takes what it needs in order and turns each argument into a type; whatever is left over or does not
//! fit is an [`Error`] before any state was looked at. Arguments borrow from the read buffer: nothing is copied
//! until it is stored.

use rbq_resp::{Bulk, Request};

use crate::error::Error;
use crate::many::Many;
use crate::number;

/// The arguments of a request that have not been consumed yet.
#[derive(Clone, Copy)]
pub struct Args<'a> {
    request: Request<'a>,
    at: usize,
}

impl<'a> Args<'a> {
    /// All arguments after the first `consumed` ones (the command's name, and its subcommand's).
    pub fn new(request: Request<'a>, consumed: usize) -> Self {
        Self { request, at: consumed }
    }

    /// The whole request, with its name.
    pub fn request(&self) -> Request<'a> {
        self.request
    }

    /// How many arguments are left.
    pub fn left(&self) -> usize {
        self.request.len().saturating_sub(self.at)
    }

    /// Whether all arguments were consumed.
    pub fn is_empty(&self) -> bool {
        self.left() == 0
    }

    /// The next argument as it came, to be stored.
    pub fn bulk(&mut self) -> Result<Bulk<'a>, Error> {
        let bulk = self.request.get(self.at).ok_or(Error::Syntax)?;
        self.at += 1;
        Ok(bulk)
    }

    /// The next argument's bytes.
    pub fn bytes(&mut self) -> Result<&'a [u8], Error> {
        Ok(self.bulk()?.as_slice())
    }

    /// The next argument, a key.
    pub fn key(&mut self) -> Result<&'a [u8], Error> {
        self.bytes()
    }

    /// The next argument's bytes, if there is one.
    pub fn optional(&mut self) -> Option<&'a [u8]> {
        if self.is_empty() { None } else { self.bytes().ok() }
    }

    /// What the next argument is, without consuming it.
    pub fn peek(&self) -> Option<&'a [u8]> {
        self.request.get(self.at).map(Bulk::as_slice)
    }

    /// Consumes the next argument if it is this keyword in any case.
    pub fn keyword(&mut self, word: &str) -> bool {
        let hit = self.peek().is_some_and(|arg| arg.eq_ignore_ascii_case(word.as_bytes()));
        if hit {
            self.at += 1;
        }
        hit
    }

    /// The next argument as a signed 64-bit integer, as strictly as Redis reads one.
    pub fn integer(&mut self) -> Result<i64, Error> {
        number::parse_i64(self.bytes()?).ok_or(Error::NotInteger)
    }

    /// The next argument as an integer, with this error if it is none.
    pub fn integer_or(&mut self, error: Error) -> Result<i64, Error> {
        number::parse_i64(self.bytes()?).ok_or(error)
    }

    /// The next argument as a count: an integer of at least zero, else `value is out of range, must be positive`.
    pub fn count(&mut self) -> Result<u64, Error> {
        u64::try_from(self.integer_or(Error::NotPositive)?).map_err(|_| Error::NotPositive)
    }

    /// The next argument as a finite or infinite float.
    pub fn float(&mut self) -> Result<f64, Error> {
        number::parse_f64(self.bytes()?).ok_or(Error::NotFloat)
    }

    /// A database index for SELECT, COPY, MOVE: any C `int` here, judged against `databases` later.
    pub fn db(&mut self) -> Result<i64, Error> {
        let index = self.integer()?;
        match i32::try_from(index) {
            Ok(_) => Ok(index),
            Err(_) => Err(Error::Fixed("ERR value is out of range, value must between -2147483648 and 2147483647")),
        }
    }

    /// All that is left, as a list of values to be stored or walked.
    pub fn rest(&mut self) -> Many<'a> {
        let many = Many::of(self.request.skip(self.at));
        self.at = self.request.len();
        many
    }

    /// The next `count` arguments as a list.
    pub fn take(&mut self, count: usize) -> Result<Many<'a>, Error> {
        if self.left() < count {
            return Err(Error::Syntax);
        }
        let many = Many::of(self.request.skip(self.at)).first(count);
        self.at += count;
        Ok(many)
    }

    /// Ends parsing: anything left over is a syntax error.
    pub fn end(&self) -> Result<(), Error> {
        if self.is_empty() { Ok(()) } else { Err(Error::Syntax) }
    }
}
