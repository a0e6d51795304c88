//! The socket under a connection, whatever kind it is.

use std::io;
use std::time::Duration;

use socket2::{SockRef, TcpKeepalive};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, UnixStream};

use crate::Endpoint;

/// A silent peer is probed after this long, three times, so that a vanished server is noticed within half a minute even by a
/// subscriber who never writes. 15 seconds is redis-cli's own interval.
const KEEPALIVE: Duration = Duration::from_secs(15);
const KEEPALIVE_PROBE: Duration = Duration::from_secs(5);
const KEEPALIVE_PROBES: u32 = 3;

/// Anything that carries bytes both ways.
pub(crate) trait Duplex: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Duplex for T {}

// One indirect call a read: nothing beside the system call, and TLS or an in-process pipe need no second path.
pub(crate) type Stream = Box<dyn Duplex>;

pub(crate) async fn open(endpoint: &Endpoint) -> io::Result<Stream> {
    match endpoint {
        Endpoint::Tcp { host, port } => {
            let stream = TcpStream::connect((host.as_str(), *port)).await?;
            // Requests are small and written whole: Nagle's algorithm could only delay them.
            stream.set_nodelay(true)?;
            let keepalive =
                TcpKeepalive::new().with_time(KEEPALIVE).with_interval(KEEPALIVE_PROBE).with_retries(KEEPALIVE_PROBES);
            SockRef::from(&stream).set_tcp_keepalive(&keepalive)?;
            Ok(Box::new(stream))
        }
        Endpoint::Unix(path) => Ok(Box::new(UnixStream::connect(path).await?)),
    }
}
