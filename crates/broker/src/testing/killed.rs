//! A client that was killed while its next request was already on its way.

use rbq_resp::OwnedRequest;

use crate::{Broker, ClientId, Flow, Now, Output, Peer, Settings};

fn run(broker: &mut Broker, client: ClientId, command: &str) -> (Flow, bool) {
    let request = OwnedRequest::from_args(command.split(' '));
    let mut out = Output::default();
    let flow = broker.execute(client, request.view(), Now::default(), &mut out);
    broker.account(client, request.view(), Now::default(), Now::default());
    (flow, out.is_empty())
}

/// Its replacement asks what it holds, and must not be given less than it will hold a moment later.
#[test]
fn what_a_killed_client_had_sent_is_not_run() {
    let mut broker = Broker::new(Settings::default(), 5, Now::default());
    let connect = |broker: &mut Broker| broker.connect(Peer::default(), Now::default());
    let (victim, other) = (connect(&mut broker), connect(&mut broker));
    run(&mut broker, other, "RPUSH jobs one");
    run(&mut broker, victim, "CLIENT SETNAME victim");
    run(&mut broker, other, "CLIENT KILL TYPE normal SKIPME yes");
    let ran = broker.stats.commands_processed;
    for command in ["LMOVE jobs mine LEFT LEFT", "BLMOVE none mine LEFT LEFT 0", "MULTI"] {
        assert_eq!(run(&mut broker, victim, command), (Flow::Close, true), "{command}");
    }
    assert_eq!(broker.stats.commands_processed, ran);
    // Nor does it wait for what comes.
    run(&mut broker, other, "RPUSH none two");
    let request = OwnedRequest::from_args(["EXISTS", "jobs", "none", "mine"]);
    let mut out = Output::default();
    broker.execute(other, request.view(), Now::default(), &mut out);
    let bytes: Vec<u8> = out
        .drain()
        .flat_map(|piece| match piece {
            crate::Body::Bytes(bytes) => bytes,
            _ => panic!("no reply here is that long"),
        })
        .collect();
    assert_eq!(bytes, b":2\r\n");
}
