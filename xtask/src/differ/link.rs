//! One connection to one server, and what is known about its client.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use bytes::Bytes;
use rbq_resp::{ScanLimits, Value, ValueDecoder, encode_request};

use super::divide::Divider;

/// How long a reply may take that must come. A server that is later than that hangs.
const PATIENCE: Duration = Duration::from_secs(10);

/// Bytes read at once.
const CHUNK_BYTES: usize = 16 * 1024;

/// A connection.
pub(crate) struct Link {
    stream: TcpStream,
    divider: Divider,
    replies: ValueDecoder,
    pushes: ValueDecoder,
    /// Where bytes are read into.
    chunk: Box<[u8; CHUNK_BYTES]>,
    /// The server's name for this client.
    pub(crate) id: i64,
}

impl Link {
    /// Connects.
    pub(crate) fn open(server: SocketAddr) -> Result<Self> {
        let stream = TcpStream::connect(server).context("connecting")?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        let decoder = || ValueDecoder::new(ScanLimits::default());
        let mut link = Self {
            stream,
            divider: Divider::default(),
            replies: decoder(),
            pushes: decoder(),
            chunk: Box::new([0; CHUNK_BYTES]),
            id: 0,
        };
        if let Value::Integer(id) = link.ask(&["CLIENT", "ID"])? {
            link.id = id;
        }
        Ok(link)
    }

    /// Sends these commands at once.
    pub(crate) fn send<'a>(&mut self, commands: impl IntoIterator<Item = &'a [Bytes]>) -> Result<()> {
        let mut out = Vec::new();
        commands.into_iter().for_each(|args| encode_request(args, &mut out));
        self.stream.write_all(&out).context("sending")
    }

    /// The next reply; waits for it.
    pub(crate) fn reply(&mut self) -> Result<Value> {
        loop {
            if let Some(reply) = self.replies.next()? {
                return Ok(reply);
            }
            self.read()?;
        }
    }

    /// The next reply, if it has come.
    pub(crate) fn reply_if_there(&mut self) -> Result<Option<Value>> {
        self.stream.set_nonblocking(true)?;
        let outcome = loop {
            match self.replies.next()? {
                Some(reply) => break Ok(Some(reply)),
                None => match self.read() {
                    Ok(()) => {}
                    Err(error) if is_empty(&error) => break Ok(None),
                    Err(error) => break Err(error),
                },
            }
        };
        self.stream.set_nonblocking(false)?;
        outcome
    }

    /// The messages that came before or between the replies read so far.
    pub(crate) fn messages(&mut self) -> Result<Vec<Value>> {
        std::iter::from_fn(|| self.pushes.next().transpose()).map(|push| Ok(push?)).collect()
    }

    /// Whether a message stood in the middle of a reply.
    pub(crate) fn is_torn(&self) -> bool {
        self.divider.torn
    }

    /// Asks one thing.
    pub(crate) fn ask(&mut self, args: &[&str]) -> Result<Value> {
        let args: Vec<&[u8]> = args.iter().map(|arg| arg.as_bytes()).collect();
        self.ask_bytes(&args)
    }

    /// Asks one thing that need not be text.
    pub(crate) fn ask_bytes(&mut self, args: &[&[u8]]) -> Result<Value> {
        let args: Vec<Bytes> = args.iter().map(|arg| Bytes::copy_from_slice(arg)).collect();
        self.send([args.as_slice()])?;
        self.reply()
    }

    fn read(&mut self) -> Result<()> {
        match self.stream.read(self.chunk.as_mut_slice()) {
            Ok(0) => bail!("the server closed the connection"),
            Ok(count) => self.divider.feed(&self.chunk[..count], &mut self.replies, &mut self.pushes),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error).context("no reply came"),
        }
        Ok(())
    }
}

fn is_empty(error: &anyhow::Error) -> bool {
    error.downcast_ref::<std::io::Error>().is_some_and(|error| error.kind() == ErrorKind::WouldBlock)
}
