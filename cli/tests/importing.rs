//! What an import refuses, skips, overwrites and tells, and what a check of compatibility finds.
#![allow(clippy::unwrap_used)]

mod support;

use std::process::Command;

use insta::assert_snapshot;
use rbq_client::Value;
use support::keys::{ask, client_of, directory, fill, import, log_of};
use support::own::Server;
use support::{Oracle, client, oracle, rbq, run, start, text};

#[tokio::test]
async fn keys_that_are_there_are_kept_unless_told_otherwise() {
    let Some(oracle) = Oracle::start(&[]) else { return };
    let redis = client(&oracle).await;
    ask(&redis, &["mset", "a", "1", "b", "2", "c", "3"]).await;
    ask(&redis, &["rpush", "list", "x"]).await;
    ask(&redis, &["save"]).await;
    let file = directory(&redis).await.join("dump.rdb");
    let file = file.to_str().unwrap();
    let server = Server::start();
    server.play(&["cli", "mset", "a", "mine", "other", "mine"], "");
    server.play(&["cli", "rpush", "list", "mine"], "");
    assert_snapshot!(import(&server, &[file]), @r"
    exit 1
    err| error: 2 keys of the source are in the target already: a, list
    err| hint: `--replace` overwrites such keys, `--skip-existing` leaves them alone
    ");
    assert_snapshot!(server.play(&["cli", "mget", "a", "b"], ""), @r"
    exit 0
    out| mine
    out|
    ");
    assert_snapshot!(import(&server, &[file, "--skip-existing"]), @r"
    exit 0
    out| SKIPPED  DB  COUNT  WHY                     EXAMPLES
    out| key       0      2  the target has the key  a, list
    err| imported 2 keys (2 strings); 2 skipped
    ");
    assert_snapshot!(server.play(&["cli", "mget", "a", "b", "c", "other"], ""), @r"
    exit 0
    out| mine
    out| 2
    out| 3
    out| mine
    ");
    assert_snapshot!(import(&server, &[file, "--replace"]), @r"
    exit 2
    err| plan: import `SOURCE`, overwriting keys of the same names on TARGET
    err| error: there is no terminal to ask on
    err| hint: `--yes` agrees to the above
    ");
    assert_snapshot!(import(&server, &[file, "--replace", "--yes"]), @r"
    exit 0
    err| plan: import `SOURCE`, overwriting keys of the same names on TARGET
    err| imported 4 keys (1 list, 3 strings)
    ");
    assert_snapshot!(server.play(&["cli", "mget", "a", "b", "c", "other"], ""), @r"
    exit 0
    out| 1
    out| 2
    out| 3
    out| mine
    ");
    assert_snapshot!(server.play(&["cli", "lrange", "list", "0", "-1"], ""), @r"
    exit 0
    out| x
    ");
    // The same policies for a server at work.
    let refused = import(&server, &[&oracle.url()]);
    assert!(refused.contains("4 keys of the source are in the target already"), "{refused}");
    let skipped = import(&server, &[&oracle.url(), "--skip-existing"]);
    assert!(skipped.contains("imported 0 keys; 4 skipped"), "{skipped}");
}

#[tokio::test]
async fn a_rehearsal_reads_and_sends_nothing() {
    let Some(oracle) = Oracle::start(&[]) else { return };
    let redis = client(&oracle).await;
    fill(&redis).await;
    ask(&redis, &["save"]).await;
    let file = directory(&redis).await.join("dump.rdb");
    let rehearse =
        |source: &str, output: &str| text(&run(&mut rbq(&["import", source, "--dry-run", "--output", output]), b""));
    if oracle::is_before_7() {
        for source in [file.to_str().unwrap(), &oracle.url()] {
            let told = rehearse(source, "text");
            assert!(told.starts_with("exit 3\nout| SKIPPED  DB  COUNT  WHY                   EXAMPLES\n"), "{told}");
            let last = "err| would import 19 keys (3 lists, 6 streams, 10 strings); 4 skipped\n";
            assert!(told.ends_with(last), "{told}");
        }
        return;
    }
    assert_snapshot!(rehearse(file.to_str().unwrap(), "text"), @r"
    exit 3
    out| SKIPPED           DB  COUNT  WHY                   EXAMPLES
    out| function library   -      1  rbq has no functions
    out| hash               0      1  rbq has no such type  hash
    out| set                0      2  rbq has no such type  ints, words
    out| zset               0      1  rbq has no such type  scores
    err| would import 19 keys (3 lists, 6 streams, 10 strings); 5 skipped
    ");
    assert_snapshot!(rehearse(file.to_str().unwrap(), "jsonl"), @r#"
    exit 3
    out| {"what":"function library","db":null,"count":1,"why":"rbq has no functions","examples":[]}
    out| {"what":"hash","db":0,"count":1,"why":"rbq has no such type","examples":["hash"]}
    out| {"what":"set","db":0,"count":2,"why":"rbq has no such type","examples":["ints","words"]}
    out| {"what":"zset","db":0,"count":1,"why":"rbq has no such type","examples":["scores"]}
    err| would import 19 keys (3 lists, 6 streams, 10 strings); 5 skipped
    "#);
    assert_snapshot!(rehearse(&oracle.url(), "text"), @r"
    exit 3
    out| SKIPPED           DB  COUNT  WHY                   EXAMPLES
    out| function library   -      1  rbq has no functions
    out| hash               0      1  rbq has no such type  hash
    out| set                0      2  rbq has no such type  ints, words
    out| zset               0      1  rbq has no such type  scores
    err| would import 19 keys (3 lists, 6 streams, 10 strings); 5 skipped
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
    let file = directory(&redis).await.join("dump.rdb");
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
    ask(&redis, &["set", "a", "1"]).await;
    ask(&redis, &["save"]).await;
    let file = directory(&redis).await.join("dump.rdb");
    let full = Oracle::start(&["--maxmemory", "1"]).unwrap();
    let output = run(rbq(&["import", file.to_str().unwrap()]).env("RBQ_URL", full.url()), b"");
    assert_snapshot!(text(&output), @r"
    exit 1
    err| imported so far 0 keys
    err| error: the target did not take `a`: OOM command not allowed when used memory > 'maxmemory'.
    err| hint: every key in the target is whole; `--skip-existing` brings the rest
    ");
}

#[tokio::test]
async fn a_damaged_file_is_refused_before_anything_is_written() {
    let Some(oracle) = Oracle::start(&[]) else { return };
    let redis = client(&oracle).await;
    ask(&redis, &["mset", "a", "1", "b", "2"]).await;
    ask(&redis, &["save"]).await;
    let mut bytes = std::fs::read(directory(&redis).await.join("dump.rdb")).unwrap();
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("dump.rdb");
    let last = bytes.len() - 1;
    bytes[last] ^= 1;
    std::fs::write(&file, &bytes).unwrap();
    let server = Server::start();
    let said = import(&server, &[file.to_str().unwrap()]);
    assert!(said.contains("the checksum does not fit"), "{said}");
    assert_eq!(server.play(&["cli", "dbsize"], ""), "exit 0\nout| 0\n");
    std::fs::write(&file, "hello").unwrap();
    assert_snapshot!(import(&server, &[file.to_str().unwrap()]), @r"
    exit 1
    err| error: `SOURCE` is neither an RDB file nor an append-only file
    ");
    assert_snapshot!(import(&server, &[dir.path().to_str().unwrap()]), @r"
    exit 1
    err| error: there is no manifest in `SOURCE`
    err| hint: give an RDB file, an append-only file, or a directory as Redis writes it, `appendonlydir`
    ");
    assert_snapshot!(import(&server, &["/nowhere/dump.rdb"]), @r"
    exit 1
    err| error: cannot read `SOURCE`: no such file or directory
    ");
    let said = import(&server, &["127.0.0.1:1"]);
    assert!(said.ends_with("err| hint: a server is named by a URL: `redis://127.0.0.1:1`\n"), "{said}");
    let data = dir.path().join("rbq-data");
    std::fs::create_dir(&data).unwrap();
    for (file, what) in [("segment-0000000000000001.log", "data directory"), ("backup.mark", "backup")] {
        std::fs::write(data.join(file), "x").unwrap();
        for (named, meant) in [(dir.path(), "SOURCE/rbq-data"), (&data, "SOURCE")] {
            let said = import(&server, &[named.to_str().unwrap()]);
            let wanted = format!("err| error: `{meant}` is a {what} of rbq, and nothing that Redis wrote\n");
            assert!(said.contains(&wanted), "{said}");
        }
    }
    assert_snapshot!(import(&server, &[&server.url()]), @r"
    exit 2
    err| error: the source is the target
    err| hint: --url names the target
    ");
}

#[test]
fn a_target_names_no_database() {
    let args = ["import", "redis://127.0.0.1:1", "--url", "redis://127.0.0.1:2/7"];
    assert_snapshot!(text(&run(&mut rbq(&args), b"")), @r"
    exit 2
    err| error: the target names database 7, and keys go to the databases that they come from
    err| hint: leave the database out of the target's URL
    ");
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
    let told = check(&["--all"]);
    let gone = text(&run(&mut rbq(&["check", "compat", "redis://127.0.0.1:1"]), b""));
    assert!(gone.starts_with("exit 3\nerr| error: could not connect"), "{gone}");
    let json = check(&["--output", "json", "-q"]);
    assert!(json.starts_with("exit 2\nout| [{\"level\":\"lacking\",\"area\":\""), "{json}");
    if oracle::is_named() {
        // Which commands are counted, and how, is each server's own.
        for (command, advice) in [
            ("EVAL", "atomic steps are MULTI and EXEC"),
            ("HSET", "a string per field"),
            ("PFADD", "leave keys of this kind"),
            ("SADD", "leave sets in a Redis beside"),
            ("SETBIT", "leave keys of this kind"),
            ("ZADD", "leave sorted sets"),
        ] {
            let found = told.lines().find(|line| line.starts_with(&format!("out| lacking  command  {command} ")));
            assert!(found.is_some_and(|line| line.contains(advice)), "{command}: {told}");
        }
        assert!(!told.contains("modules"), "{told}");
        return;
    }
    assert_snapshot!(told, @r"
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
    err| redis://127.0.0.1:PORT: 12 lacking, 2 warnings; 24 of 24 keys looked at
    ");
}

#[tokio::test]
async fn a_torn_log_counts_up_to_where_it_is_torn() {
    let Some(oracle) = Oracle::start(&["--appendonly", "yes", "--appendfsync", "no"]) else { return };
    let redis = client(&oracle).await;
    ask(&redis, &["rpush", "mail", "one"]).await;
    ask(&redis, &["rpush", "mail", "two"]).await;
    let log = log_of(&redis).await;
    drop(redis);
    let torn = tempfile::tempdir().unwrap();
    if oracle::is_before_7() {
        let file = torn.path().join("appendonly.aof");
        let bytes = std::fs::read(&log).unwrap();
        std::fs::write(&file, &bytes[..bytes.len() - 3]).unwrap();
        assert_snapshot!(import(&Server::start(), &[file.to_str().unwrap()]), @r"
        exit 0
        err| warning: `SOURCE` ends in the middle of a command, at byte 57; what comes before it counts
        err| imported 1 command
        ");
        return;
    }
    for entry in std::fs::read_dir(&log).unwrap() {
        let entry = entry.unwrap();
        std::fs::copy(entry.path(), torn.path().join(entry.file_name())).unwrap();
    }
    let incremental = torn.path().join("appendonly.aof.1.incr.aof");
    let bytes = std::fs::read(&incremental).unwrap();
    std::fs::write(&incremental, &bytes[..bytes.len() - 3]).unwrap();
    let server = Server::start();
    assert_snapshot!(import(&server, &[torn.path().to_str().unwrap()]), @r"
    exit 0
    err| warning: `SOURCE/appendonly.aof.1.incr.aof` ends in the middle of a command, at byte 57; what comes before it counts
    err| imported 1 command
    ");
    assert_snapshot!(server.play(&["cli", "lrange", "mail", "0", "-1"], ""), @r"
    exit 0
    out| one
    ");
    // A log is a history, and wants to begin at the beginning.
    assert_snapshot!(import(&server, &[torn.path().to_str().unwrap()]), @r"
    exit 1
    err| warning: `SOURCE/appendonly.aof.1.incr.aof` ends in the middle of a command, at byte 57; what comes before it counts
    err| error: the source is a log of commands, and the target is not empty
    err| hint: import it into an empty server; an RDB file can be imported beside other keys
    ");
}

#[tokio::test]
async fn a_file_without_anything_in_it_is_no_success() {
    let dir = tempfile::tempdir().unwrap();
    let path = |name: &str| dir.path().join(name).to_str().unwrap().to_owned();
    let server = Server::start();
    std::fs::write(path("dump.rdb"), "").unwrap();
    assert_snapshot!(import(&server, &[&path("dump.rdb")]), @r"
    exit 1
    err| error: `SOURCE` is empty
    err| hint: copy it again, or have it written again
    ");
    for manifest in ["", "file a.1.incr.aof seq 1 type i\n"] {
        std::fs::write(path("a.manifest"), manifest).unwrap();
        let said = import(&server, &[dir.path().to_str().unwrap()]);
        assert!(said.starts_with("exit 1\nerr| error: `SOURCE/a.manifest` names no base file"), "{said}");
    }
    std::fs::write(path("a.manifest"), "file a.1.base.rdb seq 1 type b\nfile a.1.incr.aof seq 1 type i\n").unwrap();
    std::fs::write(path("a.1.base.rdb"), "").unwrap();
    std::fs::write(path("a.1.incr.aof"), "").unwrap();
    let said = import(&server, &[dir.path().to_str().unwrap(), "--dry-run"]);
    assert!(said.starts_with("exit 1\nerr| error: `SOURCE/a.1.base.rdb` is empty\n"), "{said}");
}

#[tokio::test]
async fn a_file_that_nothing_vouches_for_is_told() {
    let Some(oracle) = Oracle::start(&["--rdbchecksum", "no"]) else { return };
    let redis = client(&oracle).await;
    ask(&redis, &["set", "a", "1"]).await;
    ask(&redis, &["save"]).await;
    let file = directory(&redis).await.join("dump.rdb");
    assert_snapshot!(import(&Server::start(), &[file.to_str().unwrap()]), @r"
    exit 0
    err| warning: `SOURCE` has no checksum (`rdbchecksum no`): a damaged byte in it would not be noticed
    err| imported 1 key (1 string)
    ");
}

#[tokio::test]
async fn a_database_that_the_target_has_not_is_found_before_anything_is_written() {
    let Some(oracle) = Oracle::start(&["--databases", "32"]) else { return };
    let redis = client(&oracle).await;
    for db in ["3", "30"] {
        ask(&redis, &["select", db]).await;
        ask(&redis, &["set", "a", "1"]).await;
    }
    ask(&redis, &["save"]).await;
    let file = directory(&redis).await.join("dump.rdb");
    let server = Server::start();
    for source in [file.to_str().unwrap(), &oracle.url()] {
        assert_eq!(
            import(&server, &[source]),
            "exit 1\nerr| error: the target has no database 30: ERR DB index is out of range\n\
             err| hint: `databases` in the target's configuration says how many it has\n"
        );
    }
    let look = client_of(&server).await;
    ask(&look, &["select", "3"]).await;
    assert_eq!(ask(&look, &["dbsize"]).await, Value::Integer(0));
    // One with nothing in it that would be brought is in nobody's way.
    ask(&redis, &["del", "a"]).await;
    ask(&redis, &["sadd", "words", "one"]).await;
    let said = import(&server, &[&oracle.url()]);
    assert!(said.ends_with("err| imported 1 key (1 string); 1 skipped\n"), "{said}");
}

#[tokio::test]
async fn a_log_with_what_no_server_logs_is_refused_before_anything_is_sent() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("appendonly.aof");
    std::fs::write(&file, "*3\r\n$3\r\nSET\r\n$1\r\na\r\n$1\r\n1\r\n*1\r\n$8\r\nSHUTDOWN\r\n").unwrap();
    let server = Server::start();
    assert_snapshot!(import(&server, &[file.to_str().unwrap()]), @r"
    exit 1
    err| error: the log holds `SHUTDOWN`, and no server writes that into its log
    err| hint: nothing of it was sent; is it the file that Redis wrote?
    ");
    assert_eq!(server.play(&["cli", "dbsize"], ""), "exit 0\nout| 0\n");
}

#[tokio::test]
async fn a_target_that_throws_keys_away_is_told_and_so_are_the_keys() {
    let Some(oracle) = Oracle::start(&[]) else { return };
    let redis = client(&oracle).await;
    let value = "x".repeat(100_000);
    for number in 0..100 {
        ask(&redis, &["set", &format!("key-{number}"), &value]).await;
    }
    let cache = Oracle::start(&["--maxmemory", "5mb", "--maxmemory-policy", "allkeys-lru"]).unwrap();
    let said = text(&run(rbq(&["import", &oracle.url()]).env("RBQ_URL", cache.url()), b""));
    let warned = "exit 3\nerr| warning: the target evicts keys when it is full (maxmemory-policy allkeys-lru): not all may stay\n";
    assert!(said.starts_with(warned), "{said}");
    assert!(said.contains("warning: the target evicted keys meanwhile, "), "{said}");
}
