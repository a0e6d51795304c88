//! `rbq consume --group`: what is noted of the attempts at a message, by whom, and when the notes go.
#![allow(clippy::unwrap_used)]

mod support;

use rbq_client::Value;
use support::either::Either;
use support::{ask, run, start, text, until};
use tempfile::TempDir;

fn play(server: &Either, args: &[&str]) -> String {
    text(&run(&mut server.command(args), b""))
}

/// What stdout held, line by line.
fn lines(said: &str) -> Vec<&str> {
    said.lines().filter_map(|line| line.strip_prefix("out| ")).collect()
}

fn text_of(value: &Value) -> String {
    String::from_utf8_lossy(value.as_bytes().unwrap_or_default()).into_owned()
}

/// Consumers of these names one after the other, each killed by the message it works on; what the last one said.
fn one_after_the_other(site: &Either, names: &[&str]) -> String {
    let work = ["--exec", "kill -9 $PPID", "--max-deliver", "3", "--ack-wait", "50ms", "--exit-at-end"];
    let start = ["consume", "stream", "jobs", "--group", "g", "--create", "--consumer"];
    let mut said = String::new();
    for name in names {
        said = play(site, &[&start[..], &[name], &work].concat());
    }
    said
}

#[test]
fn every_consumer_that_died_of_a_message_is_named() {
    for site in Either::both() {
        play(&site, &["produce", "stream", "jobs", "-q", "bad"]);
        let said = one_after_the_other(&site, &["w1", "w2", "w3"]);
        assert!(said.starts_with("exit by a signal"), "{said}");
        let note = "jobs:rbq:attempts:g:";
        assert!(play(&site, &["cli", "keys", "jobs*"]).contains(note));
        let kept = play(&site, &["cli", "--json", "keys", &format!("{note}*")]);
        let key = kept.split('"').nth(1).unwrap().to_owned();
        let left = play(&site, &["cli", "pttl", &key]);
        assert!(lines(&left)[0].trim_start_matches("(integer) ").parse::<u64>().unwrap() > 0, "{left}");
        // Notes are no messages.
        let listed =
            [play(&site, &["queue", "ls"]), play(&site, &["dlq", "ls"]), play(&site, &["group", "ls", "jobs"])];
        assert!(!listed.concat().contains("rbq:attempts"), "{listed:?}");

        let said = one_after_the_other(&site, &["w4"]);
        assert!(said.starts_with("exit 0\n") && said.contains("(max-deliver, delivery 3)"), "{said}");
        let shown = play(&site, &["dlq", "export", "jobs", "-q"]);
        let letter: serde_json::Value = serde_json::from_str(lines(&shown)[0]).unwrap();
        let attempts = letter["attempts"].as_array().unwrap();
        let names: Vec<_> = attempts.iter().map(|attempt| attempt["consumer"].as_str().unwrap()).collect();
        let times: Vec<_> = attempts.iter().map(|attempt| attempt["at"].as_u64().unwrap()).collect();
        assert_eq!(names, ["w1", "w2", "w3"]);
        assert!(times.is_sorted() && letter["first_delivered_ms"] == times[0] && times[0] < times[2], "{shown}");
        assert_eq!(play(&site, &["cli", "--json", "keys", "*attempts*"]), "exit 0\nout| []\n");

        // Back from the dead it has its chances anew.
        play(&site, &["dlq", "redrive", "jobs", "--yes", "-q"]);
        one_after_the_other(&site, &["v1", "v2", "v3", "v4"]);
        let shown = play(&site, &["dlq", "show", "jobs", "-o", "jsonl"]);
        assert!(shown.contains("v1") && shown.contains("v3") && !shown.contains("w3"), "{shown}");
        // What the letter cannot know, the ledger does.
        assert!(shown.contains(r#""redrives":1,"job":""#), "{shown}");
    }
}

#[test]
fn an_attempt_began_when_it_was_delivered_however_long_it_took() {
    for site in Either::both() {
        let directory = TempDir::new().unwrap();
        play(&site, &["produce", "stream", "jobs", "-q", "slow"]);
        let member = ["consume", "stream", "jobs", "-g", "g", "--create", "--ack-wait", "60ms", "--max-deliver", "1"];
        // Long enough for leases, each of which sets back what the server knows of the delivery.
        let work = ["--exec", "date +%s%3N > begun; sleep 0.3; kill -9 $PPID", "--consumer", "w1"];
        let mut command = site.command(&[&member[..], &work].concat());
        assert!(text(&run(command.current_dir(directory.path()), b"")).starts_with("exit by a signal"));
        let begun: u64 = std::fs::read_to_string(directory.path().join("begun")).unwrap().trim().parse().unwrap();
        play(&site, &[&member[..], &["--consumer", "w2", "--exit-at-end"]].concat());
        let shown = play(&site, &["dlq", "show", "jobs", "-o", "jsonl"]);
        let letter: serde_json::Value = serde_json::from_str(lines(&shown)[0]).unwrap();
        assert_eq!(letter["attempts"][0]["consumer"], "w1");
        assert!(letter["attempts"][0]["at"].as_u64().unwrap() <= begun, "{begun}: {shown}");
        assert_eq!(letter["attempts"].as_array().unwrap().len(), 1, "{shown}");
    }
}

#[test]
fn a_message_that_succeeds_leaves_no_note() {
    for site in Either::both() {
        play(&site, &["produce", "stream", "jobs", "-q", "one"]);
        one_after_the_other(&site, &["w1", "w2"]);
        let again = ["consume", "stream", "jobs", "--group", "g", "--consumer", "w3", "--ack-wait", "50ms"];
        let said = play(&site, &[&again[..], &["--exit-at-end", "--format", "%v %d\\n"]].concat());
        assert_eq!(said, "exit 0\nout| one 3\n");
        assert_eq!(play(&site, &["cli", "keys", "*"]), "exit 0\nout| jobs\n");
        // One that fails first, is returned, and is slow enough to have its lease extended.
        play(&site, &["produce", "stream", "jobs", "-q", "two"]);
        let work = "case $RBQ_DELIVERY in 1) exit 1;; esac; [ -e t ] || { touch t; exit 75; }; sleep 0.2";
        let directory = TempDir::new().unwrap();
        let more = ["--exit-at-end", "--backoff", "1ms", "--exec", work];
        let mut command = site.command(&[&again[..], &more].concat());
        let said = text(&run(command.current_dir(directory.path()), b""));
        let failures: Vec<&str> =
            said.lines().skip(1).filter_map(|line| line.split_once(" failed ").map(|(_, how)| how)).collect();
        let expected = ["(delivery 1 of 5: exit 1); again in 1ms", "(exit 75, which does not count); again in 1ms"];
        assert_eq!((said.starts_with("exit 0\n"), &failures[..]), (true, &expected[..]), "{said}");
        assert_eq!(play(&site, &["cli", "keys", "*"]), "exit 0\nout| jobs\n");
    }
}

#[tokio::test]
async fn what_others_hold_is_left_until_it_is_acknowledged() {
    for site in Either::both() {
        let control = site.client().await;
        play(&site, &["produce", "stream", "jobs", "-q", "one", "two"]);
        ask(&control, "XGROUP CREATE jobs g 0").await;
        ask(&control, "XREADGROUP GROUP g other COUNT 1 STREAMS jobs >").await;
        let member = ["consume", "stream", "jobs", "--group", "g", "--consumer", "ann"];
        assert_eq!(play(&site, &[&member[..], &["--no-wait"]].concat()), "exit 0\nout| two\n");
        let waiting = start(&mut site.command(&[&member[..], &["--exit-at-end"]].concat()));
        let is_waiting = |clients: &Value| text_of(clients).contains("cmd=xreadgroup");
        until(&control, "CLIENT LIST", is_waiting).await;
        let first = play(&site, &["stream", "peek", "jobs", "-n", "1", "-o", "jsonl"]);
        let id = first.split('"').nth(3).unwrap();
        ask(&control, &format!("XACK jobs g {id}")).await;
        assert_eq!(text(&waiting.wait_with_output().unwrap()), "exit 0\n");
    }
}

/// A redis-server, where there is one: rbq has no ACL users.
fn with_users() -> Option<Either> {
    Either::both().into_iter().find(|site| matches!(site, Either::Redis(_)))
}

#[tokio::test]
async fn a_user_without_the_right_to_notes_consumes_without() {
    let Some(site) = with_users() else { return };
    let control = site.client().await;
    let url = site.url().replace("redis://", "redis://ann:secret@");
    let notes = r#"on "jobs:rbq:attempts:g:*": dead letters will name the last consumer alone; `ACL SETUSER name "#;
    for (rights, refused) in
        [("~jobs ~jobs.dlq +@all", "GET and SET and DEL"), ("~* +@all -del", "DEL"), ("~* +@all -multi", "MULTI")]
    {
        ask(&control, "FLUSHALL").await;
        ask(&control, &format!("ACL SETUSER ann reset on >secret {rights}")).await;
        play(&site, &["produce", "stream", "jobs", "-q", "good"]);
        let args = [
            "consume",
            "stream",
            "jobs",
            "-g",
            "g",
            "--create",
            "-c",
            "w4",
            "--ack-wait",
            "50ms",
            "--max-deliver",
            "3",
        ];
        let begin = [&args[..], &["--url", url.as_str()]].concat();
        // Long enough in work for its lease to be extended, which is when a note would be written.
        let work = ["-n", "1", "--exec", "sleep 0.2"];
        let said = but_watch(&play(&site, &[&begin[..], &work].concat()));
        assert!(said.starts_with("exit 0\n"), "{rights}: {said}");
        let expected = match refused {
            "MULTI" => "without MULTI dead letters will name the last consumer alone\n".to_owned(),
            _ => format!("this user may not use {refused} {notes}+{}", first_of(refused)),
        };
        assert!(said.contains(&expected), "{said}");
        let advice = "`ACL SETUSER name +multi +exec +xreadgroup +xpending +xclaim +xack ";
        assert_eq!(said.contains(advice), refused == "MULTI", "{said}");
        let pending = play(&site, &["cli", "--json", "xpending", "jobs", "g"]);
        assert_eq!(pending, "exit 0\nout| [0,null,null,null]\n", "{rights}");
        if refused != "MULTI" {
            play(&site, &["produce", "stream", "jobs", "-q", "bad"]);
            one_after_the_other(&site, &["w1", "w2", "w3"]);
            let said = play(&site, &[&begin[..], &["--exit-at-end"]].concat());
            assert!(said.starts_with("exit 0\n") && said.contains("(max-deliver, delivery 3)"), "{rights}: {said}");
        }
    }
}

/// Servers differ in whether a user may watch a key that is not theirs.
fn but_watch(said: &str) -> String {
    said.replace("WATCH and ", "").replace("+watch ", "")
}

fn first_of(commands: &str) -> String {
    commands.split(' ').next().unwrap().to_lowercase()
}

#[tokio::test]
async fn a_user_who_could_not_finish_a_message_is_given_none() {
    let Some(site) = with_users() else { return };
    let control = site.client().await;
    let url = site.url().replace("redis://", "redis://ann:secret@");
    let group = ["consume", "stream", "jobs", "-g", "g", "--create", "-c", "ann", "--no-wait", "--url", &url];
    let queue = ["consume", "queue", "tasks", "-q", "-c", "ann", "--no-wait", "--exec", "true", "--url", &url];
    play(&site, &["produce", "stream", "jobs", "-q", "one"]);
    play(&site, &["produce", "queue", "tasks", "-q", "one"]);
    for (args, rights, expected) in [
        (
            &group[..],
            "-xack",
            "XACK on \"jobs\", and a group cannot be consumed without\nerr| hint: `ACL SETUSER name +xack ~jobs` grants it\n",
        ),
        (
            &group,
            "-xclaim -xpending",
            "XPENDING and XCLAIM on \"jobs\", and a group cannot be consumed without\n\
            err| hint: `ACL SETUSER name +xpending +xclaim ~jobs` grants it\n",
        ),
        (
            &queue,
            "-lrem",
            "LREM on \"tasks:processing:ann\", and a queue cannot be consumed without; `--ack none` needs no \
            more than to pop\nerr| hint: `ACL SETUSER name +lrem ~tasks:processing:ann` grants it\n",
        ),
    ] {
        ask(&control, &format!("ACL SETUSER ann reset on >secret ~* +@all {rights}")).await;
        assert_eq!(play(&site, args), format!("exit 1\nerr| error: this user may not use {expected}"));
        assert_eq!(ask(&control, "llen tasks").await, Value::Integer(1));
        assert_eq!(ask(&control, "xinfo groups jobs").await, Value::Array(vec![]));
    }
    // It can work, and says what it cannot do before it comes to that.
    ask(&control, "ACL SETUSER ann reset on >secret ~jobs ~jobs:* +@all").await;
    let said = but_watch(&play(&site, &group));
    let expected = "exit 0\nout| one\nerr| this user may not use TYPE and XADD and XDEL on \"jobs.dlq\": a message that \
        has to become a dead letter will end this consumer; `ACL SETUSER name +type +xadd +xdel ~jobs.dlq` grants it\n";
    assert_eq!(said, expected);
}
