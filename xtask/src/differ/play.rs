//! One episode on two servers.

use std::net::SocketAddr;

use anyhow::Result;

use super::compare::Comparison;
use super::dump;
use super::side::{Heard, Side};
use super::turn::Episode;

/// Turns between two looks at the whole keyspace.
const TURNS_PER_DUMP: usize = 40;

/// Where two servers listen: the one that is right, and the one that is tried.
#[derive(Clone, Debug)]
pub struct Pair {
    /// Names for reports.
    pub names: [String; 2],
    /// Addresses.
    pub addrs: [SocketAddr; 2],
}

/// What came of an episode.
pub(crate) struct Outcome {
    /// The first difference.
    pub(crate) difference: Option<String>,
    /// What both servers said in each turn that was played.
    pub(crate) heard: Vec<[Result<Heard, String>; 2]>,
    /// Known differences that were met.
    pub(crate) comparison: Comparison,
}

/// Plays an episode up to the first difference. An error means that a server cannot be reached.
pub(crate) fn play(pair: &Pair, episode: &Episode) -> Result<Outcome> {
    let mut older = Side::begin(pair.addrs[0])?;
    let mut newer = Side::begin(pair.addrs[1])?;
    let mut outcome = Outcome { difference: None, heard: Vec::new(), comparison: Comparison::default() };
    for (index, turn) in episode.turns.iter().enumerate() {
        let heard = [older.perform(turn), newer.perform(turn)].map(|heard| heard.map_err(|error| format!("{error:#}")));
        outcome.difference = match &heard {
            [Ok(older), Ok(newer)] => outcome.comparison.turn(turn, older, newer),
            // Not a difference, but nothing that may be passed over: the tool has lost count, or both hang.
            [Err(error), Err(_)] => Some(format!("both: {error}")),
            [Err(error), _] => Some(format!("{}: {error}", pair.names[0])),
            [_, Err(error)] => Some(format!("{}: {error}", pair.names[1])),
        };
        outcome.heard.push(heard);
        let last = index + 1 == episode.turns.len();
        if outcome.difference.is_none() && (last || (index + 1) % TURNS_PER_DUMP == 0) {
            outcome.difference = dump::compare(&mut outcome.comparison, &mut older, &mut newer)?;
        }
        if outcome.difference.is_some() {
            break;
        }
    }
    Ok(outcome)
}
