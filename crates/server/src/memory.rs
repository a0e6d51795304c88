//! How much memory the process holds, and what the processor did for it.

use std::fs;

/// Bytes.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Memory {
    /// Allocated by the program.
    pub(crate) allocated: u64,
    /// Resident.
    pub(crate) resident: u64,
}

/// Asks the allocator.
pub(crate) fn measure() -> Memory {
    use tikv_jemalloc_ctl::{epoch, stats};
    // The figures are cached until the epoch advances. Without jemalloc as the allocator they cannot be read.
    let advanced = epoch::advance().is_ok();
    let read = |figure: Result<usize, _>| figure.ok().filter(|_| advanced).unwrap_or(0) as u64;
    Memory { allocated: read(stats::allocated::read()), resident: read(stats::resident::read()) }
}

/// Bytes of the process that are resident, as the kernel counts them; zero where it does not tell.
pub(crate) fn resident_by_kernel() -> u64 {
    let pages = fs::read_to_string("/proc/self/statm").ok();
    let pages = pages.as_deref().and_then(|line| line.split(' ').nth(1)?.parse::<u64>().ok());
    pages.unwrap_or(0) * rustix::param::page_size() as u64
}

/// Bytes of physical memory; zero where the kernel does not tell.
pub(crate) fn total() -> u64 {
    let info = fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let line = info.lines().find_map(|line| line.strip_prefix("MemTotal:"));
    let kib = line.and_then(|rest| rest.trim().trim_end_matches(" kB").parse::<u64>().ok());
    kib.unwrap_or(0) * 1024
}

/// CPU time of the process in user mode and in the kernel, in microseconds.
pub(crate) fn cpu_us() -> (u64, u64) {
    let stat = fs::read_to_string("/proc/self/stat").unwrap_or_default();
    // The second field is the program's name in parentheses, and may hold anything.
    let fields: Vec<&str> = stat.rsplit(") ").next().unwrap_or("").split(' ').collect();
    let tick_us = 1_000_000 / rustix::param::clock_ticks_per_second().max(1);
    let field = |at: usize| fields.get(at).and_then(|text| text.parse::<u64>().ok()).unwrap_or(0) * tick_us;
    (field(11), field(12))
}
