//! What was measured on: a figure without its machine says nothing.

use std::fs;

use serde::Serialize;

/// The machine and its system.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Machine {
    /// The processor's name.
    pub(super) cpu: String,
    /// Processors that we may use.
    pub(super) cores: usize,
    /// Name and version of the system.
    pub(super) kernel: String,
    /// Memory, in GiB.
    pub(super) memory_gib: f64,
    /// How many wanted to run on average over the last minute, before we began: others disturb.
    pub(super) load: f64,
}

impl Machine {
    /// This one.
    pub(super) fn this() -> Self {
        let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
        let field = |text: &str, name: &str| -> String {
            let line = text.lines().find(|line| line.starts_with(name)).unwrap_or_default();
            line.split_once(':').map(|(_, value)| value.trim().to_owned()).unwrap_or_default()
        };
        let uname = rustix::system::uname();
        let kib: f64 = field(&read("/proc/meminfo"), "MemTotal").trim_end_matches(" kB").parse().unwrap_or_default();
        Self {
            cpu: field(&read("/proc/cpuinfo"), "model name"),
            cores: std::thread::available_parallelism().map_or(1, usize::from),
            kernel: format!("{} {}", uname.sysname().to_string_lossy(), uname.release().to_string_lossy()),
            memory_gib: kib / 1024.0 / 1024.0,
            load: read("/proc/loadavg").split(' ').next().and_then(|load| load.parse().ok()).unwrap_or_default(),
        }
    }

    /// In one line.
    pub(super) fn line(&self) -> String {
        let Self { cpu, cores, kernel, memory_gib, load } = self;
        format!("{cpu}, {cores} cores, {memory_gib:.1} GiB, {kernel}, load {load:.1} before")
    }
}
