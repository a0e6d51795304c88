//! A real `redis-server` full of what may stand in a file, and what it says about that itself.
#![allow(dead_code, clippy::unwrap_used)]

#[path = "../../../client/tests/oracle/mod.rs"]
mod oracle;

use rbq_client::{Client, Options, Request, Value};

pub(crate) use oracle::Oracle;

/// Keys of every type and encoding, and streams with all that a stream may have.
pub(crate) const SCENE: &str = "\
set text hello
set number 12345
set negative -7
set short 300
set huge 123456789012345678901
setrange long 0 aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa
set late x pxat 4102444800123
rpush small a b 1 -2 300 70000 9999999999 12345678901234567890
rpush one x
hset hash a 1 b 2
sadd ints 1 2 3
sadd words a b c
zadd scores 1.5 a -inf b inf c 3 d
setbit bits 77 1
pfadd loglog a b
xadd plain 1-1 a 1 b 2
xadd plain 1-2 a 3 b 4
xadd plain 2-0 other x
xadd plain 3-1 a 5 b 6
xdel plain 1-2
xgroup create plain g 0
xreadgroup group g ann count 1 streams plain >
xreadgroup group g bob count 1 streams plain >
xgroup createconsumer plain g idle
xgroup create plain end $
xdel plain 2-0
xadd gone 5-5 a b
xgroup create gone g 0
xreadgroup group g ann streams gone >
xdel gone 5-5
xgroup create empty g $ mkstream
xadd trimmed 1-1 a b
xadd trimmed 2-1 a b
xadd trimmed 3-1 a b
xgroup create trimmed g 0
xreadgroup group g ann streams trimmed >
xtrim trimmed maxlen 1
function load #!lua\\x20name=lib\\nredis.register_function('f',function()\\x20return\\x201\\x20end)
select 3
set elsewhere 3
select 0";

pub(crate) async fn client(oracle: &Oracle) -> Client {
    Client::connect(&oracle.url().parse().unwrap(), &Options::default()).await.unwrap().0
}

pub(crate) async fn ask(client: &Client, line: &str) -> Value {
    let unescape = |word: &str| word.replace("\\x20", " ").replace("\\n", "\n");
    client.call(Request::from(line.split(' ').map(unescape))).await.unwrap_or_else(|error| panic!("{line}: {error}"))
}

/// Sets the scene, with long lists and streams besides.
pub(crate) async fn fill(client: &Client) {
    for line in SCENE.lines() {
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
