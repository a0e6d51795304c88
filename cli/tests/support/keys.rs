//! Keys to be moved, and all that a server says of its keys.

use std::path::PathBuf;

use rbq_client::{Client, Options, Request, Value};

use super::own::Server;
use super::{run, text};

#[path = "../../../crates/rdb/tests/scene/lines.rs"]
mod scene;

/// What an import says, without this run's directories.
pub(crate) fn import(server: &Server, args: &[&str]) -> String {
    let mut words = vec!["import"];
    words.extend(args);
    let shown = text(&run(&mut server.command(&words), b"")).replace(&server.url(), "TARGET");
    args.iter().filter(|arg| arg.contains('/')).fold(shown, |shown, path| shown.replace(path, "SOURCE"))
}

pub(crate) async fn client_of(server: &Server) -> Client {
    Client::connect(&server.url().parse().unwrap(), &Options::default()).await.unwrap().0
}

pub(crate) async fn ask(client: &Client, words: &[&str]) -> Value {
    client.call(Request::from(words)).await.unwrap_or_else(|error| panic!("{words:?}: {error}"))
}

/// The scene, and values of many nodes.
pub(crate) async fn fill(client: &Client) {
    for line in scene::SCENE.lines() {
        let words: Vec<String> = line.split(' ').map(|word| word.replace("\\x20", " ").replace("\\n", "\n")).collect();
        client.call(Request::from(&words)).await.unwrap_or_else(|error| panic!("{line}: {error}"));
    }
    for number in 0..1300 {
        let (id, number) = (format!("{}-1", number + 1), number.to_string());
        ask(client, &["rpush", "many", &number, "\u{0}\r\n"]).await;
        ask(client, &["xadd", "flood", &id, "n", &number, "text", "x"]).await;
    }
    ask(client, &["xgroup", "create", "flood", "busy", "0"]).await;
    for consumer in ["ann", "bob", "cat"] {
        ask(client, &["xreadgroup", "group", "busy", consumer, "count", "300", "streams", "flood", ">"]).await;
    }
    ask(client, &["xclaim", "flood", "busy", "dan", "0", "7-1", "8-1", "time", "1700000000000", "retrycount", "9"])
        .await;
    for id in ["5-1", "8-1", "700-1", "1300-1"] {
        ask(client, &["xdel", "flood", id]).await;
    }
    ask(client, &["xtrim", "flood", "minid", "=", "4-1"]).await;
}

/// Members of XINFO that are not the stream's: how it lies in memory, when somebody asked, what Redis 7.0 has not.
const NOT_COMPARED: &[&str] =
    &["radix-tree-keys", "radix-tree-nodes", "seen-time", "active-time", "lag", "nacked-count", "idle", "inactive"];

pub(crate) fn said(value: &Value, out: &mut String) {
    match value {
        Value::Map(pairs) => {
            for (name, value) in pairs {
                let name = String::from_utf8_lossy(name.as_bytes().unwrap()).into_owned();
                let is_idempotent = ["idmp-", "pids-", "iids-"].iter().any(|start| name.starts_with(start));
                if !is_idempotent && !NOT_COMPARED.contains(&name.as_str()) {
                    out.push_str(&format!("{name}="));
                    said(value, out);
                    out.push('\n');
                }
            }
        }
        Value::Array(values) => values.iter().for_each(|value| said(value, out)),
        Value::Bulk(bytes) => out.push_str(&format!("{} ", bytes.escape_ascii())),
        Value::Integer(number) => out.push_str(&format!("{number} ")),
        other => out.push_str(&format!("{other:?} ")),
    }
}

/// Everything in a server of the types that both have.
pub(crate) async fn everything(client: &Client) -> Vec<String> {
    let mut all = Vec::new();
    for db in ["0", "3"] {
        ask(client, &["select", db]).await;
        let Value::Array(names) = ask(client, &["keys", "*"]).await else { panic!("no array") };
        for name in names {
            let name = String::from_utf8(name.as_bytes().unwrap().to_vec()).unwrap();
            let kind = ask(client, &["type", &name]).await;
            let value = match kind.as_bytes().unwrap() {
                b"string" => ask(client, &["get", &name]).await,
                b"list" => ask(client, &["lrange", &name, "0", "-1"]).await,
                b"stream" => ask(client, &["xinfo", "stream", &name, "full", "count", "0"]).await,
                _ => continue,
            };
            let mut text = format!("{db} {name} ");
            said(&ask(client, &["pexpiretime", &name]).await, &mut text);
            said(&value, &mut text);
            if kind.as_bytes() == Some(b"stream") {
                let Value::Array(groups) = ask(client, &["xinfo", "groups", &name]).await else { panic!("no array") };
                for group in groups {
                    let Value::Map(members) = group else { panic!("no map") };
                    let group = String::from_utf8(members[0].1.as_bytes().unwrap().to_vec()).unwrap();
                    said(&ask(client, &["xpending", &name, &group]).await, &mut text);
                    said(&ask(client, &["xinfo", "consumers", &name, &group]).await, &mut text);
                }
            }
            all.push(text);
        }
    }
    ask(client, &["select", "0"]).await;
    all.sort();
    all
}

/// Shows where the first difference is, and not the thousands of entries around it.
pub(crate) fn same(left: &[String], right: &[String]) {
    for (left, right) in left.iter().zip(right) {
        let at = left.bytes().zip(right.bytes()).take_while(|(left, right)| left == right).count();
        let around = |text: &str| {
            String::from_utf8_lossy(text.as_bytes()).chars().skip(at.saturating_sub(80)).take(160).collect::<String>()
        };
        assert!(left == right, "{}\n  is not\n{}", around(left), around(right));
    }
    assert_eq!(left.len(), right.len());
}

pub(crate) async fn directory(client: &Client) -> PathBuf {
    let Value::Map(pairs) = ask(client, &["config", "get", "dir"]).await else { panic!("no map") };
    String::from_utf8(pairs[0].1.as_bytes().unwrap().to_vec()).unwrap().into()
}
