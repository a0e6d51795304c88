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
        while driver.broker().snapshot_slice(&mut images) {}
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
        let writer = driver.broker().begin_snapshot();
        let mut images = Vec::new();
        while driver.broker().snapshot_slice(&mut images) {}
        let whole = encode(writer, &images).concat();
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
    let mut driver = Driver::new(1);
    driver.run("SET a 1");
    driver.broker().begin_snapshot();
    driver.run("FLUSHALL");
    driver.broker().end_snapshot();
    let mut images = Vec::new();
    assert!(!driver.broker().snapshot_slice(&mut images));
    assert!(images.is_empty());
}
