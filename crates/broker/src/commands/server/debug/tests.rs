//! The real server, with DEBUG allowed, answers the same.

use insta::assert_snapshot;

use crate::testing::play;

#[test]
fn there_is_a_reply_of_every_type() {
    assert_snapshot!(play("
        @resp3 ann
        ann  DEBUG PROTOCOL string
        ann  DEBUG PROTOCOL integer
        ann  DEBUG PROTOCOL double
        ann  DEBUG PROTOCOL bignum
        ann  DEBUG PROTOCOL null
        ann  DEBUG PROTOCOL array
        ann  DEBUG PROTOCOL set
        ann  DEBUG PROTOCOL map
        ann  DEBUG PROTOCOL verbatim
        ann  DEBUG PROTOCOL true
        ann  DEBUG PROTOCOL false
        ann  DEBUG PROTOCOL push
    "), @r#"
    ann: "Hello World"
    ann: 12345
    ann: ,3.141
    ann: (1234567999999999999999999999999999999
    ann: nil
    ann: [0, 1, 2]
    ann: ~[0, 1, 2]
    ann: {0: #f, 1: #t, 2: #f}
    ann: =txt:"This is a verbatim\nstring"
    ann: #t
    ann: #f
    ann: >[server-cpu-usage, 42]
    ann: "Some real reply following the push reply"
    "#);
}

#[test]
fn resp2_has_fewer_types() {
    assert_snapshot!(play("
        ann  DEBUG PROTOCOL double
        ann  DEBUG PROTOCOL map
        ann  DEBUG PROTOCOL attrib
        ann  DEBUG PROTOCOL push
        ann  DEBUG PROTOCOL nosuch
    "), @r#"
    ann: "3.141"
    ann: [0, 0, 1, 1, 2, 0]
    ann: "Some real reply following the attribute"
    ann: -ERR RESP2 is not supported by this command
    ann: -ERR Wrong protocol type name. Please use one of the following: string|integer|double|bignum|null|array|set|map|attrib|push|verbatim|true|false
    "#);
}

#[test]
fn keys_stay_while_nobody_purges_them() {
    assert_snapshot!(play("
        ann  DEBUG SET-ACTIVE-EXPIRE 0
        ann  SET a 1 PX 20
        at 200ms
        ann  DBSIZE
        ann  DEBUG SET-ACTIVE-EXPIRE 1
        at 201ms
        ann  DBSIZE
    "), @r"
    ann: +OK
    ann: +OK
    ann: 1
    ann: +OK
    ann: 0
    ");
}

#[test]
fn what_does_not_fit_is_refused() {
    assert_snapshot!(play("
        ann  DEBUG OBJECT missing
        ann  DEBUG OBJECT
        ann  DEBUG SLEEP 0 0
        ann  DEBUG ERROR \"MYERR of mine\"
    "), @r"
    ann: -ERR no such key
    ann: -ERR unknown subcommand or wrong number of arguments for 'OBJECT'. Try DEBUG HELP.
    ann: -ERR unknown subcommand or wrong number of arguments for 'SLEEP'. Try DEBUG HELP.
    ann: -MYERR of mine
    ");
}

/// Whoever tries out an alarm on slow commands makes one of these.
#[test]
fn sleeping_is_slow() {
    assert_snapshot!(play("
        ann  CONFIG SET slowlog-log-slower-than 100000 latency-monitor-threshold 100
        ann  DEBUG SLEEP 0.05
        ann  DEBUG SLEEP 0.2
        ann  SLOWLOG LEN
        ann  LATENCY LATEST
    "), @r"
    ann: +OK
    ann: +OK
    ann: +OK
    ann: 1
    ann: [[command, 1704067200, 200, 200]]
    ");
}
