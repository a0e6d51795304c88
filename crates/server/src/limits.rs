//! What one connection, and all together, may hold.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use rbq_broker::session::Session;
use rbq_broker::settings::{OutputLimit, Settings};
use rbq_broker::{Now, SPEAKS_HTTP};

use crate::files;
use crate::outbox::Outbox;

/// Requests run under one hold of the lock. At half a microsecond each that is some 60 µs that others wait.
pub(crate) const HOLD_COMMANDS_MAX: usize = 128;
/// Bytes of requests run under one hold: copying them is most of what a hold with large values costs.
pub(crate) const HOLD_BYTES_MAX: usize = 64 * 1024;
/// Replies waiting for a client above which its commands stop being executed, until it reads.
pub(crate) const PENDING_BYTES_MAX: usize = 1024 * 1024;
/// Bytes of requests whose answers wait for the log, above which a connection's further ones are not executed: what others log
/// waits behind them.
pub(crate) const UNSAFE_BYTES_MAX: usize = 1024 * 1024;
/// Request bytes after which memory is measured anew when `maxmemory` is set: it cannot have grown by much more.
pub(crate) const UNMEASURED_BYTES_MAX: u64 = 1024 * 1024;

/// Why a connection was closed: it sent more than `client-query-buffer-limit` before it could be executed.
pub(crate) const QUERY_LIMIT: &str = "query buffer above its limit";
/// Why a connection was closed: it does not read what it is sent.
pub(crate) const OUTPUT_HARD_LIMIT: &str = "output buffer above its hard limit";
/// Why a connection was closed: it reads too slowly what it is sent.
pub(crate) const OUTPUT_SOFT_LIMIT: &str = "output buffer above its soft limit for too long";
/// Why a connection was closed: `maxmemory-clients`.
pub(crate) const BUFFERS_OF_ALL: &str =
    "all clients' buffers are above maxmemory-clients, and this one's are the largest";

/// Whether a connection closed for this reason is news for the operator: it lost something that it did not give up, or
/// somebody tried something.
pub(crate) fn is_breach(reason: &str) -> bool {
    [QUERY_LIMIT, OUTPUT_HARD_LIMIT, OUTPUT_SOFT_LIMIT, BUFFERS_OF_ALL, SPEAKS_HTTP].contains(&reason)
}

/// Settings that are read without the lock.
pub(crate) struct Shared {
    pub(crate) query_bytes_max: AtomicUsize,
    pub(crate) bulk_bytes_max: AtomicUsize,
    pub(crate) maxmemory: AtomicU64,
    pub(crate) maxclients: AtomicUsize,
    pub(crate) tcp_keepalive_s: AtomicUsize,
    open_files_max: u64,
}

impl Shared {
    pub(crate) fn of(settings: &Settings) -> Self {
        let shared = Self {
            query_bytes_max: AtomicUsize::new(0),
            bulk_bytes_max: AtomicUsize::new(0),
            maxmemory: AtomicU64::new(0),
            maxclients: AtomicUsize::new(0),
            tcp_keepalive_s: AtomicUsize::new(0),
            open_files_max: files::raise_limit(),
        };
        shared.load(settings);
        shared
    }

    /// Takes over changed settings.
    pub(crate) fn load(&self, settings: &Settings) {
        self.query_bytes_max.store(settings.client_query_buffer_limit.0 as usize, Ordering::Relaxed);
        self.bulk_bytes_max.store(settings.proto_max_bulk_len.0 as usize, Ordering::Relaxed);
        self.maxmemory.store(settings.maxmemory.0, Ordering::Relaxed);
        self.tcp_keepalive_s.store(settings.tcp_keepalive.0 as usize, Ordering::Relaxed);
        self.maxclients.store(files::allowed_connections(self.open_files_max, settings) as usize, Ordering::Relaxed);
    }

    /// The limit of this client's class. Whoever is sent what it did not just ask for counts as a subscriber, also by
    /// MONITOR or tracking: no back-pressure holds that in.
    pub(crate) fn output_limit(settings: &Settings, session: &Session) -> OutputLimit {
        let limits = &settings.client_output_buffer_limit;
        let is_told_of_others = session.subscriptions.any() || session.monitor || session.tracking.is_some();
        if is_told_of_others { limits.pubsub } else { limits.normal }
    }

    /// Why this client is to be closed for not reading what it is sent, if it is.
    pub(crate) fn exceeded(limit: OutputLimit, outbox: &mut Outbox, now: Now) -> Option<&'static str> {
        let pending = outbox.pending() as u64;
        if limit.hard_bytes > 0 && pending > limit.hard_bytes {
            return Some(OUTPUT_HARD_LIMIT);
        }
        if limit.soft_bytes == 0 || pending <= limit.soft_bytes {
            outbox.over_soft_since_us = None;
            return None;
        }
        let since_us = *outbox.over_soft_since_us.get_or_insert(now.monotonic_us);
        let over_for_us = now.monotonic_us - since_us;
        // Whoever embeds the server may set any number.
        (over_for_us > limit.soft_seconds.saturating_mul(1_000_000)).then_some(OUTPUT_SOFT_LIMIT)
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use rbq_broker::Gate;

    use super::*;

    #[test]
    fn a_soft_limit_that_may_be_exceeded_for_ever_closes_nobody() {
        let mut outbox = Outbox::default();
        outbox.append_shared(Bytes::from_static(b"more than a byte"), Gate::OPEN);
        let mut after = |soft_seconds: u64, elapsed_s: u64| {
            let limit = OutputLimit { hard_bytes: 0, soft_bytes: 1, soft_seconds };
            outbox.over_soft_since_us = Some(0);
            let now = Now { monotonic_us: elapsed_s * 1_000_000, ..Now::default() };
            Shared::exceeded(limit, &mut outbox, now)
        };
        assert_eq!(after(59, 60), Some(OUTPUT_SOFT_LIMIT));
        // Times a million it is less than half a second in 64 bits.
        assert_eq!(after(18_446_744_073_710, 60), None);
        assert_eq!(after(u64::MAX, 60), None);
    }
}
