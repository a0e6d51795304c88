//! Every bound on what a peer may send, with the reason for its size.

/// From this size on a bulk gets a buffer of its own, so that it can be shared without a copy: 16 KiB.
///
/// Below it a copy is cheaper than a buffer: 16 KiB copy in under a microsecond, and a small message that shared the
/// read buffer would keep all of that buffer alive. It is also what a client may send in one bulk before it has
/// authenticated, so such a client never makes us take a second buffer for more than that.
pub const BIG_BULK_BYTES: usize = 16 * 1024;

/// Arguments that a client may send in one request before it has authenticated (Redis since 6.2.6, CVE-2021-32675).
pub(crate) const UNAUTHENTICATED_ARGS_MAX: usize = 10;

/// Bytes that a client may send in one bulk before it has authenticated (Redis since 6.2.6, CVE-2021-32675).
pub(crate) const UNAUTHENTICATED_BULK_BYTES_MAX: usize = 16 * 1024;

/// Whether the client has shown who it is: strangers are held shorter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// The client may send as much as the server's settings allow.
    Authenticated,
    /// The client has yet to authenticate: 10 arguments and 16 KiB a bulk.
    Unauthenticated,
}

/// What a client may send in one request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes in an inline request, and in the line that announces a length. Redis: `PROTO_INLINE_MAX_SIZE`, 64 KiB.
    pub inline_bytes_max: usize,
    /// Arguments that a request may announce. Redis: `INT_MAX`. Values above it are taken as it.
    pub args_max: usize,
    /// Bytes in one bulk. Redis: `proto-max-bulk-len`, 512 MiB.
    pub bulk_bytes_max: usize,
    /// Bytes of one request in the read buffer, big bulks not counted. Arguments are kept as 32-bit offsets, so
    /// values above 4 GiB are taken as 4 GiB. A server closes the connection far earlier, at its
    /// `client-query-buffer-limit`.
    pub request_bytes_max: usize,
    /// Whether the shorter limits of strangers hold as well.
    pub stage: Stage,
}

impl Limits {
    /// What an authenticated client may send to a server with Redis's default settings.
    pub const DEFAULT: Limits = Limits {
        inline_bytes_max: 64 * 1024,
        args_max: i32::MAX as usize,
        bulk_bytes_max: 512 * 1024 * 1024,
        request_bytes_max: u32::MAX as usize,
        stage: Stage::Authenticated,
    };

    /// The same before the client has authenticated: 10 arguments and 16 KiB a bulk.
    ///
    /// Under these limits decode one request at a time (`commands_max` of 1) and call
    /// [`Decoder::set_limits`](crate::Decoder::set_limits) once `AUTH` succeeded: a pipeline of `AUTH` and a big
    /// request is legal, and its second request must be judged as the request of a client that is no stranger any
    /// more.
    pub const UNAUTHENTICATED: Limits = Limits { stage: Stage::Unauthenticated, ..Limits::DEFAULT };
}

impl Default for Limits {
    fn default() -> Limits {
        Limits::DEFAULT
    }
}

/// What a server's reply may cost the client that reads it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ScanLimits {
    /// How deep arrays, maps, sets, pushes and attributes may nest. At most 255, so that whatever walks a
    /// [`Value`](crate::Value) may recurse: Redis itself nests below 10, 128 leaves room for scripts and modules.
    pub depth_max: u8,
    /// Bytes of one whole reply. The default of 1 GiB is twice Redis's largest bulk.
    pub frame_bytes_max: usize,
    /// Bytes of one line: a status, an error, a number or a length. 64 KiB as for requests.
    pub line_bytes_max: usize,
}

impl Default for ScanLimits {
    fn default() -> ScanLimits {
        ScanLimits { depth_max: 128, frame_bytes_max: 1024 * 1024 * 1024, line_bytes_max: 64 * 1024 }
    }
}
