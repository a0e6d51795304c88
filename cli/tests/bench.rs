//! `rbq bench`: it tells what it measured and what that is worth, notices every mistake, and leaves nothing behind.
#![allow(clippy::unwrap_used)]

mod support;

use std::process::{Child, Command, Output};

use insta::assert_snapshot;
use rbq_client::{Client, Request, Value};
use serde_json::Value as Json;
use support::own::Server;
use support::{Oracle, ask, client, oracle, play, rbq, run, start, until};

fn measured(output: &Output) -> Json {
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {output:?}"))
}

/// Every workload, small, with the command that `rbq` is.
fn measure_all(command: impl Fn(&[&str]) -> Command) -> Vec<Json> {
    let all = [
        &["queue"][..],
        &["queue", "--consumers", "3", "--batch", "1"],
        &["queue", "--rate", "5000"],
        &["stream", "--consumers", "2", "-P", "7"],
        &["group", "--consumers", "3", "-P", "10"],
        &["pubsub", "--consumers", "2"],
        &["pubsub", "--rate", "5000"],
    ];
    let measure = |args: &&[&str]| {
        let args = [&["bench"], *args, &["--count", "500", "--clients", "7", "-o", "json", "-q"]].concat();
        let output = run(&mut command(&args), b"");
        assert_eq!(output.status.code(), Some(0), "{args:?} {output:?}");
        measured(&output)
    };
    all.iter().map(measure).collect()
}

fn assert_all_arrived(reports: &[Json]) {
    for report in reports {
        let receivers = if matches!(report["workload"].as_str().unwrap(), "stream" | "pubsub") {
            report["consumers"].as_u64().unwrap()
        } else {
            1
        };
        assert_eq!(report["sent"], 500, "{report}");
        assert_eq!((&report["expected"], &report["received"]), (&(500 * receivers).into(), &report["expected"]));
        for mistake in ["lost", "doubled", "out_of_order", "damaged"] {
            assert_eq!(report[mistake], 0, "{report}");
        }
        assert!(report["delivered_p50_us"].as_u64().unwrap() <= report["delivered_max_us"].as_u64().unwrap());
    }
}

#[tokio::test]
async fn everything_arrives_and_nothing_stays() {
    let Some(oracle) = Oracle::start(&["--appendonly", "yes", "--appendfsync", "always"]) else { return };
    let reports = measure_all(|args| {
        let mut command = rbq(args);
        command.env("RBQ_URL", oracle.url());
        command
    });
    assert_all_arrived(&reports);
    assert_eq!(reports[0]["durability"], "appendfsync always: what is acknowledged is on disk");
    assert_eq!(reports[0]["server"], oracle::called());
    assert_eq!(reports[4]["pending"], 0);
    assert_eq!(ask(&client(&oracle).await, "dbsize").await, Value::Integer(0));
}

#[test]
fn our_own_server_is_measured_alike() {
    let server = Server::start();
    let reports = measure_all(|args| server.command(args));
    assert_all_arrived(&reports);
    assert_eq!(reports[0]["server"], format!("rbq {}", env!("CARGO_PKG_VERSION")));
    assert_eq!(server.play(&["cli", "dbsize"], ""), "exit 0\nout| 0\n");
}

#[test]
fn a_person_reads_a_list_of_findings() {
    let Some(oracle) = Oracle::start(&[]) else { return };
    let said = play(&oracle, &["bench", "latency", "-n", "10", "-q"], "");
    let names: Vec<&str> = said.lines().filter_map(|line| line.split("  ").next()).collect();
    assert_snapshot!(names.join("\n"), @r"
    exit 0
    out| workload
    out| server
    out| durability
    out| loop
    out| rate wanted
    out| clients
    out| pipeline
    out| consumers
    out| message
    out| sent
    out| sent in seconds
    out| sent a second
    out| acknowledged p50
    out| acknowledged p90
    out| acknowledged p99
    out| acknowledged p99.9
    out| acknowledged max
    ");
    assert!(said.contains("durability          appendonly no: in memory, a crash takes all"), "{said}");
}

/// The key of the measurement under way, once there is one.
async fn key_of_the_run(control: &Client) -> String {
    let mut key = None;
    until(control, "keys rbq:bench:*", |keys| {
        let Value::Array(keys) = keys else { panic!("{keys:?}") };
        key = keys.first().map(|key| String::from_utf8(key.as_bytes().unwrap().to_vec()).unwrap());
        key.is_some()
    })
    .await;
    key.unwrap()
}

fn end(child: Child) -> Output {
    assert!(Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap().success());
    child.wait_with_output().unwrap()
}

fn endless(oracle: &Oracle, workload: &str) -> Child {
    let args = ["bench", workload, "--rate", "500", "--duration", "1h", "-c", "1", "-o", "json", "-q"];
    start(rbq(&args).env("RBQ_URL", oracle.url()))
}

#[tokio::test]
async fn ctrl_c_ends_a_measurement_with_what_it_found() {
    let Some(oracle) = Oracle::start(&[]) else { return };
    let control = client(&oracle).await;
    let child = endless(&oracle, "group");
    let key = key_of_the_run(&control).await;
    until(&control, &format!("xlen {key}"), |length| *length != Value::Integer(0)).await;
    let output = end(child);
    let report = measured(&output);
    assert_eq!((output.status.code(), &report["lost"], &report["pending"]), (Some(130), &0.into(), &0.into()));
    assert_eq!(ask(&control, "dbsize").await, Value::Integer(0));
}

#[tokio::test]
async fn a_stolen_message_is_lost_and_one_put_back_twice_is_doubled() {
    let Some(oracle) = Oracle::start(&["--slowlog-log-slower-than", "0"]) else { return };
    let control = client(&oracle).await;
    for (copies, lost, doubled) in [(0, 1, 0), (2, 0, 1)] {
        ask(&control, "slowlog reset").await;
        let child = endless(&oracle, "queue");
        // The thief waits in line with the consumer.
        let key = waited_for(&control).await;
        let taken = control.call(Request::new("BRPOP").arg(&key).arg("0")).await.unwrap();
        let Value::Array(taken) = taken else { panic!("{taken:?}") };
        for _ in 0..copies {
            let payload = taken[1].as_bytes().unwrap();
            control.call(Request::new("LPUSH").arg(&key).arg(payload)).await.unwrap();
        }
        let output = end(child);
        let report = measured(&output);
        assert_eq!(output.status.code(), Some(1), "{report}");
        assert_eq!((&report["lost"], &report["doubled"]), (&lost.into(), &doubled.into()), "{report}");
        assert!(String::from_utf8_lossy(&output.stderr).contains("not every message arrived once"));
    }
}

/// The key of a queue that is empty most of the time: its commands are in the slow log, where all of them are.
async fn waited_for(control: &Client) -> String {
    let mut key = String::new();
    until(control, "slowlog get 128", |log| {
        let text = format!("{log:?}");
        let found = text.find("rbq:bench:queue:").map(|at| text[at..at + 32].to_owned());
        key = found.clone().unwrap_or_default();
        found.is_some()
    })
    .await;
    key
}

#[test]
fn what_cannot_be_measured_is_said() {
    let Some(oracle) = Oracle::start(&[]) else { return };
    for args in [
        &["bench"][..],
        &["bench", "topic"],
        &["bench", "queue", "--rate", "0"],
        &["bench", "queue", "--rate", "5", "-P", "2"],
        &["bench", "queue", "--count", "5", "--duration", "1s"],
        &["bench", "queue", "--size", "27"],
    ] {
        assert!(play(&oracle, args, "").starts_with("exit 2\n"), "{args:?}");
    }
    let nowhere = run(rbq(&["bench", "queue"]).env("RBQ_URL", "unix:///nowhere/rbq.sock"), b"");
    assert_eq!(nowhere.status.code(), Some(4));
}

#[tokio::test]
async fn a_server_that_refuses_is_not_measured() {
    let Some(oracle) = Oracle::start(&["--maxmemory", "1"]) else { return };
    assert_snapshot!(play(&oracle, &["bench", "queue", "-q", "-c", "1"], ""), @r"
    exit 1
    err| error: OOM command not allowed when used memory > 'maxmemory'.
    ");
    assert_eq!(ask(&client(&oracle).await, "dbsize").await, Value::Integer(0));
}
