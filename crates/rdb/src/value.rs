//! One value, in pieces: what is left of it, and the next piece.
//!
//! Invariant: when the last piece was told, the input stands behind the value.

use std::io::{Read, Seek};

use crate::error::Result;
use crate::event::{Event, StreamId};
use crate::input::Input;
use crate::kind::Kind;
use crate::listpack::Listpack;
use crate::stream::{self, Node};
use crate::ziplist;

/// Strings told at once where the file has them one by one.
const STRINGS_AT_ONCE: u64 = 128;

/// What is left of a value.
#[derive(Debug)]
pub(crate) enum Left {
    /// A value that has not begun.
    Whole(Kind),
    Strings(u64),
    Ziplists(u64),
    Nodes(u64),
    /// Nodes of a stream, the one that is being told, the last ID told, and where the value ends.
    Entries {
        nodes: u64,
        node: Option<Node>,
        last: Option<StreamId>,
        end: u64,
    },
    Nothing,
}

/// A node of a list that holds one element as it is.
const PLAIN: u64 = 1;
/// A node of a list that is a listpack.
const PACKED: u64 = 2;

/// The next piece; `None` when there is no more. `Other` kinds are passed over and have none.
pub(crate) fn next<R: Read + Seek>(left: &mut Left, input: &mut Input<R>) -> Result<Option<Event>> {
    if let Left::Whole(kind) = *left {
        *left = Left::Nothing;
        match kind {
            Kind::String => return Ok(Some(Event::String(input.string()?))),
            Kind::ListZiplist => *left = Left::Ziplists(1),
            Kind::List => *left = Left::Strings(input.length()?),
            Kind::ListQuicklist => *left = Left::Ziplists(input.length()?),
            Kind::ListQuicklist2 => *left = Left::Nodes(input.length()?),
            Kind::Stream(version) => {
                let start = input.offset();
                let head = stream::head(input, version)?;
                let end = input.offset();
                input.seek(start)?;
                *left = Left::Entries { nodes: input.length()?, node: None, last: None, end };
                return Ok(Some(Event::Stream(head)));
            }
            Kind::Other(_, skip) => input.skip_value(skip)?,
        }
    }
    more(left, input)
}

fn more<R: Read + Seek>(left: &mut Left, input: &mut Input<R>) -> Result<Option<Event>> {
    match left {
        Left::Whole(_) | Left::Nothing | Left::Strings(0) | Left::Ziplists(0) | Left::Nodes(0) => Ok(None),
        Left::Strings(count) => {
            let now = (*count).min(STRINGS_AT_ONCE);
            *count -= now;
            let mut elements = Vec::new();
            for _ in 0..now {
                elements.push(input.string()?);
            }
            Ok(Some(Event::Elements(elements)))
        }
        Left::Ziplists(count) => {
            *count -= 1;
            let bytes = input.string()?;
            let elements = ziplist::elements(&bytes).map_err(|what| input.damaged(what))?;
            Ok(Some(Event::Elements(elements)))
        }
        Left::Nodes(count) => {
            *count -= 1;
            let (form, bytes) = (input.length()?, input.string()?);
            let elements = match form {
                PLAIN => vec![bytes],
                PACKED => listpack_elements(&bytes).map_err(|what| input.damaged(what))?,
                _ => return Err(input.damaged("a node of a list in an unknown form")),
            };
            Ok(Some(Event::Elements(elements)))
        }
        Left::Entries { nodes, node, last, end } => loop {
            if let Some(open) = node {
                let entries = open.entries().map_err(|what| input.damaged(what))?;
                let (Some(first), Some(newest)) = (entries.first(), entries.last()) else {
                    *node = None;
                    continue;
                };
                if last.is_some_and(|last| first.id <= last) {
                    return Err(input.damaged("the nodes of a stream are out of order"));
                }
                *last = Some(newest.id);
                return Ok(Some(Event::Entries(entries)));
            }
            if *nodes == 0 {
                let end = *end;
                input.seek(end)?;
                *left = Left::Nothing;
                return Ok(None);
            }
            *nodes -= 1;
            *node = Some(Node::read(input)?);
        },
    }
}

fn listpack_elements(bytes: &[u8]) -> Result<Vec<Vec<u8>>, &'static str> {
    let mut pack = Listpack::new(bytes)?;
    let mut elements = Vec::new();
    while let Some(element) = pack.next()? {
        elements.push(element.text().into_owned());
    }
    Ok(elements)
}
