//! What comes by itself, a line each.
//!
//! ```text
//!   [news] hello                     a message
//!   [news.eu as news.*] hello        by a pattern
//!   subscribed to news (1 in all)
//!   invalidated: user:1 user:2
//!   1764165000.123 [0 127.0.0.1:1] "get" "k"    MONITOR, as the server writes it
//! ```

use rbq_client::PubSub;
use rbq_resp::Value;

use super::cell::{cell, inert, text_cell};
use super::{Look, plain};

/// A push with its line end.
pub(crate) fn push(elements: &[Value], look: Look) -> String {
    let line = if look.tables { told(elements, look) } else { None };
    line.map_or_else(
        || {
            let mut out = Vec::new();
            plain(&Value::Push(elements.to_vec()), look, &mut out);
            String::from_utf8_lossy(&out).into_owned()
        },
        |line| line + "\n",
    )
}

fn told(elements: &[Value], look: Look) -> Option<String> {
    let name = |bytes: &[u8]| text_cell(bytes, Look { json: false, ..look });
    Some(match PubSub::read(elements) {
        Some(PubSub::Message { pattern: None, channel, payload, .. }) => {
            format!("[{}] {}", name(&channel), text_cell(&payload, look))
        }
        Some(PubSub::Message { pattern: Some(pattern), channel, payload, .. }) => {
            format!("[{} as {}] {}", name(&channel), name(&pattern), text_cell(&payload, look))
        }
        Some(PubSub::Subscribed { name: channel, count, .. }) => {
            format!("subscribed to {} ({count} in all)", name(&channel))
        }
        Some(PubSub::Unsubscribed { name: Some(channel), count, .. }) => {
            format!("unsubscribed from {} ({count} left)", name(&channel))
        }
        Some(PubSub::Unsubscribed { name: None, .. }) => "there was no subscription".to_owned(),
        None => match elements {
            [kind, Value::Null] if kind.as_bytes() == Some(b"invalidate") => "invalidated: everything".to_owned(),
            [kind, keys] if kind.as_bytes() == Some(b"invalidate") => format!("invalidated: {}", cell(keys, look)),
            _ => return None,
        },
    })
}

/// A line of MONITOR with its line end.
pub(crate) fn monitored(value: &Value) -> String {
    format!("{}\n", inert(&String::from_utf8_lossy(value.as_bytes().unwrap_or_default())))
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOOK: Look = Look { tables: true, json: false, columns: None };

    fn line(words: &[&str], last: Value) -> String {
        let words = words.iter().map(|word| Value::Bulk((*word).to_owned().into()));
        push(&words.chain([last]).collect::<Vec<_>>(), LOOK)
    }

    #[test]
    fn messages_are_lines() {
        let text = |text: &str| Value::Bulk(text.to_owned().into());
        assert_eq!(line(&["message", "news"], text("hello")), "[news] hello\n");
        assert_eq!(line(&["message", "news"], text("a\nb")), "[news] \"a\\nb\"\n");
        assert_eq!(line(&["pmessage", "n*", "news"], text("hello")), "[news as n*] hello\n");
        assert_eq!(line(&["subscribe", "news"], Value::Integer(2)), "subscribed to news (2 in all)\n");
        assert_eq!(line(&["unsubscribe", "news"], Value::Integer(0)), "unsubscribed from news (0 left)\n");
        assert_eq!(line(&["invalidate"], Value::Array(vec![text("a"), text("b")])), "invalidated: a b\n");
        assert_eq!(line(&["other"], Value::Integer(1)), "1) \"other\"\n2) (integer) 1\n");
        assert_eq!(monitored(&Value::Status("1.5 \"get\" \u{1b}[31m".to_owned())), "1.5 \"get\" \u{fffd}[31m\n");
    }
}
