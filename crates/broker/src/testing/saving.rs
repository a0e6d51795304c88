//! A snapshot is of its moment, whatever happens while it is taken, and with the log after it leads to the present.

use proptest::prelude::*;

use super::driver::Driver;
use super::replay::program;
use crate::keyspace::Image;
use crate::settings::Settings;
use crate::snapshot::{Corrupt, Writer};
use crate::{Broker, Now, digest};

fn broker() -> Broker {
    Broker::new(Settings::default(), 77, Now::default())
}

fn encode(mut writer: Writer, images: &[Image]) -> Vec<Vec<u8>> {
    let mut sections = Vec::new();
    let mut keep = |section: &[u8]| {
        sections.push(section.to_vec());
        Ok::<(), ()>(())
    };
    images.iter().for_each(|image| writer.add(image, &mut keep).expect("keeping does not fail"));
    writer.finish(&mut keep).expect("keeping does not fail");
    sections
}

fn load(sections: &[Vec<u8>]) -> Result<Broker, Corrupt> {
    let mut broker = broker();
    let mut reader = broker.load(super::driver::START_MS);
    sections.iter().try_for_each(|section| reader.push(section))?;
    reader.finish()?;
    Ok(broker)
}

/// The images of the snapshot under way that were not handed out yet.
fn rest(driver: &mut Driver) -> Vec<Image> {
    let mut images = Vec::new();
    while driver.broker().snapshot_slice(&mut images) {}
    images
}

/// Takes a snapshot of what a broker holds now.
fn sections(driver: &mut Driver) -> Vec<Vec<u8>> {
    let writer = driver.broker().begin_snapshot();
    encode(writer, &rest(driver))
}

/// Plays commands on a broker of their own.
fn played(commands: &str) -> Driver {
    let mut driver = Driver::new(1);
    commands.split('|').for_each(|command| drop(driver.run(command)));
    driver
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn a_snapshot_is_of_its_moment_and_the_log_leads_on(before in program(), after in program(), stride in 1..5usize) {
        let mut driver = Driver::new(3);
        before.iter().for_each(|step| driver.step(step));
        let at_cut = digest::of(driver.group());
        driver.records();
        let writer = driver.broker().begin_snapshot();
        let mut images = Vec::new();
        for (number, step) in after.iter().enumerate() {
            driver.step(step);
            if number % stride == 0 {
                driver.broker().snapshot_slice_of(1, &mut images);
            }
        }
        images.extend(rest(&mut driver));
        let records = driver.records();
        let mut loaded = load(&encode(writer, &images)).expect("it was just written");
        prop_assert_eq!(digest::of(loaded.group()), at_cut);
        loaded.replay(&records).expect("it follows the snapshot");
        prop_assert_eq!(digest::of(loaded.group()), digest::of(driver.group()));
        prop_assert_eq!(loaded.group().index, driver.group().index);
    }

    #[test]
    fn a_snapshot_that_was_cut_or_changed_is_refused_or_another(before in program(), at in any::<usize>(), bit in 0..8u8) {
        let mut driver = Driver::new(3);
        before.iter().for_each(|step| driver.step(step));
        let whole = sections(&mut driver).concat();
        let cut = at % whole.len();
        prop_assert!(load(&[whole[..cut].to_vec()]).is_err(), "cut at {cut}");
        // Checksums are whoever keeps sections has to look after; here nothing may be worse than another state.
        let mut changed = whole;
        changed[cut] ^= 1 << bit;
        drop(load(&[changed]));
    }
}

#[test]
fn one_that_is_given_up_leaves_nothing_behind() {
    for emptied in ["FLUSHALL", "FLUSHDB", "DEL a", "SWAPDB 0 1|SELECT 1|DEL a"] {
        let mut driver = played("SET a 1");
        driver.broker().begin_snapshot();
        emptied.split('|').for_each(|command| drop(driver.run(command)));
        driver.broker().end_snapshot();
        let left = rest(&mut driver);
        assert!(left.is_empty(), "{left:?} after {emptied}");
        driver.broker().begin_snapshot();
        let next = rest(&mut driver);
        assert!(next.is_empty(), "{next:?} in the next one after {emptied}");
    }
}

#[test]
fn what_is_flushed_while_it_is_taken_ends_it_for_nobody_else() {
    for flush in ["FLUSHDB", "SELECT 1|FLUSHDB", "SELECT 2|FLUSHDB", "SELECT 1|FLUSHDB|SELECT 2|FLUSHDB", "FLUSHALL"] {
        let mut driver = played("SET a 1|SELECT 1|SET b 1|SELECT 2|SET c 1|SELECT 0");
        let at_cut = digest::of(driver.group());
        let writer = driver.broker().begin_snapshot();
        flush.split('|').for_each(|command| drop(driver.run(command)));
        let loaded = load(&encode(writer, &rest(&mut driver))).expect("it was just written");
        assert_eq!(digest::of(loaded.group()), at_cut, "{flush}");
    }
}

#[test]
fn each_one_of_a_life_holds_what_did_not_change_since_the_last_one_too() {
    let mut driver = Driver::new(1);
    for round in 0..3 {
        driver.run(&format!("SET key{round} v"));
        driver.run("RPUSH list a");
        let loaded = load(&sections(&mut driver)).expect("it was just written");
        assert_eq!(digest::of(loaded.group()), digest::of(driver.group()), "snapshot {round}");
    }
}

/// Values of many blocks, elements that have a block of their own, and keys beside a value that ends a slice.
fn large() -> Driver {
    let mut driver = Driver::new(1);
    let (long, longer) = ("x".repeat(900), "y".repeat(9_000));
    driver.run("SET before v");
    for number in 0..100 {
        let element = if number % 20 == 10 { &longer } else { &long };
        driver.run(&format!("RPUSH list {number}{element}"));
        driver.run(&format!("XADD s * f {number}{element}"));
    }
    driver.run(&format!("SET large {}", "z".repeat(2 << 20)));
    driver.run("SET after v");
    driver.run("SET last v");
    driver
}

#[test]
fn values_of_any_size_come_back_whole_and_so_does_what_is_beside_them() {
    let mut driver = large();
    let loaded = load(&sections(&mut driver)).expect("it was just written");
    assert_eq!(digest::of(loaded.group()), digest::of(driver.group()));
}

#[test]
fn whichever_section_cannot_be_kept_it_is_said() {
    let mut driver = large();
    let count = sections(&mut driver).len();
    assert!(count > 3, "{count} sections");
    for fails_at in 1..=count {
        let mut writer = driver.broker().begin_snapshot();
        let mut kept = 0;
        let mut keep = |_: &[u8]| {
            kept += 1;
            if kept == fails_at { Err("no space") } else { Ok(()) }
        };
        let added = rest(&mut driver).iter().try_for_each(|image| writer.add(image, &mut keep));
        assert_eq!(added.and_then(|()| writer.finish(&mut keep)), Err("no space"), "section {fails_at} of {count}");
    }
}

#[test]
fn one_with_a_key_twice_or_another_number_of_keys_is_refused() {
    let mut driver = played("SET a 1|SET b 1");
    driver.broker().begin_snapshot();
    let mut twice = rest(&mut driver);
    let writer = driver.broker().begin_snapshot();
    twice.extend(rest(&mut driver));
    assert!(matches!(load(&encode(writer, &twice)), Err(Corrupt::Key)));

    let mut whole = sections(&mut driver).concat();
    *whole.last_mut().expect("it has an end") = 3; // the number is the last that is written
    assert!(matches!(load(&[whole]), Err(Corrupt::Keys { declared: 3, found: 2 })));
}
