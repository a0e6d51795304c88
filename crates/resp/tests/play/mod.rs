//! Bytes in, a text of what the decoder made of them out.

use rbq_resp::{Batch, Decoder, Limits};

/// Feeds the pieces one after the other and shows each request on a line, then the error (`!`) or what is left (`?`).
pub(crate) fn play(limits: Limits, pieces: &[&[u8]]) -> String {
    let mut decoder = Decoder::new(limits);
    let mut batch = Batch::default();
    let mut shown = String::new();
    for piece in pieces {
        decoder.feed(piece);
        loop {
            if let Err(error) = decoder.decode(&mut batch, 3, usize::MAX) {
                return format!("{shown}! {error}\n");
            }
            if batch.is_empty() {
                break;
            }
            for request in decoder.requests(&batch) {
                let args: Vec<String> = request.iter().map(|bulk| show(&bulk)).collect();
                shown.push_str(&format!("{}\n", args.join(" ")));
            }
            decoder.release(&mut batch);
        }
    }
    if decoder.buffered() > 0 {
        shown.push_str(&format!("? {} bytes\n", decoder.buffered()));
    }
    shown
}

/// An argument in quotes, or its first byte and its length if it is long.
fn show(bytes: &[u8]) -> String {
    match bytes {
        [first, ..] if bytes.len() > 60 && bytes.iter().all(|byte| byte == first) => {
            format!("{}×{}", first.escape_ascii(), bytes.len())
        }
        _ => rbq_resp::quote(bytes),
    }
}

/// The same with default limits and all bytes in one piece.
pub(crate) fn play_whole(bytes: &[u8]) -> String {
    play(Limits::DEFAULT, &[bytes])
}
