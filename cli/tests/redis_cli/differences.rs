//! The differences on purpose, each shown: what redis-cli does, and what `rbq cli` does instead.
//!
//! `docs/redis-cli.md` lists them with their reasons; what can be shown is here, so that the list stays true. A difference that
//! is not here fails one of the other tests.

use std::process::Output;

use super::pair::Pair;
use crate::support::{Certificates, Oracle, rbq, run};

fn both(pair: &Pair, args: &[&str], stdin: &str) -> [Output; 2] {
    [pair.redis_cli(args), pair.rbq_cli(args)].map(|mut command| run(&mut command, stdin.as_bytes()))
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn an_error_in_commands_from_stdin_counts_with_e() {
    let Some(oracle) = Oracle::start(&[]) else { return };
    let [theirs, ours] = both(&Pair::of(&oracle), &["-e"], "nope\nping\n");
    assert_eq!((text(&ours.stdout), &ours.stderr), (text(&theirs.stdout), &theirs.stderr));
    assert_eq!((theirs.status.code(), ours.status.code()), (Some(0), Some(1)));
}

#[test]
fn a_lost_connection_ends_a_script() {
    let Some(oracle) = Oracle::start(&[]) else { return };
    let pair = Pair::of(&oracle);
    let script = "multi\nset a 1\nclient kill type normal skipme no\n3 quit\nping\n";
    let [theirs, ours] = both(&pair, &[], &script.replace("multi\nset a 1\n", ""));
    assert!(text(&theirs.stdout).ends_with("PONG\n") && theirs.status.success(), "{theirs:?}");
    assert_eq!(text(&ours.stdout), "1\n");
    assert_eq!(text(&ours.stderr), "Error: Server closed the connection\n");
    assert_eq!(ours.status.code(), Some(1));
}

#[test]
fn a_script_without_a_server_fails() {
    let Some(oracle) = Oracle::start(&[]) else { return };
    let pair = Pair::of(&oracle);
    drop(oracle);
    let [theirs, ours] = both(&pair, &[], "ping\nping\n");
    let told = text(&ours.stderr);
    assert!(told.starts_with("Could not connect to Redis at 127.0.0.1:"), "{told}");
    // At the start, and for each command.
    assert_eq!(text(&theirs.stderr), told.repeat(3));
    assert_eq!((theirs.status.code(), ours.status.code()), (Some(0), Some(1)));
}

#[test]
fn a_replicas_conversation_is_refused() {
    let Some(oracle) = Oracle::start(&[]) else { return };
    for command in ["sync", "psync ? -1"] {
        let output = run(&mut Pair::of(&oracle).rbq_cli(&command.split(' ').collect::<Vec<_>>()), b"");
        assert_eq!((output.status.code(), text(&output.stdout)), (Some(1), String::new()));
        assert!(text(&output.stderr).contains("SYNC and PSYNC"), "{output:?}");
    }
}

#[test]
fn every_confirmation_of_unsubscribe_is_shown() {
    let Some(oracle) = Oracle::start(&[]) else { return };
    let [theirs, ours] = both(&Pair::of(&oracle), &["unsubscribe", "a", "b"], "");
    assert_eq!(text(&theirs.stdout), "unsubscribe\na\n0\n");
    assert_eq!(text(&ours.stdout), "unsubscribe\na\n0\nunsubscribe\nb\n0\n");
}

#[test]
fn types_are_listed_in_one_order_however_few_keys_there_are() {
    let Some(oracle) = Oracle::start(&[]) else { return };
    let pair = Pair::of(&oracle);
    for seed in ["", "set a b"] {
        pair.fill(seed);
        let sorted = |output: &Output| {
            let mut lines: Vec<String> = text(&output.stdout).lines().map(str::to_owned).collect();
            lines.sort();
            lines
        };
        let [theirs, ours] = both(&pair, &["--bigkeys"], "");
        assert_eq!(sorted(&ours), sorted(&theirs));
        assert_ne!(ours.stdout, theirs.stdout);
    }
}

#[test]
fn the_program_says_which_it_is() {
    let version = run(&mut rbq(&["cli", "--version"]), b"");
    assert!(text(&version.stdout).starts_with("rbq-cli "), "{version:?}");
    for args in [&["cli", "--help"][..], &["cli", "-h"]] {
        let help = run(&mut rbq(args), b"");
        assert!(text(&help.stdout).contains("--askpass") && help.status.success(), "{help:?}");
    }
    let Some(oracle) = Oracle::start(&[]) else { return };
    let [theirs, ours] = both(&Pair::of(&oracle), &[], "help\n");
    assert!(text(&theirs.stdout).starts_with("redis-cli 7.0.15\nTo get help about Redis commands type:\n"));
    assert!(text(&ours.stdout).starts_with("rbq cli "), "{ours:?}");
}

#[test]
fn flags_that_are_not_here_are_refused() {
    for flag in [
        "--cluster",
        "--verbose",
        "--latency-dist",
        "--lru-test",
        "--replica",
        "--rdb",
        "--functions-rdb",
        "--ldb",
        "--ldb-sync-mode",
        "--tls-ciphers",
        "--tls-ciphersuites",
    ] {
        let output = run(&mut rbq(&["cli", flag, "x"]), b"");
        assert_eq!(text(&output.stderr), format!("Unrecognized option or bad number of args for: '{flag}'\n"));
        assert_eq!(output.status.code(), Some(1));
    }
}

#[test]
fn the_name_in_a_certificate_counts() {
    let certificates = Certificates::make();
    let Some(oracle) = Oracle::start_tls(&certificates, "no", &[]) else { return };
    let pair = Pair::of(&oracle).given(&["--tls", "--cacert", &certificates.text("ca.pem")]);
    let [theirs, ours] = both(&pair, &["--sni", "other.test", "ping"], "");
    assert_eq!(text(&theirs.stdout), "PONG\n");
    assert!(text(&ours.stderr).contains("certificate verify failed"), "{ours:?}");
    assert_eq!(ours.status.code(), Some(1));
}

#[test]
fn what_is_wrong_with_tls_is_told_once_and_with_its_reason() {
    let certificates = Certificates::make();
    let Some(oracle) = Oracle::start_tls(&certificates, "no", &[]) else { return };
    let pair = Pair::of(&oracle).given(&["--tls"]);
    let [stranger, cert] = ["stranger.pem", "client.pem"].map(|name| certificates.text(name));
    for args in [
        &["--cacert", "/nowhere.pem", "ping"][..],
        &["--cacertdir", "/nowhere", "--cert", "/nowhere.pem", "--key", "/nowhere.key", "ping"],
        &["--insecure", "--cert", &cert, "--key", "/nowhere.key", "ping"],
    ] {
        let [theirs, ours] = both(&pair, args, "");
        assert!(text(&ours.stderr).starts_with("Could not negotiate a TLS connection: Invalid "), "{ours:?}");
        assert_eq!((ours.status.code(), theirs.status.code()), (Some(1), Some(1)), "{args:?}");
    }
    let [theirs, ours] = both(&pair, &["--cacert", &stranger, "ping"], "");
    let told = text(&theirs.stderr);
    assert!(told.ends_with("SSL_connect failed: certificate verify failed\n"), "{told}");
    assert!(text(&ours.stderr).starts_with(told.trim_end()), "{ours:?}");
}
