//! `--exec`: a command for each message, a direct child of `sh -c`.
//!
//! | the command ends with | the message is |
//! |---|---|
//! | 0         | acknowledged |
//! | 65        | a dead letter now (`EX_DATAERR`) |
//! | 75        | given back, and this delivery does not count (`EX_TEMPFAIL`) |
//! | 126, 127  | given back, and the consumer ends: the shell found no such command, which is no message's fault |
//! | otherwise | failed: delivered again, and past `--max-deliver` a dead letter |
//!
//! The last line that it says on stderr goes into the dead letter, behind how it ended.
//!
//! The child has a process group of its own, so that Ctrl-C on a terminal reaches us and lets it finish.
//!
//! Invariant: a command that runs has all of its message. It is in a file without a name before the command starts: a pipe that we
//! still write to would end early when we are killed, and the command would take a part of an order for the whole.

use std::ffi::OsString;
use std::fs::File;
use std::io::{self, Seek as _, Write as _};
use std::os::unix::ffi::OsStringExt;
use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;
use std::sync::Arc;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process_group};
use tokio::process::{Child, Command};
use tokio::time::timeout;

use super::last_words::LastWords;
use super::message::Message;
use crate::failure::spoken;

/// Fields in the environment, all together: systems refuse a process with more than some 2 MiB, and one variable above 128 KiB.
const ENVIRONMENT_BYTES_MAX: usize = 256 * 1024;
const VARIABLE_BYTES_MAX: usize = 64 * 1024;

const REJECTED: i32 = 65;
const RETURNED: i32 = 75;

/// What a message is worked on with.
#[derive(Debug, Clone)]
pub(super) struct Worker {
    pub(super) command: OsString,
    pub(super) limit: Option<Duration>,
    pub(super) key: Vec<u8>,
    pub(super) group: Vec<u8>,
    pub(super) consumer: Vec<u8>,
}

/// How the work on a message ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Ending {
    Done,
    /// It is a dead letter now: why.
    Rejected(String),
    Returned,
    Failed(String),
    /// Nothing can be worked on: why.
    Broken(String),
}

impl Worker {
    pub(super) async fn work(self: Arc<Self>, message: Arc<Message>) -> Ending {
        let stdin = match whole(&message.value()) {
            Ok(stdin) => stdin,
            Err(error) => return Ending::Broken(format!("cannot keep a message for its command: {}", spoken(&error))),
        };
        let started = LastWords::listen().and_then(|(words, into)| {
            // The command is dropped with its end of the pipe: the child alone has one.
            let child = self.command(&message).stdin(stdin).stderr(into).spawn()?;
            Ok((child, words))
        });
        let (mut child, mut words) = match started {
            Ok(started) => started,
            Err(error) => return Ending::Broken(format!("cannot start `sh`: {error}")),
        };
        let group = child.id().and_then(|id| Pid::from_raw(id as i32));
        let running = attend(&mut child, &mut words);
        let status = match self.limit {
            None => running.await,
            Some(limit) => match timeout(limit, running).await {
                Ok(status) => status,
                Err(_) => {
                    if let Some(group) = group {
                        // Gone already is as good.
                        let _ = kill_process_group(group, Signal::KILL);
                    }
                    let _ = child.wait().await;
                    let how = format!("no end within {}", crate::duration::shown(limit));
                    return Ending::Failed(with(how, &words.finish()));
                }
            },
        };
        match status {
            Ok(status) => ending(status, &words.finish()),
            Err(error) => Ending::Failed(error.to_string()),
        }
    }

    fn command(&self, message: &Message) -> Command {
        let mut command = Command::new("sh");
        command.arg("-c").arg(&self.command).process_group(0);
        let os = |bytes: &[u8]| OsString::from_vec(bytes.to_vec());
        command.env("RBQ_KEY", os(&self.key)).env("RBQ_ID", &message.id);
        command.env("RBQ_GROUP", os(&self.group)).env("RBQ_CONSUMER", os(&self.consumer));
        command.env("RBQ_DELIVERY", message.delivery.to_string()).env("RBQ_TIME_MS", message.time_ms().to_string());
        let mut bytes = 0;
        for (name, value) in &message.fields {
            bytes += name.len() + value.len();
            if bytes > ENVIRONMENT_BYTES_MAX {
                break;
            }
            // Not everything can be in an environment; all of it is on stdin.
            if value.len() <= VARIABLE_BYTES_MAX && !value.contains(&0) {
                command.env(variable(name), os(value));
            }
        }
        command
    }
}

/// A file that holds this, to be read from its beginning, and that goes with the last who has it open.
fn whole(value: &[u8]) -> io::Result<File> {
    let mut file = nameless()?;
    file.write_all(value)?;
    file.rewind()?;
    Ok(file)
}

/// In memory, where the message is already: a container may have no directory to write to.
#[cfg(target_os = "linux")]
fn nameless() -> io::Result<File> {
    use rustix::fs::{MemfdFlags, memfd_create};
    Ok(memfd_create("rbq-message", MemfdFlags::CLOEXEC)?.into())
}

#[cfg(not(target_os = "linux"))]
fn nameless() -> io::Result<File> {
    tempfile::tempfile()
}

/// What is said comes out while the command runs.
async fn attend(child: &mut Child, words: &mut LastWords) -> io::Result<ExitStatus> {
    tokio::select! {
        status = child.wait() => status,
        () = words.follow() => unreachable!("it never ends"),
    }
}

/// How it ended, and the last that it said.
fn with(how: String, said: &str) -> String {
    if said.is_empty() { how } else { format!("{how}: {said}") }
}

fn ending(status: ExitStatus, said: &str) -> Ending {
    match status.code() {
        Some(0) => Ending::Done,
        Some(code @ REJECTED) => Ending::Rejected(with(format!("exit {code}"), said)),
        Some(RETURNED) => Ending::Returned,
        Some(code @ (126 | 127)) => Ending::Broken(format!("the command cannot be run (exit {code})")),
        Some(code) => Ending::Failed(with(format!("exit {code}"), said)),
        None => Ending::Failed(with(format!("signal {}", status.signal().unwrap_or_default()), said)),
    }
}

/// `RBQ_FIELD_name`, with `_` for what no shell takes in a name.
fn variable(name: &[u8]) -> OsString {
    let plain = |byte: &u8| if byte.is_ascii_alphanumeric() { char::from(*byte) } else { '_' };
    format!("RBQ_FIELD_{}", name.iter().map(plain).collect::<String>()).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn worker(command: &str, limit: Option<Duration>) -> Arc<Worker> {
        let (group, consumer) = (b"g".to_vec(), b"c".to_vec());
        Arc::new(Worker { command: command.into(), limit, key: b"k".to_vec(), group, consumer })
    }

    #[tokio::test]
    async fn the_exit_code_decides() {
        let mut message = Message::of_queue("the value".into(), 7);
        message.fields.push(("a b".into(), "in the environment".into()));
        let message = Arc::new(message);
        for (command, expected) in [
            ("true", Ending::Done),
            ("exit 65", Ending::Rejected("exit 65".into())),
            ("echo no such customer >&2; exit 65", Ending::Rejected("exit 65: no such customer".into())),
            ("echo first >&2; printf last >&2; exit 3", Ending::Failed("exit 3: last".into())),
            ("exit 75", Ending::Returned),
            ("exit 3", Ending::Failed("exit 3".into())),
            ("kill -9 $$", Ending::Failed("signal 9".into())),
            ("nosuchcommand 2>/dev/null", Ending::Broken("the command cannot be run (exit 127)".into())),
            ("/ 2>/dev/null", Ending::Broken("the command cannot be run (exit 126)".into())),
            ("test \"$RBQ_FIELD_a_b $RBQ_KEY $RBQ_TIME_MS\" = 'in the environment k 7'", Ending::Done),
            ("grep -q 'the value'", Ending::Done),
        ] {
            assert_eq!(worker(command, None).work(Arc::clone(&message)).await, expected, "{command}");
        }
        let slow = worker("sleep 600", Some(Duration::from_millis(20)));
        assert_eq!(slow.work(message).await, Ending::Failed("no end within 20ms".into()));
    }

    #[tokio::test]
    async fn what_a_command_leaves_running_is_not_waited_for() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("pid");
        let command = format!("echo why >&2; sleep 600 >/dev/null & echo $! > {}; exit 1", file.display());
        let ending = worker(&command, None).work(Arc::new(Message::of_queue("m".into(), 7))).await;
        let left = std::fs::read_to_string(file).unwrap().trim().parse().unwrap();
        // It is still there: nobody waited for it.
        rustix::process::kill_process(Pid::from_raw(left).unwrap(), Signal::KILL).unwrap();
        assert_eq!(ending, Ending::Failed("exit 1: why".into()));
    }
}
