//! The README's tour, pasted as it stands: only the port and the directory are the test's own.
#![allow(clippy::unwrap_used)]

mod support;

use std::net::TcpListener;
use std::os::unix::fs::symlink;
use std::os::unix::process::CommandExt as _;
use std::process::{Command, Stdio};

use support::{again_by, rbq};
use tempfile::TempDir;

const README: &str = include_str!("../../README.md");

/// The first block of shell under this heading.
fn shell_under(heading: &str) -> &'static str {
    let section = README.split_once(heading).unwrap().1;
    section.split_once("```sh\n").unwrap().1.split_once("```").unwrap().0
}

/// Whatever the tour started ends with the test.
struct Group(u32);

impl Drop for Group {
    fn drop(&mut self) {
        let _ = Command::new("kill").args(["-9", "--", &format!("-{}", self.0)]).stderr(Stdio::null()).status();
    }
}

#[test]
fn the_tour_works_when_it_is_pasted() {
    let home = TempDir::new().unwrap();
    let built = home.path().join("target/release");
    std::fs::create_dir_all(&built).unwrap();
    symlink(assert_cmd::cargo::cargo_bin!("rbq"), built.join("rbq")).unwrap();
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();

    // Its environment is that of the other tests, and the program that of a shell.
    let mut shell = again_by("bash", &rbq(&[]));
    shell.arg("-c").arg(shell_under("## 60 seconds")).current_dir(home.path()).process_group(0);
    shell.env("RBQ_PORT", port.to_string()).env("RBQ_URL", format!("redis://127.0.0.1:{port}"));
    let child = shell.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let group = Group(child.id());
    let output = child.wait_with_output().unwrap();
    drop(group);

    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    let told = format!("{}\nstdout:\n{out}\nstderr:\n{err}", output.status);
    assert!(output.status.success(), "{told}");
    // Set aside: why, and each of those whom it killed, with a time.
    let (before, after) = out.split_once("reason           max-deliver\n").unwrap_or_else(|| panic!("{told}"));
    assert!(before.contains("dead letter"), "{told}");
    let (attempts, after) = after.split_once("first delivered  ").unwrap_or_else(|| panic!("{told}"));
    let attempts: Vec<_> = attempts.lines().map(|line| line.trim_start_matches("attempts").trim()).collect();
    let consumers: Vec<_> = attempts.iter().map(|line| line.split_once("Z  ").unwrap_or_default().1).collect();
    assert_eq!(consumers, ["worker-1", "worker-2", "worker-3"], "{told}");
    assert!(attempts[0] < attempts[1] && after.starts_with(attempts[0].split_once("  ").unwrap().0), "{told}");
    // Back, consumed, and then nothing is pending: no line follows.
    assert!(after.contains("message          data: poison\n"), "{told}");
    assert!(out.ends_with("\npoison\n"), "{told}");
}
