//! Where a backup goes and where it comes back: directories that are no place for it, and those that are after all.
#![allow(clippy::unwrap_used)]

mod support;

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::process::Command;

use insta::assert_snapshot;
use support::own::Server;
use support::{again_by, rbq, run, skipped, text};
use tempfile::TempDir;

/// A backup of a server with one queue, and its directory.
fn backed_up() -> (TempDir, String) {
    let server = Server::start();
    assert!(server.play(&["cli", "rpush", "mail", "one"], "").starts_with("exit 0\n"));
    let dir = tempfile::tempdir().unwrap();
    let copy = dir.path().join("copy").display().to_string();
    let made = server.play(&["backup", &copy], "");
    assert!(made.starts_with("exit 0\n"), "{made}");
    (dir, copy)
}

fn play(dir: &TempDir, args: &[&str]) -> String {
    text(&run(&mut rbq(args), b"")).replace(dir.path().to_str().unwrap(), "DIR")
}

fn is_root(dir: &TempDir) -> bool {
    fs::metadata(dir.path()).unwrap().uid() == 0
}

/// The command by a user who may not open what is closed to its owner. Root may, so it goes without that privilege.
fn as_anybody(command: Command, is_root: bool) -> Command {
    if !is_root {
        return command;
    }
    let mut without = again_by("setpriv", &command);
    without.arg("--bounding-set=-dac_override,-dac_read_search").arg(command.get_program()).args(command.get_args());
    without
}

#[test]
fn a_fresh_file_system_is_an_empty_directory() {
    let (dir, copy) = backed_up();
    let target = dir.path().join("disk");
    fs::create_dir_all(target.join("lost+found")).unwrap();
    let restored = play(&dir, &["restore", &copy, target.to_str().unwrap()]);
    assert!(restored.starts_with("exit 0\n"), "{restored}");
    // A file of that name is somebody's.
    let other = dir.path().join("other");
    fs::create_dir(&other).unwrap();
    fs::write(other.join("lost+found"), "").unwrap();
    assert_snapshot!(play(&dir, &["restore", &copy, other.to_str().unwrap()]), @r"
    exit 1
    err| error: the directory `DIR/other` is not empty: it holds `lost+found`
    err| hint: name a directory that is empty or not there yet
    ");
}

#[test]
fn no_server_starts_with_nothing_beside_a_restore_that_was_not_completed() {
    let (dir, copy) = backed_up();
    let home = tempfile::tempdir().unwrap();
    let target = home.path();
    fs::create_dir(target.join("rbq-data.partial")).unwrap();
    let serve = ["server", "--port", "0", "--unixsocket", "rbq.sock", "--dir", target.to_str().unwrap()];
    let refused = play(&home, &serve);
    assert!(refused.starts_with("exit 1\n"), "{refused}");
    assert!(
        refused.contains(
            "`DIR/rbq-data.partial` is there and no `rbq-data`: a restore is under way, or was not completed"
        ),
        "{refused}"
    );
    assert!(refused.contains("hint: run `rbq restore` again; or, to start with nothing, remove"), "{refused}");
    assert!(!target.join("rbq-data").exists());
    let prompt = play(&dir, &["repl", "--embedded", "--dir", target.to_str().unwrap()]);
    assert!(prompt.starts_with("exit 1\n") && prompt.contains("a restore is under way"), "{prompt}");
    let restored = play(&dir, &["restore", &copy, target.to_str().unwrap()]);
    assert!(restored.starts_with("exit 0\n"), "{restored}");
    // Beside data it is in nobody's way.
    fs::create_dir(target.join("rbq-data.partial")).unwrap();
    let server = Server::start_in(home);
    assert_eq!(server.play(&["cli", "lrange", "mail", "0", "-1"], ""), "exit 0\nout| one\n");
}

#[test]
fn a_restore_by_root_is_for_whom_the_directory_belongs_to() {
    let (dir, copy) = backed_up();
    if !is_root(&dir) {
        return skipped("only root restores for somebody else");
    }
    let target = dir.path().join("target");
    fs::create_dir(&target).unwrap();
    chown(&target, Some(4711), Some(4712)).unwrap();
    let restored = play(&dir, &["restore", &copy, target.to_str().unwrap()]);
    assert!(restored.starts_with("exit 0\n") && !restored.contains("belong to root"), "{restored}");
    let data = target.join("rbq-data");
    let files = fs::read_dir(&data).unwrap().map(|entry| entry.unwrap().path());
    for path in files.chain([data.clone()]) {
        let metadata = fs::metadata(&path).unwrap();
        assert_eq!((metadata.uid(), metadata.gid()), (4711, 4712), "{}", path.display());
    }
    let new = play(&dir, &["restore", &copy, dir.path().join("new").to_str().unwrap()]);
    assert!(
        new.contains("err| its files belong to root: a server of another user needs `chown -R USER: DIR/new`"),
        "{new}"
    );
}

#[test]
fn whose_files_they_are_is_said_where_they_cannot_be_opened() {
    let server = Server::start();
    let url = server.url();
    assert!(server.play(&["cli", "-u", &url, "shutdown"], "").starts_with("exit 0\n"));
    let lock = server.dir.path().join("rbq-data/lock");
    fs::set_permissions(&lock, fs::Permissions::from_mode(0o000)).unwrap();
    let dir = server.dir.path().to_str().unwrap();
    let start = rbq(&["server", "--port", "0", "--unixsocket", "rbq.sock", "--dir", dir]);
    let refused = text(&run(&mut as_anybody(start, is_root(&server.dir)), b""));
    assert!(refused.contains("hint: the files must belong to the user that the server runs as"), "{refused}");
}

#[test]
fn a_backup_has_no_place_in_the_data_that_it_is_of() {
    let server = Server::start();
    let data = server.dir.path().join("rbq-data");
    for inside in ["copy", "../rbq-data/copy", "deeper/copy"] {
        let refused = server.play(&["backup", data.join(inside).to_str().unwrap()], "");
        assert!(refused.starts_with("exit 1\n") && refused.contains("is in the data directory"), "{refused}");
    }
    assert!(!data.join("copy").exists() && !data.join("deeper").exists());
    // Where it goes is told as it is.
    let made = server.play(&["backup", data.join("../copy").to_str().unwrap()], "");
    let real = server.dir.path().canonicalize().unwrap().join("copy");
    assert!(made.starts_with("exit 0\n") && made.contains(&format!("in `{}`", real.display())), "{made}");
}
