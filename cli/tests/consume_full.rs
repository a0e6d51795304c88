//! `rbq consume` on a server whose memory is full: it waits, goes on with what needs no room, and takes up the rest when there is some.
#![allow(clippy::unwrap_used)]

mod support;

use std::fs;
use std::io::BufRead;

use rbq_client::{Client, Value};
use support::either::Either;
use support::{Patience, ask, listen, text, until};

async fn fill(control: &Client) {
    ask(control, "config set maxmemory 1").await;
}

async fn make_room(control: &Client) {
    ask(control, "config set maxmemory 0").await;
}

/// Up to a line that says this.
fn hear(stderr: &mut impl BufRead, wanted: &str) -> String {
    let mut said = String::new();
    while !said.contains(wanted) {
        assert!(stderr.read_line(&mut said).unwrap() > 0, "never said `{wanted}`: {said}");
    }
    said
}

#[tokio::test]
async fn a_queue_waits_for_room_and_says_what_drains_without() {
    for server in Either::both() {
        let control = server.client().await;
        ask(&control, "rpush jobs m2 m1 m0").await;
        // Of an earlier run, which cannot be taken back either.
        ask(&control, "lmove jobs jobs:processing:ann right left").await;
        fill(&control).await;
        let args = ["consume", "queue", "jobs", "-q", "-c", "ann"];
        let mut child = server.start(&[&args[..], &["-n", "3"]].concat());
        let mut stderr = listen(child.stderr.take().unwrap());
        let said = hear(&mut stderr, "--ack none");
        assert!(said.starts_with("OOM ") && said.contains("; trying again until it is accepted"), "{said}");
        // Nothing was taken.
        assert_eq!(ask(&control, "llen jobs").await, Value::Integer(2));
        make_room(&control).await;
        hear(&mut stderr, "accepted again");
        assert_eq!(text(&child.wait_with_output().unwrap()), "exit 0\nout| m0\nout| m1\nout| m2\n");

        ask(&control, "rpush jobs m3").await;
        fill(&control).await;
        let said = server.play(&[&args[..], &["--no-wait"]].concat());
        assert!(said.starts_with("exit 1\nerr| error: OOM ") && said.contains("\nerr| hint: no room"), "{said}");
        let said = server.play(&[&args[..], &["--wait", "10ms", "-n", "1"]].concat());
        assert!(said.starts_with("exit 5\n") && said.contains("err| no message for 10ms: 0 of 1 have come"), "{said}");
        assert_eq!(server.play(&[&args[..], &["--no-wait", "--ack", "none"]].concat()), "exit 0\nout| m3\n");
    }
}

#[tokio::test]
async fn what_is_in_work_is_acknowledged_on_a_full_server_and_dies_when_there_is_room() {
    for server in Either::both() {
        let group = &["stream", "jobs", "--group", "g", "--create"][..];
        for (kind, args) in [("stream", group), ("queue", &["queue", "jobs", "-q"])] {
            let control = server.client().await;
            ask(&control, "del jobs jobs.dlq").await;
            server.play(&["produce", kind, "jobs", "-q", "bad", "good"]);
            let dir = tempfile::tempdir().unwrap();
            let path = |name: &str| dir.path().join(name).display().to_string();
            for name in ["bad", "good"] {
                assert!(std::process::Command::new("mkfifo").arg(path(name)).status().unwrap().success());
            }
            // The good one fails at first, so that its attempt should be noted.
            let exec = format!(
                "echo >> {0}; read line < {1}/$RBQ_FIELD_data; case $RBQ_FIELD_data:$RBQ_DELIVERY in bad:*) exit 65;; \
                 *:1) exit 1;; esac",
                path("begun"),
                dir.path().display()
            );
            let work = ["-c", "ann", "-n", "2", "--exec", &exec, "--concurrency", "2", "--backoff", "1ms"];
            let mut child = server.start(&[&["consume"], args, &work].concat());
            let mut stderr = listen(child.stderr.take().unwrap());
            let patience = Patience::begin();
            while fs::read_to_string(path("begun")).unwrap_or_default().lines().count() < 2 {
                patience.spend();
                tokio::task::yield_now().await;
            }
            fill(&control).await;
            fs::write(path("bad"), "go\n").unwrap();
            hear(&mut stderr, "trying again until it is accepted");
            fs::write(path("good"), "go\n").unwrap();
            hear(&mut stderr, "again in 1ms");
            fs::write(path("good"), "go\n").unwrap();
            let held = if kind == "stream" { "xpending jobs g - + 9" } else { "lrange jobs:processing:ann 0 -1" };
            until(&control, held, |held| matches!(held, Value::Array(held) if held.len() == 1)).await;
            assert_eq!(ask(&control, "xlen jobs.dlq").await, Value::Integer(0));
            make_room(&control).await;
            hear(&mut stderr, "is a dead letter");
            assert_eq!(text(&child.wait_with_output().unwrap()), "exit 0\n", "{kind}");
            assert_eq!(ask(&control, held).await, Value::Array(vec![]));
            assert_eq!(ask(&control, "xlen jobs.dlq").await, Value::Integer(1));
        }
    }
}
