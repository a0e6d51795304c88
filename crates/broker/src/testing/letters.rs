//! Behind which gates letters stand: messages, events, invalidations, and the answers of those who waited.
//!
//! None of them is part of the answer to the command that made the change, and each tells somebody of it all the same. Whoever
//! reads one goes on from there, with a job that was popped or without what was cached, so it waits as that answer does.

use super::gates::{broker, hold_each};
use super::switch::{heard, run};
use crate::{Broker, ClientId, Gate, Letter, Now, Peer};

const fn at_ms(ms: u64) -> Now {
    Now { monotonic_us: ms * 1_000, unix_us: ms * 1_000 }
}

fn another(broker: &mut Broker) -> ClientId {
    broker.connect(Peer::default(), Now::default())
}

/// Behind which gates the letters to a client stand that tell it something, in order.
fn gates(broker: &mut Broker, client: ClientId) -> Vec<Gate> {
    let letters = std::mem::take(&mut broker.mail().letters);
    letters
        .into_iter()
        .filter(|(to, _)| *to == client)
        .map(|(_, letter)| match letter {
            Letter::Small { gate, .. } | Letter::Shared(_, gate) => gate,
            _ => panic!("nobody waits for an answer here"),
        })
        .collect()
}

/// The client was sent something since, and none of it goes out before the hold under way is kept.
fn assert_held_back(broker: &mut Broker, client: ClientId, what: &str) {
    let position = Gate::at(broker.log().newest() + 1);
    let gates = gates(broker, client);
    assert!(!gates.is_empty(), "nothing was told of {what}");
    assert!(gates.iter().all(|gate| *gate == position), "{gates:?} rather than {position:?} of {what}");
}

#[test]
fn a_message_waits_for_what_its_publisher_changed_and_for_nobody_else() {
    let (mut broker, ann) = broker();
    let (bob, cat) = (another(&mut broker), another(&mut broker));
    run(&mut broker, cat, "SUBSCRIBE news");
    hold_each(&mut broker, ann, "SET x 1|SET y 1");
    run(&mut broker, bob, "PUBLISH news nothing");
    run(&mut broker, ann, "PUBLISH news changed");
    assert_eq!(gates(&mut broker, cat), [Gate::OPEN, Gate::at(2)]);
    run(&mut broker, bob, "MULTI");
    run(&mut broker, bob, "SET z 1");
    run(&mut broker, bob, "PUBLISH news changed");
    run(&mut broker, bob, "EXEC");
    assert_eq!(gates(&mut broker, cat), [Gate::at(3)]);
}

/// A listener to events of keys alone or of kinds alone.
fn listener(broker: &mut Broker, events: &str) -> ClientId {
    let bob = another(broker);
    run(broker, bob, &format!("CONFIG SET notify-keyspace-events {events}"));
    run(broker, bob, "PSUBSCRIBE __key*@*__:*");
    bob
}

#[test]
fn an_event_waits_for_the_change_that_it_tells_of() {
    for events in ["KA", "EA"] {
        for change in ["SET k v", "DEL k", "INCR k", "EXPIRE k 9", "RENAME k l", "RPUSH list a", "XADD s * f v"] {
            let (mut broker, ann) = broker();
            let bob = listener(&mut broker, events);
            hold_each(&mut broker, ann, "SET k 1");
            gates(&mut broker, bob);
            run(&mut broker, ann, change);
            assert_held_back(&mut broker, bob, change);
        }
    }
}

#[test]
fn the_event_of_a_key_whose_time_has_come_waits_until_it_is_gone() {
    for events in ["KA", "EA"] {
        let (mut broker, ann) = broker();
        let bob = listener(&mut broker, events);
        hold_each(&mut broker, ann, "SET k v PX 5");
        gates(&mut broker, bob);
        broker.tick(at_ms(10));
        assert_held_back(&mut broker, bob, "a key whose time has come");
    }
}

const CHANGES: [&str; 6] = ["SET k v", "DEL k", "APPEND k x", "EXPIRE k 9", "RENAME k l", "FLUSHALL"];

#[test]
fn an_invalidation_waits_for_the_change_that_it_tells_of() {
    for tracking in ["ON", "ON NOLOOP", "ON BCAST", "ON BCAST PREFIX k"] {
        for change in CHANGES {
            let (mut broker, ann) = broker();
            let bob = another(&mut broker);
            run(&mut broker, bob, "HELLO 3");
            run(&mut broker, bob, &format!("CLIENT TRACKING {tracking}"));
            hold_each(&mut broker, ann, "SET k 1");
            run(&mut broker, bob, "GET k");
            gates(&mut broker, bob);
            run(&mut broker, ann, change);
            assert_held_back(&mut broker, bob, &format!("{change}, {tracking}"));
        }
    }
}

#[test]
fn an_invalidation_that_another_client_hears_waits_as_well() {
    for change in CHANGES {
        let (mut broker, ann) = broker();
        let (bob, cat) = (another(&mut broker), another(&mut broker));
        run(&mut broker, cat, "SUBSCRIBE __redis__:invalidate");
        run(&mut broker, bob, &format!("CLIENT TRACKING ON REDIRECT {}", cat.id));
        hold_each(&mut broker, ann, "SET k 1");
        run(&mut broker, bob, "GET k");
        gates(&mut broker, cat);
        run(&mut broker, ann, change);
        assert_held_back(&mut broker, cat, change);
    }
}

#[test]
fn who_waited_is_held_back_by_what_ended_the_wait() {
    let (idle, read) = ("SET other 1", "XGROUP CREATE s g $ MKSTREAM");
    for (before, wait, end) in [
        (idle, "BLPOP q 0", "RPUSH q x"),
        (idle, "BRPOP q 0", "LPUSH q x"),
        (idle, "BLPOP p q 0", "SORT list BY nosort STORE q"),
        (idle, "BLPOP q 0", "RENAME list q"),
        (idle, "BLMPOP 0 2 p q LEFT", "RPUSH q x"),
        (idle, "BLMOVE q r LEFT RIGHT 0", "RPUSH q x"),
        (idle, "BLMOVE q q LEFT RIGHT 0", "RPUSH q x"),
        (idle, "BRPOPLPUSH q r 0", "RPUSH q x"),
        (idle, "BLMOVEM q r LEFT RIGHT 0 EXACTLY 2 BULK", "RPUSH q x y"),
        (idle, "XREAD BLOCK 0 STREAMS s $", "XADD s * f v"),
        (read, "XREADGROUP GROUP g bob BLOCK 0 STREAMS s >", "XADD s * f v"),
        (read, "XREADGROUP GROUP g bob BLOCK 0 NOACK STREAMS s >", "XADD s * f v"),
        (read, "XREADGROUP GROUP g bob BLOCK 0 STREAMS s >", "XGROUP DESTROY s g"),
        (read, "XREADGROUP GROUP g bob BLOCK 0 STREAMS s >", "DEL s"),
    ] {
        let (mut broker, ann) = broker();
        let bob = another(&mut broker);
        hold_each(&mut broker, ann, &format!("RPUSH list a|{before}"));
        hold_each(&mut broker, bob, wait);
        assert_eq!(heard(&mut broker, bob), None, "{wait}");
        let position = Gate::at(broker.log().newest() + 1);
        run(&mut broker, ann, end);
        assert_eq!(heard(&mut broker, bob).map(|(_, gate)| gate), Some(position), "{wait}, {end}");
    }
}

#[test]
fn who_waited_for_what_lies_idle_is_held_back_until_it_is_claimed() {
    let (mut broker, ann) = broker();
    let bob = another(&mut broker);
    hold_each(&mut broker, ann, "XADD s 1-1 f v|XGROUP CREATE s g 0|XREADGROUP GROUP g ann STREAMS s >");
    hold_each(&mut broker, bob, "XREADGROUP GROUP g bob BLOCK 0 CLAIM 5 STREAMS s >");
    let position = Gate::at(broker.log().newest() + 1);
    broker.tick(at_ms(10));
    assert_eq!(heard(&mut broker, bob).map(|(_, gate)| gate), Some(position));
}
