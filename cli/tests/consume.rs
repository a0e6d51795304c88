//! `rbq consume` by groups and queues: commands, failures, dead letters, and consumers that are killed.
#![allow(clippy::unwrap_used)]

mod support;

use std::collections::BTreeSet;
use std::fs;
use std::io::Read as _;
use std::path::Path;
use std::process::{Child, Command};

use insta::{allow_duplicates, assert_snapshot};
use rbq_client::Value;
use support::either::Either;
use support::own::Server;
use support::{Patience, ask, oracle, rbq, run, start, text, until};

fn end(child: Child) -> String {
    text(&child.wait_with_output().unwrap())
}

fn signal(child: &Child, name: &str) {
    assert!(Command::new("kill").args([name, &child.id().to_string()]).status().unwrap().success());
}

/// It has not ended: nobody waits for what would never come.
fn goes_on(child: &mut Child) {
    if let Some(status) = child.try_wait().unwrap() {
        let mut said = String::new();
        child.stderr.take().unwrap().read_to_string(&mut said).unwrap();
        panic!("it ended with {status}: {said}");
    }
}

/// What stdout held, line by line.
fn lines(said: &str) -> Vec<&str> {
    said.lines().filter_map(|line| line.strip_prefix("out| ")).collect()
}

const GROUP: [&str; 7] = ["consume", "stream", "jobs", "--group", "g", "--create", "--no-wait"];
const QUEUE: [&str; 4] = ["consume", "queue", "jobs", "--no-wait"];
const LETTERS: [&str; 6] = [
    "consume",
    "stream",
    "jobs.dlq",
    "--no-wait",
    "--format",
    "%{data}: %{_rbq.source} %{_rbq.type} %{_rbq.group} %{_rbq.reason} %{_rbq.error} %{_rbq.redrives} %{_rbq.count}\\n",
];

#[test]
fn what_fails_too_often_becomes_a_dead_letter() {
    for site in Either::both() {
        site.play(&["produce", "stream", "jobs", "-q", "good", "bad", "late"]);
        let work =
            ["--exec", "grep -q bad && kill -9 $$; true", "--max-deliver", "3", "--backoff", "1ms,2ms", "-c", "ann"];
        let said = site.play(&[&GROUP[..], &work].concat());
        let letter = "is a dead letter in `jobs.dlq` (max-deliver, delivery 3: signal 9)";
        assert!(said.starts_with("exit 0\nerr| ") && said.contains(letter), "{said}");
        allow_duplicates! { assert_snapshot!(site.play(&LETTERS), @r"
        exit 0
        out| bad: jobs stream g max-deliver signal 9 0 13
        "); }
        let attempts = site.play(&["consume", "stream", "jobs.dlq", "--no-wait", "--format", "%{_rbq.attempts}"]);
        assert_eq!(attempts.matches(r#""consumer":"ann""#).count(), 3, "{attempts}");
        let pending = site.play(&["cli", "--json", "xpending", "jobs", "g"]);
        assert_eq!(pending, "exit 0\nout| [0,null,null,null]\n");
    }
}

#[test]
fn what_kills_its_consumer_each_time_becomes_a_dead_letter() {
    for site in Either::both() {
        site.play(&["produce", "stream", "jobs", "-q", "bad"]);
        site.play(&["produce", "queue", "tasks", "-q", "bad"]);
        let work = ["--exec", "kill -9 $PPID", "--max-deliver", "3", "--consumer", "ann"];
        let group = [&GROUP[..], &work].concat();
        let queue = [&["consume", "queue", "tasks", "--no-wait"][..], &work].concat();
        for _ in 0..3 {
            assert!(site.play(&group).starts_with("exit by a signal"));
            assert!(site.play(&["cli", "keys", "jobs:rbq:attempts:*"]).lines().count() <= 2);
            assert!(site.play(&queue).starts_with("exit by a signal"));
        }
        let said = site.play(&group);
        assert!(said.starts_with("exit 0\n") && said.contains("(max-deliver, delivery 3)"), "{said}");
        let said = site.play(&queue);
        assert!(said.starts_with("exit 0\n") && said.contains("(max-deliver, delivery 3)"), "{said}");
        allow_duplicates! {
            assert_snapshot!(site.play(&LETTERS), @r"
            exit 0
            out| bad: jobs stream g max-deliver  0 13
            ");
            assert_snapshot!(site.play(&[&["consume", "stream", "tasks.dlq"], &LETTERS[3..]].concat()), @r"
            exit 0
            out| bad: tasks queue  max-deliver  0 13
            ");
        }
        for dlq in ["jobs.dlq", "tasks.dlq"] {
            let attempts = site.play(&["consume", "stream", dlq, "--no-wait", "--format", "%{_rbq.attempts}"]);
            assert_eq!(attempts.matches(r#""consumer":"ann""#).count(), 3, "{dlq}: {attempts}");
        }
        assert_eq!(site.play(&["cli", "keys", "tasks*"]), "exit 0\nout| tasks.dlq\n");
        assert_eq!(site.play(&["cli", "keys", "jobs:*"]), "exit 0\nout|\n");
    }
}

#[test]
fn the_exit_code_of_the_command_decides() {
    for site in Either::both() {
        for kind in [&GROUP[..], &QUEUE] {
            let play = |work: &[&str]| site.play(&[kind, &["--exec"], work].concat());
            site.play(&["cli", "del", "jobs", "jobs.dlq"]);
            site.play(&["produce", kind[1], "jobs", "-q", "one"]);
            let said = play(&["nosuchcommand 2>/dev/null"]);
            assert!(said.starts_with("exit 1\n"), "{said}");
            assert!(said.contains("err| error: the command cannot be run (exit 127)"), "{said}");
            // 75 twice, and still the first delivery.
            let dir = tempfile::tempdir().unwrap();
            let seen = dir.path().join("seen").display().to_string();
            let returning = format!("echo $RBQ_DELIVERY >> {seen}; test $(wc -l < {seen}) -ge 3 && exit 65; exit 75");
            let said = play(&[&returning, "--backoff", "1ms", "--max-deliver", "2"]);
            assert!(said.starts_with("exit 0\n") && said.contains("(rejected, delivery 1: exit 65)"), "{said}");
            assert_eq!(fs::read_to_string(&seen).unwrap(), "1\n1\n1\n");
            let letters = site.play(&LETTERS);
            assert!(letters.contains("rejected exit 65"), "{letters}");
        }
    }
}

#[tokio::test]
async fn a_killed_consumer_loses_nothing() {
    const MESSAGES: usize = 200;
    for site in Either::both() {
        let control = site.client().await;
        let all: Vec<String> = (0..MESSAGES).map(|number| format!("m{number}")).collect();
        let messages: Vec<&str> = all.iter().map(String::as_str).collect();
        for (kind, args) in [("stream", &GROUP[..6]), ("queue", &QUEUE[..3])] {
            ask(&control, "del jobs").await;
            site.play(&[&["produce", kind, "jobs", "-q"][..], &messages].concat());
            let dir = tempfile::tempdir().unwrap();
            let done = dir.path().join("done");
            let exec = format!("echo $RBQ_FIELD_data >> {}; true", done.display());
            let work = [args, &["--exec", &exec, "--concurrency", "8", "-c", "ann"]].concat();
            for kill_at in [20, 60, 100, 140] {
                let mut child = site.start(&work);
                while count_lines(&done) < kill_at {
                    goes_on(&mut child);
                    ask(&control, "ping").await;
                }
                child.kill().unwrap();
                child.wait().unwrap();
            }
            let said = site.play(&[&work[..], &["--no-wait"]].concat());
            assert!(said.starts_with("exit 0\n") && !said.contains("error"), "{said}");
            let seen: BTreeSet<String> = fs::read_to_string(&done).unwrap().lines().map(str::to_owned).collect();
            assert_eq!(seen, all.iter().cloned().collect(), "{kind}");
        }
        assert_eq!(site.play(&["cli", "keys", "jobs:processing:*"]), "exit 0\nout|\n");
    }
}

fn count_lines(path: &Path) -> usize {
    fs::read_to_string(path).map_or(0, |text| text.lines().count())
}

#[tokio::test]
async fn what_a_dead_consumer_holds_goes_to_a_living_one() {
    for site in Either::both() {
        let control = site.client().await;
        site.play(&["produce", "stream", "jobs", "-q", "one"]);
        ask(&control, "xgroup create jobs g 0").await;
        ask(&control, "xreadgroup group g dead streams jobs >").await;
        let bob = ["-c", "bob", "--ack-wait", "20ms", "-n", "1", "--format", "%v %d\\n"];
        let said = site.play(&[&GROUP[..5], &bob].concat());
        assert_eq!(said, "exit 0\nout| one 2\n");
        site.play(&["produce", "queue", "tasks", "-q", "one", "two"]);
        ask(&control, "lmove tasks tasks:processing:dead right left").await;
        let tasks = ["consume", "queue", "tasks", "-c", "bob", "--recover-idle", "1s", "-n", "2"];
        let said = site.play(&tasks);
        assert_eq!(lines(&said).into_iter().collect::<BTreeSet<_>>(), BTreeSet::from(["one", "two"]), "{said}");
        assert!(said.contains("took back 1 from `tasks:processing:dead`"), "{said}");
    }
}

#[tokio::test]
async fn a_message_in_work_stays_ours_and_is_finished_after_sigterm() {
    for site in Either::both() {
        let control = site.client().await;
        site.play(&["produce", "stream", "jobs", "-q", "slow"]);
        let dir = tempfile::tempdir().unwrap();
        let (begun, gate) = (dir.path().join("begun"), dir.path().join("gate"));
        assert!(Command::new("mkfifo").arg(&gate).status().unwrap().success());
        let exec = format!("touch {}; read line < {}", begun.display(), gate.display());
        let ann = [&GROUP[..6], &["-c", "ann", "--ack-wait", "60ms", "--exec", &exec]].concat();
        let mut child = site.start(&ann);
        while !begun.exists() {
            goes_on(&mut child);
            ask(&control, "ping").await;
        }
        // Again and again it says that it still works on it: the idle time begins anew.
        let (mut last, mut renewals) = (0, 0);
        while renewals < 3 {
            goes_on(&mut child);
            let Value::Array(pending) = ask(&control, "xpending jobs g - + 9").await else { panic!("no list") };
            let [Value::Array(entry)] = &pending[..] else { panic!("{pending:?}") };
            let [_, Value::Bulk(consumer), Value::Integer(idle), deliveries] = &entry[..] else { panic!("{entry:?}") };
            assert_eq!((&consumer[..], deliveries), (&b"ann"[..], &Value::Integer(1)));
            renewals += u32::from(*idle < last);
            last = *idle;
        }
        signal(&child, "-TERM");
        fs::write(&gate, "go\n").unwrap();
        assert_eq!(end(child), "exit 143\nerr| consumed 1 message\n");
        assert_eq!(site.play(&["cli", "--json", "xpending", "jobs", "g"]), "exit 0\nout| [0,null,null,null]\n");
    }
}

#[tokio::test]
async fn two_consumers_that_decide_at_once_bury_a_message_once() {
    for site in Either::both() {
        let control = site.client().await;
        let messages: Vec<String> = (0..150).map(|number| number.to_string()).collect();
        let messages: Vec<&str> = messages.iter().map(String::as_str).collect();
        site.play(&[&["produce", "stream", "jobs", "-q"][..], &messages].concat());
        ask(&control, "xgroup create jobs g 0").await;
        ask(&control, "xreadgroup group g dead count 1000 streams jobs >").await;
        let start = |name| {
            let more = ["-c", name, "--ack-wait", "10ms", "--max-deliver", "1", "--wait", "300ms"];
            site.start(&[&GROUP[..5], &more].concat())
        };
        let consumers = ["ann", "bob", "cat"].map(start);
        for consumer in consumers {
            assert!(end(consumer).starts_with("exit 0\n"));
        }
        assert_eq!(ask(&control, "xlen jobs.dlq").await, Value::Integer(150));
        let mut letters = lines(&site.play(&["consume", "stream", "jobs.dlq", "--no-wait", "--format", "%{data}\\n"]))
            .into_iter()
            .map(str::to_owned)
            .collect::<Vec<_>>();
        letters.sort();
        letters.dedup();
        assert_eq!(letters.len(), 150);
    }
}

#[tokio::test]
async fn a_name_has_one_consumer() {
    for site in Either::both() {
        let control = site.client().await;
        let child = site.start(&["consume", "queue", "jobs", "-c", "ann"]);
        until(&control, "client list", |list| String::from_utf8_lossy(list.as_bytes().unwrap()).contains("cmd=blmove"))
            .await;
        let said = site.play(&[&QUEUE[..], &["-c", "ann"]].concat());
        assert!(said.starts_with("exit 1\n") && said.contains(r#"another consumer is called "ann""#), "{said}");
        assert!(site.play(&[&QUEUE[..], &["-c", "bob"]].concat()).starts_with("exit 0\n"));
        signal(&child, "-INT");
        assert!(end(child).starts_with("exit 130\n"));
    }
}

#[tokio::test]
async fn a_cluster_is_followed_and_everything_beside_a_key_is_in_its_slot() {
    let Some(nodes) = oracle::cluster::start::<3>().await else { return };
    let url = nodes[0].oracle.url();
    let play = |args: &[&str]| text(&run(rbq(args).env("RBQ_URL", &url), b""));
    // One a node.
    for name in ["b", "c", "d"] {
        assert_eq!(play(&["produce", "stream", name, "1", "2"]), "exit 0\nerr| sent 2, acknowledged 2, failed 0\n");
        let group = ["consume", "stream", name, "--group", "g", "--create", "--no-wait"];
        let said = play(&[&group[..], &["--exec", "grep -q 1 && exit 65; true"]].concat());
        assert!(said.starts_with("exit 0\n") && said.contains(&format!("in `{{{name}}}.dlq` (rejected")), "{said}");
        let letters = format!("{{{name}}}.dlq");
        let said = play(&["consume", "stream", &letters, "--no-wait", "--format", "%{data} %{_rbq.source}\\n"]);
        assert_eq!(said, format!("exit 0\nout| 1 {name}\n"));
        let queue = format!("{name}-queue");
        play(&["produce", "queue", &queue, "-q", "1", "2"]);
        let taken = ["consume", "queue", &queue, "--no-wait", "-q", "-c", "ann", "--ack", "manual", "-n", "1"];
        assert_eq!(play(&taken), "exit 0\nout| 1\n");
        let processing = format!("{{{queue}}}:processing:ann");
        assert_eq!(play(&["cli", "-c", "llen", &processing]), "exit 0\nout| 1\n");
    }
    let said = play(&["consume", "queue", "b", "--dlq", "c", "--exec", "true"]);
    assert!(said.starts_with("exit 1\n") && said.contains("`b` is a stream"), "{said}");
    let said = play(&["consume", "queue", "none", "--dlq", "other", "--exec", "true"]);
    assert!(said.starts_with("exit 2\n") && said.contains("are in different slots"), "{said}");
    if oracle::is_before_7() {
        return;
    }
    for name in ["b", "c", "d"] {
        let child = start(rbq(&["sub", "--shard", name, "-n", "1"]).env("RBQ_URL", &url));
        let patience = Patience::begin();
        while play(&["pub", "--shard", name, "hi"]).contains("heard 0 times") {
            patience.spend();
        }
        assert_eq!(end(child), "exit 0\nout| hi\n");
    }
}

#[test]
fn acknowledging_is_as_it_was_chosen() {
    for site in Either::both() {
        site.play(&["produce", "stream", "jobs", "-q", "1", "2"]);
        let pending = || site.play(&["cli", "xpending", "jobs", "g", "-", "+", "9"]).matches("ann").count();
        let ann = [&GROUP[..], &["-c", "ann", "--ack"]].concat();
        let said = site.play(&[&ann[..], &["manual", "-n", "1"]].concat());
        assert_eq!((said.as_str(), pending()), ("exit 0\nout| 1\n", 1));
        // Its own are left to whoever acknowledges them.
        let said = site.play(&[&ann[..], &["none"]].concat());
        assert!(said.contains("out| 2"), "{said}");
        site.play(&["produce", "queue", "tasks", "-q", "1", "2"]);
        let tasks = ["consume", "queue", "tasks", "--no-wait", "-c", "ann", "--ack"];
        assert_eq!(lines(&site.play(&[&tasks[..], &["none", "-n", "1"]].concat())), ["1"]);
        assert_eq!(lines(&site.play(&[&tasks[..], &["manual"]].concat())), ["2"]);
        assert_eq!(site.play(&["cli", "lrange", "tasks:processing:ann", "0", "-1"]), "exit 0\nout| 2\n");
        let said = site.play(&tasks[..6]);
        assert!(said.contains("err| took back 1 from an earlier run of this consumer"), "{said}");
        assert_eq!(lines(&said), ["2"]);
    }
}

#[test]
fn messages_are_shown_as_they_were_asked_for() {
    for site in Either::both() {
        for (id, value) in [("1-1", "one"), ("2-1", r#"{"n":2}"#), ("3-1", "three")] {
            site.play(&["produce", "stream", "s", "-q", "--id", id, value]);
        }
        site.play(&["produce", "stream", "s", "-q", "--id", "4-1", "--field", "a=1", "--field", "b", "four"]);
        let play = |more: &[&str]| site.play(&[&["consume", "stream", "s", "--no-wait"][..], more].concat());
        allow_duplicates! {
            assert_snapshot!(play(&["--output", "json", "--until", "2"]), @r#"
            exit 0
            out| [{"stream":"s","id":"1-1","fields":{"data":"one"}},{"stream":"s","id":"2-1","fields":{"data":"{\"n\":2}"}}]
            "#);
            assert_snapshot!(play(&["--format", "%i %T %k %v\\n", "--from", "2-1"]), @r#"
            exit 0
            out| 3-1 3 s three
            out| 4-1 4 s {"a":"1","b":"four"}
            "#);
            assert_snapshot!(play(&["--format", "%i\\n", "--from", "2", "--until", "3-1"]), @r"
            exit 0
            out| 2-1
            out| 3-1
            ");
            assert_snapshot!(play(&["--grep", "^t|ou", "-n", "2"]), @r#"
            exit 0
            out| three
            out| a 1 b four
            "#);
            assert_snapshot!(play(&["--where", ".value.n? == 2 or .fields.a == \"1\"", "-f", "%i\\n"]), @r"
            exit 0
            out| 2-1
            out| 4-1
            ");
            assert_snapshot!(play(&["--from", "end", "-o", "json"]), @r"
            exit 0
            out| []
            ");
            // What is to come is behind it, so there is nothing to wait for.
            assert_snapshot!(site.play(&["consume", "stream", "s", "--from", "3", "--until", "-1h"]), @r"
            exit 0
            out| three
            out| a 1 b four
            ");
            let group = ["consume", "stream", "s", "--group", "g", "--create", "--no-wait"];
            let more = ["--grep", "three", "--ack-skipped", "--from", "1-1"];
            assert_snapshot!(site.play(&[&group[..], &more].concat()), @r"
            exit 0
            out| three
            ");
            assert_snapshot!(site.play(&["cli", "--json", "xpending", "s", "g"]), @r"
            exit 0
            out| [0,null,null,null]
            ");
        }
    }
}

#[test]
fn what_makes_no_sense_is_told() {
    let site = Either::Rbq(Server::start());
    site.play(&["produce", "queue", "jobs", "-q", "x"]);
    let consume = |args: &[&str]| site.play(&[&["consume"], args].concat());
    assert_snapshot!(consume(&["stream", "jobs"]), @r"
    exit 1
    err| error: `jobs` is a queue
    err| hint: `rbq consume queue jobs` takes its messages
    ");
    assert_snapshot!(consume(&["queue", "jobs", "--group", "g"]), @r"
    exit 2
    err| error: a queue has neither groups nor IDs; --group, --from and --until are for streams
    ");
    assert_snapshot!(consume(&["stream", "s", "--group", "g", "--from", "end"]), @r"
    exit 2
    err| error: a group goes on where it is; --from is for one that --create makes
    err| hint: `rbq group seek` moves a group
    ");
    assert_snapshot!(consume(&["stream", "s", "--exec", "true"]), @r"
    exit 2
    err| error: without a group nothing is acknowledged, and nobody is given a message
    err| hint: --exec, --ack and --consumer go with --group, or with a queue
    ");
    assert_snapshot!(consume(&["queue", "jobs", "--grep", "x"]), @r"
    exit 2
    err| error: what a filter leaves out has to be taken all the same, to reach the rest
    err| hint: --ack-skipped acknowledges it unseen
    ");
    assert_snapshot!(consume(&["queue", "jobs", "--ack", "after-exec"]), @r"
    exit 2
    err| error: --ack after-exec goes with --exec
    ");
    assert_snapshot!(consume(&["queue", "jobs", "--where", "("  , "--ack-skipped"]), @r"
    exit 2
    err| error: `(` is no jq expression: it does not parse
    ");
    site.play(&["cli", "set", "jobs.dlq", "text"]);
    let dying = ["queue", "jobs", "--exec", "exit 65", "--no-wait"];
    assert_snapshot!(consume(&dying), @r"
    exit 1
    err| error: dead letters go to a stream, and `jobs.dlq` is a string
    err| hint: --dlq names another key
    ");
    // Nothing was taken for it.
    assert_eq!(
        site.play(&["cli", "keys", "*"]).lines().skip(1).collect::<BTreeSet<_>>(),
        BTreeSet::from(["out| jobs", "out| jobs.dlq"])
    );
    let said = consume(&[&dying[..], &["--dlq", "dead"]].concat());
    assert!(said.starts_with("exit 0\n") && said.contains("is a dead letter in `dead`"), "{said}");
}
