//! What XPENDING answers: a summary, or a row for each pending entry.

use rbq_resp::Value;

use super::Look;
use super::cell::cell;
use super::table::{table, titles};
use crate::catalog::items;

pub(super) fn render(value: &Value, look: Look) -> Option<String> {
    match items(value) {
        [Value::Integer(0), ..] => Some("nothing is pending\n".to_owned()),
        [Value::Integer(count), first, last, consumers] => {
            let mut rows = Vec::new();
            for consumer in items(consumers) {
                let [name, count] = items(consumer) else {
                    return None;
                };
                rows.push(vec![cell(name, look), cell(count, look)]);
            }
            let bounds = format!("{count} pending, from {} to {}\n", cell(first, look), cell(last, look));
            Some(bounds + &table(&titles(["CONSUMER", "PENDING"]), rows, look))
        }
        [] => None,
        entries => {
            let mut rows = Vec::new();
            for entry in entries {
                let [id, consumer, Value::Integer(idle_ms), Value::Integer(deliveries)] = items(entry) else {
                    return None;
                };
                rows.push(vec![cell(id, look), cell(consumer, look), span(*idle_ms), deliveries.to_string()]);
            }
            Some(table(&titles(["ID", "CONSUMER", "IDLE", "DELIVERIES"]), rows, look))
        }
    }
}

/// Milliseconds as a person says them: the two largest units.
pub(super) fn span(ms: i64) -> String {
    let (minutes, hours, days) = (ms / 60_000, ms / 3_600_000, ms / 86_400_000);
    match ms {
        ..1000 => format!("{ms}ms"),
        1000..60_000 => format!("{}.{}s", ms / 1000, ms % 1000 / 100),
        60_000..3_600_000 => format!("{minutes}m{}s", ms / 1000 % 60),
        3_600_000..86_400_000 => format!("{hours}h{}m", minutes % 60),
        _ => format!("{days}d{}h", hours % 24),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_said_in_their_two_largest_units() {
        for (ms, text) in
            [(7, "7ms"), (1500, "1.5s"), (61_000, "1m1s"), (3_600_000, "1h0m"), (200_000_000, "2d7h"), (-1, "-1ms")]
        {
            assert_eq!(span(ms), text);
        }
    }
}
