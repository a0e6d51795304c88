//! Whoever waits for a list gets it whichever way it comes to be there, and is not woken by what is none.
//!
//! Source: redis/redis PR #15453, which is about the commands that make a list without pushing to it.

use super::play;

/// What a waiter on `mail` hears when these commands run.
fn heard(commands: &str) -> String {
    let text = format!("ann  BLPOP mail 0\nbob  RPUSH list b a\nbob  SET text x\n{commands}");
    let answers = play(&text);
    answers.lines().filter_map(|line| line.strip_prefix("ann: ")).collect::<Vec<&str>>().join("\n")
}

#[test]
fn a_list_that_comes_by_another_way_than_a_push_is_served() {
    for command in [
        "RENAME list mail",
        "RENAMENX list mail",
        "COPY list mail",
        "COPY list mail REPLACE",
        "SORT list BY nosort STORE mail",
        "SORT text2 STORE mail\nbob  RENAME list mail",
    ] {
        assert_eq!(heard(&format!("bob  {command}")), "[mail, b]", "{command}");
    }
    let moved = "bob  SELECT 1\nbob  RPUSH mail b\nbob  MOVE mail 0";
    assert_eq!(heard(moved), "[mail, b]");
    let swapped = "bob  SELECT 1\nbob  RPUSH mail b\nbob  SWAPDB 0 1";
    assert_eq!(heard(swapped), "[mail, b]");
    let copied = "bob  SELECT 1\nbob  RPUSH mail b\nbob  COPY mail mail DB 0";
    assert_eq!(heard(copied), "[mail, b]");
}

#[test]
fn a_list_that_replaces_something_else_is_served() {
    for command in ["RENAME list mail", "COPY list mail REPLACE", "SORT list BY nosort STORE mail"] {
        let commands = format!("bob  SET mail text\nbob  {command}");
        assert_eq!(heard(&commands), "[mail, b]", "{command}");
    }
}

#[test]
fn what_is_no_list_wakes_nobody_and_takes_no_place_from_a_later_list() {
    for command in ["SET mail x", "RENAME text mail", "COPY text mail", "APPEND mail x", "INCR mail", "MSET mail 1"] {
        assert_eq!(heard(&format!("bob  {command}")), "", "{command}");
        let then = format!("bob  {command}\nbob  DEL mail\nbob  RPUSH mail z");
        assert_eq!(heard(&then), "[mail, z]", "{command}");
    }
}

#[test]
fn one_who_waits_for_more_sees_a_list_replaced_by_a_longer_one() {
    for command in ["SORT longer BY nosort STORE mail", "RENAME longer mail", "COPY longer mail REPLACE"] {
        let answers = play(&format!(
            "bob  RPUSH mail a\nbob  RPUSH longer x y z\nann  BLMOVEM mail done LEFT RIGHT 0 EXACTLY 3 BULK\nbob  {command}"
        ));
        assert!(answers.lines().any(|line| line == "ann: [x, y, z]"), "{command}: {answers}");
    }
}
