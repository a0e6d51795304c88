//! A client that waits for each of its answers: for one thing at a time, and for latency.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use rbq_resp::{ScanLimits, Value, ValueDecoder, encode_request};

/// How long an answer may take. It only turns a hang into a failure.
const PATIENCE: Duration = Duration::from_secs(60);

/// A connection.
pub(super) struct Plain {
    stream: TcpStream,
    decoder: ValueDecoder,
    out: Vec<u8>,
}

impl Plain {
    pub(super) fn open(addr: SocketAddr) -> Result<Self> {
        let stream = TcpStream::connect(addr).context("connecting")?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        Ok(Self { stream, decoder: ValueDecoder::new(ScanLimits::default()), out: Vec::new() })
    }

    /// Adds a request to what is sent next.
    pub(super) fn put(&mut self, args: &[&[u8]]) {
        encode_request(args, &mut self.out);
    }

    /// Sends what was put.
    pub(super) fn send(&mut self) -> Result<()> {
        self.stream.write_all(&self.out).context("sending")?;
        self.out.clear();
        Ok(())
    }

    /// The next answer; an error is a failure.
    pub(super) fn answer(&mut self) -> Result<Value> {
        let mut chunk = [0; 64 * 1024];
        loop {
            match self.decoder.next()? {
                Some(Value::Error(text)) => bail!("the server says {text}"),
                Some(value) => return Ok(value),
                None => match self.stream.read(&mut chunk).context("waiting for an answer")? {
                    0 => bail!("the server closed the connection"),
                    count => self.decoder.feed(&chunk[..count]),
                },
            }
        }
    }

    /// Asks and waits.
    pub(super) fn ask(&mut self, args: &[&[u8]]) -> Result<Value> {
        self.put(args);
        self.send()?;
        self.answer()
    }
}
