//! What does not change while the server runs, for INFO.

use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hasher};

use rbq_broker::HostFacts;

use crate::config::Config;
use crate::memory;

/// An unpredictable number: the standard library's hash keys come from the system's randomness.
pub(crate) fn seed() -> u64 {
    RandomState::new().build_hasher().finish()
}

/// Facts fixed at start.
pub(crate) fn fixed(config: &Config, io_threads: usize) -> HostFacts {
    let system = rustix::system::uname();
    let part = |text: &std::ffi::CStr| text.to_string_lossy().into_owned();
    HostFacts {
        memory_total: memory::total(),
        process_id: std::process::id(),
        tcp_port: config.settings.port.0 as u16,
        run_id: (0..5).map(|_| format!("{:08x}", seed() as u32)).collect(),
        os: format!("{} {} {}", part(system.sysname()), part(system.release()), part(system.machine())),
        executable: std::env::current_exe().map(|path| path.display().to_string()).unwrap_or_default(),
        config_file: config.file.as_ref().map(|path| path.display().to_string()).unwrap_or_default(),
        allocator: "jemalloc".into(),
        io_threads: io_threads as u32,
        ..HostFacts::default()
    }
}
