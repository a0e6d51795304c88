//! Servers that are not Redis 7: one without `HELLO`, one that talks nonsense, one that never answers.
#![allow(clippy::unwrap_used)]

use std::time::Duration;

use rbq_client::{Client, Credentials, Error, Link, Options, Proto, Protocol, Target};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};

/// Answers each request that arrives whole in one read with the next of `answers`, and returns what it was asked.
async fn play(mut socket: DuplexStream, answers: &[&str]) -> Vec<String> {
    let mut asked = Vec::new();
    let mut buffer = [0; 4096];
    for answer in answers {
        let read = socket.read(&mut buffer).await.unwrap();
        asked.push(String::from_utf8_lossy(&buffer[..read]).replace("\r\n", " "));
        socket.write_all(answer.as_bytes()).await.unwrap();
    }
    asked
}

#[tokio::test]
async fn a_server_without_hello_is_greeted_in_resp2() {
    let credentials = Some(Credentials { user: None, password: "pw".to_owned() });
    let target = Target { credentials, db: 2, ..Target::default() };
    let options = Options { client_name: Some("ann".to_owned()), ..Options::default() };
    let (ours, theirs) = duplex(4096);
    let mut link = Link::over(ours, &options);
    let answers = ["-ERR unknown command `HELLO`\r\n", "+OK\r\n", "+OK\r\n", "+OK\r\n"];
    let (greeted, asked) = tokio::join!(link.greet(&target, &options), play(theirs, &answers));
    greeted.unwrap();
    assert_eq!(link.proto(), Proto::Resp2);
    assert_eq!(
        asked,
        [
            "*7 $5 HELLO $1 3 $4 AUTH $7 default $2 pw $7 SETNAME $3 ann ",
            "*2 $4 AUTH $2 pw ",
            "*3 $6 CLIENT $7 SETNAME $3 ann ",
            "*2 $6 SELECT $1 2 ",
        ]
    );
}

#[tokio::test]
async fn resp3_alone_is_not_traded_for_resp2() {
    let options = Options { protocol: Protocol::Resp3, ..Options::default() };
    let (ours, theirs) = duplex(4096);
    let mut link = Link::over(ours, &options);
    let target = Target::default();
    let (greeted, _) = tokio::join!(link.greet(&target, &options), play(theirs, &["-NOPROTO unsupported\r\n"]));
    let error = greeted.unwrap_err();
    assert_eq!(error.to_string(), "the server refused `HELLO`: NOPROTO unsupported");
}

#[tokio::test]
async fn nonsense_and_unasked_replies_end_the_connection() {
    for answer in ["HTTP/1.1 400 Bad Request\r\n\r\n", "+PONG\r\n+PONG\r\n"] {
        let (ours, theirs) = duplex(4096);
        let options = Options::default();
        let (client, _pushes) = Client::over(Link::over(ours, &options), &options);
        let answers = [answer];
        let (first, _) = tokio::join!(client.call(["PING"]), play(theirs, &answers));
        let error = client.ended().await;
        assert!(matches!(error, Error::Protocol(_)), "{answer}: {error:?} after {first:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_server_that_never_answers_times_out() {
    // The kernel accepts for the listener's backlog; nobody reads.
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let target = Target::tcp("127.0.0.1", listener.local_addr().unwrap().port());
    let options = Options { greeting_timeout: Some(Duration::from_secs(60)), ..Options::default() };
    let error = Client::connect(&target, &options).await.unwrap_err();
    assert!(matches!(error, Error::Timeout(limit) if limit == Duration::from_secs(60)), "{error}");
}

#[tokio::test]
async fn what_has_already_arrived_is_seen_without_waiting() {
    let (ours, mut theirs) = duplex(4096);
    let mut link = Link::over(ours, &Options::default());
    assert_eq!(link.receive_now().await.unwrap(), None);
    theirs.write_all(b">1\r\n+hi\r\n:1").await.unwrap();
    assert!(link.receive_now().await.unwrap().is_some());
    assert_eq!(link.receive_now().await.unwrap(), None);
    theirs.write_all(b"2\r\n").await.unwrap();
    assert_eq!(link.receive_now().await.unwrap(), Some(rbq_client::Value::Integer(12)));
    drop(theirs);
    assert!(matches!(link.receive_now().await, Err(Error::Closed(_))));
}
