//! The two programs, on the same server, with the same arguments and the same stdin.
//!
//! All that differs is gathered and told together at the end of a test, so that one difference does not hide the others.

use std::cell::RefCell;
use std::process::{Command, Output};
use std::thread;

use crate::support::{Oracle, rbq, redis_cli, run};

/// A server, and how both programs are told of it.
pub(crate) struct Pair {
    port: String,
    /// What stands before the arguments of each command line: TLS, a user.
    given: Vec<String>,
    environment: Vec<(&'static str, String)>,
    differences: RefCell<Vec<String>>,
}

impl Pair {
    pub(crate) fn of(oracle: &Oracle) -> Self {
        Self::on(oracle.port)
    }

    pub(crate) fn on(port: u16) -> Self {
        Self { port: port.to_string(), given: vec![], environment: vec![], differences: RefCell::default() }
    }

    pub(crate) fn given(mut self, arguments: &[&str]) -> Self {
        self.given = arguments.iter().map(|argument| (*argument).to_owned()).collect();
        self
    }

    pub(crate) fn with(mut self, variable: &'static str, value: &str) -> Self {
        self.environment.push((variable, value.to_owned()));
        self
    }

    pub(crate) fn redis_cli(&self, args: &[&str]) -> Command {
        let mut command = redis_cli();
        command.env_remove("REDISCLI_AUTH");
        self.tell(command, args)
    }

    pub(crate) fn rbq_cli(&self, args: &[&str]) -> Command {
        self.tell(rbq(&["cli"]), args)
    }

    fn tell(&self, mut command: Command, args: &[&str]) -> Command {
        command.args(["-p", &self.port]).args(&self.given).args(args);
        command.envs(self.environment.iter().map(|(variable, value)| (variable, value)));
        command
    }

    /// Runs both on an empty server, and holds everything of the one against everything of the other.
    pub(crate) fn agree(&self, args: &[&str], stdin: &str) -> Output {
        self.compare(args, stdin, || self.fill(""))
    }

    /// The same on the server as it is, for commands that change nothing.
    pub(crate) fn agree_on_what_is(&self, args: &[&str]) -> Output {
        self.compare(args, "", || ())
    }

    /// Empties the server and runs these commands on it.
    pub(crate) fn fill(&self, seed: &str) {
        let args = ["--no-auth-warning", "-a", "sesame"];
        run(&mut self.redis_cli(&args), format!("flushall\n{seed}").as_bytes());
    }

    pub(crate) fn compare(&self, args: &[&str], stdin: &str, prepare: impl Fn()) -> Output {
        let mut outputs = Vec::new();
        for mut command in [self.redis_cli(args), self.rbq_cli(args)] {
            prepare();
            outputs.push(untimed(run(&mut command, stdin.as_bytes())));
        }
        let ours = outputs.remove(1);
        self.hold(&format!("{args:?} < {stdin:?}"), &ours, &outputs[0]);
        ours
    }

    /// Notes what differs.
    pub(crate) fn hold(&self, what: &str, ours: &Output, theirs: &Output) {
        if ours != theirs {
            self.differences.borrow_mut().push(format!("{what:.400}\n{}", difference(ours, theirs)));
        }
    }
}

impl Drop for Pair {
    fn drop(&mut self) {
        let differences = self.differences.borrow();
        assert!(differences.is_empty() || thread::panicking(), "\n{}", differences.join("\n\n"));
    }
}

/// Without the lines that tell how long a slow command took: which one was slow is up to the machine.
fn untimed(mut output: Output) -> Output {
    let is_time = |line: &&[u8]| {
        let seconds = line.strip_prefix(b"(").and_then(|line| line.strip_suffix(b"s)\n"));
        seconds
            .is_some_and(|text| text.contains(&b'.') && text.iter().all(|byte| byte.is_ascii_digit() || *byte == b'.'))
    };
    output.stdout =
        output.stdout.split_inclusive(|byte| *byte == b'\n').filter(|line| !is_time(line)).collect::<Vec<_>>().concat();
    output
}

/// The first line that differs, with those before it.
fn difference(ours: &Output, theirs: &Output) -> String {
    let text = |output: &Output| {
        let (out, err) = (output.stdout.escape_ascii().to_string(), output.stderr.escape_ascii().to_string());
        format!("{out}\\n--- stderr\\n{err}\\n--- exit {:?}", output.status.code())
    };
    let (ours, theirs) = (text(ours), text(theirs));
    let (ours, theirs): (Vec<_>, Vec<_>) = (ours.split("\\n").collect(), theirs.split("\\n").collect());
    let at = ours.iter().zip(&theirs).position(|(a, b)| a != b).unwrap_or(ours.len().min(theirs.len()));
    let near = |lines: &[&str]| lines[at.saturating_sub(6)..lines.len().min(at + 3)].join("\n  ");
    format!("rbq cli:\n  {}\nredis-cli:\n  {}", near(&ours), near(&theirs))
}
