//! TCP and Unix sockets under one name.

use std::io::{self, IoSlice};
use std::os::fd::AsRawFd;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::BytesMut;
use tokio::net::{TcpStream, UnixStream, tcp, unix};
use tokio_util::io::poll_read_buf;

/// A connection as it was accepted, not yet tied to a thread.
pub(crate) enum Accepted {
    Tcp(std::net::TcpStream),
    Unix(std::os::unix::net::UnixStream),
}

/// The half that a connection's own task reads from.
pub(crate) enum Reader {
    Tcp(tcp::OwnedReadHalf),
    Unix(unix::OwnedReadHalf),
}

/// The half that any thread may write to.
pub(crate) enum Writer {
    Tcp(tcp::OwnedWriteHalf),
    Unix(unix::OwnedWriteHalf),
}

impl Accepted {
    /// Ties the connection to the current thread's runtime.
    pub(crate) fn split(self) -> io::Result<(Reader, Writer, i32)> {
        match self {
            Self::Tcp(stream) => {
                let fd = stream.as_raw_fd();
                let (reader, writer) = TcpStream::from_std(stream)?.into_split();
                Ok((Reader::Tcp(reader), Writer::Tcp(writer), fd))
            }
            Self::Unix(stream) => {
                let fd = stream.as_raw_fd();
                let (reader, writer) = UnixStream::from_std(stream)?.into_split();
                Ok((Reader::Unix(reader), Writer::Unix(writer), fd))
            }
        }
    }
}

impl Reader {
    /// Whether there is something to read: asked before a buffer is taken, so that idle connections hold none.
    pub(crate) fn poll_ready(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self {
            Self::Tcp(half) => half.as_ref().poll_read_ready(cx),
            Self::Unix(half) => half.as_ref().poll_read_ready(cx),
        }
    }

    /// Reads into the spare room of `buffer`; zero bytes are the end.
    pub(crate) fn poll_read(&mut self, cx: &mut Context<'_>, buffer: &mut BytesMut) -> Poll<io::Result<usize>> {
        match self {
            Self::Tcp(half) => poll_read_buf(Pin::new(half), cx, buffer),
            Self::Unix(half) => poll_read_buf(Pin::new(half), cx, buffer),
        }
    }
}

impl Writer {
    /// Writes what the socket takes at once.
    pub(crate) fn try_write(&self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Tcp(half) => half.try_write(bytes),
            Self::Unix(half) => half.try_write(bytes),
        }
    }

    /// The same for several pieces.
    pub(crate) fn try_write_vectored(&self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        match self {
            Self::Tcp(half) => half.try_write_vectored(slices),
            Self::Unix(half) => half.try_write_vectored(slices),
        }
    }

    /// Whether the socket takes more.
    pub(crate) fn poll_ready(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self {
            Self::Tcp(half) => half.as_ref().poll_write_ready(cx),
            Self::Unix(half) => half.as_ref().poll_write_ready(cx),
        }
    }
}
