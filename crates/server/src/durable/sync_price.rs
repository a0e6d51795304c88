//! What a sync costs on this disk, so that nobody has to guess what `always` means here.
//!
//! It is measured with a file of its own in the data directory, which is removed at once, or by the next start if this one does not come
//! that far.

use std::io::Result;
use std::time::{Duration, Instant};

use rbq_journal::{SCRATCH, Storage, StorageFile};

const BLOCK: [u8; 4096] = [0x5a; 4096];
const SAMPLES_MAX: usize = 33;

/// A slow disk is measured by fewer samples.
const ENOUGH: Duration = Duration::from_millis(250);

/// The median time of writing a block over one that is there and syncing it, in microseconds. The directory is ours.
pub(crate) fn measure(storage: &dyn Storage) -> Result<u64> {
    let measured = storage.create(SCRATCH).and_then(|file| samples(&*file));
    // Also where it could not be measured: what there is of it takes space on a disk that may have none.
    let removed = storage.remove(SCRATCH);
    let mut samples = measured?;
    removed?;
    samples.sort_unstable();
    Ok(samples[samples.len() / 2].as_micros() as u64)
}

fn samples(file: &dyn StorageFile) -> Result<Vec<Duration>> {
    file.write_at(0, &BLOCK)?;
    file.sync_all()?;
    let start = Instant::now();
    let mut samples = Vec::new();
    while samples.len() < SAMPLES_MAX && (samples.is_empty() || start.elapsed() < ENOUGH) {
        let before = Instant::now();
        file.write_at(0, &BLOCK)?;
        file.sync_data()?;
        samples.push(before.elapsed());
    }
    Ok(samples)
}

#[cfg(test)]
mod tests {
    use rbq_journal::Directory;

    use super::*;

    #[test]
    fn it_leaves_nothing_and_touches_nothing_in_a_directory_that_took_the_place_of_ours() {
        let above = tempfile::tempdir().expect("a directory is made");
        let [opened, moved] = ["opened", "moved"].map(|name| above.path().join(name));
        let directory = Directory::create(&opened).expect("it is made");
        measure(&directory).expect("it is ours");
        assert_eq!(std::fs::read_dir(&opened).expect("it is there").count(), 0);
        std::fs::rename(&opened, &moved).expect("nothing is in the way");
        std::fs::create_dir(&opened).expect("nothing is in the way");
        let theirs = opened.join(SCRATCH);
        std::fs::write(&theirs, "of another server").expect("it is written");
        measure(&directory).expect_err("its path leads elsewhere");
        assert_eq!(std::fs::read(&theirs).expect("it is still there"), b"of another server");
    }
}
