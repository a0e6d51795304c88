//! `rbq check`: one line and one code, for whatever may be wrong.
#![allow(clippy::unwrap_used)]

mod support;

use std::process::Stdio;

use insta::assert_snapshot;
use support::own::Server;
use support::{Oracle, ask, client, oracle, play, rbq, run, start};

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
    out| RBQ OK - rbq 0.1.0 answers in …ms, memory …iB | time=…s;;;0; memory=…B;;;0;
    ");
    assert_snapshot!(steady(&server.play(&["check", "--warn-memory", "1kb"], "")), @r"
    exit 1
    out| RBQ WARNING - memory is …iB (warning above 1.0 KiB) | time=…s;;;0; memory=…B;1024;;0;
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
    out| RBQ OK - SERVER answers in …ms, memory …iB, 1 groups with lag 2 and age … at most, 0 queued, 1 dead letters | time=…s;;;0; memory=…B;;;0; 'lag orders/billing'=2;5;;0; 'age orders/billing'=…s;;;0; 'dead orders.dlq'=1;1;;0;
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
    let json = play(&oracle, &["check", "-k", "jobs", "--crit-length", "2", "-o", "json"], "");
    assert!(json.starts_with("exit 2\nout| {\"health\":\"CRITICAL\",\"text\":\"the length of `jobs` is 3"), "{json}");
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
