//! `pub`, `sub`, `produce` and `consume`: what they say and how they end.
#![allow(clippy::unwrap_used)]

mod support;

use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child, Command};

use insta::{allow_duplicates, assert_snapshot};
use rbq_client::Value;
use support::{Oracle, Patient, ask, client, oracle, play, rbq, run, shown, start, until};

/// Starts `rbq` against the oracle.
fn begin(oracle: &Oracle, args: &[&str]) -> Child {
    start(rbq(args).env("RBQ_URL", oracle.url()))
}

fn end(child: Child, oracle: &Oracle) -> String {
    shown(&child.wait_with_output().unwrap(), oracle)
}

/// Ctrl-C, as the terminal sends it.
fn interrupt(child: &Child) {
    let pid = child.id().to_string();
    assert!(Command::new("kill").args(["-INT", &pid]).status().unwrap().success());
}

#[test]
fn a_queue_gives_back_what_was_put_in_in_order() {
    let Some(oracle) = Oracle::start(&[]) else { return };
    assert_snapshot!(play(&oracle, &["produce", "queue", "jobs", "one", "two words"], ""), @r"
    exit 0
    err| sent 2, acknowledged 2, failed 0
    ");
    assert_snapshot!(play(&oracle, &["produce", "queue", "jobs", "-q"], "three\n\nlast without newline"), @"exit 0");
    assert_snapshot!(play(&oracle, &["consume", "queue", "jobs", "-q", "--count", "2"], ""), @r"
    exit 0
    out| one
    out| two words
    ");
    assert_snapshot!(play(&oracle, &["consume", "queue", "jobs", "-q", "--exit-at-end", "-o", "jsonl"], ""), @r#"
    exit 0
    out| {"queue":"jobs","payload":"three"}
    out| {"queue":"jobs","payload":""}
    out| {"queue":"jobs","payload":"last without newline"}
    "#);
    assert_snapshot!(play(&oracle, &["consume", "queue", "jobs", "-q", "--no-wait"], ""), @"exit 0");
    assert_snapshot!(play(&oracle, &["consume", "queue", "jobs", "-q", "--wait", "20ms"], ""), @"exit 0");
}

#[test]
fn a_queue_is_taken_in_batches_alike() {
    let Some(oracle) = Oracle::start(&[]) else { return };
    allow_duplicates! {
    for wait in [&["--no-wait"][..], &["--wait", "20ms"]] {
        play(&oracle, &["produce", "queue", "jobs", "1", "2", "3", "4", "5"], "");
        let args = [&["consume", "queue", "jobs", "-q", "--batch", "2", "--output", "raw"], wait].concat();
        assert_snapshot!(play(&oracle, &args, ""), @r"
        exit 0
        out| 12345
        out| (no newline)
        ");
    }
    }
}

#[test]
fn a_stream_is_read_from_its_beginning_and_stays() {
    let Some(oracle) = Oracle::start(&[]) else { return };
    play(&oracle, &["produce", "stream", "events", "-q"], "one\ntwo\n");
    play(&oracle, &["cli", "xadd", "events", "9999999999999-1", "user", "ann b", "n", "1", "n", "2"], "");
    allow_duplicates! {
    for _ in 0..2 {
        assert_snapshot!(play(&oracle, &["consume", "stream", "events", "--no-wait"], ""), @r#"
        exit 0
        out| one
        out| two
        out| user "ann b" n 1 n 2
        "#);
    }
    }
    let from_the_end = ["consume", "stream", "events", "--no-wait", "--from", "9999999999999-0", "-o", "jsonl"];
    assert_snapshot!(play(&oracle, &from_the_end, ""), @r#"
    exit 0
    out| {"stream":"events","id":"9999999999999-1","fields":{"user":"ann b","n":["1","2"]}}
    "#);
}

#[tokio::test]
async fn a_group_member_acknowledges_what_it_wrote() {
    let Some(oracle) = Oracle::start(&[]) else { return };
    let ann = ["consume", "stream", "events", "-g", "workers", "-c", "ann", "--no-wait"];
    assert_snapshot!(play(&oracle, &ann, ""), @r"
    exit 1
    err| error: there is no group `workers` on a stream `events`
    err| hint: --create creates both
    ");
    let creating = [&ann[..], &["--create"]].concat();
    assert_snapshot!(play(&oracle, &creating, ""), @"exit 0");
    play(&oracle, &["produce", "stream", "events", "-q", "1", "2", "3", "4"], "");
    // Delivered to ann and not acknowledged: what a crash leaves behind. One of them is deleted since.
    play(&oracle, &["cli", "xreadgroup", "group", "workers", "ann", "count", "2", "streams", "events", ">"], "");
    let control = client(&oracle).await;
    let Value::Array(first) = ask(&control, "xrange events - + COUNT 1").await else { panic!() };
    let Value::Array(entry) = &first[0] else { panic!() };
    let id = String::from_utf8_lossy(entry[0].as_bytes().unwrap()).into_owned();
    ask(&control, &format!("xdel events {id}")).await;
    let two = [&creating[..], &["--count", "2"]].concat();
    assert_snapshot!(play(&oracle, &two, "").replace(&id, "ID"), @r"
    exit 0
    out| 2
    out| 3
    err| 1 pending entry was deleted before anybody acknowledged: ID
    ");
    let bob = ["consume", "stream", "events", "--group", "workers", "--consumer", "bob", "--wait", "20ms"];
    assert_snapshot!(play(&oracle, &bob, ""), @r"
    exit 0
    out| 4
    ");
    assert_snapshot!(play(&oracle, &["cli", "--no-raw", "xpending", "events", "workers"], ""), @r"
    exit 0
    out| 1) (integer) 0
    out| 2) (nil)
    out| 3) (nil)
    out| 4) (nil)
    ");
}

#[tokio::test]
async fn what_the_reader_did_not_take_is_neither_lost_nor_acknowledged() {
    let Some(oracle) = Oracle::start(&[]) else { return };
    let control = client(&oracle).await;
    let lines = "x".repeat(10_000) + "\n";
    play(&oracle, &["produce", "queue", "jobs", "-q"], &lines.repeat(50));
    play(&oracle, &["produce", "stream", "events", "-q"], &lines.repeat(50));

    let mut child = begin(&oracle, &["consume", "queue", "jobs", "-q", "--batch", "7", "--no-wait"]);
    let mut first = String::new();
    BufReader::with_capacity(1, Patient(child.stdout.take().unwrap())).read_line(&mut first).unwrap();
    assert_eq!(first, lines);
    assert_snapshot!(end(child, &oracle), @"exit 0");
    // The pipe held some more when its reader left; what was not accepted is back, whole and in order.
    let Value::Integer(left) = ask(&control, "llen jobs").await else { panic!() };
    assert!((25..50).contains(&left), "{left}");

    let args = ["consume", "stream", "events", "-g", "g", "--create", "--no-wait", "--batch", "5"];
    let mut child = begin(&oracle, &args);
    child.stdout.take();
    assert_snapshot!(end(child, &oracle), @"exit 0");
    let pending = ask(&control, "xpending events g").await;
    // Its reader had gone before it began, so that it may have seen that before it took any.
    let is_kept = |count: &Value| [Value::Integer(0), Value::Integer(5)].contains(count);
    assert!(matches!(&pending, Value::Array(parts) if is_kept(&parts[0])), "{pending:?}");
    let said = play(&oracle, &[&args[..6], &["--exit-at-end", "-o", "raw"]].concat(), "");
    assert_eq!(said.matches('x').count() - "exit".matches('x').count(), 500_000);
}

#[tokio::test]
async fn a_queue_consumer_keeps_order_when_it_puts_back() {
    let Some(oracle) = Oracle::start(&[]) else { return };
    play(&oracle, &["produce", "queue", "jobs", "-q", "1", "2", "3", "4"], "");
    let mut child = begin(&oracle, &["consume", "queue", "jobs", "-q", "--batch", "3", "--no-wait"]);
    child.stdout.take();
    assert_snapshot!(end(child, &oracle), @"exit 0");
    assert_snapshot!(play(&oracle, &["consume", "queue", "jobs", "-q", "--no-wait"], ""), @r"
    exit 0
    out| 1
    out| 2
    out| 3
    out| 4
    ");
}

#[tokio::test]
async fn ctrl_c_ends_a_waiting_consumer_with_130() {
    let Some(oracle) = Oracle::start(&[]) else { return };
    let control = client(&oracle).await;
    for args in [
        &["consume", "queue", "none", "-q"][..],
        &["consume", "stream", "none"],
        &["consume", "stream", "none", "-g", "g", "--create"],
        &["sub", "none"],
    ] {
        let child = begin(&oracle, args);
        let is_waiting = |list: &Value| {
            let text = String::from_utf8_lossy(list.as_bytes().unwrap()).into_owned();
            // Blocked, and not trying whether it might.
            text.lines().any(|line| line.contains(" flags=b") || line.contains(" sub=1 "))
        };
        until(&control, "client list", is_waiting).await;
        interrupt(&child);
        let did = if args[0] == "sub" { "received" } else { "consumed" };
        let said = end(child, &oracle);
        assert!(said.starts_with("exit 130\n") && said.ends_with(&format!("err| {did} 0 messages\n")), "{said}");
        until(&control, "client list", |list| !is_waiting(list)).await;
    }
}

#[tokio::test]
async fn a_message_that_comes_while_ctrl_c_is_pressed_is_not_lost() {
    let Some(oracle) = Oracle::start(&[]) else { return };
    let control = client(&oracle).await;
    for round in 0..20 {
        let child = begin(&oracle, &["consume", "queue", "jobs", "-q"]);
        until(&control, "client list", |list| String::from_utf8_lossy(list.as_bytes().unwrap()).contains("cmd=blmove"))
            .await;
        let push = control.submit(["LPUSH", "jobs", "precious"]).await.unwrap();
        interrupt(&child);
        push.await.unwrap();
        let output = child.wait_with_output().unwrap();
        let written = output.stdout == b"precious\n";
        let kept = ask(&control, "lpop jobs").await != Value::Null;
        assert!(written != kept, "round {round}: {output:?}, kept {kept}");
        assert_eq!(output.status.code(), Some(130));
    }
}

#[tokio::test]
async fn ctrl_c_ends_a_producer_after_its_messages_are_acknowledged() {
    let Some(oracle) = Oracle::start(&[]) else { return };
    let control = client(&oracle).await;
    let mut child = begin(&oracle, &["produce", "queue", "jobs"]);
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(b"one\ntwo\nunfinished").unwrap();
    // Each line is sent as it comes, without waiting for the end of stdin.
    until(&control, "llen jobs", |value| *value == Value::Integer(2)).await;
    interrupt(&child);
    assert_snapshot!(end(child, &oracle), @r"
    exit 130
    err| sent 2, acknowledged 2, failed 0
    ");
    drop(stdin);
}

#[test]
fn no_message_at_all_is_sent_at_once() {
    let Some(oracle) = Oracle::start(&[]) else { return };
    assert_eq!(
        play(&oracle, &["pub", "news", "x", "-n", "0"], ""),
        "exit 0\nerr| sent 0, acknowledged 0, failed 0, heard 0 times\n"
    );
    assert_eq!(
        play(&oracle, &["produce", "queue", "jobs", "-n", "0"], "x\n"),
        "exit 0\nerr| sent 0, acknowledged 0, failed 0\n"
    );
}

#[test]
fn refused_messages_are_told_and_counted() {
    let Some(oracle) = Oracle::start(&[]) else { return };
    assert_snapshot!(play(&oracle, &["produce", "stream", "s", "--id", "0-0"], "1\n2\n3\n4\n5\n"), @r"
    exit 1
    err| error: ERR The ID specified in XADD must be greater than 0-0
    err| error: ERR The ID specified in XADD must be greater than 0-0
    err| error: ERR The ID specified in XADD must be greater than 0-0
    err| not acknowledged: lines 1-5 of stdin
    err| sent 5, acknowledged 0, failed 5
    ");
    play(&oracle, &["cli", "set", "text", "x"], "");
    assert_snapshot!(play(&oracle, &["produce", "queue", "text"], "1\n"), @r"
    exit 1
    err| error: `text` is a string
    err| hint: messages are in queues (lists) and streams
    ");
    play(&oracle, &["cli", "rpush", "my jobs", "x"], "");
    assert_snapshot!(play(&oracle, &["produce", "stream", "my jobs"], "1\n"), @r"
    exit 1
    err| error: `my jobs` is a queue
    err| hint: `rbq produce queue 'my jobs'` pushes onto it
    ");
    play(&oracle, &["cli", "xadd", "events", "1-1", "a", "1"], "");
    assert_snapshot!(play(&oracle, &["produce", "queue", "events"], "1\n"), @r"
    exit 1
    err| error: `events` is a stream
    err| hint: `rbq produce stream events` adds to it
    ");
    allow_duplicates! {
    for args in [&["consume", "queue", "text", "-q"][..], &["consume", "stream", "text"]] {
        assert_snapshot!(play(&oracle, args, ""), @r"
        exit 1
        err| error: `text` is a string
        err| hint: messages are in queues (lists) and streams
        ");
    }
    }
}

#[test]
fn a_hundred_thousand_lines_pass_in_bounded_memory() {
    let Some(oracle) = Oracle::start(&[]) else { return };
    let lines: String = (0..100_000).map(|number| format!("{number}\n")).collect();
    assert_snapshot!(play(&oracle, &["produce", "queue", "jobs"], &lines), @r"
    exit 0
    err| sent 100000, acknowledged 100000, failed 0
    ");
    let args = ["consume", "queue", "jobs", "-q", "--no-wait", "--batch", "1000"];
    let output = run(rbq(&args).env("RBQ_URL", oracle.url()), b"");
    assert!(output.stdout == lines.as_bytes());
}

#[tokio::test]
async fn published_messages_reach_subscribers() {
    let Some(oracle) = Oracle::start(&[]) else { return };
    let control = client(&oracle).await;
    assert_snapshot!(play(&oracle, &["pub", "news", "nobody hears"], ""), @r"
    exit 0
    err| sent 1, acknowledged 1, failed 0, heard 0 times
    ");
    let subscribers = |count| Value::Array(vec![Value::Bulk("news".into()), Value::Integer(count)]);
    for (args, shown_as) in [
        (&["sub", "news", "--count", "2"][..], ["hi", "h\u{fffd}"]),
        (&["sub", "news", "other", "-n", "2"], ["news\thi", "news\th\u{fffd}"]),
        (
            &["sub", "news", "-n", "2", "-o", "jsonl"],
            [r#"{"channel":"news","payload":"hi"}"#, r#"{"channel":"news","payload":{"base64":"aP8="}}"#],
        ),
        (&["sub", "news", "-n", "2", "-o", "raw"], ["hih\u{fffd}", ""]),
        (
            &["sub", "news", "-n", "2", "-o", "json"],
            [r#"[{"channel":"news","payload":"hi"},{"channel":"news","payload":{"base64":"aP8="}}]"#, ""],
        ),
    ] {
        // The server may not know yet that the one before has left.
        until(&control, "pubsub numsub news", |value| *value == subscribers(0)).await;
        let child = begin(&oracle, args);
        until(&control, "pubsub numsub news", |value| *value == subscribers(1)).await;
        assert_eq!(play(&oracle, &["pub", "news", "hi", "-q"], ""), "exit 0\n");
        control.call(rbq_client::Request::from(["publish", "news"]).arg(b"h\xff")).await.unwrap();
        let output = child.wait_with_output().unwrap();
        let expected = shown_as.map(|line| format!("{line}\n")).concat();
        let text = String::from_utf8_lossy(&output.stdout);
        assert_eq!(text.trim_end_matches('\n'), expected.trim_end_matches('\n'), "{args:?}");
        assert_eq!(output.status.code(), Some(0));
    }
}

#[tokio::test]
async fn patterns_and_shard_channels_name_themselves() {
    let Some(oracle) = Oracle::start(&[]) else { return };
    let control = client(&oracle).await;
    let child = begin(&oracle, &["sub", "--pattern", "n*", "--count", "1", "-o", "jsonl"]);
    until(&control, "publish news x", |value| *value == Value::Integer(1)).await;
    assert_snapshot!(end(child, &oracle), @r#"
    exit 0
    out| {"pattern":"n*","channel":"news","payload":"x"}
    "#);
    // The server may not know yet that the one before has left.
    until(&control, "pubsub numpat", |value| *value == Value::Integer(0)).await;
    let child = begin(&oracle, &["sub", "-p", "n*", "-n", "1"]);
    until(&control, "publish news x", |value| *value == Value::Integer(1)).await;
    assert_eq!(end(child, &oracle), "exit 0\nout| news\tx\n");
    assert_snapshot!(play(&oracle, &["sub", "quiet", "--wait", "20ms"], ""), @"exit 0");
    assert_snapshot!(play(&oracle, &["sub", "quiet", "--wait", "20ms", "-n", "2", "-o", "json"], ""), @r"
    exit 5
    out| []
    err| no message for 20ms: 0 of 2 have come
    ");
    if oracle::is_before_7() {
        for args in [&["sub", "--shard", "news"][..], &["pub", "--shard", "news", "x"]] {
            let said = play(&oracle, args, "");
            assert!(said.starts_with("exit 1\nerr| error: ERR unknown command"), "{said}");
        }
        return;
    }
    let child = begin(&oracle, &["sub", "--shard", "news", "-n", "1", "-o", "jsonl"]);
    until(
        &control,
        "pubsub shardnumsub news",
        |value| matches!(value, Value::Array(parts) if parts[1] == Value::Integer(1)),
    )
    .await;
    assert_snapshot!(play(&oracle, &["pub", "--shard", "news"], "from stdin\n"), @r"
    exit 0
    err| sent 1, acknowledged 1, failed 0, heard 1 time
    ");
    assert_snapshot!(end(child, &oracle), @r#"
    exit 0
    out| {"shard":true,"channel":"news","payload":"from stdin"}
    "#);
}

#[tokio::test]
async fn a_subscriber_whose_reader_left_ends_quietly() {
    let Some(oracle) = Oracle::start(&[]) else { return };
    let control = client(&oracle).await;
    let mut child = begin(&oracle, &["sub", "news"]);
    until(&control, "publish news first", |value| *value == Value::Integer(1)).await;
    let mut stdout = child.stdout.take().unwrap();
    let mut first = [0; 6];
    stdout.read_exact(&mut first).unwrap();
    assert_eq!(&first, b"first\n");
    drop(stdout);
    ask(&control, "publish news second").await;
    assert_snapshot!(end(child, &oracle), @"exit 0");
}
