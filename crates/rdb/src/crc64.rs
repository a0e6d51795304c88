//! The checksum at the end of a file and of a payload: CRC-64 with Jones's polynomial, reflected, from zero.
//!
//! Eight bytes a step with eight tables ("slicing by 8"): a file is read at the pace of the disk, not of the checksum.

/// The polynomial, lowest bit first.
const POLYNOMIAL: u64 = 0x95ac_9329_ac4b_c9b5;

const TABLES: [[u64; 256]; 8] = tables();

const fn tables() -> [[u64; 256]; 8] {
    let mut tables = [[0; 256]; 8];
    let mut byte = 0;
    while byte < 256 {
        let mut crc = byte as u64;
        let mut bit = 0;
        while bit < 8 {
            crc = if crc & 1 == 1 { (crc >> 1) ^ POLYNOMIAL } else { crc >> 1 };
            bit += 1;
        }
        tables[0][byte] = crc;
        byte += 1;
    }
    let mut table = 1;
    while table < 8 {
        let mut byte = 0;
        while byte < 256 {
            let before = tables[table - 1][byte];
            tables[table][byte] = tables[0][(before & 0xff) as usize] ^ (before >> 8);
            byte += 1;
        }
        table += 1;
    }
    tables
}

/// Carries a checksum on over more bytes; it begins with 0.
pub(crate) fn update(mut crc: u64, bytes: &[u8]) -> u64 {
    let (words, rest) = bytes.as_chunks::<8>();
    for word in words {
        let mixed = crc ^ u64::from_le_bytes(*word);
        crc = 0;
        for (at, byte) in mixed.to_le_bytes().into_iter().enumerate() {
            crc ^= TABLES[7 - at][usize::from(byte)];
        }
    }
    for byte in rest {
        crc = TABLES[0][usize::from(*byte ^ crc as u8)] ^ (crc >> 8);
    }
    crc
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_check_value_is_the_one_redis_tests_for() {
        assert_eq!(update(0, b"123456789"), 0xe9c6_d914_c4b8_d9ca);
    }

    #[test]
    fn a_checksum_goes_on_wherever_the_bytes_are_cut() {
        let bytes: Vec<u8> = (0..100).map(|number| (number * 7) as u8).collect();
        let whole = update(0, &bytes);
        for cut in 0..bytes.len() {
            assert_eq!(update(update(0, &bytes[..cut]), &bytes[cut..]), whole);
        }
    }
}
