//! The data directory of a server for who has a broker and no server: the same files, read back and saved in the same way.
//!
//! What is kept by one can be opened by the other, one at a time: the directory is locked. Here nobody else is served
//! meanwhile, so a snapshot is one long hold.

use std::path::Path;
use std::sync::Arc;

use anyhow::{Context as _, Result, anyhow};
use rbq_broker::{Broker, Settings};
use rbq_journal::{Directory, Journal};

use super::home::{expect_no_restore, expect_not_within};
use super::recovery::{self, Recovered};
use super::snapshots::SECTION;

/// Opens `appenddirname` below `dir`, both of the settings, and fills `broker`, which is empty, with what is in it. It is made if
/// it is not there, and `dir` is not, as a server has it. `progress` is called, on threads of the journal, whenever it got further.
///
/// # Errors
/// [`OpenError`](rbq_journal::OpenError) where the directory is in use or damaged; a sentence for everything else.
pub fn open(
    settings: &Settings,
    broker: &mut Broker,
    progress: impl Fn() + Send + Sync + 'static,
) -> Result<Recovered> {
    let dir = &settings.dir.0;
    let path = Path::new(dir).join(&settings.appenddirname.0);
    std::fs::read_dir(dir).map_err(|error| anyhow!("cannot keep data in `{dir}`: {}", crate::no_directory(&error)))?;
    let cannot = || format!("cannot make the data directory `{}`", path.display());
    expect_not_within(Path::new(dir), &path)?;
    expect_no_restore(&path)?;
    let storage = Directory::create(&path).with_context(cannot)?;
    let mut options = recovery::options(settings, move |_| progress());
    options.fatal = Arc::new(|fatal| {
        // There may be no log to tell it to: whoever is at the terminal is to know.
        crate::eprintln_quietly(&format!("error: the log can no longer be written: {fatal}"));
        std::process::exit(1);
    });
    recovery::recover(settings, Arc::new(storage), broker, options)
}

/// Takes a snapshot of the broker as it is, all of whose changes were handed to the journal; answers how many bytes it has.
///
/// # Errors
/// When it could not be written; the older ones and the log are as they were.
pub fn save(broker: &mut Broker, journal: &Journal, time_ms: u64) -> Result<u64> {
    let outcome = write(broker, journal, time_ms);
    if outcome.is_err() {
        broker.end_snapshot();
    }
    outcome
}

fn write(broker: &mut Broker, journal: &Journal, time_ms: u64) -> Result<u64> {
    let mut encoder = broker.begin_snapshot();
    let mut file = journal.begin_snapshot(journal.appended(), time_ms)?;
    let mut images = Vec::new();
    let mut is_more = true;
    while is_more {
        is_more = broker.snapshot_slice(&mut images);
        for image in images.drain(..) {
            encoder.add(&image, &mut |section: &[u8]| file.section(SECTION, section))?;
        }
    }
    encoder.finish(&mut |section: &[u8]| file.section(SECTION, section))?;
    Ok(file.finish()?.bytes)
}
