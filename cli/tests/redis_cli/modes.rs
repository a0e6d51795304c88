//! What is done instead of sending a command: going over the keyspace, the pipe, a script's file, measuring.

use std::fs;

use super::commands::SEED;
use super::pair::Pair;
use crate::support::{Oracle, oracle, run};

#[test]
fn keys_are_listed_alike() {
    let Some(oracle) = Oracle::start(&[]) else { return };
    let pair = Pair::of(&oracle);
    pair.fill(SEED);
    for args in [
        &["--scan"][..],
        &["--scan", "--pattern", "*set*"],
        &["--scan", "--pattern", "nope*"],
        &["--scan", "--pattern", "x", "--pattern", "h*"],
        &["--scan", "--quoted-pattern", "\"\\x73tr\""],
        &["--scan", "--quoted-pattern", "\"open"],
        &["--no-raw", "--scan"],
        &["--csv", "--scan"],
        &["--json", "--scan"],
        &["-3", "--no-raw", "--scan"],
        &["-n", "3", "--scan"],
        &["-i", "0.001", "--scan"],
        &["--scan", "ignored"],
        &["--scan", "-n", "99"],
    ] {
        pair.agree_on_what_is(args);
    }
}

#[test]
fn big_keys_are_found_alike() {
    if oracle::is_named() {
        // What is found is told as it is found, and Valkey moves keys between one look at them and the next.
        return;
    }
    let Some(oracle) = Oracle::start(&[]) else { return };
    let pair = Pair::of(&oracle);
    let commands = [
        &["--bigkeys"][..],
        &["--bigkeys", "--no-raw"],
        &["--bigkeys", "--pattern", "?"],
        &["--bigkeys", "-i", "0.01"],
        &["--memkeys"],
        &["--memkeys", "--json"],
        &["--memkeys-samples", "0"],
        &["--memkeys", "--memkeys-samples", "2"],
        &["--hotkeys"],
    ];
    let seeded = format!("{SEED}\nset a 1\nset b 22\nset c 333");
    for seed in ["set a b\nset c d", "set a \"\"\nset b \"\"\nrpush l x y", &seeded] {
        pair.fill(seed);
        for args in commands {
            pair.agree_on_what_is(args);
        }
    }
    pair.agree_on_what_is(&["--bigkeys", "--pattern", "*set*"]);
    // Hundreds of keys: several steps, and shares on the way.
    let many: String = (0..500).map(|index| format!("set key:{index} {}\n", "x".repeat(index % 91))).collect();
    pair.fill(&many);
    pair.agree_on_what_is(&["--bigkeys"]);
    pair.agree_on_what_is(&["--memkeys"]);
}

#[test]
fn hot_keys_are_found_alike() {
    let Some(oracle) = Oracle::start(&["--maxmemory-policy", "allkeys-lfu", "--lfu-log-factor", "0"]) else { return };
    let pair = Pair::of(&oracle);
    let uses: String = (0..40).map(|index| format!("{} get key:{index}\n", 1 + index * 7 % 23)).collect();
    let keys: String = (0..40).map(|index| format!("set key:{index} v\n")).collect();
    pair.fill(&format!("{keys}{uses}"));
    let output = pair.agree_on_what_is(&["--hotkeys"]);
    assert!(String::from_utf8_lossy(&output.stdout).contains("hot key found with counter"));
    pair.agree_on_what_is(&["--hotkeys", "--pattern", "key:1*"]);
}

#[test]
fn a_stream_of_requests_is_piped_alike() {
    let Some(oracle) = Oracle::start(&[]) else { return };
    let pair = Pair::of(&oracle);
    let long: String = (0..20_000).map(|index| format!("RPUSH l {index}\r\n")).collect();
    for requests in [
        "",
        "SET a 1\r\n",
        "SET a 1\nSET b 2\n",
        "SET a 1",
        "*2\r\n$4\r\nINCR\r\n$1\r\na\r\n*2\r\n$4\r\nINCR\r\n$1\r\na\r\n",
        "SET a x\r\nINCR a\r\nNOPE\r\n",
        "LRANGE none 0 -1\r\nPING\r\nMULTI\r\nPING\r\nEXEC\r\n",
        &long,
    ] {
        pair.agree(&["--pipe"], requests);
        pair.agree(&["--pipe", "--pipe-timeout", "0", "-n", "2"], requests);
    }
    pair.agree(&["-3", "--pipe"], "HGETALL none\r\n");
    pair.agree(&["--pipe", "ignored"], "PING\r\n");
    // The end of the last request never comes, so neither does a reply to the ECHO behind it.
    pair.agree(&["--pipe", "--pipe-timeout", "1"], "*2\r\n$4\r\nECHO\r\n$99999\r\n");
}

#[test]
fn a_script_is_run_from_its_file_alike() {
    let Some(oracle) = Oracle::start(&[]) else { return };
    let pair = Pair::of(&oracle);
    let dir = tempfile::tempdir().unwrap();
    let file = |name: &str, text: &str| {
        fs::write(dir.path().join(name), text).unwrap();
        dir.path().join(name).to_str().unwrap().to_owned()
    };
    let echo = file("echo.lua", "return {KEYS,ARGV}\n");
    let fails = file("fails.lua", "return redis.error_reply('MY Err')");
    let broken = file("broken.lua", "return (");
    for args in [
        &["--eval", &echo][..],
        &["--eval", &echo, "k"],
        &["--eval", &echo, "k", "l", ",", "a", "b"],
        &["--eval", &echo, ",", "a"],
        &["--eval", &echo, "k", ",", "a", ",", "b"],
        &["--eval", &echo, "k,a"],
        &["--no-raw", "--eval", &echo, "k", ",", "a"],
        &["--json", "--eval", &echo, "k", ",", "a"],
        &["-r", "2", "--eval", &echo, "k"],
        &["-e", "--eval", &fails],
        &["--eval", &fails],
        &["--eval", &broken],
        &["--eval", "/nowhere/x.lua"],
    ] {
        pair.agree(args, "");
    }
}

/// Both with digits made alike, as no two measurements are the same.
fn shape(output: &std::process::Output) -> (Option<i32>, String, Vec<u8>) {
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let digits_as_one = |shape: String, letter: char| match letter {
        '0'..='9' if shape.ends_with('9') => shape,
        '0'..='9' => shape + "9",
        other => shape + &other.to_string(),
    };
    (output.status.code(), text.chars().fold(String::new(), digits_as_one), output.stderr.clone())
}

#[test]
fn latency_is_told_in_the_same_words() {
    let Some(oracle) = Oracle::start(&[]) else { return };
    let pair = Pair::of(&oracle);
    for args in [
        &["--latency", "-i", "0.1"][..],
        &["--raw", "--latency", "-i", "0.1"],
        &["--csv", "--latency", "-i", "0.1"],
        &["--json", "--latency", "-i", "0.1"],
    ] {
        let [theirs, ours] =
            [pair.redis_cli(args), pair.rbq_cli(args)].map(|mut command| shape(&run(&mut command, b"")));
        assert_eq!(ours, theirs, "{args:?}");
    }
    let output = run(&mut pair.rbq_cli(&["--intrinsic-latency", "1"]), b"");
    let theirs = shape(&run(&mut pair.redis_cli(&["--intrinsic-latency", "1"]), b""));
    let last_lines = |shape: &str| shape.lines().rev().take(2).map(str::to_owned).collect::<Vec<_>>();
    assert_eq!(last_lines(&shape(&output).1), last_lines(&theirs.1));
}
