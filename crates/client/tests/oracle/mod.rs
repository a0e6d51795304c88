//! A real `redis-server` of one's own: on a free port and a Unix socket, in a directory that goes with it.
//!
//! Where there is none, a test says so loudly and passes, so that one can work without it; where `CI` is set it fails.
#![allow(dead_code, clippy::print_stderr, clippy::unwrap_used)]

use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

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
                Started::NotInstalled => return skipped(),
            }
        }
        panic!("no redis-server came up on any of 8 free ports");
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
        let mut command = Command::new("redis-server");
        command.args(["--port", "0", listen, &port.to_string(), "--bind", "127.0.0.1", "--unixsocket", "redis.sock"]);
        command.args(["--save", "", "--appendonly", "no", "--enable-debug-command", "yes"]).args(options);
        command.current_dir(dir.path()).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
        let Ok(mut child) = command.spawn() else {
            return Started::NotInstalled;
        };
        let log = BufReader::new(child.stdout.take().unwrap());
        // The server says when it is ready; the log ends when it could not start.
        for line in log.lines().map_while(Result::ok) {
            if line.contains("Ready to accept connections") {
                return Started::Ready(Self { child, dir, port });
            }
        }
        child.wait().unwrap();
        Started::PortTaken
    }
}

enum Started {
    Ready(Oracle),
    PortTaken,
    NotInstalled,
}

fn skipped() -> Option<Oracle> {
    assert!(std::env::var_os("CI").is_none(), "redis-server is not installed, and CI must not skip this test");
    eprintln!("\n*** SKIPPED: redis-server is not installed; this test proved nothing ***\n");
    None
}

impl Drop for Oracle {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
