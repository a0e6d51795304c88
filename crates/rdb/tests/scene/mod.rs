//! A real `redis-server` full of what may stand in a file, and what it says about that itself.
#![allow(dead_code, clippy::unwrap_used)]

#[path = "../../../client/tests/oracle/mod.rs"]
pub(crate) mod oracle;

mod lines;

use rbq_client::{Client, Options, Request, Value};

pub(crate) use oracle::Oracle;

use lines::SCENE;

pub(crate) async fn client(oracle: &Oracle) -> Client {
    Client::connect(&oracle.url().parse().unwrap(), &Options::default()).await.unwrap().0
}

pub(crate) async fn ask(client: &Client, line: &str) -> Value {
    let unescape = |word: &str| word.replace("\\x20", " ").replace("\\n", "\n");
    client.call(Request::from(line.split(' ').map(unescape))).await.unwrap_or_else(|error| panic!("{line}: {error}"))
}

/// The commands of the scene that the server knows: there are functions since 7.0.
pub(crate) fn lines() -> impl Iterator<Item = &'static str> {
    SCENE.lines().filter(|line| !(oracle::is_before_7() && line.starts_with("function ")))
}

/// Sets the scene, with long lists and streams besides.
pub(crate) async fn fill(client: &Client) {
    for line in lines() {
        ask(client, line).await;
    }
    for number in 0..700 {
        let long = "x".repeat(number);
        client.call(Request::from(["rpush", "many", &number.to_string(), &long])).await.unwrap();
        let id = format!("{}-1", number + 1);
        client.call(Request::from(["xadd", "flood", &id, "n", &number.to_string(), "text", &long])).await.unwrap();
        if number % 3 == 0 {
            client.call(Request::from(["xdel", "flood", &id])).await.unwrap();
        }
    }
    let big = "y".repeat(200_000);
    client.call(Request::from(["rpush", "mixed", "a", &big, "b"])).await.unwrap();
    client.call(Request::from(["xadd", "flood", "9000-1", "big", &big])).await.unwrap();
}

/// The file that the server saves.
pub(crate) async fn saved(client: &Client) -> Vec<u8> {
    ask(client, "save").await;
    std::fs::read(directory(client).await.join("dump.rdb")).unwrap()
}

/// The server's directory.
pub(crate) async fn directory(client: &Client) -> std::path::PathBuf {
    match ask(client, "config get dir").await {
        Value::Map(pairs) => String::from_utf8(pairs[0].1.as_bytes().unwrap().to_vec()).unwrap().into(),
        other => panic!("{other:?}"),
    }
}
