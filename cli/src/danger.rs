//! Commands that a person is asked about before they are sent, and why.
//!
//! The list of what is always asked about is short on purpose: who is asked too often answers without reading. What only a big
//! database or a protected context makes dangerous is asked about there alone; and in a protected context that is all that destroys
//! or moves, as it is for `rbq queue purge` and the others, or whoever is stopped there would go round by this way. What replaces a
//! whole value, or trims while it adds, destroys as well. Whether anything is there to be lost is not looked up: that could change
//! before the answer, and a question that comes and goes by itself is one that nobody expects. What changes a value (`HSET`, `LSET`,
//! `APPEND`, `INCR`) or adds to it is a day's work in a protected context too, and so is what a consumer does with its own (`XACK`).

use rbq_client::Request;

/// When a command is dangerous.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum When {
    Always,
    /// When the database has more keys than [`KEYS_MANY`].
    ManyKeys,
    /// In a protected context.
    Protected,
}

/// What a command would do that may not be meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Danger {
    pub(crate) when: When,
    pub(crate) what: &'static str,
}

/// From here on KEYS holds up a server for longer than most can bear: some 10 ms.
pub(crate) const KEYS_MANY: i64 = 100_000;

/// First words, and what they do.
const DANGERS: &[(&[&str], When, &str)] = &[
    (&["FLUSHALL"], When::Always, "deletes every key of every database"),
    (&["FLUSHDB"], When::Always, "deletes every key of this database"),
    (&["SHUTDOWN"], When::Always, "ends the server for everybody"),
    (&["KEYS"], When::ManyKeys, "goes through all keys at once while everybody waits; SCAN does it in steps"),
    (&["MONITOR"], When::Protected, "shows everybody's commands, values included, and costs the server half its speed"),
    (&["DEBUG", "SLEEP"], When::Always, "makes everybody wait"),
    (&["DEBUG", "SEGFAULT"], When::Always, "crashes the server"),
    (&["DEBUG", "PANIC"], When::Always, "crashes the server"),
    (&["DEBUG", "OOM"], When::Always, "crashes the server"),
    (&["DEBUG", "RESTART"], When::Always, "restarts the server"),
    (&["DEBUG", "CRASH-AND-RECOVER"], When::Always, "crashes the server"),
    (&["DEBUG", "FLUSHALL"], When::Always, "deletes every key of every database"),
    (&["DEBUG", "RELOAD"], When::Always, "replaces what is in memory by what is on disk, while everybody waits"),
    (&["DEBUG", "LOADAOF"], When::Always, "replaces what is in memory by what is on disk, while everybody waits"),
    (&["DEBUG"], When::Protected, "is meant for tests of the server itself"),
    (&["SWAPDB"], When::Always, "exchanges two databases for everybody"),
    (&["REPLICAOF", "NO", "ONE"], When::Protected, "makes a replica a master"),
    (&["REPLICAOF"], When::Always, "replaces all data here by that of another server"),
    (&["SLAVEOF", "NO", "ONE"], When::Protected, "makes a replica a master"),
    (&["SLAVEOF"], When::Always, "replaces all data here by that of another server"),
    (&["CLUSTER", "RESET"], When::Always, "makes the node forget its cluster"),
    (&["CLUSTER", "FLUSHSLOTS"], When::Always, "makes the node forget its slots"),
    (&["SCRIPT", "FLUSH"], When::Protected, "makes the server forget scripts that clients rely on"),
    (&["FUNCTION", "FLUSH"], When::Always, "deletes all functions"),
    (&["CLIENT", "PAUSE"], When::Always, "makes everybody wait"),
    (&["XGROUP", "DESTROY"], When::Always, "forgets what the group has read and what it has pending"),
    (&["XGROUP", "SETID"], When::Protected, "makes the group read again, or leave out, what lies between"),
    (&["XGROUP", "DELCONSUMER"], When::Protected, "forgets what the consumer has pending"),
    (&["FUNCTION", "DELETE"], When::Protected, "deletes functions that clients rely on"),
    (&["FUNCTION", "RESTORE"], When::Protected, "may replace functions that clients rely on"),
    (&["CLUSTER", "FAILOVER"], When::Protected, "makes a replica a master"),
    (&["CLUSTER", "FORGET"], When::Protected, "takes a node out of the cluster"),
    (&["CLUSTER", "DELSLOTS"], When::Protected, "makes the node forget slots"),
    (&["CLUSTER", "DELSLOTSRANGE"], When::Protected, "makes the node forget slots"),
    (&["CLUSTER", "SETSLOT"], When::Protected, "changes which node serves a slot"),
    (&["ACL", "SETUSER"], When::Protected, "changes who may connect, and do what"),
    (&["ACL", "DELUSER"], When::Protected, "takes a user away"),
    (&["ACL", "LOAD"], When::Protected, "changes who may connect, and do what"),
];

/// What a protected context alone is asked about, and the commands that do it: elsewhere they are a day's work.
const DESTROYS_OR_MOVES: &[(&str, &[&str])] = &[
    (
        "deletes what it names",
        &[
            "DEL",
            "UNLINK",
            "GETDEL",
            "DELEX",
            "XDEL",
            "XDELEX",
            "XACKDEL",
            "LREM",
            "HDEL",
            "HGETDEL",
            "SREM",
            "ZREM",
            "ZREMRANGEBYRANK",
            "ZREMRANGEBYSCORE",
            "ZREMRANGEBYLEX",
        ],
    ),
    ("throws away all but what it says to keep", &["XTRIM", "LTRIM"]),
    (
        "takes away what it answers with",
        &[
            "LPOP", "RPOP", "BLPOP", "BRPOP", "LMPOP", "BLMPOP", "SPOP", "ZPOPMIN", "ZPOPMAX", "BZPOPMIN", "BZPOPMAX",
            "ZMPOP", "BZMPOP",
        ],
    ),
    ("moves an element to another key", &["LMOVE", "BLMOVE", "RPOPLPUSH", "BRPOPLPUSH", "SMOVE"]),
    ("takes messages from the consumer that has them", &["XCLAIM", "XAUTOCLAIM"]),
    ("changes which IDs the stream will give", &["XSETID"]),
    ("gives a key another name, over what may be there", &["RENAME", "RENAMENX"]),
    ("takes keys to another place", &["MOVE", "MIGRATE"]),
    ("may replace a key", &["RESTORE"]),
    ("makes a key go by itself", &["EXPIRE", "PEXPIRE", "EXPIREAT", "PEXPIREAT"]),
    ("runs a script, which may do anything", &["EVAL", "EVALSHA", "FCALL"]),
    ("makes another server the master", &["FAILOVER"]),
];

/// What they do, and others by one of their options.
const REPLACES: &str = "replaces what may be there";

/// Commands that replace a whole value whatever else they say.
const REPLACING: &[&str] = &[
    "SETEX",
    "PSETEX",
    "GETSET",
    "MSET",
    "MSETEX",
    "SUNIONSTORE",
    "SINTERSTORE",
    "SDIFFSTORE",
    "ZUNIONSTORE",
    "ZINTERSTORE",
    "ZDIFFSTORE",
    "ZRANGESTORE",
    "GEOSEARCHSTORE",
    "BITOP",
    "PFMERGE",
];

/// Parameters, the value that is dangerous (none: any), and what it does.
const SETTINGS: &[(&str, Option<&str>, &str)] = &[
    ("appendonly", Some("no"), "keeps nothing on disk from now on"),
    ("appendfsync", Some("no"), "lets a power cut lose what was acknowledged"),
    ("save", Some(""), "takes no more snapshots by itself"),
    ("protected-mode", Some("no"), "lets strangers connect without a password"),
    ("requirepass", None, "changes who may connect"),
    ("maxmemory-policy", None, "may let the server delete keys by itself"),
    ("maxmemory", None, "may refuse writes or delete keys at once"),
    ("maxclients", None, "may refuse clients that are needed"),
    ("dir", None, "changes where the server keeps its data"),
    ("dbfilename", None, "changes where the server keeps its data"),
    ("bind", None, "changes where the server can be reached"),
    ("port", None, "changes where the server can be reached"),
    ("min-replicas-to-write", None, "may refuse all writes"),
];

/// What this command would do, if that should be said first.
pub(crate) fn of(request: &Request) -> Option<Danger> {
    if request.is_word(0, "CONFIG") && request.is_word(1, "SET") {
        let words: Vec<&[u8]> = request.iter().skip(2).collect();
        let what = words.chunks_exact(2).find_map(|pair| setting(pair[0], pair[1]));
        return what.map(|what| Danger { when: When::Always, what });
    }
    let names = |words: &[&str]| words.iter().enumerate().all(|(index, word)| request.is_word(index, word));
    if let Some((_, when, what)) = DANGERS.iter().find(|(words, ..)| names(words)) {
        return Some(Danger { when: *when, what });
    }
    let listed = DESTROYS_OR_MOVES.iter().find(|(_, commands)| is_one_of(request, commands));
    let what = listed.map(|(what, _)| *what).or_else(|| by_option(request))?;
    Some(Danger { when: When::Protected, what })
}

/// What a command destroys by one of its options, or for want of one.
fn by_option(request: &Request) -> Option<&'static str> {
    let has = |from: usize, words: &[&str]| {
        (from..request.len()).any(|at| words.iter().any(|word| request.is_word(at, word)))
    };
    match () {
        () if is_one_of(request, REPLACING) => Some(REPLACES),
        () if request.is_word(0, "SET") => (!has(3, &["NX"])).then_some(REPLACES),
        () if request.is_word(0, "COPY") => has(3, &["REPLACE"]).then_some(REPLACES),
        () if request.is_word(0, "SORT") => has(2, &["STORE"]).then_some(REPLACES),
        () if request.is_word(0, "GETEX") => {
            let expires = has(2, &["EX", "PX", "EXAT", "PXAT"]);
            expires.then_some("makes a key go by itself")
        }
        () if request.is_word(0, "XADD") => trims(request).then_some("throws away what is older than it says to keep"),
        () => None,
    }
}

/// Whether an XADD trims: the words before its ID say so, and behind it they are anybody's.
fn trims(request: &Request) -> bool {
    let mut at = 2;
    loop {
        let is_one_of = |words: &[&str]| words.iter().any(|word| request.is_word(at, word));
        at += match () {
            () if is_one_of(&["NOMKSTREAM", "KEEPREF", "DELREF", "ACKED"]) => 1,
            () if is_one_of(&["IDMPAUTO"]) => 2,
            () if is_one_of(&["IDMP"]) => 3,
            () => return is_one_of(&["MAXLEN", "MINID"]),
        };
    }
}

fn is_one_of(request: &Request, commands: &[&str]) -> bool {
    commands.iter().any(|command| request.is_word(0, command))
}

fn setting(name: &[u8], value: &[u8]) -> Option<&'static str> {
    let is = |word: &[u8], text: &str| word.eq_ignore_ascii_case(text.as_bytes());
    let found = SETTINGS.iter().find(|(known, bad, _)| is(name, known) && bad.is_none_or(|bad| is(value, bad)));
    found.map(|(.., what)| *what)
}

/// The words that name the command, for the question.
pub(crate) fn name(request: &Request) -> String {
    // What follows the name of most is a key, and says itself in the line above the question.
    let words = match () {
        () if request.is_word(0, "CONFIG") => 3,
        () if DESTROYS_OR_MOVES.iter().any(|(_, commands)| is_one_of(request, commands)) => 1,
        () if by_option(request).is_some() => 1,
        () => 2,
    };
    let is_name = |word: &&[u8]| word.iter().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(byte));
    let known = DANGERS.iter().find(|(names, ..)| names.iter().enumerate().all(|(at, name)| request.is_word(at, name)));
    let words = known.map_or(words, |(names, ..)| names.len());
    let names: Vec<String> =
        request.iter().take(words).filter(is_name).map(|word| String::from_utf8_lossy(word).to_uppercase()).collect();
    names.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_destroys_is_told_from_what_looks_like_it() {
        let danger = |line: &str| of(&Request::from(line.split(' '))).map(|danger| danger.when);
        for line in [
            "flushall",
            "FLUSHDB async",
            "shutdown nosave",
            "debug sleep 1",
            "config set appendonly no",
            "config set timeout 5 MaxMemory 1mb",
            "replicaof h 1",
            "xgroup destroy s g",
        ] {
            assert_eq!(danger(line), Some(When::Always), "{line}");
        }
        for line in [
            "get flushall",
            "config set appendonly yes",
            "config get maxmemory",
            "xgroup create s g $",
            "xadd s * del a",
            "xadd s * maxlen 1",
            "xadd s nomkstream idmp maxlen 1 * a b",
            "set k v nx",
            "set k v ex 5 nx",
            "copy a replace",
            "copy replace b",
            "sort l alpha",
            "getex k persist",
            "hset h f v",
            "lset l 0 v",
            "xack s g 1-0",
            "setnx k v",
        ] {
            assert_eq!(danger(line), None, "{line}");
        }
        assert_eq!(danger("keys *"), Some(When::ManyKeys));
        assert_eq!(danger("monitor"), Some(When::Protected));
        assert_eq!(danger("debug object k"), Some(When::Protected));
        assert_eq!(danger("replicaof no one"), Some(When::Protected));
        for line in [
            "del a",
            "XTRIM s MAXLEN 0",
            "ltrim l 1 0",
            "rename a b",
            "eval x 0",
            "xgroup setid s g 0",
            "lmove a b left right",
            "set k v",
            "set nx v ex 5",
            "mset a b",
            "copy a b db 1 replace",
            "sort l by w store d",
            "getex k ex 5",
            "xadd s MAXLEN ~ 1 * a b",
            "xadd s nomkstream keepref idmp p 1 minid 5 * a b",
        ] {
            assert_eq!(danger(line), Some(When::Protected), "{line}");
        }
    }

    #[test]
    fn the_question_names_the_command_and_no_value() {
        let name = |line: &str| name(&Request::from(line.split(' ')));
        assert_eq!(name("flushall async"), "FLUSHALL");
        assert_eq!(name("debug sleep 5"), "DEBUG SLEEP");
        assert_eq!(name("config set requirepass pw"), "CONFIG SET REQUIREPASS");
        assert_eq!(name("del secret"), "DEL");
        assert_eq!(name("set secret value"), "SET");
        assert_eq!(name("xadd secret maxlen 1 * a b"), "XADD");
    }
}
