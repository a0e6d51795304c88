//! `rbq queue`, `rbq stream` and `rbq group` while something happens: messages that arrive, others who write, a person at a
//! terminal, a cluster.
#![allow(clippy::unwrap_used)]

mod support;
#[path = "support/terminal.rs"]
mod terminal;

use std::collections::BTreeMap;
use std::io::BufRead;
use std::process::{Child, Command};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use expectrl::Expect;
use rbq_client::{Client, Options, Value};
use support::{Oracle, Patience, ask, client, cluster, listen, play, rbq, run, start, text};
use terminal::{exit_code, open};

fn begin(oracle: &Oracle, args: &[&str]) -> Child {
    start(rbq(args).env("RBQ_URL", oracle.url()))
}

/// Ctrl-C, as the terminal sends it.
fn interrupt(child: &Child) {
    let pid = child.id().to_string();
    assert!(Command::new("kill").args(["-INT", &pid]).status().unwrap().success());
}

/// The next line that it writes.
fn line(from: &mut impl BufRead) -> String {
    let mut line = String::new();
    from.read_line(&mut line).unwrap();
    line.trim_end().to_owned()
}

/// Ends it by Ctrl-C; gives its exit code.
fn ended(child: &mut Child) -> i32 {
    interrupt(child);
    child.wait().unwrap().code().unwrap()
}

#[tokio::test]
async fn a_queues_tail_shows_what_arrives_and_takes_nothing() {
    let Some(oracle) = Oracle::start(&[]) else { return };
    let control = client(&oracle).await;
    // It is not there yet: whoever follows it waits.
    let mut child = begin(&oracle, &["queue", "tail", "jobs", "-f", "--every", "10ms", "-o", "jsonl"]);
    let mut stderr = listen(child.stderr.take().unwrap());
    assert_eq!(line(&mut stderr), "there is no queue `jobs` yet; waiting for its first message");
    assert_eq!(
        line(&mut stderr),
        "looking every 10ms; what is taken between two looks, or by a consumer that waits, is not seen"
    );
    let mut stdout = listen(child.stdout.take().unwrap());
    ask(&control, "lpush jobs one two").await;
    assert_eq!([line(&mut stdout), line(&mut stdout)], [r#"{"payload":"one"}"#, r#"{"payload":"two"}"#]);
    ask(&control, "lpush jobs three").await;
    assert_eq!(line(&mut stdout), r#"{"payload":"three"}"#);
    assert_eq!(ask(&control, "llen jobs").await, Value::Integer(3));
    assert_eq!(ended(&mut child), 130);
}

#[tokio::test]
async fn who_looks_makes_no_key_younger() {
    let server = support::own::Server::start();
    let (control, _) = Client::connect(&server.url().parse().unwrap(), &Options::default()).await.unwrap();
    ask(&control, "lpush jobs one").await;
    let mut child = start(&mut server.command(&["queue", "tail", "jobs", "-f", "-o", "jsonl"]));
    // Held: it ends when nobody reads any more.
    let mut stdout = listen(child.stdout.take().unwrap());
    assert_eq!(line(&mut stdout), r#"{"payload":"one"}"#);
    let list = ask(&control, "client list").await;
    let list = String::from_utf8_lossy(list.as_bytes().unwrap()).into_owned();
    assert!(list.contains(" flags=UT "), "{list}");
    child.kill().unwrap();
    child.wait().unwrap();
}

#[tokio::test]
async fn a_streams_tail_shows_what_is_added_and_belongs_to_no_group() {
    let Some(oracle) = Oracle::start(&[]) else { return };
    let control = client(&oracle).await;
    ask(&control, "xadd orders 1-1 n 1").await;
    ask(&control, "xadd orders 2-1 n 2").await;
    let mut child = begin(&oracle, &["stream", "tail", "orders", "-f", "-n", "1", "-o", "raw"]);
    let mut stdout = listen(child.stdout.take().unwrap());
    assert_eq!(line(&mut stdout), "2-1\t2");
    ask(&control, "xadd orders 3-1 data three").await;
    assert_eq!(line(&mut stdout), "3-1\tthree");
    assert_eq!(ask(&control, "xinfo groups orders").await, Value::Array(vec![]));
    assert_eq!(ended(&mut child), 130);
}

#[tokio::test]
async fn lag_is_watched_line_by_line_off_a_terminal() {
    let Some(oracle) = Oracle::start(&[]) else { return };
    let control = client(&oracle).await;
    ask(&control, "xadd orders 1-1 n 1").await;
    ask(&control, "xgroup create orders billing 0").await;
    let mut child = begin(&oracle, &["group", "lag", "orders", "--watch", "10ms", "-o", "raw"]);
    let mut stdout = listen(child.stdout.take().unwrap());
    let first = line(&mut stdout);
    let values: Vec<&str> = first.split('\t').collect();
    assert_eq!(values[1..], ["orders", "billing", "1", "yes", "0"]);
    ask(&control, "xadd orders 2-1 n 1").await;
    let patience = Patience::begin();
    while line(&mut stdout).split('\t').nth(3) != Some("2") {
        patience.spend();
    }
    assert_eq!(ended(&mut child), 130);
}

/// Every message's number and how often it is there.
fn tally<'a>(numbers: impl Iterator<Item = &'a str>) -> BTreeMap<u64, u32> {
    let mut tally = BTreeMap::new();
    for number in numbers {
        *tally.entry(number.parse().unwrap()).or_default() += 1;
    }
    tally
}

/// Writes numbers with this command until told to stop; gives how many.
async fn write_on(client: Client, before: &'static str, stop: Arc<AtomicBool>) -> u64 {
    let mut number = 0;
    while !stop.load(Ordering::Relaxed) {
        ask(&client, &format!("{before} {number}")).await;
        number += 1;
    }
    number
}

#[tokio::test]
async fn moving_loses_and_doubles_nothing_while_others_write() {
    let Some(oracle) = Oracle::start(&[]) else { return };
    for (kind, write, read) in
        [("stream", "xadd source * n", ["stream", "peek"]), ("queue", "lpush jobs", ["queue", "peek"])]
    {
        let (source, target) = if kind == "stream" { ("source", "target") } else { ("jobs", "later") };
        let stop = Arc::new(AtomicBool::new(false));
        let writer = tokio::spawn(write_on(client(&oracle).await, write, Arc::clone(&stop)));
        let url = oracle.url();
        let mover = std::thread::spawn(move || {
            // What was there at the start of each is moved; a few turns meet the writer at any point of its work.
            for _ in 0..5 {
                let args = [kind, "move", source, target, "--all", "--yes"];
                let output = run(rbq(&args).env("RBQ_URL", &url), b"");
                assert!(matches!(output.status.code(), Some(0 | 1)), "{}", text(&output));
            }
        });
        let patience = Patience::begin();
        while !mover.is_finished() {
            patience.spend();
            tokio::task::yield_now().await;
        }
        stop.store(true, Ordering::Relaxed);
        let written = writer.await.unwrap();
        mover.join().unwrap();
        let mut all = String::new();
        for key in [source, target] {
            let args = [&read[..], &[key, "-n", "10000000", "-o", "raw"]].concat();
            all.push_str(&String::from_utf8(run(rbq(&args).env("RBQ_URL", oracle.url()), b"").stdout).unwrap());
        }
        let tally = tally(all.lines().map(|line| line.rsplit('\t').next().unwrap()));
        assert_eq!(tally.len() as u64, written, "{kind}");
        assert!(tally.values().all(|times| *times == 1), "{kind}");
    }
}

/// Writes numbers and deletes each third at once until told to stop; gives those that it has not deleted itself.
async fn write_and_delete(client: Client, first: u64, stop: Arc<AtomicBool>) -> Vec<u64> {
    let mut kept = Vec::new();
    for number in (first..).step_by(10) {
        if stop.load(Ordering::Relaxed) {
            break;
        }
        let Value::Bulk(id) = ask(&client, &format!("xadd source * n {number}")).await else { panic!("no ID") };
        let deletes = number % 3 == 0;
        if !deletes || ask(&client, &format!("xdel source {}", id.escape_ascii())).await == Value::Integer(0) {
            kept.push(number);
        }
    }
    kept
}

#[tokio::test]
async fn a_stream_that_is_never_left_alone_is_moved_all_the_same_and_what_others_delete_stays_deleted() {
    let Some(oracle) = Oracle::start(&[]) else { return };
    let control = client(&oracle).await;
    let stop = Arc::new(AtomicBool::new(false));
    let mut writers = Vec::new();
    for first in 0..10 {
        writers.push(tokio::spawn(write_and_delete(client(&oracle).await, first, Arc::clone(&stop))));
    }
    let patience = Patience::begin();
    while matches!(ask(&control, "xlen source").await, Value::Integer(..100)) {
        patience.spend();
    }
    let url = oracle.url();
    let mover = std::thread::spawn(move || {
        for _ in 0..5 {
            let output = run(rbq(&["stream", "move", "source", "target", "--all", "--yes"]).env("RBQ_URL", &url), b"");
            assert_eq!(output.status.code(), Some(0), "{}", text(&output));
        }
    });
    let patience = Patience::begin();
    while !mover.is_finished() {
        patience.spend();
        tokio::task::yield_now().await;
    }
    stop.store(true, Ordering::Relaxed);
    let mut written = Vec::new();
    for writer in writers {
        written.extend(writer.await.unwrap());
    }
    mover.join().unwrap();
    let mut there = Vec::new();
    for key in ["source", "target"] {
        let output =
            run(rbq(&["stream", "peek", key, "-n", "10000000", "-o", "raw"]).env("RBQ_URL", oracle.url()), b"");
        let lines = String::from_utf8(output.stdout).unwrap();
        there.extend(lines.lines().map(|line| line.rsplit('\t').next().unwrap().parse::<u64>().unwrap()));
    }
    there.sort_unstable();
    written.sort_unstable();
    assert_eq!(there, written);
}

#[tokio::test]
async fn a_person_is_asked_and_only_a_yes_counts() {
    let Some(oracle) = Oracle::start(&[]) else { return };
    let control = client(&oracle).await;
    for line in
        ["lpush jobs one two three", "xadd orders 1-1 n 1", "xadd orders 2-1 n 1", "xgroup create orders billing 0"]
    {
        ask(&control, line).await;
    }
    let commands: [(&[&str], &str); 7] = [
        (&["queue", "trim", "jobs", "--maxlen", "2"], "threw away 1 message of `jobs`, 2 stay"),
        (&["queue", "move", "jobs", "later", "-n", "1"], "moved 1 message from `jobs` to `later`"),
        (&["queue", "purge", "jobs"], "threw away 1 message of `jobs`"),
        (&["group", "seek", "orders", "billing", "--to", "end"], "set the group `billing` of `orders` to the end"),
        (&["group", "rm", "orders", "billing"], "removed the group `billing` of `orders`"),
        (&["stream", "trim", "orders", "--maxlen", "1"], "threw away 1 entry of `orders`"),
        (&["stream", "purge", "orders"], "threw away 1 entry of `orders`"),
    ];
    for (args, done) in commands {
        for (answer, said, code) in [("n\r", "nothing was changed", 1), ("y\r", done, 0)] {
            let mut command = rbq(args);
            command.env("RBQ_URL", oracle.url());
            let mut terminal = open(command);
            terminal.expect("go on? [y/N] ").unwrap();
            terminal.send(answer).unwrap();
            terminal.expect(said).unwrap();
            assert_eq!(exit_code(terminal), code, "{args:?}");
        }
    }
    assert_eq!(ask(&control, "llen jobs").await, Value::Integer(0));
    assert_eq!(ask(&control, "xlen orders").await, Value::Integer(0));
}

#[tokio::test]
async fn in_a_protected_context_its_name_is_typed() {
    let Some(oracle) = Oracle::start(&[]) else { return };
    let control = client(&oracle).await;
    ask(&control, "lpush jobs one").await;
    let dir = tempfile::tempdir().unwrap();
    let contexts = dir.path().join("contexts.toml");
    let command = |args: &[&str]| {
        let mut command = rbq(args);
        command.env("RBQ_CONTEXTS", &contexts);
        command
    };
    let added = run(&mut command(&["context", "add", "prod", &oracle.url(), "--protected", "--use"]), b"");
    assert!(added.status.success());
    let refused = run(&mut command(&["queue", "purge", "jobs", "--yes"]), b"");
    assert_eq!(refused.status.code(), Some(2), "{}", text(&refused));
    for (answer, said, code) in [("y\r", "nothing was changed", 1), ("prod\r", "threw away 1 message", 0)] {
        let mut terminal = open(command(&["queue", "purge", "jobs", "--yes"]));
        terminal.expect("`prod` is protected; type its name to go on: ").unwrap();
        terminal.send(answer).unwrap();
        terminal.expect(said).unwrap();
        assert_eq!(exit_code(terminal), code);
    }
}

#[tokio::test]
async fn on_a_terminal_the_watched_lag_is_drawn_anew() {
    let Some(oracle) = Oracle::start(&[]) else { return };
    let control = client(&oracle).await;
    ask(&control, "xadd orders 1-1 n 1").await;
    ask(&control, "xgroup create orders billing 0").await;
    let mut command = rbq(&["group", "lag", "orders", "-w", "10ms"]);
    command.env("RBQ_URL", oracle.url());
    let mut terminal = open(command);
    for _ in 0..2 {
        terminal.expect("\x1b[H\x1b[J").unwrap();
        terminal.expect("CHANGE/S").unwrap();
    }
    terminal.send("\x03").unwrap();
    assert_eq!(exit_code(terminal), 130);
}

#[tokio::test]
async fn a_cluster_is_one_server_and_what_no_step_can_hold_is_refused() {
    let Some(nodes) = cluster::start::<2>().await else { return };
    let [first, second] = nodes.map(|node| node.oracle);
    // `foo` is in a slot of the second node, `bar` in one of the first.
    ask(&client(&second).await, "lpush foo one two").await;
    ask(&client(&first).await, "xadd bar 1-1 n 1").await;
    ask(&client(&first).await, "xgroup create bar g 0").await;
    ask(&client(&first).await, "lpush {bar}:jobs three").await;
    // In hand of a queue whose name has no hash tag, and of one that has.
    ask(&client(&second).await, "lpush {foo}:processing:ann four").await;
    ask(&client(&first).await, "lpush {bar}:jobs:processing:ann five six").await;
    for seed in [&first, &second] {
        let told = play(seed, &["queue", "ls", "-o", "raw"], "");
        assert!(told.contains("out| foo\t2\t1\t1\t") && told.contains("out| {bar}:jobs\t1\t2\t1\t"), "{told}");
        assert_eq!(told.lines().count(), 3, "{told}");
        assert!(play(seed, &["group", "lag", "-o", "raw"], "").contains("out| bar\tg\t1\tyes\t0"));
        assert_eq!(play(seed, &["stream", "peek", "bar", "-o", "raw"], ""), "exit 0\nout| 1-1\t1\n");
    }
    insta::assert_snapshot!(play(&first, &["queue", "move", "foo", "jobs", "--all", "--yes"], ""), @r"
    exit 1
    err| error: `foo` and `jobs` are in different slots of the cluster, and no step can hold both
    err| hint: a target such as `{foo}:jobs` is in the same slot
    ");
    assert!(play(&first, &["queue", "move", "foo", "{foo}:later", "--all", "--yes"], "").starts_with("exit 0\n"));
    assert!(play(&first, &["group", "seek", "bar", "g", "--to", "end", "--yes"], "").starts_with("exit 0\n"));
}
