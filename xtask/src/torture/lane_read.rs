//! A lane's state as the server has it.

use std::collections::VecDeque;

use anyhow::{Context as _, Result};
use rbq_resp::Value;

use super::lane::{CONSUMERS, Pending, State, database};
use super::wire::{Wire, array, text};

/// Keys for strings that a lane has.
const SLOTS: u8 = 3;

/// More than there ever is.
const PENDING_MAX: &str = "100000";

/// Asks for everything under a lane's keys.
pub(crate) fn read(wire: &mut Wire, lane: usize) -> Result<State> {
    let (whole, copy) = (list(wire, &format!("l{lane}"))?, list(wire, &format!("k{lane}"))?);
    let mut state = State { list: whole, copy, ..State::default() };
    for (which, away) in state.away.iter_mut().enumerate() {
        wire.ask(&format!("SELECT {}", database(lane, which)))?;
        away.list = list(wire, &format!("w{lane}"))?;
        away.moved = list(wire, &format!("k{lane}"))?;
    }
    wire.ask("SELECT 0")?;
    let counter = wire.ask(&format!("GET c{lane}"))?;
    state.counter = if counter == Value::Null { 0 } else { i64::try_from(number(&counter)?)? };
    if let Value::Integer(bytes) = wire.ask(&format!("STRLEN b{lane}"))? {
        state.blob_bytes = usize::try_from(bytes)?;
    }
    for slot in 0..SLOTS {
        let value = wire.ask(&format!("GET e{lane}:{slot}"))?;
        if value != Value::Null {
            let Value::Integer(deadline_ms) = wire.ask(&format!("PEXPIRETIME e{lane}:{slot}"))? else {
                anyhow::bail!("PEXPIRETIME answers no integer");
            };
            state.dated.insert(slot, (number(&value)?, u64::try_from(deadline_ms).ok()));
        }
    }
    for entry in array(wire.ask(&format!("XRANGE x{lane} - +"))?)? {
        state.entries.push(id(&array(entry)?[0])?);
    }
    for entry in array(wire.ask(&format!("XRANGE i{lane} - +"))?)? {
        state.once.push(number(&array(array(entry)?[1].clone())?[1])?);
    }
    if wire.ask(&format!("EXISTS x{lane}"))? == Value::Integer(1) {
        read_group(wire, lane, &mut state)?;
    }
    Ok(state)
}

fn list(wire: &mut Wire, key: &str) -> Result<VecDeque<u64>> {
    array(wire.ask(&format!("LRANGE {key} 0 -1"))?)?.iter().map(number).collect()
}

fn read_group(wire: &mut Wire, lane: usize, state: &mut State) -> Result<()> {
    for group in array(wire.ask(&format!("XINFO GROUPS x{lane}"))?)? {
        let fields = array(group)?;
        let at = fields.iter().position(|field| field.as_bytes() == Some(b"last-delivered-id"));
        state.group = Some(id(&fields[at.context("XINFO GROUPS tells no last-delivered-id")? + 1])?);
        for pending in array(wire.ask(&format!("XPENDING x{lane} g - + {PENDING_MAX}"))?)? {
            let fields = array(pending)?;
            let consumer = text(&fields[1])?;
            let consumer = CONSUMERS.iter().position(|known| *known == consumer).context("an unknown consumer")?;
            let Value::Integer(deliveries) = fields[3] else { anyhow::bail!("XPENDING tells no count") };
            state.pending.insert(id(&fields[0])?, Pending { consumer, deliveries: u64::try_from(deliveries)? });
        }
    }
    Ok(())
}

fn number(value: &Value) -> Result<u64> {
    let text = text(value)?;
    text.parse().with_context(|| format!("`{text}` is no number"))
}

/// The number of an ID `number-0`.
fn id(value: &Value) -> Result<u64> {
    let text = text(value)?;
    let number = text.strip_suffix("-0").with_context(|| format!("`{text}` is not of ours"))?;
    Ok(number.parse()?)
}
