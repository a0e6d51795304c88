//! Running `rbq` (and `redis-cli`) and showing exit code, stdout and stderr together.
#![allow(dead_code, clippy::print_stderr, clippy::unwrap_used)]

pub(crate) mod keys;
#[path = "../../../crates/client/tests/oracle/mod.rs"]
pub(crate) mod oracle;

pub(crate) mod either;
pub(crate) mod letters;
pub(crate) mod own;
pub(crate) mod patience;

use std::io::Write;
use std::process::{Child, Command, Output, Stdio};
use std::sync::LazyLock;
use std::thread;

use rbq_client::{Client, Options, Request, Value};

pub(crate) use oracle::Oracle;
#[allow(unused_imports)]
pub(crate) use oracle::certificates::Certificates;
#[allow(unused_imports)]
pub(crate) use oracle::cluster;
#[allow(unused_imports)]
pub(crate) use patience::{PATIENCE, Patience, Patient, listen};

/// `rbq` with a clean environment: no server, password, context, history, colours or settings of a server of whoever runs the tests.
pub(crate) fn rbq(args: &[&str]) -> Command {
    let mut command = Command::new(assert_cmd::cargo::cargo_bin!("rbq"));
    command.args(args);
    for variable in ["REDISCLI_AUTH", "NO_COLOR", "CLICOLOR_FORCE", "XDG_STATE_HOME"] {
        command.env_remove(variable);
    }
    without_settings(&mut command);
    command.env("RBQ_HISTORY", "").env("RBQ_CONTEXTS", "");
    command
}

/// Takes everything from a command that `rbq` would read in its environment. What the tests read themselves, they read in their own.
fn without_settings(command: &mut Command) {
    for (variable, _) in std::env::vars_os() {
        if variable.to_string_lossy().starts_with("RBQ_") {
            command.env_remove(variable);
        }
    }
}

/// Another program that is to start this command, with the environment that it would have; its arguments are still to come.
pub(crate) fn again_by(program: &str, command: &Command) -> Command {
    let mut starter = Command::new(program);
    for (variable, value) in command.get_envs() {
        match value {
            Some(value) => starter.env(variable, value),
            None => starter.env_remove(variable),
        };
    }
    assert!(command.get_current_dir().is_none(), "it is started where the tests are");
    starter
}

/// `redis-cli`, which comes with `redis-server`, though in a package of its own.
pub(crate) fn redis_cli() -> Command {
    static IS_THERE: LazyLock<bool> = LazyLock::new(|| {
        let found = Command::new("redis-cli").arg("--version").stdout(Stdio::null()).status();
        found.is_ok_and(|status| status.success())
    });
    assert!(*IS_THERE, "`redis-cli` is not installed (package `redis-tools`)");
    Command::new("redis-cli")
}

/// A test that needs what is not here says so loudly and passes, so that one can work without it.
pub(crate) fn skipped(why: &str) {
    eprintln!("\n*** SKIPPED: {why}; this test proved nothing ***\n");
}

/// Runs to the end with this stdin.
pub(crate) fn run(command: &mut Command, stdin: &[u8]) -> Output {
    let mut child = start(command);
    let mut pipe = child.stdin.take().unwrap();
    let stdin = stdin.to_vec();
    // Beside reading, or both sides could wait for each other with full pipes. The child may not want all of it.
    let writer = thread::spawn(move || drop(pipe.write_all(&stdin)));
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap();
    output
}

/// Starts with all three streams piped.
pub(crate) fn start(command: &mut Command) -> Child {
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

/// Exit code, stdout and stderr in one text. Blanks at line ends are left out: `redis_cli/` looks at every byte.
pub(crate) fn text(output: &Output) -> String {
    let mut text = format!("exit {}\n", output.status.code().map_or("by a signal".to_owned(), |code| code.to_string()));
    for (name, bytes) in [("out", &output.stdout), ("err", &output.stderr)] {
        for line in String::from_utf8_lossy(bytes).lines() {
            text.push_str(format!("{name}| {line}").trim_end());
            text.push('\n');
        }
        if bytes.last().is_some_and(|last| *last != b'\n') {
            text.push_str(&format!("{name}| (no newline)\n"));
        }
    }
    text
}

/// The same with the server's port and socket replaced by words.
pub(crate) fn shown(output: &Output, oracle: &Oracle) -> String {
    text(output).replace(&oracle.port.to_string(), "PORT").replace(&*oracle.socket().to_string_lossy(), "SOCKET")
}

/// Runs `rbq` against the oracle by `RBQ_URL`.
pub(crate) fn play(oracle: &Oracle, args: &[&str], stdin: &str) -> String {
    let output = run(rbq(args).env("RBQ_URL", oracle.url()), stdin.as_bytes());
    shown(&output, oracle)
}

/// A connection of the test's own, for looking and for making things happen.
pub(crate) async fn client(oracle: &Oracle) -> Client {
    Client::connect(&oracle.url().parse().unwrap(), &Options::default()).await.unwrap().0
}

/// One command given as a line.
pub(crate) async fn ask(client: &Client, line: &str) -> Value {
    client.call(Request::from(line.split(' '))).await.unwrap()
}

/// Asks again and again until the answer is this one; the server tells no one when its other clients have arrived.
pub(crate) async fn until(client: &Client, line: &str, mut wanted: impl FnMut(&Value) -> bool) {
    let patience = Patience::begin();
    while !wanted(&ask(client, line).await) {
        patience.spend();
        tokio::task::yield_now().await;
    }
}

/// The names of all subcommands, from the help.
pub(crate) fn commands() -> Vec<String> {
    let help = run(&mut rbq(&["--help"]), b"").stdout;
    let help = String::from_utf8(help).unwrap();
    let listed = help.lines().skip_while(|line| *line != "Commands:").skip(1).take_while(|line| !line.is_empty());
    let names = listed.filter_map(|line| line.strip_prefix("  ")?.split(' ').next()).filter(|name| !name.is_empty());
    names.filter(|name| *name != "help").map(str::to_owned).collect()
}
