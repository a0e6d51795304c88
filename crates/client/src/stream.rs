//! The socket under a connection, whatever kind it is.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use socket2::{SockRef, TcpKeepalive};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, UnixStream};
use tokio_rustls::TlsConnector;

use crate::error::{Error, Result};
use crate::{Endpoint, Target, tls};

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

/// The socket, and TLS on it if the target asks for it.
pub(crate) async fn open(target: &Target) -> Result<Stream> {
    let endpoint = &target.endpoint;
    let failed = |source: io::Error| Error::Connect { endpoint: endpoint.clone(), source: Arc::new(source) };
    let Some(tls) = &target.tls else {
        return plain(endpoint).await.map_err(failed);
    };
    // The settings first: what is wrong with them is wrong whether or not a server is there.
    let (config, name) = tls::prepare(tls, endpoint)?;
    let stream = plain(endpoint).await.map_err(failed)?;
    match TlsConnector::from(config).connect(name, stream).await {
        Ok(stream) => Ok(Box::new(stream)),
        Err(error) if tls::is_distrust(&error) => {
            Err(Error::Untrusted { endpoint: endpoint.clone(), why: error.to_string().into() })
        }
        Err(error) => Err(match tls::strangeness(&error) {
            Some(strangeness) => {
                Error::Stranger { endpoint: endpoint.clone(), strangeness, why: Some(error.to_string().into()) }
            }
            None => failed(error),
        }),
    }
}

async fn plain(endpoint: &Endpoint) -> io::Result<Stream> {
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
