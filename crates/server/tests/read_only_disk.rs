//! A real file system that becomes read-only under a real server, in each way in which that happens.
//!
//! An administrator cannot make it so: the kernel refuses while a server has files open for writing. What remains is a directory
//! whose open files can still be written while none can be made or renamed (here one that is immutable), and a file system
//! that makes itself read-only after an error of its own (here ext4 with `errors=remount-ro`, which is asked to have one). Neither
//! is a full disk that could be drained: nobody can promise that anything more is kept. All need root, and the tools of ext4;
//! without them the tests say so and show nothing.

#![allow(clippy::unwrap_used)]

#[path = "support/disk.rs"]
mod disk;
mod support;

use std::fs;

use crate::disk::{DISK_BYTES, Disk, tool};
use crate::support::{Client, Server, free_addr, program, request, shown};

fn skipped(why: &str) {
    support::skipped(&format!("no file system can be made read-only here (are you root?): {why}"));
}

fn start(disk: &Disk, appendonly: &str) -> Server {
    Server::start(&["--appendonly", appendonly, "--dir", disk.path(), "--auto-aof-rewrite-percentage", "0"])
}

/// Why a server does not start there.
fn refused(disk: &Disk) -> String {
    let port = free_addr().port().to_string();
    let output = program().args(["--port", &port, "--dir", disk.path()]).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    String::from_utf8(output.stderr).unwrap().to_lowercase()
}

/// A queue, and a stream of which somebody has an entry.
fn fill(client: &mut Client) {
    client.text("XADD stream 1-1 field value");
    client.text("XGROUP CREATE stream group 0");
    client.text("XREADGROUP GROUP group ann STREAMS stream >");
    assert_eq!(client.text("RPUSH queue a b c"), "3");
}

#[test]
fn a_file_system_that_is_served_from_stays_writable_and_a_read_only_one_is_not_served_from() {
    let disk = match Disk::in_memory(DISK_BYTES) {
        Ok(disk) => disk,
        Err(why) => return skipped(&why),
    };
    let mut server = start(&disk, "yes");
    fill(&mut server.client());
    let busy = disk.remount("ro").unwrap_err();
    assert!(busy.contains("busy"), "{busy}");
    assert_eq!(server.client().text("RPUSH queue d"), "4");
    server.signal("TERM");
    assert!(server.wait().success());

    disk.remount("ro").unwrap();
    let refusal = refused(&disk);
    assert!(refusal.contains("read-only file system"), "{refusal}");
    // In memory it serves, and says why it can be no more than that.
    let server = start(&disk, "no");
    let mut client = server.client();
    let refusal = client.text("CONFIG SET appendonly yes");
    assert!(refusal.to_lowercase().contains("read-only file system"), "{refusal}");
    assert_eq!(client.text("RPUSH other x"), "1");
    drop(server);

    disk.remount("rw").unwrap();
    let server = start(&disk, "yes");
    assert_eq!(server.client().text("LRANGE queue 0 -1"), "a,b,c,d");
}

#[test]
fn where_no_file_can_be_made_or_renamed_it_serves_until_it_needs_one_and_ends_with_the_reason() {
    let disk = match Disk::ext4() {
        Ok(disk) => disk,
        Err(why) => return skipped(&why),
    };
    let mut server = start(&disk, "yes");
    let mut client = server.client();
    fill(&mut client);
    let data = format!("{}/rbq-data", disk.path());
    if let Err(why) = tool("chattr", &["+i", &data]) {
        return skipped(&why);
    }
    assert!(client.text("BGSAVE").starts_with("Background saving started"));
    client.until("INFO persistence", |text| text.contains("rdb_last_bgsave_status:err"));
    assert_eq!(client.text("LPOP queue"), "a");
    assert_eq!(client.text("XACK stream group 1-1"), "1");
    assert_eq!(client.text("DEL nothing stream"), "1");
    let add = ["RPUSH", "queue", &"x".repeat(60_000)];
    let mut kept = 2;
    loop {
        client.send_if_open(&request(&add));
        let Some(reply) = client.reply_or_end() else { break };
        kept += 1;
        assert_eq!(shown(&reply), kept.to_string());
    }
    assert_eq!(server.wait().code(), Some(1));
    let log = server.log().to_lowercase();
    assert!(log.contains("the log can no longer be written: ending") && log.contains("not permitted"), "{log}");

    tool("chattr", &["-i", &data]).unwrap();
    let server = start(&disk, "yes");
    let mut client = server.client();
    let found: u64 = client.text("LLEN queue").parse().unwrap();
    assert!((kept..=kept + 1).contains(&found), "{found}: what was answered, and perhaps what was in flight, {kept}");
    assert_eq!(client.text("LINDEX queue 0"), "b");
    assert_eq!(client.text("EXISTS stream"), "0");
}

#[test]
fn a_file_system_that_makes_itself_read_only_ends_the_server_and_what_was_answered_is_there() {
    let disk = match Disk::ext4() {
        Ok(disk) if disk.trigger().exists() => disk,
        Ok(_) => return skipped("this kernel's ext4 has no errors on demand"),
        Err(why) => return skipped(&why),
    };
    let mut server = start(&disk, "yes");
    let mut client = server.client();
    fill(&mut client);
    fs::write(disk.trigger(), "for a test").unwrap();
    client.request(&["RPUSH", "queue", "d"]);
    assert_eq!(client.reply_or_end().map(|reply| shown(&reply)), None, "what is not on the disk is not answered");
    assert_eq!(server.wait().code(), Some(1));
    let log = server.log().to_lowercase();
    assert!(log.contains("the log can no longer be written: ending") && log.contains("read-only file system"), "{log}");
    let refusal = refused(&disk);
    assert!(refusal.contains("read-only file system"), "{refusal}");

    tool("umount", &[disk.path()]).unwrap();
    // It tells by its exit code that it has mended something, too.
    let _ = tool("e2fsck", &["-p", disk.device()]);
    disk.mount_device().unwrap();
    let server = start(&disk, "yes");
    assert_eq!(server.client().text("LRANGE queue 0 2"), "a,b,c");
    assert_eq!(server.client().text("XPENDING stream group"), "1,1-1,1-1,ann,1");
}
