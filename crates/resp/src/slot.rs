//! Which of the 16,384 slots a key belongs to.

/// How many slots there are.
pub const SLOTS: u16 = 16_384;

/// The slot of a key as Redis Cluster computes it: CRC16 of the key, or of what stands in its first `{…}` if that is
/// not empty, so that keys with the same tag share a slot.
#[must_use]
pub fn slot(key: &[u8]) -> u16 {
    redis_protocol::redis_keyslot(key)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_are_those_of_redis_cluster() {
        // As redis-server 7.0.15 answers CLUSTER KEYSLOT.
        for (key, expected) in [
            (&b""[..], 0),
            (b"foo", 12_182),
            (b"123456789", 12_739),
            (b"{foo}bar", 12_182),
            (b"x{foo}", 12_182),
            (b"foo{}{bar}", 8_363),
            (b"foo{{bar}}zap", 4_015),
            (b"foo{bar}{zap}", 5_061),
            (b"foo{", 7_673),
        ] {
            assert_eq!(slot(key), expected, "{}", key.escape_ascii());
            assert!(slot(key) < SLOTS);
        }
    }
}
