//! `rbq queue`, `rbq stream` and `rbq group`: what they show, what they refuse, what they change and what they never do.
//!
//! A session is played on redis-server and on our own: where both say the same, one file holds what they say.
#![allow(clippy::unwrap_used)]

mod support;

use std::process::Command;

use insta::assert_snapshot;
use rbq_client::{Client, Options, Request};
use support::own::Server;
use support::{Oracle, oracle, rbq, run, text};

/// Either server.
enum Either {
    Redis(Oracle),
    Own(Server),
}

impl Either {
    fn command(&self, args: &[&str]) -> Command {
        match self {
            Self::Own(server) => server.command(args),
            Self::Redis(oracle) => {
                let mut command = rbq(args);
                command.env("RBQ_URL", format!("unix://{}", oracle.socket().display()));
                command
            }
        }
    }

    fn play(&self, line: &str) -> String {
        let words: Vec<&str> = line.split(' ').collect();
        text(&run(&mut self.command(&words), b""))
    }

    async fn client(&self) -> Client {
        let url = self.command(&[]).get_envs().find(|(name, _)| *name == "RBQ_URL").unwrap().1.unwrap().to_owned();
        Client::connect(&url.to_str().unwrap().parse().unwrap(), &Options::default()).await.unwrap().0
    }

    /// Makes things as they shall be; each line is a command.
    async fn prepare(&self, lines: &str) {
        let client = self.client().await;
        for line in lines.lines().map(str::trim).filter(|line| !line.is_empty()) {
            client.call(Request::from(line.split(' '))).await.unwrap();
        }
    }

    /// Plays lines of arguments to `rbq` and tells what came of each.
    fn session(&self, lines: &str) -> String {
        let mut told = String::new();
        for line in lines.lines().map(str::trim).filter(|line| !line.is_empty()) {
            told.push_str(&format!("$ rbq {line}\n{}\n", self.play(line)));
        }
        steady(&told)
    }
}

/// Our own is left out where another server was named: nothing new would come of it.
fn both() -> Vec<Either> {
    let own = (!oracle::is_named()).then(|| Either::Own(Server::start()));
    Oracle::start(&[]).map(Either::Redis).into_iter().chain(own).collect()
}

/// What is told of an older server, with what it does not tell put in.
fn filled(told: &str, untold: &[(&str, &str)]) -> String {
    let put = |told: String, (name, value): &(&str, &str)| {
        told.replacen(&format!("| {name} -\n"), &format!("| {name} {value}\n"), 1)
    };
    if oracle::is_before_7() { untold.iter().fold(told.to_owned(), put) } else { told.to_owned() }
}

/// Without what differs from run to run: ages, sizes, where the server is; and without the blanks that depend on them.
fn steady(told: &str) -> String {
    let mut lines = Vec::new();
    for line in told.lines() {
        let line = line.split(" on unix://").next().unwrap();
        let mut words: Vec<String> = Vec::new();
        for word in line.split(' ').filter(|word| !word.is_empty()) {
            let is_unit = ["B", "KiB", "MiB"].contains(&word);
            match words.last_mut() {
                Some(last) if is_unit && last.starts_with(|letter: char| letter.is_ascii_digit()) => {
                    *last = "SIZE".to_owned();
                }
                _ => words.push(if is_span(word) { "SPAN".to_owned() } else { members(word) }),
            }
        }
        lines.push(words.join(" "));
    }
    lines.join("\n")
}

/// `250ms`, `3m12s`, `1107d19h`, and nothing that begins like an ID.
fn is_span(word: &str) -> bool {
    let units = ["ms", "s", "m", "h", "d"];
    let is_one = units.iter().any(|unit| word.ends_with(unit));
    is_one
        && word.starts_with(|letter: char| letter.is_ascii_digit())
        && word.chars().all(|letter| letter.is_ascii_digit() || "msdh".contains(letter))
}

/// Numbers of JSON whose names say that they are spans, sizes or rates.
fn members(word: &str) -> String {
    let mut word = word.to_owned();
    for name in ["age_ms\":", "idle_ms\":", "inactive_ms\":", "quiet_ms\":", "memory_bytes\":", "time_ms\":"] {
        let starts: Vec<usize> = word.match_indices(name).map(|(at, _)| at + name.len()).collect();
        for start in starts.into_iter().rev() {
            let digits = word[start..].find(|letter: char| !letter.is_ascii_digit()).unwrap_or(0);
            word.replace_range(start..start + digits, if digits > 0 { "0" } else { "" });
        }
    }
    word
}

const QUEUES: &str = "
    lpush jobs one two {\"a\":1,\"b\":[1,2]} four
    lpush mail x
    lpush jobs:processing:ann in-hand
    xadd jobs.dlq * data dead
    xadd orders 1700000000000-1 n 1
    set text 1
";

#[tokio::test]
async fn queues_are_shown_and_nothing_is_taken() {
    for server in both() {
        server.prepare(QUEUES).await;
        let told = server.session(
            "queue ls
            queue ls --match j* --output jsonl
            queue ls --limit 1
            queue ls mail --sample 1ms -o json
            queue ls orders
            queue info jobs
            queue info orders
            queue info job
            queue info text
            queue info nothing-like-it
            queue peek jobs
            queue peek jobs -n 2 --skip 1 -o json
            queue peek jobs -n 3 --take left -o raw
            queue peek jobs --json-values
            queue peek jobs --json-values -o jsonl
            queue peek orders
            queue tail jobs -n 2
            queue tail jobs -n 1 --take left -o jsonl
            queue tail nothing
            queue peek
            queue ls --limit 0
            queue info jobs --output raw",
        );
        // Encodings and sizes are each server's own.
        let told = told.replace("quicklist", "listpack");
        assert_snapshot!("queues_shown", without_raw_sizes(&told));
        let jobs = server.client().await.call(["LLEN", "jobs"]).await.unwrap();
        assert_eq!(jobs, rbq_client::Value::Integer(4));
    }
}

#[tokio::test]
async fn a_queue_is_there_as_long_as_a_consumer_has_something_of_it() {
    for server in both() {
        server
            .prepare(
                "lpush jobs:processing:ann a
                lpush jobs:processing:bob b c
                lpush {mail}:processing:eve d
                lpush full one
                lpush full:processing:ann two
                xadd jobs.dlq:redriven * job 1 sent x
                xadd empty.dlq 1-1 a b
                xdel empty.dlq 1-1",
            )
            .await;
        assert_snapshot!(
            "queues_in_hand",
            server.session(
                "queue ls
                queue ls -o jsonl --match j*
                queue ls jobs full
                queue ls --all
                queue info jobs
                queue purge jobs --yes
                queue purge full --dry-run
                queue info job
                queue peek nothing
                queue ls --match x*
                stream ls
                stream ls --all
                stream ls empty.dlq
                group ls
                group ls -o json
                group lag"
            )
        );
    }
}

/// The size is the sixth of the values that `queue info --output raw` writes.
fn without_raw_sizes(told: &str) -> String {
    let cut = |line: &str| match line.strip_prefix("out| jobs\t") {
        Some(rest) => {
            let mut values: Vec<&str> = rest.split('\t').collect();
            values[4] = "SIZE";
            format!("out| jobs\t{}", values.join("\t"))
        }
        None => line.to_owned(),
    };
    told.lines().map(cut).collect::<Vec<_>>().join("\n")
}

#[tokio::test]
async fn queues_are_moved_trimmed_and_purged_when_somebody_agrees() {
    for server in both() {
        server.prepare(QUEUES).await;
        assert_snapshot!(
            "queues_changed",
            server.session(
                "queue move jobs later
                queue move jobs jobs --all
                queue move jobs orders --all
                queue move orders jobs --all
                queue move jobs later -n 2
                queue move jobs later -n 2 --dry-run
                queue move jobs later -n 2 --yes
                queue move jobs later --all --yes
                queue peek later
                queue ls jobs
                queue trim later
                queue trim later --maxlen 3
                queue trim later --maxlen 3 --yes
                queue trim later --maxlen 3 --yes
                queue peek later
                queue trim later --maxlen 1 --take left --yes
                queue peek later
                queue purge later --expect 7 --yes
                queue purge later
                queue purge later --expect 1 --yes
                queue purge later --yes
                queue purge orders --yes"
            )
        );
    }
}

const STREAMS: &str = "
    xadd orders 1700000000000-1 n 1
    xadd orders 1700000001000-1 user ann n 2
    xadd orders 1700000002000-1 data {\"x\":[1]}
    xadd orders 1700000003000-1 n 4
    xgroup create orders audit 0
    xgroup create orders billing 0
    xreadgroup group billing bob count 2 streams orders >
    xadd numbers 1-1 n 1
    lpush jobs one
";

#[tokio::test]
async fn streams_are_shown_and_nothing_is_delivered() {
    for server in both() {
        server.prepare(STREAMS).await;
        let told = server.session(
            "stream ls
            stream ls orders -o jsonl
            stream ls numbers --sample 1ms
            stream ls jobs
            stream info orders
            stream info numbers
            stream info order
            stream info jobs
            stream peek orders
            stream peek orders -n 1 --from 1700000001000-1
            stream peek orders --from 2023-11-14T22:13:22Z --until 1700000002000 --json-values -o json
            stream peek orders --newest -n 2
            stream peek orders --from -1h
            stream peek orders --from yesterday
            stream peek orders -o raw
            stream peek jobs
            stream tail orders -n 2
            stream tail nothing",
        );
        let added = "ever added";
        let told = filled(&told, &[(added, "4"), (added, "1")]);
        assert_snapshot!("streams_shown", told);
        assert!(server.play("group pending orders billing -o raw").lines().count() == 3);
    }
}

#[tokio::test]
async fn streams_are_moved_trimmed_and_purged_when_somebody_agrees() {
    for server in both() {
        server.prepare(STREAMS).await;
        server.prepare("xadd later 1700000000000-0 n 0").await;
        assert_snapshot!(
            "streams_changed",
            server.session(
                "stream move orders later
                stream move orders jobs --all
                stream move orders orders --all
                stream move orders later -n 1
                stream move orders later -n 1 --keep-ids --yes
                stream peek later
                stream move later orders -n 1 --keep-ids --yes
                stream peek orders
                stream move orders later --all --from 1700000003000 --keep-ids --yes
                stream move orders later --all --from -1h --yes
                stream peek later
                stream trim orders
                stream trim orders --maxlen 1 --dry-run
                stream trim orders --before 2023-11-14T22:13:22Z --yes
                stream trim orders --before 2023-11-14T22:13:22Z --yes
                stream trim orders --maxlen 1 --yes
                stream peek orders
                stream purge orders
                stream purge orders --expect 2 --yes
                stream purge orders --expect 1 --yes
                stream purge orders --yes
                stream ls orders
                stream purge orders --with-groups --yes
                stream purge jobs --yes"
            )
        );
    }
}

#[tokio::test]
async fn groups_are_shown() {
    for server in both() {
        server.prepare(STREAMS).await;
        server.prepare("xreadgroup group billing ann count 1 streams orders >").await;
        let told = server.session(
            "group ls
            group ls orders -o jsonl
            group ls jobs
            group info orders billing
            group info orders bill
            group info numbers billing
            group info jobs billing
            group lag
            group lag orders audit -o json
            group lag orders nope
            group lag orders --watch 0s
            group pending orders billing
            group pending orders billing --of ann -n 5
            group pending orders billing --idle 1h -o json
            group consumers orders billing
            group consumers orders audit",
        );
        // Since when a consumer was given nothing, old servers do not tell.
        let told = told.replace("SPAN SPAN\n", "SPAN -\n");
        assert_snapshot!("groups_shown", filled(&told, &[("entries read", "3")]));
    }
}

#[tokio::test]
async fn lag_is_counted_where_the_server_does_not_tell_it() {
    for server in both() {
        server.prepare(STREAMS).await;
        // A deletion behind a group's position makes Redis forget the lag.
        server.prepare("xdel orders 1700000002000-1").await;
        assert_snapshot!(
            "lag_counted",
            server.session(
                "group lag orders
                group lag orders audit -o jsonl"
            )
        );
    }
    let Some(oracle) = Oracle::start(&[]) else { return };
    let server = Either::Redis(oracle);
    server.prepare(STREAMS).await;
    server.prepare("xdel orders 1700000002000-1").await;
    assert_snapshot!(
        "lag_at_least",
        server.session("group lag orders audit --count-max 2\ngroup lag orders audit --count-max 2 -o json")
    );
}

#[tokio::test]
async fn groups_are_created_set_elsewhere_and_removed() {
    for server in both() {
        server.prepare(STREAMS).await;
        assert_snapshot!(
            "groups_changed",
            server.session(
                "group create orders audit
                group create order new
                group create jobs new
                group create orders late --from end
                group create orders some --from 1700000002000
                group create fresh new --mkstream --from 5-1
                group ls orders
                group seek orders billing --to beginning
                group seek orders billing --to beginning --force
                group seek orders audit --to nowhere
                group seek orders audit --to end --dry-run
                group seek orders audit --to end --yes
                group seek orders audit --to 2023-11-14T22:13:22Z --yes
                group seek orders audit --to 1700000002000-1 --yes
                group seek orders nope --to end --yes
                group ls orders
                group set orders audit
                group set orders audit --last-id 1700000000000-1 --yes
                group set orders late --last-id 0 --dry-run
                group set orders late --last-id 1700000002000 --dry-run
                group set orders billing --last-id 1700000000000-1 --yes
                group info orders audit
                group rm orders billing --yes
                group rm orders billing --force
                group rm orders billing --force --yes
                group rm orders late --yes
                group ls orders"
            )
        );
    }
}

#[tokio::test]
async fn how_much_a_group_has_read_is_set_where_the_server_keeps_it() {
    for server in both() {
        server.prepare(STREAMS).await;
        let told = server.session("group set orders audit --entries-read 1 --yes");
        if oracle::is_before_7() {
            assert_snapshot!(told, @r"
            $ rbq group set orders audit --entries-read 1 --yes
            exit 1
            err| error: this server does not keep how many entries a group has read
            err| hint: leave out --entries-read; the lag is counted where the server does not tell it
            ");
        } else {
            assert!(told.contains("entries read: 1, until now"), "{told}");
            let info = server.session("group info orders audit");
            assert!(info.contains("out| entries read 1\n"), "{info}");
        }
    }
}

#[tokio::test]
async fn pending_entries_change_hands_and_are_never_lost() {
    for server in both() {
        server.prepare(STREAMS).await;
        server.prepare("xreadgroup group billing ann count 1 streams orders >").await;
        let name = if matches!(server, Either::Redis(_)) { "reaped_by_redis" } else { "reaped_by_rbq" };
        assert_snapshot!(
            name,
            server.session(
                "group claim orders billing zoe
                group claim orders billing zoe 1700000000000-1 --yes
                group claim orders billing zoe --all --yes
                group claim orders billing zoe 1700000000000-1 --idle 0s
                group claim orders billing zoe 1700000000000-1 1-1 --idle 0s --yes
                group claim orders billing zoe 1-1 --idle 0s --yes
                group claim orders billing zoe -n 1 --of bob --idle 0s --yes
                group pending orders billing
                group reap orders billing
                group reap orders billing --idle 1h --yes
                group reap orders billing --idle 0s
                group reap orders billing --idle 0s --to carl --yes
                group pending orders billing
                group reap orders billing --idle 0s --yes
                group pending orders billing
                group reap orders nope --idle 0s --yes"
            )
        );
    }
}
