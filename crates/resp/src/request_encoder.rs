//! Requests to bytes, for the client side.

use bytes::BufMut;
use smallvec::SmallVec;

/// Appends one request, the command name first, as a multibulk: `*2␍␊$4␍␊LLEN␍␊$4␍␊mail␍␊`.
///
/// `out` is a `Vec<u8>`, a `BytesMut`, or any other buffer.
pub fn encode_request<I>(args: I, out: &mut impl BufMut)
where
    I: IntoIterator<Item: AsRef<[u8]>>,
{
    // The count comes first on the wire, and few iterators know it before they end.
    let args: SmallVec<[I::Item; 8]> = args.into_iter().collect();
    put_head(b'*', args.len(), out);
    for arg in &args {
        let bytes = arg.as_ref();
        put_head(b'$', bytes.len(), out);
        out.put_slice(bytes);
        out.put_slice(b"\r\n");
    }
}

fn put_head(kind: u8, count: usize, out: &mut impl BufMut) {
    out.put_u8(kind);
    out.put_slice(itoa::Buffer::new().format(count).as_bytes());
    out.put_slice(b"\r\n");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_an_array_of_bulks() {
        let mut out = Vec::new();
        encode_request(["LPUSH", "mail", ""], &mut out);
        assert_eq!(out, b"*3\r\n$5\r\nLPUSH\r\n$4\r\nmail\r\n$0\r\n\r\n");
        let mut buffer = bytes::BytesMut::new();
        encode_request((0..12).map(|number| number.to_string()), &mut buffer);
        assert!(buffer.starts_with(b"*12\r\n$1\r\n0\r\n") && buffer.ends_with(b"$2\r\n11\r\n"));
    }
}
