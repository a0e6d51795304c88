//! Counters for INFO and its like: soft state, reset by CONFIG RESETSTAT, seen by no op.

use std::collections::BTreeMap;

use crate::catalog::catalog;

/// What is known of one command's calls.
#[derive(Clone, Debug)]
pub struct CommandStats {
    /// Calls that ran.
    pub calls: u64,
    /// Microseconds they took.
    pub usec: u64,
    /// Refused before they ran.
    pub rejected: u64,
    /// Ran and answered an error.
    pub failed: u64,
    /// Calls by duration: bucket `n` counts those below `2^n` microseconds that the one before does not.
    pub histogram: [u64; 32],
}

impl Default for CommandStats {
    fn default() -> Self {
        Self { calls: 0, usec: 0, rejected: 0, failed: 0, histogram: [0; 32] }
    }
}

impl CommandStats {
    /// Counts one call.
    pub fn record(&mut self, usec: u64) {
        self.calls += 1;
        self.usec += usec;
        let bucket = (u64::BITS - usec.leading_zeros()) as usize;
        self.histogram[bucket.min(self.histogram.len() - 1)] += 1;
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
    /// Passwords refused.
    pub auth_failures: u64,
    /// Changes since the start; never reset.
    pub dirty: u64,
    /// The most memory seen; never reset.
    pub memory_peak: u64,
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
            auth_failures: 0,
            dirty: 0,
            memory_peak: 0,
        }
    }
}

impl Stats {
    /// Starts over, as CONFIG RESETSTAT does.
    pub fn reset(&mut self) {
        *self = Self { dirty: self.dirty, memory_peak: self.memory_peak, ..Self::default() };
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
}
