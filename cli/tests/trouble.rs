//! No server, the wrong password, a command line that makes no sense: what a person reads, and the exit code.
#![allow(clippy::unwrap_used)]

mod support;

use insta::{allow_duplicates, assert_snapshot};
use support::{Oracle, commands, play, rbq, run, shown};

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
    let output = run(&mut rbq(&["sub", "c", "-u", "redis://no.such.host.invalid"]), b"");
    assert_eq!(output.status.code(), Some(4));
}

#[test]
fn a_password_is_asked_for_and_a_wrong_one_is_refused() {
    let Some(oracle) = Oracle::start(&["--requirepass", "sesame"]) else { return };
    allow_duplicates! {
    for args in COMMANDS {
        assert_snapshot!(play(&oracle, args, ""), @r"
        exit 4
        err| error: the server asks for a password
        err| hint: put it into the URL, as in `redis://user:password@host`, or into REDISCLI_AUTH
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
    assert_snapshot!(play(&oracle, &["cli", "--no-raw"], "client kill type normal skipme no\nping\n"), @r"
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
