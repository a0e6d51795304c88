//! Files and payloads that a real `redis-server` wrote in many configurations, against what it answers itself.
#![allow(clippy::unwrap_used)]

mod scene;

use std::collections::BTreeMap;
use std::io::Cursor;
use std::time::{SystemTime, UNIX_EPOCH};

use rbq_client::{Client, Request, Value};
use rbq_rdb::{Entry, Event, Key, Payload, RdbFile, StreamHead};
use scene::{Oracle, ask, client, fill, oracle, saved};

/// A value put together again.
#[derive(Debug, PartialEq)]
enum Whole {
    String(Vec<u8>),
    List(Vec<Vec<u8>>),
    Stream(StreamHead, Vec<Entry>),
    Other(&'static str),
}

fn gather(events: &mut dyn FnMut() -> Option<Event>) -> Whole {
    let mut whole: Option<Whole> = None;
    while let Some(event) = events() {
        match (&mut whole, event) {
            (None, Event::String(value)) => whole = Some(Whole::String(value)),
            (None, Event::Elements(elements)) => whole = Some(Whole::List(elements)),
            (Some(Whole::List(list)), Event::Elements(elements)) => list.extend(elements),
            (None, Event::Stream(head)) => whole = Some(Whole::Stream(head, Vec::new())),
            (Some(Whole::Stream(_, all)), Event::Entries(entries)) => all.extend(entries),
            (_, Event::KeyEnd) => break,
            (whole, event) => panic!("{event:?} after {whole:?}"),
        }
    }
    whole.unwrap()
}

/// By database and name.
type Keys = BTreeMap<(u32, Vec<u8>), (Key, Whole)>;

fn read_file(bytes: &[u8]) -> (Keys, Vec<Event>) {
    let mut file = RdbFile::open(Cursor::new(bytes)).unwrap();
    let (mut keys, mut rest) = (BTreeMap::new(), Vec::new());
    while let Some(event) = file.read().unwrap() {
        match event {
            Event::Key(key) => {
                let whole = gather(&mut || file.read().unwrap());
                keys.insert((key.db, key.name.clone()), (key, whole));
            }
            Event::Other { key, kind } => drop(keys.insert((key.db, key.name.clone()), (key, Whole::Other(kind)))),
            other => rest.push(other),
        }
    }
    assert_eq!(file.read_bytes(), bytes.len() as u64);
    (keys, rest)
}

fn texts(value: &Value) -> Vec<Vec<u8>> {
    match value {
        Value::Array(values) => values.iter().map(|value| value.as_bytes().unwrap().to_vec()).collect(),
        other => panic!("{other:?}"),
    }
}

fn field<'v>(map: &'v Value, name: &str) -> &'v Value {
    match map {
        Value::Map(pairs) => &pairs.iter().find(|(key, _)| key.as_bytes() == Some(name.as_bytes())).unwrap().1,
        other => panic!("{other:?}"),
    }
}

fn items(value: &Value) -> &[Value] {
    match value {
        Value::Array(values) => values,
        other => panic!("{other:?}"),
    }
}

/// A stream as `XINFO STREAM key FULL COUNT 0` says it, in words that [`said_by_us`] can say too.
fn said_by_server(full: &Value) -> String {
    let mut said = Vec::new();
    let counters = ["length", "last-generated-id", "max-deleted-entry-id", "entries-added"];
    for name in &counters[..if oracle::is_before_7() { 2 } else { 4 }] {
        said.push(format!("{name} {}", word(field(full, name))));
    }
    for entry in items(field(full, "entries")) {
        let [id, fields] = items(entry) else { panic!("{entry:?}") };
        said.push(format!("{} {:?}", word(id), texts(fields)));
    }
    for group in items(field(full, "groups")) {
        let counter = if oracle::is_before_7() { "name" } else { "entries-read" };
        let facts = ["name", "last-delivered-id", counter].map(|name| word(field(group, name)));
        said.push(format!("group {}", facts.join(" ")));
        for pending in items(field(group, "pending")) {
            said.push(items(pending).iter().map(word).collect::<Vec<_>>().join(" "));
        }
        for consumer in items(field(group, "consumers")) {
            let facts = ["name", "seen-time", "pel-count"].map(|name| word(field(consumer, name)));
            said.push(format!("consumer {}", facts.join(" ")));
        }
    }
    said.join("\n")
}

fn word(value: &Value) -> String {
    match value {
        Value::Integer(number) => number.to_string(),
        Value::Null => "nil".into(),
        other => String::from_utf8_lossy(other.as_bytes().unwrap()).into_owned(),
    }
}

fn said_by_us(head: &StreamHead, entries: &[Entry]) -> String {
    let mut said = vec![format!("length {}", head.length), format!("last-generated-id {}", head.last_id)];
    if !oracle::is_before_7() {
        said.push(format!("max-deleted-entry-id {}", head.max_deleted_id));
        said.push(format!("entries-added {}", head.added));
    }
    said.extend(entries.iter().map(|entry| format!("{} {:?}", entry.id, entry.fields)));
    for group in &head.groups {
        let read = group.entries_read.map_or("nil".to_owned(), |read| read.to_string());
        let group_name = String::from_utf8_lossy(&group.name).into_owned();
        let counter = if oracle::is_before_7() { &group_name } else { &read };
        said.push(format!("group {group_name} {} {counter}", group.last_id));
        let name = |number: usize| String::from_utf8_lossy(&group.consumers[number].name).into_owned();
        for pending in &group.pending {
            let owner = name(pending.consumer.unwrap());
            said.push(format!("{} {owner} {} {}", pending.id, pending.delivered_ms, pending.deliveries));
        }
        for (number, consumer) in group.consumers.iter().enumerate() {
            let count = group.pending.iter().filter(|pending| pending.consumer == Some(number)).count();
            said.push(format!("consumer {} {} {count}", name(number), consumer.seen_ms));
        }
    }
    said.join("\n")
}

/// Compares all that was read with what the server says.
async fn compare(client: &Client, keys: &Keys) {
    let mut selected = 0;
    for ((db, name), (key, whole)) in keys {
        if *db != std::mem::replace(&mut selected, *db) {
            ask(client, &format!("select {db}")).await;
        }
        let name = String::from_utf8(name.clone()).unwrap();
        let expires = key.expires_ms.map_or(-1, |at_ms| at_ms as i64);
        if oracle::is_before_7() {
            // It tells how long from now on: the same to some seconds.
            let Value::Integer(left) = ask(client, &format!("pttl {name}")).await else { panic!("{name}") };
            let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis() as i64;
            assert!(
                expires == left || (now + left - expires).abs() < 60_000,
                "{name}: {expires}, {left} from {now} on"
            );
        } else {
            assert_eq!(ask(client, &format!("pexpiretime {name}")).await, Value::Integer(expires), "{name}");
        }
        match whole {
            Whole::String(value) => assert_eq!(ask(client, &format!("get {name}")).await.as_bytes().unwrap(), value),
            Whole::List(list) => assert_eq!(&texts(&ask(client, &format!("lrange {name} 0 -1")).await), list, "{name}"),
            Whole::Stream(head, entries) => {
                let full = ask(client, &format!("xinfo stream {name} full count 0")).await;
                assert_eq!(said_by_us(head, entries), said_by_server(&full), "{name}");
            }
            Whole::Other(kind) => assert_eq!(word(&ask(client, &format!("type {name}")).await), *kind, "{name}"),
        }
    }
    ask(client, "select 0").await;
}

const CONFIGURATIONS: &[&[&str]] = &[
    &[],
    &["--rdbcompression", "no"],
    &["--rdbchecksum", "no"],
    &["--list-max-listpack-size", "2"],
    &["--list-max-listpack-size", "-5", "--list-compress-depth", "1"],
    &["--stream-node-max-entries", "3"],
    &["--stream-node-max-bytes", "0", "--stream-node-max-entries", "0"],
    &["--hash-max-listpack-entries", "0", "--set-max-intset-entries", "0", "--zset-max-listpack-entries", "0"],
];

/// Listpacks were ziplists before 7.0.
fn of_its_time(options: &[&'static str]) -> Vec<&'static str> {
    let older = |option: &&'static str| match *option {
        "--list-max-listpack-size" => "--list-max-ziplist-size",
        "--hash-max-listpack-entries" => "--hash-max-ziplist-entries",
        "--zset-max-listpack-entries" => "--zset-max-ziplist-entries",
        same => same,
    };
    if oracle::is_before_7() { options.iter().map(older).collect() } else { options.to_vec() }
}

#[tokio::test]
async fn files_say_what_their_server_says() {
    for options in CONFIGURATIONS {
        let Some(oracle) = Oracle::start(&of_its_time(options)) else { return };
        let client = client(&oracle).await;
        fill(&client).await;
        let (keys, rest) = read_file(&saved(&client).await);
        assert_eq!(keys.len(), 23, "{options:?}");
        compare(&client, &keys).await;
        assert_eq!(rest.contains(&Event::Library), !oracle::is_before_7(), "{rest:?}");
        let (name, version) = oracle::called().split_once(' ').unwrap();
        let version = Event::Aux { name: format!("{name}-ver").into(), value: version.into() };
        assert!(rest.contains(&version), "{rest:?}");
    }
}

#[tokio::test]
async fn payloads_say_what_the_file_says() {
    for options in CONFIGURATIONS {
        let Some(oracle) = Oracle::start(&of_its_time(options)) else { return };
        let client = client(&oracle).await;
        fill(&client).await;
        let (keys, _) = read_file(&saved(&client).await);
        for ((_, name), (_, whole)) in keys.iter().filter(|((db, _), _)| *db == 0) {
            let dump = client.call(Request::new("dump").arg(name)).await.unwrap();
            let mut payload = Payload::open(dump.as_bytes().unwrap().to_vec()).unwrap();
            match payload.other() {
                Some(kind) => {
                    assert_eq!(whole, &Whole::Other(kind));
                    assert_eq!(payload.read().unwrap(), None);
                }
                None => assert_eq!(&gather(&mut || payload.read().unwrap()), whole),
            }
        }
    }
}
