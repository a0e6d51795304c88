//! Configuration parameters: one declaration each.
//!
//! The table below is what CONFIG GET and SET, the server's flags, environment variables and file keys, `docs/
//! configuration.md` and `--check-config` are all made from. Names and meanings are Redis's where Redis has them.
//! Nothing durable depends on a setting: a default that matters to an op is stamped into it.

mod kinds;

pub use kinds::*;

/// When a parameter can be changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mutable {
    /// At any time, by CONFIG SET.
    Live,
    /// At start only.
    Start,
    /// By CONFIG SET only if `enable-protected-configs` allows it.
    Protected,
}

/// One parameter, without its value.
pub struct Parameter {
    /// Redis's name.
    pub name: &'static str,
    /// What it does, its unit, and what its special values mean.
    pub doc: &'static str,
    /// Its default, written as in a file.
    pub default: &'static str,
    /// When it can be changed.
    pub mutable: Mutable,
    /// What values it takes.
    pub allowed: fn() -> String,
    /// Its value.
    pub show: fn(&Settings) -> String,
    /// Parses and sets; the error says what is allowed.
    pub set: fn(&mut Settings, &str) -> Result<(), String>,
}

macro_rules! settings {
    ($( $(#[doc = $doc:literal])* $name:literal $field:ident: $type:ty = $default:literal, $mutable:ident; )*) => {
        /// The value of every parameter.
        #[derive(Clone, Debug)]
        pub struct Settings { $( $(#[doc = $doc])* pub $field: $type ),* }

        impl Default for Settings {
            fn default() -> Self {
                Self { $( $field: <$type>::parse($default).expect("the default of a parameter is valid") ),* }
            }
        }

        /// Every parameter, in the order of the documentation.
        pub const PARAMETERS: &[Parameter] = &[ $( Parameter {
            name: $name,
            doc: concat!($($doc, "\n"),*),
            default: $default,
            mutable: Mutable::$mutable,
            allowed: <$type as Setting>::allowed,
            show: |settings| settings.$field.show(),
            set: |settings, text| settings.$field.update(text),
        } ),* ];
    };
}

settings! {
    /// Addresses to listen on, separated by spaces; a leading `-` makes one optional.
    "bind" bind: Text = "127.0.0.1 -::1", Start;
    /// TCP port to listen on; 0 listens on none.
    "port" port: Ranged<0, 65535> = "6379", Start;
    /// Path of a Unix socket to listen on; empty for none.
    "unixsocket" unixsocket: Text = "", Start;
    /// Permissions of the Unix socket, octal; 0 leaves them to the umask.
    "unixsocketperm" unixsocketperm: Octal = "0", Start;
    /// Refuse to listen beyond loopback without a password.
    "protected-mode" protected_mode: Flag = "yes", Live;
    /// Length of the queue of connections not accepted yet.
    "tcp-backlog" tcp_backlog: Ranged<1, 2147483647> = "511", Start;
    /// Seconds between TCP keepalive probes; 0 sends none.
    "tcp-keepalive" tcp_keepalive: Ranged<0, 2147483647> = "300", Live;
    /// Seconds after which an idle client is closed; 0 never. Blocked, subscribed and monitoring clients stay.
    "timeout" timeout: Ranged<0, 2147483647> = "0", Live;
    /// I/O threads; 0 takes one less than the number of cores, 1 at least and 4 at most.
    "io-threads" io_threads: Ranged<0, 128> = "0", Start;
    /// Connections at once; one more is answered with an error and closed.
    "maxclients" maxclients: Ranged<1, 4294967295> = "10000", Live;
    /// Password of the default user; empty for none.
    "requirepass" requirepass: Text = "", Live;
    /// Number of databases.
    "databases" databases: Ranged<1, 255> = "16", Start;
    /// Working directory.
    "dir" dir: Text = ".", Protected;
    /// Memory, in bytes or with kb, mb, gb, above which commands that add are refused; 0 for no limit.
    "maxmemory" maxmemory: Memory<0, 18446744073709551615> = "0", Live;
    /// What happens at `maxmemory`. rbq never evicts messages.
    "maxmemory-policy" maxmemory_policy: EvictionPolicy = "noeviction", Live;
    /// Memory that all client buffers together may take, in bytes or in percent of `maxmemory`; 0 for no limit.
    "maxmemory-clients" maxmemory_clients: ClientMemory = "0", Live;
    /// Longest bulk a client may send; at least `1mb`.
    "proto-max-bulk-len" proto_max_bulk_len: Memory<1048576, 9223372036854775807> = "512mb", Live;
    /// Most bytes a client may have sent that were not executed yet; it is closed beyond. At least `1mb`.
    "client-query-buffer-limit" client_query_buffer_limit: Memory<1048576, 9223372036854775807> = "1gb", Live;
    /// Per class of clients: hard limit, soft limit and its seconds, for replies not read yet.
    "client-output-buffer-limit" client_output_buffer_limit: OutputLimits = "normal 0 0 0 replica 268435456 67108864 60 pubsub 33554432 8388608 60", Live;
    /// Keyspace events that are published: any of `KEg$lshzxetdmnocA`; empty for none.
    "notify-keyspace-events" notify_keyspace_events: EventMask = "", Live;
    /// Keys remembered for clients that track what they read; beyond it the oldest are told as if they had changed; 0
    /// for no limit.
    "tracking-table-max-keys" tracking_table_max_keys: Ranged<0, 9223372036854775807> = "1000000", Live;
    /// Microseconds from which a command is kept in the slow log; negative for never, 0 for always.
    "slowlog-log-slower-than" slowlog_log_slower_than: Ranged<-1, 9223372036854775807> = "10000", Live;
    /// How many slow commands are kept.
    "slowlog-max-len" slowlog_max_len: Ranged<0, 1000000> = "128", Live;
    /// Arguments kept of a slow command.
    "slowlog-max-argc" slowlog_max_argc: Ranged<2, 2147483647> = "32", Live;
    /// Milliseconds from which a latency spike is kept for LATENCY; 0 for never.
    "latency-monitor-threshold" latency_monitor_threshold: Ranged<0, 9223372036854775807> = "0", Live;
    /// Keep a latency histogram per command, for LATENCY HISTOGRAM.
    "latency-tracking" latency_tracking: Flag = "yes", Live;
    /// Percentiles of those histograms that INFO LATENCYSTATS shows, separated by spaces.
    "latency-tracking-info-percentiles" latency_tracking_info_percentiles: Percentiles = "50 99 99.9", Live;
    /// Times a second that memory is measured and the system's clock followed. Keys expire when their time comes, whatever this is.
    "hz" hz: Ranged<1, 500> = "10", Live;
    /// Entries of a stream's block.
    "stream-node-max-entries" stream_node_max_entries: Ranged<0, 9223372036854775807> = "100", Live;
    /// Bytes of a stream's block.
    "stream-node-max-bytes" stream_node_max_bytes: Memory<0, 9223372036854775807> = "4096", Live;
    /// Seconds that an idempotency ID is remembered, for streams that set none.
    "stream-idmp-duration" stream_idmp_duration: Ranged<1, 86400> = "100", Live;
    /// Idempotency IDs remembered per producer, for streams that set none.
    "stream-idmp-maxsize" stream_idmp_maxsize: Ranged<1, 10000> = "100", Live;
    /// Size of a list's block as Redis counts it; OBJECT ENCODING answers by it.
    "list-max-listpack-size" list_max_listpack_size: Ranged<-5, 2147483647> = "-2", Live;
    /// Whether CONFIG SET may change protected parameters (`dir`): `no`, `local` (loopback clients), `yes`.
    "enable-protected-configs" enable_protected_configs: Access = "no", Start;
    /// Whether DEBUG is allowed: `no`, `local`, `yes`.
    "enable-debug-command" enable_debug_command: Access = "no", Start;
    /// Free large values on another thread when DEL removes them. rbq always does.
    "lazyfree-lazy-user-del" lazyfree_lazy_user_del: Flag = "yes", Live;
    /// Keep durable state on disk, in `appenddirname` under `dir`; `no` for a broker in memory only. CONFIG SET is answered
    /// once it holds: `yes` when what is in memory is on disk, in the place of whatever was there before.
    "appendonly" appendonly: Flag = "yes", Live;
    /// When a write is answered: `always`, once it is synced (a power cut loses nothing that was answered); `everysec`, once
    /// it is written, synced every second; `no`, once it is written, synced when the system likes.
    "appendfsync" appendfsync: AppendFsync = "always", Live;
    /// Name of the data directory under `dir`, and no path.
    "appenddirname" appenddirname: DirName = "rbq-data", Start;
    /// Take a snapshot once the log after the last one has grown by this many percent of the snapshot; 0 never by itself.
    "auto-aof-rewrite-percentage" auto_aof_rewrite_percentage: Ranged<0, 2147483647> = "100", Live;
    /// And has at least this many bytes.
    "auto-aof-rewrite-min-size" auto_aof_rewrite_min_size: Memory<0, 9223372036854775807> = "64mb", Live;
    /// Start although the log holds times of more than an hour ahead of the system's clock.
    "accept-clock" accept_clock: Flag = "no", Start;
    /// Snapshot points of Redis, by changes and seconds. Snapshots bound the log here and are taken by its size: empty.
    "save" save: OnlyEmpty = "", Live;
    /// debug, verbose, notice or warning.
    "loglevel" loglevel: LogLevel = "notice", Live;
    /// text or json.
    "log-format" log_format: LogFormat = "text", Start;
}

impl Settings {
    /// The parameter of this name, in any case.
    pub fn parameter(name: &str) -> Option<&'static Parameter> {
        PARAMETERS.iter().find(|parameter| parameter.name.eq_ignore_ascii_case(name))
    }
}
