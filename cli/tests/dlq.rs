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
        out| {"id":"2-0","source":"orders","type":"stream","group":"billing","original_id":"2-0","reason":"rejected","error":"no stock","attempts":[{"consumer":"w1","at":0},{"consumer":"w1","at":1},{"consumer":"w1","at":2}],"first_delivered_ms":1699999999000,"died_ms":1700000000000,"redrives":0,"job":null,"hash":"804c7c3a18ffac9539e8c33b983d6be3","changed":false,"fields":{"item":"book2"}}
        err| error: `orders.dlq` has no entry 9-9
        "#);
        // They died long ago, and no later than now.
        assert_eq!(server.dlq(&["show", "orders", "--since", "-15m"]), "exit 0\n");
        assert_eq!(server.dlq(&["stats", "orders", "--until", "2023-11-14"]), "exit 0\n");
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
        out| {"id":"3-0","source":"jobs","type":"queue","group":"","original_id":"","reason":"max-deliver","error":"","attempts":[{"consumer":"w1","at":0},{"consumer":"w1","at":1},{"consumer":"w1","at":2}],"first_delivered_ms":1699999999000,"died_ms":1700000000000,"redrives":0,"job":"","hash":"9352fb9aa66849b0a34e9fa091678b2d","changed":false,"fields":[["data",{"base64":"/w=="}]]}
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
