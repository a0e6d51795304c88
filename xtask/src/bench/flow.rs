//! A client among many on one thread: what the end-to-end workloads are made of.

use std::net::SocketAddr;

use anyhow::{Context as _, Result, bail};
use rbq_resp::{ScanLimits, Value, ValueDecoder, encode_request};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// A connection.
pub(super) struct Flow {
    stream: TcpStream,
    decoder: ValueDecoder,
    out: Vec<u8>,
}

impl Flow {
    pub(super) async fn open(addr: SocketAddr) -> Result<Self> {
        let stream = TcpStream::connect(addr).await.context("connecting")?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, decoder: ValueDecoder::new(ScanLimits::default()), out: Vec::new() })
    }

    /// Adds a request to what is sent next.
    pub(super) fn put<I>(&mut self, args: I)
    where
        I: IntoIterator<Item: AsRef<[u8]>>,
    {
        encode_request(args, &mut self.out);
    }

    /// Sends what was put.
    pub(super) async fn send(&mut self) -> Result<()> {
        self.stream.write_all(&self.out).await.context("sending")?;
        self.out.clear();
        Ok(())
    }

    /// The next answer; an error is a failure.
    pub(super) async fn answer(&mut self) -> Result<Value> {
        loop {
            match self.decoder.next()? {
                Some(Value::Error(text)) => bail!("the server says {text}"),
                Some(value) => return Ok(value),
                None => {
                    if self.stream.read_buf(self.decoder.space()).await? == 0 {
                        bail!("the server closed the connection");
                    }
                }
            }
        }
    }

    /// Reads whatever has come and says how many bytes it was; waits for one at least.
    pub(super) async fn bytes(&mut self, chunk: &mut [u8]) -> Result<usize> {
        match self.stream.read(chunk).await? {
            0 => bail!("the server closed the connection"),
            count => Ok(count),
        }
    }
}
