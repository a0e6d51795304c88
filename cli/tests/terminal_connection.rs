//! The prompt when its server is not there, goes, comes back, or is one of a cluster.
#![allow(clippy::unwrap_used)]

mod support;
#[path = "support/terminal.rs"]
mod terminal;

use expectrl::Expect;
use rbq_client::Value;
use support::own::Server;
use support::{Oracle, ask, client, cluster, rbq};
use terminal::{exit_code, open, prompt, repl};

#[test]
fn without_a_server_there_is_help_and_every_command_tries_again() {
    let dir = tempfile::tempdir().unwrap();
    let mut command = rbq(&[]);
    command.env("RBQ_URL", format!("unix://{}/rbq.sock", dir.path().display())).env("TERM", "xterm-256color");
    let mut terminal = open(command);
    terminal.expect("could not connect to ").unwrap();
    terminal.expect("hint:").unwrap();
    terminal.expect("note: `help` works without a server").unwrap();
    terminal.expect("not connected> ").unwrap();
    terminal.send("help xlen\r").unwrap();
    terminal.expect("Counts the entries of a stream.").unwrap();
    prompt(&mut terminal);
    // It is not asked about, for it cannot be sent.
    terminal.send("flushall\r").unwrap();
    terminal.expect("could not connect to ").unwrap();
    prompt(&mut terminal);
    let server = Server::start_in(dir);
    terminal.send("set k v\r").unwrap();
    terminal.expect("OK").unwrap();
    terminal.expect("rbq.sock> ").unwrap();
    terminal.send("\x04").unwrap();
    assert_eq!(exit_code(terminal), 0);
    drop(server);
}

#[test]
fn a_password_is_asked_for_and_not_shown() {
    let Some(oracle) = Oracle::start(&["--requirepass", "sesame"]) else { return };
    // Without colours too: the stars are one to the editor.
    for no_color in [false, true] {
        let mut command = rbq(&["repl"]);
        command.env("RBQ_URL", oracle.url()).env("TERM", "xterm-256color");
        if no_color {
            command.env("NO_COLOR", "1");
        }
        let mut terminal = open(command);
        terminal.expect("The server asks for a password (Enter: go on without): ").unwrap();
        terminal.send("sesame\r").unwrap();
        let shown = terminal.expect(format!(":{}> ", oracle.port)).unwrap();
        let text = String::from_utf8_lossy(shown.before()).into_owned();
        assert!(text.contains("******") && !text.contains("sesame"), "{text:?}");
        terminal.send("\\status\r").unwrap();
        terminal.expect("RESP3").unwrap();
        prompt(&mut terminal);
        terminal.send("\x04").unwrap();
        assert_eq!(exit_code(terminal), 0);
    }
}

#[test]
fn without_a_password_the_prompt_opens_and_auth_logs_in() {
    let Some(oracle) = Oracle::start(&["--requirepass", "sesame"]) else { return };
    let mut terminal = repl(&oracle, &["repl"]);
    terminal.expect("The server asks for a password (Enter: go on without): ").unwrap();
    terminal.send("wrong\r").unwrap();
    terminal.expect("the server refused the user or the password").unwrap();
    terminal.expect("note: not logged in: `AUTH password` or `AUTH user password` does that").unwrap();
    prompt(&mut terminal);
    terminal.send("get k\r").unwrap();
    terminal.expect("(error) NOAUTH Authentication required.").unwrap();
    prompt(&mut terminal);
    terminal.send("auth sesame\r").unwrap();
    terminal.expect("OK").unwrap();
    prompt(&mut terminal);
    terminal.send("\\status\r").unwrap();
    terminal.expect("RESP3").unwrap();
    prompt(&mut terminal);
    terminal.send("set k v\r").unwrap();
    terminal.expect("OK").unwrap();
    prompt(&mut terminal);
    terminal.send("\x04").unwrap();
    assert_eq!(exit_code(terminal), 0);
}

#[tokio::test]
async fn subscriptions_are_made_anew_with_the_connection() {
    let Some(oracle) = Oracle::start(&[]) else { return };
    let control = client(&oracle).await;
    let mut terminal = repl(&oracle, &["repl"]);
    prompt(&mut terminal);
    terminal.send("subscribe news\r").unwrap();
    terminal.expect("subscribed to news (1 in all)").unwrap();
    prompt(&mut terminal);
    terminal.send("psubscribe sport.*\r").unwrap();
    terminal.expect("subscribed to sport.* (2 in all)").unwrap();
    terminal.expect("(2 subscriptions)> ").unwrap();
    assert_eq!(ask(&control, "client kill type pubsub").await, Value::Integer(1));
    terminal.expect("the connection was lost; connecting again").unwrap();
    terminal.expect("subscribed to news (1 in all)").unwrap();
    terminal.expect("subscribed to sport.* (2 in all)").unwrap();
    terminal.expect("subscribed again; what was published meanwhile did not reach us").unwrap();
    assert_eq!(ask(&control, "publish news hello").await, Value::Integer(1));
    terminal.expect("[news] hello").unwrap();
    // Ctrl-C ends those as well.
    terminal.send("\x03").unwrap();
    terminal.expect("(0 left)").unwrap();
    prompt(&mut terminal);
    terminal.send("\x04").unwrap();
    assert_eq!(exit_code(terminal), 0);
}

#[tokio::test]
async fn what_was_typed_for_a_lost_transaction_is_not_sent() {
    let Some(oracle) = Oracle::start(&[]) else { return };
    let control = client(&oracle).await;
    let mut terminal = repl(&oracle, &["repl"]);
    prompt(&mut terminal);
    terminal.send("multi\r").unwrap();
    terminal.expect("(TX)> ").unwrap();
    // The prompt still says (TX), so what is typed there is meant for the transaction.
    ask(&control, "client kill type normal skipme yes").await;
    terminal.expect("the connection was lost, and with it the transaction").unwrap();
    terminal.send("set k 1\r").unwrap();
    terminal.expect("not sent: its transaction was lost with the connection").unwrap();
    prompt(&mut terminal);
    assert_eq!(ask(&control, "exists k").await, Value::Integer(0));
    terminal.send("set k 2\r").unwrap();
    terminal.expect("OK").unwrap();
    prompt(&mut terminal);
    assert_eq!(ask(&control, "get k").await.as_bytes(), Some(&b"2"[..]));
    terminal.send("\x04").unwrap();
    assert_eq!(exit_code(terminal), 0);
}

#[tokio::test]
async fn in_a_cluster_redirects_are_followed_and_keys_completed_from_every_node() {
    let Some([first, second, third]) = cluster::start::<3>().await else { return };
    // Slots 866, 9631 and 12182: a key on each.
    for (node, key) in [(&first, "hello"), (&second, "jobs"), (&third, "foo")] {
        node.client.call(["SET", &format!("user:{{{key}}}"), key]).await.unwrap();
    }
    let mut command = rbq(&["repl", "--complete-within", "30s"]);
    command.env("RBQ_URL", first.oracle.url()).env("TERM", "xterm-256color");
    let mut terminal = open(command);
    prompt(&mut terminal);
    for key in ["hello", "jobs", "foo"] {
        terminal.send(format!("get user:{{{}\t\r", &key[..1])).unwrap();
        terminal.expect(format!("\"{key}\"\r\n")).unwrap();
        prompt(&mut terminal);
    }
    terminal.send("set hello 1\r").unwrap();
    terminal.expect(format!("-> Redirected to slot [866] located at 127.0.0.1:{}", first.oracle.port)).unwrap();
    terminal.expect("OK").unwrap();
    terminal.expect(format!("127.0.0.1:{}> ", first.oracle.port)).unwrap();
    terminal.send("\x04").unwrap();
    assert_eq!(exit_code(terminal), 0);
}
