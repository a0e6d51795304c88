//! Every command a broker must speak is spoken in some transcript.

#![allow(clippy::unwrap_used)]

use std::path::Path;

use rbq_transcript::{Corpus, Coverage, differences};

/// The commands of Redis 8.10 that belong to a broker: all of the groups pubsub, list, stream, connection and
/// transactions; of generic, string and server what its users and every client library's start-up need.
const WANTED: &str = "
    PSUBSCRIBE, PUBLISH, PUBSUB CHANNELS, PUBSUB HELP, PUBSUB NUMPAT, PUBSUB NUMSUB, PUBSUB SHARDCHANNELS,
    PUBSUB SHARDNUMSUB, PUNSUBSCRIBE, SPUBLISH, SSUBSCRIBE, SUBSCRIBE, SUNSUBSCRIBE, UNSUBSCRIBE,

    BLMOVE, BLMOVEM, BLMPOP, BLPOP, BRPOP, BRPOPLPUSH, LINDEX, LINSERT, LLEN, LMOVE, LMOVEM, LMPOP, LPOP, LPOS,
    LPUSH, LPUSHX, LRANGE, LREM, LSET, LTRIM, RPOP, RPOPLPUSH, RPUSH, RPUSHX,

    XACK, XACKDEL, XADD, XAUTOCLAIM, XCFGSET, XCLAIM, XDEL, XDELEX, XGROUP CREATE, XGROUP CREATECONSUMER,
    XGROUP DELCONSUMER, XGROUP DESTROY, XGROUP HELP, XGROUP SETID, XIDMPRECORD, XINFO CONSUMERS, XINFO GROUPS,
    XINFO HELP, XINFO STREAM, XLEN, XNACK, XPENDING, XRANGE, XREAD, XREADGROUP, XREVRANGE, XSETID, XTRIM,

    AUTH, CLIENT CACHING, CLIENT GETNAME, CLIENT GETREDIR, CLIENT HELP, CLIENT ID, CLIENT INFO, CLIENT KILL,
    CLIENT LIST, CLIENT NO-EVICT, CLIENT NO-TOUCH, CLIENT PAUSE, CLIENT REPLY, CLIENT SETINFO, CLIENT SETNAME,
    CLIENT TRACKING, CLIENT TRACKINGINFO, CLIENT UNBLOCK, CLIENT UNPAUSE, ECHO, HELLO, PING, QUIT, RESET, SELECT,

    DISCARD, EXEC, MULTI, UNWATCH, WATCH,

    COPY, DEL, EXISTS, EXPIRE, EXPIREAT, EXPIRETIME, KEYS, MOVE, OBJECT ENCODING, OBJECT FREQ, OBJECT HELP,
    OBJECT IDLETIME, OBJECT REFCOUNT, PERSIST, PEXPIRE, PEXPIREAT, PEXPIRETIME, PTTL, RANDOMKEY, RENAME, RENAMENX,
    SCAN, SORT, SORT_RO, TOUCH, TTL, TYPE, UNLINK, WAIT, WAITAOF,

    APPEND, DECR, DECRBY, DELEX, DIGEST, GET, GETDEL, GETEX, GETRANGE, GETSET, INCR, INCRBY, INCRBYFLOAT, MGET,
    MSET, MSETNX, PSETEX, SET, SETEX, SETNX, SETRANGE, STRLEN, SUBSTR,

    ACL WHOAMI, CLUSTER INFO, COMMAND COUNT, COMMAND DOCS, COMMAND GETKEYS, COMMAND GETKEYSANDFLAGS, COMMAND HELP,
    COMMAND INFO, COMMAND LIST, CONFIG GET, CONFIG HELP, CONFIG RESETSTAT, CONFIG SET, DBSIZE, FLUSHALL, FLUSHDB,
    INFO, LATENCY LATEST, MEMORY USAGE, MONITOR, ROLE, SHUTDOWN, SLOWLOG GET, SLOWLOG HELP, SLOWLOG LEN,
    SLOWLOG RESET, SWAPDB, TIME
";

fn corpus() -> Corpus {
    Corpus::read(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../../transcripts")).unwrap()
}

#[test]
fn every_wanted_command_is_spoken() {
    let wanted: Vec<&str> = WANTED.split(',').map(str::trim).collect();
    let coverage = Coverage::of(&corpus().scripts);
    assert_eq!(coverage.missing(&wanted), Vec::<&str>::new());
}

#[test]
fn conversations_have_titles_of_their_own() {
    for script in corpus().scripts {
        let mut titles: Vec<&str> = script.conversations.iter().map(|talk| talk.title.as_str()).collect();
        titles.sort_unstable();
        let count = titles.len();
        titles.dedup();
        assert_eq!(titles.len(), count, "{} has a title twice", script.path.display());
        assert!(titles.iter().all(|title| !title.is_empty()), "{} has no title", script.path.display());
    }
}

/// The transcripts send names with all kinds of bytes.
#[test]
fn the_table_is_text() {
    let table = Coverage::of(&corpus().scripts).table();
    assert!(table.lines().all(|line| !line.is_empty() && !line.chars().any(char::is_control)), "{table}");
    assert!(table.contains("\nNO\\r\\nSUCH\n"), "{table}");
}

#[test]
fn every_difference_gives_its_reason() {
    let listed = differences(&corpus().scripts);
    assert!(listed.lines().count() > 20);
    assert!(listed.lines().all(|line| line.trim().split(' ').count() > 3), "{listed}");
}
