//! `cargo xtask test`: every check there is, in the order in which they fail fastest.
//!
//! It is the one command that CI and people run, so what passes here passes there. It stops at the first stage that
//! fails and always ends with a line per stage. A check that needs a tool which is not installed is left out and named
//! at the end; with `CI` set that is a failure, because a check that was left out must not pass for one that
//! succeeded.
//!
//! The tests of the command line are run again with each of the servers named below, by the same variable with which a person
//! would run them with yet another.

use std::env;
use std::ffi::OsString;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};

use crate::servers::Program;
use crate::workspace;

/// One check.
struct Stage {
    name: &'static str,
    command: Command,
}

enum Outcome {
    Passed(Duration),
    Failed(Duration),
    NotReached,
}

/// Runs all stages.
pub fn run() -> Result<()> {
    let lacking = lacking_tools();
    let mut outcomes = Vec::new();
    let mut failed = false;
    for mut stage in stages() {
        if failed {
            outcomes.push((stage.name, Outcome::NotReached));
            continue;
        }
        eprintln!("\n=== {}: {}", stage.name, shown(&stage.command));
        let start = Instant::now();
        let status = stage.command.stdin(Stdio::null()).status();
        let status = status.with_context(|| format!("running {}", shown(&stage.command)))?;
        failed = !status.success();
        let took = start.elapsed();
        outcomes.push((stage.name, if failed { Outcome::Failed(took) } else { Outcome::Passed(took) }));
    }
    eprintln!("\n=== summary");
    for (name, outcome) in &outcomes {
        eprintln!("{}", line(name, outcome));
    }
    for (what, hint) in &lacking {
        eprintln!("LEFT OUT   {what}\n           hint: {hint}");
    }
    match outcomes.iter().find(|(_, outcome)| matches!(outcome, Outcome::Failed(_))) {
        Some((name, _)) => bail!("`{name}` failed"),
        None if lacking.iter().any(|(what, _)| !is_optional(what)) && env::var_os("CI").is_some() => {
            bail!("checks were left out, and in CI none may be")
        }
        None => Ok(()),
    }
}

fn line(name: &str, outcome: &Outcome) -> String {
    match outcome {
        Outcome::Passed(took) => format!("ok         {name:<24} {:>7.1} s", took.as_secs_f64()),
        Outcome::Failed(took) => format!("FAILED     {name:<24} {:>7.1} s", took.as_secs_f64()),
        Outcome::NotReached => format!("not run    {name}"),
    }
}

fn stages() -> Vec<Stage> {
    let mut stages = vec![
        stage("format", &["fmt", "--all", "--check"]),
        stage("format of fuzz", &["fmt", "--all", "--check", "--manifest-path", "fuzz/Cargo.toml"]),
        stage("lints", &["clippy", "--workspace", "--all-targets", "--locked", "--", "-D", "warnings"]),
        stage("tests", &["test", "--workspace", "--locked"]),
        stage("documentation", &["doc", "--workspace", "--no-deps", "--locked"]),
    ];
    stages.last_mut().expect("it was just made").command.env("RUSTDOCFLAGS", "-D warnings");
    stages.push(stage("kills", &["xtask", "torture", "--loops", KILLS]));
    stages.push(stage("kills, new seed", &["xtask", "torture", "--fresh", "--loops", KILLS]));
    stages.push(stage("power cuts", &["xtask", "torture", "--power", "--loops", KILLS]));
    stages.push(stage("power cuts, new seed", &["xtask", "torture", "--power", "--fresh", "--loops", KILLS]));
    if Program::redis().exists() {
        stages.push(stage("differential", &["xtask", "differ", "--commands", COMMANDS]));
        stages.push(stage("differential, new seed", &["xtask", "differ", "--fresh", "--commands", COMMANDS_FRESH]));
    }
    for other in OTHER_SERVERS.iter().filter(|other| other.is_there()) {
        let mut stage = stage(other.stage, &["test", "--workspace", "--locked"]);
        stage.command.args(TESTS_OF_SERVERS.iter().flat_map(|test| ["--test", test]));
        stage.command.arg("--").args(LONG_TESTS.iter().flat_map(|test| ["--skip", test]));
        stage.command.env("RBQ_REDIS_SERVER", other.path());
        stages.push(stage);
    }
    if answers("cargo-deny", &["--version"]) {
        stages.push(stage("licences and advisories", &["deny", "check"]));
    }
    stages
}

/// How much is compared with redis-server on every run, from the same seed on.
const COMMANDS: &str = "200000";

/// The same from a seed that nobody has tried: a bug that is left is found by one run or another, which names the seed.
const COMMANDS_FRESH: &str = "50000";

/// How often a server is killed at work, and how often the power is cut, from the same seed on and from a new one: each policy has its turns.
const KILLS: &str = "20";

/// A server that the command line is for, beside the system's redis-server.
struct OtherServer {
    stage: &'static str,
    /// Names the program.
    variable: &'static str,
    /// What is left out without it.
    what: &'static str,
}

/// The oldest that the command line claims to work with, and the newest of another name.
const OTHER_SERVERS: [OtherServer; 2] = [
    OtherServer { stage: "command line, Redis 6.2", variable: "RBQ_REDIS_62", what: "the command line with Redis 6.2" },
    OtherServer { stage: "command line, Valkey", variable: "RBQ_VALKEY", what: "the command line with Valkey" },
];

impl OtherServer {
    fn path(&self) -> OsString {
        env::var_os(self.variable).unwrap_or_default()
    }

    fn is_there(&self) -> bool {
        Command::new(self.path()).arg("--version").stdout(Stdio::null()).status().is_ok_and(|status| status.success())
    }
}

/// The tests in which a server has a say: the client library's, those of what each subcommand is for, and the files it writes.
const TESTS_OF_SERVERS: &[&str] = &[
    "cluster",
    "conversation",
    "messages",
    "produce",
    "consume",
    "consume_attempts",
    "keyspace",
    "keyspace_live",
    "dlq",
    "dlq_redrive",
    "importing",
    "moving",
    "check",
    "bench",
    "repl",
    "redis_cli",
    "real_files",
];

/// Of those, what takes long and is about the command line more than about the server: hundreds of command lines one by one,
/// messages by the ten thousand, how latency is told.
const LONG_TESTS: &[&str] = &[
    "one_command_at_a_time_is_answered_alike",
    "flags_mean_the_same",
    "passwords_work_alike",
    "a_stream_of_requests_is_piped_alike",
    "latency_is_told_in_the_same_words",
    "scripts_may_repeat_quit_and_be_wrong",
    "figures_are_written_until_ctrl_c",
    "a_hundred_thousand_lines_pass_in_bounded_memory",
    "a_file_that_is_sent_again_adds_what_is_new",
    "connections_that_are_lost_cost_nothing_when_messages_have_names",
];

fn stage(name: &'static str, args: &[&str]) -> Stage {
    let mut command = workspace::cargo();
    command.args(args);
    Stage { name, command }
}

/// The check that a hosted runner does without: the licences are a test as well, and advisories change from day to
/// day, which is no reason to fail a commit.
const DENY: &str = "advisories (`cargo deny`)";

/// The tests that a hosted runner may not let run: they need a kernel that mounts what they ask for.
const DISKS: &str = "disks that run full, hang or become read-only, and restores for other users";

fn is_optional(what: &str) -> bool {
    [DENY, DISKS].contains(&what)
}

/// Whether small file systems can be made here: root, the tools, and a kernel that lets root mount them.
fn can_mount() -> bool {
    const TOOLS: [(&str, &str); 4] =
        [("mkfs.ext4", "-V"), ("e2fsck", "-V"), ("losetup", "--version"), ("fsfreeze", "--version")];
    let Ok(dir) = tempfile::tempdir() else { return false };
    let Some(place) = dir.path().to_str() else { return false };
    let has_tools = TOOLS.iter().all(|(program, flag)| answers(program, &[flag]));
    has_tools && answers("mount", &["-t", "tmpfs", "tmpfs", place]) && answers("umount", &[place])
}

/// What cannot be checked here, and what to do about it.
fn lacking_tools() -> Vec<(&'static str, &'static str)> {
    let python = env::var("RBQ_PYTHON").unwrap_or_else(|_| "python3".into());
    let node = env::var("RBQ_NODE").unwrap_or_else(|_| "node".into());
    let checks = [
        (Program::redis().exists(), "comparison with the real redis-server", "install the package `redis-server`"),
        (
            answers(&python, &["-c", "import redis"]),
            "conversation with redis-py",
            "`.ci/clients` installs it, or name a python that has it in RBQ_PYTHON",
        ),
        (
            answers(&node, &["-e", "require('ioredis')"]),
            "conversation with ioredis",
            "`.ci/clients` installs it; then set NODE_PATH",
        ),
        (answers("redis-cli", &["--version"]), "comparison with redis-cli", "install the package `redis-tools`"),
        (
            can_mount(),
            DISKS,
            "run the tests as root, who may mount small file systems, with the packages `e2fsprogs`, `mount` and `util-linux`",
        ),
        (answers("cargo-deny", &["--version"]), DENY, "`cargo install cargo-deny`"),
    ];
    let others = OTHER_SERVERS.iter().map(|other| (other.is_there(), other.what, OTHER_SERVER_HINT));
    let checks = checks.into_iter().chain(others);
    checks.filter(|(there, ..)| !there).map(|(_, what, hint)| (what, hint)).collect()
}

/// Where the other servers come from.
const OTHER_SERVER_HINT: &str = "`eval \"$(.ci/clients)\"` fetches it and sets RBQ_REDIS_62 and RBQ_VALKEY";

fn answers(program: &str, args: &[&str]) -> bool {
    let mut command = Command::new(program);
    command.args(args).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}

fn shown(command: &Command) -> String {
    let args: Vec<_> = command.get_args().map(|arg| arg.to_string_lossy()).collect();
    format!("cargo {}", args.join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    /// A name that is no test's would leave out nothing, and nobody would notice.
    #[test]
    fn the_long_tests_are_there() {
        let folders = ["cli/tests", "cli/tests/redis_cli"].map(|folder| workspace::root().join(folder));
        let files = folders.iter().flat_map(|folder| fs::read_dir(folder).expect("the tests are there"));
        let paths = files.map(|file| file.expect("it can be listed").path()).filter(|path| path.is_file());
        let text: String = paths.map(|path| fs::read_to_string(path).expect("it is a source")).collect();
        for name in LONG_TESTS {
            assert!(text.contains(&format!("fn {name}(")), "{name}");
        }
    }
}
