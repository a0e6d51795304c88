//! No server, the wrong password, a command line that makes no sense: what a person reads, and the exit code.
#![allow(clippy::unwrap_used)]

mod support;

use std::io::Write as _;

use insta::{allow_duplicates, assert_snapshot};
use support::{Oracle, commands, play, rbq, run, shown, text};

const COMMANDS: [&[&str]; 7] = [
    &["repl"],
    &["pub", "c", "m"],
    &["sub", "c"],
    &["produce", "queue", "q", "m"],
    &["consume", "queue", "q"],
    &["consume", "stream", "s", "-g", "g"],
    &["backup", "copy"],
];

#[test]
fn no_server_is_exit_4_and_a_hint() {
    let Some(oracle) = Oracle::start(&[]) else { return };
    let dead = format!("redis://127.0.0.1:{}", oracle.port);
    // The oracle lives on, for its port's name, but nobody listens on the port one below any more.
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let nobody = dead.replace(&oracle.port.to_string(), &free.to_string());
    allow_duplicates! {
    for args in COMMANDS {
        let output = run(rbq(args).args(["--url", &nobody]), b"");
        assert_snapshot!(shown(&output, &oracle).replace(&free.to_string(), "FREE"), @r"
        exit 4
        err| error: could not connect to 127.0.0.1:FREE: connection refused
        err| hint: `rbq server` starts one here, `rbq repl --embedded` needs none; --url or RBQ_URL name another
        ");
    }
    }
    let output = run(&mut rbq(&["sub", "c", "-u", "unix:///nowhere/rbq.sock"]), b"");
    assert_snapshot!(shown(&output, &oracle), @r"
    exit 4
    err| error: could not connect to /nowhere/rbq.sock: no such file or directory
    err| hint: is a server running there? --url or RBQ_URL name another
    ");
    // No name, as is known without a network.
    let output = run(&mut rbq(&["sub", "c", "-u", "redis://a..b"]), b"");
    assert_eq!(output.status.code(), Some(4));
}

#[test]
fn a_server_that_is_not_rbq_is_told_of_where_it_lacks_a_command() {
    let Some(oracle) = Oracle::start(&[]) else { return };
    let said = play(&oracle, &["backup", "copy"], "");
    assert!(said.starts_with("exit 1\nerr| error: ERR unknown command 'RBQ'"), "{said}");
    assert!(said.ends_with("err| hint: only rbq knows this: is this another server?\n"), "{said}");
}

#[test]
fn an_option_before_the_command_is_told_where_it_belongs() {
    for args in [&["--url", "redis://127.0.0.1", "queue", "ls"][..], &["--embedded"]] {
        let said = text(&run(&mut rbq(args), b""));
        assert!(said.starts_with(&format!("exit 2\nerr| error: unexpected argument '{}' found\n", args[0])), "{said}");
        assert!(said.ends_with("err| hint: options stand behind a command, as in `rbq repl --url URL`\n"), "{said}");
    }
}

#[test]
fn an_empty_variable_is_none() {
    let Some(oracle) = Oracle::start(&[]) else { return };
    let home = tempfile::tempdir().unwrap();
    let contexts = home.path().join("contexts.toml");
    let added = run(rbq(&["context", "add", "here", &oracle.url(), "--use"]).env("RBQ_CONTEXTS", &contexts), b"");
    assert!(added.status.success(), "{added:?}");
    let mut command = rbq(&["produce", "queue", "jobs", "1"]);
    let output = run(command.env("RBQ_CONTEXTS", &contexts).env("RBQ_URL", "").env("RBQ_CONTEXT", ""), b"");
    assert_snapshot!(shown(&output, &oracle), @r"
    exit 0
    err| sent 1, acknowledged 1, failed 0
    ");
}

#[test]
fn who_speaks_tls_to_a_plain_port_is_told_how_not_to() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("rediss://{}", listener.local_addr().unwrap());
    let server = std::thread::spawn(move || {
        let (mut client, _) = listener.accept().unwrap();
        client.write_all(b"-ERR Protocol error: invalid multibulk length\r\n").unwrap();
    });
    let said = text(&run(&mut rbq(&["queue", "ls", "--url", &url]), b""));
    server.join().unwrap();
    assert!(said.starts_with("exit 4\nerr| error: could not connect to "), "{said}");
    assert!(said.contains("err| hint: what answers there may speak no TLS: `redis://` speaks without"), "{said}");
}

/// What `rbq` makes of something that listens, waits to be spoken to, answers with this, and hangs up.
fn greeted_by(answer: &'static [u8]) -> String {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let server = std::thread::spawn(move || {
        let (mut client, _) = listener.accept().unwrap();
        let mut greeting = [0; 1024];
        assert!(std::io::Read::read(&mut client, &mut greeting).unwrap() > 0);
        client.write_all(answer).unwrap();
    });
    let said = text(&run(&mut rbq(&["queue", "ls", "--url", &format!("redis://{address}")]), b""));
    server.join().unwrap();
    said.replace(&address, "HOST:PORT")
}

#[test]
fn what_does_not_take_us_in_is_no_server_that_was_reached() {
    assert_snapshot!(greeted_by(b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n"), @r"
    exit 4
    err| error: HOST:PORT answers in another protocol than Redis's: reply begins with unknown type byte 0x48
    err| hint: is it the right port? One for TLS wants `rediss://` (`--tls` in `rbq cli`), and one without `redis://`
    ");
    assert_snapshot!(greeted_by(b""), @r"
    exit 4
    err| error: HOST:PORT hung up instead of answering
    err| hint: is it the right port? One for TLS wants `rediss://` (`--tls` in `rbq cli`), and one without `redis://`
    ");
    assert_snapshot!(greeted_by(b"-ERR max number of clients reached\r\n"), @r"
    exit 4
    err| error: the server refused `HELLO`: ERR max number of clients reached
    err| hint: it has room again when others disconnect; `maxclients` is its limit
    ");
    let Some(oracle) = Oracle::start(&["--databases", "2"]) else { return };
    assert_snapshot!(shown(&run(&mut rbq(&["queue", "ls", "--url", &format!("{}/7", oracle.url())]), b""), &oracle), @r"
    exit 4
    err| error: the server refused `SELECT`: ERR DB index is out of range
    err| hint: the number behind the last `/` of a URL is the database; a cluster has 0 alone
    ");
}

#[test]
fn what_a_server_is_too_old_for_is_said() {
    let Some(oracle) = Oracle::start(&["--rename-command", "SPUBLISH", "", "--rename-command", "SSUBSCRIBE", ""])
    else {
        return;
    };
    for args in [&["pub", "--shard", "c", "m"][..], &["sub", "--shard", "c"]] {
        let said = play(&oracle, args, "");
        assert!(said.starts_with("exit 1\nerr| error: ERR unknown command"), "{said}");
        assert!(said.contains("err| hint: channels of a shard need Redis 7.0 or newer, Valkey or rbq\n"), "{said}");
    }
}

#[test]
fn a_password_is_asked_for_and_a_wrong_one_is_refused() {
    let Some(oracle) = Oracle::start(&["--requirepass", "sesame"]) else { return };
    allow_duplicates! {
    for args in COMMANDS {
        assert_snapshot!(play(&oracle, args, ""), @r"
        exit 4
        err| error: the server asks for a password
        err| hint: REDISCLI_AUTH holds one, `rbq context add NAME URL --password-stdin` keeps one, `rbq cli --askpass` asks for one
        ");
        let output = run(rbq(args).env("RBQ_URL", oracle.url()).env("REDISCLI_AUTH", "wrong"), b"");
        assert_snapshot!(shown(&output, &oracle), @r"
        exit 4
        err| error: the server refused the user or the password
        err| hint: check --url, RBQ_URL and REDISCLI_AUTH; `%40` stands for an `@` in a password
        ");
    }
    }
    let output = run(rbq(&["pub", "c", "m", "-q"]).env("RBQ_URL", oracle.url()).env("REDISCLI_AUTH", "sesame"), b"");
    assert_snapshot!(shown(&output, &oracle), @"exit 0");
}

#[test]
fn a_command_line_that_makes_no_sense_is_exit_2() {
    let Some(oracle) = Oracle::start(&[]) else { return };
    for args in [
        &["produce"][..],
        &["produce", "topic", "t"],
        &["consume", "queue", "q", "--group", "g"],
        &["consume", "queue", "q", "--from", "1-1"],
        &["consume", "stream", "s", "--create"],
        &["consume", "stream", "s", "--wait", "30"],
        &["consume", "stream", "s", "--wait", "30s", "--no-wait"],
        &["consume", "stream", "s", "--batch", "0"],
        &["sub"],
        &["sub", "c", "--pattern", "--shard"],
        &["pub"],
        &["pub", "c", "--url", "http://example.org"],
        &["pub", "c", "m", "--tls-cert", "client.pem"],
        &["pub", "c", "m", "--tls-insecure", "--tls-ca", "ca.pem"],
        &["backup"],
        &["restore", "from"],
        &["journal", "dump", "d", "--output", "xml"],
        &["journal", "repair", "d", "--yes", "--dry-run"],
        &["nosuch"],
    ] {
        let output = run(rbq(args).env("RBQ_URL", oracle.url()), b"");
        assert_eq!(output.status.code(), Some(2), "{args:?} {output:?}");
        assert!(output.stdout.is_empty() && output.stderr.starts_with(b"error: "), "{args:?} {output:?}");
    }
    assert_snapshot!(play(&oracle, &["consume", "queue", "q", "-g", "g"], ""), @r"
    exit 2
    err| error: a queue has neither groups nor IDs; --group, --from and --until are for streams
    ");
    assert_snapshot!(play(&oracle, &["pub", "c", "m", "-u", "http://h"], ""), @r"
    exit 2
    err| error: invalid value 'http://h' for '--url <URL>': a server URL starts with `redis://`, `rediss://` (TLS) or `unix://`
    err|
    err| For more information, try '--help'.
    ");
}

#[test]
fn stderr_is_coloured_only_where_it_is_wanted() {
    for (variables, coloured) in
        [(&[][..], false), (&[("CLICOLOR_FORCE", "1")], true), (&[("CLICOLOR_FORCE", "1"), ("NO_COLOR", "1")], false)]
    {
        let output = run(rbq(&["sub", "c", "-u", "unix:///nowhere"]).envs(variables.iter().copied()), b"");
        assert_eq!(output.stderr.contains(&0x1b), coloured, "{variables:?}");
    }
}

#[test]
fn rbq_alone_off_a_terminal_reads_commands() {
    let Some(oracle) = Oracle::start(&[]) else { return };
    assert_snapshot!(play(&oracle, &[], "set k v\nget k\n"), @r"
    exit 0
    out| OK
    out| v
    ");
    let output = run(rbq(&[]).env("RBQ_URL", "unix:///nowhere"), b"ping\n");
    assert_snapshot!(shown(&output, &oracle), @r"
    exit 1
    err| Could not connect to Redis at /nowhere: No such file or directory
    ");
}

#[test]
fn the_command_line_counts_more_than_the_environment() {
    let Some(oracle) = Oracle::start(&[]) else { return };
    let (port, socket) = (oracle.port.to_string(), oracle.socket());
    for args in [&["-p", &port][..], &["-s", socket.to_str().unwrap()], &["-u", &oracle.url()]] {
        let args = [&["cli"], args, &["ping"]].concat();
        let output = run(rbq(&args).env("RBQ_URL", "unix:///nowhere"), b"");
        assert_eq!(output.stdout, b"PONG\n", "{args:?} {output:?}");
    }
    let output = run(rbq(&["cli", "ping"]).env("RBQ_URL", "http://h"), b"");
    assert_snapshot!(shown(&output, &oracle), @r"
    exit 2
    err| error: RBQ_URL: a server URL starts with `redis://`, `rediss://` (TLS) or `unix://`
    ");
}

#[test]
fn with_e_an_error_in_a_script_counts() {
    let Some(oracle) = Oracle::start(&[]) else { return };
    // Before 7.0 Redis quoted with backticks.
    assert_snapshot!(play(&oracle, &["cli", "-e"], "nope\nping\n").replace('`', "'"), @r"
    exit 1
    out| ERR unknown command 'nope', with args beginning with:
    out|
    out| PONG
    ");
    assert_snapshot!(play(&oracle, &["cli", "unsubscribe", "a", "b"], ""), @r"
    exit 0
    out| unsubscribe
    out| a
    out| 0
    out| unsubscribe
    out| b
    out| 0
    ");
    assert_snapshot!(play(&oracle, &["cli", "client", "reply", "skip"], ""), @"exit 0");
    assert_snapshot!(play(&oracle, &["cli"], "client reply off\nping\nget x\nclient reply on\nping\n"), @r"
    exit 0
    out| OK
    out| PONG
    ");
    // Whether the server has closed when the next one is sent is up to the machine.
    let said = play(&oracle, &["cli", "--no-raw"], "client kill type normal skipme no\nping\n");
    let said = said.replace("Connection reset by peer", "Server closed the connection");
    assert_snapshot!(said, @r"
    exit 1
    out| (integer) 1
    err| Error: Server closed the connection
    ");
}

#[test]
fn help_names_every_command() {
    let Some(oracle) = Oracle::start(&[]) else { return };
    assert_snapshot!("help", play(&oracle, &["--help"], ""));
    // The server's parameters are in its own manual.
    for command in commands().into_iter().filter(|command| command != "server") {
        assert_snapshot!(format!("help_{command}"), play(&oracle, &[&command, "--help"], ""));
    }
}
