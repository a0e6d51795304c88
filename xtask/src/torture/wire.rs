//! Connections: one that is asked and answers, and many that answer when they like.
//!
//! Of the many, each has a thread that reads; all replies come together in one channel, so that one thread alone
//! changes the model. What a killed server had sent is read to the end: whoever was told something holds it to it.

use std::io::{self, Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::sync::mpsc::Sender;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use bytes::Bytes;
use rbq_resp::{ScanLimits, Value, ValueDecoder, encode_request};

/// A command and its arguments.
pub(crate) type Request = Vec<String>;

/// A command whose arguments have no blanks.
pub(crate) fn words(line: &str) -> Request {
    line.split(' ').map(str::to_owned).collect()
}

/// How long a reply may take that must come. A server that is later than that hangs.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// Bytes read at once.
const CHUNK_BYTES: usize = 16 * 1024;

/// The bytes of these requests.
pub(crate) fn encoded(requests: &[Request]) -> Vec<u8> {
    let mut out = Vec::new();
    for request in requests {
        let args: Vec<Bytes> = request.iter().map(|arg| Bytes::copy_from_slice(arg.as_bytes())).collect();
        encode_request(&args, &mut out);
    }
    out
}

/// A connection that is asked one thing at a time.
pub(crate) struct Wire {
    stream: TcpStream,
    replies: ValueDecoder,
}

impl Wire {
    pub(crate) fn open(server: SocketAddr) -> Result<Self> {
        let stream = TcpStream::connect(server).context("connecting")?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        Ok(Self { stream, replies: ValueDecoder::new(ScanLimits::default()) })
    }

    /// Asks one thing; an error that is answered is one here, too.
    pub(crate) fn ask(&mut self, request: &str) -> Result<Value> {
        let words = request.split(' ').map(str::to_owned).collect();
        self.stream.write_all(&encoded(&[words])).context("sending")?;
        let mut chunk = [0; CHUNK_BYTES];
        loop {
            match self.replies.next()? {
                Some(Value::Error(error)) => bail!("`{request}` answers: {error}"),
                Some(reply) => return Ok(reply),
                None => {}
            }
            let count = read_some(&mut self.stream, &mut chunk).context("no reply came")?;
            ensure!(count > 0, "the server closed the connection");
            self.replies.feed(&chunk[..count]);
        }
    }
}

/// What a connection has to tell.
pub(crate) enum Event {
    /// It got a reply.
    Reply(usize, Value),
    /// It is closed; nothing more comes from it.
    Closed(usize),
}

/// A connection whose replies go to a channel.
pub(crate) struct Line {
    stream: TcpStream,
    reader: Option<JoinHandle<()>>,
}

impl Line {
    /// Connects; events carry `number`.
    pub(crate) fn open(server: SocketAddr, number: usize, events: Sender<Event>) -> Result<Self> {
        let stream = TcpStream::connect(server).context("connecting")?;
        stream.set_nodelay(true)?;
        let source = stream.try_clone()?;
        let reader = thread::spawn(move || {
            forward(source, number, &events);
            // Nobody listens any more when a check has failed already.
            let _ = events.send(Event::Closed(number));
        });
        Ok(Self { stream, reader: Some(reader) })
    }

    /// Sends; a connection that is broken says so by its event.
    pub(crate) fn send(&mut self, requests: &[Request]) {
        let _ = self.stream.write_all(&encoded(requests));
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        let _ = self.stream.shutdown(Shutdown::Both);
        if let Some(reader) = self.reader.take() {
            let _ = reader.join();
        }
    }
}

/// What there is. A process that was stopped and goes on finds its waits with a time-out interrupted.
fn read_some(source: &mut TcpStream, into: &mut [u8]) -> io::Result<usize> {
    loop {
        match source.read(into) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            done => return done,
        }
    }
}

fn forward(mut source: TcpStream, number: usize, events: &Sender<Event>) {
    let mut replies = ValueDecoder::new(ScanLimits::default());
    let mut chunk = [0; CHUNK_BYTES];
    while let Ok(count @ 1..) = read_some(&mut source, &mut chunk) {
        replies.feed(&chunk[..count]);
        while let Ok(Some(reply)) = replies.next() {
            if events.send(Event::Reply(number, reply)).is_err() {
                return;
            }
        }
    }
}

/// The elements of a reply that is an array; nothing has none.
pub(crate) fn array(value: Value) -> Result<Vec<Value>> {
    match value {
        Value::Array(values) => Ok(values),
        Value::Null | Value::NullArray => Ok(Vec::new()),
        other => bail!("an array was expected, not {other:?}"),
    }
}

/// A reply that is text.
pub(crate) fn text(value: &Value) -> Result<String> {
    let bytes = value.as_bytes().with_context(|| format!("text was expected, not {value:?}"))?;
    Ok(String::from_utf8_lossy(bytes).into_owned())
}
