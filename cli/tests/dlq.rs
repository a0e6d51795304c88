//! `rbq dlq` looking, changing and throwing away, against redis-server and against rbq. `dlq_redrive.rs` sends back.
#![allow(clippy::unwrap_used)]

mod support;

use insta::{allow_duplicates, assert_snapshot};
use support::either::{Either, length, order, orders, pending};
use support::letters::{Letter, add};
use support::{ask, run, text};

#[tokio::test]
async fn a_selection_takes_only_what_it_names() {
    for server in Either::both() {
        let client = server.client().await;
        orders(&client).await;
        let letters = [
            order(1),
            Letter { reason: "rejected".into(), error: "no stock".into(), ..order(2) },
            Letter { attempts: 7, ..order(3) },
            Letter { died_ms: 1_800_000_000_000, ..order(4) },
            Letter { group: "mail".into(), ..order(5) },
        ];
        add(&client, "orders.dlq", &letters).await;
        for (args, expected) in [
            (&["--reason", "rejected"][..], "2-0"),
            (&["--min-attempts", "4"], "3-0"),
            (&["--since", "2027-01-01T00:00:00Z"], "4-0"),
            (&["--group", "mail"], "5-0"),
            (&["--match", "stock"], "2-0"),
            (&["--where", ".fields.item == \"book3\""], "3-0"),
            (&["--limit", "1"], "1-0"),
        ] {
            let shown = server.dlq(&[&["show", "orders", "-o", "jsonl"], args].concat());
            let ids: Vec<&str> = shown.matches(&format!("\"id\":\"{expected}\"")).collect();
            assert_eq!((ids.len(), shown.lines().count()), (1, 2), "{args:?}: {shown}");
            let plan = server.dlq(&[&["redrive", "orders", "--dry-run"], args].concat());
            assert!(plan.contains("re-drive 1 message of"), "{args:?}: {plan}");
        }
        let ids = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(ids.path(), "2-0\n\n5-0\n9-9\n").unwrap();
        let path = ids.path().to_str().unwrap();
        assert!(server.dlq(&["redrive", "orders", "--yes", "-q", "--ids", path]).starts_with("exit 0\n"));
        assert!(server.dlq(&["redrive", "orders/billing", "--yes", "-q", "--limit", "1"]).starts_with("exit 0\n"));
        assert_eq!(pending(&client, "orders", "billing").await, [("1-0".to_owned(), 0), ("2-0".to_owned(), 0)]);
        assert_eq!(pending(&client, "orders", "mail").await, [("5-0".to_owned(), 0)]);
    }
}

#[tokio::test]
async fn a_changed_message_keeps_the_hash_of_the_original() {
    for server in Either::both() {
        let client = server.client().await;
        orders(&client).await;
        add(&client, "orders.dlq", &[order(1), order(2)]).await;
        // An editor that nobody named would have nobody before it.
        let mut edit = server.command(&["dlq", "edit", "orders", "1-0", "--yes"]);
        let refused = text(&run(edit.env_remove("EDITOR").env_remove("VISUAL"), b""));
        assert_eq!(
            refused,
            "exit 2\nerr| error: there is no terminal to edit on, and neither VISUAL nor EDITOR is set\n\
             err| hint: --set and --jq change a message without an editor\n"
        );
        let unread = server.dlq(&["show", "orders", "--ids", "/nowhere"]);
        assert_eq!(unread, "exit 1\nerr| error: cannot read `/nowhere`: no such file or directory\n");
        let mut edit = server.command(&["dlq", "edit", "orders", "1-0", "--yes"]);
        let edited = run(edit.env("EDITOR", "sed -i s/book1/pen/"), b"");
        assert_eq!(edited.status.code(), Some(0), "{edited:?}");
        let exported = server.dlq(&["export", "orders", "-q"]);
        assert!(exported.contains(r#""changed":true,"fields":[["item","pen"]]"#), "{exported}");
        assert!(exported.contains(r#""changed":false,"fields":[["item","book2"]]"#), "{exported}");
        let skipped = server.dlq(&["redrive", "orders", "--yes", "-q", "--set", "note=x"]);
        assert!(skipped.contains("skip 2: the message was changed"), "{skipped}");
        let sent = server.dlq(&["redrive", "orders", "--yes", "-q", "--append", "--set", "note=x"]);
        assert!(sent.starts_with("exit 0\n"), "{sent}");
        let output = run(&mut server.command(&["cli", "--json", "xrevrange", "orders", "+", "-", "count", "2"]), b"");
        let found = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(
            found.contains(r#"["item","pen","note","x"]"#) && found.contains(r#"["item","book2","note","x"]"#),
            "{found}"
        );
    }
}

#[tokio::test]
async fn dead_letters_are_listed_counted_shown_and_exported() {
    for server in Either::both() {
        let client = server.client().await;
        orders(&client).await;
        let letters = [
            Letter { error: "no stock".into(), ..order(1) },
            Letter { error: "no stock".into(), reason: "rejected".into(), ..order(2) },
            Letter::of_queue("jobs", b"\xff"),
        ];
        add(&client, "orders.dlq", &letters).await;
        add(&client, "graveyard", &letters[..1]).await;
        ask(&client, "XADD mail-dlq 7-0 to ann").await;
        ask(&client, "XADD plain 7-0 to ann").await;
        allow_duplicates! {
        assert_snapshot!(server.dlq_without_ages(&["ls"]), @r"
        exit 0
        out| DEAD LETTERS  SOURCE  MESSAGES  OLDEST  NEWEST  KNOWN BY  JOB
        out| graveyard  orders  1  AGE  AGE  mark  -
        out| mail-dlq  -  1  AGE  AGE  name  -
        out| orders.dlq  orders  3  AGE  AGE  mark  -
        ");
        assert_snapshot!(server.dlq_without_ages(&["stats", "orders"]), @r"
        exit 0
        out| BY  VALUE  MESSAGES  OLDEST  NEWEST
        out| reason  max-deliver  2  AGE  AGE
        out| reason  rejected  1  AGE  AGE
        out| source  orders/billing  2  AGE  AGE
        out| source  jobs  1  AGE  AGE
        out| error  no stock  2  AGE  AGE
        out| error  (none)  1  AGE  AGE
        out| age  over 7 days  3  AGE  AGE
        ");
        assert_snapshot!(server.dlq(&["show", "orders", "--reason", "max-deliver"]), @r#"
        exit 0
        out| dead letter      1-0
        out| source           orders
        out| type             stream
        out| group            billing
        out| original ID      1-0
        out| reason           max-deliver
        out| error            no stock
        out| attempts         1970-01-01T00:00:00.000Z  w1
        out|                  1970-01-01T00:00:00.001Z  w1
        out|                  1970-01-01T00:00:00.002Z  w1
        out| first delivered  2023-11-14T22:13:19.000Z
        out| died             2023-11-14T22:13:20.000Z
        out| redrives         0
        out| hash             d2b90a469dd5f0265acbc2ec34f43ee7, matches the message
        out| message          item: book1
        out|
        out| dead letter      3-0
        out| source           jobs
        out| type             queue
        out| reason           max-deliver
        out| attempts         1970-01-01T00:00:00.000Z  w1
        out|                  1970-01-01T00:00:00.001Z  w1
        out|                  1970-01-01T00:00:00.002Z  w1
        out| first delivered  2023-11-14T22:13:19.000Z
        out| died             2023-11-14T22:13:20.000Z
        out| redrives         0
        out| hash             9352fb9aa66849b0a34e9fa091678b2d, matches the message
        out| message          data: "\xff"
        "#);
        assert_snapshot!(server.dlq(&["show", "orders.dlq", "2-0", "9-9", "-o", "jsonl"]), @r#"
        exit 3
        out| {"id":"2-0","source":"orders","type":"stream","group":"billing","original_id":"2-0","reason":"rejected","error":"no stock","attempts":[{"consumer":"w1","at":0},{"consumer":"w1","at":1},{"consumer":"w1","at":2}],"attempts_total":3,"first_delivered_ms":1699999999000,"died_ms":1700000000000,"redrives":0,"job":"","hash":"804c7c3a18ffac9539e8c33b983d6be3","changed":false,"fields":{"item":"book2"}}
        err| error: `orders.dlq` has no entry 9-9
        err| hint: `rbq dlq show orders.dlq` shows all there are, with their IDs
        "#);
        // They died long ago, and no later than now.
        let none = "no dead letters in `orders.dlq` are selected; it has those of `jobs` and `orders/billing`";
        for args in [&["show", "orders", "--since", "-15m"][..], &["stats", "orders", "--until", "2023-11-14"]] {
            assert_eq!(server.dlq(args), format!("exit 0\nerr| {none}\n"));
        }
        assert_eq!(server.dlq(&["show", "orders", "--since", "2023-11-14", "-o", "raw"]).lines().count(), 4);
        assert_snapshot!(server.dlq(&["show", "mail-dlq", "7-0"]), @r"
        exit 0
        out| dead letter  7-0
        out| message      to: ann
        err| 7-0: no dead letter: its last field is not `_rbq.count`
        ");
        assert_snapshot!(server.dlq(&["grep", "graveyard", "st.ck"]), @r"
        exit 0
        out| ID   SOURCE  GROUP    REASON       ATTEMPTS  DIED                      ERROR     MESSAGE
        out| 1-0  orders  billing  max-deliver         3  2023-11-14T22:13:20.000Z  no stock  item book1
        ");
        assert_snapshot!(server.dlq(&["export", "orders", "--source", "jobs"]), @r#"
        exit 0
        out| {"id":"3-0","source":"jobs","type":"queue","group":"","original_id":"","reason":"max-deliver","error":"","attempts":[{"consumer":"w1","at":0},{"consumer":"w1","at":1},{"consumer":"w1","at":2}],"attempts_total":3,"first_delivered_ms":1699999999000,"died_ms":1700000000000,"redrives":0,"job":"","hash":"9352fb9aa66849b0a34e9fa091678b2d","changed":false,"fields":[["data",{"base64":"/w=="}]]}
        err| exported 1
        "#);
        }
    }
}

#[tokio::test]
async fn a_message_is_shown_as_it_is_now_beside_the_hash_of_what_died() {
    for server in Either::both() {
        let client = server.client().await;
        orders(&client).await;
        let twice = Letter::of_stream("orders", "billing", "2-0", &[("a", b"1"), ("b", b"two\nlines"), ("a", b"\xff")]);
        add(&client, "orders.dlq", &[order(1), twice]).await;
        server.dlq(&["edit", "orders", "1-0", "--set", "item=pen", "--yes"]);
        let shown = server.dlq(&["show", "orders"]);
        assert!(shown.contains("d2b90a469dd5f0265acbc2ec34f43ee7, the message was changed since\n"), "{shown}");
        assert!(shown.contains("out| message          item: pen\n"), "{shown}");
        let lines = ["message          a: 1", r#"                 b: "two\nlines""#, r#"                 a: "\xff""#];
        assert!(shown.contains(&lines.map(|line| format!("out| {line}\n")).concat()), "{shown}");
        let shown = server.dlq(&["show", "orders", "-o", "json"]);
        assert!(shown.contains(r#""changed":true,"fields":{"item":"pen"}}"#), "{shown}");
        let pairs = r#""changed":false,"fields":[["a","1"],["b","two\nlines"],["a",{"base64":"/w=="}]]}"#;
        assert!(shown.contains(pairs), "{shown}");
    }
}

#[tokio::test]
async fn what_was_not_counted_is_not_thrown_away() {
    for server in Either::both() {
        let client = server.client().await;
        add(&client, "orders.dlq", &[order(1), order(2), order(3)]).await;
        allow_duplicates! {
        assert_snapshot!(server.dlq(&["purge", "orders", "--yes", "--expect", "2"]), @r"
        exit 1
        err| error: 3 dead letters of `orders.dlq` would be thrown away, and not 2
        err| hint: nothing was changed; `rbq dlq stats` tells what is there
        ");
        assert_snapshot!(server.dlq(&["purge", "orders"]), @r"
        exit 2
        err| plan: throw away 3 dead letters of `orders.dlq` on URL
        err| error: there is no terminal to ask on
        err| hint: `--yes` agrees to the above
        ");
        assert_snapshot!(server.dlq(&["purge", "orders", "--yes", "--limit", "2"]), @r"
        exit 0
        err| plan: throw away 2 dead letters of `orders.dlq` on URL
        err| purged 2
        ");
        assert_snapshot!(server.dlq(&["purge", "nothing", "--yes"]), @r"
        exit 1
        err| error: there are no dead letters of `nothing`, and no dead-letter stream of that name
        err| hint: `rbq dlq ls` shows all there are
        ");
        }
        assert_eq!(length(&client, "orders.dlq").await, 1);
    }
}

#[tokio::test]
async fn dead_letters_under_another_name_are_found_by_their_source() {
    for server in Either::both() {
        let client = server.client().await;
        orders(&client).await;
        // Two sources share the stream, and the one that is asked for stands at neither end.
        let of_jobs = Letter::of_queue("jobs", b"one");
        add(&client, "graveyard", &[of_jobs.clone(), order(2), Letter { group: "mail".into(), ..order(3) }, of_jobs])
            .await;
        for args in [
            &["show", "orders"][..],
            &["show", "orders/billing"],
            &["stats", "orders"],
            &["grep", "orders", "book"],
            &["export", "orders"],
            &["redrive", "orders", "--dry-run"],
            &["edit", "orders", "2-0", "--set", "item=pen", "--dry-run"],
            &["purge", "orders", "--dry-run"],
        ] {
            let told = server.dlq(args);
            let is_found = !told.contains("jobs") && !told.contains("no dead letters");
            assert!(told.starts_with("exit 0\n") && is_found, "{args:?} {told}");
        }
        allow_duplicates! {
        assert_snapshot!(server.dlq(&["redrive", "orders/billing", "--yes"]), @r"
        exit 0
        err| plan: re-drive 1 message of `graveyard` on URL
        err|   from 1: orders/billing, max-deliver
        err|   send 1: back to group `billing` of `orders`, attempts 0
        err| job JOB; if it is interrupted: rbq dlq redrive graveyard --resume JOB --yes
        err| re-driven 1, quarantined 0, put back 0, skipped 0
        ");
        // What is shared is not thrown away with what was named, whatever else is asked for.
        assert_snapshot!(server.dlq(&["purge", "orders", "--source", "jobs", "--yes"]), @r"
        exit 0
        err| plan: throw away 0 dead letters of `graveyard` on URL
        ");
        assert_snapshot!(server.dlq(&["purge", "orders", "--yes"]), @r"
        exit 0
        err| plan: throw away 1 dead letter of `graveyard` on URL
        err| purged 1
        ");
        assert_snapshot!(server.dlq(&["show", "orders"]), @r"
        exit 1
        err| error: there are no dead letters of `orders`, and no dead-letter stream of that name
        err| hint: `rbq dlq ls` shows all there are
        ");
        }
        assert_eq!(length(&client, "graveyard").await, 2);
        add(&client, "cellar", &[Letter::of_queue("jobs", b"two")]).await;
        add(&client, "later.dlq.quarantine", &[Letter::of_queue("later", b"x")]).await;
        allow_duplicates! {
        assert_snapshot!(server.dlq(&["show", "jobs"]), @r"
        exit 1
        err| error: dead letters of `jobs` are in `cellar` and `graveyard`
        err| hint: name one of them; `--source` and `--group` choose in it
        ");
        assert_snapshot!(server.dlq(&["show", "later"]), @r"
        exit 1
        err| error: there are no dead letters of `later`, and no dead-letter stream of that name
        err| hint: what was sent back too often is in `later.dlq.quarantine`
        ");
        }
    }
}

#[tokio::test]
async fn who_finds_nothing_is_told_what_there_is() {
    for server in Either::both() {
        let client = server.client().await;
        orders(&client).await;
        allow_duplicates! {
        assert_snapshot!(server.dlq(&["ls"]), @r"
        exit 0
        err| no dead letters
        ");
        }
        add(&client, "orders.dlq", &[order(2), Letter { group: "mail".into(), ..order(3) }]).await;
        allow_duplicates! {
        assert_snapshot!(server.dlq(&["show", "orders/nogroup"]), @r"
        exit 0
        err| no dead letters of `orders/nogroup` in `orders.dlq` are selected; it has those of `orders/billing` and `orders/mail`
        ");
        assert_snapshot!(server.dlq(&["edit", "orders", "9-9", "--set", "a=b", "--yes"]), @r"
        exit 1
        err| error: `orders.dlq` has no entry 9-9
        err| hint: `rbq dlq show orders.dlq` shows all there are, with their IDs
        ");
        }
        server.dlq(&["redrive", "orders", "--yes", "-q"]);
        allow_duplicates! {
        assert_snapshot!(server.dlq(&["ls"]), @r"
        exit 0
        err| no dead letters; --all shows the 1 that are empty
        ");
        assert_snapshot!(server.dlq(&["show", "orders"]), @r"
        exit 0
        err| no dead letters: `orders.dlq` is empty
        ");
        assert_snapshot!(server.dlq(&["export", "orders", "-o", "json"]), @r"
        exit 0
        out| []
        err| no dead letters: `orders.dlq` is empty
        err| exported 0
        ");
        assert_snapshot!(server.dlq(&["ls", "--all", "-o", "jsonl"]), @r#"
        exit 0
        out| {"key":"orders.dlq","source":null,"messages":0,"oldest_age_ms":null,"newest_age_ms":null,"known_by":"name","job":null}
        "#);
        }
    }
}

#[tokio::test]
async fn attempts_that_are_no_longer_kept_are_counted() {
    for server in Either::both() {
        let client = server.client().await;
        ask(&client, "RPUSH jobs poison").await;
        let args = ["consume", "queue", "jobs", "-q", "--exit-at-end", "--max-deliver", "13", "--backoff", "1ms"];
        let consumed = server.play(&[&args[..], &["--exec", "exit 1"]].concat());
        assert!(consumed.starts_with("exit 0\n"), "{consumed}");
        for (args, lines) in [
            (["--min-attempts", "13"], 1),
            (["--min-attempts", "14"], 0),
            (["--max-attempts", "12"], 0),
            (["--max-attempts", "13"], 1),
        ] {
            let shown = server.dlq(&[&["show", "jobs", "-o", "jsonl"], &args[..]].concat());
            assert_eq!(shown.matches(r#""attempts_total":13"#).count(), lines, "{args:?} {shown}");
        }
        let shown = server.dlq(&["show", "jobs"]);
        assert!(shown.contains("out| attempts         the last ten of 13:\n"), "{shown}");
        assert!(server.dlq(&["grep", "jobs", "poison", "-o", "jsonl"]).contains(r#""attempts_total":13"#));
        // Sent on and back, it is the same letter still.
        server.dlq(&["edit", "jobs", &first_id(&shown), "--set", "data=cured", "--yes"]);
        assert!(server.dlq(&["show", "jobs"]).contains("the last ten of 13:\n"));
    }
}

fn first_id(shown: &str) -> String {
    shown.lines().find_map(|line| line.strip_prefix("out| dead letter ")).unwrap().trim().to_owned()
}
