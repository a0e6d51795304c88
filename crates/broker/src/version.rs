//! Which version this is, to clients of Redis and to ourselves.

/// The version of Redis whose behaviour is offered: what HELLO and INFO report and client libraries choose by.
pub const REDIS_VERSION: &str = "8.10.0";

/// rbq's own version.
pub const RBQ_VERSION: &str = env!("CARGO_PKG_VERSION");
