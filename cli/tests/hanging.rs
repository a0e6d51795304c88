//! A server that is there and does not answer: it is said, and it ends as a lost connection does.
#![allow(clippy::unwrap_used)]

mod support;

use std::io::{BufRead, Read, Write};
use std::process::{Child, Command};

use rbq_client::{Client, Value};
use support::{Oracle, ask, client, listen, rbq, run, start, text, until};

/// Long enough for a server that is not stopped, on a machine with much else to do.
const TIMEOUT: &str = "3s";

fn command(oracle: &Oracle, args: &[&str]) -> Command {
    let mut command = rbq(args);
    command.env("RBQ_URL", oracle.url()).env("RBQ_REPLY_TIMEOUT", TIMEOUT);
    command
}

/// The process of a server.
async fn process(control: &Client) -> String {
    let info = ask(control, "info server").await;
    let info = String::from_utf8_lossy(info.as_bytes().unwrap()).into_owned();
    info.lines().find_map(|line| line.strip_prefix("process_id:")).unwrap().to_owned()
}

fn signal(process: &str, name: &str) {
    assert!(Command::new("kill").args([name, process]).status().unwrap().success());
}

/// Until so many connections are there that say this of themselves.
async fn until_there(control: &Client, what: &str, count: usize) {
    let is_there = |list: &Value| String::from_utf8_lossy(list.as_bytes().unwrap()).matches(what).count() == count;
    until(control, "client list", is_there).await;
}

#[tokio::test]
async fn whoever_waits_for_a_server_that_hangs_says_so_and_ends_with_5() {
    let Some(oracle) = Oracle::start(&[]) else { return };
    let control = client(&oracle).await;
    let at_once = ["--reconnect", "0s"];
    run(&mut command(&oracle, &["produce", "stream", "events", "-q", "x"]), b"");
    ask(&control, "xgroup create events h $").await;
    let mut children: Vec<(&[&str], Child)> = Vec::new();
    for (args, more, sign, count) in [
        (&["consume", "stream", "events"][..], &at_once[..], "cmd=xread ", 1),
        (&["consume", "stream", "events", "-g", "g", "--create"], &at_once, "cmd=xreadgroup", 1),
        (&["consume", "queue", "jobs", "-q"], &at_once, "cmd=blmove", 1),
        (&["sub", "news"], &[], " sub=1 ", 1),
        (&["stream", "tail", "events", "-f"], &[], "cmd=xread ", 2),
        (&["queue", "tail", "jobs", "-f"], &[], "cmd=exec", 1),
        (&["group", "lag", "events", "--watch", "10ms"], &[], "cmd=xinfo", 1),
    ] {
        children.push((args, start(&mut command(&oracle, &[args, more].concat()))));
        until_there(&control, sign, count).await;
    }
    let server = process(&control).await;
    signal(&server, "-STOP");
    for (args, child) in children {
        let said = text(&child.wait_with_output().unwrap());
        assert!(said.starts_with("exit 5\n"), "{args:?}: {said}");
        assert!(said.contains("err| no answer from the server for 1s\n"), "{args:?}: {said}");
        assert!(said.contains("err| error: no reply within 3s\n"), "{args:?}: {said}");
    }
    signal(&server, "-CONT");
}

#[tokio::test]
async fn who_tries_to_reach_a_silent_server_with_nothing_in_hand_is_ended_by_ctrl_c() {
    let Some(oracle) = Oracle::start(&[]) else { return };
    let control = client(&oracle).await;
    let mut children = Vec::new();
    for (args, sign) in [
        (&["consume", "queue", "jobs", "-q", "--reconnect", "1h"][..], "cmd=blmove"),
        (&["consume", "stream", "events", "--reconnect", "1h"], "cmd=xread "),
    ] {
        let child = start(&mut command(&oracle, args));
        until_there(&control, sign, 1).await;
        children.push((args, child));
    }
    let server = process(&control).await;
    signal(&server, "-STOP");
    for (args, mut child) in children {
        let mut lines = listen(child.stderr.take().unwrap()).lines();
        while !lines.next().unwrap().unwrap().contains("trying to reach it") {}
        signal(&child.id().to_string(), "-INT");
        assert_eq!(child.wait().unwrap().code(), Some(130), "{args:?}");
    }
    signal(&server, "-CONT");
}

#[tokio::test]
async fn an_export_or_import_that_has_begun_ends_when_the_server_falls_silent() {
    let Some(oracle) = Oracle::start(&[]) else { return };
    let control = client(&oracle).await;
    let value = "v".repeat(10_000);
    for number in 0..1_000 {
        ask(&control, &format!("set key:{number} {value}")).await;
    }
    let silent = "err| no answer from the server for 1s\n";
    let lost = "err| error: no reply within 3s\n";
    // The target takes the connection and looks, and holds every change back.
    let target = Oracle::start(&[]).unwrap();
    ask(&client(&target).await, "client pause 1000000 write").await;
    let said = text(&run(&mut command(&target, &["import", &oracle.url(), "-q"]), b""));
    assert!(said.starts_with("exit 5\n") && said.contains(silent) && said.contains(lost), "{said}");

    let mut child = start(&mut command(&oracle, &["export", "-q"]));
    // It has begun, and as nobody reads on, it cannot get far.
    let mut first = [0; 1];
    child.stdout.as_mut().unwrap().read_exact(&mut first).unwrap();
    let server = process(&control).await;
    signal(&server, "-STOP");
    let output = child.wait_with_output().unwrap();
    signal(&server, "-CONT");
    let said = text(&std::process::Output { stdout: Vec::new(), ..output });
    assert!(said.starts_with("exit 5\n") && said.contains(silent) && said.contains(lost), "{said}");
}

#[tokio::test]
async fn a_producer_goes_on_when_the_server_does() {
    let Some(oracle) = Oracle::start(&[]) else { return };
    let control = client(&oracle).await;
    let server = process(&control).await;
    let mut child = start(&mut command(&oracle, &["produce", "queue", "jobs"]));
    let mut stdin = child.stdin.take().unwrap();
    let mut stderr = listen(child.stderr.take().unwrap());
    stdin.write_all(b"one\n").unwrap();
    until(&control, "llen jobs", |length| *length == Value::Integer(1)).await;
    signal(&server, "-STOP");
    stdin.write_all(b"two\n").unwrap();
    let mut said = String::new();
    while !said.contains("trying to reach it") {
        assert!(stderr.read_line(&mut said).unwrap() > 0, "{said}");
    }
    signal(&server, "-CONT");
    stdin.write_all(b"three\n").unwrap();
    drop(stdin);
    stderr.read_to_string(&mut said).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(0), "{said}");
    assert!(
        said.starts_with("no answer from the server for 1s\nno reply within 3s; trying to reach it for 30s"),
        "{said}"
    );
    assert!(said.ends_with("connected again\nsent 3, acknowledged 3, failed 0\n"), "{said}");
}

#[test]
fn a_server_that_takes_the_connection_and_never_answers_is_no_server_that_is_not_there() {
    // The kernel accepts for the listener's backlog; nobody reads.
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("redis://{}", listener.local_addr().unwrap());
    let dir = tempfile::tempdir().unwrap();
    let copy = dir.path().join("copy");
    let backup = ["backup", copy.to_str().unwrap()];
    for args in [&backup[..], &["queue", "ls"], &["produce", "queue", "jobs", "--reconnect", "0s"]] {
        let said = text(&run(rbq(args).env("RBQ_URL", &url).env("RBQ_REPLY_TIMEOUT", "200ms"), b"x\n"));
        assert!(said.starts_with("exit 5\n"), "{args:?}: {said}");
        assert!(said.contains("err| no answer from the server for 100ms\n"), "{args:?}: {said}");
        let wanted = "err| error: no reply within 200ms\nerr| hint: the connection stands: ";
        assert!(said.contains(wanted), "{args:?}: {said}");
    }
}
