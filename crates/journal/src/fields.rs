//! Fixed-width numbers, little-endian, one after another: how every header of every file is written.

/// Puts numbers into a buffer in order.
pub(crate) struct Put<'a> {
    into: &'a mut [u8],
    at: usize,
}

impl<'a> Put<'a> {
    pub(crate) fn new(into: &'a mut [u8]) -> Self {
        Self { into, at: 0 }
    }

    pub(crate) fn bytes(&mut self, bytes: &[u8]) -> &mut Self {
        self.into[self.at..self.at + bytes.len()].copy_from_slice(bytes);
        self.at += bytes.len();
        self
    }

    pub(crate) fn u16(&mut self, number: u16) -> &mut Self {
        self.bytes(&number.to_le_bytes())
    }

    pub(crate) fn u32(&mut self, number: u32) -> &mut Self {
        self.bytes(&number.to_le_bytes())
    }

    pub(crate) fn u64(&mut self, number: u64) -> &mut Self {
        self.bytes(&number.to_le_bytes())
    }

    pub(crate) fn u128(&mut self, number: u128) -> &mut Self {
        self.bytes(&number.to_le_bytes())
    }
}

/// Takes numbers out of a buffer in order. The buffer is as long as the header: whoever calls has made sure.
pub(crate) struct Take<'a> {
    from: &'a [u8],
}

impl<'a> Take<'a> {
    pub(crate) fn new(from: &'a [u8]) -> Self {
        Self { from }
    }

    pub(crate) fn array<const N: usize>(&mut self) -> [u8; N] {
        let (head, rest) = self.from.split_first_chunk().expect("headers are read whole");
        self.from = rest;
        *head
    }

    pub(crate) fn u16(&mut self) -> u16 {
        u16::from_le_bytes(self.array())
    }

    pub(crate) fn u32(&mut self) -> u32 {
        u32::from_le_bytes(self.array())
    }

    pub(crate) fn u64(&mut self) -> u64 {
        u64::from_le_bytes(self.array())
    }

    pub(crate) fn u128(&mut self) -> u128 {
        u128::from_le_bytes(self.array())
    }
}
