//! Conversations between several clients and a broker: written down, played, compared.
//!
//! A transcript is a text file that says what clients ask and what each of them must be told. The same file is
//! played on the bare broker in virtual time, over TCP on the rbq server, and on a real `redis-server`; whoever
//! answers differently is wrong, or the difference is named in the file with its reason. So one text is at once the
//! test, the proof that the test is true, and an example a person can read.
//!
//! # The language
//!
//! ```text
//! == Waiters are served in the order they parked      a conversation begins; one that stands alone needs no title
//! # A comment says why.
//! @realtime                                           a directive, before the first step
//!
//! ann  BLPOP mail 0                                   a step: this client sends this command
//! bob  BLPOP mail 0.2
//! cat  RPUSH mail one
//! cat: 1                                              after a step: what each client received because of it
//! ann: [mail, one]
//! at 250ms                                            a step: the clock moves to this moment since the start
//! bob: nil[]
//! ```
//!
//! Client names are lower case; a client is connected at its first step, and every conversation starts on an empty
//! server. Lines may be indented; a line that starts with `#` is a comment. [`Script::parse`] reads the whole.
//!
//! ## Steps
//!
//! | Line | Meaning |
//! |---|---|
//! | `ann  RPUSH mail "two words" "\x00"` | arguments are split as `redis-cli` splits them |
//! | `ann sends "PING\r\nPING\r\n"` | these bytes as they are: pipelines, inline commands, broken framing (TCP only) |
//! | `ann connects` / `ann disconnects` | a new connection / the client closes its end |
//! | `at 1500ms` | the virtual clock goes to that time since the start (`ms`, `s`, `m`, `h`, `d`) |
//!
//! An unquoted `$name` in a command is replaced by what that name was bound to; a lone `$` stays (`XREAD … $`).
//!
//! ## Replies
//!
//! What a client received because of a step stands below it, one reply a line, in the order that client received
//! them. Between clients there is no order: over sockets nobody can observe one. No line means: nothing came, the
//! client waits. Where a server may choose the order of a client's replies (who iterates a hash table does), they are
//! written `ann~ reply`; such neighbours may change places among themselves.
//!
//! | RESP | Written | | RESP | Written |
//! |---|---|---|---|---|
//! | bulk string | `word`, `"any \x00 text"` | | array | `[a, b]` |
//! | integer | `2` | | map | `{k: v}` |
//! | status | `+OK` | | set | `~[a, b]` |
//! | error | `-ERR the whole text` | | push | `>[message, news, hi]` |
//! | null, null array | `nil`, `nil[]` | | double | `,1.5` |
//! | boolean | `#t`, `#f` | | big number | `(123` |
//! | verbatim | `=txt:"…"` | | connection closed | `<closed>` |
//!
//! A bulk string is bare when it reads as a plain word (`[A-Za-z_][A-Za-z0-9_:./@-]*`, not ending in `:`, not
//! `nil`); otherwise it is quoted, so `2` is always the integer and `"2"` the string. Inside brackets a status or
//! error is quoted when it holds one of `, : " [ ] { }`. A reply goes on over the following lines until its brackets
//! are closed.
//!
//! What cannot be known beforehand is written in angle brackets, and nothing else is ever ignored:
//!
//! | Pattern | Matches |
//! |---|---|
//! | `<any>` | any one value |
//! | `<int>`, `<int 90..100>` | an integer (in that closed range) |
//! | `<id>` | a stream ID: bulk string `digits-digits` |
//! | `<addr>` | a socket address: bulk string `host:port` |
//! | `<text>` | any bulk string |
//! | `<has "a" "b">` | text of any kind (bulk, status, error, verbatim) that contains every one of these |
//! | `<unordered> [a, b]` | the array, set or map in any order |
//! | `<rest>` | last in brackets: whatever else is there |
//! | `$name` | the first time binds a scalar, afterwards matches only an equal one |
//! | `<id $name>` | as `<id>`, and binds it; so with every pattern above that matches one scalar |
//!
//! ## Directives
//!
//! | Directive | Meaning |
//! |---|---|
//! | `@resp3 ann bob` | these clients speak RESP3 from their first byte |
//! | `@realtime` | has `at` steps, but short ones: may be played where time really has to pass |
//! | `@needs 8.2` | redis-server has it since that version |
//! | `@differs 7.2 why; source` | redis-server older than that answers differently, and must be seen to |
//! | `@differs rbq why` | rbq differs on purpose (named in `docs/differences.md`) |
//! | `@own` | an addition of rbq that no redis-server has |
//!
//! A conversation with `at` and without `@realtime` is played in virtual time alone.
//!
//! # The parts
//!
//! ```text
//!   text ──parse──► Script ──play──► Played ──► diff       for a test
//!                     │        ▲        ├──────► bless     the text again, with what was really answered
//!                     │      Stage      └──────► answers   for snapshots
//!                     ▼    (bare, TCP)
//!                  coverage          which command met which outcome where
//! ```
//!
//! Authors write the commands, run the comparison with `RBQ_BLESS=1` and *read* what was filled in.

#![forbid(unsafe_code)]
#![warn(missing_docs)]

mod bless;
mod conversation;
mod corpus;
mod coverage;
mod lexer;
mod link;
mod matching;
mod parse;
mod pattern;
mod play;
mod real;
mod render;
mod stage;
mod tcp;

pub use bless::bless;
pub use conversation::{Action, Conversation, Difference, Expected, Script, Skip, Step, Turn, Venue, Version};
pub use corpus::{Corpus, CorpusError};
pub use coverage::{Coverage, differences};
pub use parse::ParseError;
pub use pattern::Pattern;
pub use play::{Answer, Played, PlayedStep, Verdict, play};
pub use real::RealServer;
pub use render::{render, render_event};
pub use stage::{Actor, Awaited, Client, Event, Protocol, Stage, StageError};
pub use tcp::TcpStage;
