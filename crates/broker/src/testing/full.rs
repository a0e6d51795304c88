//! A log's disk that takes no more: what is refused, and what goes on.

use super::switch::run;
use crate::{Broker, ClientId, DERIVED_BYTES_FREE, DiskRoom, Flow, Now, Peer, Settings};

fn broker(room: DiskRoom) -> (Broker, ClientId) {
    let mut broker = Broker::new(Settings::default(), 1, Now::default());
    broker.log().enable(0);
    let ann = broker.connect(Peer::default(), Now::default());
    for command in ["RPUSH queue a b c", "SET short x PX 10", "XADD s 1-1 f v", "XGROUP CREATE s g 0"] {
        run(&mut broker, ann, command);
    }
    broker.log().hand_over(|_| 1);
    broker.set_disk_room(room);
    (broker, ann)
}

const fn at_ms(ms: u64) -> Now {
    Now { monotonic_us: ms * 1_000, unix_us: ms * 1_000 }
}

#[test]
fn with_a_reserve_only_what_adds_is_refused() {
    let (mut broker, ann) = broker(DiskRoom::DrainsOnly("full".into()));
    assert!(run(&mut broker, ann, "RPUSH queue d").1.starts_with("-MISCONF full; reading, "));
    assert_eq!(run(&mut broker, ann, "LPOP queue").1, "$1\r\na\r\n");
    // A key whose time has come is not there any more, and leaves the reserve to what clients take away.
    let logged = broker.log().position();
    broker.tick(at_ms(1_000));
    assert_eq!((broker.log().position(), broker.next_tick_us(at_ms(1_000))), (logged, None));
}

#[test]
fn keys_are_purged_as_far_as_the_log_has_room_for_it() {
    let (mut broker, ann) = broker(DiskRoom::Enough);
    let long = "k".repeat(1_000);
    for number in 0..200 {
        run(&mut broker, ann, &format!("SET {long}{number} x PX 10"));
    }
    broker.log().hand_over(|_| 2);
    broker.set_ask_room(Some(Box::new(|_| Err("full".into()))));
    let mut purged_bytes = Vec::new();
    let mut count = |broker: &mut Broker| {
        let bytes = broker.log().pending_bytes();
        purged_bytes.push(bytes);
        broker.log().hand_over(|_| 3);
        assert!(bytes <= DERIVED_BYTES_FREE + 1_100, "{bytes}");
    };
    broker.postpone_purges(900_000);
    assert_eq!(broker.next_tick_us(at_ms(500)), Some(900_000));
    broker.tick(at_ms(500));
    count(&mut broker);
    for tick in 0..5 {
        let now = at_ms(1_000 + 100 * tick);
        broker.tick(now);
        count(&mut broker);
        // What is left does not come due at once: nobody could sleep until there is room.
        assert!(broker.next_tick_us(now).is_none_or(|at_us| at_us > now.monotonic_us));
    }
    assert_eq!(purged_bytes[0], 0, "it was postponed");
    assert!(purged_bytes[1] > DERIVED_BYTES_FREE / 2 && purged_bytes[5] == 0, "{purged_bytes:?}");
}

#[test]
fn without_one_nothing_that_would_be_logged_is_done_and_the_rest_is() {
    let (mut broker, ann) = broker(DiskRoom::Nothing("full".into()));
    let logged = broker.log().position();
    for command in ["RPUSH queue d", "LPOP queue", "DEL queue", "XREADGROUP GROUP g ann STREAMS s >", "FLUSHALL"] {
        let answer = run(&mut broker, ann, command).1;
        assert_eq!(
            answer, "-MISCONF full, and its reserve is used up; reading goes on, and the rest once there is space\r\n",
            "{command}"
        );
    }
    for (command, answer) in [("LLEN queue", ":3\r\n"), ("PING", "+PONG\r\n"), ("PUBLISH news x", ":0\r\n")] {
        assert_eq!(run(&mut broker, ann, command).1, answer);
    }
    // A key whose time has come is not there any more, and is not removed either.
    let later = at_ms(1_000);
    broker.tick(later);
    assert_eq!(broker.log().position(), logged);
    broker.set_disk_room(DiskRoom::Enough);
    broker.tick(later);
    assert_ne!(broker.log().position(), logged);
}

#[test]
fn who_waits_is_served_as_far_as_the_log_has_room_for_it() {
    let (mut broker, ann) = broker(DiskRoom::Enough);
    let long = "k".repeat(30_000);
    for _ in 0..5 {
        let waiter = broker.connect(Peer::default(), Now::default());
        assert_eq!(run(&mut broker, waiter, &format!("BLMOVE source {long} LEFT RIGHT 0")).0, Flow::Park);
    }
    broker.set_ask_room(Some(Box::new(|_| Err("full".into()))));
    run(&mut broker, ann, "RPUSH source 1 2 3 4 5");
    assert!(broker.log().pending_bytes() < DERIVED_BYTES_FREE);
    broker.log().hand_over(|_| 2);
    assert_eq!(run(&mut broker, ann, &format!("LRANGE {long} 0 -1")).1, "*2\r\n$1\r\n1\r\n$1\r\n2\r\n");
    // They look again, and with room all of them are served.
    broker.tick(at_ms(50));
    assert_eq!(broker.next_tick_us(at_ms(50)), Some(100_000));
    broker.set_ask_room(None);
    broker.tick(at_ms(100));
    assert_eq!(run(&mut broker, ann, &format!("LLEN {long}")).1, ":5\r\n");
}

#[test]
fn while_room_is_awaited_only_what_may_change_something_waits() {
    let (mut broker, ann) = broker(DiskRoom::Awaited);
    let logged = broker.log().position();
    let flow = |broker: &mut Broker, command| run(broker, ann, command).0;
    for command in
        ["PING", "GET none", "LLEN queue", "PUBLISH news x", "INFO", "CONFIG GET maxmemory", "XINFO STREAM s"]
    {
        assert_eq!(flow(&mut broker, command), Flow::Continue, "{command}");
    }
    for command in ["RPUSH queue d", "LPOP queue", "XREADGROUP GROUP g ann STREAMS s >", "BLPOP queue 0", "FLUSHALL"] {
        assert_eq!(run(&mut broker, ann, command).1, "", "{command}");
        assert_eq!(flow(&mut broker, command), Flow::NoRoom, "{command}");
    }
    run(&mut broker, ann, "MULTI");
    assert_eq!(flow(&mut broker, "GET none"), Flow::Continue);
    assert_eq!(flow(&mut broker, "EXEC"), Flow::Continue, "nothing in it changes anything");
    // Time goes on to be looked at, as nobody else may say when there is room.
    broker.postpone_purges(2_000_000);
    broker.tick(at_ms(1_000));
    assert_eq!((broker.log().position(), broker.next_tick_us(at_ms(1_000))), (logged, Some(2_000_000)));
    let commands = broker.stats.commands_processed;
    broker.set_disk_room(DiskRoom::Enough);
    assert_eq!(run(&mut broker, ann, "LPOP queue").1, "$1\r\na\r\n");
    assert_eq!(broker.stats.commands_processed, commands + 1);
}

#[test]
fn a_transaction_is_refused_for_what_is_in_it() {
    let (mut broker, ann) = broker(DiskRoom::Nothing("full".into()));
    run(&mut broker, ann, "MULTI");
    assert!(run(&mut broker, ann, "LPOP queue").1.starts_with("-MISCONF"));
    assert!(run(&mut broker, ann, "EXEC").1.starts_with("-EXECABORT"));
    broker.set_disk_room(DiskRoom::Enough);
    run(&mut broker, ann, "MULTI");
    run(&mut broker, ann, "LPOP queue");
    broker.set_disk_room(DiskRoom::Nothing("full".into()));
    let answer = run(&mut broker, ann, "EXEC").1;
    assert!(answer.starts_with("-EXECABORT") || answer.starts_with("-MISCONF"), "{answer}");
    broker.set_disk_room(DiskRoom::Enough);
    assert_eq!(run(&mut broker, ann, "LLEN queue").1, ":3\r\n");
}
