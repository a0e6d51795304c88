//! The REPL with lines from a pipe: what it answers, what it remembers.
#![allow(clippy::unwrap_used)]

mod support;

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};

use insta::assert_snapshot;
use support::{Oracle, play, rbq, run, shown, start, text};

#[test]
fn commands_are_answered_as_on_a_terminal() {
    let Some(oracle) = Oracle::start(&[]) else { return };
    assert_snapshot!(play(&oracle, &["repl"], "set k \"a b\"\nget k\nhset h f v\nhgetall h\n2 incr n\nnope\n\nquit\nping\n"), @r#"
    exit 0
    out| OK
    out| "a b"
    out| (integer) 1
    out| 1# "f" => "v"
    out| (integer) 1
    out| (integer) 2
    out| (error) ERR unknown command 'nope', with args beginning with:
    "#);
    assert_snapshot!(play(&oracle, &["repl"], "get \"k\n0 ping\nexit\n"), @r"
    exit 0
    err| error: the quotes do not match
    err| error: a command can be repeated once or more
    ");
}

#[test]
fn help_comes_from_the_server() {
    let Some(oracle) = Oracle::start(&[]) else { return };
    assert_snapshot!(play(&oracle, &["repl"], "help lmove\nhelp set\nhelp xgroup create\nhelp xadd\nhelp nosuch\n"), @r"
    exit 0
    out| LMOVE source destination <LEFT | RIGHT> <LEFT | RIGHT>
    out|   Pop an element from a list, push it to another list and return it
    out|   group: list
    out|   since: 6.2.0
    out|   complexity: O(1)
    out| SET key value [NX | XX] [GET] [EX seconds | PX milliseconds | EXAT unix-time-seconds | PXAT unix-time-milliseconds | KEEPTTL]
    out|   Set the string value of a key
    out|   group: string
    out|   since: 1.0.0
    out|   complexity: O(1)
    out| XGROUP CREATE key groupname <id | $> [MKSTREAM] [ENTRIESREAD entries_read]
    out|   Create a consumer group.
    out|   group: stream
    out|   since: 5.0.0
    out|   complexity: O(1)
    out| XADD key [NOMKSTREAM] [<MAXLEN | MINID> [= | ~] threshold [LIMIT count]] <* | id> field value [field value ...]
    out|   Appends a new entry to a stream
    out|   group: stream
    out|   since: 5.0.0
    out|   complexity: O(1) when adding a new entry, O(N) when trimming where N being the number of entries evicted.
    out| no command is called `NOSUCH`; <Tab> completes names
    ");
    assert_snapshot!(play(&oracle, &["repl"], "help\nhelp @pubsub\nhelp pubsub\n"), @r"
    exit 0
    out| help COMMAND   its arguments and what it does
    out| help @GROUP    the commands of a group: bitmap, cluster, connection, generic, geo, hash, hyperloglog, list, pubsub, scripting, server, set, sorted-set, stream, string, transactions
    out| N COMMAND …    run a command N times
    out| connect H P    talk to another server
    out| clear          clear the screen
    out| quit           leave (also Ctrl-D)
    out| <Tab> completes names, Ctrl-R searches the history
    out| PSUBSCRIBE            Listen for messages published to channels matching the given patterns
    out| PUBLISH               Post a message to a channel
    out| PUBSUB                A container for Pub/Sub commands
    out| PUBSUB CHANNELS       List active channels
    out| PUBSUB HELP           Show helpful text about the different subcommands
    out| PUBSUB NUMPAT         Get the count of unique patterns pattern subscriptions
    out| PUBSUB NUMSUB         Get the count of subscribers for channels
    out| PUBSUB SHARDCHANNELS  List active shard channels
    out| PUBSUB SHARDNUMSUB    Get the count of subscribers for shard channels
    out| PUNSUBSCRIBE          Stop listening for messages posted to channels matching the given patterns
    out| SPUBLISH              Post a message to a shard channel
    out| SSUBSCRIBE            Listen for messages published to the given shard channels
    out| SUBSCRIBE             Listen for messages published to the given channels
    out| SUNSUBSCRIBE          Stop listening for messages posted to the given shard channels
    out| UNSUBSCRIBE           Stop listening for messages posted to the given channels
    out| PUBSUB
    out|   A container for Pub/Sub commands
    out|   group: pubsub
    out|   since: 2.8.0
    out|   complexity: Depends on subcommand.
    out| PUBSUB CHANNELS       List active channels
    out| PUBSUB HELP           Show helpful text about the different subcommands
    out| PUBSUB NUMPAT         Get the count of unique patterns pattern subscriptions
    out| PUBSUB NUMSUB         Get the count of subscribers for channels
    out| PUBSUB SHARDCHANNELS  List active shard channels
    out| PUBSUB SHARDNUMSUB    Get the count of subscribers for shard channels
    ");
}

#[test]
fn a_lost_connection_is_made_again_before_the_next_command() {
    let Some(oracle) = Oracle::start(&[]) else { return };
    let mut command = rbq(&["repl"]);
    let mut child = start(command.env("RBQ_URL", oracle.url()));
    let (mut stdin, mut stdout) = (child.stdin.take().unwrap(), BufReader::new(child.stdout.take().unwrap()));
    stdin.write_all(b"select 2\nset k v\nclient kill type normal skipme no\n").unwrap();
    let mut said = String::new();
    for _ in 0..3 {
        stdout.read_line(&mut said).unwrap();
    }
    // The server answers first and closes afterwards: once it has served others it has done both.
    for _ in 0..2 {
        assert_eq!(play(&oracle, &["cli", "ping"], ""), "exit 0\nout| PONG\n");
    }
    stdin.write_all(b"get k\n").unwrap();
    drop(stdin);
    stdout.read_to_string(&mut said).unwrap();
    let mut output = child.wait_with_output().unwrap();
    output.stdout = said.into_bytes();
    assert_snapshot!(shown(&output, &oracle), @r#"
    exit 0
    out| OK
    out| OK
    out| (integer) 1
    out| "v"
    err| note: the connection was lost; connecting again
    "#);
    assert_snapshot!(play(&oracle, &["repl"], "connect 127.0.0.1 x\nconnect localhost.invalid 1\nping\n"), @r"
    exit 0
    err| error: `x` is not a port
    err| error: could not connect to localhost.invalid:1: name or service not known
    err| hint: is a server running there? --url or RBQ_URL name another
    err| error: could not connect to localhost.invalid:1: name or service not known
    err| hint: is a server running there? --url or RBQ_URL name another
    ");
}

#[test]
fn the_history_file_is_private_and_holds_no_password() {
    let Some(oracle) = Oracle::start(&[]) else { return };
    let state = tempfile::tempdir().unwrap();
    let script =
        "get one\nauth hunter2\nconfig set requirepass hunter2\nauth hunter2\nconfig set requirepass \"\"\nget two\n";
    for _ in 0..2 {
        let mut command = rbq(&["repl"]);
        command.env("RBQ_URL", oracle.url()).env_remove("RBQ_HISTORY").env("XDG_STATE_HOME", state.path());
        run(&mut command, script.as_bytes());
    }
    let file = state.path().join("rbq/history");
    let text = fs::read_to_string(&file).unwrap();
    assert!(text.contains("get one\nget two\n"), "{text}");
    assert!(!text.contains("hunter2"), "{text}");
    let mode = std::os::unix::fs::PermissionsExt::mode(&fs::metadata(&file).unwrap().permissions());
    assert_eq!(mode & 0o077, 0, "{mode:o}");
}

#[test]
fn an_embedded_broker_needs_no_server() {
    let script = "set k v\nget k\nlpush l a b\nblpop l 1\nselect 2\nget k\nhelp get\nshutdown\nget k\n";
    let output = run(rbq(&["repl", "--embedded"]).env("RBQ_URL", "unix:///nowhere"), script.as_bytes());
    assert_snapshot!(text(&output), @r#"
    exit 0
    out| OK
    out| "v"
    out| (integer) 2
    out| 1) "l"
    out| 2) "b"
    out| OK
    out| (nil)
    out| GET key
    out|   Returns the string value of a key.
    out|   group: string
    out|   since: 1.0.0
    out|   complexity: O(1)
    "#);
}

#[test]
fn help_comes_from_our_own_table_where_the_server_gives_none() {
    let Some(oracle) = Oracle::start(&["--user", "ann", "on", ">pw", "~*", "+@all", "-command"]) else { return };
    let url = format!("redis://ann:pw@127.0.0.1:{}", oracle.port);
    let output = run(rbq(&["repl"]).env("RBQ_URL", url), b"help xlen\n");
    assert_snapshot!(text(&output), @r"
    exit 0
    out| XLEN key
    out|   Counts the entries of a stream.
    out|   group: stream
    out|   since: 5.0.0
    out|   complexity: O(1)
    ");
}
