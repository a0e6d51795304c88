//! Who already listens on our port: asked in the protocol we speak ourselves.

use std::io::{Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::time::Duration;

const PATIENCE: Duration = Duration::from_millis(500);

/// A sentence about whoever answers there.
pub(crate) fn describe(host: &str, port: u16) -> String {
    match ask(host, port) {
        Some(info) => identify(&info),
        None => "something listens there that does not answer".into(),
    }
}

fn ask(host: &str, port: u16) -> Option<String> {
    let host = match host {
        "*" | "0.0.0.0" => "127.0.0.1",
        "::" | "::*" => "::1",
        other => other,
    };
    let addr = (host, port).to_socket_addrs().ok()?.next()?;
    let mut stream = TcpStream::connect_timeout(&addr, PATIENCE).ok()?;
    stream.set_read_timeout(Some(PATIENCE)).ok()?;
    stream.write_all(b"INFO server\r\n").ok()?;
    let mut answer = [0; 4096];
    let length = stream.read(&mut answer).ok()?;
    Some(String::from_utf8_lossy(&answer[..length]).into_owned())
}

fn identify(info: &str) -> String {
    let field = |name: &str| info.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':')).map(str::trim);
    let process = field("process_id").map(|id| format!(" (process {id})")).unwrap_or_default();
    match (field("rbq_version"), field("valkey_version"), field("redis_version")) {
        (Some(version), ..) => format!("an rbq server {version}{process} answers there"),
        (_, Some(version), _) => format!("a Valkey server {version}{process} answers there"),
        (_, _, Some(version)) => format!("a Redis server {version}{process} answers there"),
        _ if info.starts_with("-NOAUTH") => "a Redis-protocol server that wants a password answers there".into(),
        _ => "something that is no Redis-protocol server answers there".into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_is_known_by_what_it_says() {
        let redis = identify("$20\r\n# Server\r\nredis_version:7.0.15\r\nprocess_id:42\r\n");
        assert_eq!(redis, "a Redis server 7.0.15 (process 42) answers there");
        let rbq = identify("redis_version:8.10.0\r\nrbq_version:0.1.0\r\nprocess_id:7\r\n");
        assert_eq!(rbq, "an rbq server 0.1.0 (process 7) answers there");
        assert_eq!(identify("HTTP/1.1 400"), "something that is no Redis-protocol server answers there");
    }
}
