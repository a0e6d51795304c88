//! Listening sockets, and new connections.
//!
//! One listener per address, without SO_REUSEPORT: that would let a second server share the port silently. A new
//! socket goes to the least busy I/O thread.

use std::io;
use std::net::{SocketAddr, ToSocketAddrs};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use rbq_broker::{Peer, Settings};
use rbq_journal::said;
use socket2::{Domain, Protocol, SockAddr, SockRef, Socket, TcpKeepalive, Type};
use tokio::net::{TcpListener, UnixListener};

use crate::hub::Shared;
use crate::neighbour;
use crate::socket::Accepted;
use crate::threads::Threads;

/// How long to wait when the system has no file descriptors left.
const EXHAUSTED_PAUSE: Duration = Duration::from_millis(100);

/// Sockets that are bound and will be listened on.
pub(crate) struct Listeners {
    pub(crate) tcp: Vec<std::net::TcpListener>,
    pub(crate) unix: Option<(std::os::unix::net::UnixListener, PathBuf)>,
}

impl Listeners {
    /// Binds everything that the settings name.
    pub(crate) fn bind(settings: &Settings) -> Result<Self> {
        let port = settings.port.0 as u16;
        let mut tcp = Vec::new();
        if port > 0 {
            for word in settings.bind.0.split_ascii_whitespace() {
                let (host, is_optional) = word.strip_prefix('-').map_or((word, false), |host| (host, true));
                match bind_tcp(host, port, settings) {
                    Ok(listener) => tcp.push(listener),
                    Err(error) if is_optional && is_unavailable(&error) => {}
                    Err(error) => return Err(explain(error, host, port)),
                }
            }
        }
        let unix = match settings.unixsocket.0.as_str() {
            "" => None,
            path => Some((bind_unix(Path::new(path), settings)?, PathBuf::from(path))),
        };
        if tcp.is_empty() && unix.is_none() {
            bail!(
                "nothing to listen on: `port` is {port}, `bind` is \"{}\" and `unixsocket` is not set",
                settings.bind.0
            );
        }
        Ok(Self { tcp, unix })
    }

    /// The addresses, for people.
    pub(crate) fn names(&self) -> Vec<String> {
        let tcp = self.tcp.iter().filter_map(|listener| Some(listener.local_addr().ok()?.to_string()));
        tcp.chain(self.unix.iter().map(|(_, path)| path.display().to_string())).collect()
    }
}

fn bind_tcp(host: &str, port: u16, settings: &Settings) -> io::Result<std::net::TcpListener> {
    let host = match host {
        "*" => "0.0.0.0",
        "::*" => "::",
        other => other,
    };
    let addr = (host, port).to_socket_addrs()?.next();
    let addr = addr.ok_or_else(|| io::Error::new(io::ErrorKind::NotFound, "the name has no address"))?;
    let socket = Socket::new(Domain::for_address(addr), Type::STREAM, Some(Protocol::TCP))?;
    if addr.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    socket.set_reuse_address(true)?;
    socket.bind(&SockAddr::from(addr))?;
    socket.listen(i32::try_from(settings.tcp_backlog.0).unwrap_or(i32::MAX))?;
    socket.set_nonblocking(true)?;
    Ok(socket.into())
}

fn is_unavailable(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::AddrNotAvailable | io::ErrorKind::Unsupported | io::ErrorKind::NotFound)
        || error.raw_os_error() == Some(rustix::io::Errno::AFNOSUPPORT.raw_os_error())
}

fn explain(error: io::Error, host: &str, port: u16) -> anyhow::Error {
    match error.kind() {
        io::ErrorKind::AddrInUse => {
            let who = neighbour::describe(host, port);
            anyhow::anyhow!(
                "port {port} on {host} is in use: {who}\nhint: stop it, or choose another port with `--port`"
            )
        }
        io::ErrorKind::PermissionDenied => {
            anyhow::anyhow!(
                "cannot listen on {host}:{port}: {}\nhint: ports below 1024 need privileges; try `--port 6379`",
                said(&error)
            )
        }
        io::ErrorKind::AddrNotAvailable => {
            anyhow::anyhow!(
                "cannot listen on {host}:{port}: no interface of this machine has that address\nhint: see `--bind`"
            )
        }
        _ => anyhow::anyhow!("cannot listen on {host}:{port}: {}", said(&error)),
    }
}

fn bind_unix(path: &Path, settings: &Settings) -> Result<std::os::unix::net::UnixListener> {
    if let Ok(found) = std::fs::symlink_metadata(path) {
        if !std::os::unix::fs::FileTypeExt::is_socket(&found.file_type()) {
            bail!(
                "{} is there already and is no socket\nhint: choose another path with `--unixsocket`",
                path.display()
            );
        }
        remove_left_behind(path)?;
    }
    let listener =
        std::os::unix::net::UnixListener::bind(path).with_context(|| format!("cannot listen on {}", path.display()))?;
    listener.set_nonblocking(true)?;
    if settings.unixsocketperm.0 != 0 {
        let mode = std::os::unix::fs::PermissionsExt::from_mode(settings.unixsocketperm.0);
        std::fs::set_permissions(path, mode)?;
    }
    Ok(listener)
}

/// Removes a socket that nobody has bound any more: a server that did not end cleanly leaves it. The system refuses a connection
/// to such a one. Whatever else it says (not for this user, not of this kind, no room in the queue) may be of somebody's.
fn remove_left_behind(path: &Path) -> Result<()> {
    const HINT: &str = "hint: stop it, or choose another path with `--unixsocket`";
    let shown = path.display();
    // Not to be waited for: a server that hangs takes nobody out of its queue.
    let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
    socket.set_nonblocking(true)?;
    match socket.connect(&SockAddr::unix(path)?) {
        Ok(()) => bail!("somebody listens on {shown} already\n{HINT}"),
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {
            std::fs::remove_file(path).with_context(|| format!("cannot remove the old socket {shown}"))
        }
        // It went meanwhile.
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => bail!("{shown} is there already, and somebody may listen on it: {}\n{HINT}", said(&error)),
    }
}

/// Accepts TCP connections for ever.
pub(crate) async fn accept_tcp(listener: TcpListener, shared: Arc<Shared>, threads: Arc<Threads>) {
    loop {
        match listener.accept().await {
            Ok((stream, addr)) => {
                let laddr = stream.local_addr().map(|addr| addr.to_string()).unwrap_or_default();
                let Ok(stream) = stream.into_std() else { continue };
                tune(&stream, &shared);
                let peer = Peer { addr: addr.to_string(), laddr, unix: false, trusted: false };
                admit(Accepted::Tcp(stream), peer, &shared, &threads);
            }
            Err(error) => pause(&error).await,
        }
    }
}

/// Accepts connections on a Unix socket for ever.
pub(crate) async fn accept_unix(listener: UnixListener, path: PathBuf, shared: Arc<Shared>, threads: Arc<Threads>) {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                let Ok(stream) = stream.into_std() else { continue };
                let name = format!("{}:0", path.display());
                let peer = Peer { addr: name.clone(), laddr: name, unix: true, trusted: false };
                admit(Accepted::Unix(stream), peer, &shared, &threads);
            }
            Err(error) => pause(&error).await,
        }
    }
}

/// An accept fails when the system has run out of something, or the peer was gone before we came: neither is a
/// reason to stop accepting.
async fn pause(error: &io::Error) {
    if error.kind() == io::ErrorKind::ConnectionAborted {
        return;
    }
    tracing::warn!(error = said(error), "cannot accept a connection");
    tokio::time::sleep(EXHAUSTED_PAUSE).await;
}

fn tune(stream: &std::net::TcpStream, shared: &Shared) {
    // Replies go out as soon as they are there; a lost connection is noticed though nobody speaks.
    let _ = stream.set_nodelay(true);
    let seconds = shared.limits.tcp_keepalive_s.load(Ordering::Relaxed) as u64;
    if seconds > 0 {
        let keepalive = TcpKeepalive::new()
            .with_time(Duration::from_secs(seconds))
            .with_interval(Duration::from_secs((seconds / 3).max(1)))
            .with_retries(3);
        let _ = SockRef::from(stream).set_tcp_keepalive(&keepalive);
    }
}

fn admit(socket: Accepted, peer: Peer, shared: &Arc<Shared>, threads: &Threads) {
    let open = shared.connections.fetch_add(1, Ordering::AcqRel);
    if open >= shared.limits.maxclients.load(Ordering::Relaxed) {
        shared.connections.fetch_sub(1, Ordering::AcqRel);
        shared.lock().broker.stats.connections_rejected += 1;
        refuse(socket);
        return;
    }
    threads.serve(socket, peer);
}

/// Tells why, as far as the socket takes it at once; then it is closed by being dropped.
fn refuse(socket: Accepted) {
    use std::io::Write;
    let text = b"-ERR max number of clients reached\r\n";
    let _ = match socket {
        Accepted::Tcp(mut stream) => stream.write(text),
        Accepted::Unix(mut stream) => stream.write(text),
    };
}

/// Whether this address is reached from this machine only.
pub(crate) fn is_loopback(word: &str) -> bool {
    let host = word.strip_prefix('-').unwrap_or(word);
    match (host, 0).to_socket_addrs() {
        Ok(mut addrs) => addrs.all(|addr: SocketAddr| addr.ip().is_loopback()),
        Err(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::{UnixDatagram, UnixListener};

    use super::*;

    /// Why no server listens on this path; the socket that is there is still there.
    fn refusal(path: &Path) -> String {
        let refused = bind_unix(path, &Settings::default()).expect_err("somebody has it").to_string();
        assert!(std::fs::symlink_metadata(path).is_ok(), "nobody's to remove");
        refused
    }

    #[test]
    fn only_a_socket_that_refuses_connections_was_left_behind() {
        let dir = tempfile::tempdir().expect("a directory is made");
        let path = dir.path().join("rbq.sock");
        drop(UnixListener::bind(&path).expect("it is free"));
        drop(bind_unix(&path, &Settings::default()).expect("nobody listens there any more"));

        let datagrams = dir.path().join("log");
        let _theirs = UnixDatagram::bind(&datagrams).expect("it is free");
        let said = refusal(&datagrams);
        let wanted = format!(
            "{} is there already, and somebody may listen on it: protocol wrong type for socket\nhint: ",
            datagrams.display()
        );
        assert!(said.starts_with(&wanted), "{said}");
    }

    #[test]
    fn a_server_that_hangs_is_not_waited_for_and_keeps_its_socket() {
        let dir = tempfile::tempdir().expect("a directory is made");
        let path = dir.path().join("rbq.sock");
        let address = SockAddr::unix(&path).expect("it is short");
        let hanging = Socket::new(Domain::UNIX, Type::STREAM, None).expect("there are sockets");
        hanging.bind(&address).expect("it is free");
        hanging.listen(0).expect("it is bound");
        assert!(refusal(&path).starts_with("somebody listens on "));
        // Its queue has room for one, and that one is still in it.
        assert!(refusal(&path).contains("somebody may listen on it: resource temporarily unavailable"));
    }
}
