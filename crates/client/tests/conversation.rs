//! The client against a real server: greeting, pipelining, pushes, errors, limits, cancellation.
#![allow(clippy::unwrap_used)]

mod oracle;

use std::time::{Duration, Instant};

use oracle::Oracle;
use rbq_client::{
    Client, Credentials, Endpoint, Error, Kind, Link, Options, Proto, Protocol, PubSub, Pushes, Request, Target, Value,
};

fn bulk(text: &str) -> Value {
    Value::Bulk(text.to_owned().into())
}

fn ok() -> Value {
    Value::Status("OK".to_owned())
}

fn resp2() -> Options {
    Options { protocol: Protocol::Resp2, ..Options::default() }
}

async fn connect(oracle: &Oracle, options: &Options) -> (Client, Pushes) {
    Client::connect(&oracle.url().parse().unwrap(), options).await.unwrap()
}

async fn next_event(pushes: &mut Pushes) -> PubSub {
    match pushes.next().await.unwrap() {
        Value::Push(elements) | Value::Array(elements) => PubSub::read(&elements).unwrap(),
        other => panic!("{other:?} is no event"),
    }
}

#[tokio::test]
async fn one_command_one_reply_over_tcp_and_unix_socket() {
    let Some(oracle) = Oracle::start(&[]) else {
        return;
    };
    for target in [Target::tcp("127.0.0.1", oracle.port), Target::unix(oracle.socket())] {
        for options in [Options::default(), resp2()] {
            let (client, _) = Client::connect(&target, &options).await.unwrap();
            assert_eq!(client.call(["SET", "k", "v"]).await.unwrap(), ok());
            assert_eq!(client.call(Request::new("GET").arg(b"k")).await.unwrap(), bulk("v"));
        }
    }
}

#[tokio::test]
async fn the_greeting_sets_protocol_name_and_database() {
    let Some(oracle) = Oracle::start(&[]) else {
        return;
    };
    let target = Target { db: 3, ..Target::tcp("127.0.0.1", oracle.port) };
    for (protocol, proto, resp) in
        [(Protocol::Newest, Proto::Resp3, "resp=3"), (Protocol::Resp2, Proto::Resp2, "resp=2")]
    {
        let options = Options { protocol, client_name: Some("ann".to_owned()), ..Options::default() };
        let mut link = Link::connect(&target, &options).await.unwrap();
        assert_eq!(link.proto(), proto);
        let info = link.call(["CLIENT", "INFO"]).await.unwrap();
        let info = String::from_utf8_lossy(info.as_bytes().unwrap()).into_owned();
        // Redis tells the protocol since 7.0.
        let resp = if oracle::is_before_7() { "" } else { resp };
        for part in [" name=ann ", " db=3 ", resp] {
            assert!(info.contains(part), "{part} in {info}");
        }
        assert_eq!(link.client_id().is_some(), proto == Proto::Resp3);
    }
}

#[tokio::test]
async fn a_password_opens_and_a_wrong_one_is_told_apart() {
    let Some(oracle) = Oracle::start(&["--requirepass", "sesame", "--user", "ann", "on", ">open", "~*", "+@all"])
    else {
        return;
    };
    let at = Target::tcp("127.0.0.1", oracle.port);
    let with = |user: Option<&str>, password: &str| Target {
        credentials: Some(Credentials { user: user.map(str::to_owned), password: password.to_owned() }),
        db: 1,
        ..at.clone()
    };
    for options in [Options::default(), resp2()] {
        for target in [with(None, "sesame"), with(Some("default"), "sesame"), with(Some("ann"), "open")] {
            let (client, _) = Client::connect(&target, &options).await.unwrap();
            assert_eq!(client.call(["PING"]).await.unwrap(), Value::Status("PONG".to_owned()));
        }
        for target in [with(None, "wrong"), with(Some("bob"), "open"), Target { db: 1, ..at.clone() }] {
            let error = Client::connect(&target, &options).await.unwrap_err();
            assert!(matches!(error, Error::Auth(_)), "{error:?}");
            assert!(!error.to_string().contains("wrong\""), "{error}");
        }
    }
}

#[tokio::test]
async fn what_else_the_greeting_may_meet_is_typed() {
    let Some(oracle) = Oracle::start(&[]) else {
        return;
    };
    let target = Target { db: 99, ..Target::tcp("127.0.0.1", oracle.port) };
    let error = Client::connect(&target, &Options::default()).await.unwrap_err();
    assert_eq!(error.to_string(), "the server refused `SELECT`: ERR DB index is out of range");

    let gone = oracle.socket();
    drop(oracle);
    let error = Client::connect(&Target::unix(&gone), &Options::default()).await.unwrap_err();
    assert!(matches!(&error, Error::Connect { endpoint: Endpoint::Unix(path), .. } if *path == gone), "{error:?}");
}

#[tokio::test]
async fn many_in_flight_come_back_in_order() {
    let Some(oracle) = Oracle::start(&[]) else {
        return;
    };
    let (client, _) = connect(&oracle, &Options { in_flight_max: 64, ..Options::default() }).await;
    let mut tasks = Vec::new();
    for task in 0..8 {
        let client = client.clone();
        tasks.push(tokio::spawn(async move {
            for round in 0..500 {
                let text = format!("{task}-{round}");
                assert_eq!(client.call(["ECHO", &text]).await.unwrap(), bulk(&text));
            }
        }));
    }
    for task in tasks {
        task.await.unwrap();
    }
    let submitted = {
        let mut submitted = Vec::new();
        for round in 0..64 {
            submitted.push(client.submit(["ECHO", &round.to_string()]).await.unwrap());
        }
        submitted
    };
    for (round, pending) in submitted.into_iter().enumerate() {
        assert_eq!(pending.await.unwrap(), bulk(&round.to_string()));
    }
}

#[tokio::test]
async fn a_pipeline_is_not_interrupted_and_keeps_its_errors() {
    let Some(oracle) = Oracle::start(&[]) else {
        return;
    };
    let (client, _) = connect(&oracle, &Options { in_flight_max: 4, ..Options::default() }).await;
    let requests = [&["MULTI"][..], &["INCR", "n"], &["LPUSH", "n", "x"], &["EXEC"]];
    let values = client.pipeline(requests.iter().map(|args| Request::from(*args)).collect()).await.unwrap();
    assert_eq!(values[0], ok());
    assert!(matches!(&values[3], Value::Array(results) if matches!(&results[1], Value::Error(_))), "{values:?}");

    let error = client.pipeline(vec![Request::new("PING"); 5]).await.unwrap_err();
    assert!(matches!(error, Error::TooLarge { requests: 5, max: 4 }), "{error:?}");
}

#[tokio::test]
async fn an_error_reply_is_an_error_with_its_code() {
    let Some(oracle) = Oracle::start(&[]) else {
        return;
    };
    let (client, _) = connect(&oracle, &Options::default()).await;
    client.call(["SET", "k", "v"]).await.unwrap();
    let error = client.call(["LPUSH", "k", "x"]).await.unwrap_err();
    assert!(matches!(&error, Error::Reply(reply) if reply.code() == "WRONGTYPE"), "{error:?}");
    assert!(!error.ends_connection());
    client.call(["PING"]).await.unwrap();
}

#[tokio::test]
async fn messages_arrive_beside_replies_in_both_protocols() {
    let Some(oracle) = Oracle::start(&[]) else {
        return;
    };
    let (publisher, _) = connect(&oracle, &Options::default()).await;
    for options in [Options::default(), resp2()] {
        let (client, mut pushes) = connect(&oracle, &options).await;
        let confirmed = client.call(["SUBSCRIBE", "a", "b"]).await.unwrap();
        assert!(matches!(&confirmed, Value::Array(both) if both.len() == 2), "{confirmed:?}");
        client.call(["PSUBSCRIBE", "n*"]).await.unwrap();
        let has_shards = !oracle::is_before_7();
        if has_shards {
            client.call(["SSUBSCRIBE", "s"]).await.unwrap();
        }
        publisher.call(["PUBLISH", "b", "one"]).await.unwrap();
        publisher.call(["PUBLISH", "news", "two"]).await.unwrap();
        if has_shards {
            publisher.call(["SPUBLISH", "s", "three"]).await.unwrap();
        }
        client.call(["PING"]).await.unwrap();
        let messages = [
            (Kind::Channel, None, "b", "one"),
            (Kind::Pattern, Some("n*"), "news", "two"),
            (Kind::Shard, None, "s", "three"),
        ];
        for (kind, pattern, channel, payload) in
            messages.into_iter().filter(|(kind, ..)| has_shards || *kind != Kind::Shard)
        {
            let pattern = pattern.map(Into::into);
            let expected = PubSub::Message { kind, pattern, channel: channel.into(), payload: payload.into() };
            assert_eq!(next_event(&mut pushes).await, expected);
        }
        let ended = client.call(["UNSUBSCRIBE"]).await.unwrap();
        assert!(matches!(&ended, Value::Array(both) if both.len() == 2), "{ended:?}");
        assert_eq!(pushes.dropped(), 0);
    }
}

#[tokio::test]
async fn monitor_and_invalidations_are_pushes_too() {
    let Some(oracle) = Oracle::start(&[]) else {
        return;
    };
    let (client, mut pushes) = connect(&oracle, &Options::default()).await;
    client.call(["CLIENT", "TRACKING", "ON"]).await.unwrap();
    client.call(["GET", "k"]).await.unwrap();
    client.call(["SET", "k", "v"]).await.unwrap();
    let invalidated = Value::Push(vec![bulk("invalidate"), Value::Array(vec![bulk("k")])]);
    assert_eq!(pushes.next().await, Some(invalidated));

    client.call(["MONITOR"]).await.unwrap();
    let (other, _) = connect(&oracle, &resp2()).await;
    other.call(["ECHO", "seen"]).await.unwrap();
    let line = pushes.next().await.unwrap();
    assert!(matches!(&line, Value::Status(text) if text.ends_with("\"ECHO\" \"seen\"")), "{line:?}");
}

#[tokio::test]
async fn pushes_that_nobody_takes_are_dropped_and_counted() {
    let Some(oracle) = Oracle::start(&[]) else {
        return;
    };
    let (client, mut pushes) = connect(&oracle, &Options { pushes_max: 2, ..Options::default() }).await;
    client.call(["SUBSCRIBE", "c"]).await.unwrap();
    for number in 0..5 {
        client.call(["PUBLISH", "c", &number.to_string()]).await.unwrap();
    }
    client.call(["PING"]).await.unwrap();
    assert_eq!(pushes.dropped(), 3);
    for number in 0..2 {
        let event = next_event(&mut pushes).await;
        assert!(matches!(&event, PubSub::Message { payload, .. } if *payload == number.to_string()), "{event:?}");
    }
}

#[tokio::test]
async fn a_listener_alone_keeps_the_connection_and_the_last_handle_closes_it() {
    let Some(oracle) = Oracle::start(&[]) else {
        return;
    };
    let (client, mut pushes) = connect(&oracle, &Options::default()).await;
    client.call(["SUBSCRIBE", "c"]).await.unwrap();
    drop(client);
    let (publisher, publisher_pushes) = connect(&oracle, &Options::default()).await;
    assert_eq!(publisher.call(["PUBLISH", "c", "hi"]).await.unwrap(), Value::Integer(1));
    next_event(&mut pushes).await;
    drop(pushes);
    // The server notices the closed connection on its own time.
    let deadline = Instant::now() + Duration::from_secs(60);
    while publisher.call(["PUBLISH", "c", "hi"]).await.unwrap() != Value::Integer(0) {
        assert!(Instant::now() < deadline, "a closed connection is published to without end");
    }
    drop((publisher, publisher_pushes));
}

#[tokio::test]
async fn dropping_a_call_leaves_the_others_in_step() {
    let Some(oracle) = Oracle::start(&[]) else {
        return;
    };
    let (client, _) = connect(&oracle, &Options::default()).await;
    for round in 0..50 {
        let cancelled = client.submit(["ECHO", "cancelled"]).await.unwrap();
        drop(cancelled);
        let text = round.to_string();
        assert_eq!(client.call(["ECHO", &text]).await.unwrap(), bulk(&text));
    }
    let blocked = client.call(["BLPOP", "never", "0.05"]);
    tokio::time::timeout(Duration::from_millis(1), blocked).await.unwrap_err();
    assert_eq!(client.call(["ECHO", "after"]).await.unwrap(), bulk("after"));
}

#[tokio::test]
async fn a_reply_may_be_late() {
    let Some(oracle) = Oracle::start(&[]) else {
        return;
    };
    let limit = Duration::from_millis(20);
    let (client, _) = connect(&oracle, &Options { reply_timeout: Some(limit), ..Options::default() }).await;
    let error = client.call(["BLPOP", "never", "0"]).await.unwrap_err();
    assert!(matches!(error, Error::Timeout(after) if after == limit), "{error:?}");
}

#[tokio::test]
async fn no_limit_is_a_number_and_an_empty_request_is_refused() {
    let Some(oracle) = Oracle::start(&[]) else {
        return;
    };
    let most = usize::MAX;
    let options = Options { in_flight_max: most, in_flight_bytes_max: most, pushes_max: most, ..Options::default() };
    let (client, _) = connect(&oracle, &options).await;
    assert_eq!(client.call(["SET", "k", "v"]).await.unwrap(), ok());
    let mut link = Link::connect(&oracle.url().parse().unwrap(), &options).await.unwrap();
    let error = link.call([""; 0]).await.unwrap_err();
    assert!(matches!(error, Error::Unmatchable(_)), "{error:?}");
    assert_eq!(link.call(["GET", "k"]).await.unwrap(), bulk("v"));
}

#[tokio::test]
async fn everybody_in_flight_learns_that_the_connection_ended() {
    let Some(oracle) = Oracle::start(&[]) else {
        return;
    };
    let (client, mut pushes) = connect(&oracle, &Options::default()).await;
    let first = client.submit(["BLPOP", "never", "0"]).await.unwrap();
    let second = client.submit(["PING"]).await.unwrap();
    drop(oracle);
    for pending in [first, second] {
        let error = pending.await.unwrap_err();
        assert!(matches!(error, Error::Closed(_)), "{error:?}");
    }
    assert_eq!(pushes.next().await, None);
    assert!(client.ended().await.ends_connection());
    assert!(matches!(client.call(["PING"]).await, Err(Error::Closed(_))));
}

#[tokio::test]
async fn requests_wait_for_room_in_bytes_and_a_giant_goes_alone() {
    let Some(oracle) = Oracle::start(&[]) else {
        return;
    };
    let (client, _) = connect(&oracle, &Options { in_flight_bytes_max: 1000, ..Options::default() }).await;
    let blocked = client.submit(["BLPOP", "gate", "0"]).await.unwrap();
    let text = "x".repeat(5000);
    let giant = client.submit(["ECHO", &text]);
    let mut giant = std::pin::pin!(giant);
    // With anything else in flight there is no room for it.
    tokio::time::timeout(Duration::from_millis(20), &mut giant).await.unwrap_err();
    let (other, _) = connect(&oracle, &Options::default()).await;
    other.call(["LPUSH", "gate", "open"]).await.unwrap();
    blocked.await.unwrap();
    assert_eq!(giant.await.unwrap().await.unwrap(), bulk(&text));
}

#[tokio::test]
async fn a_reply_above_the_limit_ends_the_connection() {
    let Some(oracle) = Oracle::start(&[]) else {
        return;
    };
    let mut options = Options::default();
    options.reply_limits.frame_bytes_max = 10_000;
    let (client, _) = connect(&oracle, &options).await;
    client.call(["SETRANGE", "big", "20000", "x"]).await.unwrap();
    let error = client.call(["GET", "big"]).await.unwrap_err();
    assert!(matches!(error, Error::Protocol(_)), "{error:?}");
}

#[tokio::test]
async fn what_would_break_the_matching_is_refused_before_it_is_sent() {
    let Some(oracle) = Oracle::start(&[]) else {
        return;
    };
    let (client, _) = connect(&oracle, &Options::default()).await;
    let error = client.call(["CLIENT", "REPLY", "OFF"]).await.unwrap_err();
    assert!(matches!(error, Error::Unmatchable("CLIENT REPLY")), "{error:?}");
    client.call(["PING"]).await.unwrap();
}

#[tokio::test]
async fn two_sides_with_much_to_say_do_not_wait_for_each_other() {
    let Some(oracle) = Oracle::start(&[]) else {
        return;
    };
    let options = resp2();
    let mut link = Link::connect(&oracle.url().parse().unwrap(), &options).await.unwrap();
    let value = "x".repeat(10_000);
    link.call(["SET", "k", &value]).await.unwrap();
    // Far more than sockets hold, in both directions: sent whole before anything is read, it would never end.
    let requests = 5_000;
    let padding = "y".repeat(10_000);
    let get = format!("*4\r\n$4\r\nMGET\r\n$1\r\nk\r\n$1\r\nz\r\n${}\r\n{padding}\r\n", padding.len());
    for _ in 0..requests {
        link.queue_encoded(get.as_bytes());
    }
    let mut replies = 0;
    while link.exchange().await.unwrap().is_some() {
        replies += 1;
    }
    assert_eq!(link.queued_bytes(), 0);
    while replies < requests {
        link.receive().await.unwrap();
        replies += 1;
    }
    assert_eq!(link.call(["PING"]).await.unwrap(), Value::Status("PONG".to_owned()));
}
