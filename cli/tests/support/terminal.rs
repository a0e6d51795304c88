//! `rbq` on a pseudo-terminal.
//!
//! What is sent while no line is being read may be lost, as the editor begins each line with an empty buffer: so tests wait
//! for the [`prompt`]. Its text alone does not tell, because it is drawn again with every key.
#![allow(dead_code)]

use std::process::Command;

use expectrl::process::unix::{UnixProcess, WaitStatus};
use expectrl::session::OsSession;
use expectrl::{Eof, Expect, Session};

use super::support::{Oracle, PATIENCE, again_by, rbq};

pub(crate) type Terminal = OsSession;

/// As a shell at a terminal starts a command: Ctrl-C ends it, though whoever started the tests may have let that be ignored.
pub(crate) fn open(command: Command) -> Terminal {
    let mut started = again_by("env", &command);
    started.arg("--default-signal=INT,QUIT").arg(command.get_program()).args(command.get_args());
    let mut terminal = Session::spawn(started).unwrap();
    terminal.set_expect_timeout(Some(PATIENCE));
    terminal
}

pub(crate) fn repl(oracle: &Oracle, args: &[&str]) -> Terminal {
    let mut command = rbq(args);
    command.env("RBQ_URL", oracle.url()).env("TERM", "xterm-256color");
    open(command)
}

pub(crate) fn exit_code(mut terminal: Terminal) -> i32 {
    terminal.expect(Eof).unwrap();
    let process: &UnixProcess = terminal.get_process();
    match process.wait().unwrap() {
        WaitStatus::Exited(_, code) => code,
        other => panic!("{other:?}"),
    }
}

/// A new line is being read. The editor says so by asking the terminal to mark what is pasted.
pub(crate) fn prompt(terminal: &mut Terminal) {
    terminal.expect("\x1b[?2004h").unwrap();
}

/// Ctrl-C at the prompt.
pub(crate) fn drop_line(terminal: &mut Terminal) {
    terminal.send("\x03").unwrap();
    terminal.expect("\x1b[?2004l").unwrap();
    prompt(terminal);
}
