//! The README's tour, pasted as it stands: only the port and the directory are the test's own.
#![allow(clippy::unwrap_used)]

mod support;

use std::net::TcpListener;
use std::os::unix::fs::symlink;
use std::os::unix::process::CommandExt as _;
use std::process::{Command, Stdio};

use support::rbq;
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
    let clean = rbq(&[]);
    let mut shell = Command::new("bash");
    for (name, value) in clean.get_envs() {
        match value {
            Some(value) => shell.env(name, value),
            None => shell.env_remove(name),
        };
    }
    shell.arg("-c").arg(shell_under("## 60 seconds")).current_dir(home.path()).process_group(0);
    shell.env("RBQ_PORT", port.to_string()).env("RBQ_URL", format!("redis://127.0.0.1:{port}"));
    let child = shell.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let group = Group(child.id());
    let output = child.wait_with_output().unwrap();
    drop(group);

    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    let told = format!("{}\nstdout:\n{out}\nstderr:\n{err}", output.status);
    assert!(output.status.success(), "{told}");
    let position = |text: &str| out.find(text).unwrap_or_else(|| panic!("no `{text}`\n{told}"));
    // Set aside and why; then back.
    let died = position("max-deliver");
    assert!(out.rfind("poison").unwrap() > died, "{told}");
}
