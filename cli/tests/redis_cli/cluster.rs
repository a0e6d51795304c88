//! A cluster of three masters: redirects are followed with -c and shown without it.

use super::pair::Pair;
use crate::support::{cluster, run};

/// Keys of each third of the slots.
const KEYS: [&str; 6] = ["a", "b", "c", "foo", "bar", "orders"];

#[tokio::test]
async fn redirects_are_followed_alike() {
    let Some(nodes) = cluster::start::<3>().await else { return };
    let pair = Pair::on(nodes[0].oracle.port);
    for form in [&["--no-raw"][..], &["--raw"], &["--json"], &["-3", "--csv"]] {
        for key in KEYS {
            for command in [&["set", key, "v"][..], &["get", key], &["lpush", key, "x"], &["expire", key, "100000"]] {
                pair.agree_on_what_is(&[form, &["-c"], command].concat());
                pair.agree_on_what_is(&[form, command].concat());
            }
        }
        let script: String = KEYS.iter().map(|key| format!("set {key} v\nget {key}\n2 incr {key}\n")).collect();
        for args in [&["-c"][..], &[]] {
            let ours = pair.compare(&[form, args].concat(), &script, || ());
            let told = String::from_utf8_lossy(&ours.stdout).contains("-> Redirected to slot [");
            assert_eq!(told, !args.is_empty());
        }
        pair.agree_on_what_is(&[form, &["-c", "-e", "get", "foo"]].concat());
        pair.agree_on_what_is(&[form, &["-e", "get", "foo"]].concat());
        pair.agree_on_what_is(&[form, &["-c", "mget", "a", "b"]].concat());
        pair.agree_on_what_is(&[form, &["-c", "-r", "2", "get", "b"]].concat());
        pair.agree_on_what_is(&[form, &["-c", "-n", "1", "get", "b"]].concat());
    }
    pair.compare(&["-c"], "multi\nset a 1\nset b 2\nset foo 3\nexec\nget foo", || ());
    pair.compare(&["-c"], "multi\nset foo 3\nexec\n", || ());
}

#[tokio::test]
async fn a_slot_on_its_way_is_asked_for_at_both_ends() {
    let Some([first, second, _third]) = cluster::start::<3>().await else { return };
    // `bar` is in slot 5061, the first node's.
    let (from, to) = (first.text(&["CLUSTER", "MYID"]).await, second.text(&["CLUSTER", "MYID"]).await);
    second.client.call(["CLUSTER", "SETSLOT", "5061", "IMPORTING", &from]).await.unwrap();
    first.client.call(["CLUSTER", "SETSLOT", "5061", "MIGRATING", &to]).await.unwrap();
    let pair = Pair::on(first.oracle.port);
    for args in [&["-c"][..], &[]] {
        for command in [&["set", "bar", "1"][..], &["get", "bar"], &["append", "bar", ""]] {
            pair.agree_on_what_is(&[args, command].concat());
        }
        pair.compare(args, "set bar 2\nget bar\nget foo\nget bar", || ());
    }
}

#[tokio::test]
async fn a_node_that_has_gone_is_told_alike() {
    let Some([first, second, third]) = cluster::start::<3>().await else { return };
    drop(second);
    drop(third);
    let pair = Pair::on(first.oracle.port);
    // `foo` is in slot 12182, the third node's. The first has not noticed yet, or it has and says so: both see the same.
    let outputs = [pair.redis_cli(&["-c", "get", "foo"]), pair.rbq_cli(&["-c", "get", "foo"])]
        .map(|mut command| run(&mut command, b""));
    pair.hold("get foo", &outputs[1], &outputs[0]);
}
