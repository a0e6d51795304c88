//! The server as a process: how it starts, what it refuses to start with, and how it ends.

#![allow(clippy::unwrap_used)]

mod support;

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::process::Output;
use std::time::Instant;

use rbq_transcript::RealServer;

use crate::support::{Server, free_addr, program, request, shown};

/// Runs the server with arguments with which it ends by itself.
fn run(args: &[&str], env: &[(&str, &str)]) -> (i32, String) {
    let Output { status, stderr, .. } = program().args(args).envs(env.iter().copied()).output().unwrap();
    (status.code().unwrap(), String::from_utf8(stderr).unwrap())
}

fn file(dir: &tempfile::TempDir, text: &str) -> String {
    let path = dir.path().join("rbq.toml");
    fs::write(&path, text).unwrap();
    path.to_str().unwrap().to_owned()
}

#[test]
fn a_good_configuration_is_called_fine() {
    let dir = tempfile::tempdir().unwrap();
    let path = file(&dir, "maxmemory = \"1gb\"\nprotected-mode = true\nbind = [\"127.0.0.1\", \"-::1\"]\n");
    let (code, text) = run(&["--check-config", "--config", &path], &[]);
    assert_eq!((code, text.as_str()), (0, "configuration is fine\n"));
}

#[test]
fn what_is_wrong_is_named_with_its_place() {
    let dir = tempfile::tempdir().unwrap();
    let typo = file(&dir, "timeout = 5\nmaxclient = 5\n");
    let (code, text) = run(&["--check-config", "--config", &typo], &[]);
    let wanted = format!(
        "error: {typo}, line 2: there is no parameter `maxclient`; did you mean `maxclients`?\nhint: `rbq-server --help` lists the parameters and what they may be\n"
    );
    assert_eq!((code, text), (2, wanted));

    let wrong = file(&dir, "# how many\nmaxclients = \"many\"\n");
    let (code, text) = run(&["--config", &wrong], &[]);
    assert_eq!(code, 2);
    assert!(text.starts_with(&format!("error: {wrong}, line 2: `many` is no value for `maxclients`: ")), "{text}");

    let broken = file(&dir, "maxclients = \n");
    let (code, text) = run(&["--config", &broken], &[]);
    assert_eq!(code, 2);
    assert!(text.starts_with(&format!("error: {broken}: ")), "{text}");

    let (code, text) = run(&["--check-config"], &[("RBQ_MAXMEMORY", "lots")]);
    assert_eq!(code, 2);
    assert!(
        text.starts_with("error: environment variable RBQ_MAXMEMORY: `lots` is no value for `maxmemory`"),
        "{text}"
    );

    let (code, text) = run(&["--port", "abc"], &[]);
    assert_eq!(code, 2);
    assert!(text.starts_with("error: flag --port: `abc` is no value for `port`: "), "{text}");
    assert!(text.ends_with("\nhint: `rbq-server --help` lists the parameters and what they may be\n"), "{text}");

    let (code, text) = run(&["--config", "/nowhere/rbq.toml"], &[]);
    assert_eq!(code, 2);
    let wanted = "error: cannot read /nowhere/rbq.toml: no such file or directory\nhint: `--config` or RBQ_CONFIG names a TOML file\n";
    assert_eq!(text, wanted);
}

#[test]
fn an_unknown_flag_is_a_mistake_in_usage() {
    let (code, text) = run(&["--maxclient", "5"], &[]);
    assert_eq!(code, 2);
    assert!(text.contains("unexpected argument '--maxclient'") && text.contains("--maxclients"), "{text}");
    let (code, text) = run(&["/etc/redis/redis.conf"], &[]);
    assert_eq!(code, 2);
    let wanted =
        "error: unexpected argument `/etc/redis/redis.conf`\nhint: a file of parameters is named by `--config FILE`";
    assert!(text.starts_with(wanted), "{text}");
}

#[test]
fn flags_win_over_the_environment_and_that_over_the_file() {
    let dir = tempfile::tempdir().unwrap();
    let path = file(&dir, "maxclients = 11\ntimeout = 11\nhz = 11\n");
    let server = Server::start_with(&["--config", &path, "--maxclients", "33"], |command| {
        command.env("RBQ_MAXCLIENTS", "22").env("RBQ_TIMEOUT", "22");
    });
    let mut client = server.client();
    assert_eq!(client.text("CONFIG GET maxclients"), "maxclients,33");
    assert_eq!(client.text("CONFIG GET timeout"), "timeout,22");
    assert_eq!(client.text("CONFIG GET hz"), "hz,11");
}

#[test]
fn a_port_in_use_tells_who_answers_there() {
    let first = Server::start(&[]);
    let port = first.addr.port().to_string();
    let (code, text) = run(&["--port", &port, "--bind", "127.0.0.1"], &[]);
    assert_eq!(code, 1);
    let who = format!("an rbq server {} (process {}) answers there", env!("CARGO_PKG_VERSION"), first.id());
    assert!(text.starts_with(&format!("error: port {port} on 127.0.0.1 is in use: {who}\nhint: ")), "{text}");

    if let Some(redis) = RealServer::program() {
        let redis = RealServer::start(&redis).unwrap();
        let port = redis.addr().port().to_string();
        let (code, text) = run(&["--port", &port, "--bind", "127.0.0.1"], &[]);
        assert_eq!(code, 1);
        assert!(text.contains("is in use: a Redis server ") && text.contains(" answers there"), "{text}");
    }

    let locked = Server::start(&["--requirepass", "s3cret"]);
    let (_, text) = run(&["--port", &locked.addr.port().to_string(), "--bind", "127.0.0.1"], &[]);
    assert!(text.contains("a Redis-protocol server that wants a password answers there"), "{text}");
}

#[test]
fn beyond_loopback_a_password_is_needed() {
    let port = free_addr().port().to_string();
    let (code, text) = run(&["--port", &port, "--bind", "0.0.0.0"], &[]);
    assert_eq!(code, 2);
    assert!(text.starts_with("error: refusing to listen on 0.0.0.0 without a password"), "{text}");
    assert!(text.contains("hint: set `--requirepass`"), "{text}");
    let (code, _) = run(&["--check-config", "--bind", "0.0.0.0", "--requirepass", "s3cret"], &[]);
    assert_eq!(code, 0);
}

#[test]
fn a_unix_socket_has_its_permissions_and_replaces_one_left_behind() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("rbq.sock");
    // Dropping a listener leaves its file, as a server does that was killed.
    drop(UnixListener::bind(&path).unwrap());
    let socket = path.to_str().unwrap();
    let mut server = Server::start(&["--unixsocket", socket, "--unixsocketperm", "700"]);
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o700);
    assert_eq!(ping(&path), "+PONG\r\n");

    let (code, text) = run(&["--port", "0", "--unixsocket", socket], &[]);
    assert_eq!(code, 1);
    assert!(text.contains("somebody listens on"), "{text}");
    assert_eq!(ping(&path), "+PONG\r\n", "the first still has it");

    server.signal("TERM");
    assert!(server.wait().success());
    assert!(!path.exists(), "removed at the end");

    fs::write(&path, "precious").unwrap();
    let (code, text) = run(&["--port", "0", "--unixsocket", socket], &[]);
    assert_eq!(code, 1);
    assert!(text.contains("is there already and is no socket"), "{text}");
    assert_eq!(fs::read(&path).unwrap(), b"precious");
}

fn ping(path: &Path) -> String {
    use std::io::Write;
    let mut stream = UnixStream::connect(path).unwrap();
    stream.write_all(b"PING\r\n").unwrap();
    let mut answer = [0; 7];
    stream.read_exact(&mut answer).unwrap();
    String::from_utf8(answer.to_vec()).unwrap()
}

#[test]
fn signals_close_every_connection_and_the_server_ends_well() {
    for signal in ["TERM", "INT"] {
        let mut server = Server::start(&[]);
        let mut idle = server.client();
        assert_eq!(idle.text("PING"), "PONG");
        let mut subscriber = server.client();
        subscriber.text("SUBSCRIBE news");
        let mut parked = server.client();
        parked.request(&["BLPOP", "queue", "0"]);
        idle.until("INFO clients", |info| info.contains("blocked_clients:1\r\n"));
        server.signal(signal);
        for client in [&mut idle, &mut subscriber, &mut parked] {
            assert_eq!(client.reply_or_end(), None, "closed, with nothing more said");
        }
        assert_eq!(server.wait().code(), Some(0));
        assert!(server.log().contains(&format!("SIG{signal}")) && server.log().contains("bye"), "{}", server.log());
    }
}

#[test]
fn a_server_that_ends_does_not_turn_round_a_client_that_reads_no_replies() {
    let mut server = Server::start(&[]);
    let mut client = server.client();
    assert_eq!(shown(&client.ask(&["SET", "s", &"x".repeat(500_000)])), "OK");
    let mut deaf = server.client();
    deaf.send(&request(&["GET", "s"]).repeat(100));
    client.until("CLIENT LIST", |list| list.contains("cmd=get"));
    let (begun, used) = (Instant::now(), server.cpu_ticks());
    server.signal("TERM");
    server.wait_for_log("bye");
    let (ms, used_ms) = (begun.elapsed().as_millis(), u128::from(server.cpu_ticks() - used) * 10);
    assert_eq!(server.wait().code(), Some(0));
    assert!(used_ms < ms / 2, "{used_ms} ms of processor time in {ms} ms");
}

#[test]
fn a_terminal_that_is_closed_ends_nothing() {
    let mut server = Server::start(&[]);
    server.signal("HUP");
    server.wait_for_log("SIGHUP is ignored");
    assert_eq!(server.client().text("PING"), "PONG");
    server.signal("TERM");
    assert_eq!(server.wait().code(), Some(0));
}

#[test]
fn a_log_that_nobody_reads_any_more_ends_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("rbq.sock");
    let flags = ["--port", "0", "--appendonly", "no", "--loglevel", "verbose", "--unixsocket"];
    let mut child = program().args(flags).arg(&path).spawn().unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines().map(Result::unwrap);
    assert!(lines.any(|line| line.contains("ready to accept connections")));
    drop(lines);
    // Every connection is a line of the log that cannot be written.
    assert_eq!(ping(&path), "+PONG\r\n");
    assert_eq!(ping(&path), "+PONG\r\n");
    UnixStream::connect(&path).unwrap().write_all(b"SHUTDOWN\r\n").unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(0));
}

#[test]
fn a_limit_of_file_sizes_is_an_error_and_no_death_by_a_signal() {
    let dir = tempfile::tempdir().unwrap();
    let limited = "ulimit -f 8; exec \"$0\" \"$@\"";
    let server = program().get_program().to_owned();
    let mut command = std::process::Command::new("sh");
    command.args(["-c", limited]).arg(server).args(["--port", "0", "--unixsocket", "rbq.sock", "--appendonly", "yes"]);
    let Output { status, stderr, .. } = command.current_dir(dir.path()).output().unwrap();
    let text = String::from_utf8(stderr).unwrap();
    assert_eq!(status.code(), Some(1), "{text}");
    assert!(text.to_lowercase().contains("file too large"), "{text}");
}

#[test]
fn shutdown_ends_the_server_without_a_reply() {
    let mut server = Server::start(&[]);
    let mut other = server.client();
    assert_eq!(other.text("PING"), "PONG");
    let mut client = server.client();
    client.request(&["SHUTDOWN", "NOSAVE"]);
    assert_eq!(client.reply_or_end(), None);
    assert_eq!(other.reply_or_end(), None);
    assert_eq!(server.wait().code(), Some(0));
}

#[test]
fn the_log_can_be_json_lines() {
    let mut server = Server::start(&["--log-format", "json", "--loglevel", "verbose"]);
    drop(server.client().text("PING"));
    server.wait_for_log("connection closed");
    server.signal("TERM");
    server.wait();
    let log = server.log();
    for line in log.lines() {
        let entry: serde_json::Value = serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
        for field in ["timestamp", "level", "message"] {
            assert!(entry[field].is_string(), "`{field}` is missing: {line}");
        }
    }
    let ready = log.lines().find(|line| line.contains("ready to accept")).unwrap();
    let ready: serde_json::Value = serde_json::from_str(ready).unwrap();
    assert_eq!(ready["process"], server.id());
}

#[test]
fn the_log_level_can_be_changed_while_it_runs() {
    let server = Server::start(&[]);
    let mut client = server.client();
    assert_eq!(client.text("CONFIG SET loglevel verbose"), "OK");
    drop(server.client().text("PING"));
    server.wait_for_log("connection closed");
}

#[test]
fn config_rewrite_keeps_the_file_and_writes_what_changed() {
    let dir = tempfile::tempdir().unwrap();
    let path = file(&dir, "# how many\nmaxclients = 50\nloglevel = \"notice\"\n");
    let server = Server::start(&["--config", &path]);
    let mut client = server.client();
    assert_eq!(client.text("CONFIG SET maxclients 60 timeout 7"), "OK");
    assert_eq!(client.text("CONFIG REWRITE"), "OK");
    let text = fs::read_to_string(&path).unwrap();
    assert!(text.starts_with("# how many\nmaxclients = 60\nloglevel = \"notice\"\n"), "{text}");
    assert!(text.contains("timeout = 7\n"), "{text}");
    let (code, text) = run(&["--check-config", "--config", &path], &[]);
    assert_eq!(code, 0, "{text}");

    // The file that it was started with, whatever its own directory is.
    let home = tempfile::tempdir().unwrap();
    fs::write(home.path().join("rbq.toml"), "hz = 11\n").unwrap();
    let relative = Server::start_with(&["--config", "rbq.toml", "--dir", home.path().to_str().unwrap()], |command| {
        command.current_dir(Path::new(&path).parent().unwrap());
    });
    assert_eq!(relative.client().text("CONFIG SET timeout 8"), "OK");
    assert_eq!(relative.client().text("CONFIG REWRITE"), "OK");
    assert!(fs::read_to_string(&path).unwrap().contains("timeout = 8\n"));
    assert_eq!(fs::read_to_string(home.path().join("rbq.toml")).unwrap(), "hz = 11\n");

    // In a transaction nobody can wait.
    assert_eq!([client.text("MULTI"), client.text("CONFIG REWRITE")], ["OK", "QUEUED"]);
    assert!(client.text("EXEC").contains("ERR CONFIG REWRITE waits for the disk"));

    let without = Server::start(&[]);
    assert!(without.client().text("CONFIG REWRITE").starts_with("-ERR The server is running without a config file"));
}

#[test]
fn config_rewrite_is_not_ok_when_the_file_could_not_be_written() {
    let dir = tempfile::tempdir().unwrap();
    let path = file(&dir, "maxclients = 50\n");
    let server = Server::start(&["--config", &path]);
    let mut client = server.client();
    fs::create_dir(format!("{path}.new")).unwrap();
    let said = client.text("CONFIG REWRITE");
    assert!(said.starts_with("-ERR Rewriting config file: cannot write ") && said.contains("directory"), "{said}");
    assert_eq!(fs::read_to_string(&path).unwrap(), "maxclients = 50\n");
    fs::remove_file(&path).unwrap();
    let said = client.text("CONFIG REWRITE");
    assert!(said.starts_with("-ERR Rewriting config file: cannot read "), "{said}");
}

/// Puts a pipe into the place of a file: whoever reads it waits until somebody writes, as for a disk that hangs.
fn hang(path: &str) {
    fs::remove_file(path).unwrap();
    assert!(std::process::Command::new("mkfifo").arg(path).status().unwrap().success());
}

#[test]
fn a_disk_that_hangs_under_config_rewrite_keeps_nobody_else_waiting() {
    let dir = tempfile::tempdir().unwrap();
    let path = file(&dir, "");
    let mut server = Server::start(&["--config", &path]);
    let mut asker = server.client();
    hang(&path);
    asker.request(&["CONFIG", "REWRITE"]);
    // Who comes is greeted, and waits end in time.
    let mut other = server.client();
    assert_eq!(other.text("PING"), "PONG");
    assert_eq!(other.text("BLPOP nothing 0.01"), "nil");
    fs::write(&path, "hz = 11\n").unwrap();
    assert_eq!(shown(&asker.reply()), "OK");
    assert!(fs::read_to_string(&path).unwrap().starts_with("hz = 10\n"));

    hang(&path);
    asker.request(&["CONFIG", "REWRITE"]);
    assert_eq!(other.text("PING"), "PONG");
    server.signal("TERM");
    assert_eq!(server.wait().code(), Some(0), "nobody waits for it for ever");
}

#[test]
fn the_working_directory_is_what_dir_says() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::start(&["--dir", dir.path().to_str().unwrap()]);
    let there = fs::read_link(format!("/proc/{}/cwd", server.id())).unwrap();
    assert_eq!(there, dir.path().canonicalize().unwrap());
    let (code, text) = run(&["--dir", "/nowhere"], &[]);
    assert_eq!(code, 1);
    assert!(text.starts_with("error: cannot change to `dir` /nowhere: there is no such directory\nhint: "), "{text}");
    let (code, text) = run(&["--check-config", "--dir", "/nowhere"], &[]);
    assert_eq!(code, 1);
    assert!(text.starts_with("error: cannot change to `dir` /nowhere"), "{text}");
}

#[test]
fn a_file_in_the_place_of_dir_is_told_without_the_systems_number() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let path = file.path().to_str().unwrap();
    let (code, text) = run(&["--dir", path], &[]);
    assert_eq!((code, text), (1, format!("error: cannot change to `dir` {path}: not a directory\n")));
}

#[test]
fn it_listens_where_it_says_and_help_names_every_parameter() {
    let server = Server::start(&[]);
    assert!(server.log().contains(&server.addr.to_string()), "{}", server.log());
    assert!(shown(&server.client().ask(&["INFO", "server"])).contains(&format!("tcp_port:{}", server.addr.port())));
    let help = program().arg("--help").stdout(std::process::Stdio::piped()).output().unwrap();
    let help = String::from_utf8(help.stdout).unwrap();
    for parameter in rbq_broker::settings::PARAMETERS {
        assert!(help.contains(&format!("--{} ", parameter.name)), "{}", parameter.name);
    }
}
