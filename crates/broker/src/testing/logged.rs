//! Each reason for which a command may change something is a reason to log it.
//!
//! An op that changes something is counted as a change where it is applied, once for each way in which it may: a way that is
//! forgotten there is a change that is acknowledged and gone after a restart. Random programs seldom come by those that take
//! two commands of the same entry, so each has its line here.

use super::driver::Driver;
use super::replay::replay;
use crate::digest;

/// Two entries, the first of which was read by `ann` of the group `g` and by `ann` of the group `h`. `g` has a `bob`, too.
const STREAM: &str = "XADD s 1-1 f v|XADD s 2-1 f v|XGROUP CREATE s g 0|XGROUP CREATE s h 0|XGROUP CREATECONSUMER s g bob\
    |XREADGROUP GROUP g ann COUNT 1 STREAMS s >|XREADGROUP GROUP h ann COUNT 1 STREAMS s >";

/// Plays all commands, the last one of them some milliseconds later. It changes something, and the log of all of them leads
/// to the same state.
fn assert_logged(before: &str, command: &str) {
    let mut driver = Driver::new(1);
    for command in before.split('|') {
        let answer = driver.run(command);
        assert!(!answer.starts_with('-'), "{command}: {answer}");
    }
    driver.sleep(7);
    let unchanged = digest::of(driver.group());
    let answer = driver.run(command);
    assert!(!answer.starts_with('-'), "{command}: {answer}");
    let changed = digest::of(driver.group());
    assert_ne!(changed, unchanged, "{command} changes nothing after {before}");
    let again = replay(&driver.records());
    assert_eq!(digest::of(&again), changed, "{command} is not in the log as it was, after {before}");
    assert_eq!(again.index, driver.group().index, "{command} after {before}");
}

/// What comes after `STREAM`, and the command then; beside it, why it is a case of its own where that does not show.
#[rustfmt::skip] // one a line, reasons beside
const ON_STREAMS: &[(&str, &str)] = &[
    ("", "XADD s * f v"),
    ("", "XADD s 5-* f v"),
    ("", "XADD s 5-1 f v"),
    ("", "XADD s NOMKSTREAM * f v"),
    ("", "XADD s MAXLEN 1 * f v"),
    ("", "XADD s MAXLEN 0 * f v"), // it adds nothing that stays
    ("", "XADD s MINID 2 * f v"),
    ("", "XADD s DELREF MAXLEN 1 * f v"),
    ("", "XADD s IDMP pid iid * f v"),
    ("", "XADD s IDMPAUTO pid * f v"),
    ("XADD s IDMP pid iid * f v", "XADD s IDMP pid iid * f v"), // a duplicate is counted
    ("CONFIG SET stream-idmp-maxsize 7", "XADD new IDMP pid iid * f v"),
    ("CONFIG SET stream-idmp-duration 7", "XADD new IDMP pid iid * f v"),
    ("", "XTRIM s MAXLEN 0"),
    ("", "XTRIM s MINID 2"),
    ("", "XTRIM s MAXLEN 1 DELREF"),
    ("XACK s g 1-1|XACK s h 1-1", "XTRIM s MAXLEN 0 ACKED"),
    ("", "XDEL s 1-1"),
    ("", "XDELEX s IDS 1 1-1"),
    ("", "XDELEX s DELREF IDS 1 1-1"),
    ("XDEL s 1-1", "XDELEX s DELREF IDS 1 1-1"), // references to what is gone are dropped
    ("XACK s g 1-1|XACK s h 1-1", "XDELEX s ACKED IDS 1 1-1"),
    ("", "XACKDEL s g IDS 1 1-1"),
    ("", "XACKDEL s g DELREF IDS 1 1-1"),
    ("", "XACKDEL s g ACKED IDS 1 1-1"), // it is acknowledged, and stays for the other group
    ("XDEL s 1-1", "XACKDEL s g IDS 1 1-1"), // what is gone is acknowledged
    ("", "XSETID s 9-9"),
    ("", "XSETID s 2-1 ENTRIESADDED 9"),
    ("", "XSETID s 2-1 ENTRIESADDED 9 MAXDELETEDID 2-0"),
    ("", "XCFGSET s IDMP-DURATION 7"),
    ("", "XCFGSET s IDMP-MAXSIZE 7"),
    ("XADD s IDMP pid iid * f v", "XCFGSET s IDMP-MAXSIZE 7"), // what it remembered is forgotten
    ("XADD s * f v", "XIDMPRECORD s pid iid 1704067200000-0"),
];

#[rustfmt::skip] // one a line, reasons beside
const ON_GROUPS: &[(&str, &str)] = &[
    ("", "XGROUP CREATE s new 0"),
    ("", "XGROUP CREATE s new $"),
    ("", "XGROUP CREATE s new 1-1 ENTRIESREAD 1"),
    ("", "XGROUP CREATE new new $ MKSTREAM"),
    ("CONFIG SET stream-idmp-maxsize 7", "XGROUP CREATE new new $ MKSTREAM"),
    ("", "XGROUP SETID s g 0"),
    ("", "XGROUP SETID s g 1-1 ENTRIESREAD 9"),
    ("", "XGROUP DESTROY s g"),
    ("", "XGROUP CREATECONSUMER s g cat"),
    ("", "XGROUP DELCONSUMER s g ann"),
    ("", "XGROUP DELCONSUMER s g bob"), // it had nothing pending
    ("", "XREADGROUP GROUP g bob STREAMS s >"),
    ("", "XREADGROUP GROUP g cat STREAMS s >"),
    ("XGROUP SETID s g $", "XREADGROUP GROUP g cat STREAMS s >"), // a consumer is made, and gets nothing
    ("XGROUP SETID s g $", "XREADGROUP GROUP g cat NOACK STREAMS s >"),
    ("", "XREADGROUP GROUP g cat STREAMS s 0"),
    ("", "XREADGROUP GROUP g bob NOACK STREAMS s >"), // where the group stands
    ("XADD t 1-1 f v|XGROUP CREATE t g 0", "XREADGROUP GROUP g bob NOACK STREAMS s t > >"),
    ("", "XREADGROUP GROUP g ann STREAMS s 0"), // deliveries are counted, and their times noted
    ("XADD s 3-1 f v", "XREADGROUP GROUP g bob COUNT 1 STREAMS s >"),
    ("XADD s 3-1 f v", "XREADGROUP GROUP g bob MAXCOUNT 1 STREAMS s >"),
    ("XADD s 3-1 f v", "XREADGROUP GROUP g bob MAXSIZE 1 STREAMS s >"),
    ("", "XREADGROUP GROUP g bob CLAIM 5 STREAMS s >"),
    ("XGROUP SETID s g $", "XREADGROUP GROUP g bob CLAIM 5 STREAMS s >"), // there is nothing new to go with it
    ("", "XREADGROUP GROUP g bob CLAIM 9 STREAMS s >"), // nothing is idle long enough
];

#[rustfmt::skip] // one a line, reasons beside
const ON_PENDING: &[(&str, &str)] = &[
    ("", "XACK s g 1-1"),
    ("XDEL s 1-1", "XACK s g 1-1"),
    ("", "XCLAIM s g bob 0 1-1"),
    ("", "XCLAIM s g bob 0 1-1 JUSTID"),
    ("", "XCLAIM s g bob 0 1-1 IDLE 5000"),
    ("", "XCLAIM s g bob 0 1-1 TIME 7"),
    ("", "XCLAIM s g bob 0 1-1 RETRYCOUNT 77"),
    ("", "XCLAIM s g bob 0 1-1 LASTID 9-9"),
    ("", "XCLAIM s g bob 0 2-1 FORCE"), // it was not pending
    ("", "XCLAIM s g bob 0 2-1 LASTID 9-9"), // nothing is claimed
    ("", "XCLAIM s g cat 0 2-1"), // a consumer is made, and gets nothing
    ("XDEL s 1-1", "XCLAIM s g bob 0 1-1"), // what is gone is dropped
    ("XDEL s 1-1", "XCLAIM s g bob 0 1-1 JUSTID"),
    ("", "XAUTOCLAIM s g bob 0 0"),
    ("", "XAUTOCLAIM s g bob 0 0 JUSTID"),
    ("XCLAIM s g ann 0 2-1 FORCE", "XAUTOCLAIM s g bob 0 0 COUNT 1"),
    ("XCLAIM s g ann 0 2-1 FORCE", "XAUTOCLAIM s g bob 0 2-1"),
    ("", "XAUTOCLAIM s g cat 9 0"), // a consumer is made, and gets nothing
    ("XDEL s 1-1", "XAUTOCLAIM s g bob 0 0"), // what is gone is dropped
    ("XDEL s 1-1", "XAUTOCLAIM s g bob 0 0 JUSTID"),
    ("", "XNACK s g SILENT IDS 1 1-1"),
    ("", "XNACK s g FAIL IDS 1 1-1"),
    ("", "XNACK s g FATAL IDS 1 1-1"),
    ("", "XNACK s g FAIL IDS 1 1-1 RETRYCOUNT 77"),
    ("", "XNACK s g FAIL IDS 1 2-1 FORCE"), // it was not pending
];

/// The same for whole keys, strings and lists.
const ON_OTHERS: &[(&str, &str)] = &[
    ("SET a 1", "DEL a b"),
    ("SET a 1", "PEXPIRE a 5000"),
    ("SET a 1", "EXPIREAT a 1"),
    ("SET a 1 PX 5000", "EXPIRE a 9 GT"),
    ("SET a 1 PX 5000", "PERSIST a"),
    ("SET a 1 PX 5", "INCR a"),
    ("SET a 1 PX 5", "GET a"),
    ("SET a 1", "RENAME a b"),
    ("SET a 1|SET b 2", "RENAME a b"),
    ("SET a 1", "COPY a b"),
    ("SET a 1|SET b 2", "COPY a b REPLACE"),
    ("SET a 1", "COPY a a DB 1"),
    ("SET a 1", "MOVE a 1"),
    ("SET a 1", "SWAPDB 0 1"),
    ("SET a 1", "SWAPDB 1 0"),
    ("SET a 1|SELECT 1|SET a 1", "FLUSHDB"),
    ("SET a 1|SELECT 1", "FLUSHALL"),
    ("SET a 1", "SET a 2 GET"),
    ("SET a 1 PX 5000", "SET a 1"),
    ("SET a 1 PX 5000", "SET a 2 KEEPTTL"),
    ("SET a 1", "SET a 1 PX 5000"),
    ("SET a 1", "GETEX a PX 5000"),
    ("SET a 1", "GETEX a PXAT 1"),
    ("SET a 1 PX 5000", "GETEX a PERSIST"),
    ("SET a 1", "GETDEL a"),
    ("SET a 1", "MSETEX 1 a 1 PX 5000"),
    ("SET a 1", "MSETNX b 1 c 1"),
    ("SET a 1", "APPEND a x"),
    ("SET a 1", "SETRANGE a 3 x"),
    ("SET a 1", "INCRBYFLOAT a 0.5"),
    ("SET a 1", "DELEX a IFEQ 1"),
    ("RPUSH l a b", "LPUSH l x y"),
    ("RPUSH l a b", "RPUSHX l x"),
    ("RPUSH l a b", "LPOP l"),
    ("RPUSH l a b", "RPOP l 5"),
    ("RPUSH l a b", "LMPOP 2 k l RIGHT"),
    ("RPUSH l a b", "LMOVE l l LEFT RIGHT"),
    ("RPUSH l a b", "LMOVE l m RIGHT LEFT"),
    ("RPUSH l a b c", "LMOVEM l m LEFT RIGHT COUNT 2 OBO"),
    ("RPUSH l a b c", "LMOVEM l l LEFT RIGHT COUNT 2 BULK"),
    ("RPUSH l a b", "LINSERT l BEFORE b x"),
    ("RPUSH l a b", "LSET l -1 x"),
    ("RPUSH l a b a", "LREM l -1 a"),
    ("RPUSH l a a", "LREM l 0 a"),
    ("RPUSH l a b", "LTRIM l 1 -1"),
    ("RPUSH l a b", "LTRIM l 5 9"),
    ("RPUSH l a b", "SORT l ALPHA DESC STORE l"),
    ("RPUSH l a b", "SORT none STORE l"),
];

#[test]
fn whatever_a_command_changes_of_a_stream_is_in_the_log() {
    for (before, command) in [ON_STREAMS, ON_GROUPS, ON_PENDING].concat() {
        let before = if before.is_empty() { STREAM.to_owned() } else { format!("{STREAM}|{before}") };
        assert_logged(&before, command);
    }
}

#[test]
fn whatever_a_command_changes_of_anything_else_is_in_the_log() {
    ON_OTHERS.iter().for_each(|(before, command)| assert_logged(before, command));
}
