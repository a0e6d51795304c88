//! A real file system that hangs under a real server: it is frozen, which only root may do. Without root the test says so and shows nothing.

#![allow(clippy::unwrap_used)]

#[path = "support/disk.rs"]
mod disk;
mod support;

use std::thread;

use crate::disk::Disk;
use crate::support::{Client, Server, request};

/// More than a connection may have on its way, and than sockets hold.
const PUSHES: usize = 30_000;
const ELEMENT_BYTES: usize = 1_000;

fn pushes_run(client: &mut Client) -> usize {
    let info = client.text("INFO commandstats");
    let calls = info.lines().find_map(|line| line.strip_prefix("cmdstat_rpush:calls="));
    calls.map_or(0, |line| line.split(',').next().unwrap().parse().unwrap())
}

#[test]
fn what_a_client_has_on_its_way_into_the_log_is_bounded_and_goes_on_when_the_disk_does() {
    let disk = match Disk::ext4() {
        Ok(disk) => disk,
        Err(why) => return support::skipped(&format!("no file system can be frozen here (are you root?): {why}")),
    };
    let server = Server::start(&["--appendonly", "yes", "--dir", disk.path()]);
    let mut other = server.client();
    let mut flooder = server.client();
    // Who is asked something else leaves the disk to the log's own thread for a while.
    assert_eq!(other.text("PING"), "PONG");
    let frozen = disk.freeze();
    let flood = thread::spawn(move || {
        flooder.send(&request(&["RPUSH", "q", &"x".repeat(ELEMENT_BYTES)]).repeat(PUSHES));
        (1..=PUSHES).all(|length| flooder.reply() == rbq_resp::Value::Integer(length as i64))
    });

    while pushes_run(&mut other) < 900 {}
    // It has its turns between these.
    for _ in 0..500 {
        assert_eq!(other.text("PING"), "PONG");
    }
    let run = pushes_run(&mut other);
    assert!(run < 1_500, "{run} pushes of {ELEMENT_BYTES} bytes were run and are not safe");

    drop(frozen);
    assert!(flood.join().unwrap(), "each is answered, in order");
}
