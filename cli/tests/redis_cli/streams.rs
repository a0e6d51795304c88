//! Replies without an end: messages and MONITOR.

use super::pair::Pair;
use crate::support::{Oracle, ask, client, oracle, start, until};

#[tokio::test]
async fn messages_stream_alike_until_the_server_hangs_up() {
    let Some(oracle) = Oracle::start(&[]) else { return };
    let pair = Pair::of(&oracle);
    let control = client(&oracle).await;
    for form in [&["--no-raw"][..], &["--raw"], &["-3", "--no-raw"], &["--csv"], &["--json"]] {
        let verbs = [&["subscribe", "a", "b"][..], &["psubscribe", "a*"], &["ssubscribe", "a"]];
        for verb in verbs.into_iter().filter(|verb| verb[0] != "ssubscribe" || !oracle::is_before_7()) {
            let args = [form, verb].concat();
            let mut outputs = Vec::new();
            for mut command in [pair.redis_cli(&args), pair.rbq_cli(&args)] {
                let child = start(&mut command);
                let (publish, heard) = if verb[0] == "ssubscribe" { ("spublish", 1) } else { ("publish", 1) };
                until(&control, &format!("{publish} a first"), |value| *value == rbq_client::Value::Integer(heard))
                    .await;
                ask(&control, &format!("{publish} a second")).await;
                ask(&control, "client kill type pubsub").await;
                outputs.push(child.wait_with_output().unwrap());
            }
            assert_eq!(outputs[1], outputs[0], "{args:?}");
        }
    }
}

#[tokio::test]
async fn monitor_streams_lines() {
    let Some(oracle) = Oracle::start(&[]) else { return };
    let pair = Pair::of(&oracle);
    let control = client(&oracle).await;
    let child = start(&mut pair.rbq_cli(&["monitor"]));
    until(&control, "info clients", |_| true).await;
    let is_monitor = |list: &rbq_client::Value| {
        list.as_bytes().is_some_and(|text| String::from_utf8_lossy(text).lines().any(|line| line.contains(" flags=O ")))
    };
    until(&control, "client list", is_monitor).await;
    ask(&control, "echo seen").await;
    ask(&control, "client kill skipme yes").await;
    let output = child.wait_with_output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let mut lines = text.lines();
    assert_eq!(lines.next(), Some("OK"));
    assert!(lines.any(|line| line.ends_with(r#""echo" "seen""#)), "{text}");
    assert_eq!(output.stderr, b"Error: Server closed the connection\n");
    assert_eq!(output.status.code(), Some(1));
}
