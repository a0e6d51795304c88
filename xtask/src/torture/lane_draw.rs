//! What a lane does next.
//!
//! Drawn from the state with everything that is under way, so that an acknowledgement names entries that are pending
//! and a claim takes what another consumer has, however deep the pipeline.

use fastrand::Rng;

use super::lane::{Asking, CONSUMERS, Lane, Op};

/// 2100-01-01: a deadline that no run reaches.
const FAR_MS: u64 = 4_102_444_800_000;

/// Sizes at which a lane turns from filling to emptying, so that a check stays cheap.
const LIST_MAX: usize = 60;
const STREAM_MAX: usize = 60;
const ONCE_MAX: usize = 40;

/// How far back a producer repeats itself; well inside what a stream remembers by default.
const REPEATED_OF_LAST: usize = 5;

/// Large values.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Blobs {
    pub(crate) bytes_max: usize,
    pub(crate) once_in: u32,
}

/// Draws an op; `blobs` says how large a value may be that fills the log, and how often there is one.
pub(crate) fn draw(lane: &mut Lane, blobs: Blobs, rng: &mut Rng) -> Op {
    if rng.u32(..blobs.once_in) == 0 {
        return Op::Blob(rng.usize(1..blobs.bytes_max));
    }
    if lane.ahead.group.is_none() {
        return Op::CreateGroup;
    }
    if rng.u8(..8) > 0 {
        return draw_one(lane, rng);
    }
    // Each is drawn from the state before all of them; those that need a state of their own are kept out.
    let simple = (0..rng.usize(2..5)).map(|_| match rng.u8(..4) {
        0 => Op::Push(vec![next(lane)]),
        1 => Op::Increment,
        2 => Op::Add(next(lane)),
        _ => Op::Set(rng.u8(..3), next(lane)),
    });
    Op::Together(simple.collect())
}

fn next(lane: &mut Lane) -> u64 {
    lane.serial += 1;
    lane.serial
}

fn draw_one(lane: &mut Lane, rng: &mut Rng) -> Op {
    match rng.u8(..22) {
        20 => [Op::CopyList, Op::CopyAway][rng.usize(..2)].clone(),
        21 => match rng.u8(..4) {
            0 => Op::FlushAway(rng.usize(..2)),
            1 => Op::SwapAway,
            _ => Op::MoveCopy,
        },
        0..4 if lane.ahead.list.len() > LIST_MAX => Op::Pop(rng.usize(1..20)),
        0..4 => Op::Push((0..rng.usize(1..4)).map(|_| next(lane)).collect()),
        4 => Op::Pop(rng.usize(1..4)),
        5 if rng.u8(..10) == 0 => Op::DeleteList,
        5..7 => Op::Increment,
        7 => Op::Set(rng.u8(..3), next(lane)),
        8 => Op::Expire(rng.u8(..3), FAR_MS + next(lane)),
        9 if rng.bool() => Op::Delete(rng.u8(..3)),
        10 if rng.u8(..4) == 0 => {
            Op::AskSynced([Asking::Wait, Asking::WaitForReplicas, Asking::Configure][rng.usize(..3)])
        }
        9 | 10 => draw_once(lane, rng),
        11 if rng.u8(..20) == 0 => Op::DeleteStream,
        11..14 if lane.ahead.entries.len() > STREAM_MAX => Op::Trim(rng.usize(5..STREAM_MAX)),
        11..14 => Op::Add(next(lane)),
        14..17 => Op::Read(rng.usize(..CONSUMERS.len()), rng.usize(1..5)),
        _ => draw_of_pending(lane, rng),
    }
}

fn draw_once(lane: &mut Lane, rng: &mut Rng) -> Op {
    let once = &lane.ahead.once;
    if once.len() > ONCE_MAX {
        return Op::TrimOnce(ONCE_MAX / 2);
    }
    if rng.bool() && !once.is_empty() {
        let back = rng.usize(1..=once.len().min(REPEATED_OF_LAST));
        return Op::AddOnce(once[once.len() - back]);
    }
    Op::AddOnce(next(lane))
}

fn draw_of_pending(lane: &mut Lane, rng: &mut Rng) -> Op {
    let state = &lane.ahead;
    let ids: Vec<u64> = state.pending.keys().copied().filter(|_| rng.u8(..3) == 0).take(4).collect();
    if ids.is_empty() {
        return Op::Read(rng.usize(..CONSUMERS.len()), rng.usize(1..5));
    }
    let consumer = rng.usize(..CONSUMERS.len());
    // What XAUTOCLAIM counts when it meets an entry that was trimmed is nobody's promise.
    let all_there = state.pending.keys().all(|id| state.entries.contains(id));
    match rng.u8(..5) {
        0 => Op::Claim(consumer, ids),
        1 if all_there => Op::AutoClaim(consumer, rng.usize(1..4)),
        _ => Op::Ack(ids),
    }
}
