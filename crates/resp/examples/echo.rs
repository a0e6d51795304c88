//! A server of two commands without a socket: bytes in, bytes out.
//!
//! ```text
//! cargo run -p rbq-resp --example echo
//! printf 'PING\r\nECHO "two words"\r\nHELLO\r\nNOPE\r\n' | cargo run -p rbq-resp --example echo
//! ```

#![allow(clippy::print_stdout, reason = "this is what the example shows")]

use std::io::{IsTerminal, Read, stdin};

use rbq_resp::{Batch, Decoder, Encoder, Limits, Proto, Request, Sink, encode_request, quote};

/// Requests and bytes that one turn takes at most, before replies are written.
const TURN: (usize, usize) = (128, 64 * 1024);

fn main() -> std::io::Result<()> {
    let mut decoder = Decoder::new(Limits::DEFAULT);
    decoder.feed(&input()?);

    let mut batch = Batch::default();
    let mut out = Vec::new();
    loop {
        if let Err(error) = decoder.decode(&mut batch, TURN.0, TURN.1) {
            Encoder::new(&mut out, Proto::Resp3).error(&format!("ERR {error}"));
            break;
        }
        if batch.is_empty() {
            break;
        }
        for request in decoder.requests(&batch) {
            let shown: Vec<String> = request.iter().map(|arg| quote(&arg)).collect();
            println!("request  {}", shown.join(" "));
            reply(request, &mut Encoder::new(&mut out, Proto::Resp3));
        }
        decoder.release(&mut batch);
    }
    println!("replies  {}", out.escape_ascii());
    if decoder.buffered() > 0 {
        println!("missing  the rest of a request of which {} bytes are here", decoder.buffered());
    }
    Ok(())
}

/// Says what the reply is; how it looks in the client's version of the protocol is the sink's affair.
fn reply(request: Request<'_>, sink: &mut impl Sink) {
    match (request.arg(0).to_ascii_uppercase().as_slice(), request.len()) {
        (b"PING", 1) => sink.status("PONG"),
        (b"ECHO", 2) => sink.bulk(request.arg(1)),
        (b"HELLO", 1) => {
            sink.map(2);
            sink.bulk(b"server");
            sink.bulk(b"echo");
            sink.bulk(b"proto");
            sink.integer(3);
        }
        _ => sink.error(&format!("ERR unknown command {}", quote(request.arg(0)))),
    }
}

fn input() -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    if stdin().is_terminal() {
        encode_request(["ECHO", "hello"], &mut bytes);
        bytes.extend_from_slice(b"PING\r\nHELLO\r\n*1\r\n$4\r\nPI");
    } else {
        stdin().read_to_end(&mut bytes)?;
    }
    Ok(bytes)
}
