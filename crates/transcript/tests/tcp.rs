//! What the TCP stage must see through: late messages, hangs, clients that wait and clients that are silent. Played on
//! a server small enough to misbehave on purpose.

#![allow(clippy::unwrap_used)]

use std::{
    collections::BTreeMap,
    io::{BufRead, BufReader, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::{Arc, Mutex},
    thread,
    time::Duration,
};

use rbq_transcript::{Script, TcpStage, play};

/// Who is connected: by address, whether blocked.
type Clients = Arc<Mutex<BTreeMap<SocketAddr, bool>>>;

/// Serves connections, a thread each, until the test process ends.
fn serve() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = listener.local_addr().unwrap();
    let clients = Clients::default();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let clients = Arc::clone(&clients);
            thread::spawn(move || converse(stream.unwrap(), &clients));
        }
    });
    addr
}

/// `LATER x` answers at once and keeps `x` back until the next reply; `HANG` never answers; `PARK` blocks.
fn converse(mut stream: TcpStream, clients: &Clients) {
    let addr = stream.peer_addr().unwrap();
    clients.lock().unwrap().insert(addr, false);
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    let mut kept = String::new();
    let mut silent = false;
    while let Some(args) = request(&mut reader) {
        let args: Vec<&str> = args.iter().map(String::as_str).collect();
        let reply = match args.as_slice() {
            ["CLIENT", "LIST"] => bulk(&list(clients)),
            ["CLIENT", "UNPAUSE"] => "+OK\r\n".into(),
            ["CLIENT", "UNBLOCK", port] => {
                let port: u16 = port.parse().unwrap();
                let blocked =
                    clients.lock().unwrap().iter().find(|(addr, _)| addr.port() == port).map(|(addr, _)| *addr);
                clients.lock().unwrap().insert(blocked.unwrap(), false);
                ":1\r\n".into()
            }
            ["CLIENT", "REPLY", mode] => {
                silent = *mode == "OFF";
                "+OK\r\n".into()
            }
            ["PARK"] => {
                clients.lock().unwrap().insert(addr, true);
                while clients.lock().unwrap()[&addr] {
                    thread::yield_now();
                }
                "*-1\r\n".into()
            }
            ["HANG"] => continue,
            ["LATER", text] => {
                stream.write_all(b"+OK\r\n").unwrap();
                kept = bulk(text);
                continue;
            }
            ["PING", text] => bulk(text),
            ["QUIT"] => break,
            ["PING"] => "+PONG\r\n".into(),
            unknown => format!("-ERR unknown command '{}'\r\n", unknown[0]),
        };
        if !silent {
            stream.write_all(format!("{kept}{reply}").as_bytes()).unwrap();
            kept.clear();
        }
    }
    clients.lock().unwrap().remove(&addr);
}

fn list(clients: &Clients) -> String {
    let line = |(addr, blocked): (&SocketAddr, &bool)| {
        format!("id={} addr={addr} flags={}\n", addr.port(), if *blocked { 'b' } else { 'N' })
    };
    clients.lock().unwrap().iter().map(line).collect()
}

fn bulk(text: &str) -> String {
    format!("${}\r\n{text}\r\n", text.len())
}

fn request(reader: &mut impl BufRead) -> Option<Vec<String>> {
    let count = number(reader, '*')?;
    let arg = |_| {
        let mut arg = vec![0; number(reader, '$')? + 2];
        reader.read_exact(&mut arg).ok()?;
        arg.truncate(arg.len() - 2);
        String::from_utf8(arg).ok()
    };
    (0..count).map(arg).collect()
}

fn number(reader: &mut impl BufRead, sigil: char) -> Option<usize> {
    let mut line = String::new();
    reader.read_line(&mut line).ok()?;
    line.trim().strip_prefix(sigil)?.parse().ok()
}

/// Short, for replies that will not come; long enough that those that will are in time on a busy machine.
const SHORT_PATIENCE: Duration = Duration::from_secs(2);

/// What is wrong with a conversation, played there.
fn diff(text: &str) -> String {
    played(text, TcpStage::connect_to(serve()).unwrap())
}

fn diff_within_short_patience(text: &str) -> String {
    played(text, TcpStage::connect_to(serve()).unwrap().with_patience(SHORT_PATIENCE))
}

fn played(text: &str, mut stage: TcpStage) -> String {
    let script = Script::parse("fake.txt", text).unwrap();
    play(&script.conversations[0], &mut stage).diff(&script, &script.conversations[0])
}

#[test]
fn what_goes_as_written_passes() {
    assert_eq!(diff("ann  PING\nann: +PONG\nbob  PING x\nbob: x\nann  QUIT\nann: <closed>\n"), "");
}

#[test]
fn a_message_kept_back_is_found_at_the_end() {
    assert!(diff("ann  LATER surprise\nann: +OK\n").contains("+ ann: surprise  (at the end)"));
}

#[test]
fn a_server_that_does_not_answer_is_a_hang() {
    let diff = diff_within_short_patience("ann  PING\nann: +PONG\nann  HANG\nann: +PONG\nann  PING\n");
    assert!(diff.contains("! ann  HANG: no answer within 2s"), "{diff}");
}

#[test]
fn a_reply_that_does_not_come_is_missing_rather_than_a_hang() {
    let diff = diff_within_short_patience("ann  PING\nann: +PONG\nann: +PONG\nbob  PING\nbob: +PONG\n");
    assert!(diff.contains("- ann: +PONG") && !diff.contains("no answer"), "{diff}");
}

#[test]
fn a_client_that_waits_is_told_by_the_server_and_released_at_the_end() {
    assert_eq!(diff("ann  PARK\nbob  PING\nbob: +PONG\n"), "");
}

#[test]
fn a_silent_client_is_not_waited_for() {
    assert_eq!(diff("ann  CLIENT REPLY OFF\nann  PING\nann  CLIENT REPLY ON\nann: +OK\n"), "");
}

#[test]
fn a_client_that_leaves_is_gone_before_the_next_step() {
    assert_eq!(diff("ann  PING\nann: +PONG\nann disconnects\nann connects\nann  PING\nann: +PONG\n"), "");
}
