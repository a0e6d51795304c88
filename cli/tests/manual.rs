//! Completions, man pages and `docs/cli.md`: all of them know every command.
#![allow(clippy::unwrap_used)]

mod support;

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use insta::assert_snapshot;
use support::{commands, rbq, run, text};

fn stdout(args: &[&str]) -> String {
    let output = run(&mut rbq(args), b"");
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn docs_cli_md_is_what_the_commands_say() {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/cli.md");
    let written = fs::read_to_string(page).unwrap();
    assert!(written == stdout(&["man", "--markdown"]), "docs/cli.md is stale: run `cargo xtask docs`");
    for command in commands() {
        assert!(written.contains(&format!("\n## rbq {command}\n")), "{command}");
    }
}

#[test]
fn every_shell_is_told_every_command() {
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = stdout(&["completions", shell]);
        for command in commands() {
            assert!(script.contains(&command), "{shell} {command}");
        }
    }
    assert_snapshot!(text(&run(&mut rbq(&["completions", "tcsh"]), b"")), @r"
    exit 2
    err| error: invalid value 'tcsh' for '<SHELL>'
    err|   [possible values: bash, elvish, fish, powershell, zsh]
    err|
    err|   tip: a similar value exists: 'zsh'
    err|
    err| For more information, try '--help'.
    ");
}

#[test]
fn every_command_has_a_man_page() {
    let dir = tempfile::tempdir().unwrap();
    let to = dir.path().join("man1");
    stdout(&["man", "--dir", to.to_str().unwrap()]);
    let entries = fs::read_dir(&to).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let pages: BTreeSet<String> = entries.collect();
    assert!(pages.contains("rbq.1") && pages.contains("rbq-journal-check.1"), "{pages:?}");
    for command in commands() {
        assert!(pages.contains(&format!("rbq-{command}.1")), "{command} {pages:?}");
    }
    let page = fs::read_to_string(to.join("rbq-queue-ls.1")).unwrap();
    let lines: Vec<&str> = page.lines().collect();
    let title = format!(".TH RBQ-QUEUE-LS 1  \"rbq {}\" \"The rbq manual\"", env!("CARGO_PKG_VERSION"));
    assert!(lines.contains(&title.as_str()), "{page}");
    let synopsis = lines.iter().skip_while(|line| **line != ".SH SYNOPSIS").nth(1);
    assert_eq!(synopsis, Some(&"rbq queue ls [OPTIONS] [QUEUES]..."), "{page}");
    let first = stdout(&["man"]);
    assert_eq!(first, fs::read_to_string(to.join("rbq.1")).unwrap());
    let nowhere = run(&mut rbq(&["man", "--dir", "/dev/null/man"]), b"");
    assert_snapshot!(text(&nowhere), @r"
    exit 1
    err| error: cannot write to `/dev/null/man`: not a directory
    ");
}

#[test]
fn a_reader_who_has_seen_enough_is_no_failure() {
    let mut child = support::start(&mut rbq(&["man", "--markdown"]));
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!((output.status.code(), output.stderr.as_slice()), (Some(0), &b""[..]));
}
