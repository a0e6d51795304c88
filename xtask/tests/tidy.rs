//! The rules of the house, checked on the house.

#![allow(clippy::unwrap_used)]

use xtask::tidy::{edges, licences, lints, manuals, places, sources};
use xtask::workspace::{files, metadata};

fn assert_none(problems: Vec<String>) {
    assert!(problems.is_empty(), "\n{}\n", problems.join("\n"));
}

#[test]
fn crates_depend_on_each_other_as_the_architecture_says() {
    assert_none(edges::problems(&metadata().unwrap()).unwrap());
}

#[test]
fn no_crate_has_unsafe_code() {
    assert_none(sources::unsafe_problems(&metadata().unwrap()).unwrap());
}

#[test]
fn crates_below_the_sans_io_line_ask_no_clock_socket_file_or_chance() {
    assert_none(lints::problems(&metadata().unwrap()).unwrap());
}

#[test]
fn every_source_file_says_what_it_is_and_is_finished() {
    assert_none(sources::problems(&files().unwrap()).unwrap());
}

#[test]
fn no_file_names_a_place_of_one_machine() {
    assert_none(places::problems(&files().unwrap()).unwrap());
}

#[test]
fn the_manuals_name_commands_and_files_that_exist() {
    assert_none(manuals::problems(&metadata().unwrap(), &files().unwrap()).unwrap());
}

#[test]
fn licences_go_with_ours() {
    assert_none(licences::problems(&metadata().unwrap(), &licences::allowed().unwrap()).unwrap());
}
