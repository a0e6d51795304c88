//! What a consumer does not lose, and does not pass over in silence.
#![allow(clippy::unwrap_used)]

mod support;

use std::collections::BTreeSet;
use std::fs;
use std::io::BufRead;
use std::process::{Child, Command};

use insta::{allow_duplicates, assert_snapshot};
use rbq_client::Value;
use support::either::Either;
use support::{ask, listen, text, until};

const GROUP: [&str; 6] = ["consume", "stream", "jobs", "--group", "g", "--create"];
const QUEUE: [&str; 4] = ["consume", "queue", "jobs", "-q"];

fn end(child: Child) -> String {
    text(&child.wait_with_output().unwrap())
}

fn lines(said: &str) -> Vec<&str> {
    said.lines().filter_map(|line| line.strip_prefix("out| ")).collect()
}

#[test]
fn a_message_on_which_the_expression_fails_is_neither_shown_nor_acknowledged() {
    for site in Either::both() {
        for (kind, args) in [("stream", &GROUP[..]), ("queue", &QUEUE[..])] {
            site.play(&["cli", "del", "jobs"]);
            site.play(&["produce", kind, "jobs", "-q", "5", "x", "7"]);
            let filter = ["--no-wait", "--ack-skipped", "--where", ".fields.data | tonumber > 1"];
            let said = site.play(&[args, &filter].concat());
            assert!(said.starts_with("exit 1\nout| 5\nerr| error: "), "{kind}: {said}");
            assert!(said.contains("`.fields.data | tonumber > 1` fails: "), "{kind}: {said}");
            // With a command it is the same, and the command is not run.
            let said = site.play(&[args, &filter, &["--exec", "cat"]].concat());
            assert!(said.starts_with("exit 1\nerr| error: "), "{kind}: {said}");
            let said = site.play(&[args, &["--no-wait"]].concat());
            assert_eq!(said, "exit 0\nout| x\nout| 7\n", "{kind}");
        }
        site.play(&["cli", "del", "jobs"]);
        site.play(&["produce", "stream", "jobs", "-q", "5", "x", "7"]);
        let said = site.play(&["consume", "stream", "jobs", "--no-wait", "--where", ".fields.data | tonumber > 1"]);
        assert!(said.starts_with("exit 1\nout| 5\nerr| error: ") && said.contains("err| hint: "), "{said}");
    }
}

#[test]
fn a_dead_letter_on_which_the_expression_fails_stays_and_is_listed() {
    for site in Either::both() {
        site.play(&["produce", "queue", "jobs", "-q", "one"]);
        site.play(&[&QUEUE[..], &["--no-wait", "--exec", "exit 65"]].concat());
        let condition = ["--where", ".fields.nope | tonumber > 1", "--yes"];
        let said = site.play(&[&["dlq", "redrive", "jobs"], &condition[..]].concat());
        assert!(
            said.starts_with("exit 3\n") && said.contains("skip 1: `.fields.nope | tonumber > 1` fails: "),
            "{said}"
        );
        let said = site.play(&[&["dlq", "purge", "jobs"], &condition[..]].concat());
        assert!(said.starts_with("exit 1\n") && said.contains(" fails: "), "{said}");
        assert_eq!(site.play(&["cli", "xlen", "jobs.dlq"]), "exit 0\nout| 1\n");
    }
}

#[tokio::test]
async fn a_command_has_all_of_its_message_though_its_consumer_is_killed() {
    for site in Either::both() {
        let control = site.client().await;
        let dir = tempfile::tempdir().unwrap();
        let path = |name: &str| dir.path().join(name).display().to_string();
        fs::write(path("big"), vec![b'x'; 500_000]).unwrap();
        site.play(&["produce", "queue", "jobs", "-q", "--file", &path("big")]);
        assert!(Command::new("mkfifo").args([path("gate"), path("done")]).status().unwrap().success());
        let exec = format!("touch {}; read line < {}; wc -c > {}", path("begun"), path("gate"), path("done"));
        let mut child = site.start(&[&QUEUE[..], &["--exec", &exec]].concat());
        while !dir.path().join("begun").exists() {
            assert!(child.try_wait().unwrap().is_none());
            ask(&control, "ping").await;
        }
        child.kill().unwrap();
        child.wait().unwrap();
        fs::write(path("gate"), "go\n").unwrap();
        assert_eq!(fs::read_to_string(path("done")).unwrap().trim(), "500000");
    }
}

#[tokio::test]
async fn pending_entries_that_were_deleted_are_named() {
    for site in Either::both() {
        let control = site.client().await;
        for number in 1..=3 {
            ask(&control, &format!("xadd jobs {number}-0 data x")).await;
        }
        ask(&control, "xgroup create jobs g 0").await;
        ask(&control, "xreadgroup group g dead streams jobs >").await;
        ask(&control, "xdel jobs 1-0 2-0 3-0").await;
        let said = site.play(&[&GROUP[..], &["-c", "ann", "--ack-wait", "20ms", "--exit-at-end"]].concat());
        // How many are idle for long enough at each look is the clock's.
        let told: String =
            said.lines().filter_map(|line| line.split_once("acknowledged: ").map(|(_, ids)| ids)).collect();
        assert!(said.starts_with("exit 0\n") && ["1-0", "2-0", "3-0"].iter().all(|id| told.contains(id)), "{said}");
        assert_eq!(site.play(&["cli", "--json", "xpending", "jobs", "g"]), "exit 0\nout| [0,null,null,null]\n");
    }
}

#[tokio::test]
async fn what_came_back_from_the_dead_letters_is_not_left_pending_by_one_who_acknowledges_nothing() {
    for site in Either::both() {
        let control = site.client().await;
        ask(&control, "xadd jobs 1-0 data one").await;
        ask(&control, "xgroup create jobs g 0").await;
        ask(&control, "xreadgroup group g bob streams jobs >").await;
        ask(&control, "xclaim jobs g bob 0 1-0 idle 3600000 retrycount 0 justid").await;
        assert_eq!(site.play(&[&GROUP[..], &["--ack", "none", "--no-wait"]].concat()), "exit 0\nout| one\n");
        assert_eq!(ask(&control, "xpending jobs g - + 9").await, Value::Array(vec![]));
    }
}

#[tokio::test]
async fn what_dead_consumers_noted_goes_with_what_they_held() {
    for site in Either::both() {
        let control = site.client().await;
        for (list, notes) in [("one", true), ("two", false)] {
            if notes {
                ask(&control, &format!("rpush jobs:processing:{list} x")).await;
            }
            ask(&control, &format!("set jobs:processing:{list}:attempts []")).await;
        }
        // They have to be left alone for a second.
        for key in ["jobs:processing:one", "jobs:processing:two:attempts"] {
            until(&control, &format!("object idletime {key}"), |idle| matches!(idle, Value::Integer(1..))).await;
        }
        let said = site.play(&[&QUEUE[..], &["-c", "ann", "--recover-idle", "1s", "-n", "1"]].concat());
        assert_eq!(lines(&said), ["x"], "{said}");
        assert_eq!(ask(&control, "keys *").await, Value::Array(vec![]));
    }
}

#[test]
fn what_is_not_there_is_told() {
    for site in Either::both() {
        allow_duplicates! {
            assert_snapshot!(site.play(&["consume", "stream", "nope", "--exit-at-end"]), @r"
            exit 0
            err| there is no stream `nope` yet
            ");
            assert_snapshot!(site.play(&["consume", "queue", "nope", "--no-wait"]), @r"
            exit 0
            err| there is nothing in a queue `nope`, or no such queue
            err| messages are removed from `nope` as they are consumed; `rbq queue peek nope` only looks
            ");
            assert_snapshot!(site.play(&["consume", "stream", "nope", "--wait", "20ms"]), @r"
            exit 0
            err| there is no stream `nope` yet; waiting for its first message
            ");
        }
    }
}

#[test]
fn too_few_messages_in_the_time_allowed_is_timed_out() {
    for site in Either::both() {
        site.play(&["produce", "queue", "jobs", "-q", "a", "b"]);
        site.play(&["produce", "stream", "events", "-q", "a", "b"]);
        let short = ["-n", "5", "--wait", "20ms"];
        let group = ["consume", "stream", "events", "--group", "g", "--create"];
        for args in [&QUEUE[..], &["consume", "stream", "events"], &group] {
            let said = site.play(&[args, &short].concat());
            assert_eq!(said, "exit 5\nout| a\nout| b\nerr| no message for 20ms: 2 of 5 have come\n", "{args:?}");
        }
        assert_eq!(
            site.play(&["consume", "stream", "events", "-n", "2", "--wait", "20ms"]),
            "exit 0\nout| a\nout| b\n"
        );
    }
}

#[test]
fn work_that_takes_longer_than_the_wait_is_no_silence() {
    for site in Either::both() {
        for (kind, args) in [("stream", &GROUP[..]), ("queue", &QUEUE[..])] {
            site.play(&["cli", "del", "jobs"]);
            site.play(&["produce", kind, "jobs", "-q", "a", "b", "c"]);
            let slow = ["--wait", "1ms", "--exec", "echo $RBQ_FIELD_data; sleep 0.05"];
            let said = site.play(&[args, &slow].concat());
            assert_eq!(said, "exit 0\nout| a\nout| b\nout| c\n", "{kind}");
        }
    }
}

#[tokio::test]
async fn a_reader_that_leaves_is_noticed_though_no_message_comes() {
    for site in Either::both() {
        let control = site.client().await;
        site.play(&["produce", "stream", "jobs", "-q", "1", "2", "3"]);
        site.play(&["produce", "queue", "tasks", "-q", "1", "2", "3"]);
        for args in [
            &["consume", "stream", "jobs"][..],
            &["stream", "tail", "jobs", "-f", "-o", "raw"],
            &GROUP,
            &["consume", "queue", "tasks", "-q"],
        ] {
            let mut child = site.start(args);
            let mut stdout = listen(child.stdout.take().unwrap());
            for _ in 0..3 {
                let mut line = String::new();
                assert!(stdout.read_line(&mut line).unwrap() > 0, "{args:?}");
            }
            drop(stdout);
            assert_eq!(end(child), "exit 0\n", "{args:?}");
        }
        let left = site.play(&["cli", "keys", "*"]);
        assert_eq!(left, "exit 0\nout| jobs\n");
        assert_eq!(site.play(&["cli", "--json", "xpending", "jobs", "g"]), "exit 0\nout| [0,null,null,null]\n");
        let mut child = site.start(&["sub", "news"]);
        until(&control, "publish news first", |heard| *heard == Value::Integer(1)).await;
        drop(child.stdout.take());
        assert_eq!(end(child), "exit 0\n");
    }
}

#[test]
fn options_that_would_do_nothing_are_refused() {
    let site = Either::both().into_iter().next().unwrap();
    let refused = |args: &[&str]| site.play(&[&["consume"], args].concat());
    let mut said = BTreeSet::new();
    for option in [&["--max-deliver", "3"][..], &["--ack-wait", "1m"], &["--dlq", "d"], &["--ack-skipped"]] {
        let text = refused(&[&["stream", "s", "--no-wait"], option].concat());
        assert!(text.starts_with("exit 2\n") && text.contains(option[0]), "{text}");
        said.insert(text);
    }
    assert_eq!(said.len(), 4);
    assert_snapshot!(refused(&["queue", "q", "--no-wait", "--max-deliver", "3"]), @r"
    exit 2
    err| error: what is only shown does not fail: --max-deliver and --dlq go with --exec
    err| hint: a queue counts deliveries only where a command works on them
    ");
    assert_snapshot!(refused(&["queue", "q", "--no-wait", "--ack-skipped"]), @r"
    exit 2
    err| error: --ack-skipped goes with --grep or --where: nothing else is left out
    ");
}
