//! What the REPL does beside the prompt, around it, and before a command is sent, as a person sees it on a terminal.
#![allow(clippy::unwrap_used)]

mod support;
#[path = "support/terminal.rs"]
mod terminal;

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use expectrl::Expect;
use rbq_client::Value;
use support::{Oracle, ask, client, rbq, run, until};
use terminal::{drop_line, exit_code, open, prompt, repl};

/// However busy the machine is, <Tab> waits for the server.
const PATIENT: [&str; 3] = ["repl", "--complete-within", "30s"];

#[tokio::test]
async fn keys_groups_and_options_are_completed_from_the_server() {
    let Some(oracle) = Oracle::start(&[]) else { return };
    let control = client(&oracle).await;
    for line in ["set user:1 ann", "rpush users:list a", "xgroup create events workers $ mkstream"] {
        ask(&control, line).await;
    }
    let mut terminal = repl(&oracle, &PATIENT);
    prompt(&mut terminal);
    // Of the keys only a string is offered to GET; with one candidate the word is complete.
    terminal.send("get use\t\r").unwrap();
    terminal.expect("\"ann\"").unwrap();
    prompt(&mut terminal);
    terminal.send("llen use\t\r").unwrap();
    terminal.expect("(integer) 1").unwrap();
    prompt(&mut terminal);
    terminal.send("xinfo con\tev\two\t\r").unwrap();
    terminal.expect("(empty array)").unwrap();
    prompt(&mut terminal);
    terminal.send("xgroup cre\t").unwrap();
    terminal.expect("create").unwrap();
    // Completed up to where CREATE and CREATECONSUMER part; listed at the next <Tab>.
    terminal.send("\t").unwrap();
    terminal.expect("createconsumer").unwrap();
    drop_line(&mut terminal);
    terminal.send("\\sta\t\r").unwrap();
    terminal.expect("tables      on").unwrap();
    prompt(&mut terminal);
    terminal.send("\x04").unwrap();
    assert_eq!(exit_code(terminal), 0);
}

#[test]
fn the_history_file_is_private_and_holds_no_password_and_nothing_that_was_not_typed() {
    let Some(oracle) = Oracle::start(&[]) else { return };
    let state = tempfile::tempdir().unwrap();
    let command = || {
        let mut command = rbq(&["repl"]);
        command.env("RBQ_URL", oracle.url()).env_remove("RBQ_HISTORY").env("XDG_STATE_HOME", state.path());
        command.env("TERM", "xterm-256color");
        command
    };
    for _ in 0..2 {
        let mut terminal = open(command());
        prompt(&mut terminal);
        for line in ["get one", "auth hunter2", "\\json auth hunter2", "get two"] {
            terminal.send(format!("{line}\r")).unwrap();
            prompt(&mut terminal);
        }
        terminal.send("\x04").unwrap();
        exit_code(terminal);
        run(&mut command(), b"get piped\n");
    }
    let file = state.path().join("rbq/history");
    let text = fs::read_to_string(&file).unwrap();
    assert!(text.contains("get one\nget two\n") && !text.contains("piped"), "{text}");
    assert!(!text.contains("hunter2"), "{text}");
    let mode = fs::metadata(&file).unwrap().permissions().mode();
    assert_eq!(mode & 0o077, 0, "{mode:o}");
}

#[tokio::test]
async fn subscriptions_and_monitor_run_beside_the_prompt() {
    let Some(oracle) = Oracle::start(&[]) else { return };
    let control = client(&oracle).await;
    let mut terminal = repl(&oracle, &["repl"]);
    prompt(&mut terminal);
    terminal.send("subscribe news sport\r").unwrap();
    terminal.expect("subscribed to sport (2 in all)").unwrap();
    terminal.expect("(2 subscriptions)> ").unwrap();
    terminal.send("set half-").unwrap();
    terminal.expect("half-").unwrap();
    // A message comes while a line is typed; the line is drawn anew and stays what it was.
    assert_eq!(ask(&control, "publish news hello").await, Value::Integer(1));
    terminal.expect("[news] hello").unwrap();
    terminal.send("typed yes\r").unwrap();
    terminal.expect("OK").unwrap();
    assert_eq!(ask(&control, "get half-typed").await.as_bytes(), Some(&b"yes"[..]));
    terminal.expect("(2 subscriptions)> ").unwrap();
    // Ctrl-C drops a line that was begun, and only on an empty one ends what runs.
    terminal.send("xyz").unwrap();
    terminal.expect("xyz").unwrap();
    drop_line(&mut terminal);
    terminal.send("\x03").unwrap();
    terminal.expect("unsubscribed from").unwrap();
    terminal.expect("(0 left)").unwrap();
    prompt(&mut terminal);
    terminal.send("monitor\r").unwrap();
    terminal.expect("it goes on beside the prompt").unwrap();
    terminal.expect("(monitor)> ").unwrap();
    ask(&control, "set seen 1").await;
    terminal.expect("\"set\" \"seen\" \"1\"").unwrap();
    terminal.send("\\stop\r").unwrap();
    terminal.expect("MONITOR has ended").unwrap();
    until(&control, "client list", |list| !String::from_utf8_lossy(list.as_bytes().unwrap()).contains("cmd=monitor"))
        .await;
    terminal.send("\x04").unwrap();
    assert_eq!(exit_code(terminal), 0);
}

#[tokio::test]
async fn what_destroys_is_asked_about_and_what_is_wrong_is_not_sent() {
    let Some(oracle) = Oracle::start(&[]) else { return };
    let control = client(&oracle).await;
    ask(&control, "set k v").await;
    let mut terminal = repl(&oracle, &["repl"]);
    prompt(&mut terminal);
    terminal.send("flushall\r").unwrap();
    terminal.expect("FLUSHALL deletes every key of every database").unwrap();
    terminal.expect("Go on? [y/N] ").unwrap();
    terminal.send("\r").unwrap();
    terminal.expect("nothing was sent").unwrap();
    prompt(&mut terminal);
    assert_eq!(ask(&control, "dbsize").await, Value::Integer(1));
    terminal.send("flushall\r").unwrap();
    terminal.expect("Go on? [y/N] ").unwrap();
    terminal.send("y\r").unwrap();
    terminal.expect("OK").unwrap();
    prompt(&mut terminal);
    assert_eq!(ask(&control, "dbsize").await, Value::Integer(0));
    terminal.send("multi\r").unwrap();
    terminal.expect("(TX)> ").unwrap();
    // Refused here, it spoils nothing.
    terminal.send("lpush k\r").unwrap();
    terminal.expect("wrong number of arguments for `LPUSH`").unwrap();
    terminal.expect("LPUSH key element [element ...]").unwrap();
    terminal.expect("(TX)> ").unwrap();
    terminal.send("nosuch\r").unwrap();
    terminal.expect("(TX!)> ").unwrap();
    terminal.send("exec\r").unwrap();
    terminal.expect("EXECABORT").unwrap();
    prompt(&mut terminal);
    terminal.send("\x04").unwrap();
    assert_eq!(exit_code(terminal), 0);
}

#[tokio::test]
async fn a_command_goes_on_over_lines_and_replies_are_tables() {
    let Some(oracle) = Oracle::start(&[]) else { return };
    let control = client(&oracle).await;
    let mut terminal = repl(&oracle, &["repl"]);
    prompt(&mut terminal);
    terminal.send("set k \"a\rb\"\r").unwrap();
    terminal.expect("OK").unwrap();
    prompt(&mut terminal);
    terminal.send("append \\\rk c\r").unwrap();
    terminal.expect("(integer) 4").unwrap();
    prompt(&mut terminal);
    assert_eq!(ask(&control, "get k").await.as_bytes(), Some(&b"a\nbc"[..]));
    terminal.send("xadd s 1-1 user ann\r").unwrap();
    terminal.expect("\"1-1\"").unwrap();
    prompt(&mut terminal);
    terminal.send("xrange s - +\r").unwrap();
    terminal.expect("ID   user").unwrap();
    terminal.expect("1-1  ann").unwrap();
    prompt(&mut terminal);
    terminal.send("\\tables off\r").unwrap();
    terminal.expect("tables are off").unwrap();
    prompt(&mut terminal);
    terminal.send("xrange s - +\r").unwrap();
    terminal.expect("1) 1) \"1-1\"").unwrap();
    prompt(&mut terminal);
    terminal.send("\\json get nosuch\r").unwrap();
    terminal.expect("(nil)").unwrap();
    prompt(&mut terminal);
    terminal.send("\\timing on\r").unwrap();
    terminal.expect("timing is on").unwrap();
    prompt(&mut terminal);
    terminal.send("ping\r").unwrap();
    terminal.expect(" ms)").unwrap();
    prompt(&mut terminal);
    terminal.send("\\quit\r").unwrap();
    assert_eq!(exit_code(terminal), 0);
}

#[tokio::test]
async fn a_protected_context_wants_its_name_typed() {
    let Some(oracle) = Oracle::start(&[]) else { return };
    let control = client(&oracle).await;
    ask(&control, "set k v").await;
    let home = tempfile::tempdir().unwrap();
    let contexts = home.path().join("contexts.toml");
    let rbq = |args: &[&str]| {
        let mut command = rbq(args);
        command.env("RBQ_CONTEXTS", &contexts).env("TERM", "xterm-256color");
        command
    };
    let added = run(&mut rbq(&["context", "add", "prod", &oracle.url(), "--protected", "--use"]), b"");
    assert!(added.status.success(), "{added:?}");
    let refused = run(&mut rbq(&["repl"]), b"flushall\nmonitor\nget k\n");
    assert_eq!(refused.stdout, b"\"v\"\n");
    let said = String::from_utf8_lossy(&refused.stderr);
    assert_eq!(said.matches("`prod` is protected, and there is no terminal to ask on").count(), 2, "{said}");
    let mut terminal = open(rbq(&["repl"]));
    prompt(&mut terminal);
    // The third is Ctrl-C.
    for (line, answer, left) in [
        ("flushdb", "y\r", 1),
        ("del k", "y\r", 1),
        ("unlink k", "\x03", 1),
        ("xtrim k maxlen 0", "\r", 1),
        ("del k", "prod\r", 0),
    ] {
        terminal.send(format!("{line}\r")).unwrap();
        terminal.expect("`prod` is protected; type its name to go on: ").unwrap();
        terminal.send(answer).unwrap();
        if left > 0 {
            terminal.expect("nothing was sent").unwrap();
        }
        prompt(&mut terminal);
        assert_eq!(ask(&control, "dbsize").await, Value::Integer(left));
    }
    terminal.send("\x04").unwrap();
    assert_eq!(exit_code(terminal), 0);
}

#[test]
fn words_are_coloured_while_they_are_typed() {
    let mut command = rbq(&["repl", "--embedded"]);
    command.env("TERM", "xterm-256color");
    let mut terminal = open(command);
    prompt(&mut terminal);
    terminal.send("get ").unwrap();
    terminal.expect("\x1b[1;32mget\x1b[0m").unwrap();
    terminal.send("\"open").unwrap();
    terminal.expect("\x1b[1;31m\"open\x1b[0m").unwrap();
    terminal.send("\"\r").unwrap();
    terminal.expect("(nil)").unwrap();
    prompt(&mut terminal);
    terminal.send("nosuch x").unwrap();
    terminal.expect("\x1b[31mnosuch\x1b[0m").unwrap();
    drop_line(&mut terminal);
    terminal.send("\x04").unwrap();
    assert_eq!(exit_code(terminal), 0);
}
