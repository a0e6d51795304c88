//! The REPL with lines from a pipe: what it answers, what it remembers.
#![allow(clippy::unwrap_used)]

mod support;

use std::io::{BufRead as _, Read as _, Write as _};

use insta::assert_snapshot;
use support::{Oracle, listen, oracle, play, rbq, run, shown, start, text};

#[test]
fn commands_are_answered_as_on_a_terminal() {
    let Some(oracle) = Oracle::start(&[]) else { return };
    let told = play(&oracle, &["repl"], "set k \"a b\"\nget k\nhset h f v\nhgetall h\n2 incr n\nnope\n\nquit\nping\n");
    // Before 7.0 Redis quoted with backticks.
    assert_snapshot!(told.replace('`', "'"), @r#"
    exit 1
    out| OK
    out| "a b"
    out| (integer) 1
    out| 1# "f" => "v"
    out| (integer) 1
    out| (integer) 2
    out| (error) ERR unknown command 'nope', with args beginning with:
    "#);
    assert_snapshot!(play(&oracle, &["repl"], "0 ping\nget \"k\"x\nget\nget \"k\nexit\n"), @r#"
    exit 1
    err| error: a command can be repeated once or more
    err| error: a blank must follow a closing quote
    err| hint: between single quotes a double quote is a letter like any other: '{"a":1}'
    err| error: wrong number of arguments for `GET`
    err| hint: GET key
    err| error: the quotes do not match
    err| hint: between single quotes a double quote is a letter like any other: '{"a":1}'
    "#);
    assert_snapshot!(play(&oracle, &["repl"], "append k \"one\ntwo\"\nstrlen \\\n  k\n"), @r"
    exit 0
    out| (integer) 10
    out| (integer) 10
    ");
}

#[test]
fn help_comes_from_the_server() {
    let Some(oracle) = Oracle::start(&[]) else { return };
    let told = play(&oracle, &["repl"], "help lmove\nhelp set\nhelp xgroup create\nhelp xadd\nhelp nosuch\n");
    if oracle::is_named() {
        // The words are each server's own, and ours where it has none.
        assert!(told.starts_with("exit 0\nout| LMOVE source destination <LEFT | RIGHT> <LEFT | RIGHT>\n"), "{told}");
        assert!(told.contains("\nout| XADD key [NOMKSTREAM]"), "{told}");
        return;
    }
    assert_snapshot!(told, @r#"
    exit 0
    out| LMOVE source destination <LEFT | RIGHT> <LEFT | RIGHT>
    out|   Pop an element from a list, push it to another list and return it
    out|   A reliable queue: the message is in the consumer's own list until it removes it with LREM,
    out|   so a crash loses nothing.
    out|     LEFT   The left end, where LPUSH puts and LPOP takes
    out|     RIGHT  The right end, where RPUSH puts and RPOP takes
    out|   group: list
    out|   since: 6.2.0
    out|   complexity: O(1)
    out|   example:
    out|   > RPUSH mail one two
    out|     2
    out|   > LMOVE mail processing LEFT RIGHT
    out|     one
    out|   > LRANGE processing 0 -1
    out|     [one]
    out| SET key value [NX | XX] [GET] [EX seconds | PX milliseconds | EXAT unix-time-seconds | PXAT unix-time-milliseconds | KEEPTTL]
    out|   Set the string value of a key
    out|     NX       Only if the key does not exist
    out|     XX       Only if the key exists
    out|     GET      Answer the value that was there
    out|     EX       Expire in so many seconds
    out|     PX       Expire in so many milliseconds
    out|     EXAT     Expire at this Unix time, in seconds
    out|     PXAT     Expire at this Unix time, in milliseconds
    out|     KEEPTTL  Keep the time at which it expires; without it a SET makes the key last for ever
    out|   group: string
    out|   since: 1.0.0
    out|   complexity: O(1)
    out|   example:
    out|   ann> SET lock ann NX EX 30
    out|     OK
    out|   bob> SET lock bob NX EX 30
    out|     nil
    out|   ann> SET lock ann IFEQ ann PX 60000
    out|     OK
    out|   ann> SET lock free GET
    out|     ann
    out|   not on this server: IFEQ, IFNE, IFDEQ, IFDNE
    out| XGROUP CREATE key groupname <id | $> [MKSTREAM] [ENTRIESREAD entries_read]
    out|   Create a consumer group.
    out|   `$` begins with what comes from now on, `0` with the first entry.
    out|     $            From now on
    out|     MKSTREAM     Make the stream if there is none
    out|     ENTRIESREAD  How many entries the group counts as read, for its lag
    out|   group: stream
    out|   since: 5.0.0
    out|   complexity: O(1)
    out|   example:
    out|   > XGROUP CREATE orders billing $ MKSTREAM
    out|     OK
    out|   > XGROUP CREATE orders billing $
    out|     (error) BUSYGROUP Consumer Group name already exists
    out| XADD key [NOMKSTREAM] [<MAXLEN | MINID> [= | ~] threshold [LIMIT count]] <* | id> field value [field value ...]
    out|   Appends a new entry to a stream
    out|   With `*` the server gives the ID, which rises always. MAXLEN ~ on every XADD keeps a stream
    out|   in bounds for next to nothing.
    out|     NOMKSTREAM  Add nothing if there is no such stream
    out|     MAXLEN      Drop the oldest entries above this number
    out|     MINID       Drop entries with lower IDs than this
    out|     =           The exact bound
    out|     ~           About the bound: cheaper, and may keep a few more
    out|     LIMIT       Look at no more than this many entries to drop
    out|     *           An ID by the server: milliseconds and a number
    out|   group: stream
    out|   since: 5.0.0
    out|   complexity: O(1) when adding a new entry, O(N) when trimming where N being the number of entries evicted.
    out|   example:
    out|   > XADD orders 1-1 item book
    out|     "1-1"
    out|   > XADD orders * item pen
    out|     <id>
    out|   > XLEN orders
    out|     2
    out|   not on this server: KEEPREF, DELREF, ACKED, IDMPAUTO, IDMP
    out| no command is called `NOSUCH`; <Tab> completes names
    "#);
    assert_snapshot!(play(&oracle, &["repl"], "help\nhelp @pubsub\nhelp pubsub\n"), @r"
    exit 0
    out| help COMMAND   its arguments, what it does, what its words mean, an example
    out| help @GROUP    the commands of a group: bitmap, cluster, connection, generic, geo, hash, hyperloglog, list, pubsub, scripting, server, set, sorted-set, stream, string, transactions
    out| N COMMAND …    run a command N times
    out| connect H P    talk to another server
    out| clear          clear the screen
    out| quit           leave (also Ctrl-D)
    out| \help          commands of this prompt: \json, \tables, \timing, \status, \stop
    out| <Tab> completes names, options and what is on the server; Ctrl-R searches the history
    out| a line goes on after a \ or in open quotes; Ctrl-C ends what runs, on an empty line subscriptions and MONITOR
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
    let (mut stdin, mut stdout) = (child.stdin.take().unwrap(), listen(child.stdout.take().unwrap()));
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
    // Of `a..b` is known without a network that it is no name.
    assert_snapshot!(play(&oracle, &["repl"], "connect 127.0.0.1 x\nconnect a..b 1\nping\n"), @r"
    exit 4
    err| error: `x` is not a port
    err| error: could not connect to a..b:1: name or service not known
    err| hint: is a server running there? --url or RBQ_URL name another
    err| error: could not connect to a..b:1: name or service not known
    err| hint: is a server running there? --url or RBQ_URL name another
    ");
}

#[test]
fn a_script_is_told_by_the_exit_code_that_something_was_not_done() {
    let Some(oracle) = Oracle::start(&[]) else { return };
    let contexts = tempfile::tempdir().unwrap();
    let file = contexts.path().join("contexts.toml");
    let run_in = |args: &[&str], script: &str| run(rbq(args).env("RBQ_CONTEXTS", &file), script.as_bytes());
    let added = run_in(&["context", "add", "prod", &oracle.url(), "--protected"], "");
    assert!(added.status.success(), "{added:?}");
    let repl = ["repl", "--context", "prod"];
    assert_snapshot!(shown(&run_in(&repl, "set a 1 nx\nflushall\nxtrim s maxlen 0\nget a\n"), &oracle), @r#"
    exit 1
    out| OK
    out| "1"
    err| warning: FLUSHALL deletes every key of every database
    err| error: `prod` is protected, and there is no terminal to ask on
    err| hint: `--confirm prod` agrees
    err| nothing was sent
    err| warning: XTRIM throws away all but what it says to keep
    err| error: `prod` is protected, and there is no terminal to ask on
    err| hint: `--confirm prod` agrees
    err| nothing was sent
    "#);
    let confirmed = [&repl[..], &["--confirm", "prod"]].concat();
    assert_snapshot!(shown(&run_in(&confirmed, "del a\n"), &oracle), @r"
    exit 0
    out| (integer) 1
    ");
    let nowhere = |script: &str| {
        let output = run(rbq(&["repl"]).env("RBQ_URL", "unix:///nowhere/rbq.sock"), script.as_bytes());
        (output.status.code().unwrap(), !output.stdout.is_empty())
    };
    // Help needs no server, and everything else does.
    assert_eq!(nowhere("help xlen\n"), (0, true));
    assert_eq!(nowhere("ping\nhelp xlen\n"), (4, false));
    assert_eq!(nowhere("help xlen\nping\n"), (4, true));
    assert_eq!(nowhere(""), (4, false));
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
    out|   example:
    out|   > SET name ann
    out|     OK
    out|   > GET name
    out|     ann
    out|   > GET missing
    out|     nil
    "#);
}

#[test]
fn help_comes_from_our_own_table_where_the_server_gives_none() {
    let Some(oracle) = Oracle::start(&["--user", "ann", "on", ">pw", "~*", "+@all", "-command"]) else { return };
    let url = format!("redis://ann:pw@127.0.0.1:{}", oracle.port);
    let output = run(rbq(&["repl"]).env("RBQ_URL", url), b"help xlen\n");
    assert_snapshot!(text(&output), @r#"
    exit 0
    out| XLEN key
    out|   Counts the entries of a stream.
    out|   group: stream
    out|   since: 5.0.0
    out|   complexity: O(1)
    out|   example:
    out|   > XADD orders 1-1 item book
    out|     "1-1"
    out|   > XLEN orders
    out|     1
    "#);
}

#[test]
fn an_embedded_broker_keeps_its_directory_as_a_server_does() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("data");
    let repl = |script: &str| {
        let args = ["repl", "--embedded", "--dir", path.to_str().unwrap()];
        text(&run(&mut rbq(&args), script.as_bytes()))
    };
    let refused = repl("ping\n");
    let wanted = format!("exit 1\nerr| error: cannot keep data in `{}`: there is no such directory\n", path.display());
    assert!(refused.starts_with(&wanted) && !path.exists(), "{refused}");
    std::fs::create_dir(&path).unwrap();
    assert_snapshot!(repl("rpush jobs a b\nxadd events 1-1 user ann\n"), @r#"
    exit 0
    out| (integer) 2
    out| "1-1"
    "#);
    assert_snapshot!(repl("llen jobs\nxrange events - +\nxinfo groups events\nflushall\n"), @r"
    exit 0
    out| (integer) 2
    out| ID   user
    out| 1-1  ann
    out| (empty array)
    out| OK
    err| warning: FLUSHALL deletes every key of every database
    ");
    assert_eq!(text(&run(&mut rbq(&["repl", "--dir", "x"]), b"")).lines().next(), Some("exit 2"));
}

#[test]
fn streams_and_json_are_shown_by_what_they_are() {
    let script = "xadd s 1-1 data '{\"a\": [1, 2]}'\nxgroup create s g 0\nxreadgroup group g ann streams s >\nxpending s g\n\
                  \\json\nxrange s - +\nmulti\nxlen s\nxrange s - +\nexec\n\\nope\n\\timing maybe\n\\status\n";
    assert_snapshot!(text(&run(&mut rbq(&["repl", "--embedded"]), script.as_bytes())), @r#"
    exit 1
    out| "1-1"
    out| OK
    out| s
    out| ID   data
    out| 1-1  {"a": [1, 2]}
    out| 1 pending, from 1-1 to 1-1
    out| CONSUMER  PENDING
    out| ann       1
    out| JSON over several lines is on
    out| ID   data
    out| 1-1  {
    out|        "a": [
    out|          1,
    out|          2
    out|        ]
    out|      }
    out| OK
    out| QUEUED
    out| QUEUED
    out| 1) (integer) 1
    out| 2)
    out| ID   data
    out| 1-1  {
    out|        "a": [
    out|          1,
    out|          2
    out|        ]
    out|      }
    out| server      embedded
    out| database    0
    out| connection  RESP3, client 1, 0 subscriptions
    out| json        on
    out| tables      on
    out| timing      off
    err| error: no command is called `\nope`; `\help` lists those with a backslash
    err| error: `\timing` is followed by `on`, `off` or nothing
    "#);
}
