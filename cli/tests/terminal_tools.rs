//! Commands with a person before them: questions, progress bars, and messages that would steer the terminal.
#![allow(clippy::unwrap_used)]

mod support;
#[path = "support/terminal.rs"]
mod terminal;

use expectrl::Expect;
use rbq_client::Value;
use support::{Oracle, ask, client, play, rbq};
use terminal::{Terminal, exit_code, open};

/// The command on a terminal of its own.
fn type_(oracle: &Oracle, args: &[&str]) -> Terminal {
    let mut command = rbq(args);
    command.env("RBQ_URL", oracle.url()).env("TERM", "xterm-256color");
    open(command)
}

/// What destroys or moves, and a question of the server that tells whether it was done.
const DANGEROUS: &[(&[&str], &str)] = &[
    (&["queue", "trim", "jobs", "--maxlen", "2"], "llen jobs"),
    (&["queue", "move", "jobs", "later", "-n", "1"], "llen later"),
    (&["queue", "purge", "jobs"], "llen jobs"),
    (&["group", "seek", "orders", "billing", "--to", "end", "--force"], "xinfo groups orders"),
    (&["group", "claim", "orders", "mail", "bob", "--all", "--idle", "0s"], "xpending orders mail - + 9 bob"),
    (&["group", "reap", "orders", "mail", "--idle", "0s"], "xinfo groups orders"),
    (&["group", "rm", "orders", "billing", "--force"], "xinfo groups orders"),
    (&["stream", "trim", "orders", "--maxlen", "2"], "xlen orders"),
    (&["stream", "move", "orders", "archive", "-n", "1"], "xlen archive"),
    (&["stream", "purge", "orders"], "xlen orders"),
    (&["dlq", "redrive", "old", "--to", "new", "--create", "--limit", "1"], "llen new"),
    (&["dlq", "purge", "old"], "xlen old.dlq"),
];

#[tokio::test]
async fn what_destroys_or_moves_is_done_after_a_yes_and_not_after_a_no() {
    let Some(oracle) = Oracle::start(&[]) else { return };
    let control = client(&oracle).await;
    for line in [
        "rpush jobs 1 2 3 4",
        "xadd orders 1-1 a 1",
        "xadd orders 2-1 a 2",
        "xadd orders 3-1 a 3",
        "xgroup create orders billing 0",
        "xgroup create orders mail 0",
        "xreadgroup group mail ann count 1 streams orders >",
        "rpush old o1 o2",
    ] {
        ask(&control, line).await;
    }
    let died = play(&oracle, &["consume", "queue", "old", "-q", "--exec", "exit 65", "--exit-at-end"], "");
    assert!(died.starts_with("exit 0"), "{died}");
    for (args, question) in DANGEROUS {
        let before = ask(&control, question).await;
        let mut refused = type_(&oracle, args);
        refused.expect("plan: ").unwrap_or_else(|error| panic!("{args:?}: {error}"));
        refused.expect("go on? [y/N] ").unwrap_or_else(|error| panic!("{args:?}: {error}"));
        refused.send("n\r").unwrap();
        refused.expect("nothing was changed").unwrap();
        assert_eq!(exit_code(refused), 1, "{args:?}");
        assert_eq!(ask(&control, question).await, before, "{args:?}");
        let mut agreed = type_(&oracle, args);
        agreed.expect("go on? [y/N] ").unwrap();
        agreed.send("y\r").unwrap();
        assert_eq!(exit_code(agreed), 0, "{args:?}");
        assert_ne!(ask(&control, question).await, before, "{args:?}");
    }
}

#[tokio::test]
async fn ctrl_c_at_the_question_is_a_no() {
    let Some(oracle) = Oracle::start(&[]) else { return };
    let control = client(&oracle).await;
    ask(&control, "rpush jobs 1 2 3 4").await;
    for (keys, code) in [("\x03", 130), ("n\r", 1), ("\r", 1), ("\x04", 1)] {
        let mut terminal = type_(&oracle, &["queue", "purge", "jobs"]);
        terminal.expect("go on? [y/N] ").unwrap();
        terminal.send(keys).unwrap();
        terminal.expect("nothing was changed\r\n").unwrap();
        assert_eq!(exit_code(terminal), code, "{keys:?}");
        assert_eq!(ask(&control, "llen jobs").await, Value::Integer(4));
    }
}

#[tokio::test]
async fn long_work_shows_a_bar_with_rate_and_time_left() {
    let Some(oracle) = Oracle::start(&[]) else { return };
    let control = client(&oracle).await;
    ask(&control, "rpush old 1 2 3").await;
    play(&oracle, &["consume", "queue", "old", "-q", "--exec", "exit 65", "--exit-at-end"], "");
    // One at a time, so that the bar is drawn before the work is over.
    let mut terminal = type_(&oracle, &["dlq", "redrive", "old", "--yes", "--batch", "1", "--rate", "10"]);
    terminal.expect("re-driving old.dlq").unwrap();
    // The share, the rate in whole numbers, and then what is left.
    terminal.expect(expectrl::Regex(r" of 3 \([0-9]+ %\), [0-9]+/s, [0-9a-z]+ left")).unwrap();
    terminal.expect("re-driven 3, quarantined 0").unwrap();
    assert_eq!(exit_code(terminal), 0);
    assert_eq!(ask(&control, "llen old").await, Value::Integer(3));
}

#[test]
fn a_file_that_is_sent_shows_its_share_and_the_time_left() {
    let Some(oracle) = Oracle::start(&[]) else { return };
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("lines").display().to_string();
    std::fs::write(&file, "a line of text\n".repeat(8)).unwrap();
    let mut terminal = type_(&oracle, &["produce", "queue", "jobs", "--file", &file, "--rate", "20", "--batch", "1"]);
    terminal.expect(expectrl::Regex(r"acknowledged .*[2-7] \([0-9]+ %\), [0-9]+/s, [0-9a-z]+ left")).unwrap();
    terminal.expect("sent 8, acknowledged 8, failed 0").unwrap();
    assert_eq!(exit_code(terminal), 0);
}

#[tokio::test]
async fn messages_do_not_steer_the_terminal_and_are_themselves_elsewhere() {
    let Some(oracle) = Oracle::start(&[]) else { return };
    let control = client(&oracle).await;
    ask(&control, "xadd s 1-1 data \x1b]0;title\x07größer").await;
    let mut terminal = type_(&oracle, &["consume", "stream", "s", "--exit-at-end"]);
    terminal.expect("\\x1b]0;title\\x07größer\r\n").unwrap();
    assert_eq!(exit_code(terminal), 0);
    assert_eq!(
        play(&oracle, &["consume", "stream", "s", "--exit-at-end"], ""),
        "exit 0\nout| \x1b]0;title\x07größer\n"
    );
    ask(&control, "xadd s 2-1 größe XL stück \x1b[2J").await;
    assert_eq!(
        play(&oracle, &["consume", "stream", "s", "--exit-at-end", "--from", "1-1"], ""),
        "exit 0\nout| größe XL stück \"\\x1b[2J\"\n"
    );
}

#[tokio::test]
async fn who_ends_a_consumer_is_told_what_was_done() {
    let Some(oracle) = Oracle::start(&[]) else { return };
    let control = client(&oracle).await;
    ask(&control, "xadd s 1-1 data one").await;
    ask(&control, "rpush jobs two three").await;
    let consumers: [(&[&str], &str, &str); 3] = [
        (&["consume", "stream", "s"], "one\r\n", "consumed 1 message\r\n"),
        (&["consume", "stream", "s", "-g", "g", "--create"], "one\r\n", "consumed 1 message\r\n"),
        (&["consume", "queue", "jobs", "-q"], "two\r\n", "consumed 2 messages\r\n"),
    ];
    for (args, last, told) in consumers {
        let mut terminal = type_(&oracle, args);
        terminal.expect(last).unwrap();
        // It waits for more, so what came is done with.
        let is_waiting = |list: &Value| {
            let list = String::from_utf8_lossy(list.as_bytes().unwrap()).into_owned();
            list.contains("cmd=blmove") || list.contains("cmd=xread")
        };
        support::until(&control, "client list", is_waiting).await;
        terminal.send("\x03").unwrap();
        terminal.expect(told).unwrap();
        assert_eq!(exit_code(terminal), 130, "{args:?}");
        support::until(&control, "client list", |list| !is_waiting(list)).await;
    }
}

#[test]
fn who_types_messages_is_told_how_to_end() {
    let Some(oracle) = Oracle::start(&[]) else { return };
    let mut terminal = type_(&oracle, &["produce", "queue", "jobs"]);
    terminal.expect("reading messages, one a line; Ctrl-D ends").unwrap();
    terminal.send("hello\r").unwrap();
    terminal.send("\x04").unwrap();
    terminal.expect("sent 1, acknowledged 1, failed 0").unwrap();
    assert_eq!(exit_code(terminal), 0);
}
