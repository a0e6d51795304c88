//! The hash of a message's fields, by which a payload that was changed is told from the original.
//!
//! xxh3 with 128 bits over each name and each value in turn, every one preceded by its length as eight bytes, lowest first:
//! without the lengths `ab` + `c` and `a` + `bc` would be the same. It tells accidents and edits, and is no seal: whoever may
//! write the stream may write the hash.

use std::fmt;
use std::str::FromStr;

use xxhash_rust::xxh3::Xxh3;

use super::Field;

/// 128 bits, shown as 32 hex digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct PayloadHash(u128);

impl PayloadHash {
    pub(crate) fn of(fields: &[Field]) -> Self {
        let mut hasher = Xxh3::new();
        for part in fields.iter().flat_map(|(name, value)| [name, value]) {
            hasher.update(&(part.len() as u64).to_le_bytes());
            hasher.update(part);
        }
        Self(hasher.digest128())
    }
}

impl PayloadHash {
    pub(crate) fn bytes(self) -> [u8; 16] {
        self.0.to_be_bytes()
    }
}

impl fmt::Display for PayloadHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

impl FromStr for PayloadHash {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let digits =
            text.len() == 32 && text.bytes().all(|byte| byte.is_ascii_hexdigit() && !byte.is_ascii_uppercase());
        let hash = if digits { u128::from_str_radix(text, 16).ok() } else { None };
        hash.map(Self).ok_or(())
    }
}
