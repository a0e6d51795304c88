//! Messages apart from replies, also where a server writes a message into the middle of a reply.
//!
//! 7.0 does that to a RESP3 client that hears of what it does itself: the push stands between the elements of EXEC's
//! reply, which then seems to have too many (redis PR #12326). Bytes are read token by token; a push, wherever it
//! begins, goes to one decoder and everything else to the other.

use rbq_resp::ValueDecoder;

/// Divides one connection's bytes.
#[derive(Default)]
pub(crate) struct Divider {
    /// Bytes of an unfinished token.
    rest: Vec<u8>,
    /// Tokens that the push under way still needs.
    push_left: i64,
    /// Tokens that the reply under way still needs.
    reply_left: i64,
    /// Whether a push stood in the middle of a reply.
    pub(crate) torn: bool,
}

impl Divider {
    /// Takes bytes as they came.
    pub(crate) fn feed(&mut self, bytes: &[u8], replies: &mut ValueDecoder, pushes: &mut ValueDecoder) {
        self.rest.extend_from_slice(bytes);
        let mut start = 0;
        while let Some((len, children)) = token(&self.rest[start..]) {
            let token = &self.rest[start..start + len];
            if self.push_left == 0 && token[0] == b'>' {
                self.push_left = 1;
                self.torn |= self.reply_left > 0;
            }
            if self.push_left > 0 {
                self.push_left += children - 1;
                pushes.feed(token);
            } else {
                self.reply_left = self.reply_left.max(1) + children - 1;
                replies.feed(token);
            }
            start += len;
        }
        self.rest.drain(..start);
    }
}

/// How long the first token is, with the body of a string, and how many values follow that belong to it.
fn token(bytes: &[u8]) -> Option<(usize, i64)> {
    let line = bytes.windows(2).position(|pair| pair == b"\r\n")? + 2;
    let count = || std::str::from_utf8(&bytes[1..line - 2]).ok()?.parse::<i64>().ok();
    match bytes[0] {
        b'$' | b'!' | b'=' => {
            let body = count().filter(|len| *len >= 0).map_or(0, |len| len as usize + 2);
            (bytes.len() >= line + body).then_some((line + body, 0))
        }
        b'*' | b'~' | b'>' => Some((line, count().unwrap_or(0).max(0))),
        b'%' | b'|' => Some((line, 2 * count().unwrap_or(0).max(0))),
        _ => Some((line, 0)),
    }
}

#[cfg(test)]
mod tests {
    use rbq_resp::{ScanLimits, Value};

    use super::*;

    #[test]
    fn a_push_in_the_middle_of_a_reply_is_taken_out() {
        let bytes = b"*2\r\n:1\r\n>2\r\n+message\r\n*1\r\n$3\r\n\r\n>\r\n*1\r\n:2\r\n+OK\r\n";
        for size in 1..bytes.len() {
            let mut divider = Divider::default();
            let mut decoders = [ValueDecoder::new(ScanLimits::default()), ValueDecoder::new(ScanLimits::default())];
            let [replies, pushes] = &mut decoders;
            bytes.chunks(size).for_each(|chunk| divider.feed(chunk, replies, pushes));
            let nested = Value::Array(vec![Value::Integer(2)]);
            assert_eq!(replies.next(), Ok(Some(Value::Array(vec![Value::Integer(1), nested]))));
            assert_eq!(replies.next(), Ok(Some(Value::Status("OK".to_owned()))));
            assert!(matches!(pushes.next(), Ok(Some(Value::Push(parts))) if parts.len() == 2));
            assert!(divider.torn);
        }
    }

    #[test]
    fn a_push_between_replies_tears_nothing() {
        let mut divider = Divider::default();
        let mut decoders = [ValueDecoder::new(ScanLimits::default()), ValueDecoder::new(ScanLimits::default())];
        let [replies, pushes] = &mut decoders;
        divider.feed(b"+OK\r\n>1\r\n+hi\r\n+OK\r\n*0\r\n>1\r\n+ho\r\n", replies, pushes);
        assert!(!divider.torn);
    }
}
