//! A server's bytes, played by hand: each test sends requests, feeds a wire, and reads what became of it.
#![allow(clippy::unwrap_used)]

use rbq_resp::{ScanLimits, ValueDecoder};

use super::*;

struct Play(Router<&'static str>);

impl Play {
    fn new(proto: Proto) -> Self {
        Self(Router::new(proto))
    }

    fn send(&mut self, line: &'static str) -> &mut Self {
        let request = Request::from(line.split(' '));
        self.0.sent(Expect::of(&request).unwrap(), line);
        self
    }

    /// Blanks in `wire` stand for line ends.
    fn hear(&mut self, wire: &str) -> Vec<String> {
        let mut decoder = ValueDecoder::new(ScanLimits::default());
        decoder.feed(format!("{} ", wire.trim()).replace(' ', "\r\n").as_bytes());
        let mut heard = Vec::new();
        while let Some(value) = decoder.next().unwrap() {
            heard.push(match self.0.route(value) {
                Routed::Reply(ticket, value) => format!("{ticket} -> {}", shape(&value)),
                Routed::Push(value) => format!("push {}", shape(&value)),
                Routed::Part => "part".to_owned(),
                Routed::Stray => "stray".to_owned(),
            });
        }
        heard
    }
}

fn shape(value: &Value) -> String {
    let list = |values: &[Value]| values.iter().map(shape).collect::<Vec<_>>().join(" ");
    match value {
        Value::Array(values) => format!("[{}]", list(values)),
        Value::Push(values) => format!(">[{}]", list(values)),
        Value::Integer(number) => number.to_string(),
        Value::Null => "nil".to_owned(),
        Value::Map(pairs) => format!("map of {}", pairs.len()),
        Value::Error(text) => format!("-{text}"),
        other => String::from_utf8_lossy(other.as_bytes().unwrap()).into_owned(),
    }
}

#[test]
fn replies_go_to_requests_in_order() {
    let mut play = Play::new(Proto::Resp2);
    assert_eq!(play.send("GET a").send("GET b").hear("$1 x -ERR"), ["GET a -> x", "GET b -> -ERR"]);
    assert!(play.0.is_idle());
    assert_eq!(play.hear("+OK"), ["stray"]);
}

#[test]
fn a_reply_that_looks_like_a_message_is_a_reply_while_nothing_is_subscribed() {
    let wire = "*3 $7 message $1 a $1 b";
    assert_eq!(Play::new(Proto::Resp2).send("LRANGE l 0 -1").hear(wire), ["LRANGE l 0 -1 -> [message a b]"]);
    let mut play = Play::new(Proto::Resp3);
    play.send("SUBSCRIBE a").hear(">3 $9 subscribe $1 a :1");
    assert_eq!(play.send("LRANGE l 0 -1").hear(wire), ["LRANGE l 0 -1 -> [message a b]"]);
}

#[test]
fn resp2_messages_are_pushes_once_something_is_subscribed() {
    let mut play = Play::new(Proto::Resp2);
    play.send("SUBSCRIBE a").send("PING");
    assert_eq!(play.hear("*3 $9 subscribe $1 a :1"), ["SUBSCRIBE a -> [[subscribe a 1]]"]);
    assert_eq!(
        play.hear("*3 $7 message $1 a $2 hi *2 $4 pong $0  *3 $7 message $1 a $2 ho"),
        ["push [message a hi]", "PING -> [pong ]", "push [message a ho]"]
    );
}

#[test]
fn several_channels_make_one_reply_and_messages_may_come_between() {
    for (proto, head) in [(Proto::Resp2, '*'), (Proto::Resp3, '>')] {
        let mut play = Play::new(proto);
        let wire = "@3 $9 subscribe $1 a :1 @3 $7 message $1 a $2 hi @3 $9 subscribe $1 b :2";
        let heard = play.send("SUBSCRIBE a b").hear(&wire.replace('@', &head.to_string()));
        assert_eq!(heard[0], "part");
        assert!(heard[1].starts_with("push"), "{heard:?}");
        assert!(heard[2].starts_with("SUBSCRIBE a b -> ["), "{heard:?}");
    }
}

#[test]
fn unsubscribing_from_all_ends_when_nothing_of_the_kind_is_left() {
    let mut play = Play::new(Proto::Resp3);
    play.send("SUBSCRIBE a b").hear(">3 $9 subscribe $1 a :1 >3 $9 subscribe $1 b :2");
    play.send("PSUBSCRIBE *").hear(">3 $10 psubscribe $1 * :3");
    let heard = play.send("UNSUBSCRIBE").hear(">3 $11 unsubscribe $1 b :2 >3 $11 unsubscribe $1 a :1");
    assert_eq!(heard[0], "part");
    assert!(heard[1].starts_with("UNSUBSCRIBE -> "), "{heard:?}");
    let none = play.send("UNSUBSCRIBE").hear(">3 $11 unsubscribe $-1 :1");
    assert_eq!(none, ["UNSUBSCRIBE -> [>[unsubscribe nil 1]]"]);
}

#[test]
fn a_refused_or_queued_subscribe_is_answered_once() {
    let mut play = Play::new(Proto::Resp3);
    play.send("SUBSCRIBE a b").send("SUBSCRIBE c").send("PING");
    assert_eq!(
        play.hear("-NOPERM +QUEUED +PONG"),
        ["SUBSCRIBE a b -> -NOPERM", "SUBSCRIBE c -> QUEUED", "PING -> PONG"]
    );
}

#[test]
fn a_subscription_that_the_server_ends_is_a_push() {
    let mut play = Play::new(Proto::Resp3);
    play.send("SSUBSCRIBE a").hear(">3 $10 ssubscribe $1 a :1");
    assert_eq!(play.send("GET k").hear(">3 $12 sunsubscribe $1 a :0 $1 v"), ["push >[sunsubscribe a 0]", "GET k -> v"]);
}

#[test]
fn monitor_lines_are_pushes_until_reset() {
    let mut play = Play::new(Proto::Resp2);
    assert_eq!(play.send("MONITOR").hear("+OK +17.1"), ["MONITOR -> OK", "push 17.1"]);
    assert_eq!(play.send("PING").hear("+17.2 +PONG"), ["push 17.2", "PING -> PONG"]);
    assert_eq!(play.send("RESET").hear("+RESET +17.3"), ["RESET -> RESET", "stray"]);
}

#[test]
fn hello_changes_what_an_array_may_mean() {
    let mut play = Play::new(Proto::Resp2);
    play.send("HELLO 3").hear("%0");
    play.send("SUBSCRIBE a").hear(">3 $9 subscribe $1 a :1");
    assert_eq!(play.send("EVAL").hear("*3 $7 message $1 a $1 b"), ["EVAL -> [message a b]"]);
}

#[test]
fn what_would_leave_requests_unanswered_is_refused() {
    assert_eq!(Expect::of(&Request::from(["client", "reply", "off"])), Err("CLIENT REPLY"));
    assert_eq!(Expect::of(&Request::default()), Err("an empty request"));
    assert_eq!(Expect::of(&Request::from(["psync", "?", "-1"])), Err("SYNC"));
}
