//! Behind which gates readers stand: whoever is told of a change waits for it, whichever way the change was made.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::driver::Driver;
use super::replay::{EVERY_KIND, program};
use super::switch::run;
use crate::{Broker, ClientId, Gate, Now, Peer, Settings, digest};

type Picture = BTreeMap<(u8, Box<[u8]>), u128>;

/// What there is under every key.
fn picture(driver: &Driver) -> Picture {
    let dbs = driver.group().dbs.iter().enumerate();
    let entries = dbs.flat_map(|(db, keys)| keys.iter().map(move |entry| (db, entry)));
    entries.map(|(db, entry)| ((db as u8, entry.key.clone()), digest::of_entry(db, entry))).collect()
}

/// Does one thing in a hold of its own; the keys that it changed and whose gates do not stand at that hold.
fn ungated(driver: &mut Driver, act: impl FnOnce(&mut Driver)) -> Vec<(u8, Box<[u8]>)> {
    let before = picture(driver);
    act(driver);
    let after = picture(driver);
    let log = driver.broker().log();
    let position = log.position();
    let mut changed: Vec<_> =
        before.keys().chain(after.keys()).filter(|key| before.get(key) != after.get(key)).collect();
    changed.dedup();
    let ungated = changed.into_iter().filter(|(db, key)| log.gate(*db, key) != position).cloned().collect();
    driver.records();
    ungated
}

#[test]
fn whatever_kind_of_op_changes_a_key_its_gate_stands_at_that_op() {
    let mut driver = Driver::new(1);
    for command in EVERY_KIND.split('|') {
        assert_eq!(ungated(&mut driver, |driver| drop(driver.run(command))), [], "{command}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn whatever_is_changed_has_a_gate_at_the_change(program in program()) {
        let mut driver = Driver::new(1);
        for step in program {
            let left = ungated(&mut driver, |driver| driver.step(&step));
            prop_assert!(left.is_empty(), "{:?} changed {:?}", step, left);
        }
    }
}

/// A broker that keeps a log, and a client.
pub(super) fn broker() -> (Broker, ClientId) {
    let mut broker = Broker::new(Settings::default(), 1, Now::default());
    broker.settings.appendonly.0 = true;
    broker.log().enable(0);
    let client = broker.connect(Peer::default(), Now::default());
    (broker, client)
}

/// Runs commands, each in a hold of its own, the first at position 1.
pub(super) fn hold_each(broker: &mut Broker, client: ClientId, commands: &str) {
    for command in commands.split('|') {
        run(broker, client, command);
        let next = broker.log().position().position();
        broker.log().hand_over(|_| next);
    }
}

#[test]
fn a_reader_waits_for_what_emptied_or_swapped_its_database() {
    for sweep in ["FLUSHALL", "FLUSHALL ASYNC", "FLUSHDB", "SWAPDB 0 1"] {
        let (mut broker, ann) = broker();
        hold_each(&mut broker, ann, &format!("SET x 1|{sweep}|SET other 1"));
        for read in ["GET x", "EXISTS x", "LLEN never", "SET x 2 XX"] {
            assert_eq!(run(&mut broker, ann, read).2, Gate::at(2), "{read} after {sweep}");
        }
        hold_each(&mut broker, ann, "SET x 3");
        assert_eq!(run(&mut broker, ann, "GET x").2, Gate::at(4), "what is newer counts");
    }
}

#[test]
fn what_tells_of_nothing_that_is_kept_waits_for_nobodys_change() {
    let (mut broker, ann) = broker();
    let bob = broker.connect(Peer::default(), Now::default());
    hold_each(&mut broker, ann, "SET x 1");
    for look in [
        "PING",
        "ECHO x",
        "HELLO 3",
        "HELLO 2",
        "SELECT 1",
        "SELECT 0",
        "TIME",
        "CLIENT ID",
        "CLIENT LIST",
        "AUTH x",
        "COMMAND COUNT",
        "CONFIG GET dir",
        "INFO",
        "SUBSCRIBE news",
        "UNSUBSCRIBE",
        "PUBLISH news x",
        "SLOWLOG LEN",
        "NOSUCHTHING",
        "GET",
        "MULTI",
        "GET x",
        "DISCARD",
    ] {
        assert_eq!(run(&mut broker, bob, look).2, Gate::OPEN, "{look}");
    }
    for tale in ["DBSIZE", "KEYS *", "RANDOMKEY", "SCAN 0", "GET x", "EXISTS x y", "CONFIG SET loglevel debug"] {
        assert_eq!(run(&mut broker, bob, tale).2.position(), 1, "{tale}");
    }
    run(&mut broker, bob, "MULTI");
    run(&mut broker, bob, "PING");
    assert_eq!(run(&mut broker, bob, "EXEC").2, Gate::at(1), "whatever is in it");
}

#[test]
fn a_group_or_a_consumer_may_be_called_streams() {
    for read in [
        "XREADGROUP COUNT 1 GROUP streams c STREAMS s >",
        "XREADGROUP NOACK GROUP g STREAMS STREAMS s >",
        "XREADGROUP GROUP group streams STREAMS s >",
        "XREADGROUP GROUP g c STREAMS s >",
    ] {
        let (mut broker, ann) = broker();
        hold_each(&mut broker, ann, "XADD s 1-1 f v|DEL s|SET other 1");
        let (_, answer, gate) = run(&mut broker, ann, read);
        assert!(answer.starts_with("-NOGROUP"), "{answer}");
        assert_eq!(gate, Gate::at(2), "{read}");
    }
}

#[test]
fn who_is_refused_because_of_another_database_waits_for_what_is_there() {
    for command in ["COPY src dst DB 1", "COPY src src DB 1", "MOVE src 1", "MOVE dst 1"] {
        let (mut broker, ann) = broker();
        hold_each(&mut broker, ann, "SET src 1|SELECT 1|SET src 1|SET dst 1|SELECT 0");
        let (_, answer, gate) = run(&mut broker, ann, command);
        assert_eq!((answer.as_str(), gate), (":0\r\n", Gate::at(3)), "{command}");
        assert_eq!(run(&mut broker, ann, "GET src").2, Gate::at(1), "the next one waits for no more than it tells");
    }
}

#[test]
fn a_sort_waits_for_the_keys_that_its_patterns_name_too() {
    for sort in ["SORT l BY nosort GET w_*", "SORT l BY w_*", "SORT_RO l BY w_*", "SORT_RO l BY nosort GET # GET w_*"] {
        let (mut broker, ann) = broker();
        let bob = broker.connect(Peer::default(), Now::default());
        hold_each(&mut broker, ann, "RPUSH l a|SET w_a 1");
        assert_eq!(run(&mut broker, bob, "LLEN l").2, Gate::at(1));
        assert_eq!(run(&mut broker, bob, sort).2, Gate::at(2), "{sort}");
    }
}
