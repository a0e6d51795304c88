//! Redirects of a real cluster of two nodes, and of a made-up one that never settles.
#![allow(clippy::unwrap_used)]

mod oracle;

use oracle::cluster;
use rbq_client::{ClusterClient, Error, Options, RedirectKind, Target, Value};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

/// `foo` is in slot 12182, the second node's; `bar` in 5061, the first node's.
const FOO_SLOT: u16 = 12_182;
const BAR_SLOT: &str = "5061";

#[tokio::test]
async fn moved_and_ask_are_typed_and_followed() {
    let Some([first, second]) = cluster::start().await else {
        return;
    };
    let error = first.client.call(["GET", "foo"]).await.unwrap_err();
    let Error::Redirect(redirect) = error else { panic!("{error:?}") };
    assert_eq!((redirect.kind, redirect.slot, redirect.port), (RedirectKind::Moved, FOO_SLOT, second.oracle.port));

    let seed = Target::tcp("127.0.0.1", first.oracle.port);
    let cluster = ClusterClient::connect(&seed, &Options::default()).await.unwrap();
    for _ in 0..2 {
        cluster.call("foo", ["SET", "foo", "1"]).await.unwrap();
    }
    assert_eq!(second.client.call(["GET", "foo"]).await.unwrap(), Value::Bulk("1".into()));

    // While bar's slot is on its way, a key that is not there any more is asked for at the new owner.
    let (from, to) = (first.text(&["CLUSTER", "MYID"]).await, second.text(&["CLUSTER", "MYID"]).await);
    second.client.call(["CLUSTER", "SETSLOT", BAR_SLOT, "IMPORTING", &from]).await.unwrap();
    first.client.call(["CLUSTER", "SETSLOT", BAR_SLOT, "MIGRATING", &to]).await.unwrap();
    let error = first.client.call(["GET", "bar"]).await.unwrap_err();
    assert!(matches!(&error, Error::Redirect(redirect) if redirect.kind == RedirectKind::Ask), "{error:?}");
    cluster.call("bar", ["SET", "bar", "2"]).await.unwrap();
    assert_eq!(cluster.call("bar", ["GET", "bar"]).await.unwrap(), Value::Bulk("2".into()));
    // An ASK is not remembered: without ASKING the second node still disowns the slot.
    assert!(matches!(second.client.call(["GET", "bar"]).await, Err(Error::Redirect(_))));

    let error = cluster.call("foo", ["LPUSH", "foo", "x"]).await.unwrap_err();
    assert!(matches!(&error, Error::Reply(reply) if reply.code() == "WRONGTYPE"), "{error:?}");
}

#[tokio::test]
async fn nodes_that_point_at_each_other_for_ever_are_given_up() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        let (mut socket, _) = listener.accept().await.unwrap();
        let mut buffer = [0; 1024];
        while let Ok(1..) = socket.read(&mut buffer).await {
            let answer = if buffer.starts_with(b"*2\r\n$5\r\nHELLO") { "%0\r\n" } else { "-MOVED 7 :PORT\r\n" };
            socket.write_all(answer.replace("PORT", &port.to_string()).as_bytes()).await.unwrap();
        }
    });
    let cluster = ClusterClient::connect(&Target::tcp("127.0.0.1", port), &Options::default()).await.unwrap();
    let error = cluster.call("k", ["GET", "k"]).await.unwrap_err();
    assert!(matches!(error, Error::TooManyRedirects(5)), "{error:?}");
}
