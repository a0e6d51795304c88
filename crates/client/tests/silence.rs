//! A server that is slow, and one that is silent: the one keeps its connection.
#![allow(clippy::unwrap_used)]

use std::time::Duration;

use rbq_client::{Client, Error, Link, Options, Protocol};
use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};
use tokio::time::sleep;

/// Of a clock that stands still while anybody has something to do, so that it is as long on a busy machine as on any.
const LIMIT: Duration = Duration::from_secs(60);

#[tokio::test(start_paused = true)]
async fn a_reply_may_take_any_time_while_it_moves_and_silence_ends_it_at_last() {
    let (stream, mut socket) = duplex(100);
    let server = async {
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
        let (client, _pushes) = Client::over(Link::over(stream, &options), &options);
        assert_eq!(client.call(["GET", "slow"]).await.unwrap().as_bytes(), Some(&b"abc"[..]));
        // Nobody owes anything: that is no silence.
        sleep(LIMIT * 3 / 2).await;
        assert!(matches!(client.call(["GET", "never"]).await, Err(Error::Timeout(limit)) if limit == LIMIT));
        assert!(matches!(client.ended().await, Error::Timeout(_)));
    };
    tokio::join!(server, asker);
}
