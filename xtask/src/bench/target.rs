//! A server that is measured.

use std::net::SocketAddr;

use anyhow::{Context as _, Result, bail};
use rbq_resp::Value;

use super::plain::Plain;
use super::process::Process;
use crate::servers::Server;

/// A running server.
pub(super) struct Target {
    server: Server,
}

impl Target {
    pub(super) fn new(server: Server) -> Self {
        Self { server }
    }

    pub(super) fn addr(&self) -> SocketAddr {
        self.server.addr()
    }

    pub(super) fn process(&self) -> Process {
        Process(self.server.pid())
    }

    /// Makes it forget everything.
    pub(super) fn empty(&self) -> Result<()> {
        match Plain::open(self.addr())?.ask(&[b"FLUSHALL"])? {
            Value::Status(_) => Ok(()),
            other => bail!("FLUSHALL answered {other:?}"),
        }
    }

    /// Bytes it has allocated, by its own account.
    pub(super) fn used_memory(&self) -> Result<u64> {
        let info = Plain::open(self.addr())?.ask(&[b"INFO", b"memory"])?;
        let text = String::from_utf8_lossy(info.as_bytes().unwrap_or_default()).into_owned();
        let line = text.lines().find_map(|line| line.strip_prefix("used_memory:"));
        Ok(line.context("INFO does not tell used_memory")?.trim().parse()?)
    }
}
