//! Counters for INFO and its like: soft state, reset by CONFIG RESETSTAT, seen by no op.

mod histogram;
mod rates;

use std::collections::BTreeMap;

pub use histogram::Histogram;
pub use rates::Rates;

use crate::catalog::catalog;
use crate::time::Now;
use rates::Samples;

/// What is known of one command's calls.
#[derive(Clone, Debug, Default)]
pub struct CommandStats {
    /// Calls that ran.
    pub calls: u64,
    /// Microseconds they took.
    pub usec: u64,
    /// Refused before they ran.
    pub rejected: u64,
    /// Ran and answered an error.
    pub failed: u64,
    /// Calls by duration, if `latency-tracking` was on for one of them.
    pub latency: Option<Box<Histogram>>,
}

impl CommandStats {
    /// Counts one call.
    #[inline]
    pub fn record(&mut self, usec: u64) {
        self.calls += 1;
        self.usec += usec;
    }

    /// Counts one call by its duration as well.
    #[inline]
    pub fn record_latency(&mut self, usec: u64) {
        self.latency.get_or_insert_default().record(usec);
    }
}

/// Counters since the start or the last CONFIG RESETSTAT.
#[derive(Clone, Debug)]
pub struct Stats {
    /// Per command number.
    pub commands: Vec<CommandStats>,
    /// Commands run.
    pub commands_processed: u64,
    /// Connections accepted.
    pub connections_received: u64,
    /// Connections refused over `maxclients`.
    pub connections_rejected: u64,
    /// Bytes read from clients.
    pub net_input_bytes: u64,
    /// Bytes sent to clients.
    pub net_output_bytes: u64,
    /// Reads that found their key.
    pub keyspace_hits: u64,
    /// Reads that did not.
    pub keyspace_misses: u64,
    /// Keys whose time came.
    pub expired_keys: u64,
    /// Messages published.
    pub published: u64,
    /// Copies of them that went out.
    pub deliveries: u64,
    /// Error replies.
    pub error_replies: u64,
    /// Error replies by first word.
    pub errors: BTreeMap<String, u64>,
    /// Clients closed because they did not read.
    pub output_limit_disconnections: u64,
    /// Clients closed because they sent more than may wait.
    pub query_limit_disconnections: u64,
    /// Clients closed because all together held more than `maxmemory-clients`.
    pub evicted_clients: u64,
    /// Passwords refused.
    pub auth_failures: u64,
    /// Changes since the start; never reset.
    pub dirty: u64,
    /// The most memory seen; never reset.
    pub memory_peak: u64,
    /// Memory at the first report; never reset.
    pub memory_startup: u64,
    samples: Samples,
}

/// Distinct first words of errors that are counted: a client cannot make more, but nothing should rest on that.
const ERROR_KINDS_MAX: usize = 128;

impl Default for Stats {
    fn default() -> Self {
        Self {
            commands: vec![CommandStats::default(); catalog().all().len()],
            commands_processed: 0,
            connections_received: 0,
            connections_rejected: 0,
            net_input_bytes: 0,
            net_output_bytes: 0,
            keyspace_hits: 0,
            keyspace_misses: 0,
            expired_keys: 0,
            published: 0,
            deliveries: 0,
            error_replies: 0,
            errors: BTreeMap::new(),
            output_limit_disconnections: 0,
            query_limit_disconnections: 0,
            evicted_clients: 0,
            auth_failures: 0,
            dirty: 0,
            memory_peak: 0,
            memory_startup: 0,
            samples: Samples::default(),
        }
    }
}

impl Stats {
    /// Starts over, as CONFIG RESETSTAT does.
    pub fn reset(&mut self) {
        *self = Self {
            dirty: self.dirty,
            memory_peak: self.memory_peak,
            memory_startup: self.memory_startup,
            ..Self::default()
        };
    }

    /// Counts an error reply by its first word.
    pub fn error(&mut self, text: &str) {
        self.error_replies += 1;
        let word = text.split(' ').next().unwrap_or("ERR");
        let kinds = self.errors.len();
        match self.errors.get_mut(word) {
            Some(count) => *count += 1,
            None if kinds < ERROR_KINDS_MAX => {
                self.errors.insert(word.to_owned(), 1);
            }
            None => {}
        }
    }

    /// Notes how memory is used.
    pub fn memory(&mut self, bytes: u64) {
        self.memory_peak = self.memory_peak.max(bytes);
        if self.memory_startup == 0 {
            self.memory_startup = bytes;
        }
    }

    /// Lets the rates see where the counters stand. To be called after every command; nearly always it only looks at
    /// the time.
    #[inline]
    pub fn sample(&mut self, now: Now) {
        if self.samples.is_due(now) {
            self.samples.add(now, self.totals());
        }
    }

    /// What happened per second lately.
    pub fn rates(&self, now: Now) -> Rates {
        self.samples.rates(now, self.totals())
    }

    fn totals(&self) -> Rates {
        Rates {
            commands: self.commands_processed,
            input_bytes: self.net_input_bytes,
            output_bytes: self.net_output_bytes,
        }
    }
}
