//! What can be said, chapter by chapter: all of list, stream, generic, string, transactions and pub/sub that
//! redis-server 7.0 has.
//!
//! The number is how often a line is chosen among those of its chapter.

use super::Syntax;
use crate::differ::draw::Mood;

/// How often, and what.
pub(crate) type Line = (u32, &'static str);

/// A chapter, and how often each mood turns to it.
pub(crate) struct Chapter {
    /// How often in [`Mood::Busy`], [`Mood::Patient`] and [`Mood::PatientOnce`].
    pub(crate) weights: [u32; 3],
    /// What it says.
    pub(crate) lines: &'static [Line],
}

impl Chapter {
    /// How often this mood turns to it.
    #[must_use]
    pub(crate) fn weight(&self, mood: Mood) -> u32 {
        self.weights[mood as usize]
    }

    /// Its lines, read.
    pub(crate) fn syntaxes(&self) -> impl Iterator<Item = (u32, Syntax)> {
        self.lines.iter().map(|(weight, text)| (*weight, Syntax::parse(text)))
    }
}

/// All of them.
pub(crate) const CHAPTERS: &[Chapter] = &[
    Chapter { weights: [30, 25, 40], lines: LIST },
    Chapter { weights: [0, 12, 0], lines: LIST_WAITS },
    Chapter { weights: [0, 0, 15], lines: LIST_WAITS_ONCE },
    Chapter { weights: [30, 25, 5], lines: STREAM },
    Chapter { weights: [0, 10, 0], lines: STREAM_WAITS },
    Chapter { weights: [14, 8, 12], lines: GENERIC },
    Chapter { weights: [3, 0, 3], lines: DATABASES },
    Chapter { weights: [14, 4, 5], lines: STRING },
    Chapter { weights: [8, 0, 12], lines: TRANSACTIONS },
    Chapter { weights: [7, 3, 3], lines: PUBSUB },
    Chapter { weights: [2, 2, 2], lines: CONNECTION },
    Chapter { weights: [2, 0, 0], lines: KEYS_OF },
    Chapter { weights: [1, 0, 0], lines: EVENTS },
];

const LIST: &[Line] = &[
    (8, "LPUSH list element..."),
    (14, "RPUSH list element..."),
    (2, "LPUSHX list element..."),
    (2, "RPUSHX list element..."),
    (5, "LPOP list [count]"),
    (5, "RPOP list [count]"),
    (2, "LLEN list"),
    (5, "LRANGE list index index"),
    (4, "LINDEX list index"),
    (4, "LSET list index element"),
    (5, "LINSERT list <BEFORE | AFTER> element element"),
    (4, "LREM list integer element"),
    (2, "RPUSH 'l:1' 'a' 'b' 'a' 'c' 'a' ;; LREM 'l:1' <-2 | -1 | 0 | 1 | 2> 'a'"),
    (2, "LTRIM list index index"),
    (5, "LPOS list element {[RANK rank] [COUNT count] [MAXLEN count]}"),
    (4, "LMOVE list list <LEFT | RIGHT> <LEFT | RIGHT>"),
    (2, "RPOPLPUSH list list"),
    (4, "LMPOP #list <LEFT | RIGHT> [COUNT count]"),
];

const LIST_WAITS: &[Line] = &[
    (6, "BLPOP waitedlist... timeout"),
    (4, "BRPOP waitedlist... timeout"),
    (5, "BLMOVE plainlist plainlist <LEFT | RIGHT> <LEFT | RIGHT> timeout"),
    (3, "BRPOPLPUSH plainlist plainlist timeout"),
    (5, "BLMPOP timeout #waitedlist <LEFT | RIGHT> [COUNT count]"),
    (2, "BLPOP list timeout"),
    (2, "BLMPOP timeout 1 list <LEFT | RIGHT> [COUNT count]"),
    (1, "PEXPIRE 'w:1' shortms ;; RPUSH 'w:1' element"),
    (1, "DEL waitedlist..."),
    (1, "EXPIRE waitedlist seconds"),
    (1, "RENAME waitedlist waitedlist"),
    (1, "COPY waitedlist waitedlist [REPLACE]"),
    (1, "BLPOP list shorttimeout"),
    (1, "BLMOVE plainlist plainlist LEFT RIGHT shorttimeout"),
    (2, "CLIENT UNBLOCK client [<TIMEOUT | ERROR>]"),
];

const LIST_WAITS_ONCE: &[Line] = &[
    (6, "BLPOP list timeout"),
    (4, "BRPOP list timeout"),
    (5, "BLMOVE list list <LEFT | RIGHT> <LEFT | RIGHT> timeout"),
    (3, "BRPOPLPUSH list list timeout"),
    (5, "BLMPOP timeout 1 list <LEFT | RIGHT> [COUNT count]"),
    (2, "CLIENT UNBLOCK client [<TIMEOUT | ERROR>]"),
];

const STREAM: &[Line] = &[
    (24, "XADD stream newid field element"),
    (6, "XADD stream [NOMKSTREAM] [<MAXLEN | MINID> [<= | ~>] count [LIMIT count]] newid field element field element"),
    (2, "XADD 'x:now' * field element"),
    (2, "XLEN stream"),
    (4, "XRANGE stream rangeid rangeid [COUNT count]"),
    (4, "XREVRANGE stream rangeid rangeid [COUNT count]"),
    (4, "XDEL stream id..."),
    (2, "XTRIM stream <MAXLEN [<= | ~>] count | MINID [<= | ~>] id> [LIMIT count]"),
    (1, "XSETID stream newid [ENTRIESADDED count] [MAXDELETEDID id]"),
    (5, "XREAD [COUNT count] STREAMS %stream,readid"),
    (6, "XGROUP CREATE stream group groupid {[MKSTREAM] [ENTRIESREAD count]}"),
    (3, "XGROUP CREATE <'x:1' | 'x:2'> 'g' 0 MKSTREAM"),
    (
        8,
        "XADD 'x:1' newid field element ;; XGROUP CREATECONSUMER 'x:1' 'g' 'me' ;; XREADGROUP GROUP 'g' 'me' [COUNT 2] STREAMS 'x:1' historyid",
    ),
    (3, "XACK 'x:1' 'g' id..."),
    (4, "XPENDING 'x:1' 'g' [IDLE idlems] '-' '+' 10 [consumer]"),
    (4, "XCLAIM 'x:1' 'g' consumer 0 id... {[JUSTID] [IDLE idlems]}"),
    (4, "XAUTOCLAIM 'x:1' 'g' consumer idlems <0 | id> {[COUNT <1 | 2>] [JUSTID]}"),
    (3, "XAUTOCLAIM 'x:1' 'g' consumer 0 0 COUNT 1"),
    (2, "XGROUP SETID stream group groupid [ENTRIESREAD count]"),
    (1, "XGROUP DESTROY stream group"),
    (2, "XGROUP CREATECONSUMER stream group consumer"),
    (1, "XGROUP DELCONSUMER stream group consumer"),
    (14, "XREADGROUP GROUP group consumer {[COUNT count] [NOACK]} STREAMS %stream,historyid"),
    (8, "XACK stream group id..."),
    (
        6,
        "XCLAIM stream group consumer idlems id... {[IDLE idlems] [TIME timems] [RETRYCOUNT count] [FORCE] [JUSTID]} [LASTID id]",
    ),
    (4, "XAUTOCLAIM stream group consumer idlems id {[COUNT count] [JUSTID]}"),
    (3, "XPENDING stream group"),
    (5, "XPENDING stream group [IDLE idlems] rangeid rangeid count [consumer]"),
    (2, "XINFO STREAM stream"),
    (3, "XINFO STREAM stream FULL [COUNT count]"),
    (3, "XINFO GROUPS stream"),
    (3, "XINFO CONSUMERS stream group"),
];

const STREAM_WAITS: &[Line] = &[
    (4, "XREAD [COUNT count] BLOCK blockms STREAMS stream readid"),
    (2, "XREAD [COUNT count] BLOCK blockms STREAMS <'y:1' 'y:2' | 'y:2' 'y:1'> readid readid"),
    (6, "XREADGROUP GROUP group consumer {[COUNT count] BLOCK blockms [NOACK]} STREAMS stream historyid"),
    (
        3,
        "XREADGROUP GROUP group consumer {[COUNT count] BLOCK blockms [NOACK]} STREAMS <'y:1' 'y:2' | 'y:2' 'y:1'> historyid historyid",
    ),
    (1, "PEXPIRE 'y:1' shortms ;; EXISTS 'y:1'"),
    (1, "DEL waitedstream"),
    (1, "EXPIRE waitedstream seconds"),
    (1, "XREAD BLOCK shortblockms STREAMS stream $"),
    (1, "CLIENT UNBLOCK client [<TIMEOUT | ERROR>]"),
];

const GENERIC: &[Line] = &[
    (6, "DEL any..."),
    (2, "UNLINK any..."),
    (3, "EXISTS any..."),
    (3, "TYPE any"),
    (2, "TOUCH any..."),
    (4, "EXPIRE any seconds [<NX | XX>]"),
    (3, "PEXPIRE any milliseconds [<NX | XX>]"),
    (4, "EXPIREAT any unixseconds [<NX | XX | GT | LT | NX GT | GT LT>]"),
    (3, "PEXPIREAT any unixmilliseconds [<NX | XX | GT | LT>]"),
    (1, "PEXPIRE 't:1' shortms ;; EXISTS 't:1'"),
    (1, "PEXPIRE 'l:1' shortms ;; LPUSH 'l:1' element"),
    (1, "PEXPIRE 'l:2' shortms ;; LMOVE 'l:2' 'l:2' LEFT RIGHT"),
    (1, "PEXPIRE 'x:1' shortms ;; <XLEN 'x:1' | XADD 'x:1' newid field element | RENAME 'x:1' 'x:2'> ;; EXISTS 'x:1'"),
    (1, "PEXPIRE 't:1' shortms ;; WATCH 't:1' ;; MULTI ;; PING ;; EXEC ;; EXISTS 't:1'"),
    (2, "TTL any"),
    (2, "PTTL any"),
    (2, "EXPIRETIME any"),
    (2, "PEXPIRETIME any"),
    (3, "PERSIST any"),
    (3, "RENAME any any"),
    (3, "RENAMENX any any"),
    (4, "COPY any any {[DB db] [REPLACE]}"),
    (2, "KEYS keypattern"),
    (2, "SCAN cursor {[MATCH keypattern] COUNT 1000 [TYPE type]}"),
    (1, "DBSIZE"),
    (1, "RANDOMKEY"),
    (2, "OBJECT ENCODING any"),
    (1, "OBJECT REFCOUNT any"),
    (1, "OBJECT FREQ any"),
    (4, "SORT list [BY sortby] [LIMIT count count] [GET <'#' | 't:*' | 'nothing'>] [<ASC | DESC>] ALPHA [STORE list]"),
    (2, "SORT any [BY sortby] [LIMIT count count] [<ASC | DESC>] [STORE any]"),
    (1, "SORT_RO list [LIMIT count count] [GET <'#' | 't:*'>] [<ASC | DESC>] [ALPHA]"),
    (1, "WAIT 0 0"),
];

const DATABASES: &[Line] = &[
    (6, "SELECT db"),
    (6, "SELECT 0"),
    (4, "MOVE any db"),
    (2, "SWAPDB db db"),
    (5, "SELECT 1 ;; RPUSH list element ;; SELECT 0 ;; SWAPDB <0 1 | 1 0>"),
    (1, "FLUSHDB [<ASYNC | SYNC>]"),
    (1, "FLUSHALL [<ASYNC | SYNC>]"),
];

const STRING: &[Line] = &[
    (
        8,
        "SET text element {[<NX | XX>] [GET] [<EX seconds | PX milliseconds | EXAT futureseconds | PXAT futuremilliseconds | KEEPTTL>]}",
    ),
    (4, "SET text integer"),
    (1, "SET 't:1' element <EXAT | PXAT> 1 ;; GET 't:1'"),
    (1, "SET any element"),
    (5, "GET text"),
    (1, "GETDEL text"),
    (3, "GETEX text [<EX seconds | PX milliseconds | EXAT unixseconds | PXAT unixmilliseconds | PERSIST>]"),
    (1, "GETSET text element"),
    (2, "SETNX text element"),
    (1, "SETEX text seconds element"),
    (1, "PSETEX text milliseconds element"),
    (2, "MGET any..."),
    (2, "MSET text element text element"),
    (2, "MSETNX text element text element"),
    (3, "INCR text"),
    (2, "DECR text"),
    (3, "INCRBY text integer"),
    (2, "DECRBY text integer"),
    (2, "SET 't:2' <9223372036854775800 | -9223372036854775800> ;; <INCRBY | DECRBY> 't:2' integer"),
    (3, "INCRBYFLOAT text float"),
    (3, "APPEND text element"),
    (2, "STRLEN text"),
    (3, "GETRANGE text index index"),
    (1, "SUBSTR text index index"),
    (3, "SETRANGE text count element"),
    (1, "LCS text text {[LEN] [IDX] [MINMATCHLEN count] [WITHMATCHLEN]}"),
];

const TRANSACTIONS: &[Line] = &[
    (10, "MULTI"),
    (9, "EXEC"),
    (2, "DISCARD"),
    (4, "WATCH any..."),
    (1, "UNWATCH"),
    (6, "WATCH any ;; MULTI"),
    (3, "MULTI ;; RPUSH list element ;; LPUSH list element ;; EXEC"),
    (2, "MULTI ;; XADD stream newid field element ;; XREAD STREAMS stream 0 ;; EXEC"),
    (2, "MULTI ;; SET text integer ;; INCR text ;; LPUSH text element ;; GET text ;; EXEC"),
    (2, "MULTI ;; PUBLISH channel message ;; SPUBLISH channel message ;; EXEC"),
    (2, "MULTI ;; DEL any ;; LMOVE list list LEFT RIGHT ;; COPY any any ;; EXEC"),
    (2, "MULTI ;; BLPOP list 0 ;; XREAD BLOCK 0 STREAMS stream $ ;; EXEC"),
];

const PUBSUB: &[Line] = &[
    (5, "SUBSCRIBE channel..."),
    (3, "PSUBSCRIBE channelpattern..."),
    (3, "SSUBSCRIBE channel..."),
    (3, "UNSUBSCRIBE [channel...]"),
    (2, "PUNSUBSCRIBE [channelpattern...]"),
    (2, "SUNSUBSCRIBE [channel...]"),
    (16, "PUBLISH channel message"),
    (8, "SPUBLISH channel message"),
    (2, "PUBSUB CHANNELS [channelpattern]"),
    (2, "PUBSUB NUMSUB channel..."),
    (1, "PUBSUB NUMPAT"),
    (1, "PUBSUB SHARDCHANNELS [channelpattern]"),
    (2, "PUBSUB SHARDNUMSUB channel..."),
];

const CONNECTION: &[Line] = &[
    (4, "PING [message]"),
    (3, "ECHO message"),
    (1, "CLIENT SETNAME group"),
    (1, "CLIENT GETNAME"),
    (1, "CLIENT TRACKINGINFO"),
    (1, "CLIENT GETREDIR"),
    (1, "CLIENT CACHING <YES | NO>"),
    (1, "CLIENT NO-EVICT <ON | OFF>"),
    (1, "RESET"),
    (2, "HELLO [<2 | 3 | 4>] [SETNAME group]"),
    (1, "AUTH junk"),
    (1, "AUTH 'default' junk"),
    (1, "ASKING"),
    (1, "READONLY"),
    (1, "READWRITE"),
    (1, "CLUSTER KEYSLOT any"),
    (1, "junk junk"),
];

const KEYS_OF: &[Line] = &[
    (1, "COMMAND GETKEYS <GET | RPUSH | EXPIRE | GETEX> any integer"),
    (1, "COMMAND GETKEYS <MGET | DEL | WATCH> any..."),
    (1, "COMMAND GETKEYS MSET any element any element"),
    (1, "COMMAND GETKEYS BLPOP list... 0"),
    (1, "COMMAND GETKEYS LMPOP #list LEFT"),
    (1, "COMMAND GETKEYS BLMPOP 0 #list LEFT"),
    (1, "COMMAND GETKEYS XREAD [COUNT 1] [BLOCK 0] STREAMS %stream,readid"),
    (1, "COMMAND GETKEYS XREADGROUP GROUP group consumer [COUNT 1] [NOACK] STREAMS %stream,historyid"),
    (1, "COMMAND GETKEYS SORT list {[BY sortby] [GET '#'] [STORE list]}"),
    (1, "COMMAND GETKEYSANDFLAGS <SET | GETSET | APPEND> text element"),
    (1, "COMMAND GETKEYSANDFLAGS <LMOVE | COPY | RENAME> list list LEFT RIGHT"),
];

const EVENTS: &[Line] = &[
    (3, "CONFIG SET 'notify-keyspace-events' <'KEA' | 'El' | 'Kg' | 'KE$' | 'Ext' | 'KEA' | '' | 'KEKl$' | junk>"),
    (1, "CONFIG GET 'notify-keyspace-events'"),
];
