//! `--stat`: the server's figures, a line a second: keys, memory, clients, requests, connections, child.

use std::time::Duration;

use rbq_resp::Value;

use super::dial::Dial;
use super::sizes::say;
use super::{Run, pause, refused, wrong};
use crate::exit::Exit;
use crate::output::Output;

const INTERVAL: Duration = Duration::from_secs(1);

/// The head is written again after so many lines: on a terminal one of them is always in view.
const LINES_A_HEAD: usize = 20;

const HEAD: &str = "------- data ------ --------------------- load -------------------- - child -\n\
                    keys       mem      clients blocked requests            connections          \n";

pub(super) async fn run(dial: &Dial, interval: Duration, out: &mut Output) -> Run<Exit> {
    let mut link = dial.connect_or_give_up().await?;
    let interval = if interval.is_zero() { INTERVAL } else { interval };
    let mut requests_before = None;
    for index in 0_usize.. {
        let info = match link.call(["INFO"]).await? {
            Value::Bulk(text) | Value::Verbatim { text, .. } => String::from_utf8_lossy(&text).into_owned(),
            Value::Error(text) => return Err(refused(&text)),
            _ => return Err(wrong("Error: a reply of INFO that is none")),
        };
        let requests = number(&info, "total_commands_processed");
        if index.is_multiple_of(LINES_A_HEAD) {
            say(out, HEAD)?;
        }
        say(out, &line(&info, requests - requests_before.unwrap_or(requests)))?;
        requests_before = Some(requests);
        pause(interval).await;
    }
    Ok(Exit::Done)
}

fn line(info: &str, new_requests: i64) -> String {
    let requests = format!("{} (+{new_requests})", number(info, "total_commands_processed"));
    format!(
        "{:<11}{:<9}{:<8}{:<8}{requests:<20}{:<12}{}\n",
        keys(info),
        bytes(number(info, "used_memory")),
        number(info, "connected_clients"),
        number(info, "blocked_clients"),
        number(info, "total_connections_received"),
        child(info),
    )
}

fn field<'a>(info: &'a str, name: &str) -> Option<&'a str> {
    info.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))
}

fn number(info: &str, name: &str) -> i64 {
    field(info, name).and_then(|text| text.parse().ok()).unwrap_or(0)
}

/// Of all databases together.
fn keys(info: &str) -> i64 {
    let of_db = |line: &str| {
        let (name, figures) = line.strip_prefix("db")?.split_once(':')?;
        name.parse::<u32>().ok()?;
        figures.strip_prefix("keys=")?.split(',').next()?.parse::<i64>().ok()
    };
    info.lines().filter_map(of_db).sum()
}

fn bytes(count: i64) -> String {
    const UNITS: [&str; 5] = ["K", "M", "G", "T", "P"];
    let mut scaled = count as f64;
    let mut unit = "B";
    for next in UNITS {
        if scaled < 1024.0 {
            break;
        }
        (scaled, unit) = (scaled / 1024.0, next);
    }
    if unit == "B" { format!("{count}B") } else { format!("{scaled:.2}{unit}") }
}

/// What the server does beside its service.
fn child(info: &str) -> &'static str {
    let busy = |name| number(info, name) != 0;
    match (busy("loading"), busy("rdb_bgsave_in_progress"), busy("aof_rewrite_in_progress")) {
        (true, ..) => "LOAD",
        (_, true, true) => "SAVE+AOF",
        (_, true, _) => "SAVE",
        (_, _, true) => "AOF",
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_has_its_columns_below_the_head() {
        let info = "used_memory:1709178\r\nconnected_clients:1\r\nblocked_clients:0\r\ntotal_commands_processed:1898\r\n\
                    total_connections_received:115\r\nrdb_bgsave_in_progress:1\r\ndb0:keys=10,expires=0\r\ndb3:keys=2,x=1\r\n";
        assert_eq!(line(info, 1), "12         1.63M    1       0       1898 (+1)           115         SAVE\n");
        assert_eq!([bytes(1023), bytes(1536), bytes(5 << 30)], ["1023B", "1.50K", "5.00G"]);
    }
}
