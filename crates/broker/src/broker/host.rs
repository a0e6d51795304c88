//! What the broker is told of the machine, and what it asks of its driver.

use crate::settings::Parameter;

/// Figures that only the driver can know, as of its last report: for INFO, and for judging `maxmemory`.
#[derive(Clone, Debug, Default)]
pub struct HostFacts {
    /// Bytes allocated.
    pub memory_used: u64,
    /// Bytes resident.
    pub memory_resident: u64,
    /// Bytes of physical memory.
    pub memory_total: u64,
    /// CPU time in user mode, in microseconds.
    pub cpu_user_us: u64,
    /// CPU time in the kernel, in microseconds.
    pub cpu_system_us: u64,
    /// Process ID.
    pub process_id: u32,
    /// The TCP port.
    pub tcp_port: u16,
    /// 40 hex digits that name this run.
    pub run_id: String,
    /// Operating system, release and architecture.
    pub os: String,
    /// The executable's path.
    pub executable: String,
    /// The configuration file's path, if there is one.
    pub config_file: String,
    /// The allocator's name.
    pub allocator: String,
    /// I/O threads.
    pub io_threads: u32,
    /// Bytes all connections' buffers hold.
    pub client_buffers: u64,
    /// Extra lines for INFO's sections, made by the driver: section name and `field:value` lines.
    pub info: Vec<(String, String)>,
}

/// What the driver is asked to do once it holds no lock.
pub enum Action {
    /// A parameter was changed by CONFIG SET.
    ParameterChanged(&'static Parameter),
    /// CONFIG REWRITE: write the parameters into the configuration file.
    RewriteConfig,
    /// SHUTDOWN.
    Shutdown,
    /// MEMORY PURGE: give free memory back to the system.
    PurgeMemory,
    /// DEBUG SLEEP: hold the broker for this many microseconds.
    Sleep(u64),
}
