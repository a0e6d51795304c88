//! The real `redis-server`, started for one conversation.
//!
//! It is the oracle: what it answers is true for the versions it speaks for. Every conversation gets a server of its
//! own (it starts in some 20 ms), so that nothing one conversation configures can leak into another.

use std::{
    env, fmt,
    io::{self, BufRead, BufReader},
    net::{Ipv4Addr, SocketAddr, TcpListener},
    path::Path,
    process::{Child, Command, Stdio},
};

use rbq_resp::Value;
use tempfile::TempDir;

use crate::{conversation::Version, link::failed, stage::StageError, tcp::TcpStage};

/// Another program may take the free port before the server binds it; then a new one is tried.
const STARTS_MAX: usize = 5;

/// A running `redis-server` without data, killed when dropped.
pub struct RealServer {
    child: Child,
    addr: SocketAddr,
    // Its working directory; removed with it.
    _dir: TempDir,
}

impl RealServer {
    /// The program to start: `$RBQ_REDIS_SERVER`, or `redis-server` on the path. `None`, after saying so, when it
    /// cannot be run.
    ///
    /// # Panics
    ///
    /// When it cannot be run and `$CI` is set: there a comparison that was left out must not pass for one that
    /// succeeded.
    #[must_use]
    #[expect(clippy::print_stderr, reason = "a comparison that does not happen must be seen")]
    pub fn program() -> Option<String> {
        let program = env::var("RBQ_REDIS_SERVER").unwrap_or_else(|_| "redis-server".into());
        let found = Command::new(&program).arg("--version").stdout(Stdio::null()).status();
        if found.is_ok_and(|status| status.success()) {
            return Some(program);
        }
        assert!(env::var_os("CI").is_none(), "`{program}` cannot be run, and in CI it must");
        eprintln!();
        eprintln!("************************************************************************");
        eprintln!("* NOT COMPARED: `{program}` cannot be run.");
        eprintln!("* hint: install redis-server, or name one in RBQ_REDIS_SERVER.");
        eprintln!("************************************************************************");
        None
    }

    /// Starts `program` on a free port and returns when it accepts connections.
    pub fn start(program: &str) -> Result<Self, StageError> {
        let mut refused = None;
        for _ in 0..STARTS_MAX {
            let dir = tempfile::tempdir().map_err(failed("making a directory for redis-server"))?;
            let addr = free_port().map_err(failed("looking for a free port"))?;
            let mut child = spawn(program, addr, dir.path()).map_err(failed("starting redis-server"))?;
            match ready(&mut child) {
                Ok(()) => {
                    return Ok(Self { child, addr, _dir: dir });
                }
                Err(error) => refused = Some(error),
            }
            end(&mut child);
        }
        Err(failed("waiting for redis-server")(refused.expect("it was tried")))
    }

    /// Where it listens.
    #[must_use]
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Its version, as it reports it.
    pub fn version(&self) -> Result<Version, StageError> {
        let info = match TcpStage::connect_to(self.addr)?.ask(&["INFO", "server"])? {
            Value::Bulk(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
            other => return Err(StageError::Unplayable(format!("INFO answered {other:?}"))),
        };
        let version = info.lines().find_map(|line| line.strip_prefix("redis_version:"));
        let version = version.and_then(|version| version.trim().parse().ok());
        version.ok_or_else(|| StageError::Unplayable("INFO does not tell redis_version".into()))
    }
}

impl Drop for RealServer {
    fn drop(&mut self) {
        end(&mut self.child);
    }
}

impl fmt::Debug for RealServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RealServer").field("addr", &self.addr).finish_non_exhaustive()
    }
}

fn free_port() -> io::Result<SocketAddr> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()
}

fn spawn(program: &str, addr: SocketAddr, dir: &Path) -> io::Result<Child> {
    Command::new(program)
        .args(["--port", &addr.port().to_string(), "--bind", "127.0.0.1"])
        .args(["--save", "", "--appendonly", "no", "--daemonize", "no", "--dir"])
        .arg(dir)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
}

/// Waits for the line with which the server says that it listens; a server that could not bind ends instead.
fn ready(child: &mut Child) -> io::Result<()> {
    let log = child.stdout.take().expect("it is piped");
    for line in BufReader::new(log).lines() {
        if line?.contains("eady to accept connections") {
            return Ok(());
        }
    }
    Err(io::Error::other("redis-server ended before it was ready"))
}

/// Ends the process by its own id; one that has ended already needs nothing.
fn end(child: &mut Child) {
    let _ = child.kill();
    let _ = child.wait();
}
