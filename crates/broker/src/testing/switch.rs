//! CONFIG SET appendonly: what is in force when, and which gates stand behind which answers.

use rbq_resp::OwnedRequest;

use crate::{Action, Body, Broker, ClientId, Flow, Gate, Letter, Now, Output, Peer, Settings, SwitchOrder};

fn broker() -> (Broker, ClientId) {
    let mut settings = Settings::default();
    settings.appendonly.0 = false;
    let mut broker = Broker::new(settings, 5, Now::default());
    let ann = connect(&mut broker);
    (broker, ann)
}

fn connect(broker: &mut Broker) -> ClientId {
    broker.connect(Peer { addr: "127.0.0.1:1".into(), ..Peer::default() }, Now::default())
}

/// A reply and the gate that it stands behind.
fn read(mut out: Output) -> (String, Gate) {
    let gate = out.gate();
    let bytes = out.drain().flat_map(|piece| match piece {
        Body::Bytes(bytes) => bytes,
        Body::Shared(bytes) => bytes.to_vec(),
        Body::Lazy(..) => panic!("no reply here is that long"),
    });
    (String::from_utf8(bytes.collect()).expect("a reply here is text"), gate)
}

pub(super) fn run(broker: &mut Broker, client: ClientId, command: &str) -> (Flow, String, Gate) {
    let request = OwnedRequest::from_args(command.split(' '));
    let mut out = Output::default();
    let flow = broker.execute(client, request.view(), Now::default(), &mut out);
    let (text, gate) = read(out);
    (flow, text, gate)
}

fn order(broker: &mut Broker, client: ClientId, command: &str) -> Box<SwitchOrder> {
    assert_eq!(run(broker, client, command).0, Flow::Park);
    let mut orders = broker.take_actions().into_iter().filter_map(|action| match action {
        Action::Switch(order) => Some(order),
        _ => None,
    });
    orders.next_back().expect("a switch was asked for")
}

pub(super) fn heard(broker: &mut Broker, client: ClientId) -> Option<(String, Gate)> {
    let letters = std::mem::take(&mut broker.mail().letters);
    letters.into_iter().find_map(|(to, letter)| match letter {
        Letter::Reply(out) if to == client => Some(read(out)),
        _ => None,
    })
}

/// What a driver does with what was logged: how many bytes that were.
fn keep(broker: &mut Broker, position: u64) -> usize {
    let mut bytes = 0;
    broker.log().hand_over(|records| {
        bytes = records.len();
        position
    });
    bytes
}

#[test]
fn while_it_is_switched_on_what_changes_is_kept_and_nobody_waits_for_it() {
    let (mut broker, ann) = broker();
    let bob = connect(&mut broker);
    let order = order(&mut broker, ann, "CONFIG SET appendonly yes");
    broker.begin_base(7, Now::default());
    assert_eq!(run(&mut broker, bob, "RPUSH mail a"), (Flow::Continue, ":1\r\n".into(), Gate::OPEN));
    assert!(keep(&mut broker, 8) > 0);
    assert_eq!(run(&mut broker, bob, "CONFIG GET appendonly").1, "*2\r\n$10\r\nappendonly\r\n$2\r\nno\r\n");

    broker.finish_switch(&order, Ok(()), Now::default());
    assert_eq!(heard(&mut broker, ann), Some(("+OK\r\n".into(), Gate::at(8).synced())));
    assert_eq!(run(&mut broker, bob, "CONFIG GET appendonly").1, "*2\r\n$10\r\nappendonly\r\n$3\r\nyes\r\n");
    let (_, _, gate) = run(&mut broker, bob, "LLEN mail");
    assert_eq!(gate, Gate::at(8), "a reader of what was changed meanwhile waits for it");
}

#[test]
fn while_it_is_switched_off_nothing_is_kept_and_everybody_waits_for_the_end() {
    let (mut broker, ann) = broker();
    let bob = connect(&mut broker);
    broker.settings.appendonly.0 = true;
    broker.log().enable(3);
    let order = order(&mut broker, ann, "CONFIG SET appendonly no");
    assert_eq!(run(&mut broker, bob, "RPUSH mail a").2, Gate::at(4));
    assert!(keep(&mut broker, 4) > 0);
    assert_eq!(broker.log().leave(), 5);
    assert_eq!(run(&mut broker, bob, "RPUSH mail b").2, Gate::at(5));
    assert_eq!(run(&mut broker, bob, "LLEN mail").2, Gate::at(5));
    assert_eq!(keep(&mut broker, 0), 0);
    broker.finish_switch(&order, Ok(()), Now::default());
    assert_eq!(heard(&mut broker, ann), Some(("+OK\r\n".into(), Gate::OPEN)));
    assert_eq!(run(&mut broker, bob, "RPUSH mail c").2, Gate::OPEN);
    assert_eq!(broker.log().newest(), 5, "positions never go back");
}

#[test]
fn all_that_a_command_names_holds_with_the_switch_or_none_of_it() {
    let (mut broker, ann) = broker();
    let first = order(&mut broker, ann, "CONFIG SET appendonly yes timeout 30");
    assert!(first.is_on() && first.settings.timeout.0 == 30);
    let bob = connect(&mut broker);
    let busy = run(&mut broker, bob, "CONFIG SET appendonly yes").1;
    assert!(busy.contains("it is being changed already"), "{busy}");
    broker.finish_switch(&first, Err("no space".into()), Now::default());
    let refusal = "-ERR CONFIG SET failed (possibly related to argument 'appendonly') - no space\r\n";
    assert_eq!(heard(&mut broker, ann), Some((refusal.into(), Gate::OPEN)));
    assert_eq!((broker.settings.timeout.0, broker.settings.appendonly.0), (0, false));

    let second = order(&mut broker, ann, "CONFIG SET appendonly yes timeout 30");
    broker.begin_base(0, Now::default());
    broker.finish_switch(&second, Ok(()), Now::default());
    assert_eq!((broker.settings.timeout.0, broker.settings.appendonly.0), (30, true));
}

#[test]
fn nobody_is_told_that_it_is_on_the_disk_what_comes_while_the_log_is_completed() {
    let (mut broker, ann) = broker();
    let on = order(&mut broker, ann, "CONFIG SET appendonly yes");
    broker.begin_base(0, Now::default());
    broker.finish_switch(&on, Ok(()), Now::default());
    heard(&mut broker, ann);
    let bob = connect(&mut broker);
    assert_eq!(run(&mut broker, bob, "WAITAOF 1 0 0").1, "*2\r\n:1\r\n:0\r\n");
    order(&mut broker, ann, "CONFIG SET appendonly no");
    broker.log().leave();
    run(&mut broker, bob, "SET x 1");
    assert!(run(&mut broker, bob, "WAITAOF 1 0 0").1.starts_with("-ERR WAITAOF cannot be used"));
    assert_eq!(run(&mut broker, bob, "WAITAOF 0 0 0").1, "*2\r\n:0\r\n:0\r\n");
}

#[test]
fn it_is_switched_although_whoever_asked_for_it_is_gone() {
    let (mut broker, ann) = broker();
    let order = order(&mut broker, ann, "CONFIG SET appendonly yes");
    broker.disconnect(ann);
    let bob = connect(&mut broker);
    broker.begin_base(0, Now::default());
    broker.finish_switch(&order, Ok(()), Now::default());
    assert!(broker.settings.appendonly.0 && broker.log().is_enabled());
    assert_eq!(heard(&mut broker, bob), None);
}
