//! Keys from Redis to rbq and back: whatever the way, the same keys are there afterwards, and XINFO says the same of them.
#![allow(clippy::unwrap_used)]

mod support;

#[path = "../../crates/rdb/tests/scene/lines.rs"]
mod scene;

use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use insta::assert_snapshot;
use rbq_client::{Client, Options, Request, Value};
use support::{Oracle, client, rbq, run, start, text};
use tempfile::TempDir;

/// An `rbq server` on a Unix socket in a directory of its own.
struct Server {
    child: Child,
    dir: TempDir,
}

impl Server {
    fn start() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().to_str().unwrap();
        let mut command =
            rbq(&["server", "--port", "0", "--unixsocket", "rbq.sock", "--dir", path, "--appendfsync", "no"]);
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        let mut log = BufReader::new(child.stderr.take().unwrap());
        let mut said = String::new();
        while !said.contains("ready to accept connections") {
            assert!(log.read_line(&mut said).unwrap() > 0, "the server ended: {said}");
        }
        // Read on, or a full pipe would hold up the server.
        std::thread::spawn(move || log.read_to_end(&mut Vec::new()));
        Self { child, dir }
    }

    fn url(&self) -> String {
        format!("unix://{}/rbq.sock", self.dir.path().display())
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = rbq(args);
        command.env("RBQ_URL", self.url());
        command
    }

    /// What a run says, without this run's directories.
    fn play(&self, args: &[&str]) -> String {
        let shown = text(&run(&mut self.command(args), b"")).replace(&self.url(), "TARGET");
        args.iter().filter(|arg| arg.contains('/')).fold(shown, |shown, path| shown.replace(path, "SOURCE"))
    }

    async fn client(&self) -> Client {
        Client::connect(&self.url().parse().unwrap(), &Options::default()).await.unwrap().0
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

async fn ask(client: &Client, words: &[&str]) -> Value {
    client.call(Request::from(words)).await.unwrap_or_else(|error| panic!("{words:?}: {error}"))
}

/// The scene, and values of many nodes.
async fn fill(client: &Client) {
    for line in scene::SCENE.lines() {
        let words: Vec<String> = line.split(' ').map(|word| word.replace("\\x20", " ").replace("\\n", "\n")).collect();
        client.call(Request::from(&words)).await.unwrap_or_else(|error| panic!("{line}: {error}"));
    }
    for number in 0..1300 {
        let (id, number) = (format!("{}-1", number + 1), number.to_string());
        ask(client, &["rpush", "many", &number, "\u{0}\r\n"]).await;
        ask(client, &["xadd", "flood", &id, "n", &number, "text", "x"]).await;
    }
    ask(client, &["xgroup", "create", "flood", "busy", "0"]).await;
    for consumer in ["ann", "bob", "cat"] {
        ask(client, &["xreadgroup", "group", "busy", consumer, "count", "300", "streams", "flood", ">"]).await;
    }
    ask(client, &["xclaim", "flood", "busy", "dan", "0", "7-1", "8-1", "time", "1700000000000", "retrycount", "9"])
        .await;
    for id in ["5-1", "8-1", "700-1", "1300-1"] {
        ask(client, &["xdel", "flood", id]).await;
    }
    ask(client, &["xtrim", "flood", "minid", "=", "4-1"]).await;
}

/// Members of XINFO that are not the stream's: how it lies in memory, when somebody asked, what Redis 7.0 has not.
const NOT_COMPARED: &[&str] =
    &["radix-tree-keys", "radix-tree-nodes", "seen-time", "active-time", "lag", "nacked-count", "idle", "inactive"];

fn said(value: &Value, out: &mut String) {
    match value {
        Value::Map(pairs) => {
            for (name, value) in pairs {
                let name = String::from_utf8_lossy(name.as_bytes().unwrap()).into_owned();
                let is_idempotent = ["idmp-", "pids-", "iids-"].iter().any(|start| name.starts_with(start));
                if !is_idempotent && !NOT_COMPARED.contains(&name.as_str()) {
                    out.push_str(&format!("{name}="));
                    said(value, out);
                    out.push('\n');
                }
            }
        }
        Value::Array(values) => values.iter().for_each(|value| said(value, out)),
        Value::Bulk(bytes) => out.push_str(&format!("{} ", bytes.escape_ascii())),
        Value::Integer(number) => out.push_str(&format!("{number} ")),
        other => out.push_str(&format!("{other:?} ")),
    }
}

/// Everything in a server of the types that both have.
async fn everything(client: &Client) -> Vec<String> {
    let mut all = Vec::new();
    for db in ["0", "3"] {
        ask(client, &["select", db]).await;
        let Value::Array(names) = ask(client, &["keys", "*"]).await else { panic!("no array") };
        for name in names {
            let name = String::from_utf8(name.as_bytes().unwrap().to_vec()).unwrap();
            let kind = ask(client, &["type", &name]).await;
            let value = match kind.as_bytes().unwrap() {
                b"string" => ask(client, &["get", &name]).await,
                b"list" => ask(client, &["lrange", &name, "0", "-1"]).await,
                b"stream" => ask(client, &["xinfo", "stream", &name, "full", "count", "0"]).await,
                _ => continue,
            };
            let mut text = format!("{db} {name} ");
            said(&ask(client, &["pexpiretime", &name]).await, &mut text);
            said(&value, &mut text);
            if kind.as_bytes() == Some(b"stream") {
                let Value::Array(groups) = ask(client, &["xinfo", "groups", &name]).await else { panic!("no array") };
                for group in groups {
                    let Value::Map(members) = group else { panic!("no map") };
                    let group = String::from_utf8(members[0].1.as_bytes().unwrap().to_vec()).unwrap();
                    said(&ask(client, &["xpending", &name, &group]).await, &mut text);
                    said(&ask(client, &["xinfo", "consumers", &name, &group]).await, &mut text);
                }
            }
            all.push(text);
        }
    }
    ask(client, &["select", "0"]).await;
    all.sort();
    all
}

/// Shows where the first difference is, and not the thousands of entries around it.
fn same(left: &[String], right: &[String]) {
    for (left, right) in left.iter().zip(right) {
        let at = left.bytes().zip(right.bytes()).take_while(|(left, right)| left == right).count();
        let around = |text: &str| {
            String::from_utf8_lossy(text.as_bytes()).chars().skip(at.saturating_sub(80)).take(160).collect::<String>()
        };
        assert!(left == right, "{}\n  is not\n{}", around(left), around(right));
    }
    assert_eq!(left.len(), right.len());
}

async fn directory(client: &Client) -> PathBuf {
    let Value::Map(pairs) = ask(client, &["config", "get", "dir"]).await else { panic!("no map") };
    String::from_utf8(pairs[0].1.as_bytes().unwrap().to_vec()).unwrap().into()
}

/// Exports a server and pipes the commands into a fresh redis-server.
async fn piped(server: &Server) -> Vec<String> {
    let exported = run(&mut server.command(&["export", "-q"]), b"");
    assert_eq!(exported.status.code(), Some(0), "{exported:?}");
    let oracle = Oracle::start(&[]).unwrap();
    let piped = run(Command::new("redis-cli").args(["-p", &oracle.port.to_string(), "--pipe"]), &exported.stdout);
    let said = String::from_utf8_lossy(&piped.stdout).into_owned();
    assert!(said.contains("errors: 0"), "{said}");
    everything(&client(&oracle).await).await
}

#[tokio::test]
async fn a_file_goes_into_rbq_and_comes_back_as_commands() {
    let Some(oracle) = Oracle::start(&["--stream-node-max-entries", "10"]) else { return };
    let redis = client(&oracle).await;
    fill(&redis).await;
    let wanted = everything(&redis).await;
    ask(&redis, &["save"]).await;
    let file = directory(&redis).await.join("dump.rdb");
    let server = Server::start();
    assert_snapshot!(server.play(&["import", file.to_str().unwrap()]), @r"
    exit 3
    out| SKIPPED           DB  COUNT  WHY                   EXAMPLES
    out| function library   -      1  rbq has no functions
    out| hash               0      1  rbq has no such type  hash
    out| set                0      2  rbq has no such type  ints, words
    out| zset               0      1  rbq has no such type  scores
    err| imported 18 keys (3 lists, 5 streams, 10 strings); 5 skipped
    ");
    same(&everything(&server.client().await).await, &wanted);
    same(&piped(&server).await, &wanted);
}

#[tokio::test]
async fn a_server_at_work_is_imported_key_by_key() {
    let Some(oracle) = Oracle::start(&[]) else { return };
    let redis = client(&oracle).await;
    fill(&redis).await;
    let wanted = everything(&redis).await;
    let server = Server::start();
    let said = server.play(&["import", &oracle.url()]);
    assert!(said.starts_with("exit 3\n"), "{said}");
    same(&everything(&server.client().await).await, &wanted);
    // From rbq, which has no DUMP, to rbq.
    let second = Server::start();
    let said = second.play(&["import", &server.url()]);
    assert!(said.starts_with("exit 0\n"), "{said}");
    same(&everything(&second.client().await).await, &wanted);
}

#[tokio::test]
async fn an_export_of_redis_is_what_its_import_would_be() {
    let Some(oracle) = Oracle::start(&[]) else { return };
    let redis = client(&oracle).await;
    fill(&redis).await;
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("out.resp");
    let exported = run(rbq(&["export", file.to_str().unwrap()]).env("RBQ_URL", oracle.url()), b"");
    assert_snapshot!(text(&exported), @r"
    exit 3
    err| exported 18 keys (3 lists, 5 streams, 10 strings); 4 skipped
    err| skipped 1 hash in database 0: rbq has no such type (hash)
    err| skipped 2 set in database 0: rbq has no such type (ints, words)
    err| skipped 1 zset in database 0: rbq has no such type (scores)
    ");
    let server = Server::start();
    let piped = run(
        Command::new("redis-cli").args(["-s", &format!("{}/rbq.sock", server.dir.path().display()), "--pipe"]),
        &std::fs::read(&file).unwrap(),
    );
    assert!(String::from_utf8_lossy(&piped.stdout).contains("errors: 0"), "{piped:?}");
    same(&everything(&server.client().await).await, &everything(&redis).await);
    let again = text(&run(rbq(&["export", file.to_str().unwrap()]).env("RBQ_URL", oracle.url()), b""));
    assert!(again.contains("is there already"), "{again}");
}

#[tokio::test]
async fn a_part_is_exported_by_database_and_by_pattern() {
    let Some(oracle) = Oracle::start(&[]) else { return };
    let redis = client(&oracle).await;
    fill(&redis).await;
    let export = |args: &[&str]| {
        let args = [&["export", "-q"], args].concat();
        String::from_utf8(run(rbq(&args).env("RBQ_URL", oracle.url()), b"").stdout).unwrap()
    };
    assert_eq!(
        export(&["--db", "3"]),
        "*2\r\n$6\r\nSELECT\r\n$1\r\n3\r\n*3\r\n$3\r\nSET\r\n$9\r\nelsewhere\r\n$1\r\n3\r\n"
    );
    let late =
        "*3\r\n$3\r\nSET\r\n$4\r\nlate\r\n$1\r\nx\r\n*3\r\n$9\r\nPEXPIREAT\r\n$4\r\nlate\r\n$13\r\n4102444800123\r\n";
    assert_eq!(export(&["--match", "lat?"]), late);
    assert_eq!(export(&["--match", "late", "--replace"]), format!("*2\r\n$3\r\nDEL\r\n$4\r\nlate\r\n{late}"));
}

/// A server with an append-only file.
fn logging(options: &[&str]) -> Option<Oracle> {
    Oracle::start(&[&["--appendonly", "yes"], options].concat())
}

async fn rewritten(redis: &Client) {
    ask(redis, &["bgrewriteaof"]).await;
    loop {
        let info = ask(redis, &["info", "persistence"]).await;
        let info = String::from_utf8_lossy(info.as_bytes().unwrap()).into_owned();
        if info.contains("aof_rewrite_in_progress:0") && info.contains("aof_rewrite_scheduled:0") {
            return;
        }
        tokio::task::yield_now().await;
    }
}

/// Without the strings that commands made which rbq has not.
async fn of_commands_we_have(redis: &Client) -> Vec<String> {
    let is_ours = |text: &String| !text.starts_with("0 bits ") && !text.starts_with("0 loglog ");
    everything(redis).await.into_iter().filter(is_ours).collect()
}

#[tokio::test]
async fn append_only_directories_are_imported_with_what_came_after_their_rewrite() {
    for options in [&["--aof-timestamp-enabled", "yes"][..], &["--aof-use-rdb-preamble", "no"]] {
        let Some(oracle) = logging(options) else { return };
        let redis = client(&oracle).await;
        fill(&redis).await;
        let log = directory(&redis).await.join("appendonlydir");
        let server = Server::start();
        let said = server.play(&["import", log.to_str().unwrap()]);
        for (command, count) in [("FUNCTION LOAD", 1), ("HSET", 1), ("SADD", 2), ("ZADD", 1)] {
            let found = said.lines().find(|line| line.contains(&format!("command {command} "))).unwrap();
            assert!(found.contains(&format!("   {count}  rbq has no such command")), "{said}");
        }
        // What redis-server itself makes of its files: it forgets how many entries a group has read, and in a base of commands
        // what is pending of deleted entries.
        ask(&redis, &["debug", "loadaof"]).await;
        same(&everything(&server.client().await).await, &of_commands_we_have(&redis).await);

        // In these two streams a base of commands has claims of what is deleted alone. Since Redis 7.2 they make their
        // consumer all the same.
        ask(&redis, &["del", "bits", "loglog", "gone", "plain"]).await;
        rewritten(&redis).await;
        ask(&redis, &["multi"]).await;
        ask(&redis, &["rpush", "later", "a", "b"]).await;
        ask(&redis, &["hset", "hash", "c", "3"]).await;
        ask(&redis, &["exec"]).await;
        ask(&redis, &["xreadgroup", "group", "busy", "eve", "streams", "flood", ">"]).await;
        ask(&redis, &["xack", "flood", "busy", "9-1"]).await;
        ask(&redis, &["del", "hash", "number"]).await;
        let server = Server::start();
        let said = server.play(&["import", log.to_str().unwrap()]);
        assert!(said.starts_with("exit 3\n") && said.contains("command HSET"), "{said}");
        ask(&redis, &["debug", "loadaof"]).await;
        same(&everything(&server.client().await).await, &everything(&redis).await);
    }
}

#[tokio::test]
async fn a_torn_log_counts_up_to_where_it_is_torn() {
    let Some(oracle) = logging(&[]) else { return };
    let redis = client(&oracle).await;
    ask(&redis, &["rpush", "mail", "one"]).await;
    ask(&redis, &["rpush", "mail", "two"]).await;
    let log = directory(&redis).await.join("appendonlydir");
    drop(redis);
    let torn = tempfile::tempdir().unwrap();
    for entry in std::fs::read_dir(&log).unwrap() {
        let entry = entry.unwrap();
        std::fs::copy(entry.path(), torn.path().join(entry.file_name())).unwrap();
    }
    let incremental = torn.path().join("appendonly.aof.1.incr.aof");
    let bytes = std::fs::read(&incremental).unwrap();
    std::fs::write(&incremental, &bytes[..bytes.len() - 3]).unwrap();
    let server = Server::start();
    assert_snapshot!(server.play(&["import", torn.path().to_str().unwrap()]), @r"
    exit 0
    err| warning: `SOURCE/appendonly.aof.1.incr.aof` ends in the middle of a command, at byte 57; what comes before it counts
    err| imported 1 command
    ");
    assert_snapshot!(server.play(&["cli", "lrange", "mail", "0", "-1"]), @r"
    exit 0
    out| one
    ");
    // A log is a history, and wants to begin at the beginning.
    assert_snapshot!(server.play(&["import", torn.path().to_str().unwrap()]), @r"
    exit 1
    err| warning: `SOURCE/appendonly.aof.1.incr.aof` ends in the middle of a command, at byte 57; what comes before it counts
    err| error: the source is a log of commands, and the target is not empty
    err| hint: import it into an empty server; an RDB file can be imported beside other keys
    ");
}

#[tokio::test]
async fn a_log_from_before_redis_7_is_one_file_perhaps_with_keys_first() {
    let Some(oracle) = Oracle::start(&[]) else { return };
    let redis = client(&oracle).await;
    ask(&redis, &["rpush", "mail", "one"]).await;
    ask(&redis, &["save"]).await;
    let mut bytes = std::fs::read(directory(&redis).await.join("dump.rdb")).unwrap();
    bytes.extend_from_slice(b"*2\r\n$6\r\nSELECT\r\n$1\r\n0\r\n*3\r\n$5\r\nRPUSH\r\n$4\r\nmail\r\n$3\r\ntwo\r\n");
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("appendonly.aof");
    std::fs::write(&file, bytes).unwrap();
    let server = Server::start();
    assert_snapshot!(server.play(&["import", file.to_str().unwrap()]), @r"
    exit 0
    err| imported 1 key (1 list), 1 command
    ");
    assert_snapshot!(server.play(&["cli", "lrange", "mail", "0", "-1"]), @r"
    exit 0
    out| one
    out| two
    ");
}

fn dumped(dir: &Path) -> PathBuf {
    dir.join("dump.rdb")
}

#[tokio::test]
async fn keys_that_are_there_are_kept_unless_told_otherwise() {
    let Some(oracle) = Oracle::start(&[]) else { return };
    let redis = client(&oracle).await;
    ask(&redis, &["mset", "a", "1", "b", "2", "c", "3"]).await;
    ask(&redis, &["rpush", "list", "x"]).await;
    ask(&redis, &["save"]).await;
    let file = dumped(&directory(&redis).await);
    let file = file.to_str().unwrap();
    let server = Server::start();
    server.play(&["cli", "mset", "a", "mine", "other", "mine"]);
    server.play(&["cli", "rpush", "list", "mine"]);
    assert_snapshot!(server.play(&["import", file]), @r"
    exit 1
    err| error: 2 keys of the source are in the target already: a, list
    err| hint: `--replace` overwrites such keys, `--skip-existing` leaves them alone
    ");
    assert_snapshot!(server.play(&["cli", "mget", "a", "b"]), @r"
    exit 0
    out| mine
    out|
    ");
    assert_snapshot!(server.play(&["import", file, "--skip-existing"]), @r"
    exit 0
    out| SKIPPED  DB  COUNT  WHY                     EXAMPLES
    out| key       0      2  the target has the key  a, list
    err| imported 2 keys (2 strings); 2 skipped
    ");
    assert_snapshot!(server.play(&["cli", "mget", "a", "b", "c", "other"]), @r"
    exit 0
    out| mine
    out| 2
    out| 3
    out| mine
    ");
    assert_snapshot!(server.play(&["import", file, "--replace"]), @r"
    exit 2
    err| plan: import `SOURCE`, overwriting keys of the same names on TARGET
    err| error: there is no terminal to ask on
    err| hint: `--yes` agrees to the above
    ");
    assert_snapshot!(server.play(&["import", file, "--replace", "--yes"]), @r"
    exit 0
    err| plan: import `SOURCE`, overwriting keys of the same names on TARGET
    err| imported 4 keys (1 list, 3 strings)
    ");
    assert_snapshot!(server.play(&["cli", "mget", "a", "b", "c", "other"]), @r"
    exit 0
    out| 1
    out| 2
    out| 3
    out| mine
    ");
    assert_snapshot!(server.play(&["cli", "lrange", "list", "0", "-1"]), @r"
    exit 0
    out| x
    ");
    // The same policies for a server at work.
    let refused = server.play(&["import", &oracle.url()]);
    assert!(refused.contains("4 keys of the source are in the target already"), "{refused}");
    let skipped = server.play(&["import", &oracle.url(), "--skip-existing"]);
    assert!(skipped.contains("imported 0 keys; 4 skipped"), "{skipped}");
}

#[tokio::test]
async fn a_rehearsal_reads_and_sends_nothing() {
    let Some(oracle) = Oracle::start(&[]) else { return };
    let redis = client(&oracle).await;
    fill(&redis).await;
    ask(&redis, &["save"]).await;
    let file = dumped(&directory(&redis).await);
    let rehearse =
        |source: &str, output: &str| text(&run(&mut rbq(&["import", source, "--dry-run", "--output", output]), b""));
    assert_snapshot!(rehearse(file.to_str().unwrap(), "text"), @r"
    exit 3
    out| SKIPPED           DB  COUNT  WHY                   EXAMPLES
    out| function library   -      1  rbq has no functions
    out| hash               0      1  rbq has no such type  hash
    out| set                0      2  rbq has no such type  ints, words
    out| zset               0      1  rbq has no such type  scores
    err| would import 18 keys (3 lists, 5 streams, 10 strings); 5 skipped
    ");
    assert_snapshot!(rehearse(file.to_str().unwrap(), "jsonl"), @r#"
    exit 3
    out| {"what":"function library","db":null,"count":1,"why":"rbq has no functions","examples":[]}
    out| {"what":"hash","db":0,"count":1,"why":"rbq has no such type","examples":["hash"]}
    out| {"what":"set","db":0,"count":2,"why":"rbq has no such type","examples":["ints","words"]}
    out| {"what":"zset","db":0,"count":1,"why":"rbq has no such type","examples":["scores"]}
    err| would import 18 keys (3 lists, 5 streams, 10 strings); 5 skipped
    "#);
    assert_snapshot!(rehearse(&oracle.url(), "text"), @r"
    exit 3
    out| SKIPPED  DB  COUNT  WHY                   EXAMPLES
    out| hash      0      1  rbq has no such type  hash
    out| set       0      2  rbq has no such type  ints, words
    out| zset      0      1  rbq has no such type  scores
    err| would import 18 keys (3 lists, 5 streams, 10 strings); 4 skipped
    ");
}

#[tokio::test]
async fn ctrl_c_ends_between_two_keys_and_tells_how_far_it_came() {
    let Some(oracle) = Oracle::start(&[]) else { return };
    let redis = client(&oracle).await;
    for number in 0..2_000 {
        ask(&redis, &["set", &format!("key-{number}"), "x"]).await;
    }
    ask(&redis, &["save"]).await;
    let file = dumped(&directory(&redis).await);
    let target = Oracle::start(&[]).unwrap();
    let look = client(&target).await;
    ask(&look, &["client", "pause", "100000", "write"]).await;
    let mut command = rbq(&["import", file.to_str().unwrap()]);
    let import = start(command.env("RBQ_URL", target.url()));
    // It has sent what it may send ahead, and waits.
    support::until(&look, "info clients", |info| {
        String::from_utf8_lossy(info.as_bytes().unwrap()).contains("blocked_clients:1")
    })
    .await;
    let pid = import.id().to_string();
    assert!(Command::new("kill").args(["-INT", &pid]).status().unwrap().success());
    ask(&look, &["client", "unpause"]).await;
    let output = import.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(130), "{said}");
    let Value::Integer(there) = ask(&look, &["dbsize"]).await else { panic!("no number") };
    assert!(there < 2_000);
    assert_eq!(said, format!("imported so far {there} keys ({there} strings)\n"));
}

#[tokio::test]
async fn a_target_that_takes_no_more_ends_the_import() {
    let Some(oracle) = Oracle::start(&[]) else { return };
    let redis = client(&oracle).await;
    ask(&redis, &["mset", "a", "1", "b", "2"]).await;
    ask(&redis, &["save"]).await;
    let file = dumped(&directory(&redis).await);
    let full = Oracle::start(&["--maxmemory", "1"]).unwrap();
    let output = run(rbq(&["import", file.to_str().unwrap()]).env("RBQ_URL", full.url()), b"");
    assert_snapshot!(text(&output), @r"
    exit 1
    err| imported so far 0 keys
    err| error: OOM command not allowed when used memory > 'maxmemory'.
    ");
}

#[tokio::test]
async fn a_damaged_file_is_refused_before_anything_is_written() {
    let Some(oracle) = Oracle::start(&[]) else { return };
    let redis = client(&oracle).await;
    ask(&redis, &["mset", "a", "1", "b", "2"]).await;
    ask(&redis, &["save"]).await;
    let mut bytes = std::fs::read(dumped(&directory(&redis).await)).unwrap();
    let dir = tempfile::tempdir().unwrap();
    let file = dumped(dir.path());
    let last = bytes.len() - 1;
    bytes[last] ^= 1;
    std::fs::write(&file, &bytes).unwrap();
    let server = Server::start();
    let said = server.play(&["import", file.to_str().unwrap()]);
    assert!(said.contains("the checksum does not fit"), "{said}");
    assert_eq!(server.play(&["cli", "dbsize"]), "exit 0\nout| 0\n");
    std::fs::write(&file, "hello").unwrap();
    assert_snapshot!(server.play(&["import", file.to_str().unwrap()]), @r"
    exit 1
    err| error: `SOURCE` is neither an RDB file nor an append-only file
    ");
    assert_snapshot!(server.play(&["import", dir.path().to_str().unwrap()]), @r"
    exit 1
    err| error: there is no manifest in `SOURCE`
    err| hint: give an RDB file, an append-only file, or a directory as Redis writes it, `appendonlydir`
    ");
    assert_snapshot!(server.play(&["import", "/nowhere/dump.rdb"]), @r"
    exit 1
    err| error: cannot read `SOURCE`: no such file or directory
    ");
    assert_snapshot!(server.play(&["import", &server.url()]), @r"
    exit 2
    err| error: the source is the target
    err| hint: --url names the target
    ");
}

#[tokio::test]
async fn what_was_handed_back_and_its_limits_come_through_from_rbq_to_rbq() {
    let server = Server::start();
    let from = server.client().await;
    for line in [
        "xadd s 1-1 a b",
        "xadd s 2-1 a b",
        "xadd s 3-1 a b",
        "xgroup create s g 0",
        "xreadgroup group g ann streams s >",
        "xnack s g fail ids 1 2-1",
        "xnack s g fatal ids 1 1-1",
        "xdel s 2-1",
        "xcfgset s idmp-duration 300 idmp-maxsize 7",
        "xadd s idmp shop 17 * a b",
    ] {
        ask(&from, &line.split(' ').collect::<Vec<_>>()).await;
    }
    let second = Server::start();
    assert_snapshot!(second.play(&["import", &server.url()]), @r"
    exit 3
    out| SKIPPED         DB  COUNT  WHY                    EXAMPLES
    out| idempotent IDs   0      1  no command tells them  s
    err| imported 1 key (1 stream); 1 skipped
    ");
    let to = second.client().await;
    same(&everything(&to).await, &everything(&from).await);
    for question in [&["xpending", "s", "g", "-", "+", "10"][..], &["xinfo", "groups", "s"]] {
        let [mut left, mut right] = [String::new(), String::new()];
        said(&ask(&from, question).await, &mut left);
        said(&ask(&to, question).await, &mut right);
        // The idle time of what is somebody's goes on.
        let before = |text: &str| text.split("ann").next().unwrap().to_owned();
        assert_eq!(before(&left), before(&right));
    }
}

#[tokio::test]
async fn a_redis_is_told_what_it_is_used_for_that_rbq_lacks() {
    let Some(oracle) = Oracle::start(&["--maxmemory", "100mb", "--maxmemory-policy", "allkeys-lru"]) else { return };
    let redis = client(&oracle).await;
    let check = |args: &[&str]| {
        let url = oracle.url();
        let args = [&["check", "compat", url.as_str()], args].concat();
        text(&run(&mut rbq(&args), b"")).replace(&oracle.port.to_string(), "PORT")
    };
    ask(&redis, &["rpush", "mail", "one"]).await;
    assert_snapshot!(check(&[]), @r"
    exit 1
    out| LEVEL    AREA     WHAT      USED         ADVICE
    out| warning  setting  eviction  allkeys-lru  rbq never evicts: at maxmemory it refuses what adds; trim streams, or set expiries
    err| redis://127.0.0.1:PORT: 0 lacking, 1 warnings; 1 of 1 keys looked at
    ");
    ask(&redis, &["config", "set", "maxmemory", "0"]).await;
    assert_snapshot!(check(&[]), @r"
    exit 0
    err| redis://127.0.0.1:PORT: 0 lacking, 0 warnings; 1 of 1 keys looked at
    ");
    fill(&redis).await;
    ask(&redis, &["eval", "return 1", "0"]).await;
    ask(&redis, &["acl", "setuser", "ann", "on"]).await;
    assert_snapshot!(check(&["--all"]), @r"
    exit 2
    out| LEVEL    AREA     WHAT           USED                          ADVICE
    out| lacking  command  EVAL           1 call                        atomic steps are MULTI and EXEC with WATCH
    out| lacking  command  FUNCTION LOAD  1 call                        atomic steps are MULTI and EXEC with WATCH
    out| lacking  command  HSET           1 call                        a string per field, or one string of JSON; or leave hashes in a Redis beside
    out| lacking  command  PFADD          1 call                        leave keys of this kind in a Redis beside
    out| lacking  command  SADD           2 calls                       leave sets in a Redis beside; to drop duplicates, SET key value NX EX seconds
    out| lacking  command  SETBIT         1 call                        leave keys of this kind in a Redis beside
    out| lacking  command  ZADD           1 call                        leave sorted sets in a Redis beside; a schedule can be kept by its application
    out| lacking  setting  scripts        1 cached                      atomic steps are MULTI and EXEC with WATCH
    out| lacking  setting  functions      1 libraries                   rbq has no functions: do their work in the client
    out| lacking  type     hash           1 in database 0: hash         a string per field, or one string of JSON; or leave hashes in a Redis beside
    out| lacking  type     set            2 in database 0: ints, words  leave sets in a Redis beside; to drop duplicates, SET key value NX EX seconds
    out| lacking  type     zset           1 in database 0: scores       leave sorted sets in a Redis beside; a schedule can be kept by its application
    out| warning  command  ACL SETUSER    1 call                        an operator's command: see docs/differences.md
    out| warning  setting  users          2 users                       rbq has one user, `default`, with the password `requirepass`
    err| redis://127.0.0.1:PORT: 12 lacking, 2 warnings; 23 of 23 keys looked at
    ");
    let json = check(&["--output", "json", "-q"]);
    assert!(json.starts_with("exit 2\nout| [{\"level\":\"lacking\",\"area\":\""), "{json}");
}
