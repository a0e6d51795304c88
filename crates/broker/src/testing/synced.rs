//! Answers that say of what was logged that it is synced.

use super::switch::{heard, run};
use crate::{Action, Broker, ClientId, Flow, Gate, Letter, Now, Peer, Settings};

/// How a client's command went on, and behind which gate its answer stands.
fn gated(broker: &mut Broker, client: ClientId, command: &str) -> (Flow, Gate) {
    let (flow, _, gate) = run(broker, client, command);
    (flow, gate)
}

fn wants_sync(broker: &mut Broker) -> bool {
    broker.take_actions().iter().any(|action| matches!(action, Action::Sync))
}

/// A broker whose log is at this position, and a client.
fn broker_at(position: u64) -> (Broker, ClientId) {
    let mut broker = Broker::new(Settings::default(), 1, Now::default());
    broker.settings.appendonly.0 = true;
    broker.log().enable(position);
    let client = broker.connect(Peer::default(), Now::default());
    (broker, client)
}

#[test]
fn an_answer_that_tells_of_a_sync_waits_for_one_and_the_next_one_does_not() {
    for command in ["WAITAOF 1 0 0", "CONFIG SET appendfsync always"] {
        let (mut broker, ann) = broker_at(5);
        assert_eq!(gated(&mut broker, ann, command), (Flow::Continue, Gate::at(5).synced()), "{command}");
        assert!(wants_sync(&mut broker));
        assert_eq!(gated(&mut broker, ann, "SET k v"), (Flow::Continue, Gate::at(6)));
        assert!(!wants_sync(&mut broker));
    }
}

#[test]
fn who_waits_for_replicas_holds_back_nothing_and_is_told_of_what_is_synced_at_the_end() {
    let (mut broker, ann) = broker_at(5);
    assert_eq!(gated(&mut broker, ann, "WAITAOF 1 1 100"), (Flow::Park, Gate::OPEN));
    assert!(!wants_sync(&mut broker));
    let bob = broker.connect(Peer::default(), Now::default());
    assert_eq!(gated(&mut broker, bob, "SET k v"), (Flow::Continue, Gate::at(6)));
    broker.tick(Now { monotonic_us: 100_000, unix_us: 100_000 });
    assert_eq!(heard(&mut broker, ann), Some(("*2\r\n:1\r\n:0\r\n".into(), Gate::at(6).synced())));
    assert!(wants_sync(&mut broker));
    assert_eq!(gated(&mut broker, ann, "SET k w"), (Flow::Continue, Gate::at(6)), "it is of the same hold");
}

#[test]
fn an_exec_tells_of_a_sync_when_something_in_it_does() {
    let (mut broker, ann) = broker_at(5);
    for command in ["MULTI", "WAITAOF 1 0 0", "PING"] {
        run(&mut broker, ann, command);
        assert!(!wants_sync(&mut broker), "{command}");
    }
    assert_eq!(gated(&mut broker, ann, "EXEC"), (Flow::Continue, Gate::at(5).synced()));
    assert!(wants_sync(&mut broker));
}

#[test]
fn what_is_not_answered_holds_nothing_back() {
    let (mut broker, ann) = broker_at(5);
    assert_eq!(gated(&mut broker, ann, "CLIENT REPLY OFF").1, Gate::OPEN);
    assert_eq!(gated(&mut broker, ann, "WAITAOF 1 0 0").1, Gate::OPEN);
    assert_eq!(gated(&mut broker, ann, "SET k v").1, Gate::OPEN);
}

#[test]
fn a_waiter_that_is_not_answered_holds_nothing_back_when_it_is_served() {
    for (command, silence) in [("WAITAOF 1 1 100", "OFF"), ("BLPOP mail 0.1", "OFF"), ("BLPOP mail 0.1", "SKIP")] {
        let (mut broker, ann) = broker_at(5);
        run(&mut broker, ann, &format!("CLIENT REPLY {silence}"));
        assert_eq!(gated(&mut broker, ann, command), (Flow::Park, Gate::OPEN), "{command}");
        broker.tick(Now { monotonic_us: 100_000, unix_us: 100_000 });
        let letters = std::mem::take(&mut broker.mail().letters);
        assert!(matches!(letters[..], [(to, Letter::Resume)] if to == ann), "{command}");
        assert!(!wants_sync(&mut broker), "{command}");
    }
}
