//! The smallest episode that still differs.
//!
//! Delta debugging: parts are left out, larger ones first, and whatever still differs is kept. First turns, then phrases
//! within turns, then arguments that may be repeated. Each attempt is played on empty servers, so what is left at the
//! end can be read and played by itself.

use std::time::{Duration, Instant};

use anyhow::Result;

use super::play::{Pair, play};
use super::turn::{Episode, Turn};

/// A failing episode of a few hundred commands needs some hundred attempts of a few milliseconds.
const TIME_MAX: Duration = Duration::from_secs(60);

/// Leaves out whatever is not needed for a difference.
pub(crate) fn shrink(pair: &Pair, episode: Episode) -> Result<Episode> {
    let deadline = Instant::now() + TIME_MAX;
    let mut differs = |turns: &[Turn]| -> Result<bool> {
        let episode = Episode { turns: turns.to_vec() };
        Ok(Instant::now() < deadline && !turns.is_empty() && play(pair, &episode)?.difference.is_some())
    };
    let mut turns = minimize(episode.turns, &mut differs)?;
    for index in 0..turns.len() {
        let phrases = turns[index].phrases.clone();
        let whole = turns.clone();
        turns[index].phrases = minimize(phrases, &mut |phrases| {
            let mut turns = whole.clone();
            turns[index].phrases = phrases.to_vec();
            differs(&turns)
        })?;
    }
    turns.retain(|turn| !turn.phrases.is_empty());
    let turns = minimize(turns, &mut differs)?;
    Ok(Episode { turns: shorten(turns, &mut differs)? })
}

/// Leaves out ever smaller parts, as long as what is left differs.
fn minimize<T: Clone>(mut items: Vec<T>, differs: &mut impl FnMut(&[T]) -> Result<bool>) -> Result<Vec<T>> {
    let mut size = items.len().div_ceil(2);
    while size > 0 {
        let mut start = 0;
        let mut shorter = false;
        while start < items.len() {
            let end = (start + size).min(items.len());
            let rest: Vec<T> = items[..start].iter().chain(&items[end..]).cloned().collect();
            if differs(&rest)? {
                items = rest;
                shorter = true;
            } else {
                start = end;
            }
        }
        if !shorter || size > 1 {
            size /= 2;
        }
    }
    Ok(items)
}

/// Leaves out single arguments.
fn shorten(mut turns: Vec<Turn>, differs: &mut impl FnMut(&[Turn]) -> Result<bool>) -> Result<Vec<Turn>> {
    let places = |turns: &[Turn]| -> Vec<[usize; 3]> {
        let phrases =
            turns.iter().enumerate().flat_map(|(turn, said)| (0..said.phrases.len()).map(move |at| (turn, at)));
        let commands = phrases.flat_map(|(turn, phrase)| {
            (0..turns[turn].phrases[phrase].len()).map(move |command| [turn, phrase, command])
        });
        commands.collect()
    };
    for [turn, phrase, command] in places(&turns) {
        // What makes sense together only would differ for another reason if a part of it failed.
        if turns[turn].phrases[phrase].len() > 1 {
            continue;
        }
        let mut at = turns[turn].phrases[phrase][command].len();
        while at > 1 {
            at -= 1;
            let mut shorter = turns.clone();
            shorter[turn].phrases[phrase][command].remove(at);
            if differs(&shorter)? {
                turns = shorter;
            }
        }
    }
    Ok(turns)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_needed_is_left() {
        let needed = |items: &[u32]| Ok(items.contains(&3) && items.contains(&77));
        assert_eq!(minimize((0..100).collect(), &mut { needed }).expect("it cannot fail"), [3, 77]);
    }
}
