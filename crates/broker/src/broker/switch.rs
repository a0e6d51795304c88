//! `CONFIG SET appendonly yes|no`: asked for by a client, done by the driver, answered when it is done.
//!
//! ```text
//!            want ──► the driver opens a directory, and takes a base of this moment ──► finish: Ok ──► gates close
//!   off ───┤                                                                                               ├─── on
//!            gates open ◄── finish: Ok ◄── the driver syncs what there is, and closes the directory ◄── want
//! ```
//!
//! Everything the command names is in force with the switch or not at all. One switch at a time; whoever asked for it may be
//! gone when it is done, and it holds all the same.

use rbq_resp::Sink;

use super::{Action, Asker, Broker};
use crate::session::ClientId;
use crate::settings::{Parameter, Settings};
use crate::snapshot::Writer;
use crate::time::Now;

/// What the driver is to do, and for whom.
#[derive(Clone)]
pub struct SwitchOrder {
    /// The settings as they are to be.
    pub settings: Settings,
    changes: Vec<(&'static Parameter, String)>,
    asker: Asker,
}

impl SwitchOrder {
    /// Whether it is switched on.
    pub fn is_on(&self) -> bool {
        self.settings.appendonly.0
    }
}

impl Broker {
    /// Asks the driver for a switch that makes the settings these, by these changes, for a client that waits with this ticket.
    pub(crate) fn want_switch(
        &mut self,
        client: ClientId,
        ticket: u64,
        settings: Settings,
        changes: Vec<(&'static Parameter, String)>,
    ) {
        self.is_switching = true;
        self.ask(Action::Switch(Box::new(SwitchOrder { settings, changes, asker: Asker { client, ticket } })));
    }

    /// Begins the snapshot of this moment that a log is to begin with, and keeps what changes from now on, at positions after
    /// `taken`. Nobody's answer waits for it before the switch is finished.
    pub fn begin_base(&mut self, taken: u64, now: Now) -> Writer {
        self.log.enable_quietly(taken);
        self.snapshots.begun_us = Some(now.monotonic_us);
        self.snapshots.dirty_at_begin = self.stats.dirty;
        self.begin_snapshot()
    }

    /// Takes note that the switch that was asked for is done, or why not, and answers who waits for it.
    pub fn finish_switch(&mut self, order: &SwitchOrder, outcome: Result<(), String>, now: Now) {
        self.is_switching = false;
        if self.snapshots.begun_us.is_some() && order.is_on() {
            self.finish_snapshot(outcome.clone(), now);
        }
        match (&outcome, order.is_on()) {
            (Ok(()), true) => self.log.close_gates(),
            (Ok(()), false) => {
                self.log.disable();
                self.snapshots.is_scheduled = false;
            }
            (Err(_), true) => self.log.disable(),
            (Err(_), false) => {}
        }
        if outcome.is_ok() {
            for (parameter, value) in &order.changes {
                (parameter.set)(&mut self.settings, value).expect("it was tried when it was asked for");
                self.ask(Action::ParameterChanged(parameter));
            }
        }
        self.answer(order.asker, |reply| match outcome {
            Ok(()) => reply.status("OK"),
            Err(why) => {
                reply.error(&format!("ERR CONFIG SET failed (possibly related to argument 'appendonly') - {why}"));
            }
        });
    }
}
