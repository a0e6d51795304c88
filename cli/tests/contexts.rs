//! `rbq context`, and what the other commands make of a context: which server, and how hard it is to destroy something there.
#![allow(clippy::unwrap_used)]

mod support;
#[path = "support/terminal.rs"]
mod terminal;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::Command;

use expectrl::{Eof, Expect};
use insta::assert_snapshot;
use support::{Certificates, Oracle, rbq, run, shown, text};
use tempfile::TempDir;
use terminal::{exit_code, open};

/// A user with a home of their own.
struct Home {
    dir: TempDir,
}

impl Home {
    fn new() -> Self {
        Self { dir: tempfile::tempdir().unwrap() }
    }

    fn file(&self) -> PathBuf {
        self.dir.path().join(".config/rbq/contexts.toml")
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = rbq(args);
        command.env_remove("RBQ_CONTEXTS").env_remove("XDG_CONFIG_HOME").env("HOME", self.dir.path());
        command
    }

    fn play(&self, args: &[&str], stdin: &str) -> String {
        text(&run(&mut self.command(args), stdin.as_bytes())).replace(&*self.dir.path().to_string_lossy(), "HOME")
    }

    fn with(contexts: &[&[&str]]) -> Self {
        let home = Self::new();
        for context in contexts {
            let said = home.play(&[&["context", "add"], *context].concat(), "");
            assert!(said.starts_with("exit 0\n"), "{said}");
        }
        home
    }
}

#[test]
fn a_context_is_added_chosen_listed_and_forgotten() {
    let home = Home::new();
    assert_snapshot!(home.play(&["context", "ls"], ""), @"exit 0");
    assert_snapshot!(home.play(&["context", "add", "dev", "redis://127.0.0.1:7000/2"], ""), @r"
    exit 0
    err| added `dev`
    ");
    assert_snapshot!(home.play(&["context", "add", "prod", "redis://ann:pw@h", "--protected", "--use"], ""), @r"
    exit 0
    err| added `prod`, and it is the current one
    ");
    assert_snapshot!(home.play(&["context", "ls"], ""), @r"
    exit 0
    out| NAME  URL                       CURRENT  PROTECTED
    out| dev   redis://127.0.0.1:7000/2  no       no
    out| prod  redis://ann@h:6379        yes      yes
    ");
    assert_snapshot!(home.play(&["context", "use", "dev"], ""), @r"
    exit 0
    err| `dev` (redis://127.0.0.1:7000/2) is the current one
    ");
    assert_snapshot!(home.play(&["context", "ls", "-o", "json"], ""), @r#"
    exit 0
    out| [{"name":"dev","url":"redis://127.0.0.1:7000/2","current":true,"protected":false},{"name":"prod","url":"redis://ann@h:6379","current":false,"protected":true}]
    "#);
    assert_snapshot!(home.play(&["context", "show", "prod"], ""), @r"
    exit 0
    out| name         prod
    out| url          redis://ann@h:6379
    out| password     yes
    out| tls          no
    out| ca           -
    out| cert         -
    out| key          -
    out| server name  -
    out| insecure     no
    out| protected    yes
    out| file         HOME/.config/rbq/contexts.toml
    ");
    assert_snapshot!(home.play(&["context", "rm", "dev", "--yes"], ""), @r"
    exit 0
    err| plan: forget the context `dev` (redis://127.0.0.1:7000/2)
    err|   it is the current one: commands that name no server go to redis://127.0.0.1:6379 then
    err| forgot `dev`
    ");
    assert_snapshot!(home.play(&["context", "show"], ""), @r"
    exit 1
    err| error: there is no current context
    err| hint: `rbq context use NAME` chooses one, `rbq context ls` lists them
    ");
    assert_snapshot!(fs::read_to_string(home.file()).unwrap(), @r#"
    [contexts.prod]
    url = "redis://ann:pw@h"
    protected = true
    "#);
}

#[test]
fn what_cannot_be_done_is_said() {
    let home = Home::with(&[&["dev", "redis://h"]]);
    for args in [
        &["context", "add", "x", "http://h"][..],
        &["context", "rm", "dev"],
        &["context", "rm", "dev", "--confirm", "prod"],
        &["produce", "queue", "q", "m", "--context", "prod"],
        &["produce", "queue", "q", "m", "--context", "dev", "--url", "redis://h"],
    ] {
        let said = home.play(args, "");
        assert!(said.starts_with("exit 2\n"), "{args:?}: {said}");
    }
    assert_snapshot!(home.play(&["context", "add", "dev", "redis://other"], ""), @r"
    exit 2
    err| error: there is a context `dev` already
    err| hint: `--replace` replaces it
    ");
    assert_snapshot!(home.play(&["context", "use", "prod"], ""), @r"
    exit 2
    err| error: there is no context `prod`
    err| hint: there are `dev`; `rbq context add NAME URL` makes one
    ");
    assert_snapshot!(home.play(&["context", "add", "x", "redis://h", "--tls-ca", "/nowhere/ca.pem"], ""), @r"
    exit 2
    err| error: `/nowhere/ca.pem`: no such file or directory
    ");
    assert_snapshot!(home.play(&["context", "add", "a b", "redis://h"], ""), @r"
    exit 2
    err| error: invalid value 'a b' for '<NAME>': a name has letters, digits, `-`, `_` and `.`
    err|
    err| For more information, try '--help'.
    ");
}

#[test]
fn the_file_is_its_owners_alone() {
    let home = Home::with(&[&["prod", "redis://ann:hunter2@h"]]);
    let mode = |path: PathBuf| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(home.file()), mode(home.dir.path().join(".config/rbq"))), (0o600, 0o700));
    fs::set_permissions(home.file(), fs::Permissions::from_mode(0o644)).unwrap();
    assert_snapshot!(home.play(&["context", "ls"], ""), @r"
    exit 1
    err| error: `HOME/.config/rbq/contexts.toml` holds a password and is open to other users
    err| hint: `chmod 600 HOME/.config/rbq/contexts.toml` closes it
    ");
    fs::write(home.file(), "[contexts.dev]\nurl = \"redis://h\"\n").unwrap();
    assert_snapshot!(home.play(&["context", "ls", "-o", "raw"], ""), @r"
    exit 0
    out| dev	redis://h:6379	no	no
    ");
    // What stands in the file may be a password, so it is not repeated.
    fs::write(home.file(), "[contexts.dev]\nurl = \"redis://h\"\nurk = \"hunter2\"\n").unwrap();
    assert_snapshot!(home.play(&["context", "ls"], ""), @r"
    exit 1
    err| error: `HOME/.config/rbq/contexts.toml`, line 3: unknown field `urk`, expected one of `url`, `ca`, `cert`, `key`, `server_name`, `insecure`, `protected`
    ");
}

#[test]
fn a_password_is_read_from_stdin_and_never_shown() {
    let Some(oracle) = Oracle::start(&["--requirepass", "s3s@me/"]) else { return };
    let home = Home::new();
    home.play(&["context", "add", "here", &oracle.url(), "--password-stdin", "--use"], "s3s@me/\n");
    let said = home.play(&["context", "ls"], "") + &home.play(&["context", "show"], "");
    assert!(!said.contains("s3s"), "{said}");
    assert_snapshot!(home.play(&["cli", "--context", "here", "ping"], ""), @r"
    exit 0
    out| PONG
    ");
    assert_snapshot!(home.play(&["produce", "queue", "q", "m"], ""), @r"
    exit 0
    err| sent 1, acknowledged 1, failed 0
    ");
    assert_snapshot!(home.play(&["context", "add", "there", "redis://h", "--password-stdin"], ""), @r"
    exit 2
    err| error: there is no password on stdin
    ");
}

#[test]
fn a_context_keeps_how_to_speak_tls() {
    let certificates = Certificates::make();
    let Some(oracle) = Oracle::start_tls(&certificates, "yes", &[]) else { return };
    let [ca, cert, key] = ["ca.pem", "client.pem", "client.key"].map(|name| certificates.text(name));
    let url = format!("rediss://127.0.0.1:{}", oracle.port);
    let tls = ["--tls-ca", &ca, "--tls-cert", &cert, "--tls-key", &key];
    let home = Home::with(&[&[&["here", &url, "--use"][..], &tls].concat()]);
    for args in [&["pub", "c", "m"][..], &["cli", "--context", "here", "ping"], &["check"]] {
        let said = home.play(args, "");
        assert!(said.starts_with("exit 0\n"), "{args:?} {said}");
    }
    // What is nearer to the command counts more.
    let stranger = certificates.text("stranger.pem");
    assert!(home.play(&["pub", "c", "m", "--tls-ca", &stranger], "").starts_with("exit 4\n"));
    let shown = home.play(&["context", "show"], "").replace(&oracle.port.to_string(), "PORT");
    let shown = shown.replace(&ca, "ca.pem").replace(&cert, "client.pem").replace(&key, "client.key");
    assert_snapshot!(shown, @r"
    exit 0
    out| name         here
    out| url          rediss://127.0.0.1:PORT
    out| password     no
    out| tls          yes
    out| ca           ca.pem
    out| cert         client.pem
    out| key          client.key
    out| server name  -
    out| insecure     no
    out| protected    no
    out| file         HOME/.config/rbq/contexts.toml
    ");
}

#[test]
fn what_is_nearer_to_the_command_counts_more() {
    let Some(oracle) = Oracle::start(&[]) else { return };
    let nowhere = "unix:///nowhere/rbq.sock";
    let home = Home::with(&[&["here", &oracle.url()], &["gone", nowhere, "--use"]]);
    let code = |args: &[&str], variables: &[(&str, &str)]| {
        let args = [&["pub", "c", "m", "-q"], args].concat();
        run(home.command(&args).envs(variables.iter().copied()), b"").status.code().unwrap()
    };
    let url = oracle.url();
    assert_eq!(code(&[], &[]), 4);
    assert_eq!(code(&[], &[("RBQ_CONTEXT", "here")]), 0);
    assert_eq!(code(&[], &[("RBQ_CONTEXT", "here"), ("RBQ_URL", nowhere)]), 4);
    assert_eq!(code(&["--context", "here"], &[("RBQ_URL", nowhere)]), 0);
    assert_eq!(code(&["--url", &url], &[("RBQ_CONTEXT", "gone")]), 0);
    let output = run(home.command(&["cli", "-u", &url, "ping"]).env("RBQ_CONTEXT", "gone"), b"");
    assert_snapshot!(shown(&output, &oracle), @r"
    exit 0
    out| PONG
    ");
}

#[test]
fn off_a_terminal_a_protected_context_wants_its_name() {
    let home = Home::with(&[&["prod", "redis://h", "--protected"]]);
    assert_snapshot!(home.play(&["context", "rm", "prod", "--yes"], ""), @r"
    exit 2
    err| plan: forget the context `prod` (redis://h:6379)
    err| error: context `prod` is protected
    err| hint: `--confirm prod` agrees to the above
    ");
    assert_snapshot!(home.play(&["context", "rm", "prod", "--dry-run"], ""), @r"
    exit 0
    err| plan: forget the context `prod` (redis://h:6379)
    err| dry run: nothing was changed
    ");
    assert_snapshot!(home.play(&["context", "rm", "prod", "--confirm", "prod"], ""), @r"
    exit 0
    err| plan: forget the context `prod` (redis://h:6379)
    err| forgot `prod`
    ");
}

#[test]
fn on_a_terminal_a_protected_contexts_name_is_typed() {
    let home = Home::with(&[&["prod", "redis://h", "--protected"]]);
    let question = "`prod` is protected; type its name to go on: ";
    for (answer, said, code) in [("yes\r", "nothing was changed", 1), ("prod\r", "forgot `prod`", 0)] {
        let mut terminal = open(home.command(&["context", "rm", "prod", "--yes"]));
        terminal.expect(question).unwrap();
        terminal.send(answer).unwrap();
        terminal.expect(said).unwrap();
        assert_eq!(exit_code(terminal), code);
    }
}

#[test]
fn what_replaces_a_context_says_what_goes_and_a_protected_one_wants_its_name() {
    let home = Home::with(&[&["dev", "rediss://ann:pw@h/2"], &["prod", "redis://h", "--protected", "--use"]]);
    assert_snapshot!(home.play(&["context", "add", "dev", "redis://h", "--replace"], ""), @r"
    exit 0
    err| plan: replace the context `dev`: rediss://ann@h:6379/2 becomes redis://h:6379
    err|   its password goes
    err|   TLS goes
    err| replaced `dev`
    ");
    let replace = ["context", "add", "prod", "redis://other", "--replace"];
    assert_snapshot!(home.play(&replace, ""), @r"
    exit 2
    err| plan: replace the context `prod`: redis://h:6379 becomes redis://other:6379
    err|   its protection goes
    err| error: context `prod` is protected
    err| hint: `--confirm prod` agrees to the above
    ");
    let protected = [&replace[..], &["--protected", "--confirm", "prod"]].concat();
    assert_snapshot!(home.play(&protected, ""), @r"
    exit 0
    err| plan: replace the context `prod`: redis://h:6379 becomes redis://other:6379
    err| replaced `prod`
    ");
    assert!(home.play(&["context", "show"], "").contains("protected    yes"));
    assert_snapshot!(home.play(&["context", "rm", "prod", "--dry-run"], ""), @r"
    exit 0
    err| plan: forget the context `prod` (redis://other:6379)
    err|   it is the current one: commands that name no server go to redis://127.0.0.1:6379 then
    err| dry run: nothing was changed
    ");
}

/// What `rbq cli` and plain `rbq` do with these arguments and this stdin, the server's port replaced.
fn cli(home: &Home, oracle: &Oracle, args: &[&str], stdin: &str) -> String {
    shown(&run(&mut home.command(args), stdin.as_bytes()), oracle)
}

#[test]
fn rbq_cli_goes_where_it_is_told_and_plain_rbq_to_the_current_context() {
    let Some(oracle) = Oracle::start(&[]) else { return };
    let home = Home::with(&[&["here", &oracle.url()], &["gone", "unix:///nowhere/rbq.sock", "--use"]]);
    assert_eq!(cli(&home, &oracle, &["cli", "--context", "here", "ping"], ""), "exit 0\nout| PONG\n");
    let port = oracle.port.to_string();
    assert_eq!(cli(&home, &oracle, &["cli", "-p", &port, "ping"], ""), "exit 0\nout| PONG\n");
    for variable in [("RBQ_CONTEXT", "here"), ("RBQ_URL", &oracle.url())] {
        let output = run(home.command(&["cli", "ping"]).envs([variable]), b"");
        assert_eq!(text(&output), "exit 0\nout| PONG\n", "{variable:?}");
    }
    // The server on this machine, whatever a person has chosen: nothing of the context is in what it says.
    let said = cli(&home, &oracle, &["cli", "ping"], "");
    assert!(!said.contains("/nowhere"), "{said}");
    assert_snapshot!(cli(&home, &oracle, &[], "ping\n"), @r"
    exit 1
    err| Could not connect to Redis at /nowhere/rbq.sock: No such file or directory
    ");
    assert_snapshot!(cli(&home, &oracle, &["cli", "-p", &port, "--context", "here", "ping"], ""), @r"
    exit 1
    err| Options --context and -h, -p, -s, -u are mutually exclusive.
    ");
}

#[test]
fn rbq_cli_sends_nothing_that_destroys_to_a_protected_context() {
    let Some(oracle) = Oracle::start(&[]) else { return };
    let home = Home::with(&[&["prod", &oracle.url(), "--protected", "--use"]]);
    let port = oracle.port.to_string();
    let play = |args: &[&str], stdin: &str| cli(&home, &oracle, args, stdin);
    assert_eq!(play(&["cli", "--context", "prod", "set", "a", "1", "nx"], ""), "exit 0\nout| OK\n");
    assert_snapshot!(play(&["cli", "--context", "prod", "set", "a", "2"], ""), @r"
    exit 2
    err| plan: SET replaces what may be there on `prod` (redis://127.0.0.1:PORT)
    err| error: context `prod` is protected
    err| hint: `--confirm prod` agrees to the above
    ");
    assert_snapshot!(play(&["cli", "--context", "prod", "flushall"], ""), @r"
    exit 2
    err| plan: FLUSHALL deletes every key of every database on `prod` (redis://127.0.0.1:PORT)
    err| error: context `prod` is protected
    err| hint: `--confirm prod` agrees to the above
    ");
    // Plain `rbq` has no options; and nothing that stands behind a refused line is sent.
    assert_snapshot!(play(&[], "get a\nrename a b\nset a 2\n"), @r"
    exit 2
    out| 1
    err| plan: RENAME gives a key another name, over what may be there on `prod` (redis://127.0.0.1:PORT)
    err| error: context `prod` is protected
    err| hint: `rbq cli --context prod --confirm prod` agrees to the above
    ");
    assert_snapshot!(play(&["cli", "--context", "prod", "--pipe"], "DEL a\r\n"), @r"
    exit 2
    err| plan: send whatever requests stand on stdin on `prod` (redis://127.0.0.1:PORT)
    err| error: context `prod` is protected
    err| hint: `--confirm prod` agrees to the above
    ");
    assert_snapshot!(play(&["cli", "--context", "prod", "--confirm", "dev", "get", "a"], ""), @r"
    exit 2
    err| error: `--confirm dev` does not name the context, `prod`
    ");
    assert_eq!(play(&["cli", "-p", &port, "get", "a"], ""), "exit 0\nout| 1\n");
    assert_snapshot!(play(&["cli", "--context", "prod", "--confirm", "prod", "del", "a"], ""), @r"
    exit 0
    out| 1
    err| plan: DEL deletes what it names on `prod` (redis://127.0.0.1:PORT)
    ");
    // redis-cli's own words name a server and no context.
    assert_eq!(play(&["cli", "-p", &port, "flushall"], ""), "exit 0\nout| OK\n");
}

#[test]
fn the_prompt_of_rbq_cli_says_where_it_is_and_asks_in_a_protected_context() {
    let Some(oracle) = Oracle::start(&[]) else { return };
    let home = Home::with(&[&["prod", &oracle.url(), "--protected", "--use"]]);
    let prompt = |args: &[&str]| {
        let mut command = home.command(args);
        command.env("REDISCLI_HISTFILE", "/dev/null").env("TERM", "xterm-256color");
        open(command)
    };
    // Whether a server is on this machine's port or not.
    let mut terminal = prompt(&["cli"]);
    terminal
        .expect("note: `rbq cli` does not follow the current context; `--context prod` does, and plain `rbq`")
        .unwrap();
    terminal.expect("> ").unwrap();
    terminal.send("quit\r").unwrap();
    terminal.expect(Eof).unwrap();
    let place = format!("prod 127.0.0.1:{}> ", oracle.port);
    let mut terminal = prompt(&["cli", "--context", "prod"]);
    for (answer, said) in [("\r", "nothing was changed"), ("prod\r", "(integer) 1")] {
        terminal.expect(&place).unwrap();
        terminal.send("append a 1\r").unwrap();
        terminal.expect("(integer)").unwrap();
        terminal.expect(&place).unwrap();
        terminal.send("del a\r").unwrap();
        terminal.expect("`prod` is protected; type its name to go on: ").unwrap();
        terminal.send(answer).unwrap();
        terminal.expect(said).unwrap();
    }
    terminal.expect(&place).unwrap();
    terminal.send("quit\r").unwrap();
    terminal.expect(Eof).unwrap();
}

#[test]
fn two_changes_at_once_lose_nothing() {
    let home = Home::new();
    let names: Vec<String> = (0..16).map(|number| format!("c{number}")).collect();
    let children: Vec<_> =
        names.iter().map(|name| support::start(&mut home.command(&["context", "add", name, "redis://h"]))).collect();
    for child in children {
        assert!(child.wait_with_output().unwrap().status.success());
    }
    let listed = home.play(&["context", "ls", "-o", "raw"], "");
    assert!(names.iter().all(|name| listed.contains(&format!("out| {name}\t"))), "{listed}");
}
