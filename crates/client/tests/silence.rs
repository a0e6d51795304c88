//! A server that is slow, and one that is silent: the one keeps its connection.
#![allow(clippy::unwrap_used)]

use std::time::Duration;

use rbq_client::{Client, Error, Options, Protocol, Target};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::time::sleep;

/// Long enough that a busy machine is not taken for a silent one.
const LIMIT: Duration = Duration::from_secs(4);

#[tokio::test]
async fn a_reply_may_take_any_time_while_it_moves_and_silence_ends_it_at_last() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let target = Target::tcp("127.0.0.1", listener.local_addr().unwrap().port());
    let server = async {
        let (mut socket, _) = listener.accept().await.unwrap();
        let mut asked = [0; 100];
        assert_ne!(socket.read(&mut asked).await.unwrap(), 0);
        // Longer than the limit in all.
        for piece in ["$", "3", "\r\nab", "c\r", "\n"] {
            sleep(LIMIT / 3).await;
            socket.write_all(piece.as_bytes()).await.unwrap();
        }
        // The next one is taken and not answered, for as long as anybody waits.
        while socket.read(&mut asked).await.unwrap() > 0 {}
    };
    let asker = async {
        let options = Options { protocol: Protocol::Resp2, silence_timeout: Some(LIMIT), ..Options::default() };
        let (client, _pushes) = Client::connect(&target, &options).await.unwrap();
        assert_eq!(client.call(["GET", "slow"]).await.unwrap().as_bytes(), Some(&b"abc"[..]));
        // Nobody owes anything: that is no silence.
        sleep(LIMIT * 3 / 2).await;
        assert!(matches!(client.call(["GET", "never"]).await, Err(Error::Timeout(limit)) if limit == LIMIT));
        assert!(matches!(client.ended().await, Error::Timeout(_)));
    };
    tokio::join!(server, asker);
}
