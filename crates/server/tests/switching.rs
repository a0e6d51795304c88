//! `CONFIG SET appendonly yes|no`: what it answers holds, whatever comes next.

#![allow(clippy::unwrap_used)]

mod support;

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Sender, channel};
use std::thread;

use rbq_resp::Value;
use tempfile::TempDir;

use crate::support::{Client, Server, shown};

const ON: &str = "CONFIG SET appendonly yes";
const OFF: &str = "CONFIG SET appendonly no";

/// A server in this directory.
fn start(dir: &TempDir, appendonly: &str, flags: &[&str]) -> Server {
    let dir = dir.path().to_str().unwrap();
    let always = ["--appendonly", appendonly, "--dir", dir, "--enable-debug-command", "yes"];
    Server::start(&[&always, flags].concat())
}

fn data(dir: &TempDir) -> PathBuf {
    dir.path().join("rbq-data")
}

fn kill(mut server: Server) {
    server.signal("KILL");
    server.wait();
}

/// Something of every type.
fn fill(client: &mut Client) {
    for line in [
        "SET text value",
        "SET late value PX 10000000",
        "RPUSH queue a b c",
        "XADD stream 1-1 field one",
        "XADD stream 2-1 field two",
        "XGROUP CREATE stream group 0",
        "XREADGROUP GROUP group ann COUNT 1 STREAMS stream >",
    ] {
        let answer = client.text(line);
        assert!(!answer.starts_with('-'), "{line}: {answer}");
    }
}

#[test]
fn once_yes_is_answered_what_was_in_memory_outlives_the_process() {
    for policy in ["always", "everysec", "no"] {
        let dir = tempfile::tempdir().unwrap();
        let server = start(&dir, "no", &["--appendfsync", policy]);
        let mut client = server.client();
        fill(&mut client);
        assert!(!data(&dir).exists());
        assert_eq!(client.text(ON), "OK");
        assert_eq!(client.text("RPUSH queue d"), "4");
        let before = client.text("DEBUG DIGEST");
        kill(server);
        let server = start(&dir, "yes", &[]);
        assert_eq!(server.client().text("DEBUG DIGEST"), before, "{policy}");
        assert!(server.log().contains("ops=1 "), "the base and what came after it:\n{}", server.log());
    }
}

#[test]
fn commands_and_figures_follow_the_switch() {
    let dir = tempfile::tempdir().unwrap();
    let server = start(&dir, "no", &[]);
    let mut client = server.client();
    fill(&mut client);
    for number in 1..4 {
        assert_eq!(client.text(ON), "OK");
        assert_eq!(client.text("CONFIG GET appendonly"), "appendonly,yes");
        assert!(client.text("INFO persistence").contains("aof_enabled:1"));
        client.until("INFO persistence", |text| text.contains("rbq_log_synced"));
        assert_eq!(client.text("WAITAOF 1 0 0"), "1,0");
        assert_eq!(client.text("SAVE"), "OK");
        assert_eq!(client.text("BGREWRITEAOF"), "Background append only file rewriting started");
        client.until("INFO persistence", |text| text.contains("aof_rewrite_in_progress:0"));
        let copy = dir.path().join(format!("copy-{number}"));
        assert!(client.text(&format!("RBQ BACKUP {}", copy.display())).starts_with("position,"));

        assert_eq!(client.text(OFF), "OK");
        assert_eq!(client.text("CONFIG GET appendonly"), "appendonly,no");
        assert!(client.text("INFO persistence").contains("aof_enabled:0"));
        client.until("INFO persistence", |text| !text.contains("rbq_log_synced"));
        assert!(client.text("WAITAOF 1 0 0").contains("appendonly is disabled"));
        assert!(client.text("BGSAVE").contains("everything is in memory only"));
        assert!(client.text(&format!("RBQ BACKUP {}", copy.display())).contains("everything is in memory only"));
        assert_eq!(client.text("RPUSH queue x"), (3 + number).to_string());
    }
}

#[test]
fn a_policy_that_is_set_while_it_is_switched_on_is_in_force_afterwards() {
    let dir = tempfile::tempdir().unwrap();
    let server = start(&dir, "no", &["--appendfsync", "no"]);
    let (mut client, mut other) = (server.client(), server.client());
    fill(&mut client);
    let syncs = |info: &str| -> u64 {
        let line = info.lines().find_map(|line| line.strip_prefix("rbq_log_syncs:"));
        line.map_or(0, |count| count.trim().parse().unwrap())
    };
    for _ in 0..5 {
        assert_eq!(client.text("CONFIG SET appendfsync no"), "OK");
        client.request(&["CONFIG", "SET", "appendonly", "yes"]);
        assert_eq!(other.text("CONFIG SET appendfsync always"), "OK");
        assert_eq!(shown(&client.reply()), "OK");
        for _ in 0..20 {
            other.text("INCR counter");
        }
        client.until("INFO persistence", |info| syncs(info) >= 15);
        assert_eq!(client.text(OFF), "OK");
        // The next log begins with none.
        client.until("INFO persistence", |info| !info.contains("rbq_log_syncs"));
    }
}

#[test]
fn after_no_the_directory_is_free_and_a_start_says_that_its_log_was_left() {
    let dir = tempfile::tempdir().unwrap();
    let server = start(&dir, "yes", &[]);
    let mut client = server.client();
    client.text("RPUSH queue kept");
    assert_eq!(client.text(OFF), "OK");
    client.text("RPUSH queue not-kept");
    let other = start(&dir, "yes", &[]);
    assert_eq!(other.client().text("LRANGE queue 0 -1"), "kept");
    other.wait_for_log("this log was left when appendonly was switched off");

    let refusal = client.text(ON);
    assert!(refusal.contains(&format!("is in use by another process (process {})", other.id())), "{refusal}");
    assert!(refusal.starts_with("-ERR CONFIG SET failed (possibly related to argument 'appendonly') - "), "{refusal}");
    assert_eq!(client.text("CONFIG GET appendonly"), "appendonly,no");
    assert_eq!(client.text("RPUSH queue more"), "3");

    // What is appended is newer than the moment when it was left.
    other.client().text("RPUSH queue newer");
    kill(other);
    let other = start(&dir, "yes", &[]);
    assert!(!other.log().contains("was left"), "{}", other.log());
    kill(other);
    assert_eq!(client.text(ON), "OK");
    kill(server);
    assert_eq!(start(&dir, "yes", &[]).client().text("LRANGE queue 0 -1"), "kept,not-kept,more");
}

#[test]
fn a_log_of_an_earlier_life_is_replaced_by_what_is_in_memory_and_never_mixed_with_it() {
    let dir = tempfile::tempdir().unwrap();
    let server = start(&dir, "yes", &[]);
    let mut client = server.client();
    fill(&mut client);
    client.text("SAVE");
    client.text("SET after snapshot");
    kill(server);

    let server = start(&dir, "no", &[]);
    let mut client = server.client();
    assert_eq!(client.text("DBSIZE"), "0");
    client.text("RPUSH queue new");
    assert_eq!(client.text(ON), "OK");
    server.wait_for_log("the data directory held what was kept earlier");
    kill(server);
    let server = start(&dir, "yes", &[]);
    assert_eq!(server.client().text("KEYS *"), "queue");
    assert_eq!(server.client().text("LRANGE queue 0 -1"), "new");
}

#[test]
fn a_log_that_is_damaged_is_refused_and_stays_as_it_is() {
    let dir = tempfile::tempdir().unwrap();
    let server = start(&dir, "yes", &[]);
    server.client().text("SET key value");
    kill(server);
    let id = data(&dir).join("id");
    fs::write(&id, "noise").unwrap();
    let server = start(&dir, "no", &[]);
    let mut client = server.client();
    let refusal = client.text(ON);
    assert!(refusal.contains("`id` is damaged at byte 0"), "{refusal}");
    assert_eq!(fs::read(&id).unwrap(), b"noise");
    assert_eq!(client.text("SET key value"), "OK");
    assert!(client.text("INFO persistence").contains("aof_enabled:0"));
}

#[test]
fn where_no_directory_can_be_made_it_stays_in_memory() {
    let dir = tempfile::tempdir().unwrap();
    let server = start(&dir, "no", &["--enable-protected-configs", "local"]);
    let mut client = server.client();
    fs::write(data(&dir), "a file").unwrap();
    let refusal = client.text(ON);
    assert!(refusal.contains("cannot make the data directory `rbq-data`"), "{refusal}");
    assert_eq!(
        client.text("CONFIG SET dir /nowhere/at/all appendonly yes").split(" - ").next().unwrap(),
        refusal.split(" - ").next().unwrap()
    );
    assert_eq!(client.text("CONFIG GET dir"), format!("dir,{}", dir.path().display()), "all of it or nothing");
    fs::remove_file(data(&dir)).unwrap();

    let elsewhere = tempfile::tempdir().unwrap();
    let there = format!("CONFIG SET dir {} appendonly yes appendfsync everysec", elsewhere.path().display());
    assert_eq!(client.text(&there), "OK");
    assert_eq!(client.text("CONFIG GET appendfsync"), "appendfsync,everysec");
    assert!(elsewhere.path().join("rbq-data").is_dir() && !data(&dir).exists());
    let refusal = client.text(&format!("CONFIG SET dir {}", dir.path().display()));
    assert!(refusal.contains("appendonly is on, and what is kept stays where it is"), "{refusal}");
    assert_eq!(client.text("CONFIG GET dir"), format!("dir,{}", elsewhere.path().display()));
}

#[test]
fn a_transaction_is_told_that_it_cannot_wait_for_it() {
    let dir = tempfile::tempdir().unwrap();
    let server = start(&dir, "no", &[]);
    let mut client = server.client();
    client.text("MULTI");
    client.text(ON);
    client.text("SET a b");
    let answer = client.text("EXEC");
    assert!(answer.contains("cannot be changed inside a transaction") && answer.ends_with(",OK"), "{answer}");
    assert_eq!(client.text("CONFIG GET appendonly"), "appendonly,no");
}

#[test]
fn config_rewrite_keeps_what_was_switched() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("rbq.toml");
    fs::write(&file, "appendonly = false # for now\n").unwrap();
    let config = file.to_str().unwrap().to_owned();
    let flags = ["--config", &config, "--dir", dir.path().to_str().unwrap()];
    let server = Server::start_with(&flags, |command| {
        command.env_remove("RBQ_APPENDONLY");
    });
    let mut client = server.client();
    assert_eq!(client.text(ON), "OK");
    assert_eq!(client.text("CONFIG REWRITE"), "OK");
    server.wait_for_log("configuration file rewritten");
    assert_eq!(fs::read_to_string(&file).unwrap().lines().next().unwrap(), "appendonly = \"yes\" # for now");
}

#[test]
fn a_server_that_is_told_to_end_in_between_ends_and_leaves_a_log_that_starts() {
    let dir = tempfile::tempdir().unwrap();
    let mut server = start(&dir, "no", &[]);
    let mut client = server.client();
    fill(&mut client);
    client.request(&["CONFIG", "SET", "appendonly", "yes"]);
    server.signal("TERM");
    assert!(server.wait().success());
    let server = start(&dir, "yes", &[]);
    assert_eq!(server.client().text("PING"), "PONG");
}

/// What was answered.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Event {
    Pushed,
    Switched,
}

/// What a client that pushes numbers knows.
#[derive(Default)]
struct Told(AtomicU64);

const WRITERS: usize = 3;

/// Pushes 1, 2, 3 … onto a list until the server is gone; each that is answered counts.
fn push_until_the_end(mut client: Client, number: usize, told: &Told, events: &Sender<Event>) {
    let key = format!("list-{number}");
    for value in 1u64.. {
        let sent = client.send_if_open(&support::request(&["RPUSH", &key, &value.to_string()]));
        match client.reply_or_end() {
            Some(Value::Integer(len)) => {
                assert_eq!(len, i64::try_from(value).unwrap());
                told.0.store(value, Ordering::SeqCst);
                // Whoever counts may have counted enough.
                let _ = events.send(Event::Pushed);
            }
            Some(other) => panic!("RPUSH is answered {}", shown(&other)),
            None => return,
        }
        assert!(sent, "a request that was not sent is not answered");
    }
}

/// What the client that switches knows when the server is gone.
struct Switched {
    /// How many of its requests were answered: after an odd number it is on.
    answered: u64,
    /// What the others had been told before the last request was sent.
    told_before: Vec<u64>,
}

/// Switches on and off until the server is gone.
fn switch_until_the_end(mut client: Client, told: &[Told], events: &Sender<Event>) -> Switched {
    let mut answered = 0;
    let mut told_before = Vec::new();
    loop {
        let before: Vec<u64> = told.iter().map(|told| told.0.load(Ordering::SeqCst)).collect();
        let value = if answered % 2 == 0 { "yes" } else { "no" };
        client.send_if_open(&support::request(&["CONFIG", "SET", "appendonly", value]));
        if value == "no" {
            told_before = before;
        }
        match client.reply_or_end() {
            Some(answer) => assert_eq!(shown(&answer), "OK"),
            None => return Switched { answered, told_before },
        }
        answered += 1;
        let _ = events.send(Event::Switched);
    }
}

/// A server that is switched on and off under load and killed after so many answers, some of them in the middle of a switch.
fn round(dir: &TempDir, policy: &str, switches: u64, pushes: u64) {
    let server = start(dir, "no", &["--appendfsync", policy]);
    let told: Arc<[Told; WRITERS]> = Arc::default();
    let (events, seen) = channel();
    let writers: Vec<_> = (0..WRITERS)
        .map(|number| {
            let (client, told, events) = (server.client(), told.clone(), events.clone());
            thread::spawn(move || push_until_the_end(client, number, &told[number], &events))
        })
        .collect();
    let (client, known) = (server.client(), told.clone());
    let switcher = thread::spawn(move || switch_until_the_end(client, known.as_slice(), &events));
    let wait_for = |event: Event, count: u64| {
        let mut left = count;
        while left > 0 {
            left -= u64::from(seen.recv().unwrap() == event);
        }
    };
    wait_for(Event::Switched, switches);
    wait_for(Event::Pushed, pushes);
    kill(server);
    writers.into_iter().for_each(|writer| writer.join().unwrap());
    let Switched { answered, told_before } = switcher.join().unwrap();

    let server = start(dir, "yes", &[]);
    let mut client = server.client();
    for number in 0..WRITERS {
        let list = client.text(&format!("LRANGE list-{number} 0 -1"));
        let kept: Vec<u64> =
            list.split(',').filter(|text| !text.is_empty()).map(|text| text.parse().unwrap()).collect();
        assert!(kept.iter().copied().eq(1..=kept.len() as u64), "in order and without a gap: {list}");
        let least = match answered % 2 {
            1 => told[number].0.load(Ordering::SeqCst),
            _ => told_before[number],
        };
        assert!(kept.len() as u64 >= least, "{policy}, {answered} answers: {} of {least} are there", kept.len());
    }
    kill(server);
}

#[test]
fn switched_back_and_forth_under_load_it_loses_nothing_that_was_answered_while_it_was_on() {
    for policy in ["always", "everysec"] {
        let dir = tempfile::tempdir().unwrap();
        for number in 0..5 {
            round(&dir, policy, 2 + number, number * 3);
        }
    }
}
