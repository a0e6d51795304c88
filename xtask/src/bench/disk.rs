//! What a sync costs here and now: the floor under everything that waits for one.

use std::io::Write as _;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};

const SAMPLES: usize = 101;

/// The median time of writing 4 KiB over what is there and syncing it, in microseconds.
pub(super) fn sync_us() -> Result<u128> {
    use std::io::{Seek as _, SeekFrom};
    let mut file = tempfile::tempfile().context("making a file to measure the disk with")?;
    file.write_all(&[1; 4096])?;
    file.sync_all()?;
    let mut samples = Vec::new();
    for _ in 0..SAMPLES {
        let start = Instant::now();
        file.seek(SeekFrom::Start(0))?;
        file.write_all(&[2; 4096])?;
        file.sync_data()?;
        samples.push(start.elapsed());
    }
    samples.sort_unstable();
    Ok(samples.get(SAMPLES / 2).map_or(0, Duration::as_micros))
}
