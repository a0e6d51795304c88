//! A key is in the target whole or not at all, whatever ends an import; the next one brings the rest and leaves nothing behind.
#![allow(clippy::unwrap_used)]

mod support;

use std::path::PathBuf;
use std::process::{Child, Command};

use rbq_client::{Client, Value};
use support::keys::{ask, client_of, directory, everything, import, same};
use support::own::Server;
use support::{Oracle, Patience, client, cluster, rbq, run, start, text, until};

/// More than a server takes in before it looks how much memory it has.
const ENTRIES: usize = 100_000;

/// A list and a stream with a group, each of many commands, and a few keys of one.
async fn source() -> Option<(Oracle, Client, PathBuf)> {
    let oracle = Oracle::start(&[])?;
    let redis = client(&oracle).await;
    for first in (0..ENTRIES).step_by(500) {
        let elements: Vec<String> = (first..first + 500).map(|number| format!("element-{number}")).collect();
        let push: Vec<&str> = ["rpush", "list"].into_iter().chain(elements.iter().map(String::as_str)).collect();
        ask(&redis, &push).await;
    }
    for number in 1..1_000 {
        ask(&redis, &["xadd", "stream", &format!("{number}-1"), "n", "1"]).await;
    }
    ask(&redis, &["xgroup", "create", "stream", "g", "0"]).await;
    ask(&redis, &["xreadgroup", "group", "g", "ann", "count", "500", "streams", "stream", ">"]).await;
    ask(&redis, &["pexpireat", "list", "4102444800123"]).await;
    ask(&redis, &["mset", "a", "1", "b", "2"]).await;
    ask(&redis, &["save"]).await;
    let file = directory(&redis).await.join("dump.rdb");
    Some((oracle, redis, file))
}

/// Everything that is there under a name of the source is what the source has.
fn whole(there: &[String], wanted: &[String]) {
    let is_there = |all: &[String], name: &str| all.iter().find(|key| key.split(' ').nth(1) == Some(name)).cloned();
    for name in ["list", "stream", "a", "b"] {
        if let Some(found) = is_there(there, name) {
            same(&[found], &[is_there(wanted, name).unwrap()]);
        }
    }
}

/// Names of keys that an import is at work on.
async fn unfinished(client: &Client) -> Vec<Value> {
    let Value::Array(names) = ask(client, &["keys", "*:rbq:import:*"]).await else { panic!("no array") };
    names
}

#[tokio::test]
async fn a_target_that_gets_full_within_a_key_has_nothing_of_it() {
    let Some((_oracle, redis, file)) = source().await else { return };
    let wanted = everything(&redis).await;
    let server = Server::start();
    let look = client_of(&server).await;
    let used = |info: &Value| {
        let info = String::from_utf8_lossy(info.as_bytes().unwrap()).into_owned();
        let used = info.lines().find_map(|line| line.strip_prefix("used_memory:")).unwrap().to_owned();
        used.trim().parse::<u64>().unwrap()
    };
    // Room for the connections, and for a part of the list.
    let limit = used(&ask(&look, &["info", "memory"]).await) + 400_000;
    ask(&look, &["config", "set", "maxmemory", &limit.to_string()]).await;
    let said = import(&server, &[file.to_str().unwrap()]);
    assert!(said.starts_with("exit 1\n"), "{said}");
    assert!(said.contains("error: the target did not take `"), "{said}");
    assert!(said.ends_with("hint: every key in the target is whole; `--skip-existing` brings the rest\n"), "{said}");
    let there = everything(&look).await;
    assert!(there.len() < wanted.len());
    whole(&there, &wanted);
    assert_eq!(unfinished(&look).await, []);
    ask(&look, &["config", "set", "maxmemory", "0"]).await;
    let said = import(&server, &[file.to_str().unwrap(), "--skip-existing"]);
    assert!(said.starts_with("exit 0\n"), "{said}");
    same(&everything(&look).await, &wanted);
}

/// Begins an import and holds its target up where a part of a large key is there. One that was done before that begins anew.
async fn held_up(look: &Client, command: &mut Command) -> Child {
    let patience = Patience::begin();
    loop {
        let mut import = start(command);
        while import.try_wait().unwrap().is_none() {
            patience.spend();
            if !unfinished(look).await.is_empty() {
                ask(look, &["client", "pause", "100000", "write"]).await;
                if !unfinished(look).await.is_empty() {
                    return import;
                }
                ask(look, &["client", "unpause"]).await;
            }
            tokio::task::yield_now().await;
        }
        ask(look, &["flushall"]).await;
    }
}

#[tokio::test]
async fn an_import_that_is_killed_leaves_what_the_next_one_removes() {
    let Some((_oracle, redis, file)) = source().await else { return };
    let wanted = everything(&redis).await;
    let target = Oracle::start(&[]).unwrap();
    let look = client(&target).await;
    let mut import = held_up(&look, rbq(&["import", file.to_str().unwrap()]).env("RBQ_URL", target.url())).await;
    import.kill().unwrap();
    import.wait().unwrap();
    ask(&look, &["client", "unpause"]).await;
    until(&look, "client list", |list| !String::from_utf8_lossy(list.as_bytes().unwrap()).contains("name=rbq-import-"))
        .await;
    let all = everything(&look).await;
    assert_eq!(unfinished(&look).await.len(), 1);
    whole(&all, &wanted);
    // Nobody's queue, nobody's stream.
    for kind in ["queue", "stream"] {
        let told = text(&run(rbq(&[kind, "ls"]).env("RBQ_URL", target.url()), b""));
        assert!(!told.contains(":rbq:import:"), "{told}");
    }
    let exported = run(rbq(&["export"]).env("RBQ_URL", target.url()), b"");
    assert!(!String::from_utf8_lossy(&exported.stdout).contains(":rbq:import:"));
    let output = run(rbq(&["import", file.to_str().unwrap(), "--skip-existing"]).env("RBQ_URL", target.url()), b"");
    let said = text(&output);
    assert!(said.starts_with("exit 0\n"), "{said}");
    assert!(said.contains("err| removed 1 key that an earlier import had not finished\n"), "{said}");
    same(&everything(&look).await, &wanted);
}

#[tokio::test]
async fn an_import_at_work_keeps_what_it_makes_while_another_begins() {
    let Some((_oracle, redis, file)) = source().await else { return };
    let wanted = everything(&redis).await;
    let target = Oracle::start(&[]).unwrap();
    let look = client(&target).await;
    let first = held_up(&look, rbq(&["import", file.to_str().unwrap()]).env("RBQ_URL", target.url())).await;
    let other = tempfile::tempdir().unwrap();
    let log = other.path().join("appendonly.aof");
    std::fs::write(&log, "*3\r\n$3\r\nSET\r\n$1\r\nz\r\n$1\r\n1\r\n").unwrap();
    let refused = text(&run(rbq(&["import", log.to_str().unwrap()]).env("RBQ_URL", target.url()), b""));
    assert!(refused.contains("the target is not empty"), "{refused}");
    assert_eq!(unfinished(&look).await.len(), 1);
    ask(&look, &["client", "unpause"]).await;
    let said = text(&first.wait_with_output().unwrap());
    assert!(said.starts_with("exit 0\n"), "{said}");
    same(&everything(&look).await, &wanted);
}

#[tokio::test]
async fn a_server_that_is_killed_within_a_key_has_nothing_of_it_after_its_start() {
    let Some((_oracle, redis, file)) = source().await else { return };
    let wanted = everything(&redis).await;
    let mut server = Server::start();
    let look = client_of(&server).await;
    let import_child = held_up(&look, &mut server.command(&["import", file.to_str().unwrap()])).await;
    server.kill_and_start();
    let said = text(&import_child.wait_with_output().unwrap());
    assert!(said.ends_with("hint: every key in the target is whole; `--skip-existing` brings the rest\n"), "{said}");
    let look = client_of(&server).await;
    whole(&everything(&look).await, &wanted);
    let said = import(&server, &[file.to_str().unwrap(), "--skip-existing"]);
    assert!(said.starts_with("exit 0\n"), "{said}");
    same(&everything(&look).await, &wanted);
}

#[tokio::test]
async fn a_key_that_somebody_makes_meanwhile_is_not_mixed_with_the_sources() {
    let Some((_oracle, _redis, file)) = source().await else { return };
    let target = Oracle::start(&[]).unwrap();
    let look = client(&target).await;
    let second = client(&target).await;
    let import = held_up(&look, rbq(&["import", file.to_str().unwrap()]).env("RBQ_URL", target.url())).await;
    let Value::Bulk(name) = unfinished(&look).await.remove(0) else { panic!("no name") };
    let name = String::from_utf8(name.to_vec()).unwrap();
    // Both are in line behind the pause, ours first where the import has sent no more; else the import is first, and whole.
    let key = name.trim_start_matches('{').split([':', '}']).next().unwrap().to_owned();
    let theirs = second.submit(rbq_client::Request::from(["set", &key, "theirs"])).await.unwrap();
    ask(&look, &["client", "unpause"]).await;
    theirs.await.unwrap();
    let said = text(&import.wait_with_output().unwrap());
    if ask(&look, &["type", &key]).await == Value::Status("string".into()) && said.starts_with("exit 3\n") {
        assert!(said.contains("somebody made the key meanwhile"), "{said}");
    } else {
        assert!(said.starts_with("exit 0\n"), "{said}");
    }
    assert_eq!(unfinished(&look).await, []);
}

#[tokio::test]
async fn keys_of_a_cluster_get_their_names_when_they_are_whole() {
    let Some(nodes) = cluster::start::<2>().await else { return };
    let oracle = Oracle::start(&[]).unwrap();
    let redis = client(&oracle).await;
    let elements: Vec<String> = (0..2_000).map(|number| format!("element-{number}-{}", "x".repeat(60))).collect();
    // Braces that are no hash tag, or not all of one.
    let keys = ["jobs", "{bar}:jobs", "a}b", "{}x", "}{"];
    for key in keys {
        let push: Vec<&str> = ["rpush", key].into_iter().chain(elements.iter().map(String::as_str)).collect();
        ask(&redis, &push).await;
    }
    for args in [&[][..], &["--replace", "--yes"]] {
        let said = run(rbq(&[&["import", &oracle.url()], args].concat()).env("RBQ_URL", nodes[0].oracle.url()), b"");
        let said = text(&said);
        assert!(said.starts_with("exit 0\n") && said.ends_with("err| imported 5 keys (5 lists)\n"), "{said}");
        let mut there = 0;
        for node in &nodes {
            let Value::Array(names) = ask(&node.client, &["keys", "*"]).await else { panic!("no array") };
            for name in &names {
                let name = String::from_utf8(name.as_bytes().unwrap().to_vec()).unwrap();
                assert!(keys.contains(&name.as_str()), "{name}");
                assert_eq!(ask(&node.client, &["llen", &name]).await, Value::Integer(2_000));
            }
            there += names.len();
        }
        assert_eq!(there, keys.len());
    }
}
