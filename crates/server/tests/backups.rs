//! A backup has its name when it is whole, whatever interrupts it.

#![allow(clippy::unwrap_used)]

mod support;

use std::path::{Path, PathBuf};
use std::thread;
use std::time::Instant;

use tempfile::TempDir;

use crate::support::{Client, PATIENCE, Server};

/// So much that a copy takes its time.
const ELEMENTS: usize = 40;
const ELEMENT_BYTES: usize = 1_000_000;

/// A copy may be done before it can be interrupted; then it is tried again.
const ATTEMPTS_MAX: usize = 50;

fn start(dir: &TempDir) -> Server {
    Server::start(&["--appendonly", "yes", "--appendfsync", "no", "--dir", dir.path().to_str().unwrap()])
}

fn fill(client: &mut Client) {
    let element = "x".repeat(ELEMENT_BYTES);
    for number in 1..=ELEMENTS {
        assert_eq!(client.text(&format!("RPUSH queue {element}")), number.to_string());
    }
    assert_eq!(client.text("SAVE"), "OK");
}

/// Asks for a backup and does not wait for its end, only for its beginning, or for its end if that comes first.
fn begin(client: &mut Client, copy: &Path) {
    client.request(&["RBQ", "BACKUP", copy.to_str().unwrap()]);
    let partial = partial(copy);
    let deadline = Instant::now() + PATIENCE;
    while !partial.exists() && !copy.exists() {
        assert!(Instant::now() < deadline, "no backup was begun in {}", copy.display());
        thread::yield_now();
    }
}

fn partial(copy: &Path) -> PathBuf {
    copy.with_extension("partial")
}

#[test]
fn a_backup_is_given_up_when_its_client_goes() {
    let dir = tempfile::tempdir().unwrap();
    let server = start(&dir);
    let mut client = server.client();
    fill(&mut client);
    let was_given_up = (0..ATTEMPTS_MAX).any(|number| {
        let copy = dir.path().join(format!("copy-{number}"));
        let mut asker = server.client();
        begin(&mut asker, &copy);
        drop(asker);
        // Only one is made at a time, so the next one is taken when it has ended.
        let next = dir.path().join(format!("next-{number}"));
        client.until(&format!("RBQ BACKUP {}", next.display()), |answer| !answer.contains("being made already"));
        assert!(next.exists() && !partial(&next).exists() && !partial(&copy).exists());
        !copy.exists()
    });
    assert!(was_given_up);
    assert!(server.log().contains("whoever asked for it no longer waits"), "{}", server.log());
}

#[test]
fn a_backup_whose_server_is_killed_has_no_name_and_the_next_attempt_removes_what_is_left() {
    let dir = tempfile::tempdir().unwrap();
    let mut server = start(&dir);
    fill(&mut server.client());
    for number in 0.. {
        assert!(number < ATTEMPTS_MAX, "no backup was ever interrupted");
        let copy = dir.path().join(format!("copy-{number}"));
        begin(&mut server.client(), &copy);
        server.signal("KILL");
        server.wait();
        server = start(&dir);
        if copy.exists() || !partial(&copy).exists() {
            // It was done by then, or had not begun.
            continue;
        }
        let answer = server.client().text(&format!("RBQ BACKUP {}", copy.display()));
        assert!(answer.starts_with("position,"), "{answer}");
        assert!(copy.join("id").exists() && !partial(&copy).exists());
        return;
    }
}
