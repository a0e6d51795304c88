//! Every file of the fuzz corpus passes its check, on the stable toolchain and at every test run.

#![allow(clippy::unwrap_used, clippy::print_stdout, missing_docs)]

#[path = "../../../fuzz/src/checks.rs"]
mod checks;

use std::path::Path;

fn replay(target: &str, check: fn(&[u8])) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus").join(target);
    let mut files: Vec<_> = std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    assert!(files.len() >= 5, "{} holds a corpus", folder.display());
    for file in files {
        println!("{}", file.display());
        check(&std::fs::read(&file).unwrap());
    }
}

#[test]
fn requests() {
    replay("requests", checks::requests);
}

#[test]
fn values() {
    replay("values", checks::values);
}

#[test]
fn split_args() {
    replay("split_args", checks::split_args_and_quote);
}
