//! Keys from Redis to rbq and back: whatever the way, the same keys are there afterwards, and XINFO says the same of them.
#![allow(clippy::unwrap_used)]

mod support;

use insta::assert_snapshot;
use rbq_client::{Client, Value};
use support::keys::{ask, client_of, directory, everything, fill, import, log_of, said, same};
use support::own::Server;
use support::{Oracle, Patience, client, oracle, rbq, redis_cli, run, text};

/// Exports a server and pipes the commands into a fresh redis-server, or imports it there if that is too old for its commands.
async fn piped(server: &Server) -> Vec<String> {
    if oracle::is_before_7() {
        let oracle = Oracle::start(&[]).unwrap();
        let imported = text(&run(rbq(&["import", &server.url()]).env("RBQ_URL", oracle.url()), b""));
        assert!(imported.starts_with("exit 0\n"), "{imported}");
        return everything(&client(&oracle).await).await;
    }
    let exported = run(&mut server.command(&["export", "-q"]), b"");
    assert_eq!(exported.status.code(), Some(0), "{exported:?}");
    let oracle = Oracle::start(&[]).unwrap();
    let piped = run(redis_cli().args(["-p", &oracle.port.to_string(), "--pipe"]), &exported.stdout);
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
    let told = import(&server, &[file.to_str().unwrap()]);
    if oracle::is_before_7() {
        assert!(told.ends_with("err| imported 19 keys (3 lists, 6 streams, 10 strings); 4 skipped\n"), "{told}");
    } else {
        assert_snapshot!(told, @r"
        exit 3
        out| SKIPPED           DB  COUNT  WHY                   EXAMPLES
        out| function library   -      1  rbq has no functions
        out| hash               0      1  rbq has no such type  hash
        out| set                0      2  rbq has no such type  ints, words
        out| zset               0      1  rbq has no such type  scores
        err| imported 19 keys (3 lists, 6 streams, 10 strings); 5 skipped
        ");
    }
    same(&everything(&client_of(&server).await).await, &wanted);
    same(&piped(&server).await, &wanted);
}

#[tokio::test]
async fn a_server_at_work_is_imported_key_by_key() {
    let Some(oracle) = Oracle::start(&[]) else { return };
    let redis = client(&oracle).await;
    fill(&redis).await;
    let wanted = everything(&redis).await;
    let server = Server::start();
    let said = import(&server, &[&oracle.url()]);
    assert!(said.starts_with("exit 3\n"), "{said}");
    same(&everything(&client_of(&server).await).await, &wanted);
    // From rbq, which has no DUMP, to rbq.
    let second = Server::start();
    let said = import(&second, &[&server.url()]);
    assert!(said.starts_with("exit 0\n"), "{said}");
    same(&everything(&client_of(&second).await).await, &wanted);
}

#[tokio::test]
async fn an_export_of_redis_is_what_its_import_would_be() {
    let Some(oracle) = Oracle::start(&[]) else { return };
    let redis = client(&oracle).await;
    fill(&redis).await;
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("out.resp");
    let exported = run(rbq(&["export", file.to_str().unwrap()]).env("RBQ_URL", oracle.url()), b"");
    let mut exported = text(&exported);
    if oracle::is_before_7() {
        let functions = "err| skipped 1 function library: rbq has no functions\n";
        exported = exported.replace("4 skipped\n", &format!("5 skipped\n{functions}"));
    }
    assert_snapshot!(exported, @r"
    exit 3
    err| exported 19 keys (3 lists, 6 streams, 10 strings); 5 skipped
    err| skipped 1 function library: rbq has no functions
    err| skipped 1 hash in database 0: rbq has no such type (hash)
    err| skipped 2 set in database 0: rbq has no such type (ints, words)
    err| skipped 1 zset in database 0: rbq has no such type (scores)
    ");
    let server = Server::start();
    let piped = run(redis_cli().args(["-s", &server.socket(), "--pipe"]), &std::fs::read(&file).unwrap());
    assert!(String::from_utf8_lossy(&piped.stdout).contains("errors: 0"), "{piped:?}");
    same(&everything(&client_of(&server).await).await, &everything(&redis).await);
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
        let told = String::from_utf8(run(rbq(&args).env("RBQ_URL", oracle.url()), b"").stdout).unwrap();
        // Before 7.0 Redis told only how long that is, which is right to a few milliseconds.
        let late = regex::Regex::new(r"41024448\d{5}").unwrap();
        if oracle::is_before_7() { late.replace_all(&told, "4102444800123").into_owned() } else { told }
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

async fn rewritten(redis: &Client) {
    ask(redis, &["bgrewriteaof"]).await;
    let patience = Patience::begin();
    loop {
        patience.spend();
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
    let newer = [&["--aof-timestamp-enabled", "yes"][..], &["--aof-use-rdb-preamble", "no"]];
    for options in newer.into_iter().skip(usize::from(oracle::is_before_7())) {
        let Some(oracle) = Oracle::start(&[&["--appendonly", "yes", "--appendfsync", "no"], options].concat()) else {
            return;
        };
        let redis = client(&oracle).await;
        fill(&redis).await;
        let log = log_of(&redis).await;
        let server = Server::start();
        let said = import(&server, &[log.to_str().unwrap()]);
        let commands = [("FUNCTION LOAD", 1), ("HSET", 1), ("SADD", 2), ("ZADD", 1)];
        for (command, count) in commands.into_iter().skip(usize::from(oracle::is_before_7())) {
            let found = said.lines().find(|line| line.contains(&format!("command {command} "))).unwrap();
            assert!(found.contains(&format!("   {count}  rbq has no such command")), "{said}");
        }
        // What redis-server itself makes of its files: it forgets how many entries a group has read, and in a base of commands
        // what is pending of deleted entries.
        ask(&redis, &["debug", "loadaof"]).await;
        same(&everything(&client_of(&server).await).await, &of_commands_we_have(&redis).await);

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
        let said = import(&server, &[log.to_str().unwrap()]);
        assert!(said.starts_with("exit 3\n") && said.contains("command HSET"), "{said}");
        ask(&redis, &["debug", "loadaof"]).await;
        same(&everything(&client_of(&server).await).await, &everything(&redis).await);
    }
}

/// The server's clock, in milliseconds.
async fn clock_ms(redis: &Client) -> u64 {
    let Value::Array(words) = ask(redis, &["time"]).await else { panic!("TIME answers two words") };
    let number = |word: &Value| std::str::from_utf8(word.as_bytes().unwrap()).unwrap().parse::<u64>().unwrap();
    number(&words[0]) * 1000 + number(&words[1]) / 1000
}

#[tokio::test]
async fn keys_whose_expiry_was_renewed_or_taken_away_are_imported_as_a_reload_has_them() {
    let Some(oracle) = Oracle::start(&["--appendonly", "yes", "--appendfsync", "no"]) else { return };
    let redis = client(&oracle).await;
    // These three are in the base, with a time that is over when the import comes.
    for key in ["base:renewed", "base:kept", "base:gone"] {
        ask(&redis, &["rpush", key, "a", "b"]).await;
        ask(&redis, &["pexpire", key, "3000"]).await;
    }
    rewritten(&redis).await;
    ask(&redis, &["pexpire", "base:renewed", "600000"]).await;
    ask(&redis, &["persist", "base:kept"]).await;
    ask(&redis, &["rpush", "base:kept", "c"]).await;
    // And these have it in the log alone.
    for line in [
        "multi",
        "rpush jobs 1 2",
        "pexpire jobs 100",
        "pexpire jobs 600000",
        "rpush jobs 3",
        "exec",
        "multi",
        "xadd events 1-1 f v",
        "pexpire events 100",
        "xgroup create events g 0",
        "persist events",
        "exec",
        "multi",
        "set text v px 100",
        "set text w keepttl",
        "getex text ex 600",
        "exec",
        "multi",
        "set old v px 100",
        "rename old new",
        "persist new",
        "set brief v px 100",
        "exec",
        "select 3",
        "multi",
        "rpush jobs 1",
        "pexpire jobs 100",
        "pexpire jobs 600000",
        "exec",
        "select 0",
    ] {
        ask(&redis, &line.split(' ').collect::<Vec<_>>()).await;
    }
    let over_ms = clock_ms(&redis).await + 3_100;
    let patience = Patience::begin();
    while clock_ms(&redis).await < over_ms {
        patience.spend();
        tokio::task::yield_now().await;
    }
    let server = Server::start();
    let said = import(&server, &[log_of(&redis).await.to_str().unwrap()]);
    assert!(said.starts_with("exit 0\n"), "{said}");
    let found = everything(&client_of(&server).await).await;
    same(&found, &everything(&redis).await);
    assert!(found.iter().any(|key| key.starts_with("3 jobs ")), "{found:?}");
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
    assert_snapshot!(import(&server, &[file.to_str().unwrap()]), @r"
    exit 0
    err| imported 1 key (1 list), 1 command
    ");
    assert_snapshot!(server.play(&["cli", "lrange", "mail", "0", "-1"], ""), @r"
    exit 0
    out| one
    out| two
    ");
}

#[tokio::test]
async fn what_was_handed_back_and_its_limits_come_through_from_rbq_to_rbq() {
    let server = Server::start();
    let from = client_of(&server).await;
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
    assert_snapshot!(import(&second, &[&server.url()]), @r"
    exit 3
    out| SKIPPED         DB  COUNT  WHY                    EXAMPLES
    out| idempotent IDs   0      1  no command tells them  s
    err| imported 1 key (1 stream); 1 skipped
    ");
    let to = client_of(&second).await;
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

/// A stream with three entries: one is nobody's, one is somebody's, one was never given to anybody.
async fn handed_back(from: &Client) {
    for line in [
        "xadd s 1-1 a b",
        "xadd s 2-1 a b",
        "xadd s 3-1 a b",
        "xgroup create s g 0",
        "xreadgroup group g ann count 2 streams s >",
        "xnack s g fail ids 1 1-1",
    ] {
        ask(from, &line.split(' ').collect::<Vec<_>>()).await;
    }
}

/// Whose each pending entry is, and how often it was delivered.
async fn owners(client: &Client) -> String {
    let mut text = String::new();
    said(&ask(client, &["xpending", "s", "g", "-", "+", "10"]).await, &mut text);
    let idle = regex::Regex::new(r"(ann|rbq-unowned) \d+").unwrap();
    idle.replace_all(&text, "$1 IDLE").trim_end().to_owned()
}

#[tokio::test]
async fn what_nobody_owns_gets_an_owner_on_a_redis_that_has_no_xnack() {
    let server = Server::start();
    handed_back(&client_of(&server).await).await;
    let Some(oracle) = Oracle::start(&[]) else { return };
    let redis = client(&oracle).await;
    if !matches!(ask(&redis, &["command", "info", "xnack"]).await, Value::Array(known) if known[0] == Value::Null) {
        return;
    }
    let wanted = "1-1 rbq-unowned IDLE 1 2-1 ann IDLE 1";
    let given = "gave 1 pending entry that is nobody's to the consumer `rbq-unowned`: only rbq and Redis 8.8 have them \
                 without an owner";
    let imported = text(&run(rbq(&["import", &server.url()]).env("RBQ_URL", oracle.url()), b""));
    assert_eq!(imported, format!("exit 0\nerr| imported 1 key (1 stream)\nerr| {given}\n"));
    assert_eq!(owners(&redis).await, wanted);
    if oracle::is_before_7() {
        return;
    }
    ask(&redis, &["flushall"]).await;
    let exported = run(&mut server.command(&["export"]), b"");
    let said = String::from_utf8_lossy(&exported.stderr).into_owned();
    assert_eq!(said, format!("exported 1 key (1 stream)\n{given}\n"));
    let piped = run(redis_cli().args(["-p", &oracle.port.to_string(), "--pipe"]), &exported.stdout);
    assert!(String::from_utf8_lossy(&piped.stdout).contains("errors: 0"), "{piped:?}");
    assert_eq!(owners(&redis).await, wanted);
}

#[tokio::test]
async fn an_exact_export_hands_back_again_what_nobody_owns() {
    let server = Server::start();
    handed_back(&client_of(&server).await).await;
    let exported = run(&mut server.command(&["export", "--exact"]), b"");
    assert_eq!(exported.stderr, b"exported 1 key (1 stream)\n");
    let second = Server::start();
    let piped = run(redis_cli().args(["-s", &second.socket(), "--pipe"]), &exported.stdout);
    assert!(String::from_utf8_lossy(&piped.stdout).contains("errors: 0"), "{piped:?}");
    assert_eq!(owners(&client_of(&second).await).await, "1-1  -1 1 2-1 ann IDLE 1");
}

#[tokio::test]
async fn limits_of_idempotent_producers_are_told_where_the_target_has_none() {
    let server = Server::start();
    let from = client_of(&server).await;
    ask(&from, &["xadd", "s", "1-1", "a", "b"]).await;
    ask(&from, &["xcfgset", "s", "idmp-duration", "300", "idmp-maxsize", "7"]).await;
    let Some(oracle) = Oracle::start(&[]) else { return };
    if !matches!(ask(&client(&oracle).await, &["command", "info", "xcfgset"]).await, Value::Array(known) if known[0] == Value::Null)
    {
        return;
    }
    assert_snapshot!(text(&run(rbq(&["import", &server.url()]).env("RBQ_URL", oracle.url()), b"")), @r"
    exit 3
    out| SKIPPED         DB  COUNT  WHY                                               EXAMPLES
    out| idempotent IDs   0      1  only rbq and Redis 8.6 have idempotent producers  s
    err| imported 1 key (1 stream); 1 skipped
    ");
}
