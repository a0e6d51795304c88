//! `rbq bench`: it tells what it measured and what that is worth, notices every mistake, and leaves nothing behind.
#![allow(clippy::unwrap_used)]

mod support;

use std::process::{Child, Command, Output};

use insta::assert_snapshot;
use rbq_client::{Client, Request, Value};
use serde_json::Value as Json;
use support::own::Server;
use support::{Oracle, ask, client, cluster, oracle, play, rbq, run, start, until};

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

#[tokio::test]
async fn every_node_of_a_cluster_is_measured() {
    let Some(nodes) = cluster::start::<3>().await else { return };
    let url = nodes[1].oracle.url();
    let reports = measure_all(|args| {
        let mut command = rbq(args);
        command.env("RBQ_URL", &url);
        command
    });
    for report in &reports {
        assert_eq!((&report["sent"], &report["received"]), (&500.into(), &report["expected"]), "{report}");
        for mistake in ["lost", "doubled", "out_of_order", "damaged"] {
            assert_eq!(report[mistake], 0, "{report}");
        }
    }
    let keys: Vec<u64> = reports.iter().map(|report| report["keys"].as_u64().unwrap()).collect();
    // As many as there are nodes, or consumers if those are fewer.
    assert_eq!(keys, [3, 3, 3, 2, 3, 2, 3]);
    for node in &nodes {
        let done = node.text(&["INFO", "commandstats"]).await;
        assert!(["lpush", "xadd", "publish"].iter().all(|name| done.contains(&format!("cmdstat_{name}:"))), "{done}");
        assert_eq!(ask(&node.client, "dbsize").await, Value::Integer(0));
    }
    let one = ["bench", "stream", "--keys", "1", "--consumers", "2", "-n", "300", "-o", "json", "-q"];
    let output = run(rbq(&one).env("RBQ_URL", &url), b"");
    let report = measured(&output);
    assert_eq!((&report["keys"], &report["expected"]), (&1.into(), &600.into()), "{output:?}");
}

#[tokio::test]
async fn several_keys_of_one_server_are_shared_out() {
    let Some(oracle) = Oracle::start(&[]) else { return };
    for workload in ["queue", "stream", "group", "pubsub"] {
        let args = ["bench", workload, "--keys", "4", "--consumers", "8", "-c", "4", "-n", "200", "-o", "json", "-q"];
        let output = run(rbq(&args).env("RBQ_URL", oracle.url()), b"");
        let report = measured(&output);
        let expected = if matches!(workload, "stream" | "pubsub") { 400 } else { 200 };
        assert_eq!((&report["expected"], &report["received"]), (&expected.into(), &expected.into()), "{output:?}");
    }
    assert_eq!(ask(&client(&oracle).await, "dbsize").await, Value::Integer(0));
    assert_snapshot!(play(&oracle, &["bench", "queue", "--keys", "4", "--consumers", "3"], ""), @r"
    exit 2
    err| error: 4 keys need a consumer each, and there are 3
    ");
}

#[tokio::test]
async fn what_a_killed_measurement_leaves_goes_by_itself() {
    let Some(oracle) = Oracle::start(&[]) else { return };
    let control = client(&oracle).await;
    for workload in ["stream", "group"] {
        let mut child = endless(&oracle, workload);
        let key = key_of_the_run(&control).await;
        until(&control, &format!("xlen {key}"), |length| *length != Value::Integer(0)).await;
        child.kill().unwrap();
        child.wait().unwrap();
        let Value::Integer(left_ms) = ask(&control, &format!("pttl {key}")).await else { panic!() };
        assert!((1..=600_000).contains(&left_ms), "{left_ms}");
        ask(&control, "flushall").await;
    }
}

#[tokio::test]
async fn a_list_that_was_left_without_an_expiry_gets_one_from_the_next_measurement() {
    let Some(oracle) = Oracle::start(&[]) else { return };
    let control = client(&oracle).await;
    for line in ["lpush rbq:bench:queue:left a", "lpush jobs b"] {
        ask(&control, line).await;
    }
    assert!(play(&oracle, &["bench", "latency", "-n", "1", "-q"], "").starts_with("exit 0\n"));
    let Value::Integer(left_ms) = ask(&control, "pttl rbq:bench:queue:left").await else { panic!() };
    assert!((1..=600_000).contains(&left_ms), "{left_ms}");
    assert_eq!(ask(&control, "pttl jobs").await, Value::Integer(-1));
}

#[tokio::test]
async fn a_lost_connection_ends_a_measurement_with_what_it_had() {
    let Some(oracle) = Oracle::start(&[]) else { return };
    let control = client(&oracle).await;
    for workload in ["stream", "group", "pubsub", "queue", "latency"] {
        ask(&control, "config resetstat").await;
        let child = endless_at(&oracle, workload, "20000");
        let command = match workload {
            "pubsub" => "publish",
            "queue" => "lpush",
            "latency" => "ping",
            _ => "xadd",
        };
        // No more than 1024 are ever unanswered.
        until(&control, "info commandstats", |told| calls(told, command) > 2000).await;
        ask(&control, "client kill type normal skipme yes").await;
        ask(&control, "client kill type pubsub").await;
        let output = child.wait_with_output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(3), "{workload} {output:?}");
        assert!(
            said.contains("error: ") && said.contains("hint: the figures are of what was measured until then\n"),
            "{said}"
        );
        let report = measured(&output);
        assert!(report["sent"].as_u64().unwrap() > 0 && report["acknowledged_p50_us"].as_u64().is_some(), "{report}");
        assert!(report.get("lost").is_none_or(Json::is_null), "{report}");
        assert_eq!(ask(&control, "dbsize").await, Value::Integer(0), "{workload}");
    }
}

/// How often a command was called.
fn calls(told: &Value, command: &str) -> u64 {
    let told = String::from_utf8_lossy(told.as_bytes().unwrap()).into_owned();
    let name = format!("cmdstat_{command}:calls=");
    let count = told.lines().find_map(|line| line.strip_prefix(&name)?.split(',').next()?.parse().ok());
    count.unwrap_or(0)
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
    out| keys
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
    endless_at(oracle, workload, "500")
}

fn endless_at(oracle: &Oracle, workload: &str, rate: &str) -> Child {
    let args = ["bench", workload, "--rate", rate, "--duration", "1h", "-c", "1", "-o", "json", "-q"];
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
