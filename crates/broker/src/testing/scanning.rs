//! SCAN through commands: whatever other clients do meanwhile, a key that is there throughout comes exactly once.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::driver::Driver;

/// Keys that are never deleted, whatever is done to them.
const STAYING: usize = 25;

/// What happens between two calls: to keys that stay (`S`) and to keys that come and go (`G`). Every one of these
/// leaves something under each `S` it names; the one key that expires is never copied or renamed, since its deadline
/// would go along.
#[rustfmt::skip] // in groups, not one a line
const MEANWHILE: &[&str] = &[
    "SET S x", "SET S x KEEPTTL", "APPEND S x", "SETRANGE S 3 x", "EXPIRE S 1000", "PERSIST S", "GETSET S x",
    "MSET S x G y", "COPY S S REPLACE", "COPY S G REPLACE", "COPY G S REPLACE", "RENAME G S", "RENAMENX G S",
    "SORT list ALPHA STORE S", "SORT list ALPHA STORE G", "SET G x", "SET brief x PX 5", "RPUSH G x", "DEL G", "DEL G G",
    "GETDEL G", "MOVE G 1", "RENAME G G", "EXPIRE G 0", "LPOP G", "SET list2 x", "DEL list2",
];

fn command() -> impl Strategy<Value = String> {
    (prop::sample::select(MEANWHILE), 0..STAYING, 0..STAYING, 0..40usize, 0..40usize).prop_map(|parts| {
        let (template, one_stays, other_stays, one_goes, other_goes) = parts;
        let (mut stays, mut goes) = ([one_stays, other_stays].into_iter(), [one_goes, other_goes].into_iter());
        let fill = |word: &str| match word {
            "S" => format!("stays:{}", stays.next().expect("no template has more than two")),
            "G" => format!("goes:{}", goes.next().expect("no template has more than two")),
            word => word.to_owned(),
        };
        template.split(' ').map(fill).collect::<Vec<String>>().join(" ")
    })
}

/// The cursor and the keys of a reply to SCAN in RESP2.
fn read(reply: &str) -> (String, Vec<String>) {
    let mut bulks = reply.split("\r\n").filter(|line| !line.starts_with(['*', '$'])).map(str::to_owned);
    let cursor = bulks.next().expect("a reply has a cursor");
    (cursor, bulks.filter(|key| !key.is_empty()).collect())
}

proptest! {
    #[test]
    fn a_key_that_is_there_throughout_comes_exactly_once(
        before in prop::collection::vec(command(), 0..60),
        between in prop::collection::vec((prop::collection::vec(command(), 0..12), 1..15u8), 1..20),
    ) {
        let mut driver = Driver::new(5);
        driver.run("RPUSH list b a");
        before.iter().for_each(|command| drop(driver.run(command)));
        (0..STAYING).for_each(|number| drop(driver.run(&format!("SET stays:{number} x"))));
        let mut seen: BTreeMap<String, usize> = BTreeMap::new();
        let mut cursor = "0".to_owned();
        for (commands, count) in between.iter().cycle() {
            let (next, keys) = read(&driver.run(&format!("SCAN {cursor} COUNT {count}")));
            keys.into_iter().for_each(|key| *seen.entry(key).or_default() += 1);
            if next == "0" {
                break;
            }
            cursor = next;
            commands.iter().for_each(|command| drop(driver.run(command)));
            driver.wait(1);
        }
        for number in 0..STAYING {
            prop_assert_eq!(seen.get(&format!("stays:{number}")), Some(&1), "stays:{}", number);
        }
    }
}
