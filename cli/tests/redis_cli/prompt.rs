//! On a terminal: the prompt, its history, a typed password, and figures that go on until Ctrl-C. Each scene is played with both.

use std::fs;
use std::process::Command;

use expectrl::{Eof, Expect};

use super::pair::Pair;
use crate::support::{Oracle, cluster};
use crate::terminal::{self, Terminal};

fn open(mut command: Command) -> Terminal {
    command.env("TERM", "xterm-256color");
    terminal::open(command)
}

#[test]
fn the_prompt_says_where_one_is() {
    let Some(oracle) = Oracle::start(&["--databases", "16"]) else { return };
    let dir = tempfile::tempdir().unwrap();
    let place = format!("127.0.0.1:{}", oracle.port);
    for name in ["theirs", "ours"] {
        let file = dir.path().join(name);
        let pair = Pair::of(&oracle).with("REDISCLI_HISTFILE", file.to_str().unwrap());
        let command = if name == "ours" { pair.rbq_cli(&[]) } else { pair.redis_cli(&[]) };
        let mut terminal = open(command);
        for (line, answer, prompt) in [
            ("set k \"a b\"", "OK", "> "),
            ("get k", "\"a b\"", "> "),
            ("select 3", "OK", "[3]> "),
            ("multi", "OK", "[3](TX)> "),
            ("get k", "QUEUED", "[3](TX)> "),
            ("exec", "1) (nil)", "[3]> "),
            ("auth hunter2", "(error) ERR AUTH", "[3]> "),
        ] {
            terminal.expect("> ").unwrap();
            terminal.send(format!("{line}\r")).unwrap();
            terminal.expect(answer).unwrap();
            terminal.expect(format!("{place}{prompt}").strip_suffix("> ").unwrap()).unwrap();
        }
        terminal.expect("> ").unwrap();
        terminal.send("quit\r").unwrap();
        terminal.expect(Eof).unwrap();
        let history = fs::read_to_string(&file).unwrap();
        assert!(history.contains("exec\n") && !history.contains("hunter2"), "{name}: {history}");
    }
}

#[test]
fn ctrl_c_ends_what_has_no_end_and_not_the_prompt() {
    let Some(oracle) = Oracle::start(&[]) else { return };
    let pair = Pair::of(&oracle).with("REDISCLI_HISTFILE", "/dev/null");
    for command in [pair.redis_cli(&[]), pair.rbq_cli(&[])] {
        let mut terminal = open(command);
        for (line, answer) in
            [("subscribe a", "3) (integer) 1"), ("monitor", "OK"), ("psubscribe a*", "3) (integer) 1")]
        {
            terminal.expect(format!("127.0.0.1:{}> ", oracle.port)).unwrap();
            terminal.send(format!("{line}\r")).unwrap();
            terminal.expect(answer).unwrap();
            terminal.send("\x03").unwrap();
        }
        terminal.expect(format!("127.0.0.1:{}> ", oracle.port)).unwrap();
        terminal.send("quit\r").unwrap();
        terminal.expect(Eof).unwrap();
    }
}

#[test]
fn a_prompt_opens_without_a_server_and_connects_when_told() {
    let Some(oracle) = Oracle::start(&[]) else { return };
    let dead = {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.local_addr().unwrap().port()
    };
    let pair = Pair::on(dead).with("REDISCLI_HISTFILE", "/dev/null");
    for command in [pair.redis_cli(&[]), pair.rbq_cli(&[])] {
        let mut terminal = open(command);
        terminal.expect(format!("Could not connect to Redis at 127.0.0.1:{dead}: Connection refused")).unwrap();
        terminal.expect("not connected> ").unwrap();
        terminal.send("ping\r").unwrap();
        terminal.expect(format!("Could not connect to Redis at 127.0.0.1:{dead}: Connection refused")).unwrap();
        terminal.expect("not connected> ").unwrap();
        terminal.send("help get\r").unwrap();
        terminal.expect("summary:").unwrap();
        terminal.expect("not connected> ").unwrap();
        terminal.send(format!("connect 127.0.0.1 {}\r", oracle.port)).unwrap();
        terminal.expect(format!("127.0.0.1:{}> ", oracle.port)).unwrap();
        terminal.send("ping\r").unwrap();
        terminal.expect("PONG").unwrap();
        terminal.expect(format!("127.0.0.1:{}> ", oracle.port)).unwrap();
        terminal.send("quit\r").unwrap();
        terminal.expect(Eof).unwrap();
    }
}

#[tokio::test]
async fn a_redirect_moves_the_prompt() {
    let Some([first, second, third]) = cluster::start::<3>().await else { return };
    let pair = Pair::on(first.oracle.port).with("REDISCLI_HISTFILE", "/dev/null");
    for command in [pair.redis_cli(&["-c"]), pair.rbq_cli(&["-c"])] {
        let mut terminal = open(command);
        // Slots 12182 and 5061.
        for (key, slot, port) in [("foo", 12_182, third.oracle.port), ("bar", 5061, first.oracle.port)] {
            terminal.expect("> ").unwrap();
            terminal.send(format!("get {key}\r")).unwrap();
            terminal.expect(format!("-> Redirected to slot [{slot}] located at 127.0.0.1:{port}")).unwrap();
            terminal.expect("(nil)").unwrap();
            terminal.expect(format!("127.0.0.1:{port}")).unwrap();
        }
        terminal.expect("> ").unwrap();
        terminal.send("quit\r").unwrap();
        terminal.expect(Eof).unwrap();
    }
    drop(second);
}

#[test]
fn a_typed_password_is_shown_as_stars() {
    let Some(oracle) = Oracle::start(&["--requirepass", "sesame"]) else { return };
    let pair = Pair::of(&oracle);
    let args = ["--askpass", "ping"];
    for command in [pair.redis_cli(&args), pair.rbq_cli(&args)] {
        let mut terminal = open(command);
        terminal.expect("Please input password: ").unwrap();
        terminal.send("sesame\r").unwrap();
        let shown = terminal.expect("PONG").unwrap();
        let text = String::from_utf8_lossy(shown.before()).into_owned();
        assert!(text.contains("******") && !text.contains("sesame"), "{text:?}");
        terminal.expect(Eof).unwrap();
    }
}

#[test]
fn figures_are_written_until_ctrl_c() {
    let Some(oracle) = Oracle::start(&[]) else { return };
    let pair = Pair::of(&oracle);
    for args in [&["--stat", "-i", "0.01"][..], &["--latency"], &["--latency-history", "-i", "0.05"]] {
        for command in [pair.redis_cli(args), pair.rbq_cli(args)] {
            let mut terminal = open(command);
            match args[0] {
                "--stat" => {
                    terminal
                        .expect("------- data ------ --------------------- load -------------------- - child -")
                        .unwrap();
                    terminal
                        .expect("keys       mem      clients blocked requests            connections          ")
                        .unwrap();
                    terminal.expect(" (+0) ").unwrap();
                    terminal.expect(" (+1) ").unwrap();
                }
                "--latency" => {
                    terminal.expect("\x1b[0G\x1b[2Kmin: ").unwrap();
                    // Not every one is shown on a busy machine.
                    terminal.expect(expectrl::Regex(r"\(\d{2,} samples\)")).unwrap();
                }
                _ => {
                    terminal.expect(" seconds range").unwrap();
                    terminal.expect(expectrl::Regex(r"\(\d+ samples\)")).unwrap();
                }
            }
            terminal.send("\x03").unwrap();
            terminal.expect(Eof).unwrap();
        }
    }
}
