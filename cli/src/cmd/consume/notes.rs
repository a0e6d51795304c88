//! Who was given a queue's messages, and how often: a list counts no deliveries.
//!
//! ```text
//!   NAME:processing:CONSUMER:attempts   [[hash, deliveries, {"first": ms, "attempts": [{"consumer": …, "at": ms}, …]}], …]
//! ```
//!
//! Invariant: there is one note for each message in hand, and one for each that an earlier run had in hand. Equal messages have
//! equal hashes and may swap their notes, but two of them never share one, so a hundred equal messages do not kill each other.

use std::sync::Arc;

use bytes::Bytes;
use serde_json::{Value as Json, json};

use super::history::History;
use super::message::Message;
use crate::deadletter::{Attempt, PayloadHash};
use crate::moment::now_ms;

/// All notes of one consumer.
#[derive(Debug, Default)]
pub(super) struct Notes {
    /// What an earlier run wrote, of which nobody knows whether the messages are still there.
    read: Vec<Note>,
    /// Of messages that came back from an earlier run and were not delivered since.
    earlier: Vec<Note>,
    held: Vec<Note>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Note {
    hash: String,
    deliveries: u64,
    history: History,
}

impl Note {
    fn of(message: &Message) -> Self {
        let hash = PayloadHash::of(&message.fields).to_string();
        Self { hash, deliveries: message.delivery, history: message.history.clone() }
    }
}

impl Notes {
    /// Reads what an earlier run wrote, in place of what was read before; what is no note is none.
    pub(super) fn read(&mut self, text: &[u8]) {
        let notes: Vec<Json> = serde_json::from_slice(text).unwrap_or_default();
        self.read = notes.iter().filter_map(note_of).collect();
    }

    /// This message of that run was taken back. What is not confirmed so is forgotten: it was done with, and its run killed
    /// before it had noted that.
    pub(super) fn confirm(&mut self, message: &Message) {
        let Note { hash, .. } = Note::of(message);
        if let Some(index) = self.read.iter().position(|note| note.hash == hash) {
            self.earlier.push(self.read.remove(index));
        }
    }

    /// What is to be written; `None` if there is nothing.
    pub(super) fn text(&self) -> Option<String> {
        let note = |note: &Note| json!([note.hash, note.deliveries, note.history.json()]);
        let all: Vec<Json> = self.earlier.iter().chain(&self.held).map(note).collect();
        (!all.is_empty()).then(|| Json::from(all).to_string())
    }

    /// The message is delivered, for the first time here or once more.
    pub(super) fn deliver(&mut self, message: &mut Message, consumer: &[u8]) {
        let note = Note::of(message);
        if !remove(&mut self.held, |held| *held == note)
            && let Some(index) = self.earlier.iter().position(|earlier| earlier.hash == note.hash)
        {
            let earlier = self.earlier.remove(index);
            (message.delivery, message.history) = (earlier.deliveries, earlier.history);
        }
        message.delivery += 1;
        message.history.add(Attempt { consumer: Bytes::copy_from_slice(consumer), at_ms: now_ms() });
        self.held.push(Note::of(message));
    }

    /// The last delivery does not count; the message stays in hand.
    pub(super) fn uncount(&mut self, message: &mut Message) {
        let note = Note::of(message);
        remove(&mut self.held, |held| *held == note);
        message.delivery = message.delivery.saturating_sub(1);
        message.history.take_back();
        self.held.push(Note::of(message));
    }

    /// The message is no longer in hand, and done with.
    pub(super) fn forget(&mut self, message: &Message) {
        let note = Note::of(message);
        if !remove(&mut self.held, |held| *held == note) {
            remove(&mut self.earlier, |earlier| *earlier == note);
        }
    }

    /// The message was delivered for the last time: if it comes again, it goes on from there.
    pub(super) fn set_aside(&mut self, message: &Message) {
        let note = Note::of(message);
        remove(&mut self.held, |held| *held == note);
        self.earlier.push(note);
    }

    /// Nothing is in hand but this: whatever else came was not worked on, and comes again as it was.
    pub(super) fn hold_only(&mut self, in_hand: &[Arc<Message>]) {
        let mut unheard = std::mem::take(&mut self.held);
        for message in in_hand {
            let note = Note::of(message);
            remove(&mut unheard, |unheard| unheard.hash == note.hash);
            self.held.push(note);
        }
        for mut note in unheard.into_iter().filter(|note| note.deliveries > 1) {
            note.deliveries -= 1;
            note.history.take_back();
            self.earlier.push(note);
        }
    }

    /// The message goes back undelivered: whoever of us gets it goes on from what it was before.
    pub(super) fn give_back(&mut self, message: &Message) {
        let mut message = message.clone();
        self.uncount(&mut message);
        if let Some(note) = self.held.pop().filter(|note| note.deliveries > 0) {
            self.earlier.push(note);
        }
    }
}

fn remove(notes: &mut Vec<Note>, wanted: impl Fn(&Note) -> bool) -> bool {
    let index = notes.iter().position(wanted);
    index.map(|index| notes.remove(index)).is_some()
}

fn note_of(json: &Json) -> Option<Note> {
    let hash = json.get(0)?.as_str()?.to_owned();
    Some(Note { hash, deliveries: json.get(1)?.as_u64()?, history: History::from_json(json.get(2)?)? })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::deadletter::ATTEMPTS_MAX;

    fn message() -> Message {
        Message::of_queue("x".into(), 0)
    }

    #[test]
    fn equal_messages_have_notes_of_their_own() {
        let mut notes = Notes::default();
        let (mut one, mut two) = (message(), message());
        notes.deliver(&mut one, b"c");
        notes.deliver(&mut two, b"c");
        notes.deliver(&mut two, b"c");
        assert_eq!((one.delivery, two.delivery), (1, 2));
        notes.forget(&one);
        assert_eq!(notes.held.len(), 1);
        notes.forget(&two);
        assert_eq!(notes.text(), None);
    }

    #[test]
    fn a_count_outlives_its_consumer() {
        let mut before = Notes::default();
        let mut one = message();
        for _ in 0..12 {
            before.deliver(&mut one, b"\xff");
        }
        let mut after = Notes::default();
        after.read(before.text().expect("one is in hand").as_bytes());
        assert_eq!(after.text(), None);
        let mut again = message();
        after.confirm(&again);
        after.deliver(&mut again, b"c");
        assert_eq!((again.delivery, again.history.attempts.len()), (13, ATTEMPTS_MAX));
        assert_eq!(again.history.attempts[8].consumer, &b"\xff"[..]);
        let mut other = message();
        after.deliver(&mut other, b"c");
        assert_eq!(other.delivery, 1);
        after.give_back(&other);
        after.give_back(&again);
        let mut last = message();
        after.deliver(&mut last, b"c");
        assert_eq!(last.delivery, 13);
        after.read(b"nonsense");
    }

    #[test]
    fn what_came_and_was_not_worked_on_comes_again_as_it_was() {
        let mut notes = Notes::default();
        let (mut held, mut lost) = (message(), Message::of_queue("y".into(), 0));
        notes.deliver(&mut held, b"c");
        notes.deliver(&mut lost, b"c");
        notes.deliver(&mut lost, b"c");
        notes.hold_only(&[Arc::new(held.clone())]);
        assert_eq!((notes.held.len(), notes.earlier.len()), (1, 1));
        let mut again = Message::of_queue("y".into(), 0);
        notes.deliver(&mut again, b"c");
        assert_eq!(again.delivery, 2);
        // The last one does not come again to be worked on.
        notes.set_aside(&again);
        notes.hold_only(&[Arc::new(held.clone())]);
        let mut dead = Message::of_queue("y".into(), 0);
        notes.deliver(&mut dead, b"c");
        assert_eq!(dead.delivery, 3);
        notes.forget(&dead);
        notes.forget(&held);
        assert_eq!(notes.text(), None);
    }

    #[test]
    fn what_does_not_count_is_taken_off() {
        let mut notes = Notes::default();
        let mut one = message();
        notes.deliver(&mut one, b"c");
        notes.uncount(&mut one);
        assert_eq!((one.delivery, one.history.attempts.len()), (0, 0));
        notes.deliver(&mut one, b"c");
        assert_eq!((one.delivery, notes.held.len()), (1, 1));
    }
}
