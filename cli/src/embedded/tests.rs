//! An embedded broker as its clients see it.
#![allow(clippy::unwrap_used)]

use std::time::Duration;

use rbq_client::{Link, Options, Target};
use rbq_resp::Value;

use super::*;

async fn connect(embedded: &Embedded) -> Link {
    let mut link = Link::over(embedded.connect(), &Options::default());
    link.greet(&Target::default(), &Options::default()).await.unwrap();
    link
}

async fn ask(link: &mut Link, line: &str) -> Value {
    link.call(line.split(' ')).await.unwrap()
}

#[tokio::test(start_paused = true)]
async fn commands_are_answered_and_waits_end() {
    let mut link = connect(&Embedded::start()).await;
    assert_eq!(ask(&mut link, "LPUSH jobs a b").await, Value::Integer(2));
    assert_eq!(
        ask(&mut link, "BRPOP jobs 0").await,
        Value::Array(vec![Value::Bulk("jobs".into()), Value::Bulk("a".into())])
    );
    assert_eq!(ask(&mut link, "BLPOP none 30").await, Value::Null);
    // Behind a command that waits, requests wait too.
    for line in ["BLPOP none 1", "PING"] {
        link.queue(&line.split(' ').into());
    }
    link.flush().await.unwrap();
    assert_eq!(link.receive().await.unwrap(), Value::Null);
    assert_eq!(link.receive().await.unwrap(), Value::Status("PONG".to_owned()));
}

#[tokio::test(start_paused = true)]
async fn a_message_to_oneself_follows_the_reply() {
    let mut link = connect(&Embedded::start()).await;
    for line in ["SUBSCRIBE news", "PUBLISH news hi"] {
        link.queue(&line.split(' ').into());
    }
    link.flush().await.unwrap();
    let confirmed = link.receive().await.unwrap();
    assert!(matches!(confirmed, Value::Push(_)), "{confirmed:?}");
    assert_eq!(link.receive().await.unwrap(), Value::Integer(1));
    let message = ["message", "news", "hi"].map(|text| Value::Bulk(text.into()));
    assert_eq!(link.receive().await.unwrap(), Value::Push(message.to_vec()));
}

#[tokio::test(start_paused = true)]
async fn the_broker_outlives_a_connection_and_expires_keys() {
    let embedded = Embedded::start();
    let mut link = connect(&embedded).await;
    ask(&mut link, "SET kept v").await;
    ask(&mut link, "SET gone v PX 20").await;
    assert_eq!(ask(&mut link, "QUIT").await, Value::Status("OK".to_owned()));
    assert!(matches!(link.receive().await, Err(rbq_client::Error::Closed(_))));
    drop(link);
    tokio::time::advance(Duration::from_millis(21)).await;
    let mut link = connect(&embedded).await;
    assert_eq!(ask(&mut link, "KEYS *").await, Value::Array(vec![Value::Bulk("kept".into())]));
}

#[tokio::test]
async fn large_replies_and_broken_framing() {
    let mut link = connect(&Embedded::start()).await;
    let text = "x".repeat(1_000_000);
    link.call(["SET", "big", &text]).await.unwrap();
    for _ in 0..3 {
        link.call(["RPUSH", "list", &text]).await.unwrap();
    }
    assert_eq!(ask(&mut link, "GET big").await.as_bytes(), Some(text.as_bytes()));
    let Value::Array(all) = ask(&mut link, "LRANGE list 0 -1").await else { panic!() };
    assert_eq!(all.len(), 3);
}

#[tokio::test(start_paused = true)]
async fn clients_hear_of_each_other() {
    let embedded = Embedded::start();
    let (mut ann, mut bob) = (connect(&embedded).await, connect(&embedded).await);
    ask(&mut ann, "ECHO x").await;
    ann.queue(&"SUBSCRIBE news".split(' ').into());
    ann.flush().await.unwrap();
    assert!(matches!(ann.receive().await.unwrap(), Value::Push(_)));
    assert_eq!(ask(&mut bob, "PUBLISH news hi").await, Value::Integer(1));
    let message = ["message", "news", "hi"].map(|text| Value::Bulk(text.into()));
    assert_eq!(ann.receive().await.unwrap(), Value::Push(message.to_vec()));
    // One waits, with a request behind; the other serves it.
    for line in ["BLPOP jobs 0", "PING"] {
        ann.queue(&line.split(' ').into());
    }
    ann.flush().await.unwrap();
    assert_eq!(ask(&mut bob, "RPUSH jobs a").await, Value::Integer(1));
    let served = ["jobs", "a"].map(|text| Value::Bulk(text.into()));
    assert_eq!(ann.receive().await.unwrap(), Value::Array(served.to_vec()));
    assert_eq!(ann.receive().await.unwrap(), Value::Status("PONG".to_owned()));
}

#[tokio::test]
async fn what_was_answered_is_kept_and_the_directory_is_one_brokers_at_a_time() {
    let dir = tempfile::tempdir().unwrap();
    let embedded = Embedded::open(dir.path()).unwrap();
    let mut link = connect(&embedded).await;
    ask(&mut link, "RPUSH jobs a b").await;
    ask(&mut link, "XADD events 1-1 f v").await;
    let Err(refused) = Embedded::open(dir.path()) else { panic!("two have it") };
    assert!(format!("{refused:?}").contains("is in use by another process"), "{refused:?}");
    // Gone without a farewell, as by a kill.
    drop((link, embedded));
    let embedded = Embedded::open(dir.path()).unwrap();
    let mut link = connect(&embedded).await;
    assert_eq!(ask(&mut link, "LLEN jobs").await, Value::Integer(2));
    assert_eq!(ask(&mut link, "SAVE").await, Value::Status("OK".to_owned()));
    assert_eq!(ask(&mut link, "LPOP jobs").await, Value::Bulk("a".into()));
    drop(link);
    embedded.close();
    drop(embedded);
    let mut link = connect(&Embedded::open(dir.path()).unwrap()).await;
    assert_eq!(ask(&mut link, "LLEN jobs").await, Value::Integer(1));
    assert_eq!(ask(&mut link, "XLEN events").await, Value::Integer(1));
}
