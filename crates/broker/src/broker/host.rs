//! What the broker is told of the machine, and what it asks of its driver.

use super::{Asker, BackupOrder, SwitchOrder};
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
    /// What is kept on disk; `None` in memory only.
    pub persistence: Option<Persistence>,
    /// Extra lines for INFO's sections, made by the driver: section name and `field:value` lines.
    pub info: Vec<(String, String)>,
}

/// How it stands with what is kept on disk.
#[derive(Clone, Debug, Default)]
pub struct Persistence {
    /// Bytes of log since the last snapshot.
    pub log_bytes: u64,
    /// Bytes of the last snapshot.
    pub snapshot_bytes: u64,
    /// Positions: the newest logged, written, synced.
    pub appended: u64,
    /// See `appended`.
    pub written: u64,
    /// See `appended`.
    pub synced: u64,
    /// Syncs of the log since the start.
    pub syncs: u64,
    /// Log bytes that are not settled yet.
    pub in_flight_bytes: u64,
    /// Files of the log.
    pub segments: u64,
    /// Median time of a write with its sync, measured at the start, in microseconds.
    pub sync_us: u64,
    /// Whether a log record could be written the last time one had to be.
    pub is_writable: bool,
    /// Of the backup under way: the bytes that were written and verified, and how many there will be, or thereabouts.
    pub backup: Option<(u64, u64)>,
}

/// Snapshots, as commands and INFO tell of them.
#[derive(Clone, Debug, Default)]
pub struct Snapshots {
    /// When the one under way was begun, in monotonic microseconds.
    pub begun_us: Option<u64>,
    /// Another is wanted after the one under way.
    pub is_scheduled: bool,
    /// When the last good one was complete, in Unix seconds.
    pub last_good_s: u64,
    /// Whether the last one came to be.
    pub has_failed: bool,
    /// How long the last one took, in seconds.
    pub last_took_s: Option<u64>,
    /// How many came to be since the start.
    pub taken: u64,
    /// Changes up to the last good one.
    pub dirty_before: u64,
    /// Changes up to the one under way.
    pub dirty_at_begin: u64,
}

/// Which changes cannot be logged for want of disk space.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum DiskRoom {
    /// None: there is room.
    #[default]
    Enough,
    /// All, until the log has made room for them. Whoever changes nothing goes on.
    Awaited,
    /// Those that add; the reserve is for the others. Why, in words.
    DrainsOnly(String),
    /// All: the reserve is used up too. Why, in words.
    Nothing(String),
}

/// Asks the driver whether the log has room for a change of so many bytes, which is much more than the request that brings it; why
/// not, in words.
pub type AskRoom = Box<dyn Fn(u64) -> Result<(), String> + Send + Sync>;

/// What the driver is asked to do once it holds no lock.
pub enum Action {
    /// SAVE, BGSAVE, BGREWRITEAOF: take a snapshot.
    Snapshot,
    /// RBQ BACKUP: copy what is kept on disk.
    Backup(BackupOrder),
    /// CONFIG SET appendonly: begin to keep what changes, or end it.
    Switch(Box<SwitchOrder>),
    /// WAITAOF and a stricter `appendfsync`: sync what was logged so far.
    Sync,
    /// A parameter was changed by CONFIG SET.
    ParameterChanged(&'static Parameter),
    /// CONFIG REWRITE: write the parameters into the configuration file.
    RewriteConfig(Asker),
    /// SHUTDOWN.
    Shutdown,
    /// MEMORY PURGE: give free memory back to the system.
    PurgeMemory,
    /// DEBUG SLEEP: hold the broker for this many microseconds.
    Sleep(u64),
}
