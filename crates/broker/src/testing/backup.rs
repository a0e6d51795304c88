//! RBQ BACKUP: who may ask, and that whoever asked hears of the one backup it asked for, once.

use rbq_resp::OwnedRequest;

use crate::{Action, BackupOrder, BackupReport, Body, Broker, ClientId, Flow, Letter, Now, Output, Peer, Settings};

const REPORT: Result<BackupReport, String> = Ok(BackupReport { position: 7, files: 3, bytes: 4096 });

fn broker() -> Broker {
    let mut broker = Broker::new(Settings::default(), 5, Now::default());
    broker.log().enable(0);
    broker
}

fn connect(broker: &mut Broker, addr: &str) -> ClientId {
    broker.connect(Peer { addr: addr.into(), ..Peer::default() }, Now::default())
}

fn text(mut out: Output) -> String {
    let bytes = out.drain().flat_map(|piece| match piece {
        Body::Bytes(bytes) => bytes,
        Body::Shared(bytes) => bytes.to_vec(),
        Body::Lazy(..) => panic!("no reply here is that long"),
    });
    String::from_utf8(bytes.collect()).expect("a reply here is text")
}

fn run(broker: &mut Broker, client: ClientId, command: &str) -> (Flow, String) {
    let request = OwnedRequest::from_args(command.split(' '));
    let mut out = Output::default();
    let flow = broker.execute(client, request.view(), Now::default(), &mut out);
    (flow, text(out))
}

/// The order that a client's request leaves with the driver.
fn order(broker: &mut Broker, client: ClientId) -> BackupOrder {
    assert_eq!(run(broker, client, "RBQ BACKUP /copies/one"), (Flow::Park, String::new()));
    match broker.take_actions().as_slice() {
        [Action::Backup(order)] => order.clone(),
        _ => panic!("exactly one backup was asked for"),
    }
}

/// What was sent to this client since the last call.
fn heard(broker: &mut Broker, client: ClientId) -> Vec<String> {
    let letters = std::mem::take(&mut broker.mail().letters);
    let to_client = letters.into_iter().filter(|(to, _)| *to == client);
    let replies = to_client.filter_map(|(_, letter)| match letter {
        Letter::Reply(out) => Some(text(out)),
        _ => None,
    });
    replies.collect()
}

#[test]
fn a_backup_is_answered_when_it_is_done_and_not_before() {
    let mut broker = broker();
    let ann = connect(&mut broker, "127.0.0.1:1");
    let order = order(&mut broker, ann);
    assert_eq!(order.directory, b"/copies/one");
    assert!(heard(&mut broker, ann).is_empty());
    broker.finish_backup(&order, &REPORT);
    assert_eq!(
        heard(&mut broker, ann),
        ["*6\r\n$8\r\nposition\r\n:7\r\n$5\r\nfiles\r\n:3\r\n$5\r\nbytes\r\n:4096\r\n"]
    );
}

#[test]
fn an_error_of_several_lines_is_answered_in_one() {
    let mut broker = broker();
    let ann = connect(&mut broker, "127.0.0.1:1");
    let order = order(&mut broker, ann);
    broker.finish_backup(&order, &Err("a file is damaged\nhint: look at it".into()));
    assert_eq!(heard(&mut broker, ann), ["-ERR a file is damaged hint: look at it\r\n"]);
}

#[test]
fn a_client_elsewhere_and_a_path_that_is_relative_are_refused() {
    let mut broker = broker();
    let (near, far) = (connect(&mut broker, "[::1]:1"), connect(&mut broker, "10.0.0.1:1"));
    let (flow, reply) = run(&mut broker, far, "RBQ BACKUP /copies/one");
    assert!(
        flow == Flow::Continue && reply.starts_with("-ERR RBQ BACKUP writes files on the server's machine"),
        "{reply}"
    );
    let (flow, reply) = run(&mut broker, near, "RBQ BACKUP copies/one");
    assert!(flow == Flow::Continue && reply.starts_with("-ERR the directory must be an absolute path"), "{reply}");
    assert!(broker.take_actions().is_empty());
}

#[test]
fn one_backup_is_made_at_a_time() {
    let mut broker = broker();
    let (ann, bob) = (connect(&mut broker, "127.0.0.1:1"), connect(&mut broker, "127.0.0.1:2"));
    let first = order(&mut broker, ann);
    assert_eq!(run(&mut broker, bob, "RBQ BACKUP /copies/two").1, "-ERR a backup is being made already\r\n");
    broker.finish_backup(&first, &REPORT);
    order(&mut broker, bob);
}

#[test]
fn what_a_backup_reads_is_not_let_go_of() {
    let mut broker = broker();
    broker.settings.appendonly.0 = true;
    let (ann, bob) = (connect(&mut broker, "127.0.0.1:1"), connect(&mut broker, "127.0.0.1:2"));
    let first = order(&mut broker, ann);
    let refused = run(&mut broker, bob, "CONFIG SET appendonly no").1;
    assert!(refused.contains("a backup is being made"), "{refused}");
    broker.finish_backup(&first, &REPORT);
    assert_eq!(run(&mut broker, bob, "CONFIG SET appendonly no").0, Flow::Park);
    let refused = run(&mut broker, ann, "RBQ BACKUP /copies/one").1;
    assert!(refused.starts_with("-ERR appendonly is being switched"), "{refused}");
}

#[test]
fn who_no_longer_waits_for_it_is_not_told_of_it() {
    let mut broker = broker();
    let (ann, bob) = (connect(&mut broker, "127.0.0.1:1"), connect(&mut broker, "127.0.0.1:2"));
    let first = order(&mut broker, ann);
    assert_eq!(run(&mut broker, bob, &format!("CLIENT UNBLOCK {} ERROR", ann.id)).1, ":0\r\n", "it goes on");
    broker.finish_backup(&first, &REPORT);
    assert_eq!(heard(&mut broker, ann).len(), 1);
    run(&mut broker, ann, "BLPOP mail 0");
    broker.finish_backup(&first, &REPORT);
    assert!(heard(&mut broker, ann).is_empty(), "it waits for mail");

    let gone = order(&mut broker, bob);
    broker.disconnect(bob);
    let cat = connect(&mut broker, "127.0.0.1:3");
    assert_eq!(cat.slot, bob.slot);
    broker.finish_backup(&gone, &REPORT);
    assert!(heard(&mut broker, cat).is_empty());
    order(&mut broker, cat);
}
