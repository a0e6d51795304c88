//! What is bent or cut is told, or read as something else; it never ends the process and never costs much memory.
#![allow(clippy::unwrap_used)]

mod scene;

use std::io::Cursor;

use allocation_counter::measure;
use rbq_rdb::{Payload, RdbFile};
use scene::{Oracle, client, fill, saved};

/// Far above what reading the sound file takes, far below what a false length could ask for.
const BYTES_MAX: u64 = 64 * 1024 * 1024;

/// Reads as far as it goes; true if to the end.
fn read_file(bytes: &[u8]) -> bool {
    let mut ended = false;
    let used = measure(|| {
        let Ok(mut file) = RdbFile::open(Cursor::new(bytes)) else { return };
        ended = loop {
            match file.read() {
                Ok(Some(_)) => {}
                Ok(None) => break true,
                Err(error) => {
                    assert!(error.offset <= bytes.len() as u64, "{error}");
                    break false;
                }
            }
        };
    });
    assert!(used.bytes_max < BYTES_MAX, "{} bytes", used.bytes_max);
    ended
}

fn read_payload(bytes: Vec<u8>) {
    let used = measure(|| {
        let Ok(mut payload) = Payload::open(bytes) else { return };
        while let Ok(Some(_)) = payload.read() {}
    });
    assert!(used.bytes_max < BYTES_MAX, "{} bytes", used.bytes_max);
}

#[tokio::test]
async fn a_file_cut_anywhere_is_told() {
    let Some(oracle) = Oracle::start(&[]) else { return };
    let client = client(&oracle).await;
    for line in scene::lines() {
        scene::ask(&client, line).await;
    }
    let bytes = saved(&client).await;
    assert!(read_file(&bytes));
    for cut in 0..bytes.len() {
        assert!(!read_file(&bytes[..cut]), "cut at {cut}");
    }
}

#[tokio::test]
async fn a_file_with_a_bit_turned_is_told() {
    let Some(oracle) = Oracle::start(&["--stream-node-max-entries", "3"]) else { return };
    let client = client(&oracle).await;
    for line in scene::lines() {
        scene::ask(&client, line).await;
    }
    let mut bytes = saved(&client).await;
    // Not in the digits of the version: before the fifth there is no checksum.
    for at in (0..bytes.len()).filter(|at| !(5..9).contains(at)) {
        for bit in 0..8 {
            bytes[at] ^= 1 << bit;
            assert!(!read_file(&bytes), "bit {bit} of byte {at}");
            bytes[at] ^= 1 << bit;
        }
    }
}

#[tokio::test]
async fn payloads_without_a_checksum_are_read_with_care() {
    let Some(oracle) = Oracle::start(&[]) else { return };
    let client = client(&oracle).await;
    fill(&client).await;
    let mut random = fastrand::Rng::with_seed(7);
    for key in ["text", "long", "small", "mixed", "many", "plain", "gone", "trimmed", "hash", "scores", "flood"] {
        let dump = client.call(["dump", key]).await.unwrap();
        let mut whole = dump.as_bytes().unwrap().to_vec();
        let footer = whole.len() - 8;
        whole[footer..].fill(0);
        for _ in 0..500 {
            let mut bytes = whole.clone();
            for _ in 0..random.usize(1..4) {
                // The beginning decides most: lengths, counts, forms.
                let span = if random.bool() { footer.min(100) } else { footer };
                bytes[random.usize(..span)] = random.u8(..);
            }
            if random.u8(..4) == 0 {
                bytes.drain(random.usize(..footer)..footer);
            }
            read_payload(bytes);
        }
    }
}
