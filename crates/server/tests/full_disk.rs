//! A real file system that runs full, or becomes read-only, under a real server.
//!
//! It is a small tmpfs, which only root may mount; without it the tests say so and show nothing. A
//! simulated disk with either is in the journal's own tests, at every operation.

#![allow(clippy::unwrap_used)]

#[path = "support/disk.rs"]
mod disk;
mod support;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use rbq_broker::settings::Text;
use rbq_broker::{Broker, DiskRoom, Now, Settings};
use rbq_server::{lone, room};

use crate::disk::Disk;
use crate::support::{Client, PATIENCE, Server, skipped};

/// Three prepared segments and some more.
const DISK_BYTES: u64 = 96 << 20;

const BALLAST_BYTES: usize = 24 << 20;

fn mount() -> Option<Disk> {
    mount_of(DISK_BYTES)
}

fn mount_of(bytes: u64) -> Option<Disk> {
    let mounted = Disk::in_memory(bytes);
    mounted.inspect_err(|why| skipped(&format!("no small file system can be mounted here (are you root?): {why}"))).ok()
}

/// The same with a file that takes up some of it, and can be removed.
fn mount_with_ballast() -> Option<(Disk, PathBuf)> {
    let disk = mount()?;
    let ballast = Path::new(disk.path()).join("ballast");
    fs::write(&ballast, vec![1; BALLAST_BYTES]).unwrap();
    Some((disk, ballast))
}

/// Fills it to the last byte; what fills it can be removed.
fn fill(disk: &Disk) -> PathBuf {
    let path = Path::new(disk.path()).join("filler");
    let filler = fs::File::create(&path).unwrap();
    let mut piece = vec![1; 1 << 20];
    while !piece.is_empty() {
        match std::io::Write::write(&mut &filler, &piece) {
            Ok(written) if written > 0 => {}
            _ => piece.truncate(piece.len() / 2),
        }
    }
    path
}

fn start(disk: &Disk) -> Server {
    start_with(disk, &[])
}

fn start_with(disk: &Disk, options: &[&str]) -> Server {
    // What is in memory stays there: the log alone has to do with the disk.
    let dir = disk.path();
    let usual = ["--appendonly", "yes", "--dir", dir, "--auto-aof-rewrite-percentage", "0"];
    Server::start(&[&usual, options].concat())
}

#[test]
fn a_full_disk_refuses_adds_keeps_what_was_answered_drains_and_serves_again_with_space() {
    let Some((disk, ballast)) = mount_with_ballast() else { return };
    let server = start(&disk);
    let mut client = server.client();
    client.text("XADD stream 1-1 field value");
    client.text("XGROUP CREATE stream group 0");
    client.text("XREADGROUP GROUP group ann STREAMS stream >");

    let add = format!("RPUSH queue {}", "x".repeat(60_000));
    let mut kept = 0;
    let refusal = loop {
        let answer = client.text(&add);
        match answer.strip_prefix("-MISCONF") {
            Some(why) => break why.to_owned(),
            None => kept += 1,
        }
        assert_eq!(answer, kept.to_string());
    };
    assert!(refusal.contains("rbq-data"), "{refusal}");
    // What is told of it is told once, though something small may still have room.
    for _ in 0..20 {
        client.text("GET nothing");
        client.text(&add);
    }
    server.wait_for_log("adding is refused");
    assert_eq!(server.log().matches("adding is refused").count(), 1);
    // Reading and taking go on.
    assert_eq!(client.text("LLEN queue"), kept.to_string());
    assert_eq!(client.text("XACK stream group 1-1"), "1");
    assert!(client.text("LPOP queue").contains("xxx"));
    kept -= 1;

    // What was answered is there after a kill, on a disk that is as full as before.
    drop(client);
    let mut server = server;
    server.signal("KILL");
    server.wait();
    let server = start(&disk);
    let mut client = server.client();
    assert_eq!(client.text("LLEN queue"), kept.to_string());
    assert_eq!(client.text("XPENDING stream group"), "0,nil,nil,nil");
    assert!(client.text("LPOP queue").contains("xxx"));

    // With space, adding goes on by itself.
    fs::remove_file(&ballast).unwrap();
    let answer = client.until("RPUSH queue x", |answer| !answer.starts_with("-MISCONF"));
    assert_eq!(answer, kept.to_string());
}

/// What was drained is still in the log, and nobody but the broker can let go of it.
#[test]
fn a_queue_that_was_drained_on_a_full_disk_takes_adds_again_without_anybody_making_space() {
    let Some(disk) = mount() else { return };
    let start = || Server::start(&["--appendonly", "yes", "--dir", disk.path()]);
    let mut server = start();
    let mut client = server.client();
    let add = format!("RPUSH queue {}", "x".repeat(30_000));
    while !client.text(&add).starts_with("-MISCONF") {}
    for how in ["TERM", "KILL"] {
        drop(client);
        server.signal(how);
        server.wait();
        server = start();
        client = server.client();
        // From the first moment on, without waiting for anything.
        assert!(client.text("LPOP queue").contains("xxx"), "after SIG{how}");
    }
    while client.text("LPOP queue") != "nil" {}
    assert_eq!(client.until(&add, |answer| !answer.starts_with("-MISCONF")), "1");
    server.wait_for_log("snapshot taken");
}

#[test]
fn on_a_disk_that_is_full_to_the_end_of_the_reserve_changes_are_refused_and_everybody_is_answered() {
    let Some((disk, ballast)) = mount_with_ballast() else { return };
    let server = start(&disk);
    let mut client = server.client();
    let names = ["a", "b"].map(|letter| letter.repeat(60_000));
    assert_eq!(client.text(&format!("RPUSH {} x", names[0])), "1");
    // It adds nothing, and the log takes two long names for it.
    let refusal = (0..)
        .map(|round| client.text(&format!("RENAME {} {}", names[round % 2], names[(round + 1) % 2])))
        .find(|answer| answer != "OK");
    assert!(refusal.as_deref().is_some_and(|answer| answer.contains("reserve is used up")), "{refusal:?}");
    let mut other = server.client();
    assert_eq!(other.text("PING"), "PONG");
    assert!(other.text("INFO persistence").contains("aof_last_write_status"));
    let there: u64 = names.iter().map(|name| other.text(&format!("EXISTS {name}")).parse::<u64>().unwrap()).sum();
    assert_eq!(there, 1);
    assert!(other.text(&format!("DEL {} {}", names[0], names[1])).starts_with("-MISCONF"));

    fs::remove_file(&ballast).unwrap();
    assert_eq!(other.until("RPUSH queue x", |answer| !answer.starts_with("-MISCONF")), "1");
    let mut server = server;
    drop((client, other));
    server.signal("TERM");
    assert!(server.wait().success());
}

#[test]
fn on_a_full_disk_appendonly_is_not_switched_on_and_the_broker_goes_on_in_memory() {
    let Some(disk) = mount() else { return };
    let ballast = Path::new(disk.path()).join("ballast");
    let dir = disk.path();
    let server = Server::start(&["--appendonly", "no", "--dir", dir]);
    let mut client = server.client();
    let element = "x".repeat(1_000_000);
    let add = |client: &mut Client| client.text(&format!("RPUSH queue {element}"));
    for number in 1..=70 {
        assert_eq!(add(&mut client), number.to_string());
    }
    // No room for the files of a log; then for these, and not for the base.
    for ballast_bytes in [90 << 20, 0] {
        fs::write(&ballast, vec![1; ballast_bytes]).unwrap();
        let refusal = client.text("CONFIG SET appendonly yes");
        assert!(refusal.starts_with("-ERR CONFIG SET failed"), "{refusal}");
        assert!(refusal.to_lowercase().contains("no space left on device"), "{refusal}");
        assert_eq!(client.text("CONFIG GET appendonly"), "appendonly,no");
        assert!(add(&mut client).parse::<u64>().is_ok(), "in memory there is room");
    }
    assert_eq!(client.text("LTRIM queue 0 1"), "OK");
    assert_eq!(client.text("CONFIG SET appendonly yes"), "OK");
    drop(client);
    let mut server = server;
    server.signal("KILL");
    server.wait();
    assert_eq!(start(&disk).client().text("LLEN queue"), "2");
}

#[test]
fn a_transaction_that_has_no_room_is_refused_before_any_of_it_is_applied_and_others_are_served() {
    let Some(disk) = mount() else { return };
    let server = start(&disk);
    let mut client = server.client();
    assert_eq!(client.text("MULTI"), "OK");
    let value = "x".repeat(20_000_000);
    // Nothing of it is logged yet: what refuses is that all of it together would have to be.
    let refusal =
        (0..).map(|number| client.text(&format!("SET key-{number} {value}"))).find(|answer| answer != "QUEUED");
    assert!(refusal.as_deref().is_some_and(|answer| answer.starts_with("-MISCONF")), "{refusal:?}");
    assert!(client.text("EXEC").starts_with("-EXECABORT"));
    assert_eq!(server.client().text("DBSIZE"), "0");
    assert_eq!(client.text("SET small value"), "OK");
}

#[test]
fn what_makes_much_of_a_small_request_is_refused_where_the_disk_has_no_room_for_it() {
    let Some(disk) = mount() else { return };
    let server = start(&disk);
    let mut client = server.client();
    for _ in 0..20 {
        client.text(&format!("RPUSH words {}", "x".repeat(300_000)));
    }
    let filler = fill(&disk);
    // Twelve megabytes of fifty bytes, until they have no room in what was prepared.
    let sort = "SORT words ALPHA GET # GET # STORE more";
    let mut refused = client.text(sort);
    while refused == "40" {
        refused = client.text(sort);
    }
    assert!(refused.starts_with("-MISCONF") && refused.contains("rbq-data"), "{refused}");
    assert_eq!([client.text("PING"), client.text("LLEN words"), client.text("LPOP none")], ["PONG", "20", "nil"]);
    client.text("MULTI");
    client.text(sort);
    assert!(client.text("EXEC").contains("MISCONF"));
    assert_eq!(client.text("PING"), "PONG");
    fs::remove_file(filler).unwrap();
    client.until("RPUSH other x", |answer| answer == "1");
}

#[test]
fn keys_that_expire_on_a_full_disk_stop_nobody_and_are_removed_when_there_is_space() {
    let Some(disk) = mount_of(256 << 20) else { return };
    let server = start_with(&disk, &["--enable-debug-command", "yes"]);
    let mut client = server.client();
    // They stay until the disk is full, and to remove them takes more of the log than is prepared.
    assert_eq!(client.text("DEBUG SET-ACTIVE-EXPIRE 0"), "OK");
    let name = "k".repeat(6_000);
    let keys = 10_000;
    for number in 0..keys {
        assert_eq!(client.text(&format!("SET {name}{number} x PX 1")), "OK");
    }
    assert_eq!(client.text("SET other x"), "OK");
    let filler = fill(&disk);
    assert_eq!(client.text("DEBUG SET-ACTIVE-EXPIRE 1"), "OK");
    client.until("INFO persistence", |figures| figures.contains("aof_last_write_status:err"));
    for number in 0..100 {
        let answers = ["GET other".into(), format!("EXISTS {name}{number}"), "LPOP none".into()];
        assert_eq!(answers.map(|command: String| client.text(&command)), ["x", "0", "nil"]);
    }
    assert_eq!(client.text("KEYS k*"), "");
    let left: u32 = client.text("DBSIZE").parse().unwrap();
    assert!(left > 1 && left < keys, "{left}");

    fs::remove_file(filler).unwrap();
    client.until("DBSIZE", |size| size == "1");
    let mut server = server;
    drop(client);
    server.signal("TERM");
    assert!(server.wait().success());
}

#[test]
fn whoever_has_a_log_alone_is_told_of_the_reserve_and_of_its_end() {
    let Some(disk) = mount() else { return };
    let settings = Settings { dir: Text(disk.path().into()), ..Settings::default() };
    let mut broker = Broker::new(settings.clone(), 1, Now::default());
    let journal = lone::open(&settings, &mut broker, || {}).unwrap().journal;
    fill(&disk);
    let mut from_the_reserve = 0;
    let deadline = Instant::now() + PATIENCE;
    loop {
        match room::look(&journal, 60_000) {
            DiskRoom::Awaited => {
                assert!(Instant::now() < deadline, "the room is awaited without end");
                std::thread::yield_now();
            }
            DiskRoom::Nothing(_) => break,
            room => {
                from_the_reserve += u32::from(room != DiskRoom::Enough);
                assert!(journal.wait_synced(journal.append_quietly(&[1; 60_000], 1)));
            }
        }
    }
    assert!(from_the_reserve > 10, "{from_the_reserve}");
    journal.close().unwrap();
}

/// Plays a test of this file where no program can be found, and so nothing mounted.
#[test]
fn without_its_tools_a_test_says_so() {
    let mut again = Command::new(std::env::current_exe().unwrap());
    again.args(["--exact", "--nocapture", "whoever_has_a_log_alone_is_told_of_the_reserve_and_of_its_end"]);
    let output = again.env("PATH", "/nowhere").output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(
        output.status.success() && said.contains("*** SKIPPED: no small file system can be mounted here"),
        "{said}"
    );
}
