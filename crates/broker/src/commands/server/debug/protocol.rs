//! `DEBUG PROTOCOL <type>`: one reply of each type, for those who write clients.

use rbq_resp::{Proto, Sink};

use crate::args::Args;
use crate::error::Error;
use crate::output::Reply;

#[allow(clippy::approx_constant)] // 3.141 is what Redis sends
pub(super) fn answer(args: &mut Args<'_>, reply: &mut Reply<'_>) -> Result<(), Error> {
    match args.bytes()?.to_ascii_lowercase().as_slice() {
        b"string" => reply.bulk(b"Hello World"),
        b"integer" => reply.integer(12345),
        b"double" => reply.double(3.141),
        b"bignum" => reply.big_number("1234567999999999999999999999999999999"),
        b"null" => reply.null(),
        b"array" => {
            reply.array(3);
            (0..3).for_each(|number| reply.integer(number));
        }
        b"set" => {
            reply.set(3);
            (0..3).for_each(|number| reply.integer(number));
        }
        b"map" => {
            reply.map(3);
            for number in 0..3 {
                reply.integer(number);
                reply.boolean(number == 1);
            }
        }
        b"attrib" => attribute(reply),
        b"push" => push(reply)?,
        b"verbatim" => reply.verbatim("txt", b"This is a verbatim\nstring"),
        b"true" => reply.boolean(true),
        b"false" => reply.boolean(false),
        _ => {
            return Err(Error::Fixed(
                "ERR Wrong protocol type name. Please use one of the following: string|integer|double|bignum|null|\
                 array|set|map|attrib|push|verbatim|true|false",
            ));
        }
    }
    Ok(())
}

/// An attribute stands before the reply it belongs to; RESP2 has none.
fn attribute(reply: &mut Reply<'_>) {
    if reply.proto() == Proto::Resp3 {
        reply.raw(b"|1\r\n");
        reply.bulk(b"key-popularity");
        reply.array(2);
        reply.bulk(b"key:123");
        reply.integer(90);
    }
    reply.bulk(b"Some real reply following the attribute");
}

fn push(reply: &mut Reply<'_>) -> Result<(), Error> {
    if reply.proto() == Proto::Resp2 {
        return Err(Error::Fixed("ERR RESP2 is not supported by this command"));
    }
    reply.push(2);
    reply.bulk(b"server-cpu-usage");
    reply.integer(42);
    // A push answers nothing: a client that puts it aside would wait for its reply for ever.
    reply.bulk(b"Some real reply following the push reply");
    Ok(())
}
