//! A chat server's fan-out in memory: who gets which message, and why.
//!
//! ```sh
//! cargo run -p rbq-pubsub --example fanout
//! ```

#![allow(clippy::print_stdout, reason = "an example shows what it does")]

use rbq_pubsub::{PubSub, Via};

/// Whatever names a connection will do, if it is small and can be copied and compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
struct Connection(u32);

fn main() {
    let (ann, bob, log) = (Connection(1), Connection(2), Connection(3));
    let mut chat = PubSub::with_seed(0x5eed);

    chat.subscribe(ann, b"room:tea");
    chat.subscribe(bob, b"room:tea");
    chat.psubscribe(bob, b"*:urgent");
    chat.psubscribe(log, b"room:*");
    // Thousands of other patterns do not slow a message down that does not match them.
    for room in 0..10_000 {
        chat.psubscribe(Connection(100 + room), format!("room:{room}:*").as_bytes());
    }

    for channel in ["room:tea", "room:4711:urgent", "room:empty"] {
        println!("{channel}");
        let deliveries = chat.publish(channel.as_bytes(), |who, via| match via {
            Via::Channel => println!("  {who:?} subscribed to it"),
            Via::Pattern(pattern) => println!("  {who:?} by {}", pattern.escape_ascii()),
        });
        println!("  = {deliveries}");
    }

    chat.forget(bob);
    let active: Vec<_> = chat.channels(None).map(|name| name.escape_ascii().to_string()).collect();
    println!("without bob: {active:?}, {} patterns, {} KiB", chat.pattern_count(), chat.memory_bytes() / 1024);
}
