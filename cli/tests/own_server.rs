//! `rbq server`, and every tool against it.
#![allow(clippy::unwrap_used)]

mod support;

use std::process::{Command, Output};

use insta::assert_snapshot;
use support::own::Server;
use support::{Patience, rbq, run, start, text};

#[test]
fn every_tool_works_with_our_own_server() {
    let server = Server::start();
    assert_snapshot!(server.play(&["cli", "--no-raw"], "ping\nset k v\nget k\nhello 3\nnope\n"), @r#"
    exit 0
    out| PONG
    out| OK
    out| "v"
    out| 1# "server" => "redis"
    out| 2# "version" => "8.10.0"
    out| 3# "proto" => (integer) 3
    out| 4# "id" => (integer) 1
    out| 5# "mode" => "standalone"
    out| 6# "role" => "master"
    out| 7# "modules" => (empty array)
    out| (error) ERR unknown command 'nope', with args beginning with:
    "#);
    assert_snapshot!(server.play(&["produce", "queue", "jobs"], "1\n2\n3\n"), @r"
    exit 0
    err| sent 3, acknowledged 3, failed 0
    ");
    assert_snapshot!(server.play(&["consume", "queue", "jobs", "-q", "--no-wait", "--batch", "2"], ""), @r"
    exit 0
    out| 1
    out| 2
    out| 3
    ");
    server.play(&["produce", "stream", "events", "-q", "a", "b"], "");
    let group = ["consume", "stream", "events", "-g", "g", "--create", "--no-wait"];
    for expected in ["exit 0\nout| a\nout| b\n", "exit 0\n"] {
        assert_eq!(server.play(&group, ""), expected);
    }
    assert_snapshot!(server.play(&["repl"], "help xlen\nxlen events\n"), @r#"
    exit 0
    out| XLEN key
    out|   Counts the entries of a stream.
    out|   group: stream
    out|   since: 5.0.0
    out|   complexity: O(1)
    out|   example:
    out|   > XADD orders 1-1 item book
    out|     "1-1"
    out|   > XLEN orders
    out|     1
    out| (integer) 2
    "#);
}

#[test]
fn the_directory_of_a_running_server_is_refused_to_an_embedded_broker() {
    let server = Server::start();
    let output = run(&mut rbq(&["repl", "--embedded", "--dir", server.dir.path().to_str().unwrap()]), b"ping\n");
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!((output.status.code(), output.stdout.as_slice()), (Some(1), &b""[..]), "{said}");
    assert!(said.contains("is in use by another process") && said.contains("hint: "), "{said}");
}

#[test]
fn a_subscriber_hears_and_a_told_server_leaves_in_order() {
    let mut server = Server::start();
    let subscriber = start(&mut server.command(&["sub", "news", "-n", "1"]));
    // Nobody tells when the subscriber has arrived; a publisher may ask.
    let patience = Patience::begin();
    while run(&mut server.command(&["cli", "publish", "news", "hi"]), b"").stdout != b"1\n" {
        patience.spend();
    }
    let Output { stdout, status, .. } = subscriber.wait_with_output().unwrap();
    assert_eq!((stdout.as_slice(), status.code()), (&b"hi\n"[..], Some(0)));
    assert_eq!(server.play(&["cli", "shutdown"], ""), "exit 0\n");
    assert_eq!(server.child.wait().unwrap().code(), Some(0));
}

#[test]
fn the_server_speaks_for_itself_on_the_command_line() {
    let version = run(&mut rbq(&["server", "--version"]), b"");
    assert_eq!(String::from_utf8_lossy(&version.stdout).trim(), format!("rbq-server {}", env!("CARGO_PKG_VERSION")));
    let help = run(&mut rbq(&["server", "--help"]), b"");
    assert!(String::from_utf8_lossy(&help.stdout).contains("--maxmemory"));
    let wrong = run(&mut rbq(&["server", "--nosuch"]), b"");
    assert_eq!(wrong.status.code(), Some(2));
}

/// Plays another test of this file for somebody who has settings for a server and for tools of their own.
#[test]
fn what_is_set_where_the_tests_are_run_changes_none_of_them() {
    let mut again = Command::new(std::env::current_exe().unwrap());
    again.args(["--exact", "every_tool_works_with_our_own_server"]);
    again.envs([
        ("RBQ_REQUIREPASS", "sesame"),
        ("RBQ_MAXMEMORY", "1"),
        ("RBQ_APPENDONLY", "no"),
        ("RBQ_PROTO_MAX_BULK_LEN", "1mb"),
        ("RBQ_REPLY_TIMEOUT", "soon"),
        ("RBQ_URL", "redis://a..b"),
    ]);
    let said = text(&run(&mut again, b""));
    assert!(said.contains("1 passed"), "{said}");
}
