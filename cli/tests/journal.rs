//! What a server keeps on disk, from outside: checked, dumped, damaged, repaired, backed up and restored, with real
//! processes and real files.
//!
//! It is not two files, because all of it works on directories that the same server makes, and shows them in the same words.
#![allow(clippy::unwrap_used)]

mod support;
#[path = "support/terminal.rs"]
mod terminal;

use std::collections::BTreeMap;
use std::fs::{self, OpenOptions};
use std::io::BufRead;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use expectrl::Expect;
use insta::assert_snapshot;
use rbq_broker::settings::Text;
use rbq_broker::{Broker, Now, Settings};
use rbq_journal::{Directory, Identity, Journal, Options};
use rbq_server::lone;
use support::own::ready;
use support::{Patience, listen, rbq, run, start, text};
use tempfile::TempDir;
use terminal::{exit_code, open};

/// An `rbq server` with a log, on a Unix socket.
struct Server {
    child: Child,
    url: String,
}

fn server_command(dir: &Path) -> Command {
    let dir = dir.to_str().unwrap();
    rbq(&["server", "--port", "0", "--unixsocket", "rbq.sock", "--dir", dir, "--appendfsync", "everysec"])
}

impl Server {
    fn start(dir: &Path) -> Self {
        Self { child: ready(&mut server_command(dir)), url: format!("unix://{}/rbq.sock", dir.display()) }
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = rbq(args);
        command.env("RBQ_URL", &self.url);
        command
    }

    fn play(&self, args: &[&str], stdin: &str) -> String {
        text(&run(&mut self.command(args), stdin.as_bytes()))
    }

    /// Ends it in order.
    fn stop(mut self) {
        assert_eq!(self.play(&["cli", "shutdown"], ""), "exit 0\n");
        assert!(self.child.wait().unwrap().success());
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn data(dir: &TempDir) -> PathBuf {
    dir.path().join("rbq-data")
}

/// Runs a tool on files, and shows what it said with the paths and chance numbers of this run replaced by words.
fn tool(dir: &TempDir, args: &[&str]) -> String {
    shown(dir, &text(&run(&mut rbq(args), b"")))
}

/// The same without what it lists on stdout.
fn verdict(dir: &TempDir, args: &[&str]) -> String {
    tool(dir, args).lines().filter(|line| !line.starts_with("out|")).collect::<Vec<_>>().join("\n")
}

fn shown(dir: &TempDir, text: &str) -> String {
    let text = text.replace(dir.path().to_str().unwrap(), "DIR");
    let mut out = String::new();
    for line in text.lines() {
        let mut words: Vec<String> = Vec::new();
        for word in line.split(' ') {
            let bare = word.trim_end_matches(',');
            let is_id = bare.len() == 32 && bare.bytes().all(|byte| byte.is_ascii_hexdigit());
            let ends = &word[bare.len()..];
            words.push(match word.strip_prefix("time_ms=") {
                Some(_) => "time_ms=TIME".into(),
                None if is_id => format!("ID{ends}"),
                None => word.into(),
            });
        }
        out.push_str(&words.join(" "));
        out.push('\n');
    }
    out
}

/// Without the lines that are not the same in every run: how many files were prepared already, how long a process id is.
fn steady(text: &str) -> String {
    let is_steady = |line: &&str| !line.starts_with("out| spare-") && !line.starts_with("out| lock ");
    text.lines().filter(is_steady).collect::<Vec<_>>().join("\n")
}

/// A server's directory with three records in its log.
fn made() -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::start(dir.path());
    let said = server.play(
        &["cli"],
        "rpush mail one \"two words\\xff\"\nselect 3\nset k v pxat 4102444800000\nxadd s 5-1 name value\n",
    );
    assert!(said.starts_with("exit 0"), "{said}");
    server.stop();
    dir
}

/// The one segment that records are in.
fn segment(dir: &TempDir) -> PathBuf {
    data(dir).join("segment-0000000000000001.log")
}

/// Changes one bit of the last record.
fn damage(path: &Path) {
    let bytes = fs::read(path).unwrap();
    let at = bytes.windows(4).position(|bytes| bytes == b"name").unwrap();
    let file = OpenOptions::new().write(true).open(path).unwrap();
    file.write_all_at(&[bytes[at] ^ 1], at as u64).unwrap();
}

fn flip(path: &Path, at: usize) {
    let byte = fs::read(path).unwrap()[at];
    OpenOptions::new().write(true).open(path).unwrap().write_all_at(&[byte ^ 1], at as u64).unwrap();
}

#[test]
fn of_a_last_batch_that_nothing_vouches_for_no_more_is_said_than_is_known() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::start(dir.path());
    let (note, before) = (data(&dir).join("durable"), dir.path().join("durable-before"));
    fs::copy(&note, &before).unwrap();
    server.play(&["cli"], "rpush mail one\nxadd s 5-1 name value\n");
    server.stop();
    damage(&segment(&dir));
    // As if it had ended before it noted that all of it was safe.
    fs::copy(&before, &note).unwrap();
    let said = tool(&dir, &["journal", "check", data(&dir).to_str().unwrap()]);
    let about: Vec<&str> = said.lines().filter(|line| line.starts_with("err|")).collect();
    assert_snapshot!(about.join("\n"), @r"
    err| `segment-0000000000000001.log`: 128 bytes from byte 4208 on are not whole (the checksum of a batch's records does not fit): they were never completed, or were damaged afterwards, and nothing newer tells which; the next start cuts them and keeps them aside where the disk has room
    err| sound up to there: a start accepts it
    ");
    assert!(said.starts_with("exit 0\n"), "{said}");
}

#[test]
fn of_a_log_from_the_future_it_is_said_how_a_start_accepts_it() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::start(dir.path());
    server.play(&["cli"], "rpush mail one\n");
    server.stop();
    let settings = Settings { dir: Text(dir.path().to_str().unwrap().into()), ..Settings::default() };
    let mut broker = Broker::new(settings.clone(), 1, Now::default());
    let recovered = lone::open(&settings, &mut broker, || {}).unwrap();
    let now_ms = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis() as u64;
    lone::save(&mut broker, &recovered.journal, now_ms + 73 * 3_600_000).unwrap();
    recovered.journal.close().unwrap();
    assert_snapshot!(verdict(&dir, &["journal", "check", data(&dir).to_str().unwrap()]), @r"
    exit 0
    err| note: the log was written 3 days after what the system's clock says now
    err| sound: a start accepts it with `--accept-clock yes`
    ");
}

#[test]
fn whole_bytes_that_say_nonsense_are_not_called_sound() {
    let dir = tempfile::tempdir().unwrap();
    let options = Options::new(1, Identity { cluster: 1, node: 2 });
    let opened = Journal::open(Arc::new(Directory::open(dir.path()).unwrap()), options).unwrap();
    let (journal, _) = opened.begin().unwrap();
    journal.append(b"\x05nonsense");
    journal.close().unwrap();
    let path = dir.path().to_str().unwrap();
    let check = |flags: &[&str]| verdict(&dir, &[&["journal", "check", path][..], flags].concat());
    assert_snapshot!(check(&[]), @r"
    exit 1
    err| error: every byte is as it was written, and a start cannot read back what they say: position 1 of the log: log record: the record ends inside a field
    err| hint: restore a backup; and please report this: no rbq should write what it cannot read
    ");
    assert_snapshot!(check(&["--bytes-only"]), @r"
    exit 0
    err| sound: every byte is as it was written
    ");
}

#[test]
fn a_sound_journal_is_told_file_by_file() {
    let dir = made();
    let data = data(&dir);
    let said = tool(&dir, &["journal", "check", data.to_str().unwrap()]);
    assert_snapshot!(steady(&said), @r"
    exit 0
    out| durable                           8192  everything up to batch 3, record 3 was safe
    out| id                                 121  cluster ID, node ID
    out| segment-0000000000000001.log  16777216  records 1 to 3 in 3 batches, up to byte 4464
    err| sound: a start accepts it
    ");
    assert_snapshot!(tool(&dir, &["journal", "repair", data.to_str().unwrap()]), @r"
    exit 0
    err| nothing to repair: all is whole, up to position 3
    ");
}

#[test]
fn a_dump_shows_every_op_as_text_and_as_json() {
    let dir = made();
    let data = data(&dir);
    assert_snapshot!(tool(&dir, &["journal", "dump", data.to_str().unwrap()]), @r#"
    exit 0
    out| position=1 index=1 time_ms=TIME db=0 ListPush key=mail end=Tail when=Always elements=[one "two words\xff"]
    out| position=2 index=2 time_ms=TIME db=3 StringSet key=k value=v when=Always deadline=(At=4102444800000) reply=Status
    out| position=3 index=3 time_ms=TIME db=3 StreamAppend key=s id=5-1 fields=[name value] missing=Create limits=(max_entries=100 max_bytes=4096) policy=Keep idmp=(duration_s=100 max_iids=100)
    "#);
    let json = run(&mut rbq(&["journal", "dump", data.to_str().unwrap(), "--output", "jsonl"]), b"");
    let lines: Vec<serde_json::Value> =
        String::from_utf8(json.stdout).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.len(), 3);
    assert_eq!(lines[0]["op"], "ListPush");
    assert_eq!(lines[0]["fields"]["elements"], serde_json::json!(["one", { "base64": "dHdvIHdvcmRz/w==" }]));
    assert_eq!((&lines[1]["db"], &lines[1]["fields"]["value"]), (&3.into(), &"v".into()));
}

#[test]
fn a_dump_beside_a_snapshot_says_which_positions_it_showed() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::start(dir.path());
    server.play(&["cli"], "set a 1\nset b 2\nsave\nset c 3\n");
    server.stop();
    let said = tool(&dir, &["journal", "dump", data(&dir).to_str().unwrap()]);
    assert_eq!(said.matches("StringSet").count(), 3, "{said}");
    let about: Vec<&str> = said.lines().filter(|line| line.starts_with("err|")).collect();
    assert_snapshot!(about.join("\n"), @"err| shown: positions 1 to 3, every operation from the first on; a snapshot holds the state after position 2 besides");
}

#[test]
fn damage_to_what_a_snapshot_holds_costs_nothing_in_a_repair() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::start(dir.path());
    server.play(&["cli"], "rpush mail name\nset b 2\nsave\nrpush mail two\nset c 3\n");
    server.stop();
    let (data, segment) = (data(&dir), segment(&dir));
    damage(&segment);
    let path = data.to_str().unwrap();
    let plan = tool(&dir, &["journal", "repair", path, "--dry-run"]);
    // Which batch vouches for the one that is damaged depends on when the others were synced.
    assert_snapshot!(plan[plan.find("err| plan").unwrap()..], @r"
    err| plan: mend what is damaged, drop nothing, and keep a copy aside
    err|   mend  the beginning of `segment-0000000000000001.log`, with records from 2 on (not all of it before byte 4208 can be read, and the snapshot holds what was in it)
    err|   keep  everything up to position 4
    err| dry run: nothing was changed
    ");
    assert!(tool(&dir, &["journal", "repair", path, "--yes"]).starts_with("exit 0\n"));
    let server = Server::start(dir.path());
    assert_eq!(server.play(&["cli"], "lrange mail 0 -1\nget c\n"), "exit 0\nout| name\nout| two\nout| 3\n");
    drop(server);

    // A snapshot that is the last file that tells whose it is.
    fs::remove_file(data.join("id")).unwrap();
    fs::remove_file(&segment).unwrap();
    let repaired = tool(&dir, &["journal", "repair", path, "--yes"]);
    assert!(repaired.starts_with("exit 0\n"), "{repaired}");
    let server = Server::start(dir.path());
    assert_eq!(server.play(&["cli"], "lrange mail 0 -1\nget b\n"), "exit 0\nout| name\nout| 2\n");
}

#[test]
fn a_reader_of_a_dump_may_leave() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::start(dir.path());
    let many: String = (0..3000).map(|number| format!("rpush mail message-number-{number}\n")).collect();
    run(&mut server.command(&["cli"]), many.as_bytes());
    server.stop();
    let mut child = start(&mut rbq(&["journal", "dump", data(&dir).to_str().unwrap()]));
    let mut stdout = listen(child.stdout.take().unwrap());
    let mut line = String::new();
    stdout.read_line(&mut line).unwrap();
    assert!(line.contains("ListPush key=mail"), "{line}");
    drop(stdout);
    let output = child.wait_with_output().unwrap();
    assert_eq!((output.status.code(), output.stderr.as_slice()), (Some(0), &b""[..]));
}

#[test]
fn damage_is_found_refused_and_repaired_and_the_originals_are_kept() {
    let dir = made();
    let (data, segment) = (data(&dir), segment(&dir));
    damage(&segment);
    let damaged = fs::read(&segment).unwrap();
    let path = data.to_str().unwrap();

    let checked = tool(&dir, &["journal", "check", path]);
    assert_snapshot!(steady(&checked), @r"
    exit 1
    out| durable                           8192  everything up to batch 3, record 3 was safe
    out| id                                 121  cluster ID, node ID
    out| segment-0000000000000001.log  16777216  records 1 to 2 in 2 batches, up to byte 4336; at byte 4336: the checksum of a batch's records does not fit
    err| error: `segment-0000000000000001.log` is damaged at byte 4336: the checksum of a batch's records does not fit; it was noted that everything up to batch 3 (record 3) was safe; so records 3 to 3 cannot be read
    err| hint: `rbq journal repair DIR/rbq-data --dry-run` shows what a repair would do
    ");
    let refused = server_command(dir.path()).output().unwrap();
    assert_eq!(refused.status.code(), Some(1));
    let refused = String::from_utf8(refused.stderr).unwrap();
    let (_, said) = refused.split_at(refused.find("error:").unwrap());
    assert_snapshot!(said.replace(dir.path().to_str().unwrap(), "DIR"), @r"
    error: in DIR/rbq-data: `segment-0000000000000001.log` is damaged at byte 4336: the checksum of a batch's records does not fit; it was noted that everything up to batch 3 (record 3) was safe; so records 3 to 3 cannot be read
    hint: run `rbq journal check DIR/rbq-data` to see all of it, and `rbq journal repair DIR/rbq-data --dry-run` to see what a repair would drop
    ");

    assert_snapshot!(tool(&dir, &["journal", "repair", path, "--dry-run"]), @r"
    exit 0
    err| `segment-0000000000000001.log` is damaged at byte 4336: the checksum of a batch's records does not fit; it was noted that everything up to batch 3 (record 3) was safe; so records 3 to 3 cannot be read
    err| plan: drop what is damaged and all that follows it, and keep a copy aside
    err|   drop  `segment-0000000000000001.log`: 128 bytes from byte 4336 on, with record 3 (the checksum of a batch's records does not fit)
    err|   write `durable`: everything up to record 2 was safe
    err|   keep  everything up to position 2
    err| dry run: nothing was changed
    ");
    assert_snapshot!(tool(&dir, &["journal", "repair", path]), @r"
    exit 2
    err| `segment-0000000000000001.log` is damaged at byte 4336: the checksum of a batch's records does not fit; it was noted that everything up to batch 3 (record 3) was safe; so records 3 to 3 cannot be read
    err| plan: drop what is damaged and all that follows it, and keep a copy aside
    err|   drop  `segment-0000000000000001.log`: 128 bytes from byte 4336 on, with record 3 (the checksum of a batch's records does not fit)
    err|   write `durable`: everything up to record 2 was safe
    err|   keep  everything up to position 2
    err| error: there is no terminal to ask on
    err| hint: `--yes` agrees to the above
    ");
    assert_eq!(fs::read(&segment).unwrap(), damaged, "nothing was changed without a yes");
    assert_snapshot!(tool(&dir, &["journal", "repair", path, "--yes"]), @r"
    exit 0
    err| `segment-0000000000000001.log` is damaged at byte 4336: the checksum of a batch's records does not fit; it was noted that everything up to batch 3 (record 3) was safe; so records 3 to 3 cannot be read
    err| plan: drop what is damaged and all that follows it, and keep a copy aside
    err|   drop  `segment-0000000000000001.log`: 128 bytes from byte 4336 on, with record 3 (the checksum of a batch's records does not fit)
    err|   write `durable`: everything up to record 2 was safe
    err|   keep  everything up to position 2
    err| kept as `DIR/rbq-data/aside-1-segment-0000000000000001.log`
    err| kept as `DIR/rbq-data/aside-1-durable`
    err| repaired: a start accepts it now
    ");
    assert_eq!(fs::read(data.join("aside-1-segment-0000000000000001.log")).unwrap(), damaged);

    assert!(tool(&dir, &["journal", "check", path]).starts_with("exit 0\n"));
    let server = Server::start(dir.path());
    assert_snapshot!(server.play(&["cli"], "dbsize\nlrange mail 0 -1\nselect 3\nget k\nexists s\n"), @r"
    exit 0
    out| 1
    out| one
    out| two words�
    out| OK
    out| v
    out| 0
    ");
}

#[test]
fn a_flipped_bit_in_a_segments_header_costs_nothing_in_a_repair() {
    let dir = made();
    let (data, segment) = (data(&dir), segment(&dir));
    flip(&segment, 40);
    let damaged = fs::read(&segment).unwrap();
    let path = data.to_str().unwrap();

    let checked = tool(&dir, &["journal", "check", path]);
    assert_snapshot!(steady(&checked), @r"
    exit 1
    out| durable                           8192  everything up to batch 3, record 3 was safe
    out| id                                 121  cluster ID, node ID
    out| segment-0000000000000001.log  16777216  records 1 to 3 in 3 batches, up to byte 4464: damaged at byte 0: the checksum of the segment's header does not fit
    err| note: the header of `segment-0000000000000001.log` is damaged, and its batches are whole: a repair can write the header anew (the checksum tells which single bit of it flipped, and the batches behind it confirm the rest)
    err| error: `segment-0000000000000001.log` is damaged at byte 0: the checksum of the segment's header does not fit; a segment's header is durable before the file has a segment's name, so it was damaged later
    err| hint: `rbq journal repair DIR/rbq-data --dry-run` shows what a repair would do
    ");
    assert_snapshot!(tool(&dir, &["journal", "repair", path, "--dry-run"]), @r"
    exit 0
    err| `segment-0000000000000001.log` is damaged at byte 0: the checksum of the segment's header does not fit; a segment's header is durable before the file has a segment's name, so it was damaged later
    err| plan: mend what is damaged, drop nothing, and keep a copy aside
    err|   mend  the header of `segment-0000000000000001.log`, with records from 1 on (the checksum tells which single bit of it flipped, and the batches behind it confirm the rest)
    err|   keep  everything up to position 3
    err| dry run: nothing was changed
    ");
    assert_eq!(fs::read(&segment).unwrap(), damaged);
    let repaired = tool(&dir, &["journal", "repair", path, "--yes"]);
    assert!(repaired.starts_with("exit 0\n"), "{repaired}");
    assert_eq!(fs::read(data.join("aside-1-segment-0000000000000001.log")).unwrap(), damaged);
    assert!(tool(&dir, &["journal", "check", path]).starts_with("exit 0\n"));
    let server = Server::start(dir.path());
    assert_eq!(server.play(&["cli"], "llen mail\nselect 3\nxlen s\n"), "exit 0\nout| 2\nout| OK\nout| 1\n");
}

#[test]
fn a_server_that_refuses_to_start_has_changed_no_file() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::start(dir.path());
    assert!(server.play(&["cli"], "rpush mail one\nset k v\nsave\nxadd s 5-1 name value\n").starts_with("exit 0"));
    server.stop();
    let files = || -> BTreeMap<PathBuf, Vec<u8>> {
        let paths = fs::read_dir(data(&dir)).unwrap().map(|entry| entry.unwrap().path());
        paths.filter(|path| !path.ends_with("lock")).map(|path| (path.clone(), fs::read(path).unwrap())).collect()
    };
    let snapshot = files().into_keys().find(|path| path.extension().is_some_and(|is| is == "rbq")).unwrap();
    // In the middle: its ends are looked at before.
    let middle = fs::read(&snapshot).unwrap().len() / 2;
    flip(&snapshot, middle);
    fs::write(data(&dir).join("snapshot-00000000000000009999.tmp"), "unfinished").unwrap();
    let before = files();
    let refused = server_command(dir.path()).output().unwrap();
    let said = String::from_utf8(refused.stderr).unwrap();
    assert!(refused.status.code() == Some(1) && said.contains("is damaged at byte"), "{said}");
    assert!(files() == before, "{:?}", files().keys());
}

#[test]
fn a_flipped_bit_in_the_note_of_what_is_durable_is_told_and_harms_no_start() {
    let dir = made();
    let path = data(&dir);
    let told = |slot: usize| {
        flip(&path.join("durable"), slot + 30);
        let checked = tool(&dir, &["journal", "check", path.to_str().unwrap()]);
        flip(&path.join("durable"), slot + 30);
        checked.lines().filter(|line| line.starts_with('e')).collect::<Vec<_>>().join("\n")
    };
    let first = told(0);
    assert_snapshot!(first, @r"
    exit 0
    err| note: one of the two slots of `durable` cannot be read: a crash came while it was written, or it was damaged afterwards. The other one is used; if that is the older one, less is known to have been safe, and damage at the log's end can more easily pass for an end that a crash left
    err| sound: a start accepts it
    ");
    assert_eq!(told(4096), first);
    flip(&path.join("durable"), 30);
    Server::start(dir.path()).stop();
    assert!(tool(&dir, &["journal", "check", path.to_str().unwrap()]).ends_with("err| sound: a start accepts it\n"));
}

#[test]
fn what_is_in_use_is_not_repaired_and_not_restored_from_and_a_check_says_so() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::start(dir.path());
    let pid = server.child.id().to_string();
    let path = data(&dir);
    let path = path.to_str().unwrap();
    let to = dir.path().join("to");
    let said = |args: &[&str]| tool(&dir, args).replace(&pid, "PID");
    assert_snapshot!(said(&["journal", "repair", path, "--yes"]), @r"
    exit 1
    err| error: `DIR/rbq-data` is in use by process PID
    err| hint: a journal is repaired while no server runs on it: stop the server first
    ");
    assert_snapshot!(said(&["restore", path, to.to_str().unwrap()]), @r"
    exit 1
    err| error: `DIR/rbq-data` is in use by process PID
    err| hint: `rbq backup` copies what a running server has
    ");
    let checked = said(&["journal", "check", path]);
    let told: Vec<&str> = checked.lines().filter(|line| line.starts_with("err|")).collect();
    assert_snapshot!(told.join("\n"), @r"
    err| warning: process PID has this directory open: what is being written may look torn or damaged
    err| sound: every byte is as it was written
    ");
}

#[test]
fn a_directory_without_a_journal_is_said_to_be_one() {
    let dir = made();
    let path = dir.path().to_str().unwrap();
    assert_snapshot!(tool(&dir, &["journal", "check", path]), @r"
    exit 1
    err| error: there is no journal in `DIR`
    err| hint: did you mean `DIR/rbq-data`?
    ");
    assert_snapshot!(tool(&dir, &["journal", "dump", "/nowhere"]), @r"
    exit 1
    err| error: cannot open `/nowhere`: no such file or directory
    ");
}

#[test]
fn a_backup_made_under_writes_has_all_that_was_there_before_and_is_a_server_again() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::start(dir.path());
    let before =
        "xadd s 1-1 a 1\nxadd s 2-1 b 2\nrpush mail one two\nset k v\nsave\nxadd s 3-1 c 3\nrpush mail three\n";
    assert!(server.play(&["cli"], before).starts_with("exit 0"));
    let queries = "xrange s - +\nlrange mail 0 -1\nget k\n";
    let expected = server.play(&["cli", "--no-raw"], queries);

    // Somebody goes on writing, before, while and after.
    let mut writer = start(&mut server.command(&["cli"]));
    let mut requests = writer.stdin.take().unwrap();
    let writing = std::thread::spawn(move || {
        use std::io::Write as _;
        for number in 0..2000 {
            writeln!(requests, "rpush noise {number}").unwrap();
        }
    });
    let patience = Patience::begin();
    while server.play(&["cli", "exists", "noise"], "") != "exit 0\nout| 1\n" {
        patience.spend();
    }
    let mut relative = server.command(&["backup", "copy"]);
    let made = run(relative.current_dir(dir.path()), b"");
    assert_eq!(made.status.code(), Some(0), "{made:?}");
    let said = String::from_utf8(made.stderr).unwrap();
    assert!(said.starts_with("backup of everything up to position ") && said.contains("/copy`: 5 files, "), "{said}");
    writing.join().unwrap();
    writer.wait_with_output().unwrap();

    let copy = dir.path().join("copy");
    assert!(tool(&dir, &["journal", "check", copy.to_str().unwrap()]).starts_with("exit 0\n"));
    let again = server.play(&["backup", copy.to_str().unwrap()], "");
    assert!(again.starts_with("exit 1\nerr| error: ERR backup not made: the directory `"), "{again}");
    assert!(again.contains("is not empty"), "{again}");
    assert!(again.ends_with("err| hint: name a directory that is empty or not there yet\n"), "{again}");
    server.stop();

    let home = tempfile::tempdir().unwrap();
    let target = home.path().join("restored");
    let restored = tool(&home, &["restore", copy.to_str().unwrap(), target.to_str().unwrap()]);
    assert!(restored.contains("start from it with `rbq server --dir DIR/restored`"), "{restored}");
    let server = Server::start(&target);
    assert_eq!(server.play(&["cli", "--no-raw"], queries), expected);
    assert_eq!(server.play(&["cli", "dbsize"], ""), "exit 0\nout| 4\n");
    server.stop();
    assert_snapshot!(tool(&home, &["restore", target.join("rbq-data").to_str().unwrap(), target.to_str().unwrap()]), @r"
    exit 1
    err| error: the directory `DIR/restored` is not empty: it holds `rbq-data`
    err| hint: name a directory that is empty or not there yet
    ");
}

#[test]
fn a_backup_is_as_it_was_written_or_refused_and_what_a_restore_leaves_out_of_a_directory_is_said() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::start(dir.path());
    server.play(&["cli"], "rpush mail one\nxadd s 5-1 name value\n");
    let copy = dir.path().join("copy");
    let path = copy.to_str().unwrap();
    assert!(server.play(&["backup", path], "").starts_with("exit 0"));
    server.stop();
    let checked = tool(&dir, &["journal", "check", path]);
    assert_snapshot!(steady(&checked), @r"
    exit 0
    out| backup.mark                     75  a backup of everything up to batch 2, record 2
    out| durable                       8192  everything up to batch 2, record 2 was safe
    out| id                             121  cluster ID, node ID
    out| segment-0000000000000001.log  4336  records 1 to 2 in 2 batches, up to byte 4336
    err| sound: every byte is as the backup was written
    ");

    // One byte in the slot that counts, and a cut end: neither can be what a crash left.
    flip(&copy.join("durable"), 0);
    let refused = |args: &[&str]| verdict(&dir, args);
    assert_snapshot!(refused(&["journal", "check", path]), @r"
    exit 1
    err| error: `durable` is damaged at byte 0: it does not say in two whole slots what the backup was written with; a backup is written whole before it gets its name, so it was damaged later
    err| hint: `rbq journal repair DIR/copy --dry-run` shows what a repair would do
    ");
    let log = copy.join("segment-0000000000000001.log");
    let cut = fs::metadata(&log).unwrap().len() - 20;
    OpenOptions::new().write(true).open(&log).unwrap().set_len(cut).unwrap();
    let to = dir.path().join("to");
    assert_snapshot!(refused(&["restore", path, to.to_str().unwrap()]), @r"
    exit 1
    err| error: `segment-0000000000000001.log` is damaged at byte 4208: the batch is longer than the file; a backup is written whole before it gets its name, so it was damaged later
    err| hint: run `rbq journal check DIR/copy` to see all of it, and `rbq journal repair DIR/copy --dry-run` to see what a repair would drop
    ");
    assert!(!to.exists());

    // The same without the mark is what a crash may have left: it is restored, and what is not in it is said.
    fs::remove_file(copy.join("backup.mark")).unwrap();
    assert_snapshot!(refused(&["restore", path, to.to_str().unwrap(), "--quiet"]), @r"
    exit 0
    err| warning: `segment-0000000000000001.log`: 108 bytes from byte 4208 on are not whole (the batch is longer than the file): they were never completed, or were damaged afterwards, and nothing newer tells which; they were not copied
    err| warning: one of the two slots of `durable` cannot be read, and the other one may be older: an end of the log that is missing would not be noticed
    ");
    assert_snapshot!(refused(&["journal", "repair", path]), @r"
    exit 0
    err| `segment-0000000000000001.log`: 108 bytes from byte 4208 on are not whole (the batch is longer than the file): they were never completed, or were damaged afterwards, and nothing newer tells which; a repair leaves them, and the next start cuts them and keeps them aside where the disk has room
    err| nothing to repair: all is whole, up to position 1
    ");
}

#[test]
fn a_check_tells_all_damage_and_not_only_the_first() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::start(dir.path());
    server.play(&["cli"], "rpush mail name\nset a 1\nxadd s 5-1 name value\nset b 2\n");
    server.stop();
    damage(&segment(&dir));
    let last = fs::read(segment(&dir)).unwrap().windows(5).position(|bytes| bytes == b"value").unwrap();
    flip(&segment(&dir), last);
    let said = tool(&dir, &["journal", "check", data(&dir).to_str().unwrap()]);
    let told: Vec<&str> = said.lines().filter(|line| line.starts_with("err| damage")).collect();
    assert_snapshot!(told.join("\n"), @r"
    err| damage: `segment-0000000000000001.log`: 112 bytes from byte 4096 on cannot be read (the checksum of a batch's records does not fit), with record 1
    err| damage: `segment-0000000000000001.log`: 128 bytes from byte 4320 on cannot be read (the checksum of a batch's records does not fit), with record 3
    ");
}

#[test]
fn files_of_a_later_version_lead_to_that_version_and_to_no_repair() {
    let dir = made();
    let id = fs::read_to_string(data(&dir).join("id")).unwrap().replace("format 1", "format 2");
    let said = &id[..id.find("crc32c").unwrap()];
    fs::write(data(&dir).join("id"), format!("{said}crc32c  {:08x}\n", crc32c(said.as_bytes()))).unwrap();
    let path = data(&dir);
    let to = dir.path().join("to");
    let expected = "exit 1\n\
        err| error: `id` has format version 2, and this program knows versions up to 1\n\
        err| hint: nothing is damaged: a later version of this program wrote it, and that one or a newer one can read it\n";
    for args in [["journal", "check"], ["journal", "repair"], ["journal", "dump"]] {
        let said = verdict(&dir, &[args[0], args[1], path.to_str().unwrap()]);
        assert_eq!(said + "\n", expected, "{args:?}");
    }
    assert_eq!(tool(&dir, &["restore", path.to_str().unwrap(), to.to_str().unwrap()]), expected);
    let refused = server_command(dir.path()).output().unwrap();
    assert!(String::from_utf8(refused.stderr).unwrap().contains("hint: nothing is damaged"));
}

/// The checksum of the files' texts, bit by bit.
fn crc32c(bytes: &[u8]) -> u32 {
    let fold = |crc: u32, _| if crc & 1 == 1 { crc >> 1 ^ 0x82f6_3b78 } else { crc >> 1 };
    !bytes.iter().fold(!0, |crc, byte| (0..8).fold(crc ^ u32::from(*byte), fold))
}

#[test]
fn a_damaged_backup_is_refused_and_leaves_nothing_behind() {
    let dir = made();
    damage(&segment(&dir));
    let to = dir.path().join("to");
    let path = data(&dir);
    assert_snapshot!(tool(&dir, &["restore", path.to_str().unwrap(), to.to_str().unwrap()]), @r"
    exit 1
    err| error: `segment-0000000000000001.log` is damaged at byte 4336: the checksum of a batch's records does not fit; it was noted that everything up to batch 3 (record 3) was safe; so records 3 to 3 cannot be read
    err| hint: run `rbq journal check DIR/rbq-data` to see all of it, and `rbq journal repair DIR/rbq-data --dry-run` to see what a repair would drop
    ");
    assert!(!to.exists());
}

#[test]
fn a_backup_is_refused_with_its_reason() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::start(dir.path());
    assert_snapshot!(server.play(&["cli", "rbq", "backup", "relative"], ""), @r"
    exit 0
    out| ERR the directory must be an absolute path: the server has its own idea of '.'
    out|
    ");
    let file = dir.path().join("file");
    fs::write(&file, "").unwrap();
    assert_snapshot!(shown(&dir, &server.play(&["backup", file.to_str().unwrap()], "")), @r"
    exit 1
    err| error: ERR backup not made: cannot create `DIR/file`: not a directory
    ");
}

#[test]
fn on_a_terminal_a_repair_asks_and_takes_only_a_yes() {
    let dir = made();
    let (data, segment) = (data(&dir), segment(&dir));
    damage(&segment);
    let damaged = fs::read(&segment).unwrap();
    for (answer, said, code) in [("\r", "nothing was changed", 1), ("yes\r", "repaired: a start accepts it now", 0)] {
        assert_eq!(fs::read(&segment).unwrap(), damaged);
        let mut terminal = open(rbq(&["journal", "repair", data.to_str().unwrap()]));
        terminal.expect("go on? [y/N] ").unwrap();
        terminal.send(answer).unwrap();
        terminal.expect(said).unwrap();
        assert_eq!(exit_code(terminal), code);
    }
    assert_ne!(fs::read(&segment).unwrap(), damaged);
}

#[test]
fn what_is_left_of_a_backup_that_was_interrupted_is_refused() {
    let dir = made();
    let data = data(&dir);
    // The last file to be written is the one that makes it a backup.
    fs::remove_file(data.join("id")).unwrap();
    let to = dir.path().join("to");
    assert_snapshot!(tool(&dir, &["restore", data.to_str().unwrap(), to.to_str().unwrap()]), @r"
    exit 1
    err| error: `id` is damaged at byte 0: the file is missing; it is made before the first segment, so it was removed later
    err| hint: run `rbq journal check DIR/rbq-data` to see all of it, and `rbq journal repair DIR/rbq-data --dry-run` to see what a repair would drop
    ");
    assert!(!to.exists());
}

#[test]
fn damage_to_what_nobody_needs_is_told_and_harms_no_start() {
    let dir = made();
    fs::write(data(&dir).join("segment-0000000000000000.log"), "noise").unwrap();
    let checked = tool(&dir, &["journal", "check", data(&dir).to_str().unwrap()]);
    assert_snapshot!(steady(&checked), @r"
    exit 1
    out| durable                           8192  everything up to batch 3, record 3 was safe
    out| id                                 121  cluster ID, node ID
    out| segment-0000000000000000.log         5  unreadable: damaged at byte 0: the file is shorter than a segment's header
    out| segment-0000000000000001.log  16777216  records 1 to 3 in 3 batches, up to byte 4464
    err| a start would accept it: what is damaged is not needed
    ");
    Server::start(dir.path()).stop();
}

/// So many megabytes that copying them takes its time.
const MUCH_MB: usize = 40;

/// What can be interrupted may be done before; then it is tried again.
const ATTEMPTS_MAX: usize = 50;

/// A server with so much in it, and a snapshot of it.
fn filled(dir: &Path) -> Server {
    let server = Server::start(dir);
    let element = "x".repeat(1 << 20);
    let pushes: String = (0..MUCH_MB).map(|_| format!("rpush mail {element}\n")).collect();
    assert!(server.play(&["cli"], &(pushes + "save\n")).starts_with("exit 0"));
    server
}

fn signal(child: &Child, name: &str) {
    assert!(Command::new("kill").args([&format!("-{name}"), &child.id().to_string()]).status().unwrap().success());
}

#[test]
fn a_backup_that_is_interrupted_ends_with_130_and_leaves_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let server = filled(dir.path());
    for number in 0.. {
        assert!(number < ATTEMPTS_MAX, "no backup was ever interrupted");
        let copy = dir.path().join(format!("copy-{number}"));
        let partial = copy.with_extension("partial");
        let backup = start(&mut server.command(&["backup", copy.to_str().unwrap()]));
        let patience = Patience::begin();
        while !partial.exists() && !copy.exists() {
            patience.spend();
            std::thread::yield_now();
        }
        signal(&backup, "INT");
        let said = shown(&dir, &text(&backup.wait_with_output().unwrap()));
        // The server looks whether anybody waits whenever it has copied a piece.
        let patience = Patience::begin();
        while partial.exists() {
            patience.spend();
            std::thread::yield_now();
        }
        if copy.exists() {
            continue;
        }
        let expected = format!(
            "exit 130\nerr| interrupted: the server gives the backup up, and removes `DIR/copy-{number}.partial`\n"
        );
        assert_eq!(said, expected);
        return;
    }
}

#[test]
fn a_restore_that_is_killed_leaves_nothing_that_a_server_takes_for_data_and_the_next_one_cleans_up() {
    let dir = tempfile::tempdir().unwrap();
    let server = filled(dir.path());
    let copy = dir.path().join("copy");
    assert!(server.play(&["backup", copy.to_str().unwrap()], "").starts_with("exit 0"));
    server.stop();
    for number in 0.. {
        assert!(number < ATTEMPTS_MAX, "no restore was ever interrupted");
        let target = dir.path().join(format!("target-{number}"));
        let (whole, partial) = (target.join("rbq-data"), target.join("rbq-data.partial"));
        let args = ["restore", copy.to_str().unwrap(), target.to_str().unwrap()];
        let mut restore = start(&mut rbq(&args));
        let patience = Patience::begin();
        while !partial.exists() && !whole.exists() {
            patience.spend();
            std::thread::yield_now();
        }
        restore.kill().unwrap();
        restore.wait().unwrap();
        if whole.exists() {
            continue;
        }
        assert_snapshot!(tool(&dir, &["restore", partial.to_str().unwrap(), "elsewhere"]).replace(&format!("target-{number}"), "target"), @r"
        exit 1
        err| error: `DIR/target/rbq-data.partial` is what an interrupted backup or restore left
        err| hint: the next one to the same place removes it; restore from a whole one
        ");
        assert!(tool(&dir, &args).starts_with("exit 0"));
        assert!(whole.exists() && !partial.exists());
        assert_eq!(Server::start(&target).play(&["cli", "llen", "mail"], ""), format!("exit 0\nout| {MUCH_MB}\n"));
        return;
    }
}
