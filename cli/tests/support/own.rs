//! Our own server, for the tools that are tried against it.

use std::io::{BufRead as _, Read as _};
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;

use super::{listen, rbq, run, text};

/// An `rbq server` on a Unix socket in a directory of its own.
pub(crate) struct Server {
    pub(crate) child: Child,
    pub(crate) dir: TempDir,
}

impl Server {
    pub(crate) fn start() -> Self {
        Self::start_in(tempfile::tempdir().unwrap())
    }

    /// The same in a directory that somebody knows already.
    pub(crate) fn start_in(dir: TempDir) -> Self {
        Self { child: serve(&dir), dir }
    }

    /// Ends it with SIGKILL and starts it again in its directory, and so on its socket: no port that somebody could take.
    pub(crate) fn kill_and_start(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        self.child = serve(&self.dir);
    }

    pub(crate) fn socket(&self) -> String {
        self.dir.path().join("rbq.sock").display().to_string()
    }

    pub(crate) fn url(&self) -> String {
        format!("unix://{}", self.socket())
    }

    pub(crate) fn command(&self, args: &[&str]) -> Command {
        let mut command = rbq(args);
        command.env("RBQ_URL", self.url());
        command
    }

    pub(crate) fn play(&self, args: &[&str], stdin: &str) -> String {
        text(&run(&mut self.command(args), stdin.as_bytes()))
    }
}

fn serve(dir: &TempDir) -> Child {
    ready(&mut rbq(&["server", "--port", "0", "--unixsocket", "rbq.sock", "--dir", dir.path().to_str().unwrap()]))
}

/// Starts a server and waits until it is ready.
pub(crate) fn ready(command: &mut Command) -> Child {
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let mut log = listen(child.stderr.take().unwrap());
    let mut said = String::new();
    while !said.contains("ready to accept connections") {
        let read = log.read_line(&mut said);
        if !matches!(read, Ok(1..)) {
            child.kill().unwrap();
            let status = child.wait().unwrap();
            panic!("the server is not ready: {read:?}, {status}, {said}");
        }
    }
    // Read on, or a full pipe would hold up the server.
    std::thread::spawn(move || log.into_inner().0.read_to_end(&mut Vec::new()));
    child
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
