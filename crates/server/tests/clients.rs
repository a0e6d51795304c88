//! Real clients, as people use them, drive the server: what they make of its replies is what compatible means.
//!
//! redis-py and ioredis are installed by `.ci/clients`; where they are missing their tests say so, and fail in CI.

#![allow(clippy::unwrap_used, clippy::print_stderr)]

mod support;

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use redis::streams::{StreamPendingReply, StreamReadOptions, StreamReadReply};
use redis::{AsyncTypedCommands, ErrorKind, ServerErrorKind, TypedCommands};

use crate::support::Server;

#[test]
fn redis_py_is_at_home() {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/clients/redis_py.py");
    let python = env::var("RBQ_PYTHON").map_or_else(|_| installed("python/bin/python"), PathBuf::from);
    let found = Command::new(&python).args(["-c", "import redis"]).output();
    if found.is_ok_and(|output| output.status.success()) {
        drive(Command::new(python).arg(script));
    } else {
        missing("redis-py");
    }
}

#[test]
fn ioredis_is_at_home() {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/clients/ioredis.mjs");
    let modules = env::var("NODE_PATH").map_or_else(|_| installed("node_modules"), PathBuf::from);
    let found = Command::new("node").env("NODE_PATH", &modules).args(["-e", "require('ioredis')"]).output();
    if found.is_ok_and(|output| output.status.success()) {
        drive(Command::new("node").env("NODE_PATH", modules).arg(script));
    } else {
        missing("ioredis");
    }
}

/// Where `.ci/clients` puts things.
fn installed(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/clients").join(path)
}

fn missing(client: &str) {
    assert!(env::var_os("CI").is_none(), "{client} cannot be loaded, and in CI it must");
    eprintln!();
    eprintln!("************************************************************************");
    eprintln!("* NOT TESTED: {client} cannot be loaded.");
    eprintln!("* hint: eval \"$(.ci/clients)\"");
    eprintln!("************************************************************************");
}

fn drive(command: &mut Command) {
    let server = Server::start(&[]);
    let output = command.arg(server.addr.port().to_string()).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "\n{text}\nthe server's log:\n{}", server.log());
    eprintln!("{text}");
}

fn open(server: &Server, protocol: &str) -> redis::Client {
    redis::Client::open(format!("redis://{}/?protocol={protocol}", server.addr)).unwrap()
}

#[test]
fn the_redis_crate_is_at_home() {
    let server = Server::start(&[]);
    for protocol in ["resp2", "resp3"] {
        let client = open(&server, protocol);
        let mut one = client.get_connection().unwrap();
        one.flushall().unwrap();
        one.set("key", "value").unwrap();
        assert_eq!(one.get("key").unwrap().as_deref(), Some("value"));

        let mut other = client.get_connection().unwrap();
        let consumer = std::thread::spawn(move || other.blpop("queue", 30.0).unwrap());
        server.client().until("INFO clients", |text| text.contains("blocked_clients:1\r\n"));
        one.rpush("queue", "job").unwrap();
        assert_eq!(consumer.join().unwrap(), Some(["queue".into(), "job".into()]));

        let (length, popped): (usize, Vec<String>) = redis::pipe()
            .rpush("list", &["a", "b"])
            .lpop("list", std::num::NonZeroUsize::new(2))
            .query(&mut one)
            .unwrap();
        assert_eq!((length, popped), (2, vec!["a".to_owned(), "b".to_owned()]));
    }
}

#[test]
fn the_redis_crate_shares_a_stream_in_a_group() {
    let server = Server::start(&[]);
    let mut one = open(&server, "resp3").get_connection().unwrap();
    one.xgroup_create_mkstream("events", "group", "$").unwrap();
    let id = one.xadd("events", "*", &[("kind", "order")]).unwrap().unwrap();
    let options = StreamReadOptions::default().group("group", "ann").count(10).block(30_000);
    let reply: StreamReadReply = one.xread_options(&["events"], &[">"], &options).unwrap().unwrap();
    assert_eq!(reply.keys[0].ids[0].id, id);
    assert_eq!(reply.keys[0].ids[0].get::<String>("kind").unwrap(), "order");
    let pending: StreamPendingReply = one.xpending("events", "group").unwrap();
    assert_eq!(pending.count(), 1);
    let claimed = one.xclaim("events", "group", "bob", 0, &[&id]).unwrap();
    assert_eq!(claimed.ids[0].id, id);
    assert_eq!(one.xack("events", "group", &[&id]).unwrap(), 1);
}

#[test]
fn the_redis_crate_sees_a_conflict_of_watched_keys() {
    let server = Server::start(&[]);
    let client = open(&server, "resp3");
    let mut one = client.get_connection().unwrap();
    let mut other = client.get_connection().unwrap();
    let mut tries = 0;
    let (balance,): (i64,) = redis::transaction(&mut one, &["balance"], |connection, pipe| {
        tries += 1;
        if tries == 1 {
            other.set("balance", 10).unwrap();
        }
        pipe.incr("balance", 1).query(connection)
    })
    .unwrap();
    assert_eq!((tries, balance), (2, 11));

    let error = one.lpush("balance", "x").unwrap_err();
    assert_eq!(error.code(), Some("WRONGTYPE"));
    assert_ne!(error.kind(), ErrorKind::Server(ServerErrorKind::ResponseError));
}

#[test]
fn the_redis_crate_is_told_what_is_published() {
    let server = Server::start(&[]);
    let client = open(&server, "resp2");
    let mut one = client.get_connection().unwrap();
    let mut listener = client.get_connection().unwrap();
    listener.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    let mut channel = listener.as_pubsub();
    channel.subscribe("news").unwrap();
    channel.psubscribe("ne*").unwrap();
    assert_eq!(one.publish("news", "hi").unwrap(), 2);
    for _ in 0..2 {
        let message = channel.get_message().unwrap();
        assert_eq!(message.get_payload::<String>().unwrap(), "hi");
    }
}

#[test]
fn the_redis_crate_is_at_home_in_async_too() {
    let server = Server::start(&[]);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let (pushes, mut received) = tokio::sync::mpsc::unbounded_channel();
        let config = redis::AsyncConnectionConfig::new()
            .set_push_sender(pushes)
            .set_response_timeout(Some(Duration::from_secs(60)));
        let client = open(&server, "resp3");
        let mut one = client.get_multiplexed_async_connection_with_config(&config).await.unwrap();
        one.subscribe("news").await.unwrap();
        assert_eq!(one.publish("news", "hi").await.unwrap(), 1);
        let message = loop {
            let push = received.recv().await.unwrap();
            if push.kind == redis::PushKind::Message {
                break push;
            }
        };
        assert_eq!(
            redis::from_redis_value::<(String, String)>(redis::Value::Array(message.data)).unwrap(),
            ("news".into(), "hi".into())
        );

        let value = "v".repeat(64 * 1024);
        let mut pipe = redis::pipe();
        for _ in 0..512 {
            pipe.set("key", &value).ignore().get("key");
        }
        let replies: Vec<String> = pipe.query_async(&mut one).await.unwrap();
        assert!(replies.len() == 512 && replies.iter().all(|reply| *reply == value));
    });
}
