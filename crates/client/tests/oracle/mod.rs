//! A real server of one's own: on a free port and a Unix socket, in a directory that goes with it.
//!
//! It is `redis-server`, or the program that `RBQ_REDIS_SERVER` names: an older one, a newer one, Valkey. So the same tests
//! are run with each, and what they hold is what all these servers have in common.
//!
//! Where there is none, a test says so loudly and passes, so that one can work without it; where `CI` is set it fails.
#![allow(dead_code, clippy::print_stderr, clippy::unwrap_used)]

use std::env;
use std::ffi::OsString;
use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;

use tempfile::TempDir;

pub(crate) mod certificates;
pub(crate) mod cluster;

use certificates::Certificates;

/// A running server; dropping it kills the process it started and no other.
pub(crate) struct Oracle {
    child: Child,
    dir: TempDir,
    /// The port on 127.0.0.1.
    pub(crate) port: u16,
}

impl Oracle {
    /// A server without persistence, with these options on top; `None` if there is no `redis-server` here.
    pub(crate) fn start(options: &[&str]) -> Option<Self> {
        Self::start_on("--port", options)
    }

    /// The same speaking TLS on its port; `clients` says whether it wants their certificates: `yes`, `optional` or `no`.
    pub(crate) fn start_tls(certificates: &Certificates, clients: &str, options: &[&str]) -> Option<Self> {
        let tls = certificates.server_options(clients);
        let options: Vec<&str> = tls.iter().map(String::as_str).chain(options.iter().copied()).collect();
        Self::start_on("--tls-port", &options)
    }

    fn start_on(listen: &str, options: &[&str]) -> Option<Self> {
        for _ in 0..8 {
            match Self::try_start(listen, options) {
                Started::Ready(oracle) => return Some(oracle),
                // Somebody took the port between our looking and the server's.
                Started::PortTaken => {}
                Started::NotInstalled => return skipped("is not installed"),
                Started::WithoutTls => return skipped("was built without TLS"),
            }
        }
        panic!("no {} came up on any of 8 free ports", program().display());
    }

    /// The path of its Unix socket.
    pub(crate) fn socket(&self) -> PathBuf {
        self.dir.path().join("redis.sock")
    }

    /// `redis://127.0.0.1:port`.
    pub(crate) fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    fn try_start(listen: &str, options: &[&str]) -> Started {
        let dir = tempfile::tempdir().unwrap();
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let mut command = Command::new(program());
        command.args(["--port", "0", listen, &port.to_string(), "--bind", "127.0.0.1", "--unixsocket", "redis.sock"]);
        command.args(["--save", "", "--appendonly", "no"]);
        if !is_before_7() {
            command.args(["--enable-debug-command", "yes"]);
        }
        command.args(options);
        // What it cannot be set to it says on stderr, everything else on stdout.
        let (log, writer) = std::io::pipe().unwrap();
        command.current_dir(dir.path()).stdin(Stdio::null()).stdout(writer.try_clone().unwrap()).stderr(writer);
        let spawned = command.spawn();
        // Its ends of the pipe are in here, and the log ends only when they are closed.
        drop(command);
        let Ok(mut child) = spawned else {
            return Started::NotInstalled;
        };
        let mut is_without_tls = false;
        // The server says when it is ready; the log ends when it could not start.
        for line in BufReader::new(log).lines().map_while(Result::ok) {
            if line.contains("Ready to accept connections") {
                return Started::Ready(Self { child, dir, port });
            }
            is_without_tls |= line.contains("Failed finding TLS support") || line.contains("'tls-port");
        }
        child.wait().unwrap();
        if is_without_tls { Started::WithoutTls } else { Started::PortTaken }
    }
}

/// What is started.
fn program() -> OsString {
    env::var_os("RBQ_REDIS_SERVER").unwrap_or_else(|| "redis-server".into())
}

/// Whether it is another than the system's `redis-server`.
pub(crate) fn is_named() -> bool {
    env::var_os("RBQ_REDIS_SERVER").is_some()
}

/// What the program calls itself: `redis 6.2.14`, from `Redis server v=6.2.14 sha=…`.
pub(crate) fn called() -> &'static str {
    static ANSWER: OnceLock<String> = OnceLock::new();
    ANSWER.get_or_init(|| {
        // One that is not there is told of when it is started.
        let Ok(output) = Command::new(program()).arg("--version").output() else { return "none 7".to_owned() };
        let told = String::from_utf8_lossy(&output.stdout).to_lowercase();
        let (name, rest) = told.split_once(" server v=").unwrap();
        format!("{name} {}", rest.split(' ').next().unwrap())
    })
}

/// Whether its options, commands and replies are those of before Redis 7.0.
pub(crate) fn is_before_7() -> bool {
    let version = called().split(' ').nth(1).unwrap();
    version.split('.').next().unwrap().parse::<u32>().unwrap() < 7
}

enum Started {
    Ready(Oracle),
    PortTaken,
    NotInstalled,
    WithoutTls,
}

/// A program that was named is as it is: there may be none of it with TLS.
fn skipped(why: &str) -> Option<Oracle> {
    let may_lack = is_named() && why.contains("TLS");
    let program = program().display().to_string();
    assert!(env::var_os("CI").is_none() || may_lack, "`{program}` {why}, and CI must not skip this test");
    eprintln!("\n*** SKIPPED: `{program}` {why}; this test proved nothing ***\n");
    None
}

impl Drop for Oracle {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
