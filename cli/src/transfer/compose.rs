//! From a value to the commands that make it.
//!
//! | | |
//! |---|---|
//! | string | `SET` |
//! | list | `RPUSH`, some elements a command |
//! | stream | see [`compose_stream`](super::compose_stream) |
//! | expiry | `PEXPIREAT`, last, so that no key goes while it is being made |
//!
//! Commands come out as pieces go in: a value of any size needs the memory of its largest piece.

use rbq_client::Request;
use rbq_rdb::{Event, Key};

use super::abilities::Abilities;
use super::compose_stream::{Otherwise, StreamMaker};

/// Elements and bytes of one RPUSH: a server stays at it for some microseconds.
const ELEMENTS_MAX: usize = 128;
const ELEMENT_BYTES_MAX: usize = 64 * 1024;

/// A key being made.
#[derive(Debug)]
pub(crate) struct Composer {
    key: Key,
    abilities: Abilities,
    kind: Option<&'static str>,
    stream: Option<StreamMaker>,
}

impl Composer {
    /// For a server of these abilities.
    pub(crate) fn new(key: Key, abilities: Abilities) -> Self {
        Self { key, abilities, kind: None, stream: None }
    }

    /// The name of the type, from the first piece of the value on.
    pub(crate) fn kind(&self) -> Option<&'static str> {
        self.kind
    }

    /// The key, and what of its value becomes something else; known from the first piece on.
    pub(crate) fn otherwise(&self) -> (&Key, Otherwise) {
        (&self.key, self.stream.as_ref().map(StreamMaker::otherwise).unwrap_or_default())
    }

    /// Takes the next piece of the value, and adds the commands it comes to.
    pub(crate) fn add(&mut self, event: Event, out: &mut Vec<Request>) {
        self.kind = self.kind.or(kind_of(&event));
        match event {
            Event::String(value) => out.push(Request::from([&b"SET"[..], &self.key.name, &value])),
            Event::Elements(elements) => push_all(&self.key.name, &elements, out),
            Event::Stream(head) => self.stream = Some(StreamMaker::new(self.key.name.clone(), head, self.abilities)),
            Event::Entries(entries) => {
                let stream = self.stream.as_mut().expect("a stream's entries come after its head");
                for entry in entries {
                    stream.entry(entry, out);
                }
            }
            Event::Key(_) | Event::KeyEnd | Event::Other { .. } => {}
            Event::Aux { .. } | Event::Library | Event::ModuleData => {}
        }
    }

    /// What remains to be done when the value is complete.
    pub(crate) fn end(self) -> impl Iterator<Item = Request> {
        let Key { name, expires_ms, .. } = self.key;
        let stream = self.stream.into_iter().flat_map(StreamMaker::end);
        let expiry =
            expires_ms.map(move |at_ms| Request::from([&b"PEXPIREAT"[..], &name, at_ms.to_string().as_bytes()]));
        stream.chain(expiry)
    }
}

/// The type of a key, from the first piece of its value.
pub(crate) fn kind_of(event: &Event) -> Option<&'static str> {
    match event {
        Event::String(_) => Some("string"),
        Event::Elements(_) => Some("list"),
        Event::Stream(_) => Some("stream"),
        _ => None,
    }
}

fn push_all(name: &[u8], elements: &[Vec<u8>], out: &mut Vec<Request>) {
    let mut push = Request::new("RPUSH").arg(name);
    for element in elements {
        if push.len() >= ELEMENTS_MAX || (push.len() > 2 && push.size_bytes() + element.len() > ELEMENT_BYTES_MAX) {
            out.push(std::mem::replace(&mut push, Request::new("RPUSH").arg(name)));
        }
        push.push(element);
    }
    if push.len() > 2 {
        out.push(push);
    }
}
