//! What a command that works on sessions, subscriptions or settings gets to work with.

use super::{Broker, Flow, Mode};
use crate::catalog::Known;
use crate::session::{ClientId, Session};
use crate::settings::Access;
use crate::time::Now;

/// One client's turn at the broker.
pub struct Turn<'t> {
    /// The broker, whole.
    pub broker: &'t mut Broker,
    /// Whose turn it is.
    pub client: ClientId,
    /// The moment of the command.
    pub now: Now,
    /// The command.
    pub command: &'static Known,
    /// What the driver does after it.
    pub flow: Flow,
    pub(crate) mode: Mode,
}

impl Turn<'_> {
    /// The client's session.
    pub fn session(&self) -> &Session {
        self.broker.session(self.client)
    }

    /// The client's session.
    pub fn session_mut(&mut self) -> &mut Session {
        self.broker.session_mut(self.client)
    }

    /// Whether this client may use something as dangerous as this parameter says.
    pub fn is_allowed(&self, access: Access) -> bool {
        match access {
            Access::No => false,
            Access::Local => self.session().peer.is_local(),
            Access::Yes => true,
        }
    }

    /// Parks the client until the driver has done what it was asked for; the ticket of its wait.
    pub(crate) fn park_until_done(&mut self) -> u64 {
        self.flow = Flow::Park;
        self.broker.park_until_done(self.client, self.command, self.now)
    }

    /// Whether the command runs inside an EXEC.
    pub fn in_exec(&self) -> bool {
        self.mode == Mode::Exec
    }
}
