//! What was answered outlives the process, whichever way it ends.

#![allow(clippy::unwrap_used)]

mod support;

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use rbq_broker::settings::Text;
use rbq_broker::{Broker, Now, Settings};
use rbq_resp::Value;
use rbq_server::lone;
use tempfile::TempDir;

use crate::support::{Client, Server, free_addr, program, request, shown};

/// Something of every type, with groups, pending entries, deadlines and idempotent producers, in two databases.
const PROGRAM: &str = "SET text value
SET counter 41
INCR counter
SET late value PX 10000000
RPUSH queue a b c d e
LMOVE queue done LEFT RIGHT
XADD stream 1-1 field one
XADD stream 2-1 field two
XADD stream 3-1 field three
XADD stream IDMP producer message * field four
XGROUP CREATE stream group 0
XREADGROUP GROUP group ann COUNT 2 STREAMS stream >
XREADGROUP GROUP group bob COUNT 1 STREAMS stream >
XACK stream group 1-1
XCLAIM stream group bob 0 2-1
XNACK stream group FAIL IDS 1 3-1
XDEL stream 3-1
XTRIM stream MAXLEN 3
SELECT 3
RPUSH other x
EXPIRE other 10000
COPY other third
SWAPDB 3 4
SELECT 0
DEL text";

/// A server that keeps its state in this directory.
fn start(dir: &TempDir, flags: &[&str]) -> Server {
    let dir = dir.path().to_str().unwrap();
    Server::start(&[&["--appendonly", "yes", "--dir", dir, "--enable-debug-command", "yes"], flags].concat())
}

fn data(dir: &TempDir) -> PathBuf {
    dir.path().join("rbq-data")
}

fn play(client: &mut Client) {
    for line in PROGRAM.lines() {
        let answer = client.text(line);
        assert!(!answer.starts_with("-ERR"), "{line}: {answer}");
    }
}

fn digest(server: &Server) -> String {
    server.client().text("DEBUG DIGEST")
}

/// Ends it as a crash does.
fn kill(mut server: Server) {
    server.signal("KILL");
    server.wait();
}

/// Why a server does not start on this directory.
fn refused(dir: &TempDir) -> String {
    let port = free_addr().port().to_string();
    let output = program().args(["--port", &port, "--dir", dir.path().to_str().unwrap()]).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    String::from_utf8(output.stderr).unwrap()
}

fn files(dir: &Path, prefix: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<PathBuf> =
        entries.filter(|path| path.file_name().unwrap().to_str().unwrap().starts_with(prefix)).collect();
    files.sort();
    files
}

#[test]
fn a_killed_server_comes_back_as_it_was_under_every_policy() {
    for policy in ["always", "everysec", "no"] {
        let dir = tempfile::tempdir().unwrap();
        let server = start(&dir, &["--appendfsync", policy]);
        play(&mut server.client());
        let before = digest(&server);
        kill(server);
        let server = start(&dir, &["--appendfsync", policy]);
        assert_eq!(digest(&server), before, "{policy}");
        assert_eq!(server.client().text("XPENDING stream group"), "2,2-1,3-1,bob,1", "{policy}");
    }
}

#[test]
fn a_snapshot_and_the_log_after_it_come_back() {
    let dir = tempfile::tempdir().unwrap();
    let server = start(&dir, &[]);
    let mut client = server.client();
    play(&mut client);
    assert_eq!(client.text("SAVE"), "OK");
    assert_eq!(files(&data(&dir), "snapshot-").len(), 1);
    assert_eq!(client.text("RPUSH queue after"), "5");
    let before = digest(&server);
    kill(server);
    let server = start(&dir, &[]);
    server.wait_for_log("state read back");
    let idle_s: u64 = server.client().text("OBJECT IDLETIME stream").parse().unwrap();
    assert!(idle_s < 3600, "what was read back counts as used then: {idle_s} s");
    assert!(server.log().contains("ops=1 "), "only what came after the snapshot is replayed:\n{}", server.log());
    assert_eq!(digest(&server), before);
    let mut client = server.client();
    assert_eq!(client.text("BGSAVE"), "Background saving started");
    client.until("INFO persistence", |text| text.contains("rdb_bgsave_in_progress:0"));
    assert!(client.text("INFO persistence").contains("rdb_saves:1"));
    assert_eq!(client.text("BGREWRITEAOF"), "Background append only file rewriting started");
}

#[test]
fn no_server_begins_empty_within_a_data_directory_or_a_backup() {
    let dir = tempfile::tempdir().unwrap();
    let server = start(&dir, &[]);
    let place = fs::canonicalize(data(&dir)).unwrap();
    assert!(server.log().contains(&format!("new data directory directory={}", place.display())), "{}", server.log());
    let mut client = server.client();
    client.text("SET kept here");
    let backups = tempfile::tempdir().unwrap();
    let backup = backups.path().join("monday");
    assert!(!client.text(&format!("RBQ BACKUP {}", backup.display())).starts_with("-ERR"));
    kill(server);
    let refused_in = |dir: &Path| {
        let port = free_addr().port().to_string();
        let output = program().args(["--port", &port, "--dir"]).arg(dir).output().unwrap();
        assert!(!dir.join("rbq-data").exists());
        (output.status.code(), String::from_utf8(output.stderr).unwrap())
    };
    let above = place.parent().unwrap().display();
    let wanted = format!(
        "error: `dir` {} is a data directory itself\nhint: `--dir {above}` serves what is in it\n",
        place.display()
    );
    assert_eq!(refused_in(&place), (Some(1), wanted));
    let renamed = dir.path().join("other");
    fs::rename(&place, &renamed).unwrap();
    let (_, said) = refused_in(&renamed);
    assert!(said.ends_with(&format!("hint: `--dir {above} --appenddirname other` serves what is in it\n")), "{said}");
    let (code, said) = refused_in(&backup);
    assert_eq!(code, Some(1));
    assert!(said.contains("is a backup\nhint: `rbq restore /"), "{said}");
    // A directory that happens to be beside one is as good as any.
    fs::rename(&renamed, &place).unwrap();
    let server = start(&dir, &[]);
    assert_eq!(server.client().text("GET kept"), "here");
}

#[test]
fn a_server_that_was_told_to_end_comes_back_as_it_was() {
    let dir = tempfile::tempdir().unwrap();
    let mut server = start(&dir, &["--appendfsync", "no"]);
    play(&mut server.client());
    let before = digest(&server);
    server.signal("TERM");
    assert!(server.wait().success());
    assert_eq!(digest(&start(&dir, &[])), before);
}

#[test]
fn the_log_is_bounded_by_snapshots_it_asks_for_itself() {
    let dir = tempfile::tempdir().unwrap();
    let server = start(&dir, &["--auto-aof-rewrite-min-size", "1mb", "--appendfsync", "no", "--hz", "100"]);
    let mut client = server.client();
    let element = "x".repeat(100_000);
    let pair = [request(&["RPUSH", "queue", &element]), request(&["LPOP", "queue"])].concat();
    let had_a_snapshot = (0..100_000).any(|_| {
        client.send(&pair);
        client.reply();
        client.reply();
        !files(&data(&dir), "snapshot-").iter().all(|path| path.extension().is_some_and(|name| name == "tmp"))
    });
    assert!(had_a_snapshot);
    assert_eq!(client.text("LLEN queue"), "0");
}

#[test]
fn damage_before_the_logs_end_is_refused_and_the_refusal_changes_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let server = start(&dir, &[]);
    let mut client = server.client();
    for number in 0..50 {
        client.text(&format!("RPUSH queue {number}"));
    }
    kill(server);
    let segment = files(&data(&dir), "segment-").pop().unwrap();
    let whole = fs::read(&segment).unwrap();
    let end = whole.iter().rposition(|&byte| byte != 0).unwrap();

    let mut damaged = whole.clone();
    damaged[end / 2] ^= 1;
    fs::write(&segment, &damaged).unwrap();
    let text = refused(&dir);
    assert!(text.contains("is damaged at byte"), "{text}");
    let data = dir.path().join("rbq-data");
    assert!(text.contains(&format!("hint: run `rbq journal check {}`", data.display())), "{text}");

    fs::write(&segment, &whole).unwrap();
    let server = start(&dir, &[]);
    assert_eq!(server.client().text("LLEN queue"), "50", "refusing has changed nothing");
}

#[test]
fn a_torn_tail_is_cut_told_of_and_kept_aside() {
    let dir = tempfile::tempdir().unwrap();
    let server = start(&dir, &[]);
    let mut client = server.client();
    for number in 0..49 {
        client.text(&format!("RPUSH queue {number}"));
    }
    let before = fs::read(data(&dir).join("durable")).unwrap();
    assert_eq!(client.text("RPUSH queue 49"), "50");
    kill(server);
    // As if the power had gone while the last one was written: noise at its end, and nothing that says it was ever whole.
    let segment = files(&data(&dir), "segment-").pop().unwrap();
    let mut bytes = fs::read(&segment).unwrap();
    let end = bytes.iter().rposition(|&byte| byte != 0).unwrap();
    bytes[end - 8..=end].fill(0xa5);
    fs::write(&segment, &bytes).unwrap();
    fs::write(data(&dir).join("durable"), before).unwrap();

    let server = start(&dir, &[]);
    assert_eq!(server.client().text("LRANGE queue -2 -1"), "47,48");
    let kept = files(&data(&dir), "torn-");
    let [kept] = kept.as_slice() else { panic!("kept aside: {kept:?}") };
    assert!(fs::read(kept).unwrap().windows(8).any(|bytes| bytes == [0xa5; 8]));
    let log = server.log();
    let told = log.lines().find(|line| line.contains("the log's end is not whole")).unwrap_or_else(|| panic!("{log}"));
    assert!(told.contains(kept.file_name().unwrap().to_str().unwrap()), "{told}");
    // It is cut once.
    assert_eq!(server.client().text("RPUSH queue again"), "50");
    kill(server);
    let server = start(&dir, &[]);
    assert_eq!(server.client().text("LRANGE queue -2 -1"), "48,again");
    assert!(!server.log().contains("not whole"), "{}", server.log());
}

#[test]
fn a_log_from_the_future_is_accepted_once_and_no_start_refuses_it_again() {
    let dir = tempfile::tempdir().unwrap();
    let server = start(&dir, &[]);
    assert_eq!(server.client().text("RPUSH queue a"), "1");
    kill(server);
    let now_ms = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis() as u64;
    let settings = Settings { dir: Text(dir.path().to_str().unwrap().into()), ..Settings::default() };
    let mut broker = Broker::new(settings.clone(), 1, Now::default());
    let recovered = lone::open(&settings, &mut broker, || {}).unwrap();
    lone::save(&mut broker, &recovered.journal, now_ms + 3 * 3_600_000).unwrap();
    recovered.journal.close().unwrap();

    let text = refused(&dir);
    assert!(text.contains("3 hours after what the system") && text.contains("--accept-clock yes"), "{text}");
    // Nothing is added: the start itself says what time it is.
    let server = start(&dir, &["--accept-clock", "yes"]);
    server.wait_for_log("the log is from the future");
    server.client().until("INFO persistence", |text| text.contains("rdb_saves:1"));
    kill(server);
    let server = start(&dir, &[]);
    assert_eq!(server.client().text("RPUSH queue b"), "2");
}

#[test]
fn who_lost_its_directory_to_another_server_changes_nothing_of_that_ones() {
    let dir = tempfile::tempdir().unwrap();
    let first = start(&dir, &[]);
    let mut client = first.client();
    assert_eq!(client.text("RPUSH queue first"), "1");
    let moved = dir.path().join("moved");
    fs::rename(data(&dir), &moved).unwrap();
    let second = start(&dir, &[]);
    for number in 1..=20 {
        assert_eq!(second.client().text("RPUSH queue second"), number.to_string());
    }
    let refused = client.text("SAVE");
    assert!(refused.contains("another directory is in its place"), "{refused}");
    // What it holds open is its own all the same.
    assert_eq!(client.text("RPUSH queue first"), "2");
    kill(first);
    kill(second);
    assert_eq!(start(&dir, &[]).client().text("LLEN queue"), "20");
    fs::remove_dir_all(data(&dir)).unwrap();
    fs::rename(&moved, data(&dir)).unwrap();
    assert_eq!(start(&dir, &[]).client().text("LRANGE queue 0 -1"), "first,first");
}

#[test]
fn only_databases_with_keys_need_to_be_there_again_and_too_few_are_told_how_many() {
    let dir = tempfile::tempdir().unwrap();
    let server = start(&dir, &[]);
    let mut client = server.client();
    client.text("SELECT 5");
    client.text("SET key value");
    assert_eq!(client.text("SAVE"), "OK");
    kill(server);
    drop(start(&dir, &["--databases", "6"]));
    let port = free_addr().port().to_string();
    let output =
        program().args(["--port", &port, "--databases", "4", "--dir", dir.path().to_str().unwrap()]).output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains("snapshot of 6 databases at least; `databases` allows 4"), "{said}");
    assert!(said.contains("hint: start with `--databases 6`, or more"), "{said}");
}

#[test]
fn a_data_directory_in_use_is_refused_with_its_owner() {
    let dir = tempfile::tempdir().unwrap();
    let server = start(&dir, &[]);
    let text = refused(&dir);
    assert!(text.contains(&format!("is in use by another process (process {})", server.id())), "{text}");
    assert!(text.contains("hint: stop it, or give this server a `--dir` of its own"), "{text}");
}

#[test]
fn waitaof_answers_once_it_is_synced_and_the_policy_can_be_changed() {
    let dir = tempfile::tempdir().unwrap();
    let server = start(&dir, &["--appendfsync", "no"]);
    let mut client = server.client();
    assert_eq!(client.text("RPUSH queue a"), "1");
    assert_eq!(client.text("WAITAOF 1 0 0"), "1,0");
    let info = |client: &mut Client, field: &str| {
        let text = client.text("INFO persistence");
        let line = text.lines().find_map(|line| line.strip_prefix(field)).unwrap();
        line.trim_start_matches(':').trim().parse::<u64>().unwrap()
    };
    // Figures are taken a few times a second.
    client.until("INFO persistence", |text| text.contains("rbq_log_appended:1"));
    assert_eq!(info(&mut client, "rbq_log_synced"), 1);
    assert_eq!(client.text("CONFIG SET appendfsync always"), "OK");
    assert_eq!(client.text("RPUSH queue b"), "2");
    client.until("INFO persistence", |text| text.contains("rbq_log_appended:2"));
    assert_eq!(info(&mut client, "rbq_log_synced"), 2);
}

#[test]
fn a_pipeline_is_answered_in_order_and_waiters_hear_of_nothing_that_could_be_lost() {
    let dir = tempfile::tempdir().unwrap();
    let server = start(&dir, &[]);
    let mut waiter = server.client();
    waiter.request(&["BLPOP", "queue", "0"]);
    let mut listener = server.client();
    assert_eq!(listener.text("SUBSCRIBE news"), "subscribe,news,1");
    let mut client = server.client();
    client.until("CLIENT LIST", |text| text.contains("cmd=blpop"));
    let pipeline: Vec<u8> = (0..1000)
        .flat_map(|number| {
            let number = number.to_string();
            [request(&["RPUSH", "other", &number]), request(&["LINDEX", "other", "-1"])].concat()
        })
        .collect();
    client.send(&pipeline);
    client.request(&["RPUSH", "queue", "message"]);
    client.request(&["PUBLISH", "news", "told"]);
    client.request(&["QUIT"]);
    for number in 0..1000i64 {
        assert_eq!(client.reply(), Value::Integer(number + 1));
        assert_eq!(shown(&client.reply()), number.to_string());
    }
    assert_eq!(client.reply(), Value::Integer(1));
    assert_eq!(client.reply(), Value::Integer(1));
    assert_eq!(shown(&client.reply()), "OK");
    assert_eq!(client.reply_or_end(), None, "closed once everything was sent");
    assert_eq!(shown(&waiter.reply()), "queue,message");
    assert_eq!(shown(&listener.reply()), "message,news,told");
}

#[test]
fn who_waits_for_replicas_that_are_not_there_stops_nobody_who_writes() {
    for policy in ["no", "everysec", "always"] {
        let dir = tempfile::tempdir().unwrap();
        let server = start(&dir, &["--appendfsync", policy]);
        let (mut ann, mut bob) = (server.client(), server.client());
        assert_eq!(ann.text("SET k 1"), "OK");
        assert_eq!(ann.text("WAITAOF 1 1 20"), "1,0");
        assert_eq!((ann.text("SET k 2"), bob.text("SET k 3")), ("OK".into(), "OK".into()), "{policy}");
        for appendonly in ["no", "yes"] {
            assert_eq!(ann.text(&format!("CONFIG SET appendonly {appendonly}")), "OK");
            assert_eq!((ann.text("SET k 4"), bob.text("GET k")), ("OK".into(), "4".into()), "{policy}");
        }
    }
}
