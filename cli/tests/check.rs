//! `rbq check`: one line and one code, for whatever may be wrong.
#![allow(clippy::unwrap_used)]

mod support;

use std::process::Stdio;

use insta::assert_snapshot;
use support::letters::Letter;
use support::own::Server;
use support::{Oracle, ask, client, cluster, either, oracle, play, rbq, run, start};

/// Between what and what a figure stands that differs from run to run.
const UNSTEADY: &[(&str, &str)] = &[
    ("answers in ", "ms"),
    (", memory ", "iB"),
    ("memory is ", "iB"),
    ("and age ", " at most"),
    ("age of `orders/billing` is ", " ("),
    ("time=", "s;"),
    ("memory=", "B;"),
    ("'age orders/billing'=", "s;"),
];

/// The longest such figure; what is further off is another's end.
const FIGURE_BYTES_MAX: usize = 24;

fn steady(said: &str) -> String {
    let mut text = said.to_owned();
    for (before, after) in UNSTEADY {
        let starts: Vec<usize> = text.match_indices(before).map(|(at, _)| at + before.len()).collect();
        for start in starts.into_iter().rev() {
            if let Some(len) = text[start..].find(after).filter(|len| *len <= FIGURE_BYTES_MAX) {
                text.replace_range(start..start + len, "…");
            }
        }
    }
    text.replace(oracle::called(), "SERVER")
}

#[test]
fn a_server_that_is_well_is_ok() {
    let Some(oracle) = Oracle::start(&[]) else { return };
    assert_snapshot!(steady(&play(&oracle, &["check"], "")), @r"
    exit 0
    out| RBQ OK - SERVER answers in …ms, memory …iB | time=…s;;;0; memory=…B;;;0;
    ");
    let server = Server::start();
    assert_snapshot!(steady(&server.play(&["check"], "")), @r"
    exit 0
    out| RBQ OK - rbq 0.1.0 answers in …ms, memory …iB | time=…s;;;0; memory=…B;;;0; unsynced=0;;;0;
    ");
    assert_snapshot!(steady(&server.play(&["check", "--warn-memory", "1kb"], "")), @r"
    exit 1
    out| RBQ WARNING - memory is …iB (warning above 1.0 KiB) | time=…s;;;0; memory=…B;1024;;0; unsynced=0;;;0;
    ");
    // Nothing is written, so nothing waits to be synced.
    assert_snapshot!(steady(&server.play(&["check", "--crit-unsynced", "0"], "")), @r"
    exit 0
    out| RBQ OK - rbq 0.1.0 answers in …ms, memory …iB | time=…s;;;0; memory=…B;;;0; unsynced=0;;0;0;
    ");
}

#[tokio::test]
async fn what_waits_too_long_or_is_too_much_is_said_the_worst_first() {
    let Some(oracle) = Oracle::start(&[]) else { return };
    let control = client(&oracle).await;
    for line in [
        "xadd orders 1700000000000-1 a 1",
        "xadd orders 1700000000000-2 a 1",
        "xgroup create orders billing 0",
        "xadd orders.dlq * a 1",
        "lpush jobs 1 2 3",
        "set text 1",
    ] {
        ask(&control, line).await;
    }
    assert_snapshot!(steady(&play(&oracle, &["check", "--warn-lag", "5", "--warn-dead", "1"], "")), @r"
    exit 0
    out| RBQ OK - SERVER answers in …ms, memory …iB, 1 group with lag 2 and age … at most, 0 queued, 1 dead letter | time=…s;;;0; memory=…B;;;0; 'lag orders/billing'=2;5;;0; 'age orders/billing'=…s;;;0; 'dead orders.dlq'=1;1;;0;
    ");
    let all = ["check", "-k", "jobs", "-k", "orders", "--crit-lag", "1", "--warn-age", "1s", "--warn-length", "2"];
    assert_snapshot!(steady(&play(&oracle, &all, "")), @r"
    exit 2
    out| RBQ CRITICAL - the lag of `orders/billing` is 2 (critical above 1); the length of `jobs` is 3 (warning above 2); the age of `orders/billing` is … (warning above 1s) | time=…s;;;0; memory=…B;;;0; 'length jobs'=3;2;;0; 'lag orders/billing'=2;;1;0; 'age orders/billing'=…s;1;;0; 'dead orders.dlq'=1;;;0;
    ");
    assert_snapshot!(steady(&play(&oracle, &["check", "-k", "orders", "--crit-dead", "0"], "")), @r"
    exit 2
    out| RBQ CRITICAL - the number of dead letters in `orders.dlq` is 1 (critical above 0) | time=…s;;;0; memory=…B;;;0; 'lag orders/billing'=2;;;0; 'age orders/billing'=…s;;;0; 'dead orders.dlq'=1;;0;0;
    ");
    assert_snapshot!(steady(&play(&oracle, &["check", "-k", "text"], "")), @r"
    exit 3
    out| RBQ UNKNOWN - `text` is a string, and no queue or stream | time=…s;;;0; memory=…B;;;0;
    ");
    assert!(play(&oracle, &["check", "-k", "nothing", "--crit-length", "0"], "").starts_with("exit 0\n"));
    // Without a key a threshold on length looks at every queue.
    let said = play(&oracle, &["check", "--warn-length", "2"], "");
    assert!(said.starts_with("exit 1\nout| RBQ WARNING - the length of `jobs` is 3 (warning above 2) |"), "{said}");
    let json = play(&oracle, &["check", "-k", "jobs", "--crit-length", "2", "-o", "json"], "");
    assert!(json.starts_with("exit 2\nout| {\"health\":\"CRITICAL\",\"text\":\"the length of `jobs` is 3"), "{json}");
}

#[tokio::test]
async fn a_stream_that_is_named_and_not_there_or_has_no_group_is_unknown_to_a_threshold_on_groups() {
    let Some(oracle) = Oracle::start(&[]) else { return };
    ask(&client(&oracle).await, "xadd orders * a 1").await;
    for threshold in [["--warn-lag", "5"], ["--crit-age", "1h"]] {
        let check = |key| play(&oracle, &["check", "-k", key, threshold[0], threshold[1]], "");
        let said = check("odrers");
        assert!(said.starts_with("exit 3\nout| RBQ UNKNOWN - there is no stream `odrers` |"), "{said}");
        let said = check("orders");
        assert!(said.starts_with("exit 3\nout| RBQ UNKNOWN - the stream `orders` has no group |"), "{said}");
        // Of streams that nobody named, some have no groups, and that is nobody's worry.
        let said = play(&oracle, &["check", threshold[0], threshold[1]], "");
        assert!(said.starts_with("exit 0\n"), "{said}");
    }
    let said = play(&oracle, &["check", "--crit-unsynced", "0"], "");
    assert!(said.starts_with("exit 3\nout| RBQ UNKNOWN - the server does not tell how much of its log"), "{said}");
}

#[tokio::test]
async fn a_lag_that_the_server_does_not_know_is_counted() {
    let Some(oracle) = Oracle::start(&[]) else { return };
    let control = client(&oracle).await;
    for id in 1..=5 {
        ask(&control, &format!("xadd orders {id}-1 a 1")).await;
    }
    ask(&control, "xgroup create orders billing 0").await;
    ask(&control, "xreadgroup group billing ann count 1 streams orders >").await;
    // With a hole behind what was delivered Redis gives no number.
    ask(&control, "xdel orders 3-1").await;
    let said = play(&oracle, &["check", "--warn-lag", "2"], "");
    assert!(said.contains("the lag of `orders/billing` is 3 (warning above 2)"), "{said}");
    // These IDs are no times.
    assert!(said.contains("'age orders/billing'=0s"), "{said}");
}

#[test]
fn a_server_that_does_not_answer_is_critical_and_what_cannot_be_known_is_unknown() {
    let Some(oracle) = Oracle::start(&["--requirepass", "sesame"]) else { return };
    assert_snapshot!(play(&oracle, &["check", "--wait", "1h"], ""), @r"
    exit 2
    out| RBQ CRITICAL - the server asks for a password
    ");
    assert_snapshot!(play(&oracle, &["check", "--nosuch"], ""), @r"
    exit 3
    err| error: unexpected argument '--nosuch' found
    err|
    err| Usage: rbq check [OPTIONS]
    err|        rbq check <COMMAND>
    err|
    err| For more information, try '--help'.
    ");
    assert_snapshot!(play(&oracle, &["check", "--context", "nosuch"], ""), @r"
    exit 3
    out| RBQ UNKNOWN - there is no context `nosuch`
    ");
    let nobody = run(&mut rbq(&["check", "-u", "unix:///nowhere/rbq.sock"]), b"");
    assert_snapshot!(support::text(&nobody), @r"
    exit 2
    out| RBQ CRITICAL - could not connect to /nowhere/rbq.sock: no such file or directory
    ");
    let help = run(&mut rbq(&["check", "--help"]), b"");
    assert_eq!(help.status.code(), Some(0));
}

#[tokio::test]
async fn a_server_that_hangs_is_critical() {
    let Some(oracle) = Oracle::start(&[]) else { return };
    ask(&client(&oracle).await, "client pause 3600000 all").await;
    let said = play(&oracle, &["check", "--timeout", "50ms"], "");
    assert!(said.starts_with("exit 2\nout| RBQ CRITICAL - "), "{said}");
}

#[test]
fn a_script_waits_until_the_server_is_ready() {
    let dir = tempfile::tempdir().unwrap();
    let url = format!("unix://{}/rbq.sock", dir.path().display());
    let mut command = rbq(&["check", "--wait", "1h", "--url", &url]);
    let waiting = start(command.stdin(Stdio::null()));
    let server = Server::start_in(dir);
    let output = waiting.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    drop(server);
}

#[tokio::test]
async fn a_cluster_is_as_well_as_each_of_its_nodes() {
    let Some([first, second, third]) = cluster::start::<3>().await else { return };
    let check = |oracle: &Oracle, args: &[&str]| play(oracle, &[&["check"], args].concat(), "");
    let well = check(&first.oracle, &["--wait", "1h"]);
    let expected = format!("exit 0\nout| RBQ OK - {}, a cluster of 3 masters, answers in ", oracle::called());
    assert!(well.starts_with(&expected), "{well}");
    let memory = check(&first.oracle, &["--warn-memory", "1kb"]);
    assert_eq!(memory.matches(" (warning above 1.0 KiB)").count(), 3, "{memory}");
    // A message on a node that was not named counts as well: `foo` is in a slot of the last one.
    ask(&third.client, "lpush foo one").await;
    assert!(check(&first.oracle, &["--warn-length", "0"]).starts_with("exit 1\n"));
    let gone = format!("could not connect to 127.0.0.1:{}: connection refused", third.oracle.port);
    drop(third);
    let down = check(&first.oracle, &[]);
    assert!(down.starts_with("exit 2\nout| RBQ CRITICAL - ") && down.contains(&gone), "{down}");
    // The others notice it in their own time, which would be a quarter of a minute.
    for node in [&first, &second] {
        ask(&node.client, "config set cluster-node-timeout 500").await;
    }
    support::until(&first.client, "cluster info", |info| {
        String::from_utf8_lossy(info.as_bytes().unwrap()).contains("cluster_state:fail")
    })
    .await;
    for args in [&[][..], &["--wait", "100ms"]] {
        let down = check(&first.oracle, args);
        assert!(down.starts_with("exit 2\n") && down.contains("127.0.0.1:PORT: the cluster is down; "), "{down}");
        assert!(down.contains(&gone), "{down}");
    }
    // What a threshold judges cannot be had, and that is nothing good either.
    let down = check(&first.oracle, &["--warn-length", "0"]);
    assert_eq!(down.matches("could not connect").count(), 1, "{down}");
}

#[tokio::test]
async fn dead_letters_are_found_as_their_listing_finds_them() {
    let Some(oracle) = Oracle::start(&[]) else { return };
    let control = client(&oracle).await;
    either::add_more(&control, "graveyard", "1-0", &either::order(1)).await;
    let said = play(&oracle, &["check", "--crit-dead", "0"], "");
    let expected = "exit 2\nout| RBQ CRITICAL - the number of dead letters in `graveyard` is 1 (critical above 0) |";
    assert!(said.starts_with(expected), "{said}");
    assert!(
        play(&oracle, &["check", "--key", "orders", "--dlq", "graveyard", "--crit-dead", "0"], "")
            .contains("the number of dead letters in `graveyard` is 1")
    );
    ask(&control, "del graveyard").await;
    // The worst of them: those that were sent back too often.
    either::add_more(&control, "orders.dlq.quarantine", "1-0", &either::order(1)).await;
    for args in [&["check", "--crit-dead", "0"][..], &["check", "--key", "orders", "--crit-dead", "0"]] {
        let said = play(&oracle, args, "");
        let expected = "exit 2\nout| RBQ CRITICAL - the number of dead letters in `orders.dlq.quarantine` is 1";
        assert!(said.starts_with(expected), "{said}");
    }
    // A stream by whose name alone it may hold dead letters can have a group that works on it.
    let letter = Letter::of_queue("jobs", b"one");
    either::add_more(&control, "dead:jobs", "1-0", &letter).await;
    ask(&control, "xgroup create dead:jobs mourners 0").await;
    assert!(play(&oracle, &["check", "--warn-lag", "0"], "").contains("the lag of `dead:jobs/mourners` is 1"));
}

#[tokio::test]
async fn a_threshold_that_fits_no_key_is_unknown() {
    let Some(oracle) = Oracle::start(&[]) else { return };
    let control = client(&oracle).await;
    ask(&control, "xadd orders 1-1 a 1").await;
    ask(&control, "xgroup create orders billing 0").await;
    ask(&control, "lpush jobs 1").await;
    let check = |args: &[&str]| {
        let said = play(&oracle, &[&["check"], args].concat(), "");
        said.split(" | ").next().unwrap().to_owned()
    };
    let stream = "`orders` is a stream, and length is a queue's: --warn-lag and --warn-age judge it";
    assert_eq!(check(&["-k", "orders", "--warn-length", "9"]), format!("exit 3\nout| RBQ UNKNOWN - {stream}"));
    let queue = "`jobs` is a queue, and lag and age are a group's: --warn-length judges it";
    for threshold in ["--warn-lag", "--crit-lag"] {
        assert_eq!(check(&["-k", "jobs", threshold, "9"]), format!("exit 3\nout| RBQ UNKNOWN - {queue}"));
    }
    assert_eq!(check(&["-k", "jobs", "--crit-age", "9d"]), format!("exit 3\nout| RBQ UNKNOWN - {queue}"));
    // With a key of each kind each has its own, and a threshold that finds none is a mistake.
    let both = ["--warn-length", "9", "--warn-lag", "9"];
    assert!(check(&[&["-k", "jobs", "-k", "orders"], &both[..]].concat()).starts_with("exit 0\n"));
    assert!(check(&[&["-k", "jobs"], &both[..]].concat()).ends_with("judges streams, and --key names none"));
    assert!(check(&[&["-k", "orders"], &both[..]].concat()).ends_with("judges queues, and --key names none"));
    // Dead letters are beside either.
    assert!(check(&["-k", "jobs", "-k", "orders", "--warn-dead", "9"]).starts_with("exit 0\n"));
    let named = check(&["--dlq", "jobs", "--warn-dead", "9"]);
    assert_eq!(named, "exit 3\nout| RBQ UNKNOWN - `jobs` is a queue, and dead letters are in a stream");
}

#[test]
fn a_check_that_is_ended_by_a_signal_is_unknown() {
    // Somebody who takes a connection and says nothing: then whoever made it listens to signals already.
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("redis://{}", silent.local_addr().unwrap());
    for signal in ["-TERM", "-INT"] {
        let check = start(rbq(&["check", "--timeout", "1h", "--url", &url]).stdin(Stdio::null()));
        let (_connection, _) = silent.accept().unwrap();
        let pid = check.id().to_string();
        assert!(std::process::Command::new("kill").args([signal, &pid]).status().unwrap().success());
        let output = check.wait_with_output().unwrap();
        assert_eq!(support::text(&output), "exit 3\nout| RBQ UNKNOWN - interrupted before it was found out\n");
    }
}
