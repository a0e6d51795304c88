//! Keys to be moved, and all that a server says of its keys.

use std::path::PathBuf;
use std::time::{SystemTime, UNIX_EPOCH};

use rbq_client::{Client, Options, Request, Value};

use super::own::Server;
use super::{oracle, run, text};

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
    let is_known = |line: &&str| !(oracle::is_before_7() && line.starts_with("function "));
    for line in scene::SCENE.lines().filter(is_known) {
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
    // A group that read more than there is.
    ask(client, &["xgroup", "create", "lately", "all", "$", "mkstream"]).await;
    for number in 1..=40 {
        let id = format!("{number}-1");
        ask(client, &["xadd", "lately", "maxlen", "=", "5", &id, "n", "x"]).await;
        ask(client, &["xreadgroup", "group", "all", "ann", "noack", "streams", "lately", ">"]).await;
    }
}

/// Members of XINFO that are not the stream's: how it lies in memory, when somebody asked, what Redis 7.0 has not.
const NOT_COMPARED: &[&str] =
    &["radix-tree-keys", "radix-tree-nodes", "seen-time", "active-time", "lag", "nacked-count", "idle", "inactive"];

/// What Redis has kept of a stream and a group since 7.0.
const NOT_COMPARED_BEFORE_7: &[&str] =
    &["max-deleted-entry-id", "entries-added", "recorded-first-entry-id", "entries-read"];

pub(crate) fn said(value: &Value, out: &mut String) {
    match value {
        Value::Map(pairs) => {
            for (name, value) in pairs {
                let name = String::from_utf8_lossy(name.as_bytes().unwrap()).into_owned();
                let is_idempotent = ["idmp-", "pids-", "iids-"].iter().any(|start| name.starts_with(start));
                let is_newer = oracle::is_before_7() && NOT_COMPARED_BEFORE_7.contains(&name.as_str());
                if !is_idempotent && !is_newer && !NOT_COMPARED.contains(&name.as_str()) {
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

/// When a key expires. Before 7.0 Redis told only how long that is, which is right to a few milliseconds: in tens of seconds.
async fn expiry(client: &Client, name: &str) -> Value {
    if !oracle::is_before_7() {
        return ask(client, &["pexpiretime", name]).await;
    }
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis();
    match ask(client, &["pttl", name]).await {
        Value::Integer(left @ 0..) => Value::Integer((i64::try_from(now).unwrap() + left + 5_000) / 10_000),
        never => never,
    }
}

/// The file or the directory in which a server logs its commands.
pub(crate) async fn log_of(client: &Client) -> PathBuf {
    directory(client).await.join(if oracle::is_before_7() { "appendonly.aof" } else { "appendonlydir" })
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
            said(&expiry(client, &name).await, &mut text);
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
