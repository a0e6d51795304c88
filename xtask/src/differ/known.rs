//! What may differ between two servers that are both right: the whole list, each with its reason.
//!
//! A [`Mask`] hides, in the replies of both, what no two servers can have in common: time, hash order, inner layout. A
//! [`Known`] is a place where Redis itself has changed since the version compared with; it names the source. Whatever
//! can be kept out of the conversation instead is kept out by the grammar (see [`draw`](super::draw)).

use bytes::Bytes;
use rbq_resp::Value;

use super::fields::{at, each, field_mut, in_field, integer, items_mut, remove_field};
use super::progress::forgive_lag;
use super::turn::{Args, name, second};

/// Hides something in a reply to a command.
pub(crate) type Mask = fn(&Args, &mut Value);

/// A reply that both may give.
pub(crate) struct Known {
    /// What differs, since when, and where one can read it.
    pub(crate) why: &'static str,
    /// Brings the second reply nearer to the first, the older server's.
    pub(crate) reconcile: fn(&Args, &Value, &mut Value),
}

/// Hidden in both.
pub(crate) const MASKS: &[Mask] =
    &[sort_what_has_no_order, hide_random_key, |_, reply| hide_timed_ids(reply), hide_identity];

/// Known differences.
pub(crate) const KNOWN: &[Known] = &[
    Known { why: "time passes between two questions", reconcile: forgive_time },
    Known {
        why: "XINFO has fields that 7.0 has not: inactive and active-time since 7.2, idmp-*, pids-*, iids-* since 8.6, \
              nacked-count since 8.8 (redis/docs content/commands/xinfo-stream.md)",
        reconcile: forgive_new_fields,
    },
    Known {
        why: "a group's lag and entries-read: since 8.0 trimmed entries are none and a counter that cannot be right is set \
              anew (redis PR #13958), and rbq counts where Redis says null (docs/differences.md)",
        reconcile: forgive_lag,
    },
    Known {
        why: "small lists are one listpack since 7.2; 7.0 calls them quicklists (redis PR #11303)",
        reconcile: |_, older, newer| replace(older, newer, "quicklist", "listpack"),
    },
    Known {
        why: "the text of an unbalanced list of streams names the command since 7.2, and the ID + since 8.0 (redis \
              src/t_stream.c, xreadCommand)",
        reconcile: forgive_unbalanced_text,
    },
    Known {
        why: "a number below 10,000 is one shared object in 7.0, and a transaction shares what it sets; since 8.2 a value is \
              stored with its key and shared by nobody (redis PR #13806)",
        reconcile: forgive_shared_integer,
    },
    Known {
        why: "there are more classes of keyspace events since 8.8, and the error names them (redis src/notify.c)",
        reconcile: |_, older, newer| {
            const SAID: &str = "ERR CONFIG SET failed (possibly related to argument 'notify-keyspace-events') - Invalid \
                                event class character. Use 'Ag$lshzxeKEtmdn";
            if is_error(older, &format!("{SAID}'.")) && is_error(newer, &format!("{SAID}ocrSTIV'.")) {
                *newer = older.clone();
            }
        },
    },
    Known {
        why: "a waiting XREADGROUP is run again since 7.2 and finds no group, no stream or another type; 7.0 says \
              -UNBLOCKED, or tells of the group with a text of its own (redis PR #11012)",
        reconcile: forgive_released_reader,
    },
    Known {
        why: "a timeout beyond 2^63 ms is out of range since 7.2; in 7.0 it overflows (redis src/timeout.c, \
              getTimeoutFromObjectOrReply)",
        reconcile: |_, older, newer| {
            if is_error(older, "ERR timeout is negative") && is_error(newer, "ERR timeout is out of range") {
                *newer = older.clone();
            }
        },
    },
    Known {
        why: "Redis formats error texts as C strings, so an argument ends at a NUL in them (redis src/networking.c, \
              addReplyErrorFormat)",
        reconcile: |_, older, newer| {
            if let (Value::Error(cut), Value::Error(whole)) = (older, &mut *newer) {
                let without: String = whole.chars().filter(|letter| *letter != '\0').collect();
                if without == *cut {
                    *newer = older.clone();
                }
            }
        },
    },
];

/// Keys and channels come in hash order.
fn sort_what_has_no_order(args: &Args, reply: &mut Value) {
    let items = match (name(args).as_slice(), second(args).as_slice()) {
        (b"KEYS", _) | (b"PUBSUB", b"CHANNELS" | b"SHARDCHANNELS") => reply,
        (b"SCAN", _) => match items_mut(reply) {
            [_, keys] => keys,
            _ => return,
        },
        _ => return,
    };
    items_mut(items).sort_by(|a, b| a.as_bytes().cmp(&b.as_bytes()));
}

/// Which key is random is chance; whether there is one is not.
fn hide_random_key(args: &Args, reply: &mut Value) {
    if let (b"RANDOMKEY", Value::Bulk(key)) = (name(args).as_slice(), reply) {
        *key = Bytes::from_static(b"<key>");
    }
}

/// Milliseconds since 1970 have 13 digits from 2001 to 2286; no ID of the grammar has.
const TIMED_DIGITS: usize = 13;

/// IDs made of time.
fn hide_timed_ids(value: &mut Value) {
    match value {
        Value::Bulk(bytes) if is_timed_id(bytes) => *bytes = Bytes::from_static(b"<time>"),
        Value::Map(pairs) => pairs.iter_mut().for_each(|(_, value)| hide_timed_ids(value)),
        _ => items_mut(value).iter_mut().for_each(hide_timed_ids),
    }
}

fn is_timed_id(bytes: &[u8]) -> bool {
    let mut parts = bytes.split(|&byte| byte == b'-');
    let (Some(ms), Some(seq), None) = (parts.next(), parts.next(), parts.next()) else { return false };
    let digits = |part: &[u8]| !part.is_empty() && part.iter().all(u8::is_ascii_digit);
    ms.len() == TIMED_DIGITS && digits(ms) && digits(seq)
}

/// Who a server is, and how it lays out its memory.
fn hide_identity(args: &Args, reply: &mut Value) {
    let hidden: &[&str] = match (name(args).as_slice(), second(args).as_slice()) {
        (b"HELLO", _) => &["server", "version", "rbq_version", "id", "mode", "role", "modules"],
        (b"XINFO", b"STREAM") => &["radix-tree-keys", "radix-tree-nodes"],
        _ => return,
    };
    hidden.iter().for_each(|field| remove_field(reply, field));
}

/// How far apart two servers may be asked the same.
const APART_MS: i64 = 5_000;

/// Moments of the grammar are later, deadlines that it sets from now on are earlier: the year 2096.
const MOMENTS_MS_MIN: i64 = 4_000_000_000_000;

fn forgive_time(args: &Args, older: &Value, newer: &mut Value) {
    match (name(args).as_slice(), second(args).as_slice()) {
        // What the grammar sets as a moment is beyond this, and the same for both.
        (b"PEXPIRETIME", _) if integer(older).is_some_and(|at| at > MOMENTS_MS_MIN) => {}
        (b"EXPIRETIME", _) if integer(older).is_some_and(|at| at > MOMENTS_MS_MIN / 1000) => {}
        (b"PTTL" | b"PEXPIRETIME", _) => close(older, newer, APART_MS),
        (b"TTL" | b"EXPIRETIME", _) => close(older, newer, APART_MS / 1000),
        (b"XPENDING", _) if args.len() > 3 => each(older, newer, |older, newer| at(older, newer, 2, close_ms)),
        (b"XINFO", b"CONSUMERS") => each(older, newer, |older, newer| in_field(older, newer, "idle", close_ms)),
        (b"XINFO", b"STREAM") => in_field(older, newer, "groups", |older, newer| each(older, newer, forgive_group)),
        _ => {}
    }
}

/// A group of XINFO STREAM FULL.
fn forgive_group(older: &Value, newer: &mut Value) {
    let times = |older: &Value, newer: &mut Value| at(older, newer, 2, close_ms);
    in_field(older, newer, "pel", |older, newer| each(older, newer, times));
    in_field(older, newer, "pending", |older, newer| each(older, newer, times));
    in_field(older, newer, "consumers", |older, newer| {
        each(older, newer, |older, newer| {
            in_field(older, newer, "seen-time", close_ms);
            for pending in ["pel", "pending"] {
                in_field(older, newer, pending, |older, newer| {
                    each(older, newer, |older, newer| at(older, newer, 1, close_ms));
                });
            }
        });
    });
}

fn close_ms(older: &Value, newer: &mut Value) {
    close(older, newer, APART_MS);
}

/// Two moments that are not far from each other.
fn close(older: &Value, newer: &mut Value, apart: i64) {
    if let (Value::Integer(older), Value::Integer(newer)) = (older, newer)
        && *older >= 0
        && *newer >= 0
        && (*older - *newer).abs() <= apart
    {
        *newer = *older;
    }
}

fn forgive_new_fields(args: &Args, older: &Value, newer: &mut Value) {
    match (name(args).as_slice(), second(args).as_slice()) {
        (b"XINFO", b"CONSUMERS") => each(older, newer, |older, newer| without(older, newer, &["inactive"])),
        (b"XINFO", b"STREAM") => {
            let idmp =
                ["idmp-duration", "idmp-maxsize", "pids-tracked", "iids-tracked", "iids-added", "iids-duplicates"];
            without(older, newer, &idmp);
            in_field(older, newer, "groups", |older, newer| {
                each(older, newer, |older, newer| {
                    without(older, newer, &["nacked-count"]);
                    in_field(older, newer, "consumers", |older, newer| {
                        each(older, newer, |older, newer| without(older, newer, &["active-time"]));
                    });
                });
            });
        }
        (b"XINFO", b"GROUPS") => each(older, newer, |older, newer| without(older, newer, &["nacked-count"])),
        _ => {}
    }
}

/// Takes away the fields that the older reply does not have.
fn without(older: &Value, newer: &mut Value, fields: &[&str]) {
    for field in fields {
        if field_mut(&mut older.clone(), field).is_none() {
            remove_field(newer, field);
        }
    }
}

fn forgive_released_reader(args: &Args, older: &Value, newer: &mut Value) {
    let (Value::Error(before), Value::Error(after)) = (older, &*newer) else { return };
    let released = before.starts_with("UNBLOCKED") || before.starts_with("NOGROUP") || before.starts_with("WRONGTYPE");
    let found_nothing = after.starts_with("NOGROUP") || after.starts_with("WRONGTYPE");
    if name(args) == b"XREADGROUP" && released && found_nothing {
        *newer = older.clone();
    }
}

fn is_error(value: &Value, expected: &str) -> bool {
    matches!(value, Value::Error(text) if text == expected)
}

fn forgive_unbalanced_text(args: &Args, older: &Value, newer: &mut Value) {
    let text = match name(args).as_slice() {
        b"XREAD" => "ERR Unbalanced 'xread' list of streams: for each stream key an ID, '+', or '$' must be specified.",
        b"XREADGROUP" => {
            "ERR Unbalanced 'xreadgroup' list of streams: for each stream key an ID or '>' must be specified."
        }
        _ => return,
    };
    let before = "ERR Unbalanced XREAD list of streams: for each stream key an ID or '$' must be specified.";
    if is_error(older, before) && is_error(newer, text) {
        *newer = older.clone();
    }
}

fn forgive_shared_integer(args: &Args, older: &Value, newer: &mut Value) {
    /// What `refcount` says of an object that is never freed.
    const SHARED: i64 = i32::MAX as i64;
    let asked = name(args) == b"OBJECT" && second(args) == b"REFCOUNT";
    if asked && matches!(older, Value::Integer(SHARED | 2)) && *newer == Value::Integer(1) {
        *newer = older.clone();
    }
}

fn replace(older: &Value, newer: &mut Value, old_word: &str, new_word: &str) {
    if older.as_bytes() == Some(old_word.as_bytes()) && newer.as_bytes() == Some(new_word.as_bytes()) {
        *newer = older.clone();
    }
}

#[cfg(test)]
mod tests {
    use super::super::samples::{args, bulk};
    use super::*;

    #[test]
    fn only_ids_made_of_time_are_hidden() {
        for (id, hidden) in
            [("1763796213000-0", true), ("5-1", false), ("1763796213000", false), ("18446744073709551615-1", false)]
        {
            let mut value = Value::Array(vec![bulk(id)]);
            hide_timed_ids(&mut value);
            assert_eq!(value != Value::Array(vec![bulk(id)]), hidden, "{id}");
        }
    }

    #[test]
    fn times_near_each_other_are_the_same_and_others_are_not() {
        let pending = |idle_ms, count| {
            Value::Array(vec![Value::Array(vec![
                bulk("1-1"),
                bulk("me"),
                Value::Integer(idle_ms),
                Value::Integer(count),
            ])])
        };
        let same = |mut newer: Value| {
            forgive_time(&args("XPENDING x g - + 10"), &pending(100_000, 1), &mut newer);
            newer == pending(100_000, 1)
        };
        assert!(same(pending(100_900, 1)));
        assert!(!same(pending(200_000, 1)));
        assert!(!same(pending(100_000, 2)), "a count is no time");
    }

    #[test]
    fn a_deadline_is_forgiven_but_not_its_absence() {
        let mut newer = Value::Integer(-1);
        forgive_time(&args("TTL t:1"), &Value::Integer(3), &mut newer);
        assert_eq!(newer, Value::Integer(-1));
    }
}
