//! What a process has used, from `/proc`.

use std::fs;
use std::time::Duration;

use anyhow::{Context as _, Result};

/// A process by its number.
#[derive(Clone, Copy, Debug)]
pub(super) struct Process(pub(super) u32);

impl Process {
    /// Processor time of all its threads so far, in user space and in the kernel. It advances in clock ticks, usually of
    /// 10 ms, so a measurement must last seconds.
    pub(super) fn cpu(self) -> Result<Duration> {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.0)).context("reading /proc")?;
        // The name, in brackets, may hold blanks; numbers follow it.
        let numbers: Vec<&str> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
        let ticks =
            |index: usize| -> Result<u64> { Ok(numbers.get(index).context("/proc/PID/stat is short")?.parse()?) };
        let ticks = ticks(11)? + ticks(12)?;
        Ok(Duration::from_secs_f64(ticks as f64 / rustix::param::clock_ticks_per_second() as f64))
    }

    /// The most that was ever in memory of it.
    pub(super) fn peak_bytes(self) -> Result<u64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.0)).context("reading /proc")?;
        let line =
            status.lines().find_map(|line| line.strip_prefix("VmHWM:")).context("/proc/PID/status has no peak")?;
        let kib: u64 = line.trim().trim_end_matches("kB").trim().parse()?;
        Ok(kib * 1024)
    }

    /// Bytes of it in memory.
    pub(super) fn rss_bytes(self) -> Result<u64> {
        let statm = fs::read_to_string(format!("/proc/{}/statm", self.0)).context("reading /proc")?;
        let pages: u64 = statm.split_whitespace().nth(1).context("/proc/PID/statm is short")?.parse()?;
        Ok(pages * rustix::param::page_size() as u64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_knows_itself() {
        let own = Process(std::process::id());
        assert!(own.rss_bytes().expect("it is running") > 100_000);
        assert!(own.peak_bytes().expect("it is running") > 100_000);
        assert!(own.cpu().expect("it is running") < Duration::from_secs(3600));
    }
}
