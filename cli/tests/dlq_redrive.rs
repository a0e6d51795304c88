//! `rbq dlq redrive`, against redis-server and against rbq: what it says, how it ends, and where messages are afterwards.
#![allow(clippy::unwrap_used)]

mod support;

use std::process::{Child, Command};

use insta::{allow_duplicates, assert_snapshot};
use rbq_client::{Client, Value};
use support::either::{Either, add_more, add_raw, length, list, order, orders, pending};
use support::letters::{Letter, add};
use support::{Oracle, ask, cluster, run, start, text};

/// Slow enough to be cut off on its way.
const SLOW: &[&str] = &["dlq", "redrive", "jobs", "--yes", "--rate", "4"];

/// A re-drive of forty messages back into their queue, when so many have arrived.
async fn under_way(client: &Client, mut command: Command, arrived: i64) -> Child {
    let letters: Vec<Letter> = (0..40).map(|n| Letter::of_queue("jobs", format!("{n}").as_bytes())).collect();
    add(client, "jobs.dlq", &letters).await;
    let child = start(&mut command);
    has_arrived(client, arrived).await;
    child
}

async fn has_arrived(client: &Client, count: i64) {
    support::until(client, "LLEN jobs", |length| matches!(length, Value::Integer(length) if *length >= count)).await;
}

/// The job that was cut off. Its rate was part of what was asked for; the rest need not be waited for here.
async fn without_rate(client: &Client) -> String {
    let raw = ask(client, "GET jobs.dlq:redrive").await;
    let mut spec: serde_json::Value = serde_json::from_slice(raw.as_bytes().unwrap()).unwrap();
    spec["rate"] = serde_json::Value::Null;
    client.call(["SET", "jobs.dlq:redrive", &spec.to_string()]).await.unwrap();
    spec["job"].as_str().unwrap().to_owned()
}

async fn assert_each_arrived_once(client: &Client) {
    let mut arrived: Vec<i32> = list(client, "jobs").await.split(' ').map(|n| n.parse().unwrap()).collect();
    arrived.sort_unstable();
    assert_eq!(arrived, (0..40).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_message_goes_back_to_the_group_that_failed_and_to_no_other() {
    for server in Either::both() {
        let client = server.client().await;
        orders(&client).await;
        add(&client, "orders.dlq", &[order(2), order(4)]).await;
        allow_duplicates! {
        assert_snapshot!(server.dlq(&["redrive", "orders", "--yes"]), @r"
        exit 0
        err| plan: re-drive 2 messages of `orders.dlq` on URL
        err|   from 2: orders/billing, max-deliver
        err|   send 2: back to group `billing` of `orders`, attempts 0
        err| job JOB; if it is interrupted: rbq dlq redrive orders.dlq --resume JOB --yes
        err| re-driven 2, quarantined 0, put back 0, skipped 0
        ");
        }
        assert_eq!(pending(&client, "orders", "billing").await, [("2-0".to_owned(), 0), ("4-0".to_owned(), 0)]);
        assert_eq!(pending(&client, "orders", "mail").await, []);
        for group in ["billing", "mail"] {
            let fresh = ask(&client, &format!("XREADGROUP GROUP {group} w2 STREAMS orders >")).await;
            assert!(matches!(fresh, Value::Null | Value::NullArray), "{fresh:?}");
        }
        // Whoever claims what has been idle for long has it at once, byte for byte, as its first delivery.
        let claimed = ask(&client, "XAUTOCLAIM orders billing w2 3600000 0").await;
        assert!(format!("{claimed:?}").contains("book4"), "{claimed:?}");
        assert_eq!(pending(&client, "orders", "billing").await, [("2-0".to_owned(), 1), ("4-0".to_owned(), 1)]);
        assert_eq!(length(&client, "orders.dlq").await, 0);
        assert_eq!(
            ask(&client, "EXISTS orders.dlq:redrive orders.dlq:redrive:at orders.dlq:redrive:undo").await,
            Value::Integer(0)
        );
    }
}

#[tokio::test]
async fn what_needs_more_is_listed_and_skipped_until_it_is_asked_for() {
    for server in Either::both() {
        let client = server.client().await;
        orders(&client).await;
        ask(&client, "XDEL orders 3-0").await;
        let mut changed = order(1);
        changed.payload[0].1 = b"pen".to_vec();
        let mut fields = order(1).fields();
        fields[1] = b"pen".to_vec();
        add(&client, "orders.dlq", &[order(2), order(3), Letter { group: "gone".into(), ..order(4) }]).await;
        add_raw(&client, "orders.dlq", "4-0", &fields).await;
        ask(&client, "XADD orders.dlq 5-0 some thing").await;
        add_more(&client, "orders.dlq", "6-0", &Letter::of_stream("lost", "g", "1-0", &[("a", b"b")])).await;
        allow_duplicates! {
        assert_snapshot!(server.dlq(&["redrive", "orders"]), @r"
        exit 2
        err| plan: re-drive 1 message of `orders.dlq` on URL
        err|   from 1: lost/g, max-deliver
        err|   from 3: orders/billing, max-deliver
        err|   from 1: orders/gone, max-deliver
        err|   send 1: back to group `billing` of `orders`, attempts 0
        err|   skip 1: not in the form of a dead letter
        err|   skip 1: the group is gone (--to, --map or --all-groups)
        err|   skip 1: the message was changed (--append makes a new entry, which every group sees)
        err|   skip 1: the original entry is gone (--append makes a new one, which every group sees)
        err|   skip 1: the source is gone (--to or --map names another)
        err| error: there is no terminal to ask on
        err| hint: `--yes` agrees to the above
        ");
        assert_snapshot!(server.dlq(&["redrive", "orders", "--dry-run", "--append"]), @r"
        exit 0
        err| plan: re-drive 3 messages of `orders.dlq` on URL
        err|   from 1: lost/g, max-deliver
        err|   from 3: orders/billing, max-deliver
        err|   from 1: orders/gone, max-deliver
        err|   send 2: a new entry of `orders`, which every group of it sees
        err|   send 1: back to group `billing` of `orders`, attempts 0
        err|   skip 1: not in the form of a dead letter
        err|   skip 1: the group is gone (--to, --map or --all-groups)
        err|   skip 1: the source is gone (--to or --map names another)
        err|   order lost: 2 messages behind newer ones
        err| dry run: nothing was changed
        ");
        assert_snapshot!(server.dlq(&["redrive", "orders", "--yes"]), @r"
        exit 3
        err| plan: re-drive 1 message of `orders.dlq` on URL
        err|   from 1: lost/g, max-deliver
        err|   from 3: orders/billing, max-deliver
        err|   from 1: orders/gone, max-deliver
        err|   send 1: back to group `billing` of `orders`, attempts 0
        err|   skip 1: not in the form of a dead letter
        err|   skip 1: the group is gone (--to, --map or --all-groups)
        err|   skip 1: the message was changed (--append makes a new entry, which every group sees)
        err|   skip 1: the original entry is gone (--append makes a new one, which every group sees)
        err|   skip 1: the source is gone (--to or --map names another)
        err| job JOB; if it is interrupted: rbq dlq redrive orders.dlq --resume JOB --yes
        err| re-driven 1, quarantined 0, put back 0, skipped 5
        err|   skipped 1: not in the form of a dead letter
        err|   skipped 1: the group is gone (--to, --map or --all-groups)
        err|   skipped 1: the message was changed (--append makes a new entry, which every group sees)
        err|   skipped 1: the original entry is gone (--append makes a new one, which every group sees)
        err|   skipped 1: the source is gone (--to or --map names another)
        ");
        }
        assert_eq!(pending(&client, "orders", "billing").await, [("2-0".to_owned(), 0)]);
        assert_eq!(length(&client, "orders.dlq").await, 5);
        allow_duplicates! {
        // Nobody reads what goes to a name with a slip in it.
        assert_snapshot!(server.dlq(&["redrive", "orders", "--dry-run", "--source", "lost", "--map", "lost=fuond"]), @r"
        exit 0
        err| plan: re-drive 0 messages of `orders.dlq` on URL
        err|   from 1: lost/g, max-deliver
        err|   skip 1: there is no `fuond` (--create makes it)
        ");
        assert_snapshot!(server.dlq(&["redrive", "orders", "--yes", "--append", "--map", "lost=found", "--create"]), @r"
        exit 3
        err| plan: re-drive 3 messages of `orders.dlq` on URL
        err|   from 1: lost/g, max-deliver
        err|   from 2: orders/billing, max-deliver
        err|   from 1: orders/gone, max-deliver
        err|   send 1: a new entry of `found`, which is made for it and has no groups
        err|   send 2: a new entry of `orders`, which every group of it sees
        err|   skip 1: not in the form of a dead letter
        err|   skip 1: the group is gone (--to, --map or --all-groups)
        err|   order lost: 3 messages behind newer ones
        err| job JOB; if it is interrupted: rbq dlq redrive orders.dlq --resume JOB --yes
        err| re-driven 3, quarantined 0, put back 0, skipped 2
        err|   skipped 1: not in the form of a dead letter
        err|   skipped 1: the group is gone (--to, --map or --all-groups)
        ");
        assert_snapshot!(text(&run(&mut server.command(&["cli", "--json", "xrange", "found", "-", "+"]), b"")).contains(r#"["a","b"]"#), @"true");
        }
        assert_eq!(length(&client, "orders").await, 6);
        allow_duplicates! {
        assert_snapshot!(server.dlq(&["redrive", "orders", "--yes", "--all-groups"]), @r"
        exit 3
        err| plan: re-drive 1 message of `orders.dlq` on URL
        err|   from 1: orders/gone, max-deliver
        err|   send 1: a new entry of `orders`, which every group of it sees
        err|   skip 1: not in the form of a dead letter
        err|   order lost: 1 message behind newer ones
        err| job JOB; if it is interrupted: rbq dlq redrive orders.dlq --resume JOB --yes
        err| re-driven 1, quarantined 0, put back 0, skipped 1
        err|   skipped 1: not in the form of a dead letter
        ");
        }
        assert_eq!(length(&client, "orders").await, 7);
    }
}

#[tokio::test]
async fn a_queue_gets_its_messages_at_the_tail_or_in_order_at_the_front() {
    for server in Either::both() {
        let client = server.client().await;
        let letters: Vec<Letter> = [&b"one"[..], b"two", b"\x00\xff"].map(|data| Letter::of_queue("jobs", data)).into();
        for (option, expected) in
            [(None, "\u{0}\u{fffd} two one new old"), (Some("--front"), "new old \u{0}\u{fffd} two one")]
        {
            ask(&client, "DEL jobs jobs.dlq").await;
            ask(&client, "LPUSH jobs old new").await;
            add(&client, "jobs.dlq", &letters).await;
            let args =
                [&["redrive", "jobs", "--yes", "-q", "--batch", "2"][..], &option.into_iter().collect::<Vec<_>>()]
                    .concat();
            assert!(server.dlq(&args).starts_with("exit 0\n"), "{}", server.dlq(&args));
            assert_eq!(list(&client, "jobs").await, expected);
        }
    }
}

#[tokio::test]
async fn what_dies_again_and_again_ends_in_quarantine() {
    for server in Either::both() {
        let client = server.client().await;
        orders(&client).await;
        for round in 1..=3 {
            add_more(&client, "orders.dlq", "*", &order(2)).await;
            assert!(server.dlq(&["redrive", "orders", "--yes", "-q"]).starts_with("exit 0\n"));
            assert_eq!(length(&client, "orders.dlq").await, 0, "{round}");
        }
        add_more(&client, "orders.dlq", "*", &order(2)).await;
        allow_duplicates! {
        assert_snapshot!(server.dlq(&["redrive", "orders", "--yes"]), @r"
        exit 3
        err| plan: re-drive 1 message of `orders.dlq` on URL
        err|   from 1: orders/billing, max-deliver
        err|   send 1: into quarantine, `orders.dlq.quarantine`: sent back too often
        err| job JOB; if it is interrupted: rbq dlq redrive orders.dlq --resume JOB --yes
        err| re-driven 0, quarantined 1, put back 0, skipped 0
        ");
        assert_snapshot!(server.dlq(&["redrive", "orders.dlq.quarantine", "--yes"]), @r"
        exit 3
        err| plan: re-drive 0 messages of `orders.dlq.quarantine` on URL
        err|   from 1: orders/billing, max-deliver
        err|   skip 1: sent back too often (a higher --max-redrives)
        ");
        assert_snapshot!(server.dlq(&["redrive", "orders.dlq.quarantine", "--yes", "-q", "--max-redrives", "9"]), @r"
        exit 0
        err| plan: re-drive 1 message of `orders.dlq.quarantine` on URL
        err|   from 1: orders/billing, max-deliver
        err|   send 1: back to group `billing` of `orders`, attempts 0
        err| job JOB; if it is interrupted: rbq dlq redrive orders.dlq.quarantine --resume JOB --yes
        ");
        }
        assert_eq!(length(&client, "orders.dlq.quarantine").await, 0);
    }
}

#[tokio::test]
async fn ctrl_c_leaves_a_job_that_one_printed_command_finishes() {
    for server in Either::both() {
        let client = server.client().await;
        let child = under_way(&client, server.command(SLOW), 1).await;
        assert!(Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap().success());
        let output = child.wait_with_output().unwrap();
        assert_eq!(output.status.code(), Some(130), "{output:?}");
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        let printed = said.lines().find_map(|line| line.strip_prefix("interrupted; to go on: rbq ")).unwrap();
        let there = length(&client, "jobs.dlq").await;
        assert!((1..40).contains(&there), "{there}");

        // Nobody else begins, throws away or changes meanwhile.
        allow_duplicates! {
        assert_snapshot!(server.dlq(&["redrive", "jobs", "--yes"]), @r"
        exit 1
        err| error: a re-drive of `jobs.dlq` is not finished: job JOB
        err| hint: `rbq dlq redrive jobs.dlq --resume JOB` finishes it, `--abandon JOB` gives it up
        ");
        assert_snapshot!(server.dlq(&["redrive", "jobs", "--yes", "--resume", "nonesuch"]), @r"
        exit 1
        err| error: a re-drive of `jobs.dlq` is not finished: job JOB
        err| hint: `rbq dlq redrive jobs.dlq --resume JOB` finishes it, `--abandon JOB` gives it up
        ");
        }
        assert!(server.dlq(&["purge", "jobs", "--yes"]).starts_with("exit 1\n"));
        assert!(server.dlq(&["edit", "jobs", "40-0", "--yes", "--set", "data=x"]).starts_with("exit 1\n"));
        assert!(server.dlq(&["ls", "-o", "jsonl"]).contains("\"job\":\"JOB\""));

        let job = without_rate(&client).await;
        assert_eq!(printed, format!("dlq redrive jobs.dlq --resume {job} --yes"));
        let output = run(&mut server.command(&printed.split(' ').collect::<Vec<_>>()), b"");
        assert_eq!(output.status.code(), Some(0), "{output:?}");
        assert_each_arrived_once(&client).await;
    }
}

#[tokio::test]
async fn a_job_can_be_given_up() {
    for server in Either::both() {
        let client = server.client().await;
        let mut child = under_way(&client, server.command(SLOW), 1).await;
        child.kill().unwrap();
        child.wait().unwrap();
        let given_up = server.dlq(&["redrive", "jobs", "--yes", "--abandon", &without_rate(&client).await]);
        assert!(given_up.starts_with("exit 0\n"), "{given_up}");
        let there = length(&client, "jobs.dlq").await;
        assert!(server.dlq(&["purge", "jobs", "--yes", "--expect", &there.to_string()]).starts_with("exit 0\n"));
    }
}

#[tokio::test]
async fn a_step_that_was_cut_off_is_made_whole_by_whoever_resumes() {
    for server in Either::both() {
        let client = server.client().await;
        orders(&client).await;
        // A limit, because what is put back is not to be sent by the same job.
        let mut child = under_way(&client, server.command(&[SLOW, &["--limit", "40"]].concat()), 1).await;
        child.kill().unwrap();
        child.wait().unwrap();
        let job = without_rate(&client).await;
        // As if the step had also sent these, in the moment before: to a group that is gone, to one that has the entry, and to
        // one that has not, without having watched it.
        let kept = |group: &str, number: u64| {
            let fields: Vec<String> =
                order(number).fields().into_iter().map(|field| String::from_utf8(field).unwrap()).collect();
            let pairs: Vec<&[String]> = fields.chunks(2).collect();
            serde_json::json!({
                "fields": pairs, "key": "orders", "group": [group, format!("{number}-0")], "is_queue": false
            })
        };
        let undo = serde_json::json!({
            "watched": false, "letters": [kept("gone", 1), kept("billing", 2), kept("billing", 9)]
        });
        client.call(["SET", "jobs.dlq:redrive:undo", &undo.to_string()]).await.unwrap();
        let ended = server.dlq(&["redrive", "jobs", "--yes", "--resume", &job]);
        assert!(ended.starts_with("exit 3\n") && ended.contains("quarantined 1, put back 1, skipped 0"), "{ended}");
        let back = server.dlq(&["show", "jobs", "-o", "jsonl"]);
        assert!(back.contains("book1") && back.lines().count() == 2, "{back}");
        let aside = server.dlq(&["show", "jobs.dlq.quarantine", "-o", "jsonl"]);
        assert!(aside.contains("book9") && aside.lines().count() == 2, "{aside}");
        assert_eq!(ask(&client, "LLEN jobs").await, Value::Integer(40));
    }
}

#[tokio::test]
async fn a_token_keeps_messages_single_where_no_transaction_can() {
    let Some([node]) = cluster::start::<1>().await else { return };
    let server = Either::Redis(node.oracle);
    let client = server.client().await;
    orders(&client).await;
    add(&client, "elsewhere.dlq", &[order(1), order(2)]).await;
    // The first was sent by a process that was killed before it could take the dead letter away; it has been handled since.
    ask(&client, "SET {orders}:redrive:elsewhere.dlq:1-0 1").await;
    let ended = server.dlq(&["redrive", "elsewhere.dlq", "--yes", "-q"]);
    assert!(ended.starts_with("exit 0\n"), "{ended}");
    assert_eq!(pending(&client, "orders", "billing").await, [("2-0".to_owned(), 0)]);
    assert_eq!(length(&client, "elsewhere.dlq").await, 0);
    for key in ["{orders}:redrive:elsewhere.dlq:1-0", "{orders}:redrive:elsewhere.dlq:2-0", "{elsewhere.dlq}:redrive"] {
        assert_eq!(ask(&client, &format!("EXISTS {key}")).await, Value::Integer(0), "{key}");
    }
    // With the same hash tag no token is needed.
    add(&client, "{orders}.dlq", &[order(3)]).await;
    assert!(server.dlq(&["redrive", "orders", "--yes", "-q"]).starts_with("exit 0\n"));
    assert_eq!(pending(&client, "orders", "billing").await.len(), 2);
    // A name that leaves no room for a token beside it.
    ask(&client, "XADD a}b 1-0 x y").await;
    ask(&client, "XGROUP CREATE a}b g $").await;
    add_more(&client, "elsewhere.dlq", "*", &Letter::of_stream("a}b", "g", "1-0", &[("x", b"y")])).await;
    let refused = server.dlq(&["redrive", "elsewhere.dlq", "--yes", "-q"]);
    assert!(refused.starts_with("exit 3\n"), "{refused}");
    assert_eq!(length(&client, "elsewhere.dlq").await, 1);
    assert!(server.dlq(&["redrive", "elsewhere.dlq", "--yes", "-q", "--at-least-once"]).starts_with("exit 0\n"));
    assert_eq!(pending(&client, "a}b", "g").await, [("1-0".to_owned(), 0)]);
}

#[tokio::test]
async fn a_re_drive_stops_when_too_much_dies_again() {
    for server in Either::both() {
        let client = server.client().await;
        let letters: Vec<Letter> = (0..200).map(|n| Letter::of_queue("jobs", format!("{n}").as_bytes())).collect();
        add(&client, "jobs.dlq", &letters).await;
        let mut child = server.begin(&["redrive", "jobs", "--yes", "--batch", "1", "--rate", "100", "--stop-at", "50"]);
        // Whatever comes is given up at once.
        while child.try_wait().unwrap().is_none() {
            if let Value::Bulk(data) = ask(&client, "RPOP jobs").await {
                add_more(&client, "jobs.dlq", "*", &Letter::of_queue("jobs", &data)).await;
            }
        }
        let output = child.wait_with_output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(3), "{said}");
        assert!(
            said.contains("have died again") && said.contains("hint: `rbq dlq redrive jobs.dlq --resume"),
            "{said}"
        );
    }
}

#[tokio::test]
async fn every_message_has_its_line_in_the_audit_file() {
    for server in Either::both() {
        let client = server.client().await;
        orders(&client).await;
        add(&client, "orders.dlq", &[order(1), Letter { group: "gone".into(), ..order(2) }]).await;
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("audit.jsonl");
        server.dlq(&["redrive", "orders", "--yes", "-q", "--audit", file.to_str().unwrap()]);
        let lines = std::fs::read_to_string(&file).unwrap();
        let lines: Vec<serde_json::Value> = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        let told: Vec<_> =
            lines.iter().map(|line| (line["id"].as_str().unwrap(), line["action"].as_str().unwrap())).collect();
        assert_eq!(told, [("1-0", "redriven"), ("2-0", "skipped")]);
        assert_eq!((&lines[0]["to"], &lines[0]["to_group"]), (&"orders".into(), &"billing".into()));
        assert_eq!(lines[0]["hash"], lines[0]["sent_hash"]);
    }
}

#[tokio::test]
async fn a_queue_that_is_not_there_is_named_in_the_plan_and_made_when_asked() {
    for server in Either::both() {
        let client = server.client().await;
        add(&client, "jobs.dlq", &[Letter::of_queue("jobs", b"one")]).await;
        allow_duplicates! {
        assert_snapshot!(server.dlq(&["redrive", "jobs", "--to", "jbos", "--yes"]), @r"
        exit 3
        err| plan: re-drive 0 messages of `jobs.dlq` on URL
        err|   from 1: jobs, max-deliver
        err|   skip 1: there is no `jbos` (--create makes it)
        ");
        assert_snapshot!(server.dlq(&["redrive", "jobs", "--to", "later", "--create", "--dry-run"]), @r"
        exit 0
        err| plan: re-drive 1 message of `jobs.dlq` on URL
        err|   from 1: jobs, max-deliver
        err|   send 1: to queue `later`, which is not there yet
        err|   order lost: 1 message behind newer ones
        err| dry run: nothing was changed
        ");
        // Its own queue is empty, and no other name.
        assert_snapshot!(server.dlq(&["redrive", "jobs", "--to", "jobs", "--yes", "-q"]), @r"
        exit 0
        err| plan: re-drive 1 message of `jobs.dlq` on URL
        err|   from 1: jobs, max-deliver
        err|   send 1: to the tail of queue `jobs`
        err|   order lost: 1 message behind newer ones
        err| job JOB; if it is interrupted: rbq dlq redrive jobs.dlq --resume JOB --yes
        ");
        assert_snapshot!(server.dlq(&["redrive", "jobs", "--resume", "nonesuch", "--yes"]), @r"
        exit 1
        err| error: there is no unfinished job on `jobs.dlq`: nonesuch is done, or was given up
        err| hint: `rbq dlq ls` shows the jobs that are not finished; without --resume a new one begins
        ");
        }
    }
}

#[tokio::test]
async fn the_printed_command_has_no_password_and_runs_as_printed() {
    let Some(oracle) = Oracle::start(&[]) else { return };
    let client = support::client(&oracle).await;
    ask(&client, "ACL SETUSER ann on >s3cret ~* &* +@all").await;
    let url = format!("redis://ann:s3cret@127.0.0.1:{}", oracle.port);
    let mut child = under_way(&client, support::rbq(&[SLOW, &["--url", &url]].concat()), 1).await;
    child.kill().unwrap();
    let said = String::from_utf8(child.wait_with_output().unwrap().stderr).unwrap();
    assert!(!said.contains("s3cret"), "{said}");
    let printed = said.lines().find_map(|line| line.split_once("if it is interrupted: rbq ")).unwrap().1;
    assert!(printed.ends_with(&format!(" --url redis://ann:@127.0.0.1:{} --yes", oracle.port)), "{said}");
    assert!(said.contains("\n  the password is left out there, and is read from REDISCLI_AUTH; "), "{said}");
    without_rate(&client).await;
    let words: Vec<&str> = printed.split(' ').collect();
    let resumed = run(support::rbq(&words).env("REDISCLI_AUTH", "s3cret"), b"");
    assert_eq!(resumed.status.code(), Some(0), "{resumed:?}");
    assert!(!String::from_utf8_lossy(&resumed.stderr).contains("password"), "{resumed:?}");
    assert_each_arrived_once(&client).await;
}

#[tokio::test]
async fn a_server_that_is_lost_half_way_leaves_a_count_and_the_way_to_go_on() {
    let Some(oracle) = Oracle::start(&[]) else { return };
    let client = support::client(&oracle).await;
    let server = Either::Redis(oracle);
    // A step is only begun when the one before it is known to have been made.
    let child = under_way(&client, server.command(&[SLOW, &["--reconnect", "0s"]].concat()), 2).await;
    drop(server);
    let output = child.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(3), "{said}");
    let told = regex::Regex::new(r"(?m)^re-driven [1-9]\d*, quarantined 0, put back 0, skipped 0$").unwrap();
    assert!(told.is_match(&said), "{said}");
    assert!(said.contains("hint: `rbq dlq redrive jobs.dlq --resume "), "{said}");
}

#[tokio::test]
async fn a_re_drive_goes_on_over_a_connection_that_was_lost() {
    for server in Either::both() {
        let client = server.client().await;
        let args = ["dlq", "redrive", "jobs", "--yes", "--rate", "20", "--batch", "1"];
        let child = under_way(&client, server.command(&args), 1).await;
        for arrived in [1, 6, 11] {
            has_arrived(&client, arrived).await;
            ask(&client, "CLIENT KILL TYPE normal SKIPME yes").await;
        }
        let output = child.wait_with_output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(0), "{said}");
        assert!(said.contains("trying to reach it for 30s\n") && said.contains("connected again\n"), "{said}");
        assert!(said.contains("re-driven 40, quarantined 0"), "{said}");
        assert_each_arrived_once(&client).await;
    }
}
