//! The language of random commands: Redis's own notation, expanded by chance.
//!
//! A line is a weight and a syntax, written as the manual writes it:
//!
//! | Notation | Becomes |
//! |---|---|
//! | `LPOS`, `=` | itself, now and then in lower case |
//! | `'x:now'` | itself too, where it would look like a blank |
//! | `list` | a blank, filled in by [`Draw`](super::draw::Draw) |
//! | `[COUNT count]` | that or nothing |
//! | `<LEFT \| RIGHT>` | one of these |
//! | `element...` | one to four of them, rarely more |
//! | `{[NX] [GT]}` | these in any order |
//! | `#list` | a number and that many of them |
//! | `%stream,readid` | that many of the first, then as many of the second |
//! | `A ;; B` | two commands that stay together |
//!
//! Some commands are then spoiled (see [`spoil`](super::spoil)), so what is wrong in a syntax need not be written down.

mod chapters;
mod syntax;

pub(crate) use chapters::{CHAPTERS, Chapter};
pub(crate) use syntax::Syntax;
