//! The order of keyspace events where it is not the obvious one, with those that came with Redis 8.2.
//!
//! Sources: redis/redis `src/db.c` (`dbAddInternal`: `new` comes first, and RENAME and COPY tell it even of a key that
//! was there; `setKeyByLink`: `overwritten` and `type_changed` come before the command's own event;
//! `renameGenericCommand`, `copyCommand`: they come after it), `src/t_string.c` (`msetexCommand`: `expire` comes before
//! `set`), `src/sort.c`.

use super::play;

/// What a listener hears, event by event, while these commands run.
fn heard(commands: &[&str]) -> String {
    let mut text = "
        eve  CONFIG SET notify-keyspace-events EAnoc
        eve  PSUBSCRIBE __keyevent@*__:*
    "
    .to_owned();
    commands.iter().for_each(|command| text.push_str(&format!("        {command}\n")));
    let heard = play(&text);
    let events =
        heard.lines().filter_map(|line| line.strip_prefix("eve: [pmessage, \"__keyevent@*__:*\", __keyevent@"));
    events.map(|event| event.trim_end_matches(']').replace("__:", " ").replace(',', "") + "\n").collect()
}

#[test]
fn a_value_that_replaces_another_is_told_before_what_did_it() {
    let heard =
        heard(&["ann  SET a 1", "ann  SET a 2 EX 10", "ann  RPUSH mail x", "ann  SET mail text", "ann  GETSET a 3"]);
    insta::assert_snapshot!(heard, @r"
    0 new a
    0 set a
    0 overwritten a
    0 set a
    0 expire a
    0 new mail
    0 rpush mail
    0 overwritten mail
    0 type_changed mail
    0 set mail
    0 overwritten a
    0 set a
    ");
}

#[test]
fn a_value_that_is_changed_is_not_overwritten() {
    let commands = ["ann  INCR n", "ann  INCR n", "ann  INCRBYFLOAT n 0.5", "ann  APPEND n x", "ann  SETRANGE n 0 y"];
    insta::assert_snapshot!(heard(&commands), @r"
    0 new n
    0 incrby n
    0 incrby n
    0 incrbyfloat n
    0 append n
    0 setrange n
    ");
}

#[test]
fn msetex_tells_of_the_deadline_first() {
    insta::assert_snapshot!(heard(&["ann  MSETEX 2 a 1 b 2 EX 10", "ann  MSET a 1"]), @r"
    0 new a
    0 expire a
    0 set a
    0 new b
    0 expire b
    0 set b
    0 overwritten a
    0 set a
    ");
}

#[test]
fn a_rename_tells_of_what_it_replaced_last() {
    let commands = ["ann  SET a 1", "ann  RENAME a b", "ann  RPUSH mail x", "ann  RENAME mail b", "ann  RENAME b b"];
    insta::assert_snapshot!(heard(&commands), @r"
    0 new a
    0 set a
    0 new b
    0 rename_from a
    0 rename_to b
    0 new mail
    0 rpush mail
    0 new b
    0 rename_from mail
    0 rename_to b
    0 overwritten b
    0 type_changed b
    ");
}

#[test]
fn a_copy_tells_of_what_it_replaced_last() {
    let commands = ["ann  SET a 1", "ann  COPY a b", "ann  COPY a b REPLACE", "ann  COPY a b", "ann  COPY a b DB 1"];
    insta::assert_snapshot!(heard(&commands), @r"
    0 new a
    0 set a
    0 new b
    0 copy_to b
    0 new b
    0 copy_to b
    0 overwritten b
    1 new b
    1 copy_to b
    ");
}

#[test]
fn a_move_is_told_in_both_databases() {
    insta::assert_snapshot!(heard(&["ann  SET a 1", "ann  MOVE a 2", "ann  MOVE a 2"]), @r"
    0 new a
    0 set a
    2 new a
    0 move_from a
    2 move_to a
    ");
}

#[test]
fn a_stored_sort_overwrites() {
    let commands = [
        "ann  RPUSH n 2 1",
        "ann  SORT n STORE sorted",
        "ann  SORT n STORE sorted",
        "ann  SET text x",
        "ann  SORT n STORE text",
        "ann  SORT missing STORE text",
        "ann  SORT missing STORE text",
    ];
    insta::assert_snapshot!(heard(&commands), @r"
    0 new n
    0 rpush n
    0 new sorted
    0 sortstore sorted
    0 overwritten sorted
    0 sortstore sorted
    0 new text
    0 set text
    0 overwritten text
    0 type_changed text
    0 sortstore text
    0 del text
    ");
}

#[test]
fn a_key_whose_time_has_come_expires_before_it_is_written() {
    let commands = ["ann  SET a 1 PXAT 1", "ann  SET a 2", "ann  SET a 1 PXAT 1", "ann  DEL a", "ann  SET b 1 PXAT 1"];
    insta::assert_snapshot!(heard(&commands), @r"
    0 new a
    0 set a
    0 expire a
    0 expired a
    0 new a
    0 set a
    0 overwritten a
    0 set a
    0 expire a
    0 expired a
    0 new b
    0 set b
    0 expire b
    ");
}

#[test]
fn reads_by_commands_that_write_can_miss_too() {
    let text = "
        eve  CONFIG SET notify-keyspace-events Em
        eve  PSUBSCRIBE __keyevent@0__:keymiss
        ann  SET a 1 GET
        ann  SET b 1
        ann  GETSET c 1
        ann  GETDEL d
        ann  GETEX e EX 10
        ann  COPY f g
        ann  DELEX h IFEQ x
        ann  APPEND i x
        ann  RENAME j k
    ";
    let missed = play(text);
    let missed: Vec<&str> = missed.lines().filter(|line| line.contains("pmessage")).collect();
    let keys: Vec<&str> = missed.iter().filter_map(|line| line.trim_end_matches(']').rsplit(", ").next()).collect();
    assert_eq!(keys, ["a", "c", "d", "e", "f", "h"]);
}
