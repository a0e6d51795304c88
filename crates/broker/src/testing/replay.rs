//! What the log says is what happened: random programs are played, their records read back and applied elsewhere.

use std::collections::BTreeSet;

use proptest::prelude::*;
use rbq_resp::NullSink;

use super::driver::Driver;
use crate::apply::apply;
use crate::digest;
use crate::group::Group;
use crate::log::Record;
use crate::op::Op;
use crate::op::wire::{Field, Input};
use crate::{Broker, Now, Settings};

/// Every way to change keys, strings, lists and streams. `K` is a key, `S` a stream's, `V` a value, `N` a number, `F` a
/// fraction, `T` a time, `I` an ID.
#[rustfmt::skip] // in groups, not one a line
const TEMPLATES: &[&str] = &[
    "SET K V", "SET K N", "SET K V PX T", "SET K V NX GET", "SET K V XX KEEPTTL", "SET K V PXAT 1", "SET K V IFEQ V",
    "SET K V IFNE V GET", "SET K V IFDNE 0123456789abcdef", "SET K V IFDEQ 0123456789abcdef", "SETNX K V",
    "SETEX K 1 V", "GETSET K V", "GETDEL K", "GETEX K PX T", "GETEX K PERSIST", "GETEX K EXAT 1", "MSET K V K V",
    "MSETNX K V K V", "MSETEX 2 K V K V PX T", "MSETEX 1 K V XX KEEPTTL", "MSETEX 1 K V NX", "APPEND K V",
    "SETRANGE K N V", "INCR K", "DECRBY K N", "INCRBYFLOAT K F", "DELEX K IFEQ V", "DELEX K IFNE V",
    "DELEX K IFDNE 0123456789abcdef", "DEL K K", "UNLINK K", "PEXPIRE K T", "PEXPIRE K T NX", "PEXPIRE K T XX",
    "PEXPIRE K T GT", "PEXPIRE K T LT", "PEXPIRE K T XX GT", "PEXPIRE K T XX LT", "EXPIRE K 0", "PERSIST K",
    "RENAME K K", "RENAMENX K K", "COPY K K", "COPY K K REPLACE", "COPY K K DB 1 REPLACE", "MOVE K 1", "MOVE K 0",
    "SORT K ALPHA STORE K", "SORT K BY nosort GET K STORE K", "RPUSH K V V", "LPUSHX K V", "LPOP K", "RPOP K N",
    "LMPOP 2 K K LEFT COUNT 2", "BLPOP K K 1", "LMOVE K K LEFT RIGHT", "RPOPLPUSH K K",
    "LMOVEM K K LEFT LEFT COUNT 2 BULK", "LINSERT K BEFORE V V", "LSET K 0 V", "LREM K 0 V", "LTRIM K 0 1", "FLUSHDB",
    "FLUSHALL", "SWAPDB 0 1", "SELECT 0", "SELECT 1", "MULTI", "EXEC", "DISCARD",
    "XADD S I fld V", "XADD S * fld V", "XADD S * fld V two V", "XADD S MAXLEN 2 * fld V", "XADD S MAXLEN ~ 3 * fld V",
    "XADD S MINID ~ I * fld V", "XADD S IDMP pid V * fld V", "XADD S IDMPAUTO pid * fld V", "XADD S NOMKSTREAM * fld V",
    "XDEL S I", "XDELEX S ACKED IDS 1 I", "XDELEX S DELREF IDS 1 I", "XACKDEL S grp IDS 1 I", "XACKDEL S grp ACKED IDS 1 I",
    "XTRIM S MAXLEN N", "XTRIM S MINID I", "XTRIM S MAXLEN N ACKED", "XTRIM S MAXLEN N DELREF", "XSETID S 9-9",
    "XCFGSET S IDMP-DURATION 1", "XIDMPRECORD S pid V I", "XGROUP CREATE S grp 0 MKSTREAM", "XGROUP CREATE S grp $",
    "XGROUP SETID S grp I", "XGROUP DESTROY S grp", "XGROUP CREATECONSUMER S grp V", "XGROUP DELCONSUMER S grp V",
    "XREADGROUP GROUP grp V COUNT 2 STREAMS S >", "XREADGROUP GROUP grp V NOACK STREAMS S >",
    "XREADGROUP GROUP grp V STREAMS S 0", "XREADGROUP GROUP grp V CLAIM T STREAMS S >",
    "XREADGROUP GROUP grp V MAXCOUNT 3 STREAMS S S > >", "XACK S grp I", "XCLAIM S grp V 0 I",
    "XCLAIM S grp V 0 I JUSTID FORCE", "XCLAIM S grp V 0 I IDLE T RETRYCOUNT N LASTID I", "XAUTOCLAIM S grp V T 0",
    "XNACK S grp FAIL IDS 1 I", "XNACK S grp FATAL IDS 1 I FORCE", "DEL S", "RENAME S S", "COPY S S REPLACE",
    "BLPOP K K 0", "BRPOP K 0.02", "BLMOVE K K LEFT RIGHT 0", "BRPOPLPUSH K K 0", "BLMPOP 0 2 K K LEFT COUNT 2",
    "BLMOVEM K K LEFT RIGHT 0 EXACTLY 2 OBO", "XREAD BLOCK 0 STREAMS S S $ $", "XREAD BLOCK 20 STREAMS S K 9-9 9-9",
    "XREADGROUP GROUP grp V BLOCK 0 STREAMS S >", "XREADGROUP GROUP grp V BLOCK 0 NOACK STREAMS S S > >",
    "XREADGROUP GROUP grp V BLOCK 0 CLAIM T STREAMS S >", "XREADGROUP GROUP grp V BLOCK 30 COUNT 1 STREAMS S >",
    "XADD S MAXLEN 0 * fld V",
];

/// Commands that make every kind of op, but those for which time must pass or an entry have a known ID.
pub(super) const EVERY_KIND: &str = "\
    SET a 1 PX 20|MSET b 1 c 2|GETDEL b|GETEX c PX 1000|APPEND c x|SETRANGE c 0 y|INCR n|INCRBYFLOAT n 0.5\
    |DELEX n IFEQ 1.5|PEXPIRE c 5000|PERSIST c|RENAME c d|COPY d e|MOVE e 1|DEL d\
    |RPUSH l a b c d e f|LPOP l|LMPOP 1 l LEFT|LMOVE l m LEFT RIGHT|LMOVEM l m LEFT RIGHT COUNT 2 BULK\
    |LINSERT m BEFORE d x|LSET m 0 y|LREM m 1 x|LTRIM m 0 1|SORT m ALPHA STORE sorted\
    |XADD s 1-1 f v|XADD s 2-1 f v|XADD s 3-1 f v|XADD s 4-1 f v|XGROUP CREATE s g 0\
    |XREADGROUP GROUP g ann COUNT 2 STREAMS s >|XACK s g 1-1|XCLAIM s g bob 0 2-1|XAUTOCLAIM s g ann 0 0\
    |XNACK s g FAIL IDS 1 2-1|XACKDEL s g IDS 1 2-1|XGROUP SETID s g 0|XGROUP CREATECONSUMER s g cat\
    |XGROUP DELCONSUMER s g cat|XGROUP DESTROY s g|XDEL s 1-1|XDELEX s IDS 1 3-1|XTRIM s MAXLEN 0\
    |XSETID s 9-9|XCFGSET s IDMP-DURATION 7|XADD s * f v|SWAPDB 0 1|FLUSHALL";

/// One step of a program.
#[derive(Debug, Clone)]
pub(super) enum Step {
    /// A command of this client.
    Run(usize, String),
    /// Time passes, and what is due is done.
    Wait(u64),
    /// Time passes, and whoever comes next finds what is due.
    Sleep(u64),
}

fn word(placeholder: char) -> BoxedStrategy<String> {
    match placeholder {
        'K' => prop::sample::select(vec!["a", "b", "c", "d", "e"]).prop_map(str::to_owned).boxed(),
        'S' => prop::sample::select(vec!["s", "t", "a"]).prop_map(str::to_owned).boxed(),
        'I' => (1..9u8).prop_map(|ms| format!("{ms}-1")).boxed(),
        'V' => prop::sample::select(vec!["x", "y", "10", "-3", "2.5", "hello"]).prop_map(str::to_owned).boxed(),
        'N' => (0..12u8).prop_map(|number| number.to_string()).boxed(),
        'F' => prop::sample::select(vec!["0.1", "-2.25", "1e3", "x"]).prop_map(str::to_owned).boxed(),
        'T' => (1..60u64).prop_map(|ms| ms.to_string()).boxed(),
        _ => unreachable!("the templates use no other placeholder"),
    }
}

fn command(templates: Vec<&'static str>) -> impl Strategy<Value = String> {
    prop::sample::select(templates).prop_flat_map(|template| {
        let words: Vec<BoxedStrategy<String>> = template
            .split(' ')
            .map(|text| match text.chars().next() {
                Some(placeholder) if text.len() == 1 && placeholder.is_alphabetic() => word(placeholder),
                _ => Just(text.to_owned()).boxed(),
            })
            .collect();
        words.prop_map(|words| words.join(" "))
    })
}

/// Programs of a few templates each: what only some of them bring about together is rare where all have their turn.
pub(super) fn program() -> impl Strategy<Value = Vec<Step>> {
    let few = prop::sample::subsequence(TEMPLATES, 3..=12);
    let many = prop::sample::subsequence(TEMPLATES, 12..=TEMPLATES.len());
    prop_oneof![few, many].prop_flat_map(program_of)
}

fn program_of(templates: Vec<&'static str>) -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        18 => (0..8usize, command(templates)).prop_map(|(client, command)| Step::Run(client, command)),
        1 => (1..40u64).prop_map(Step::Wait),
        1 => (1..40u64).prop_map(Step::Sleep),
    ];
    prop::collection::vec(step, 0..250)
}

/// Plays a program on a fresh broker; the broker, and everything that its log says.
fn play(program: &[Step]) -> (Driver, Vec<u8>) {
    let mut driver = Driver::new(1);
    program.iter().for_each(|step| driver.step(step));
    let records = driver.records();
    (driver, records)
}

/// Applies records to an empty group that hashes otherwise.
pub(super) fn replay(records: &[u8]) -> Group {
    let mut group = Group::new(0, 16, 99);
    let mut input = Input::new(records);
    while let Some(record) = Record::next(&mut input).expect("the log can be read") {
        for (stamp, op) in &record.ops {
            apply(&mut group, op, *stamp, &mut NullSink);
        }
        assert_eq!(group.index, record.index, "each op of the log changes something, here as there");
    }
    group
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn the_log_makes_the_same_state_again(program in program()) {
        let (driver, records) = play(&program);
        let group = replay(&records);
        prop_assert_eq!(digest::of(&group), digest::of(driver.group()));
        prop_assert_eq!(group.index, driver.group().index);
    }

    #[test]
    fn ops_survive_being_written_and_read(program in program()) {
        let (_, records) = play(&program);
        let mut input = Input::new(&records);
        while let Some(record) = Record::next(&mut input).expect("the log can be read") {
            for (_, op) in &record.ops {
                let mut bytes = Vec::new();
                op.encode(&mut bytes);
                let read = Op::from_record(&bytes).expect("it was just written");
                prop_assert_eq!(format!("{:?}", read), format!("{:?}", op));
                for cut in 0..bytes.len() {
                    prop_assert!(Op::from_record(&bytes[..cut]).is_err(), "cut at {} of {:?}", cut, op);
                }
            }
        }
    }

    #[test]
    fn what_is_no_log_is_refused_and_does_no_harm(bytes: Vec<u8>) {
        let mut input = Input::new(&bytes);
        while let Ok(Some(_)) = Record::next(&mut input) {}
    }
}

#[test]
fn every_kind_of_op_comes_to_be_logged() {
    let mut driver = Driver::new(1);
    EVERY_KIND.split('|').for_each(|command| drop(driver.run(command)));
    driver.run("SET a 1 PX 20");
    driver.wait(20);
    driver.run("XADD s 5-5 f v");
    driver.run("XIDMPRECORD s pid iid 5-5");
    let records = driver.records();
    let mut logged = BTreeSet::new();
    let mut input = Input::new(&records);
    while let Some(record) = Record::next(&mut input).expect("the log can be read") {
        logged.extend(record.ops.iter().map(|(_, op)| op.number()));
    }
    let never: Vec<&str> =
        Op::KINDS.iter().filter(|(number, _)| !logged.contains(number)).map(|(_, name)| *name).collect();
    assert!(never.is_empty(), "never logged: {never:?}");
}

#[test]
fn a_log_of_more_databases_than_there_are_is_refused_with_how_many_it_needs() {
    for (program, needed) in
        [("SELECT 9|SET k v", 10), ("SET k v|COPY k k DB 7", 8), ("SET k v|MOVE k 4", 5), ("SET k v|SWAPDB 0 15", 16)]
    {
        let mut driver = Driver::new(1);
        program.split('|').for_each(|command| drop(driver.run(command)));
        let records = driver.records();
        for databases in [needed - 1, needed] {
            let mut settings = Settings::default();
            settings.databases.0 = i64::from(databases);
            let replayed = Broker::new(settings, 2, Now::default()).replay(&records);
            let text = format!("log record of {needed} databases at least; `databases` allows {databases}");
            let expected = if databases < needed { Err(text) } else { Ok(()) };
            assert_eq!(replayed.map(drop).map_err(|error| error.to_string()), expected, "{program}");
        }
    }
}

#[test]
fn a_log_that_was_not_written_over_this_state_is_refused() {
    for (held, logged, why) in [
        ("", "SET b 1", "a hold is missing before it"),
        ("SET a 1|SET b 1", "SET b 1", "it was replayed before"),
        ("SET other 1", "DEL a", "the key that it deletes is not there"),
    ] {
        let mut driver = Driver::new(1);
        driver.run("SET a 1");
        driver.records();
        driver.run(logged);
        let (records, recorded) = (driver.records(), driver.group().index);
        let mut over = Driver::new(2);
        held.split_terminator('|').for_each(|command| drop(over.run(command)));
        let replayed = over.broker().replay(&records);
        let reached = over.group().index;
        assert_ne!(reached, recorded, "{why}");
        let text = format!("log record of index {recorded} leads to index {reached}");
        assert_eq!(replayed.map_err(|error| error.to_string()), Err(text), "{why}");
    }
}
