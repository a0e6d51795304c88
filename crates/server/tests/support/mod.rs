//! A running `rbq-server`, and a raw client of it.
//!
//! A server is ready when its log says so: nobody waits for luck, and a port that another program took meanwhile is
//! noticed. It is killed by its own handle when dropped.

#![allow(dead_code, reason = "each test program uses a part of it")]
#![allow(clippy::print_stderr, reason = "what a test leaves out is said where it is read")]

use std::{
    io::{BufRead, BufReader, ErrorKind, Read, Write},
    net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream},
    process::{Child, Command, ExitStatus, Stdio},
    sync::{Arc, Condvar, Mutex},
    thread,
    time::{Duration, Instant},
};

use rbq_resp::{ScanLimits, Value, ValueDecoder, encode_request};

/// How long a server may take for what it must do at once. Generous: a busy machine is not a failure.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// Another program may take the free port before the server binds it; then a new one is tried.
const STARTS_MAX: usize = 5;

/// A server, killed when dropped.
pub(crate) struct Server {
    child: Child,
    pub(crate) addr: SocketAddr,
    log: Arc<Log>,
}

/// What a server wrote to stderr, line by line.
#[derive(Default)]
struct Log {
    lines: Mutex<(Vec<String>, bool)>,
    grown: Condvar,
}

impl Server {
    /// Starts it on a free port of its own with these flags.
    pub(crate) fn start(flags: &[&str]) -> Self {
        Self::start_with(flags, |_| {})
    }

    /// The same with a change to the command: its environment, its directory.
    pub(crate) fn start_with(flags: &[&str], change: impl Fn(&mut Command)) -> Self {
        for _ in 0..STARTS_MAX {
            let addr = free_addr();
            let mut command = program();
            // In memory, unless its flags say otherwise: a flag wins over the environment.
            command.env("RBQ_APPENDONLY", "no");
            command.args(["--port", &addr.port().to_string(), "--bind", "127.0.0.1"]).args(flags);
            change(&mut command);
            let mut child = command.spawn().expect("the server's program can be run");
            let log = Log::follow(child.stderr.take().expect("it is piped"));
            let server = Self { child, addr, log };
            if server.log.wait_for("ready to accept connections") {
                return server;
            }
            assert!(server.log().contains("in use"), "the server did not start:\n{}", server.log());
        }
        panic!("no free port was found in {STARTS_MAX} tries");
    }

    /// A new connection.
    pub(crate) fn client(&self) -> Client {
        Client::connect(self.addr)
    }

    /// Its process ID.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// All it has written to stderr so far.
    pub(crate) fn log(&self) -> String {
        self.log.lines.lock().unwrap().0.join("\n")
    }

    /// Waits until a line of its log contains this.
    #[track_caller]
    pub(crate) fn wait_for_log(&self, text: &str) {
        assert!(self.log.wait_for(text), "`{text}` is not in the log:\n{}", self.log());
    }

    /// Sends it a signal by name.
    pub(crate) fn signal(&self, name: &str) {
        let sent = Command::new("kill").args([&format!("-{name}"), &self.id().to_string()]).status();
        assert!(sent.expect("`kill` can be run").success());
    }

    /// Waits for its end.
    #[track_caller]
    pub(crate) fn wait(&mut self) -> ExitStatus {
        // Its stderr is closed when it ends: no need to ask again and again.
        self.log.wait_for_end();
        self.child.wait().expect("it is our child")
    }

    /// Bytes of its memory that are resident now.
    pub(crate) fn resident_bytes(&self) -> u64 {
        self.status("VmRSS:")
    }

    /// The most that were ever resident.
    pub(crate) fn peak_bytes(&self) -> u64 {
        self.status("VmHWM:")
    }

    fn status(&self, field: &str) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.id())).expect("it runs, on Linux");
        let line = status.lines().find_map(|line| line.strip_prefix(field)).expect("the kernel tells");
        line.trim().trim_end_matches(" kB").parse::<u64>().expect("a number of kB") * 1024
    }

    /// Processor time it has used, in clock ticks (a hundredth of a second on Linux).
    pub(crate) fn cpu_ticks(&self) -> u64 {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.id())).expect("it runs, on Linux");
        let fields: Vec<&str> = stat.rsplit(") ").next().unwrap().split(' ').collect();
        fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The server's program without arguments and without our own environment's settings.
pub(crate) fn program() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_rbq-server"));
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("RBQ_") {
            command.env_remove(name);
        }
    }
    command
}

/// A test that needs what is not here says so loudly and passes, so that one can work without it; `cargo xtask test` lists it at its
/// end.
pub(crate) fn skipped(why: &str) {
    eprintln!("\n*** SKIPPED: {why}; this test proved nothing ***\n");
}

/// A loopback address that nobody listens on.
pub(crate) fn free_addr() -> SocketAddr {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("loopback has a free port");
    listener.local_addr().unwrap()
}

impl Log {
    fn follow(stderr: impl Read + Send + 'static) -> Arc<Self> {
        let log = Arc::<Self>::default();
        let writer = log.clone();
        thread::spawn(move || {
            for line in BufReader::new(stderr).lines() {
                let Ok(line) = line else { break };
                writer.lines.lock().unwrap().0.push(line);
                writer.grown.notify_all();
            }
            writer.lines.lock().unwrap().1 = true;
            writer.grown.notify_all();
        });
        log
    }

    /// Whether a line contains this, waiting for it until the log's end or for too long.
    fn wait_for(&self, text: &str) -> bool {
        let is_open =
            |(lines, ended): &mut (Vec<String>, bool)| !*ended && !lines.iter().any(|line| line.contains(text));
        let (lines, _) = self.grown.wait_timeout_while(self.lines.lock().unwrap(), PATIENCE, is_open).unwrap();
        lines.0.iter().any(|line| line.contains(text))
    }

    #[track_caller]
    fn wait_for_end(&self) {
        let is_open = |(_, ended): &mut (Vec<String>, bool)| !*ended;
        let (lines, waited) = self.grown.wait_timeout_while(self.lines.lock().unwrap(), PATIENCE, is_open).unwrap();
        assert!(!waited.timed_out(), "the server does not end; its log:\n{}", lines.0.join("\n"));
    }
}

/// A connection that sends bytes and reads replies, and never does more than it is told.
pub(crate) struct Client {
    pub(crate) stream: TcpStream,
    decoder: ValueDecoder,
}

impl Client {
    /// Connects.
    pub(crate) fn connect(addr: SocketAddr) -> Self {
        let stream = TcpStream::connect(addr).expect("the server accepts connections");
        stream.set_nodelay(true).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.set_write_timeout(Some(PATIENCE)).unwrap();
        Self { stream, decoder: ValueDecoder::new(ScanLimits::default()) }
    }

    /// Sends these bytes.
    #[track_caller]
    pub(crate) fn send(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).expect("the server takes them");
    }

    /// Sends these bytes to a server that may close the connection meanwhile.
    pub(crate) fn send_if_open(&mut self, bytes: &[u8]) -> bool {
        match self.stream.write_all(bytes) {
            Ok(()) => true,
            Err(error) if matches!(error.kind(), ErrorKind::BrokenPipe | ErrorKind::ConnectionReset) => false,
            Err(error) => panic!("the server neither reads nor closes: {error}"),
        }
    }

    /// Sends a request and does not wait for the reply.
    #[track_caller]
    pub(crate) fn request<A: AsRef<[u8]>>(&mut self, args: &[A]) {
        let bytes = request(args);
        self.send(&bytes);
    }

    /// Sends a request and reads its reply.
    #[track_caller]
    pub(crate) fn ask<A: AsRef<[u8]>>(&mut self, args: &[A]) -> Value {
        self.request(args);
        self.reply()
    }

    /// The same for words, and the reply as text: of a status, an error, a number or a string.
    #[track_caller]
    pub(crate) fn text(&mut self, line: &str) -> String {
        let args: Vec<&str> = line.split_ascii_whitespace().collect();
        shown(&self.ask(&args))
    }

    /// Reads a reply.
    #[track_caller]
    pub(crate) fn reply(&mut self) -> Value {
        self.reply_or_end().expect("the connection was closed instead of answered")
    }

    /// Reads a reply; `None` when the server has closed the connection.
    #[track_caller]
    pub(crate) fn reply_or_end(&mut self) -> Option<Value> {
        let mut chunk = vec![0; 64 * 1024];
        loop {
            if let Some(value) = self.decoder.next().expect("replies are well formed") {
                return Some(value);
            }
            match self.stream.read(&mut chunk) {
                Ok(0) => return None,
                Ok(count) => self.decoder.feed(&chunk[..count]),
                Err(error) if error.kind() == ErrorKind::ConnectionReset => return None,
                Err(error) => panic!("no reply: {error}"),
            }
        }
    }

    /// Reads until the server closes the connection; how many bytes came.
    #[track_caller]
    pub(crate) fn drain(&mut self) -> u64 {
        let mut chunk = vec![0; 64 * 1024];
        let mut count = 0;
        loop {
            match self.stream.read(&mut chunk) {
                Ok(0) => return count,
                Ok(bytes) => count += bytes as u64,
                Err(error) if error.kind() == ErrorKind::ConnectionReset => return count,
                Err(error) => panic!("the connection is not closed: {error}"),
            }
        }
    }

    /// Asks the same again and again until the answer satisfies; for what the server does by itself.
    #[track_caller]
    pub(crate) fn until(&mut self, line: &str, is_it: impl Fn(&str) -> bool) -> String {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let text = self.text(line);
            if is_it(&text) {
                return text;
            }
            assert!(Instant::now() < deadline, "`{line}` still answers {text}");
            thread::yield_now();
        }
    }
}

/// A request as it is sent.
pub(crate) fn request<A: AsRef<[u8]>>(args: &[A]) -> Vec<u8> {
    let mut bytes = Vec::new();
    encode_request(args.iter().map(AsRef::as_ref), &mut bytes);
    bytes
}

/// A reply as text: arrays with commas, errors with their `-`.
pub(crate) fn shown(value: &Value) -> String {
    match value {
        Value::Status(text) => text.clone(),
        Value::Error(text) => format!("-{text}"),
        Value::Integer(number) => number.to_string(),
        Value::Bulk(bytes) => String::from_utf8_lossy(bytes).into_owned(),
        Value::Null | Value::NullArray => "nil".into(),
        Value::Array(values) | Value::Push(values) => values.iter().map(shown).collect::<Vec<_>>().join(","),
        other => format!("{other:?}"),
    }
}
