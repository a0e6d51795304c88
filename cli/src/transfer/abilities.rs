//! Which of the commands that make a stream again a server has.
//!
//! What it lacks is never sent, because what was refused is missing in the end. There is another way, and it is told:
//!
//! | Command | Where it is lacking |
//! |---|---|
//! | `XNACK` (Redis 8.8) | what is pending for nobody is given to a consumer, [`UNOWNED`] |
//! | `XCFGSET`, `XIDMPRECORD` (Redis 8.6) | what idempotent producers sent is not known any more: a loss |
//!
//! A server that does not say what it has is taken for one that has neither: the other way is right everywhere.

use rbq_client::{Client, Error, Request};

use super::counters::Counters;
use super::reply::elements;
use crate::failure::Result;

/// The consumer that has what is nobody's, on servers whose pending entries must have one.
pub(crate) const UNOWNED: &str = "rbq-unowned";

/// What a server has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Abilities {
    pub(crate) counters: Counters,
    pub(crate) unowned: Unowned,
    pub(crate) idempotence: Idempotence,
}

/// What becomes of pending entries that are nobody's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unowned {
    /// They stay nobody's: `XNACK`.
    Kept,
    /// They become [`UNOWNED`]'s: `XCLAIM`.
    Given,
}

/// What becomes of the IDs that idempotent producers sent, and of their limits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Idempotence {
    Kept,
    NotKept,
}

impl Abilities {
    /// Of this server.
    ///
    /// # Errors
    /// Of the connection.
    pub(crate) async fn of(client: &Client) -> Result<Self> {
        let counters = Counters::of(client).await?;
        let known = knows(client, ["XNACK", "XCFGSET", "XIDMPRECORD"]).await?;
        let [xnack, xcfgset, xidmprecord] = known.unwrap_or([false; 3]);
        let idempotence = if xcfgset && xidmprecord { Idempotence::Kept } else { Idempotence::NotKept };
        Ok(Self { counters, unowned: if xnack { Unowned::Kept } else { Unowned::Given }, idempotence })
    }
}

/// Which of these commands the server has; none if it will not say.
pub(super) async fn knows<const N: usize>(client: &Client, names: [&str; N]) -> Result<Option<[bool; N]>> {
    let reply = match client.call(Request::from(["COMMAND", "INFO"]).args(names)).await {
        Ok(reply) => reply,
        Err(Error::Reply(_)) => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    let known = elements(&reply).unwrap_or_default();
    Ok(Some(std::array::from_fn(|index| known.get(index).is_some_and(|info| elements(info).is_some()))))
}
