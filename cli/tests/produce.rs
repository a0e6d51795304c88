//! `rbq produce`: forms of input, names of messages, and connections that are lost on the way.
#![allow(clippy::unwrap_used)]

mod support;

use std::io::{BufRead, Read, Write};

use insta::assert_snapshot;
use rbq_client::{Client, Options, Value};
use support::own::Server;
use support::{Oracle, ask, client, listen, play, rbq, start, text, until};
use tempfile::TempDir;

#[test]
fn an_input_is_divided_as_it_is_told() {
    let Some(oracle) = Oracle::start(&[]) else { return };
    let range = |key| play(&oracle, &["cli", "lrange", key, "0", "-1"], "");
    play(&oracle, &["produce", "queue", "nul", "-0", "-q"], "two\nlines\0last");
    assert_eq!(range("nul"), "exit 0\nout| last\nout| two\nout| lines\n");
    play(&oracle, &["produce", "queue", "right", "--right", "-q", "a", "b"], "");
    assert_eq!(range("right"), "exit 0\nout| a\nout| b\n");
    assert_snapshot!(play(&oracle, &["produce", "queue", "json", "--jsonl"], "{\"a\":1}\n\n[2]\nnope\n3\n"), @r"
    exit 3
    err| error: line 4 of stdin is no JSON
    err| sent 2, acknowledged 2, failed 0
    ");
    assert_snapshot!(play(&oracle, &["produce", "queue", "rows", "--csv"], "id,name\n1,\"a \"\"b\"\"\"\n2,ü\n3\n"), @r"
    exit 3
    err| error: line 4 of stdin has 1 columns, and the first row 2
    err| sent 2, acknowledged 2, failed 0
    ");
    let cut = "id,name\n1,ann\n2,\"bo";
    assert_snapshot!(play(&oracle, &["produce", "stream", "cut", "--csv"], cut), @r"
    exit 3
    err| error: stdin ends inside quotes; the row that begins on line 3 is cut off
    err| hint: nothing of that row was sent
    err| sent 1, acknowledged 1, failed 0
    ");
    assert_eq!(
        range("rows"),
        "exit 0\nout| {\"id\":\"2\",\"name\":\"ü\"}\nout| {\"id\":\"1\",\"name\":\"a \\\"b\\\"\"}\n"
    );
}

#[test]
fn entries_get_the_fields_that_were_asked_for() {
    let Some(oracle) = Oracle::start(&[]) else { return };
    for (args, stdin) in [
        (&["--csv"][..], "id,name\n1,ann\n"),
        (&["--json-fields"], "{\"z\":\"1\",\"a\":{\"b\":[true]},\"bytes\":{\"base64\":\"/w==\"}}\n"),
        (&["--field", "body", "--field", "source=test=1", "hello"], ""),
        (&["--id", "9999999999999-7", "last"], ""),
    ] {
        assert_eq!(play(&oracle, &[&["produce", "stream", "s", "-q"], args].concat(), stdin), "exit 0\n", "{args:?}");
    }
    assert_snapshot!(play(&oracle, &["consume", "stream", "s", "--no-wait"], ""), @r#"
    exit 0
    out| id 1 name ann
    out| z 1 a "{\"b\":[true]}" bytes "\xff"
    out| source test=1 body hello
    out| last
    "#);
    play(&oracle, &["produce", "stream", "short", "--maxlen", "=2", "-q", "1", "2", "3"], "");
    assert_eq!(play(&oracle, &["cli", "xlen", "short"], ""), "exit 0\nout| 2\n");
    assert_snapshot!(play(&oracle, &["produce", "stream", "none", "--nomkstream", "1"], ""), @r"
    exit 1
    err| error: there is no such stream, and --nomkstream creates none
    err| not acknowledged: message 1
    err| sent 1, acknowledged 0, failed 1
    ");
    assert_snapshot!(play(&oracle, &["produce", "stream", "s", "--id", "9999999999999-8", "1", "2"], ""), @r"
    exit 3
    err| error: ERR The ID specified in XADD is equal or smaller than the target stream top item
    err| not acknowledged: message 2
    err| sent 2, acknowledged 1, failed 1
    ");
}

#[test]
fn files_are_sent_one_after_the_other_and_no_more_than_wanted() {
    let Some(oracle) = Oracle::start(&[]) else { return };
    let dir = tempfile::tempdir().unwrap();
    let (one, two) = (dir.path().join("one"), dir.path().join("two"));
    std::fs::write(&one, "1\n2\n").unwrap();
    std::fs::write(&two, "3\n4\n5\n").unwrap();
    let files = ["--file", one.to_str().unwrap(), "-f", "-", "-f", two.to_str().unwrap()];
    let args = [&["produce", "queue", "jobs", "--count", "5", "--batch", "2", "--rate", "1000"], &files[..]].concat();
    assert_eq!(play(&oracle, &args, "stdin\n"), "exit 0\nerr| sent 5, acknowledged 5, failed 0\n");
    assert_snapshot!(play(&oracle, &["consume", "queue", "jobs", "-q", "--no-wait", "-o", "raw"], ""), @r"
    exit 0
    out| 12stdin34
    out| (no newline)
    ");
    assert_snapshot!(play(&oracle, &["produce", "queue", "jobs", "--file", "/nonexistent"], ""), @r"
    exit 1
    err| error: cannot read `/nonexistent`: no such file or directory
    err| sent 0, acknowledged 0, failed 0
    ");
    assert_snapshot!(play(&oracle, &["produce", "queue", "jobs", "--file", "/"], ""), @r"
    exit 1
    err| error: cannot read `/`: is a directory
    err| sent 0, acknowledged 0, failed 0
    ");
}

#[test]
fn what_a_queue_or_a_stream_has_not_is_refused() {
    let Some(oracle) = Oracle::start(&[]) else { return };
    let refused = |args: &[&str]| play(&oracle, &[&["produce"], args].concat(), "");
    assert_snapshot!(refused(&["queue", "q", "--maxlen", "3", "x"]), @r"
    exit 2
    err| error: a queue's message is bytes alone; --maxlen is for streams
    ");
    assert_snapshot!(refused(&["queue", "q", "--producer-id", "p", "x"]), @r"
    exit 2
    err| error: a queue does not know a message again; --producer-id is for streams
    err| hint: without it a message may arrive twice when its connection is lost
    ");
    assert_snapshot!(refused(&["stream", "q", "--right", "x"]), @r"
    exit 2
    err| error: a stream has one end to add to; --right is for queues
    ");
    assert_snapshot!(refused(&["queue", "q", "-", "x"]), @r"
    exit 2
    err| error: `-` is stdin, and does not go with other messages
    err| hint: on stdin, a line with a `-` is a message like any other
    ");
    assert_snapshot!(refused(&["stream", "s", "--field", "a", "--field", "b", "x"]), @r"
    exit 2
    err| error: a message is in one field, and --field names two for it
    err| hint: NAME=VALUE adds a field with that value
    ");
    assert_snapshot!(refused(&["stream", "s", "--csv", "x"]), @r"
    exit 2
    err| error: arguments are messages by themselves; --csv is for --file and stdin
    ");
    assert_snapshot!(refused(&["stream", "s", "--producer-id", "p", "--remember", "2d", "x"]), @r"
    exit 2
    err| error: a stream remembers for 1s to 1d, not for 2d
    ");
}

#[test]
fn a_file_that_is_sent_again_adds_what_is_new() {
    let server = Server::start();
    let lines = |count: u32| (0..count).map(|number| format!("{}\n", number % 7)).collect::<String>();
    let produce = ["produce", "stream", "events", "--producer-id", "import-1"];
    // More than a stream remembers of one producer.
    for count in [12_000, 12_000, 12_345] {
        let expected = format!("exit 0\nerr| sent {count}, acknowledged {count}, failed 0\n");
        assert_eq!(server.play(&produce, &lines(count)), expected);
    }
    assert_eq!(server.play(&["cli", "xlen", "events"], ""), "exit 0\nout| 12345\n");
    assert_eq!(server.play(&["cli", "xinfo", "groups", "events"], ""), "exit 0\nout|\n");
    server.play(&["produce", "stream", "other", "-q", "x"], "");
    assert_snapshot!(server.play(&["produce", "stream", "other", "--producer-id", "p", "x"], ""), @r#"
    exit 0
    err| "other" knows a message again for 1m40s; --remember 1d makes it longer
    err| sent 1, acknowledged 1, failed 0
    "#);
    assert_snapshot!(server.play(&["produce", "stream", "other", "--producer-id", "p", "--remember", "1d", "x"], ""), @r"
    exit 0
    err| the stream remembers for longer from now on, and has forgotten what was sent before
    err| sent 1, acknowledged 1, failed 0
    ");
}

#[test]
fn a_server_that_knows_nothing_again_is_told_of() {
    let Some(oracle) = Oracle::start(&[]) else { return };
    assert_snapshot!(play(&oracle, &["produce", "stream", "s", "--producer-id", "p", "x"], ""), @r"
    exit 0
    err| this server does not know a message again: --producer-id has no effect, and what is sent again is there twice
    err| sent 1, acknowledged 1, failed 0
    ");
}

/// Produces so many lines, closing the connection again and again from outside; gives what was said.
async fn produce_under_kills(url: &str, args: &[&str], control: &Client, count: u32) -> String {
    let mut child = start(rbq(args).env("RBQ_URL", url));
    let mut stdin = child.stdin.take().unwrap();
    let writer = std::thread::spawn(move || {
        for number in 0..count {
            writeln!(stdin, "message {number}").unwrap();
        }
    });
    // A connection that was never there is not made again.
    let size = if args[1] == "queue" { "llen jobs" } else { "xlen events" };
    until(control, size, |length| *length != Value::Integer(0)).await;
    while !writer.is_finished() {
        ask(control, "client kill type normal skipme yes").await;
        for _ in 0..50 {
            ask(control, "ping").await;
        }
    }
    writer.join().unwrap();
    text(&child.wait_with_output().unwrap())
}

fn values(entries: &Value) -> Vec<String> {
    let Value::Array(entries) = entries else { panic!("{entries:?}") };
    let value = |entry: &Value| match entry {
        Value::Array(parts) => match &parts[1] {
            Value::Array(fields) => String::from_utf8(fields[1].as_bytes().unwrap().to_vec()).unwrap(),
            other => panic!("{other:?}"),
        },
        message => String::from_utf8(message.as_bytes().unwrap().to_vec()).unwrap(),
    };
    entries.iter().map(value).collect()
}

#[tokio::test]
async fn connections_that_are_lost_cost_nothing_when_messages_have_names() {
    let server = Server::start();
    let control = Client::connect(&server.url().parse().unwrap(), &Options::default()).await.unwrap().0;
    let args = ["produce", "stream", "events", "--producer-id", "p"];
    let said = produce_under_kills(&server.url(), &args, &control, 20_000).await;
    assert!(said.starts_with("exit 0\n") && said.ends_with("sent 20000, acknowledged 20000, failed 0\n"), "{said}");
    assert!(said.contains("recognised where they had arrived"), "{said}");
    let arrived = values(&ask(&control, "xrange events - +").await);
    assert!(arrived.iter().eq((0..20_000).map(|number| format!("message {number}")).collect::<Vec<_>>().iter()));
}

#[tokio::test]
async fn connections_that_are_lost_lose_nothing() {
    let Some(oracle) = Oracle::start(&[]) else { return };
    let control = client(&oracle).await;
    let said = produce_under_kills(&oracle.url(), &["produce", "queue", "jobs"], &control, 20_000).await;
    assert!(said.starts_with("exit 0\n") && said.ends_with("sent 20000, acknowledged 20000, failed 0\n"), "{said}");
    assert!(said.contains("there twice where they had arrived"), "{said}");
    let mut arrived = values(&ask(&control, "lrange jobs 0 -1").await);
    arrived.sort();
    arrived.dedup();
    assert_eq!(arrived.len(), 20_000);
}

#[tokio::test]
async fn a_server_that_does_not_come_back_is_given_up() {
    let Some(oracle) = Oracle::start(&[]) else { return };
    let control = client(&oracle).await;
    let args = ["produce", "queue", "jobs", "--reconnect", "0s"];
    let mut child = start(rbq(&args).env("RBQ_URL", oracle.url()));
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(b"one\n").unwrap();
    until(&control, "llen jobs", |value| *value == Value::Integer(1)).await;
    ask(&control, "client kill skipme yes").await;
    // The connection's end shows with the next message, whether or not that is still sent.
    stdin.write_all(b"two\n").unwrap();
    drop(stdin);
    assert_snapshot!(text(&child.wait_with_output().unwrap()), @r"
    exit 3
    err| the server closed the connection; trying to reach it for 0ms: 1 not acknowledged, sent again, and there twice where they had arrived
    err| error: the server closed the connection
    err| not acknowledged: line 2 of stdin
    err| the last that was sent is line 2 of stdin
    err| sent 2, acknowledged 1, failed 1
    ");
}

/// A file of so many lines, `message 0` first.
fn messages(dir: &TempDir, count: usize) -> String {
    let path = dir.path().join("messages");
    std::fs::write(&path, (0..count).map(|number| format!("message {number}\n")).collect::<String>()).unwrap();
    path.display().to_string()
}

#[tokio::test]
async fn a_server_that_is_full_is_waited_for_and_nothing_of_the_input_is_lost() {
    let Some(oracle) = Oracle::start(&[]) else { return };
    let control = client(&oracle).await;
    let dir = tempfile::tempdir().unwrap();
    ask(&control, "config set maxmemory 1").await;
    let file = messages(&dir, 5000);
    let mut child = start(rbq(&["produce", "queue", "jobs", "--right", "--file", &file]).env("RBQ_URL", oracle.url()));
    let mut stderr = listen(child.stderr.take().unwrap());
    let mut said = String::new();
    while !said.contains("trying again for 30s") {
        assert!(stderr.read_line(&mut said).unwrap() > 0, "{said}");
    }
    ask(&control, "config set maxmemory 0").await;
    stderr.read_to_string(&mut said).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(0), "{said}");
    assert!(said.contains("accepted again\n") && said.ends_with("sent 5000, acknowledged 5000, failed 0\n"), "{said}");
    // What was in flight behind a message that was refused may stand before it.
    let mut arrived = values(&ask(&control, "lrange jobs 0 -1").await);
    arrived.sort_by_key(|message| message.trim_start_matches("message ").parse::<u32>().unwrap());
    assert!(arrived.iter().eq((0..5000).map(|number| format!("message {number}")).collect::<Vec<_>>().iter()));
}

#[tokio::test]
async fn what_is_refused_of_every_message_ends_the_sending_and_tells_where() {
    let Some(oracle) = Oracle::start(&[]) else { return };
    let control = client(&oracle).await;
    let dir = tempfile::tempdir().unwrap();
    let file = messages(&dir, 5000);
    let args = ["produce", "queue", "jobs", "--batch", "10", "--file", &file];
    ask(&control, "config set maxmemory 1").await;
    let said = play(&oracle, &[&args[..], &["--reconnect", "0s"]].concat(), "").replace(&file, "FILE");
    let (told, end) = said.split_once("err| not acknowledged").unwrap();
    assert!(told.starts_with("exit 1\nerr| OOM ") && told.contains("trying again for 0ms\nerr| error: OOM "), "{said}");
    assert_snapshot!(end, @r"
    : lines 1-10 of `FILE`
    err| the last that was sent is line 10 of `FILE`
    err| sent 10, acknowledged 0, failed 10
    ");
    ask(&control, "config set maxmemory 0").await;
    ask(&control, "acl setuser ann on >secret ~* +@all -lpush").await;
    let url = oracle.url().replace("redis://", "redis://ann:secret@");
    let said = play(&oracle, &[&args[..], &["--url", &url]].concat(), "").replace(&file, "FILE");
    assert!(said.starts_with("exit 1\nerr| error: NOPERM ") && said.matches("error:").count() == 1, "{said}");
    assert!(said.contains("err| the last that was sent is line 10 of `FILE`\n"), "{said}");
}
