//! A connection that was lost in the middle of a re-drive: made again, and the job gone on with where the server says it is.
//!
//! The server may still be about to do what was sent last. So the turn is taken once more before anything is looked at: a step
//! that comes late finds `at` changed, which it watched, and does nothing.

use super::engine::{End, Engine};
use super::job::Spec;
use super::ledger::Ledger;
use crate::failure::{Failure, Result, say};
use crate::interrupt::Interrupt;
use crate::open::ServerArgs;
use crate::outage::{Attempt, Cause, Outage};
use crate::servers::Servers;

/// Comes back from this failure, if it is one that may go by itself. `None`: the run goes on.
///
/// # Errors
/// The failure, if it will not go, or has not gone in time; or somebody else has taken the turn meanwhile.
pub(super) async fn come_back(
    engine: &mut Engine<'_>,
    (spec, server): (&Spec, &ServerArgs),
    outage: &mut Outage,
    interrupt: &mut Interrupt,
    mut why: Failure,
) -> Result<Option<End>> {
    loop {
        let Failure::Server(error) = &why else { return Err(why) };
        let Some(cause) = Cause::of(error) else { return Err(why) };
        if let Some(told) = outage.begin(cause, error) {
            say(&told);
        }
        match outage.attempt(interrupt, take_up(engine, spec, server)).await {
            Attempt::GivenUp => return Err(why),
            Attempt::Interrupted => return Ok(Some(End::Interrupted)),
            Attempt::Made(Ok(())) => {
                if let Some(told) = outage.end() {
                    say(told);
                }
                return Ok(None);
            }
            Attempt::Made(Err(failure)) => why = failure,
        }
    }
}

async fn take_up(engine: &mut Engine<'_>, spec: &Spec, server: &ServerArgs) -> Result<()> {
    *engine.servers = Servers::connect(server).await?;
    *engine.elsewhere = Servers::connect(server).await?;
    let keys = engine.keys.clone();
    engine.at = spec.keep_turn(engine.servers, &keys, &engine.at.owner).await?;
    engine.ledger = Ledger::read(engine.servers, &keys, &spec.job).await?;
    engine.walk.cursor = engine.at.cursor;
    Ok(())
}
