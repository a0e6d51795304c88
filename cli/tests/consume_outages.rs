//! `rbq consume` on connections that are lost: a server that is killed and started again, clients that are closed, a replica that
//! was a master. Nothing is lost, and nothing is worked on twice.
#![allow(clippy::unwrap_used)]

mod support;

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Child, ChildStderr, Command};

use rbq_client::{Client, Options, Value};
use support::either::Either;
use support::own::Server;
use support::{Oracle, Patience, Patient, ask, client, listen, rbq, run, start, text, until};

const MESSAGES: usize = 240;

async fn connect(url: &str) -> Client {
    Client::connect(&url.parse().unwrap(), &Options::default()).await.unwrap().0
}

fn play(url: &str, args: &[&str]) -> String {
    text(&run(rbq(args).env("RBQ_URL", url), b""))
}

fn begin(url: &str, args: &[&str]) -> Child {
    start(rbq(args).env("RBQ_URL", url))
}

fn produce(url: &str, kind: &str, count: usize) {
    let all: Vec<String> = (0..count).map(|number| format!("m{number}")).collect();
    let all: Vec<&str> = all.iter().map(String::as_str).collect();
    play(url, &[&["produce", kind, "jobs", "-q"][..], &all].concat());
}

fn lines_of(path: &Path) -> Vec<String> {
    fs::read_to_string(path).map_or_else(|_| Vec::new(), |text| text.lines().map(str::to_owned).collect())
}

fn interrupt(child: &Child) {
    assert!(Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap().success());
}

fn terminate(child: &Child) {
    assert!(Command::new("kill").args(["-TERM", &child.id().to_string()]).status().unwrap().success());
}

/// Reads stderr up to a line that says this; gives everything up to there.
fn hear(stderr: &mut BufReader<Patient<ChildStderr>>, wanted: &str) -> String {
    let mut said = String::new();
    while !said.contains(wanted) {
        assert!(stderr.read_line(&mut said).unwrap() > 0, "never said `{wanted}`: {said}");
    }
    said
}

/// The rest of stderr, and the exit code.
fn end(mut child: Child, mut stderr: BufReader<Patient<ChildStderr>>) -> (Option<i32>, String) {
    let mut said = String::new();
    stderr.read_to_string(&mut said).unwrap();
    (child.wait().unwrap().code(), said)
}

/// Each of so many messages, once.
fn each_once(mut seen: Vec<String>, count: usize) {
    let mut expected: Vec<String> = (0..count).map(|number| format!("m{number}")).collect();
    seen.sort();
    expected.sort();
    assert_eq!(seen, expected);
}

/// What consumes a group, and what a queue.
const KINDS: [(&str, &[&str]); 2] = [
    ("stream", &["consume", "stream", "jobs", "--group", "g", "--create", "-c", "ann"]),
    ("queue", &["consume", "queue", "jobs", "-q", "-c", "ann"]),
];

/// Nothing is left of the messages, and nothing of what was noted of them.
async fn nothing_is_left(control: &Client, kind: &str) {
    match kind {
        "stream" => {
            let pending = ask(control, "xpending jobs g").await;
            assert!(format!("{pending:?}").starts_with("Array([Integer(0)"), "{pending:?}");
            assert_eq!(ask(control, "keys *").await, Value::Array(vec![Value::Bulk("jobs".into())]));
        }
        _ => assert_eq!(ask(control, "keys *").await, Value::Array(vec![])),
    }
}

#[tokio::test]
async fn a_server_that_is_killed_again_and_again_costs_no_message_and_doubles_none() {
    for (kind, args) in KINDS {
        let mut server = Server::start();
        let url = server.url();
        produce(&url, kind, MESSAGES);
        let done = server.dir.path().join("done");
        let exec = format!("echo $RBQ_FIELD_data >> {}", done.display());
        let wanted = MESSAGES.to_string();
        let work = ["--exec", &exec, "--concurrency", "8", "-n", &wanted];
        let mut child = begin(&url, &[args, &work].concat());
        let mut stderr = listen(child.stderr.take().unwrap());
        for kill_at in [20, 70, 71, 120, 170] {
            let patience = Patience::begin();
            while lines_of(&done).len() < kill_at {
                patience.spend();
                tokio::task::yield_now().await;
            }
            server.kill_and_start();
            hear(&mut stderr, "connected again");
        }
        let (code, said) = end(child, stderr);
        assert_eq!((code, said.as_str()), (Some(0), ""), "{kind}");
        each_once(lines_of(&done), MESSAGES);
        nothing_is_left(&connect(&url).await, kind).await;
    }
}

#[tokio::test]
async fn clients_that_are_closed_again_and_again_lose_and_double_nothing() {
    for server in Either::both() {
        for (kind, args) in KINDS {
            let control = server.client().await;
            ask(&control, "del jobs").await;
            let dir = tempfile::tempdir().unwrap();
            let done = dir.path().join("done");
            // Some fail at first, and some are given back.
            let exec = format!(
                "case $RBQ_FIELD_data:$RBQ_DELIVERY in *3:1) exit 1;; *7:1) test -e {0}/$RBQ_FIELD_data || \
                 {{ touch {0}/$RBQ_FIELD_data; exit 75; }};; esac; echo $RBQ_FIELD_data >> {1}",
                dir.path().display(),
                done.display()
            );
            // So long that neither takes over what the other one holds, however slow the machine is.
            let work = ["--exec", &exec, "--concurrency", "4", "--backoff", "1ms", "--ack-wait", "10m"];
            let consumers = ["ann", "bob"].map(|name| {
                let args = args.iter().map(|word| if *word == "ann" { name } else { word });
                begin(&server.url(), &[&args.collect::<Vec<_>>()[..], &work].concat())
            });
            waiting(&control, 2).await;
            produce(&server.url(), kind, MESSAGES);
            let held = match kind {
                "stream" => ["xpending jobs g - + 9 ann", "xpending jobs g - + 9 bob"],
                _ => ["lrange jobs:processing:ann 0 -1", "lrange jobs:processing:bob 0 -1"],
            };
            let mut kill_at = 10;
            while kill_at <= MESSAGES || !are_empty(&control, held).await {
                if lines_of(&done).len() >= kill_at {
                    ask(&control, "client kill type normal skipme yes").await;
                    kill_at += 10;
                }
            }
            waiting(&control, 2).await;
            for child in consumers {
                terminate(&child);
                let said = text(&child.wait_with_output().unwrap());
                assert!(said.starts_with("exit 143\n") && !said.contains("error"), "{kind}: {said}");
                let lost = said.matches("trying to reach it").count();
                assert!((1..=24).contains(&lost), "{said}");
                assert_eq!(lost, said.matches("connected again").count(), "{said}");
            }
            each_once(lines_of(&done), MESSAGES);
            nothing_is_left(&control, kind).await;
        }
    }
}

/// Until so many consumers wait for messages.
async fn waiting(control: &Client, count: usize) {
    until(control, "client list", |list| {
        let list = String::from_utf8_lossy(list.as_bytes().unwrap()).into_owned();
        let is_waiting = |line: &&str| ["cmd=xreadgroup", "cmd=blmove"].iter().any(|command| line.contains(command));
        list.lines().filter(is_waiting).count() == count
    })
    .await;
}

async fn are_empty(control: &Client, questions: [&str; 2]) -> bool {
    for question in questions {
        if ask(control, question).await != Value::Array(vec![]) {
            return false;
        }
    }
    true
}

#[tokio::test]
async fn what_is_printed_is_printed_once_whatever_becomes_of_the_connection() {
    for server in Either::both() {
        let plain: &[&str] = &["consume", "stream", "jobs"];
        let manual = KINDS.map(|(kind, args)| (kind, [args, &["--ack", "manual"]].concat()));
        let automatic = KINDS.into_iter().chain([("stream", plain)]).map(|(kind, args)| (kind, args.to_vec()));
        for (kind, args) in automatic.chain(manual) {
            let control = server.client().await;
            ask(&control, "del jobs jobs:processing:ann").await;
            let wanted = MESSAGES.to_string();
            let mut child = begin(&server.url(), &[&args[..], &["-n", &wanted, "--batch", "7"]].concat());
            let stdout = listen(child.stdout.take().unwrap());
            let reader = std::thread::spawn(move || stdout.lines().map(Result::unwrap).collect::<Vec<_>>());
            // A connection that was never there is not made again.
            until(&control, "client list", |list| {
                String::from_utf8_lossy(list.as_bytes().unwrap())
                    .lines()
                    .any(|line| ["cmd=xread", "cmd=blmove"].iter().any(|command| line.contains(command)))
            })
            .await;
            for number in 0..MESSAGES {
                let add = if kind == "queue" { "lpush jobs" } else { "xadd jobs * data" };
                ask(&control, &format!("{add} m{number}")).await;
                if number % 40 == 20 {
                    ask(&control, "client kill type normal skipme yes").await;
                }
            }
            let seen = reader.join().unwrap();
            if kind == "stream" {
                assert!(seen.iter().enumerate().all(|(number, seen)| *seen == format!("m{number}")), "{seen:?}");
            }
            each_once(seen, MESSAGES);
            let said = text(&child.wait_with_output().unwrap());
            assert!(said.starts_with("exit 0\n") && said.contains("connected again"), "{said}");
            if args.contains(&"manual") {
                // Others acknowledge all of it.
                let (question, field) = match kind {
                    "stream" => ("xpending jobs g", format!("Array([Integer({MESSAGES})")),
                    _ => ("llen jobs:processing:ann", format!("Integer({MESSAGES})")),
                };
                let left = format!("{:?}", ask(&control, question).await);
                assert!(left.starts_with(&field), "{left}");
            }
        }
    }
}

#[tokio::test]
async fn ctrl_c_in_an_outage_ends_at_once_what_has_nothing_in_hand_and_else_when_the_server_knows() {
    for (kind, args) in KINDS {
        let mut server = Server::start();
        let url = server.url();
        let mut idle = begin(&url, args);
        let mut stderr = listen(idle.stderr.take().unwrap());
        let control = connect(&url).await;
        until(&control, "client list", |list| {
            let list = String::from_utf8_lossy(list.as_bytes().unwrap()).into_owned();
            ["cmd=xreadgroup", "cmd=blmove"].iter().any(|command| list.contains(command))
        })
        .await;
        server.child.kill().unwrap();
        hear(&mut stderr, "trying to reach it");
        interrupt(&idle);
        assert_eq!(end(idle, stderr), (Some(130), "consumed 0 messages\n".to_owned()), "{kind}");

        server.kill_and_start();
        produce(&url, kind, 1);
        let dir = tempfile::tempdir().unwrap();
        let begun = dir.path().join("begun");
        let exec = format!("echo $RBQ_FIELD_data >> {}", begun.display());
        // The work ends, and the server is away when that is to be told.
        let gate = dir.path().join("gate");
        assert!(Command::new("mkfifo").arg(&gate).status().unwrap().success());
        let exec = format!("{exec}; read line < {}", gate.display());
        let mut busy = begin(&url, &[args, &["--exec", &exec]].concat());
        let mut stderr = listen(busy.stderr.take().unwrap());
        let patience = Patience::begin();
        while lines_of(&begun).is_empty() {
            patience.spend();
            tokio::task::yield_now().await;
        }
        server.child.kill().unwrap();
        fs::write(&gate, "go\n").unwrap();
        hear(&mut stderr, "trying to reach it");
        interrupt(&busy);
        hear(&mut stderr, "in hand; waiting for the server");
        server.kill_and_start();
        assert_eq!(end(busy, stderr), (Some(130), "connected again\nconsumed 1 message\n".to_owned()), "{kind}");
        nothing_is_left(&connect(&url).await, kind).await;
    }
}

/// A consumer whose one command waits at a gate: the child, its stderr, and the gate.
async fn at_the_gate(
    server: &Either,
    dir: &Path,
    args: &[&str],
    more: &[&str],
) -> (Child, BufReader<Patient<ChildStderr>>, std::path::PathBuf) {
    let (begun, gate) = (dir.join("begun"), dir.join("gate"));
    assert!(Command::new("mkfifo").arg(&gate).status().unwrap().success());
    let exec = format!("echo $RBQ_FIELD_data >> {}; read line < {}", begun.display(), gate.display());
    let mut child = begin(&server.url(), &[args, &["--exec", &exec], more].concat());
    let stderr = listen(child.stderr.take().unwrap());
    let patience = Patience::begin();
    while lines_of(&begun).is_empty() {
        patience.spend();
        tokio::task::yield_now().await;
    }
    (child, stderr, gate)
}

#[tokio::test]
async fn a_command_that_outlives_the_connection_is_acknowledged_and_its_message_not_handed_out_again() {
    for server in Either::both() {
        for (kind, args) in KINDS {
            let control = server.client().await;
            ask(&control, "del jobs").await;
            produce(&server.url(), kind, 1);
            let dir = tempfile::tempdir().unwrap();
            let more = ["--concurrency", "4"];
            let (child, mut stderr, gate) = at_the_gate(&server, dir.path(), args, &more).await;
            for _ in 0..3 {
                ask(&control, "client kill type normal skipme yes").await;
                hear(&mut stderr, "connected again");
                // It has looked for what it holds, and asks for more.
                waiting(&control, 1).await;
            }
            terminate(&child);
            fs::write(&gate, "go\n").unwrap();
            assert_eq!(end(child, stderr), (Some(143), "consumed 1 message\n".to_owned()));
            assert_eq!(lines_of(&dir.path().join("begun")), ["m0"]);
            nothing_is_left(&control, kind).await;
        }
    }
}

#[tokio::test]
async fn what_somebody_else_took_meanwhile_is_left_to_them() {
    for server in Either::both() {
        let control = server.client().await;
        for (kind, args) in KINDS {
            ask(&control, "del jobs").await;
            produce(&server.url(), kind, 1);
            let dir = tempfile::tempdir().unwrap();
            let (child, mut stderr, gate) =
                at_the_gate(&server, dir.path(), args, &["-n", "1", "--ack-wait", "300ms"]).await;
            if kind == "stream" {
                let Value::Array(entries) = ask(&control, "xrange jobs - +").await else { panic!() };
                let Value::Array(parts) = &entries[0] else { panic!() };
                let id = String::from_utf8(parts[0].as_bytes().unwrap().to_vec()).unwrap();
                ask(&control, &format!("xclaim jobs g bob 0 {id}")).await;
            } else {
                ask(&control, "lmove jobs:processing:ann elsewhere left left").await;
            }
            ask(&control, "client kill type normal skipme yes").await;
            hear(&mut stderr, "connected again");
            fs::write(&gate, "go\n").unwrap();
            let (code, said) = end(child, stderr);
            assert_eq!(code, Some(0));
            assert!(said.contains("taken over by somebody else while it was worked on here"), "{said}");
            let (question, still) = match kind {
                "stream" => ("xpending jobs g - + 9 bob", 1),
                _ => ("lrange elsewhere 0 -1", 1),
            };
            let Value::Array(left) = ask(&control, question).await else { panic!() };
            assert_eq!(left.len(), still, "{kind}");
        }
    }
}

#[tokio::test]
async fn a_master_that_becomes_a_replica_is_waited_for() {
    for stale in ["yes", "no"] {
        for (kind, args) in KINDS {
            let Some(oracle) = Oracle::start(&["--replica-serve-stale-data", stale]) else { return };
            let control = client(&oracle).await;
            produce(&oracle.url(), kind, 1);
            let mut child = begin(&oracle.url(), &[args, &["-n", "2"]].concat());
            let mut stdout = listen(child.stdout.take().unwrap());
            let mut stderr = listen(child.stderr.take().unwrap());
            let mut line = String::new();
            stdout.read_line(&mut line).unwrap();
            // Nobody listens there.
            ask(&control, "replicaof 127.0.0.1 1").await;
            let said = hear(&mut stderr, "trying to reach it for 5m");
            assert!(["READONLY", "MASTERDOWN"].iter().any(|code| said.starts_with(code)), "{said}");
            ask(&control, "replicaof no one").await;
            hear(&mut stderr, "connected again");
            ask(&control, if kind == "queue" { "lpush jobs m1" } else { "xadd jobs * data m1" }).await;
            stdout.read_line(&mut line).unwrap();
            assert_eq!(line, "m0\nm1\n");
            assert_eq!(end(child, stderr), (Some(0), String::new()));
        }
    }
}

#[tokio::test]
async fn a_server_that_still_reads_its_data_is_waited_for() {
    for (kind, args) in KINDS {
        // It looks for requests behind every kilobyte that it reads.
        let options = ["--loading-process-events-interval-bytes", "1024", "--rdbcompression", "no"];
        let Some(oracle) = Oracle::start(&options) else { return };
        let control = client(&oracle).await;
        produce(&oracle.url(), kind, 1);
        let server = Either::Redis(oracle);
        let dir = tempfile::tempdir().unwrap();
        let (child, mut stderr, gate) = at_the_gate(&server, dir.path(), args, &["-n", "1"]).await;
        // It reads for half a minute, unless it is told otherwise.
        let filler = "x".repeat(2000);
        for number in 0..300 {
            ask(&control, &format!("set filler{number} {filler}")).await;
        }
        ask(&control, "config set key-load-delay 100000").await;
        let other = server.client().await;
        let reload = tokio::spawn(async move { ask(&control, "debug reload").await });
        let patience = Patience::begin();
        while other.call(["PING"]).await.is_ok() {
            patience.spend();
        }
        fs::write(&gate, "go\n").unwrap();
        assert!(hear(&mut stderr, "trying to reach it").starts_with("LOADING "));
        ask(&other, "config set key-load-delay 0").await;
        assert_eq!(end(child, stderr), (Some(0), "connected again\n".to_owned()), "{kind}");
        reload.await.unwrap();
        let left = if kind == "stream" { "xpending jobs g - + 9" } else { "lrange jobs:processing:ann 0 -1" };
        assert_eq!(ask(&other, left).await, Value::Array(vec![]));
    }
}

#[tokio::test]
async fn a_server_that_stays_away_is_given_up() {
    for (kind, args) in KINDS {
        let server = Server::start();
        let url = server.url();
        produce(&url, kind, 1);
        let mut child = begin(&url, &[args, &["--reconnect", "200ms"]].concat());
        let mut stdout = listen(child.stdout.take().unwrap());
        stdout.read_line(&mut String::new()).unwrap();
        drop(server);
        let stderr = listen(child.stderr.take().unwrap());
        let (code, said) = end(child, stderr);
        assert_eq!(code, Some(4), "{said}");
        let (first, rest) = said.split_once('\n').unwrap();
        assert!(first.ends_with("; trying to reach it for 200ms"), "{said}");
        assert!(rest.starts_with("error: could not connect to "), "{said}");
    }
    let server = Server::start();
    let control = connect(&server.url()).await;
    let mut child = begin(&server.url(), &["consume", "queue", "jobs", "-q", "--ack", "none", "--reconnect", "0s"]);
    let stderr = listen(child.stderr.take().unwrap());
    until(&control, "client list", |list| String::from_utf8_lossy(list.as_bytes().unwrap()).contains("cmd=brpop"))
        .await;
    ask(&control, "client kill type normal skipme yes").await;
    let (code, said) = end(child, stderr);
    assert_eq!(code, Some(1));
    assert_eq!(
        said,
        "the server closed the connection; trying to reach it for 0ms; with --ack none what was on its way is lost\n\
         error: the server closed the connection\n"
    );
}
