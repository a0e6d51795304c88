//! `rbq consume` whose connection ends at each of its requests in turn: before the server hears of it, and after it was done and before
//! anybody hears of that. Every message is there once, whatever was under way.
#![allow(clippy::unwrap_used)]

#[path = "support/cut.rs"]
mod cut;
mod support;

use std::fs;
use std::path::PathBuf;

use cut::{Cut, Proxy};
use rbq_client::{Client, Value};
use support::either::Either;
use support::{ask, rbq, run, text};

/// Three full batches, so that what is to come again may be exactly as much as is asked for.
const MESSAGES: usize = 12;
const BATCH: &str = "3";

/// How a group or a queue is consumed.
#[derive(Debug, Clone, Copy)]
struct Way {
    kind: &'static str,
    options: &'static [&'static str],
    has_command: bool,
}

impl Way {
    fn is_manual(self) -> bool {
        self.options.contains(&"manual")
    }
}

const GROUP: &[&str] = &["--group", "g"];
const GROUP_MANUAL: &[&str] = &["--group", "g", "--ack", "manual"];

fn socket(server: &Either) -> PathBuf {
    match server {
        Either::Redis(oracle) => oracle.socket(),
        Either::Rbq(server) => server.socket().into(),
    }
}

/// The first question for messages: from here on a lost connection is made again.
fn asks_for_messages(request: &[u8]) -> bool {
    let request = String::from_utf8_lossy(request);
    let is_group = request.contains("XREADGROUP") && request.contains("COUNT");
    is_group || request.contains("XPENDING") && request.contains("100") || is_take(&request)
}

/// A queue's, which looks like what tries the rights to it, but for what else is tried then.
fn is_take(request: &str) -> bool {
    request.contains("LMOVE") && request.contains("RIGHT\r\n$4\r\nLEFT") && !request.contains("BLMOVE")
}

/// The messages; a group has given some to a consumer that is dead now, and a batch to an earlier run of ours.
async fn prepare(control: &Client, way: Way) {
    ask(control, "flushall").await;
    if way.kind == "queue" {
        for number in 0..MESSAGES {
            ask(control, &format!("lpush jobs m{number}")).await;
        }
        return;
    }
    for number in 0..MESSAGES {
        ask(control, &format!("xadd jobs {}-0 data m{number}", number + 1)).await;
    }
    ask(control, "xgroup create jobs g 0").await;
    ask(control, "xreadgroup group g bob count 2 streams jobs >").await;
    ask(control, "xclaim jobs g bob 0 1-0 2-0 idle 3600000 justid").await;
    if !way.is_manual() {
        ask(control, &format!("xreadgroup group g ann count {BATCH} streams jobs >")).await;
    }
}

/// One run with one cut; false if there were not so many requests.
async fn play(server: &Either, way: Way, at: usize, cut: Cut) -> bool {
    let control = server.client().await;
    prepare(&control, way).await;
    let proxy = Proxy::start(&socket(server), asks_for_messages, at, cut);
    let dir = tempfile::tempdir().unwrap();
    let done = dir.path().join("done");
    // One fails at first, one is given back uncounted, and one is a dead letter.
    let exec = format!(
        "echo $RBQ_FIELD_data >> {0}; case $RBQ_FIELD_data in m2) mkdir {0}-m2;; m3) mkdir {0}-m3 || exit 0; exit 75;; \
         m4) exit 65;; esac",
        done.display()
    );
    let mut command = rbq(&["consume", way.kind, "jobs", "-c", "ann", "--batch", BATCH]);
    command.args(way.options).env("RBQ_URL", proxy.url());
    command.args(if way.kind == "queue" { &["-q"][..] } else { &[] });
    if way.has_command {
        command.args(["--exec", &exec, "--concurrency", "2", "--backoff", "1ms"]);
    }
    command.args(["--no-wait"]);
    let output = tokio::task::spawn_blocking(move || run(&mut command, b"")).await.unwrap();
    let said = text(&output);
    let case = format!("{way:?} at {at} {cut:?}: {said}");
    assert!(said.starts_with("exit 0\n"), "{case}");
    let seen = if way.has_command { fs::read(&done).unwrap() } else { output.stdout };
    let mut seen: Vec<String> = String::from_utf8(seen).unwrap().lines().map(str::to_owned).collect();
    seen.sort();
    let all = (0..MESSAGES).map(|number| format!("m{number}"));
    let again = if way.has_command { &["m3"][..] } else { &[] };
    let mut expected: Vec<String> = all.chain(again.iter().map(|again| (*again).to_owned())).collect();
    expected.sort();
    assert_eq!(seen, expected, "{case}");
    nothing_is_left(&control, way).await;
    proxy.has_cut(at)
}

async fn nothing_is_left(control: &Client, way: Way) {
    let held = if way.kind == "stream" { "xpending jobs g - + 100" } else { "lrange jobs:processing:ann 0 -1" };
    let Value::Array(held) = ask(control, held).await else { panic!() };
    assert_eq!(held.len(), if way.is_manual() { MESSAGES } else { 0 }, "{way:?}");
    let letters = ask(control, "xlen jobs.dlq").await;
    assert_eq!(letters, Value::Integer(way.has_command.into()), "{way:?}");
}

/// Every request of a run, cut off both ways.
async fn cut_everywhere(way: Way) {
    for server in Either::both() {
        for cut in [Cut::Request, Cut::Reply] {
            let mut at = 0;
            while play(&server, way, at, cut).await {
                at += 1;
            }
            // A run that asks for so little has not been cut where it matters.
            assert!(at >= 4, "{way:?}: {at}");
        }
    }
}

#[tokio::test]
async fn a_group_prints_each_entry_once() {
    cut_everywhere(Way { kind: "stream", options: GROUP, has_command: false }).await;
}

#[tokio::test]
async fn a_group_that_others_acknowledge_prints_each_entry_once() {
    cut_everywhere(Way { kind: "stream", options: GROUP_MANUAL, has_command: false }).await;
}

#[tokio::test]
async fn a_groups_command_works_on_each_entry_once() {
    cut_everywhere(Way { kind: "stream", options: GROUP, has_command: true }).await;
}

#[tokio::test]
async fn a_queue_prints_each_message_once() {
    cut_everywhere(Way { kind: "queue", options: &[], has_command: false }).await;
}

#[tokio::test]
async fn a_queue_that_others_acknowledge_prints_each_message_once() {
    cut_everywhere(Way { kind: "queue", options: &["--ack", "manual"], has_command: false }).await;
}

#[tokio::test]
async fn a_queues_command_works_on_each_message_once() {
    cut_everywhere(Way { kind: "queue", options: &[], has_command: true }).await;
}
