//! Keys that somebody replaces while they are read by commands: an import and an export go on, and what comes of it is one key or
//! the other, never of both.
#![allow(clippy::unwrap_used)]

#[path = "support/between.rs"]
mod between;
mod support;

use std::path::PathBuf;
use std::process::{Command, Output};

use between::{Between, Deeds};
use rbq_client::{Client, Value};
use support::either::Either;
use support::keys::{self, ask, client_of, same};
use support::own::Server;
use support::{Oracle, oracle, rbq, redis_cli, run, text};

/// Entries of a stream: three pages of 500, the last one in part.
const ENTRIES: usize = 1_200;

/// What reads a stream, and what reads a list or a string.
const STREAM: &[&str] = &["XRANGE", "\r\nkey\r\n"];

/// Servers whose keys are read by commands: ours has no DUMP, and of the other it is taken away.
fn sources() -> Vec<Either> {
    let own = (!oracle::is_named()).then(|| Either::Rbq(Server::start()));
    Oracle::start(&["--rename-command", "DUMP", ""]).map(Either::Redis).into_iter().chain(own).collect()
}

/// All that is there. When something was delivered is known to a millisecond, more or less, as the server tells how long ago.
async fn everything(client: &Client) -> Vec<String> {
    let time = regex::Regex::new(r"\b1\d{12}\b").unwrap();
    keys::everything(client).await.iter().map(|key| time.replace_all(key, "TIME").into_owned()).collect()
}

/// What is called `key`. Another key may have been read before or after somebody changed it, as SCAN has it.
fn named_key(all: &[String]) -> Vec<String> {
    all.iter().filter(|key| key.starts_with("0 key ")).cloned().collect()
}

fn socket(server: &Either) -> PathBuf {
    match server {
        Either::Redis(oracle) => oracle.socket(),
        Either::Rbq(server) => server.socket().into(),
    }
}

/// A stream whose IDs are every second number, with a group that has read most of it. Both streams have the same counters, so that
/// those say nothing.
async fn stream(client: &Client, name: &str, offset: usize) {
    for number in 0..ENTRIES {
        let id = format!("{}-0", number * 2 + offset);
        ask(client, &["xadd", name, &id, "of", name]).await;
    }
    let group = format!("g-{name}");
    ask(client, &["xgroup", "create", name, &group, "0"]).await;
    ask(client, &["xreadgroup", "group", &group, "ann", "count", "900", "streams", name, ">"]).await;
    if !oracle::is_before_7() {
        ask(client, &["xsetid", name, "5000-0", "entriesadded", "9000", "maxdeletedid", "0-0"]).await;
    }
}

/// Two streams, of which one is called `key` to begin with.
async fn two_streams(client: &Client) {
    ask(client, &["flushall"]).await;
    stream(client, "key", 2).await;
    stream(client, "other", 1).await;
}

/// What was said, without how far it is: a slow machine is told that.
fn told(output: &Output) -> String {
    let is_progress = |line: &&str| line.starts_with("err| keys ");
    text(output).lines().filter(|line| !is_progress(line)).map(|line| format!("{line}\n")).collect()
}

/// What happens between two requests may take a slow machine any time, and the command says nothing of it.
fn patient(mut command: Command) -> Command {
    command.env("RBQ_REPLY_TIMEOUT", "0s");
    command
}

/// What an import said and what came of it, and how often the key was read.
async fn imported(source: &Either, words: &'static [&'static str], deeds: Deeds) -> (String, Vec<String>, usize) {
    let between = Between::start(&socket(source), words, deeds).await;
    let target = Server::start();
    let url = between.url();
    // Not in this thread, which the proxy needs.
    let mut command = patient(target.command(&["import", &url]));
    let output = tokio::task::spawn_blocking(move || run(&mut command, b"")).await.unwrap();
    let look = client_of(&target).await;
    let Value::Array(left) = ask(&look, &["keys", "*:rbq:import:*"]).await else { panic!("no array") };
    assert!(left.is_empty(), "{left:?}");
    (told(&output), everything(&look).await, between.readings())
}

/// The same of an export that is piped into a server.
async fn exported(source: &Either, words: &'static [&'static str], deeds: Deeds) -> (String, Vec<String>) {
    let between = Between::start(&socket(source), words, deeds).await;
    let mut command = patient(rbq(&["export"]));
    command.env("RBQ_URL", between.url());
    let output = tokio::task::spawn_blocking(move || run(&mut command, b"")).await.unwrap();
    let target = Server::start();
    let piped = run(redis_cli().args(["-s", &target.socket(), "--pipe"]), &output.stdout);
    let piped = String::from_utf8_lossy(&piped.stdout).into_owned();
    assert!(piped.contains("errors: 0"), "{piped}");
    let said = told(&Output { stdout: Vec::new(), ..output });
    (said, everything(&client_of(&target).await).await)
}

fn lines(lines: &[&str]) -> Vec<String> {
    lines.iter().map(|line| (*line).to_owned()).collect()
}

fn at(reading: usize, now: usize, deeds: &[&str]) -> Vec<String> {
    if reading == now { lines(deeds) } else { Vec::new() }
}

/// The second reading is of the groups, the third is the second page.
const SECOND_PAGE: usize = 3;

#[tokio::test]
async fn a_stream_that_becomes_a_list_is_imported_as_a_list() {
    for source in sources() {
        let client = source.client().await;
        for deeds in [(|reading| at(reading, 1, &["del key", "rpush key a b"])) as Deeds, |reading| {
            at(reading, SECOND_PAGE, &["del key", "rpush key a b"])
        }] {
            two_streams(&client).await;
            let (said, there, _) = imported(&source, STREAM, deeds).await;
            assert_eq!(said, "exit 0\nerr| imported 2 keys (1 list, 1 stream)\n");
            same(&there, &everything(&client).await);
            two_streams(&client).await;
            let (said, there) = exported(&source, STREAM, deeds).await;
            assert_eq!(said, "exit 0\nerr| exported 2 keys (1 list, 1 stream)\n");
            same(&there, &everything(&client).await);
        }
    }
}

#[tokio::test]
async fn a_stream_that_another_is_renamed_over_is_read_anew() {
    for source in sources() {
        let client = source.client().await;
        let deeds: Deeds =
            |reading| at(reading, SECOND_PAGE, &["rename key third", "rename other key", "rename third other"]);
        two_streams(&client).await;
        let (said, there, readings) = imported(&source, STREAM, deeds).await;
        assert_eq!(said, "exit 0\nerr| imported 2 keys (2 streams)\n");
        same(&named_key(&there), &named_key(&everything(&client).await));
        // Two for its beginning and one for a page, and once more two; larger pages leave none behind.
        assert_eq!(readings, 5);
        two_streams(&client).await;
        let (said, there) = exported(&source, STREAM, deeds).await;
        assert_eq!(said, "exit 0\nerr| exported 2 keys (2 streams)\n");
        same(&named_key(&there), &named_key(&everything(&client).await));
    }
}

#[tokio::test]
async fn a_stream_that_is_made_anew_or_goes_is_not_taken_for_trimmed() {
    for source in sources() {
        let client = source.client().await;
        for (deeds, keys) in [
            ((|reading| at(reading, SECOND_PAGE, &["del key", "xadd key 7000-0 f v"])) as Deeds, "2 keys (2 streams)"),
            (|reading| at(reading, SECOND_PAGE, &["copy other key replace"]), "2 keys (2 streams)"),
            (|reading| at(reading, SECOND_PAGE, &["rename key elsewhere"]), "1 key (1 stream)"),
        ] {
            two_streams(&client).await;
            // What has gone to a name that was passed already is what may be missing; SCAN says whether it was.
            let is_moved = keys.starts_with('1');
            let (said, there, _) = imported(&source, STREAM, deeds).await;
            let wanted = everything(&client).await;
            if is_moved {
                assert!(said.starts_with("exit 0\n"), "{said}");
                assert!(!there.iter().any(|key| key.starts_with("0 key ")), "{there:?}");
            } else {
                assert_eq!(said, format!("exit 0\nerr| imported {keys}\n"));
                same(&there, &wanted);
            }
        }
    }
}

#[tokio::test]
async fn a_stream_at_work_is_read_once() {
    let deeds: Deeds = |reading| {
        let (first, trimmed) = (reading * 3_000, reading * 300);
        lines(&[
            &format!("xadd key {}-0 f v", first + 4_000),
            &format!("xadd key {}-0 f v", first + 4_001),
            &format!("xdel key {}-0 {}-0", first + 4_000, trimmed + 10),
            &format!("xtrim key minid = {trimmed}-0"),
        ])
    };
    for source in sources() {
        let client = source.client().await;
        two_streams(&client).await;
        let (said, there, readings) = imported(&source, STREAM, deeds).await;
        assert_eq!(said, "exit 0\nerr| imported 2 keys (2 streams)\n");
        // Two for its beginning, and the second page.
        assert_eq!((readings, there.len()), (3, 2));
    }
}

#[tokio::test]
async fn a_stream_that_is_trimmed_faster_than_it_is_read_is_read_in_larger_pages() {
    // Before each page all goes that was known.
    let deeds: Deeds = |reading| {
        let first = 10_000 * reading;
        let mut all = vec![format!("xtrim key minid = {first}-0")];
        all.extend((0..700).map(|number| format!("xadd key {}-0 f v", first + number)));
        all
    };
    for source in sources() {
        let client = source.client().await;
        two_streams(&client).await;
        let (said, there, readings) = imported(&source, STREAM, deeds).await;
        assert_eq!(said, "exit 0\nerr| imported 2 keys (2 streams)\n");
        assert_eq!(readings, 5);
        same(&there, &everything(&client).await);
    }
}

#[tokio::test]
async fn a_key_that_is_replaced_every_time_is_left_out_and_named() {
    let words: &[&str] = &["TIME", "\r\nkey\r\n"];
    // It is a list when it was a stream a moment ago, and the other way round.
    let deeds: Deeds = |reading| match reading % 2 {
        1 => lines(&["del key", "rpush key a b"]),
        _ => lines(&["del key", "xadd key 1-0 f v"]),
    };
    for source in sources() {
        let client = source.client().await;
        ask(&client, &["flushall"]).await;
        for line in ["xadd key 1-0 f v", "set word x"] {
            ask(&client, &line.split(' ').collect::<Vec<_>>()).await;
        }
        let (said, there, readings) = imported(&source, words, deeds).await;
        insta::allow_duplicates!(insta::assert_snapshot!(said, @r"
        exit 3
        out| SKIPPED  DB  COUNT  WHY                                          EXAMPLES
        out| key       0      1  it was replaced each time while it was read  key
        err| imported 1 key (1 string); 1 skipped
        "));
        assert_eq!((there.len(), readings), (1, 4));
        ask(&client, &["del", "key"]).await;
        ask(&client, &["xadd", "key", "1-0", "f", "v"]).await;
        let (said, there) = exported(&source, words, deeds).await;
        insta::allow_duplicates!(insta::assert_snapshot!(said, @r"
        exit 3
        err| exported 1 key (1 string); 1 skipped
        err| skipped 1 key in database 0: it was replaced each time while it was read (key)
        "));
        assert_eq!(there.len(), 1);
    }
}
