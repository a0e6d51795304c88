//! The thread that frees large values.
//!
//! A list of ten million elements takes a good part of a second to free. Nobody is served by a thread that does it, no timer goes by
//! it, and the end of the server does not wait for it.
//!
//! What is to be freed stays with the broker until this thread comes for it: so there is no queue between them that could grow.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use anyhow::Result;

use crate::hub::Shared;
use crate::threads;

/// A handle on the thread.
pub(crate) struct Sweeper {
    called: SyncSender<()>,
}

impl Sweeper {
    /// A thread that has yet to be started, and its end of the line.
    pub(crate) fn new() -> (Self, Receiver<()>) {
        let (called, calls) = sync_channel(1);
        (Self { called }, calls)
    }

    /// There is something to free. Never waits: a call that was not followed yet is for this, too.
    pub(crate) fn call(&self) {
        let _ = self.called.try_send(());
    }
}

/// Starts the thread.
pub(crate) fn start(shared: Arc<Shared>, calls: Receiver<()>) -> Result<()> {
    let run = move || {
        while calls.recv().is_ok() {
            let garbage = shared.lock().broker.take_garbage();
            drop(garbage);
        }
    };
    threads::start_one("sweeper", run)
}

#[cfg(test)]
mod tests {
    use std::io::ErrorKind;
    use std::time::{Duration, Instant};

    use rbq_broker::{Broker, Output, Peer, Settings};
    use rbq_resp::{Batch, Decoder, Limits, encode_request};

    use super::*;
    use crate::clock::Clock;
    use crate::durable::Home;
    use crate::gates::Gates;

    #[test]
    fn what_came_off_is_freed_though_the_thread_that_keeps_time_does_nothing() {
        let (clock, settings) = (Clock::new(), Settings::default());
        let broker = Broker::new(settings.clone(), 1, clock.now());
        let home = Home::new(&settings, |_| Err(ErrorKind::Unsupported.into())).expect("we are somewhere");
        let (shared, lines) = Shared::new(broker, clock, Arc::new(Gates::new(1)), home);
        let shared = Arc::new(shared);
        start(shared.clone(), lines.calls).expect("there are threads");

        let (mut decoder, mut batch, mut bytes) = (Decoder::new(Limits::default()), Batch::default(), Vec::new());
        encode_request(["SET", "key", "value"].map(str::as_bytes), &mut bytes);
        encode_request(["FLUSHALL"].map(str::as_bytes), &mut bytes);
        decoder.feed(&bytes);
        decoder.decode(&mut batch, 2, usize::MAX).expect("they are well formed");
        {
            let mut hub = shared.lock();
            let now = hub.clock.now();
            let client = hub.broker.connect(Peer::default(), now);
            let mut out = Output::default();
            for request in decoder.requests(&batch) {
                hub.broker.execute(client, request, now, &mut out);
            }
            assert!(hub.broker.has_garbage());
            shared.hand_over_chores(&mut hub);
        }
        let deadline = Instant::now() + Duration::from_secs(60);
        while shared.lock().broker.has_garbage() {
            assert!(Instant::now() < deadline, "nobody came for it");
            std::thread::yield_now();
        }
    }
}
