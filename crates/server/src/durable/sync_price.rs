//! What a sync costs on this disk, so that nobody has to guess what `always` means here.

use std::fs::{self, File};
use std::io::Result;
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::time::{Duration, Instant};

const FILE: &str = "sync-price.tmp";
const BLOCK: [u8; 4096] = [0x5a; 4096];
const SAMPLES_MAX: usize = 33;

/// A slow disk is measured by fewer samples.
const ENOUGH: Duration = Duration::from_millis(250);

/// The median time of writing a block over one that is there and syncing it, in microseconds.
pub(crate) fn measure(directory: &Path) -> Result<u64> {
    let path = directory.join(FILE);
    let file = File::create(&path)?;
    let measured = samples(&file);
    fs::remove_file(&path)?;
    let mut samples = measured?;
    samples.sort_unstable();
    Ok(samples[samples.len() / 2].as_micros() as u64)
}

fn samples(file: &File) -> Result<Vec<Duration>> {
    file.write_all_at(&BLOCK, 0)?;
    file.sync_all()?;
    let start = Instant::now();
    let mut samples = Vec::new();
    while samples.len() < SAMPLES_MAX && (samples.is_empty() || start.elapsed() < ENOUGH) {
        let before = Instant::now();
        file.write_all_at(&BLOCK, 0)?;
        file.sync_data()?;
        samples.push(before.elapsed());
    }
    Ok(samples)
}
