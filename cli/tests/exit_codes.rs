//! How long work ends when it is told to: the code says by whom.
#![allow(clippy::unwrap_used)]

mod support;

use std::process::Command;

use insta::assert_snapshot;
use rbq_client::Value;
use support::{Oracle, client, rbq, shown, start, until};

#[tokio::test]
async fn a_signal_ends_work_in_order_and_the_code_names_it() {
    let Some(oracle) = Oracle::start(&[]) else { return };
    let control = client(&oracle).await;
    for (signal, code) in [("-INT", 130), ("-TERM", 143)] {
        let child = start(rbq(&["sub", "news"]).env("RBQ_URL", oracle.url()));
        until(&control, "publish news hello", |heard| *heard == Value::Integer(1)).await;
        assert!(Command::new("kill").args([signal, &child.id().to_string()]).status().unwrap().success());
        let output = child.wait_with_output().unwrap();
        assert_eq!((output.status.code(), output.stdout.as_slice()), (Some(code), &b"hello\n"[..]), "{signal}");
        assert_eq!(String::from_utf8_lossy(&output.stderr), "received 1 message\n", "{signal}");
    }
}

#[tokio::test]
async fn what_was_acknowledged_before_a_sigterm_is_said() {
    let Some(oracle) = Oracle::start(&[]) else { return };
    let control = client(&oracle).await;
    let mut child = start(rbq(&["produce", "queue", "jobs"]).env("RBQ_URL", oracle.url()));
    // stdin stays open: only the signal ends it.
    let mut stdin = child.stdin.take().unwrap();
    std::io::Write::write_all(&mut stdin, b"one\ntwo\n").unwrap();
    until(&control, "llen jobs", |length| *length == Value::Integer(2)).await;
    assert!(Command::new("kill").args(["-TERM", &child.id().to_string()]).status().unwrap().success());
    assert_snapshot!(shown(&child.wait_with_output().unwrap(), &oracle), @r"
    exit 143
    err| sent 2, acknowledged 2, failed 0
    ");
    drop(stdin);
}
