//! The REPL as a person sees it: on a terminal, with prompt, hints, completion and Ctrl-C.
#![allow(clippy::unwrap_used)]

mod support;
#[path = "support/terminal.rs"]
mod terminal;

use expectrl::Expect;
use rbq_client::Value;
use support::{Oracle, ask, client, rbq, until};
use terminal::{drop_line, exit_code, open, prompt, repl};

#[tokio::test]
async fn rbq_alone_on_a_terminal_is_the_repl() {
    let Some(oracle) = Oracle::start(&[]) else { return };
    let text = format!("127.0.0.1:{}> ", oracle.port);
    let mut terminal = repl(&oracle, &[]);
    terminal.expect(&text).unwrap();
    terminal.send("set k \"a b\"\r").unwrap();
    terminal.expect("OK").unwrap();
    terminal.expect(&text).unwrap();
    // A hint is shown while typing, and is no part of the line.
    terminal.send("get ").unwrap();
    terminal.expect("\x1b[90mkey\x1b[0m").unwrap();
    terminal.send("k\r").unwrap();
    terminal.expect("\"a b\"").unwrap();
    terminal.expect(&text).unwrap();
    terminal.send("xgro\tde\t").unwrap();
    terminal.expect("xgroup\x1b[0m de").unwrap();
    // Ctrl-C at the prompt drops the line.
    drop_line(&mut terminal);
    terminal.send("select 3\r").unwrap();
    terminal.expect(text.replace('>', "[3]>")).unwrap();
    terminal.send("multi\r").unwrap();
    terminal.expect("[3](TX)> ").unwrap();
    terminal.send("discard\r").unwrap();
    terminal.expect("[3]> ").unwrap();
    terminal.send("quit\r").unwrap();
    assert_eq!(exit_code(terminal), 0);
}

#[tokio::test]
async fn ctrl_c_ends_what_runs_and_not_the_repl() {
    let Some(oracle) = Oracle::start(&[]) else { return };
    let control = client(&oracle).await;
    let mut terminal = repl(&oracle, &["repl"]);
    prompt(&mut terminal);
    terminal.send("blpop never 0\r").unwrap();
    let is_blocked = |list: &Value| String::from_utf8_lossy(list.as_bytes().unwrap()).contains("cmd=blpop");
    until(&control, "client list", is_blocked).await;
    terminal.send("\x03").unwrap();
    prompt(&mut terminal);
    until(&control, "client list", |list| !is_blocked(list)).await;

    terminal.send("subscribe news\r").unwrap();
    terminal.expect("subscribed to news (1 in all)").unwrap();
    prompt(&mut terminal);
    assert_eq!(ask(&control, "publish news hello").await, Value::Integer(1));
    terminal.expect("[news] hello").unwrap();
    terminal.send("\x03").unwrap();
    terminal.expect("unsubscribed from news (0 left)").unwrap();
    prompt(&mut terminal);
    terminal.send("echo still-here\r").unwrap();
    terminal.expect("\"still-here\"").unwrap();
    prompt(&mut terminal);
    // A lost connection is noticed, and made again, while nobody types.
    ask(&control, "client kill skipme yes").await;
    terminal.expect("connecting again").unwrap();
    terminal.send("echo again\r").unwrap();
    terminal.expect("\"again\"").unwrap();
    prompt(&mut terminal);
    // Ctrl-D.
    terminal.send("\x04").unwrap();
    assert_eq!(exit_code(terminal), 0);
}

#[test]
fn without_colours_there_are_no_escapes_in_the_text() {
    let Some(oracle) = Oracle::start(&[]) else { return };
    let mut command = rbq(&[]);
    command.env("RBQ_URL", oracle.url()).env("TERM", "xterm-256color").env("NO_COLOR", "1");
    let mut terminal = open(command);
    terminal.expect("> ").unwrap();
    terminal.send("help get\r").unwrap();
    let shown = terminal.expect("complexity: O(1)").unwrap();
    let text = String::from_utf8_lossy(shown.before()).into_owned();
    assert!(text.contains("GET key"), "{text:?}");
    assert!(!text.contains("\x1b[90m") && !text.contains("\x1b[1m"), "{text:?}");
    terminal.send("exit\r").unwrap();
    assert_eq!(exit_code(terminal), 0);
}
