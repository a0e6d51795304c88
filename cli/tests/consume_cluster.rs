//! `rbq consume` and `rbq produce` on a cluster whose slots move under them: redirects end nothing, lose nothing, double nothing.
#![allow(clippy::unwrap_used)]

mod support;

use std::fs;
use std::io::{BufRead, Write};
use std::path::Path;

use rbq_client::{Request, Value};
use rbq_resp::slot;
use support::{Patience, cluster, listen, rbq, run, start, text};

const MESSAGES: usize = 600;

fn count_lines(path: &Path) -> usize {
    fs::read_to_string(path).map_or(0, |text| text.lines().count())
}

#[tokio::test]
async fn a_node_that_is_gone_is_named_and_nothing_is_said_of_a_move() {
    let Some([first, second, third]) = cluster::start::<3>().await else { return };
    let gone = third.oracle.port.to_string();
    // The others go on sending us there until they have agreed that it is gone, which takes longer than this.
    drop(third);
    let args = ["produce", "stream", "foo", "a", "--reconnect", "200ms"];
    let said = text(&run(rbq(&args).env("RBQ_URL", first.oracle.url()), b"")).replace(&gone, "GONE");
    assert!(said.starts_with("exit 4\nerr| could not connect to 127.0.0.1:GONE: "), "{said}");
    assert!(
        said.contains("; trying to reach it for 200ms\nerr| error: could not connect to 127.0.0.1:GONE: "),
        "{said}"
    );
    assert!(said.ends_with("err| sent 1, acknowledged 0, failed 1\n"), "{said}");
    // What another node serves goes on.
    let args = ["produce", "stream", "bar", "a"];
    let said = text(&run(rbq(&args).env("RBQ_URL", second.oracle.url()), b""));
    assert_eq!(said, "exit 0\nerr| sent 1, acknowledged 1, failed 0\n");
}

#[tokio::test]
async fn a_slot_that_moves_under_producer_and_consumer_costs_nothing() {
    let Some(nodes) = cluster::start::<3>().await else { return };
    let url = nodes[0].oracle.url();
    let play = |args: &[&str]| text(&run(rbq(args).env("RBQ_URL", &url), b""));
    for (kind, more) in [("stream", &["--group", "g", "--create"][..]), ("queue", &["-q"])] {
        let dir = tempfile::tempdir().unwrap();
        let done = dir.path().join("done");
        let name = format!("jobs-{kind}");
        let exec = format!("echo $RBQ_FIELD_data >> {}", done.display());
        let wanted = MESSAGES.to_string();
        let work = ["--exec", &exec, "--concurrency", "4", "-n", &wanted, "-c", "ann"];
        let consumer = start(rbq(&[&["consume", kind, &name], more, &work].concat()).env("RBQ_URL", &url));
        let mut producer = start(rbq(&["produce", kind, &name, "--batch", "16"]).env("RBQ_URL", &url));
        let mut stdin = producer.stdin.take().unwrap();
        // There and back again, while a part of the messages is on its way and the rest is yet to come.
        let owner = usize::from(slot(name.as_bytes())) * 3 / 16384;
        let mut sent = 0;
        for round in 0..4 {
            let upto = MESSAGES * (round + 1) / 5;
            while sent < upto {
                writeln!(stdin, "m{sent}").unwrap();
                sent += 1;
            }
            let patience = Patience::begin();
            while count_lines(&done) < upto / 2 {
                patience.spend();
                tokio::task::yield_now().await;
            }
            let (from, to) = (&nodes[(owner + round) % 3], &nodes[(owner + round + 1) % 3]);
            cluster::move_slot(slot(name.as_bytes()), from, to, &nodes).await;
        }
        for number in sent..MESSAGES {
            writeln!(stdin, "m{number}").unwrap();
        }
        drop(stdin);
        let said = text(&producer.wait_with_output().unwrap());
        assert_eq!(said, format!("exit 0\nerr| sent {MESSAGES}, acknowledged {MESSAGES}, failed 0\n"), "{kind}");
        let said = text(&consumer.wait_with_output().unwrap());
        assert_eq!(said, "exit 0\n", "{kind}");
        let mut seen: Vec<String> = fs::read_to_string(&done).unwrap().lines().map(str::to_owned).collect();
        let mut expected: Vec<String> = (0..MESSAGES).map(|number| format!("m{number}")).collect();
        seen.sort();
        expected.sort();
        assert_eq!(seen, expected, "{kind}");
        match kind {
            "stream" => {
                let pending = play(&["cli", "-c", "--json", "xpending", &name, "g"]);
                assert_eq!(pending, "exit 0\nout| [0,null,null,null]\n");
            }
            _ => assert_eq!(play(&["cli", "-c", "exists", &format!("{{{name}}}:processing:ann")]), "exit 0\nout| 0\n"),
        }
    }
}

/// A request to the node that a slot is moving to.
async fn asking(node: &cluster::Node, request: &[&str]) -> Value {
    let requests = [&["ASKING"][..], request].map(Request::from).into();
    node.client.pipeline(requests).await.unwrap().pop().unwrap()
}

#[tokio::test]
async fn what_was_moved_is_consumed_though_its_slot_is_still_on_its_way() {
    let Some(nodes) = cluster::start::<3>().await else { return };
    let url = nodes[0].oracle.url();
    let group = &["--group", "g", "--create", "-c", "ann"][..];
    for (kind, name, more) in
        [("stream", "a", group), ("stream", "b", &[]), ("queue", "c", &["-q", "--ack", "none"][..])]
    {
        let owner = usize::from(slot(name.as_bytes())) * 3 / 16384;
        let (from, to) = (&nodes[owner], &nodes[(owner + 1) % 3]);
        let add = |text| {
            if kind == "queue" { ["LPUSH", name, text].to_vec() } else { ["XADD", name, "*", "data", text].to_vec() }
        };
        from.client.call(Request::from(&add("m0")[..])).await.unwrap();
        let mut child = start(rbq(&[&["consume", kind, name, "-n", "3"], more].concat()).env("RBQ_URL", &url));
        let mut stdout = listen(child.stdout.take().unwrap());
        let mut seen = String::new();
        stdout.read_line(&mut seen).unwrap();
        cluster::begin_move(slot(name.as_bytes()), from, to).await;
        cluster::move_keys(slot(name.as_bytes()), from, to).await;
        for text in ["m1", "m2"] {
            assert!(!matches!(asking(to, &add(text)).await, Value::Error(_)), "{kind}");
            stdout.read_line(&mut seen).unwrap();
        }
        assert_eq!((seen.as_str(), text(&child.wait_with_output().unwrap()).as_str()), ("m0\nm1\nm2\n", "exit 0\n"));
        if kind == "stream" && !more.is_empty() {
            let Value::Array(pending) = asking(to, &["XPENDING", name, "g"]).await else { panic!() };
            assert_eq!(pending[0], Value::Integer(0));
        }
        cluster::end_move(slot(name.as_bytes()), from, to, &nodes).await;
    }
}

#[tokio::test]
async fn what_is_in_work_is_acknowledged_where_it_was_moved_to() {
    let Some(nodes) = cluster::start::<3>().await else { return };
    let url = nodes[0].oracle.url();
    for (kind, name, more) in [("stream", "d", &["--group", "g", "--create"][..]), ("queue", "e", &["-q"])] {
        let owner = usize::from(slot(name.as_bytes())) * 3 / 16384;
        let (from, to) = (&nodes[owner], &nodes[(owner + 1) % 3]);
        for text in ["m0", "m1", "m2"] {
            let args = ["produce", kind, name, "-q", text];
            assert_eq!(self::text(&run(rbq(&args).env("RBQ_URL", &url), b"")), "exit 0\n");
        }
        let dir = tempfile::tempdir().unwrap();
        let (begun, gate) = (dir.path().join("begun"), dir.path().join("gate"));
        assert!(std::process::Command::new("mkfifo").arg(&gate).status().unwrap().success());
        // The first one waits; its list, or its stream, is on the other node when it ends.
        let exec = format!(
            "echo $RBQ_FIELD_data >> {}; test $RBQ_FIELD_data != m0 || read line < {}",
            begun.display(),
            gate.display()
        );
        let args = [&["consume", kind, name, "-c", "ann", "-n", "3", "--exec", &exec][..], more].concat();
        let child = start(rbq(&args).env("RBQ_URL", &url));
        let patience = Patience::begin();
        while count_lines(&begun) < 1 {
            patience.spend();
            tokio::task::yield_now().await;
        }
        cluster::begin_move(slot(name.as_bytes()), from, to).await;
        cluster::move_keys(slot(name.as_bytes()), from, to).await;
        fs::write(&gate, "go\n").unwrap();
        let held = match kind {
            "stream" => ["XPENDING", name, "g", "-", "+", "9"].to_vec(),
            _ => ["LRANGE", "{e}:processing:ann", "0", "-1"].to_vec(),
        };
        if kind == "stream" {
            // A group needs the one key, and so it ends while the slot is on its way.
            assert_eq!(text(&child.wait_with_output().unwrap()), "exit 0\n");
            cluster::end_move(slot(name.as_bytes()), from, to, &nodes).await;
        } else {
            // A queue's next message needs both lists, and one is not there before there is something in it.
            let patience = Patience::begin();
            while asking(to, &held).await != Value::Array(vec![]) {
                patience.spend();
            }
            cluster::end_move(slot(name.as_bytes()), from, to, &nodes).await;
            assert_eq!(text(&child.wait_with_output().unwrap()), "exit 0\n");
        }
        let seen = fs::read_to_string(&begun).unwrap();
        assert_eq!(seen, "m0\nm1\nm2\n", "{kind}");
        assert_eq!(to.client.call(Request::from(&held[..])).await.unwrap(), Value::Array(vec![]));
    }
}

#[tokio::test]
async fn a_reader_without_a_group_follows_its_stream_to_another_node() {
    let Some(nodes) = cluster::start::<3>().await else { return };
    let url = nodes[0].oracle.url();
    let play = |args: &[&str]| text(&run(rbq(args).env("RBQ_URL", &url), b""));
    let wanted = "40";
    let reader = start(rbq(&["consume", "stream", "news", "-n", wanted]).env("RBQ_URL", &url));
    let owner = usize::from(slot(b"news")) * 3 / 16384;
    for round in 0..4 {
        for number in 0..10 {
            play(&["produce", "stream", "news", "-q", &format!("m{round}{number}")]);
        }
        let (from, to) = (&nodes[(owner + round) % 3], &nodes[(owner + round + 1) % 3]);
        cluster::move_slot(slot(b"news"), from, to, &nodes).await;
    }
    let said = text(&reader.wait_with_output().unwrap());
    let expected: String = (0..4).flat_map(|round| (0..10).map(move |n| format!("out| m{round}{n}\n"))).collect();
    // Whether the first message was there before its reader is the clock's.
    let said = said.replace("err| there is no stream `news` yet; waiting for its first message\n", "");
    assert_eq!(said, format!("exit 0\n{expected}"));
}

#[tokio::test]
async fn a_master_that_dies_is_followed_to_its_replica_though_it_was_the_one_that_was_named() {
    let group = &["--group", "g", "--create", "-c", "ann"][..];
    let held = [&["XPENDING", "b", "g", "-", "+", "9"][..], &["LRANGE", "{b}:processing:ann", "0", "-1"]];
    for (kind, more, held) in
        [("stream", group, Some(held[0])), ("queue", &["-q", "-c", "ann"], Some(held[1])), ("stream", &[], None)]
    {
        let Some([first, second, _third]) = cluster::start::<3>().await else { return };
        let Some(replica) = cluster::replica(&first).await else { return };
        let (url, other) = (first.oracle.url(), second.oracle.url());
        // `b` is in slot 3300, the first node's.
        let send = |url: &str, message| text(&run(rbq(&["produce", kind, "b", message]).env("RBQ_URL", url), b""));
        let sent = "exit 0\nerr| sent 1, acknowledged 1, failed 0\n";
        assert_eq!(send(&url, "m0"), sent);
        let mut child = start(rbq(&[&["consume", kind, "b", "-n", "2"], more].concat()).env("RBQ_URL", &url));
        let mut stdout = listen(child.stdout.take().unwrap());
        let mut stderr = listen(child.stderr.take().unwrap());
        let mut seen = String::new();
        stdout.read_line(&mut seen).unwrap();
        // It is acknowledged, and the replica knows of it.
        let patience = Patience::begin();
        while let Some(held) = held
            && first.client.call(Request::from(held)).await.unwrap() != Value::Array(vec![])
        {
            patience.spend();
        }
        first.client.call(["SET", "{b}:mark", "1"]).await.unwrap();
        first.client.call(["WAIT", "1", "0"]).await.unwrap();
        drop(first);
        let mut line = String::new();
        stderr.read_line(&mut line).unwrap();
        assert!(line.contains("trying to reach it"), "{line}");
        replica.client.call(["CLUSTER", "FAILOVER", "TAKEOVER"]).await.unwrap();
        let said = send(&other, "m1");
        assert!(said.starts_with("exit 0\n") && said.ends_with("sent 1, acknowledged 1, failed 0\n"), "{said}");
        stdout.read_line(&mut seen).unwrap();
        assert_eq!(seen, "m0\nm1\n", "{kind}");
        assert_eq!(text(&child.wait_with_output().unwrap()), "exit 0\n");
        line.clear();
        stderr.read_line(&mut line).unwrap();
        assert_eq!(line, "connected again\n");
    }
}
