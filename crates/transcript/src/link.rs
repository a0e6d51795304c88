//! One client's TCP connection: bytes out, events in, never waiting.
//!
//! It also follows the two things about its own client that no server tells: whether the client has silenced its
//! replies (`CLIENT REPLY`), and whether it watches everybody (`MONITOR`).

use std::{
    io::{self, ErrorKind, Read, Write},
    net::{Shutdown, SocketAddr, TcpStream},
    time::{Duration, Instant},
};

use bytes::Bytes;
use rbq_resp::{ScanLimits, Value, ValueDecoder, encode_request};

use crate::stage::{Event, StageError};

/// A connection and what is known about its client.
#[derive(Debug)]
pub(crate) struct Link {
    stream: TcpStream,
    decoder: ValueDecoder,
    /// Our end's address: how `CLIENT LIST` names the client.
    pub(crate) addr: SocketAddr,
    /// Has the server closed it?
    pub(crate) closed: bool,
    /// Does the newest request get a reply?
    pub(crate) answers: bool,
    /// Has it become a monitor?
    pub(crate) monitors: bool,
    replies: Replies,
}

/// What the client has asked for with `CLIENT REPLY`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Replies {
    On,
    SkipNext,
    Off,
}

impl Link {
    pub(crate) fn open(server: SocketAddr) -> Result<Self, StageError> {
        let open = || -> io::Result<(TcpStream, SocketAddr)> {
            let stream = TcpStream::connect(server)?;
            stream.set_nodelay(true)?;
            stream.set_nonblocking(true)?;
            let addr = stream.local_addr()?;
            Ok((stream, addr))
        };
        let (stream, addr) = open().map_err(failed("connecting"))?;
        Ok(Self {
            stream,
            decoder: ValueDecoder::new(ScanLimits::default()),
            addr,
            closed: false,
            answers: true,
            monitors: false,
            replies: Replies::On,
        })
    }

    pub(crate) fn request(&mut self, args: &[Bytes]) -> Result<(), StageError> {
        self.follow(args);
        let mut out = Vec::new();
        encode_request(args, &mut out);
        self.write(&out)
    }

    /// Writes all of it. A server that does not read for so long that the socket buffers fill is a hang, which the
    /// next read of the stage reports.
    pub(crate) fn write(&mut self, bytes: &[u8]) -> Result<(), StageError> {
        let write = |stream: &mut TcpStream| -> io::Result<()> {
            stream.set_nonblocking(false)?;
            stream.write_all(bytes)?;
            stream.set_nonblocking(true)
        };
        match write(&mut self.stream) {
            // Whoever was just closed by the server learns it by reading.
            Err(error) if matches!(error.kind(), ErrorKind::BrokenPipe | ErrorKind::ConnectionReset) => Ok(()),
            result => result.map_err(failed("sending")),
        }
    }

    fn follow(&mut self, args: &[Bytes]) {
        let word = |index: usize| args.get(index).map(|arg| arg.to_ascii_uppercase()).unwrap_or_default();
        let mode = match (word(0).as_slice(), word(1).as_slice()) {
            (b"CLIENT", b"REPLY") => word(2),
            (b"MONITOR", _) => {
                self.monitors = true;
                Vec::new()
            }
            (b"RESET", _) => {
                self.monitors = false;
                b"ON".to_vec()
            }
            _ => Vec::new(),
        };
        (self.replies, self.answers) = match (mode.as_slice(), self.replies) {
            (b"ON", _) => (Replies::On, true),
            (b"OFF", _) | (_, Replies::Off) => (Replies::Off, false),
            (b"SKIP", _) => (Replies::SkipNext, false),
            (_, Replies::SkipNext) => (Replies::On, false),
            (_, Replies::On) => (Replies::On, true),
        };
    }

    /// Takes whatever has arrived.
    pub(crate) fn read(&mut self, events: &mut Vec<Event>) -> Result<(), StageError> {
        let mut chunk = [0; 16 * 1024];
        while !self.closed {
            match self.stream.read(&mut chunk) {
                Ok(0) => self.closed = true,
                Ok(count) => self.decode(&chunk[..count], events)?,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::ConnectionReset => self.closed = true,
                Err(error) => return Err(failed("receiving")(error)),
            }
            if self.closed {
                events.push(Event::Closed);
            }
        }
        Ok(())
    }

    fn decode(&mut self, bytes: &[u8], events: &mut Vec<Event>) -> Result<(), StageError> {
        self.decoder.feed(bytes);
        loop {
            match self.decoder.next() {
                Ok(Some(value)) => events.push(Event::Reply(value)),
                Ok(None) => return Ok(()),
                Err(problem) => {
                    return Err(StageError::Garbage { client: self.addr.to_string(), problem: problem.to_string() });
                }
            }
        }
    }

    /// Waits for one reply: for the control connection, and for what is said before the conversation begins.
    pub(crate) fn ask(&mut self, args: &[&str], patience: Duration) -> Result<Value, StageError> {
        let args: Vec<Bytes> = args.iter().map(|arg| Bytes::copy_from_slice(arg.as_bytes())).collect();
        self.request(&args)?;
        let deadline = Instant::now() + patience;
        let mut events = Vec::new();
        while events.is_empty() {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                let command = args.iter().map(|arg| String::from_utf8_lossy(arg)).collect::<Vec<_>>();
                return Err(StageError::Hung {
                    limit: patience,
                    waiting_for: format!("the reply to {}", command.join(" ")),
                });
            }
            self.wait_readable(left)?;
            self.read(&mut events)?;
        }
        match events.remove(0) {
            Event::Reply(value) => Ok(value),
            Event::Closed => Err(failed("asking")(ErrorKind::ConnectionReset.into())),
        }
    }

    /// Lets the system wait until something can be read, at most so long.
    fn wait_readable(&mut self, at_most: Duration) -> Result<(), StageError> {
        let wait = |stream: &TcpStream| -> io::Result<()> {
            stream.set_nonblocking(false)?;
            stream.set_read_timeout(Some(at_most))?;
            let outcome = stream.peek(&mut [0]);
            stream.set_nonblocking(true)?;
            match outcome {
                Err(error) if !matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => Err(error),
                _ => Ok(()),
            }
        };
        wait(&self.stream).map_err(failed("waiting"))
    }

    /// Closes our end.
    pub(crate) fn close(&mut self) {
        self.closed = true;
        // A connection the server closed first cannot be shut down again, and need not be.
        let _ = self.stream.shutdown(Shutdown::Both);
    }
}

/// An I/O error with what was being done.
pub(crate) fn failed(doing: &str) -> impl FnOnce(io::Error) -> StageError {
    let doing = doing.to_owned();
    move |source| StageError::Io { doing, source }
}
