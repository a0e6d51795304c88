//! What is in flight: requests queued and not answered, kept as they went over the wire.
//!
//! ```text
//!   front chunk          …        back chunk
//!   ├─answered─┤──── in flight ────├─queued─┤── waiting ──┤
//! ```
//!
//! Invariant: every chunk but the back one is queued whole, and a chunk leaves when its last request is answered. Replies come in
//! the order of the requests, so a count is all there is to keep of them.
//!
//! A request that was refused for now is put off: it waits until nothing is in flight, and is then the first to go. So nothing that
//! was answered is sent again, and the place of a refused one is taken by those that were in flight behind it.

use std::collections::VecDeque;

use crate::feed::{Chunk, Place};

/// Memory of all chunks, at most, beside one: enough for the largest batch of ordinary messages, and far below what a producer
/// may take.
const WINDOW_BYTES_MAX: usize = 16 * 1024 * 1024;

/// Requests in flight, and those of the last chunk that still wait.
#[derive(Debug, Default)]
pub(super) struct Window {
    chunks: VecDeque<Chunk>,
    /// Of the front chunk.
    answered: usize,
    /// Of the back chunk.
    queued: usize,
    in_flight: usize,
    bytes: usize,
    put_off: Chunk,
    /// How much of the input is done with.
    read_bytes: u64,
}

impl Window {
    pub(super) fn in_flight(&self) -> usize {
        self.in_flight
    }

    /// Requests that were offered and not taken.
    pub(super) fn waiting(&self) -> usize {
        self.chunks.back().map_or(0, |chunk| chunk.len() - self.queued)
    }

    /// Whether one more chunk would be too much memory.
    pub(super) fn is_full(&self) -> bool {
        self.bytes >= WINDOW_BYTES_MAX && self.waiting() == 0
    }

    /// One more chunk, when none waits.
    pub(super) fn offer(&mut self, chunk: Chunk) {
        debug_assert_eq!(self.waiting(), 0, "only the back chunk waits");
        self.bytes += chunk.size_bytes();
        self.chunks.push_back(chunk);
        self.queued = 0;
    }

    /// The next requests that wait; from now on they are in flight.
    pub(super) fn take(&mut self, count: usize) -> &[u8] {
        let first = self.queued;
        self.queued += count;
        self.in_flight += count;
        self.chunks.back().expect("something waits").requests(first, self.queued)
    }

    /// The oldest in flight is answered.
    pub(super) fn answer(&mut self) {
        self.in_flight -= 1;
        self.answered += 1;
        if self.chunks.front().is_some_and(|front| front.len() == self.answered) {
            self.answered = 0;
            let front = self.chunks.pop_front().expect("a reply belongs to a chunk");
            self.bytes -= front.size_bytes();
            self.read_bytes = front.read_bytes();
            if self.chunks.is_empty() {
                self.queued = 0;
            }
        }
    }

    /// Where the oldest in flight stood in the input.
    pub(super) fn oldest(&self) -> Place {
        self.chunks.front().expect("something is in flight").place(self.answered)
    }

    /// Where the newest that was taken stood.
    pub(super) fn newest(&self) -> Option<Place> {
        let index = self.queued.checked_sub(1)?;
        Some(self.chunks.back()?.place(index))
    }

    /// The oldest in flight was refused, and goes again.
    pub(super) fn put_off(&mut self) {
        let front = self.chunks.front().expect("something is in flight");
        self.put_off.append(front, self.answered, self.answered + 1);
        self.answer();
    }

    pub(super) fn has_put_off(&self) -> bool {
        self.put_off.len() > 0
    }

    /// What was put off waits again, before everything else; gives how many that are. Only when nothing is in flight.
    pub(super) fn take_back(&mut self) -> usize {
        debug_assert_eq!(self.in_flight, 0, "what is in flight comes first");
        let mut chunk = std::mem::take(&mut self.put_off);
        let count = chunk.len();
        if let Some(back) = self.chunks.pop_back() {
            chunk.append(&back, self.queued, back.len());
        }
        debug_assert!(self.chunks.is_empty(), "all others are answered");
        (self.answered, self.queued, self.bytes) = (0, 0, chunk.size_bytes());
        self.chunks.push_back(chunk);
        count
    }

    /// Everything that was sent and has no answer, in order.
    pub(super) fn unsettled(&self) -> Vec<Place> {
        let mut places: Vec<Place> = (0..self.put_off.len()).map(|request| self.put_off.place(request)).collect();
        let last = self.chunks.len().saturating_sub(1);
        for (index, chunk) in self.chunks.iter().enumerate() {
            let first = if index == 0 { self.answered } else { 0 };
            let end = if index == last { self.queued } else { chunk.len() };
            places.extend((first..end).map(|request| chunk.place(request)));
        }
        places
    }

    /// How much of the input is done with; of a chunk that is half answered, half.
    pub(super) fn read_bytes(&self) -> u64 {
        let Some(front) = self.chunks.front() else { return self.read_bytes };
        let of_front = front.read_bytes().saturating_sub(self.read_bytes);
        self.read_bytes + of_front * self.answered as u64 / front.len().max(1) as u64
    }

    /// All that is in flight, in order.
    pub(super) fn unanswered(&self) -> impl Iterator<Item = &[u8]> {
        let last = self.chunks.len().saturating_sub(1);
        self.chunks.iter().enumerate().map(move |(index, chunk)| {
            let first = if index == 0 { self.answered } else { 0 };
            chunk.requests(first, if index == last { self.queued } else { chunk.len() })
        })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use rbq_client::Request;

    async fn chunk(names: &'static [&'static str]) -> Chunk {
        let mut requests =
            crate::feed::start(move |feed| names.iter().try_for_each(|name| feed.request(&Request::new(name))));
        requests.recv().await.unwrap().unwrap()
    }

    fn names(window: &Window) -> String {
        let bytes = window.unanswered().collect::<Vec<_>>().concat();
        String::from_utf8(bytes).unwrap().replace("*1\r\n$1\r\n", "").replace("\r\n", "")
    }

    #[tokio::test]
    async fn what_is_not_answered_is_kept_in_order() {
        let mut window = Window::default();
        window.offer(chunk(&["a", "b", "c"]).await);
        window.take(2);
        assert_eq!((names(&window).as_str(), window.waiting()), ("ab", 1));
        window.answer();
        window.take(1);
        assert_eq!(names(&window), "bc");
        window.offer(chunk(&["d", "e"]).await);
        window.take(1);
        assert_eq!((names(&window).as_str(), window.in_flight()), ("bcd", 3));
        window.answer();
        window.answer();
        window.take(1);
        assert_eq!(names(&window), "de");
        window.answer();
        window.answer();
        assert_eq!((names(&window).as_str(), window.in_flight(), window.waiting(), window.bytes), ("", 0, 0, 0));
    }
}
