//! A server that may open few files: connections take none that the log needs.

#![allow(clippy::unwrap_used)]

mod support;

use std::process::{Command, Stdio};

use rbq_resp::Value;

use crate::support::{Client, Server, program};

/// The same command where no more than so many files can be open.
fn limited(command: &Command, files: u32) -> Command {
    let mut shell = Command::new("sh");
    shell.arg("-c").arg(format!("ulimit -n {files}; exec \"$0\" \"$@\"")).arg(command.get_program());
    shell.args(command.get_args()).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => shell.env(name, value),
            None => shell.env_remove(name),
        };
    }
    shell
}

#[test]
fn connections_take_no_file_that_the_log_needs() {
    let dir = tempfile::tempdir().unwrap();
    let flags = ["--appendonly", "yes", "--dir", dir.path().to_str().unwrap(), "--auto-aof-rewrite-percentage", "0"];
    let server = Server::start_with(&flags, |command| *command = limited(command, 100));
    let mut writer = server.client();
    assert_eq!(writer.text("CONFIG GET maxclients"), "maxclients,36");
    let mut idle: Vec<Client> = (1..36).map(|_| server.client()).collect();
    assert!(idle.iter_mut().all(|client| client.text("PING") == "PONG"));
    assert_eq!(server.client().reply(), Value::Error("ERR max number of clients reached".into()));
    // Asking for more gives no more than there are.
    assert_eq!(writer.text("CONFIG SET maxclients 1000"), "OK");
    assert_eq!(server.client().reply(), Value::Error("ERR max number of clients reached".into()));
    // More than two files of the log.
    let value = vec![b'v'; 1 << 20];
    for number in 1..=40 {
        assert_eq!(writer.ask(&[b"RPUSH", &b"list"[..], &value]), Value::Integer(number));
    }
    assert_eq!(writer.text("SAVE"), "OK");
}

#[test]
fn where_no_connection_could_be_opened_the_server_says_so_and_does_not_start() {
    let dir = tempfile::tempdir().unwrap();
    let mut command = program();
    command.args(["--port", "0", "--dir", dir.path().to_str().unwrap()]);
    let output = limited(&command, 64).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let text = String::from_utf8(output.stderr).unwrap();
    assert!(text.contains("error: the limit of open files leaves none for connections"), "{text}");
    assert!(text.contains("hint: raise it with `ulimit -n`"), "{text}");
}
