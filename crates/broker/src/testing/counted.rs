//! What INFO counts of commands and errors, by the numbers that Redis has after the same ones.

use rbq_resp::OwnedRequest;

use crate::{Broker, Now, Output, Peer, Settings};

#[test]
fn a_command_counts_when_it_runs_and_an_error_once() {
    let mut broker = Broker::new(Settings::default(), 5, Now::default());
    let [ann, bob] = [(); 2].map(|()| broker.connect(Peer::default(), Now::default()));
    let mut counted = |client, line: &str| {
        let before = (broker.stats.commands_processed, broker.stats.error_replies);
        let request = OwnedRequest::from_args(line.split(' '));
        broker.execute(client, request.view(), Now::default(), &mut Output::default());
        (broker.stats.commands_processed - before.0, broker.stats.error_replies - before.1)
    };
    for (client, line, commands, errors) in [
        (ann, "SET k v", 1, 0),
        (ann, "NOSUCH", 0, 1),
        (ann, "GET", 0, 1),
        (ann, "OBJECT NOSUCH k", 0, 1),
        (ann, "LPUSH k x", 1, 1),
        (ann, "WATCH k", 1, 0),
        (ann, "MULTI", 1, 0),
        (ann, "LPUSH k x", 0, 0),
        (ann, "GET k", 0, 0),
        (ann, "RPUSH k x", 0, 0),
        (ann, "EXEC", 4, 2),
        (ann, "EXEC", 1, 1),
        (ann, "WATCH k", 1, 0),
        (ann, "MULTI", 1, 0),
        (ann, "GET k", 0, 0),
        (bob, "SET k w", 1, 0),
        (ann, "EXEC", 1, 0),
        // It runs once, however long it waits and whoever serves it.
        (ann, "BLPOP queue 0", 1, 0),
        (bob, "RPUSH queue x", 1, 0),
        (ann, "PING", 1, 0),
    ] {
        assert_eq!(counted(client, line), (commands, errors), "{line}");
    }
}
