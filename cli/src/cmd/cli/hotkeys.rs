//! `--hotkeys`: the sixteen keys that are used most, by the server's own counting (`OBJECT FREQ`, with a policy of *lfu).

use rbq_client::Request;
use rbq_resp::{Value, quote};

use super::dial::Dial;
use super::keys::{KEYS_A_LINE, STEPS_A_PAUSE, Walk, headline, percent, total};
use super::sizes::{pipeline, say};
use super::{Run, pause, refused};
use crate::exit::Exit;
use crate::interrupt::Interrupt;
use crate::output::Output;

const HOT_MAX: usize = 16;

pub(super) async fn run(dial: &Dial, mut walk: Walk, out: &mut Output) -> Run<Exit> {
    let mut link = dial.connect_or_give_up().await?;
    let total = total(&mut link).await?;
    say(out, &headline("hot"))?;
    let interrupt = Interrupt::listen()?;
    // Coldest first.
    let mut hot: Vec<(i64, String)> = Vec::new();
    let (mut seen, mut steps) = (0, 0);
    while !interrupt.was_pressed()
        && let Some(keys) = walk.step(&mut link).await?
    {
        let share = percent(seen, total);
        let requests = keys.iter().map(|key| Request::from([&b"OBJECT"[..], b"FREQ", key])).collect();
        for (key, value) in keys.iter().zip(pipeline(&mut link, requests).await?) {
            let uses = match value {
                Value::Integer(uses) => uses,
                // The key has gone meanwhile.
                Value::Null | Value::NullArray => 0,
                Value::Error(text) if text.starts_with("ERR no such key") => 0,
                Value::Error(text) => return Err(refused(&text)),
                _ => 0,
            };
            seen += 1;
            if seen.is_multiple_of(KEYS_A_LINE) {
                say(out, &format!("[{share:05.2}%] Sampled {seen} keys so far\n"))?;
            }
            if let Some(shown) = enter(&mut hot, uses, key) {
                say(out, &format!("[{share:05.2}%] Hot key '{shown}' found so far with counter {uses}\n"))?;
            }
        }
        steps += 1;
        if steps % STEPS_A_PAUSE == 0 {
            pause(walk.interval).await;
        }
    }
    say(out, &summary(seen, &hot))?;
    Ok(Exit::Done)
}

/// Takes a key among the hottest if it is one of them: then it is given as it is shown.
fn enter(hot: &mut Vec<(i64, String)>, uses: i64, key: &[u8]) -> Option<String> {
    let place = hot.partition_point(|(others, _)| *others < uses);
    if uses == 0 || place == 0 && hot.len() == HOT_MAX {
        return None;
    }
    let shown = quote(key).to_string();
    hot.insert(place, (uses, shown.clone()));
    if hot.len() > HOT_MAX {
        hot.remove(0);
    }
    Some(shown)
}

fn summary(seen: u64, hot: &[(i64, String)]) -> String {
    let mut text = format!("\n-------- summary -------\n\nSampled {seen} keys in the keyspace!\n");
    for (uses, key) in hot.iter().rev() {
        text.push_str(&format!("hot key found with counter: {uses}\tkeyname: {key}\n"));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hottest_stay_and_of_equals_the_first() {
        let mut hot = Vec::new();
        for (key, uses) in [("a", 5), ("b", 0), ("c", 7), ("d", 5)] {
            enter(&mut hot, uses, key.as_bytes());
        }
        let order: Vec<&str> = hot.iter().rev().map(|(_, key)| key.as_str()).collect();
        assert_eq!(order, [r#""c""#, r#""a""#, r#""d""#]);
        for _ in 0..HOT_MAX {
            enter(&mut hot, 9, b"e");
        }
        assert_eq!((hot.len(), enter(&mut hot, 9, b"late"), hot[0].0), (HOT_MAX, None, 9));
    }
}
