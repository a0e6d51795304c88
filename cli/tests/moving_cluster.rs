//! Keys into a cluster and out of it again: every node is written, every node is read, and nothing is told to be whole that is
//! not.
#![allow(clippy::unwrap_used)]

mod support;

use std::process::Stdio;

use insta::assert_snapshot;
use rbq_client::Value;
use rbq_resp::slot;
use support::cluster::{self, Node};
use support::keys::{ask, client_of, everything, fill, import, same};
use support::own::Server;
use support::{Oracle, Patience, client, oracle, rbq, run, start, text, until};

/// Imports into a node's cluster, and shows what is said.
fn import_into(node: &Node, args: &[&str]) -> String {
    let output = run(rbq(&[&["import"], args].concat()).env("RBQ_URL", node.oracle.url()), b"");
    text(&output)
}

async fn keys_of(nodes: &[Node]) -> Vec<i64> {
    let mut counts = Vec::new();
    for node in nodes {
        let Value::Integer(count) = ask(&node.client, &["dbsize"]).await else { panic!("no number") };
        counts.push(count);
    }
    counts
}

#[tokio::test]
async fn a_cluster_is_written_and_read_on_every_node() {
    let Some(nodes) = cluster::start::<3>().await else { return };
    let source = Oracle::start(&[]).unwrap();
    let redis = client(&source).await;
    fill(&redis).await;
    let refused = import_into(&nodes[0], &[&source.url(), "--skip-existing"]);
    assert!(refused.ends_with("err| hint: a cluster has only database 0\n"), "{refused}");
    for node in &nodes {
        ask(&node.client, &["flushall"]).await;
    }
    ask(&redis, &["select", "3"]).await;
    ask(&redis, &["flushdb"]).await;
    ask(&redis, &["select", "0"]).await;
    let wanted = everything(&redis).await;
    let said = import_into(&nodes[0], &[&source.url()]);
    // The library of functions is one of them where there can be one.
    let skipped = if oracle::is_before_7() { 4 } else { 5 };
    let last = format!("err| imported 18 keys (3 lists, 6 streams, 9 strings); {skipped} skipped\n");
    assert!(said.ends_with(&last), "{said}");
    let counts = keys_of(&nodes).await;
    assert!(counts.iter().all(|count| *count > 0) && counts.iter().sum::<i64>() == 18, "{counts:?}");
    // Whichever node is named.
    let server = Server::start();
    let rehearsed = import(&server, &[&nodes[1].oracle.url(), "--dry-run"]);
    assert_eq!(rehearsed, "exit 0\nerr| would import 18 keys (3 lists, 6 streams, 9 strings)\n");
    let said = import(&server, &[&nodes[2].oracle.url()]);
    assert_eq!(said, "exit 0\nerr| imported 18 keys (3 lists, 6 streams, 9 strings)\n");
    same(&everything(&client_of(&server).await).await, &wanted);
    let exported = run(rbq(&["export"]).env("RBQ_URL", nodes[1].oracle.url()), b"");
    assert_eq!(String::from_utf8_lossy(&exported.stderr), "exported 18 keys (3 lists, 6 streams, 9 strings)\n");
    let compat = text(&run(&mut rbq(&["check", "compat", &nodes[0].oracle.url()]), b""));
    assert!(compat.contains("; 18 of 18 keys looked at"), "{compat}");
    // Its keys are there, on whichever node they are; and it is not its own target.
    let refused = import_into(&nodes[0], &[&source.url()]);
    assert!(refused.starts_with("exit 1\nerr| error: 18 keys of the source are in the target already"), "{refused}");
    assert_snapshot!(import_into(&nodes[0], &[&nodes[1].oracle.url(), "--replace", "--yes"])
        .replace(&nodes[0].oracle.port.to_string(), "TARGET")
        .replace(&nodes[1].oracle.port.to_string(), "SOURCE"), @r"
    exit 2
    err| plan: import `redis://127.0.0.1:SOURCE`, overwriting keys of the same names on redis://127.0.0.1:TARGET
    err| error: the source is the target
    err| hint: --url names the target
    ");
}

/// Says that a slot is on its way from one node to another, and leaves it there.
async fn begin_to_move(slot: u16, from: &Node, to: &Node) {
    let slot = slot.to_string();
    let (from_id, to_id) = (from.text(&["CLUSTER", "MYID"]).await, to.text(&["CLUSTER", "MYID"]).await);
    ask(&to.client, &["CLUSTER", "SETSLOT", &slot, "IMPORTING", &from_id]).await;
    ask(&from.client, &["CLUSTER", "SETSLOT", &slot, "MIGRATING", &to_id]).await;
}

#[tokio::test]
async fn a_slot_on_its_way_is_followed_by_an_import_and_refused_by_what_reads() {
    let Some(nodes) = cluster::start::<2>().await else { return };
    let source = Oracle::start(&[]).unwrap();
    let redis = client(&source).await;
    // `bar` is in a slot of the first node, `foo` in one of the second.
    ask(&redis, &["mset", "foo", "1", "text:{bar}", "2"]).await;
    ask(&redis, &["rpush", "bar", "one", "two", "three"]).await;
    ask(&redis, &["xadd", "log:{bar}", "1-1", "n", "1"]).await;
    begin_to_move(slot(b"bar"), &nodes[0], &nodes[1]).await;
    let said = import_into(&nodes[1], &[&source.url()]);
    assert_eq!(said, "exit 0\nerr| imported 4 keys (1 list, 1 stream, 2 strings)\n");
    assert_eq!(keys_of(&nodes).await, [0, 4]);
    for args in [vec!["export"], vec!["check", "compat", &nodes[0].oracle.url()]] {
        let refused = text(&run(rbq(&args).env("RBQ_URL", nodes[0].oracle.url()), b""));
        let code = if args[0] == "check" { 3 } else { 1 };
        let expected = format!("exit {code}\nerr| error: a slot of the cluster is being moved from or to ");
        assert!(refused.starts_with(&expected), "{refused}");
    }
}

#[tokio::test]
async fn commands_that_were_sent_to_a_node_whose_slot_went_arrive_in_their_order() {
    let Some(nodes) = cluster::start::<2>().await else { return };
    let source = Oracle::start(&[]).unwrap();
    let redis = client(&source).await;
    for number in 0..1_000 {
        ask(&redis, &["rpush", "bar", &number.to_string()]).await;
        ask(&redis, &["xadd", "log:{bar}", &format!("{}-0", number + 1), "n", "1"]).await;
    }
    let wanted = ask(&redis, &["lrange", "bar", "0", "-1"]).await;
    ask(&nodes[0].client, &["client", "pause", "100000", "write"]).await;
    let import = start(rbq(&["import", &source.url()]).env("RBQ_URL", nodes[0].oracle.url()));
    // It has sent what it may send ahead, and waits; meanwhile the slot changes hands.
    until(&nodes[0].client, "info clients", |info| {
        String::from_utf8_lossy(info.as_bytes().unwrap()).contains("blocked_clients:1")
    })
    .await;
    let (number, heir) = (slot(b"bar"), nodes[1].text(&["CLUSTER", "MYID"]).await);
    ask(&nodes[1].client, &["CLUSTER", "SETSLOT", &number.to_string(), "NODE", &heir]).await;
    // The one that is paused is told by the other, whose word counts more.
    let patience = Patience::begin();
    while !nodes[0].text(&["CLUSTER", "NODES"]).await.contains(&format!("0-{} {}-", number - 1, number + 1)) {
        patience.spend();
        tokio::task::yield_now().await;
    }
    ask(&nodes[0].client, &["client", "unpause"]).await;
    let said = text(&import.wait_with_output().unwrap());
    assert!(said.starts_with("exit 0\n") && said.ends_with("err| imported 2 keys (1 list, 1 stream)\n"), "{said}");
    assert_eq!(keys_of(&nodes).await, [0, 2]);
    assert_eq!(ask(&nodes[1].client, &["lrange", "bar", "0", "-1"]).await, wanted);
    assert_eq!(ask(&nodes[1].client, &["xlen", "log:{bar}"]).await, Value::Integer(1_000));
}

#[tokio::test]
async fn a_slot_that_moves_while_keys_are_read_makes_the_export_partly_done() {
    let Some(nodes) = cluster::start::<2>().await else { return };
    let redis = &nodes[1].client;
    // More than a pipe holds, so that the export waits for its reader on the second node.
    let value = "x".repeat(1024 * 1024);
    for number in 0..4 {
        ask(redis, &["set", &format!("{{foo}}{number}"), &value]).await;
    }
    let mut command = rbq(&["export"]);
    command.env("RBQ_URL", nodes[0].oracle.url()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let export = command.spawn().unwrap();
    // Its connection has asked for a key: it has seen the layout, and is not done.
    let patience = Patience::begin();
    loop {
        patience.spend();
        let clients = nodes[1].text(&["CLIENT", "LIST"]).await;
        if clients.contains("cmd=exec") {
            break;
        }
        tokio::task::yield_now().await;
    }
    cluster::move_slot(slot(b"bar"), &nodes[0], &nodes[1], &nodes).await;
    let output = export.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(3), "{said}");
    assert!(said.contains("error: slots of the cluster moved while its keys were read: some may be missing"), "{said}");
}

#[tokio::test]
async fn a_log_of_commands_is_not_for_a_cluster() {
    let Some(nodes) = cluster::start::<2>().await else { return };
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("appendonly.aof");
    std::fs::write(&file, "*3\r\n$3\r\nSET\r\n$1\r\na\r\n$1\r\n1\r\n").unwrap();
    let said = import_into(&nodes[0], &[file.to_str().unwrap()]);
    assert_snapshot!(said, @r"
    exit 1
    err| error: the source is a log of commands, and the target is a cluster: one command may touch several nodes
    err| hint: import it into a single server, and that server into the cluster
    ");
}

#[tokio::test]
async fn a_cluster_that_hides_its_nodes_is_not_taken_for_one_server() {
    if oracle::is_before_7() {
        return;
    }
    let Some(nodes) = cluster::start::<2>().await else { return };
    ask(&nodes[0].client, &["acl", "setuser", "ann", "on", ">secret", "~*", "+@all", "-cluster"]).await;
    let url = nodes[0].oracle.url().replace("redis://", "redis://ann:secret@");
    for command in [&["export"][..], &["queue", "ls"], &["dlq", "ls"], &["stream", "peek", "s"]] {
        let said = text(&run(rbq(command).args(["--url", &url]), b""));
        assert!(said.starts_with("exit 1\nerr| error: NOPERM"), "{said}");
        assert!(said.contains("err| hint: this is one node of a cluster"), "{said}");
    }
    // A single server says that it is none, to a user who may hardly ask for anything.
    let Some(single) = Oracle::start(&[]) else { return };
    let user =
        ["acl", "setuser", "ann", "on", ">secret", "~*", "-@all", "+@list", "+scan", "+type", "+client", "+time"];
    ask(&client(&single).await, &user).await;
    let url = single.url().replace("redis://", "redis://ann:secret@");
    let said = text(&run(&mut rbq(&["queue", "ls", "--url", &url]), b""));
    assert!(said.starts_with("exit 0\n"), "{said}");
}

#[tokio::test]
async fn what_a_full_disk_did_not_take_is_not_told_as_exported() {
    let Some(oracle) = Oracle::start(&[]) else { return };
    ask(&client(&oracle).await, &["mset", "a", "1", "b", "2"]).await;
    let full = std::fs::File::options().write(true).open("/dev/full").unwrap();
    let mut command = rbq(&["export"]);
    let output = command.env("RBQ_URL", oracle.url()).stdin(Stdio::null()).stdout(full).stderr(Stdio::piped());
    assert_snapshot!(text(&output.output().unwrap()), @r"
    exit 1
    err| read 2 keys (2 strings), and the first 0 are whole on stdout
    err| error: cannot write all of the export on stdout: no space left on device
    err| hint: what is there ends in the middle; export it again where there is room
    ");
}
