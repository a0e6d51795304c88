//! Telling clients that track what has become stale.

use rbq_resp::{Encoder, Proto, Request, Sink};

use super::Broker;
use crate::catalog::Known;
use crate::command::{Family, Flags};
use crate::session::{ClientId, Session};
use crate::tracking::{Stale, Tracking};

/// The channel on which a RESP2 client hears for another.
const CHANNEL: &[u8] = b"__redis__:invalidate";

impl Broker {
    /// Begins or changes tracking.
    pub(crate) fn track(&mut self, client: ClientId, tracking: Tracking) {
        self.tracker.enable(client, &tracking);
        self.session_mut(client).tracking = Some(Box::new(tracking));
    }

    /// Ends tracking.
    pub(crate) fn untrack(&mut self, client: ClientId) {
        if self.session_mut(client).tracking.take().is_some() {
            self.tracker.disable(client);
        }
    }

    /// Who is told in a client's place: an ID, 0 for nobody else, -1 for a client that does not track.
    pub(crate) fn redirection_of(&self, session: &Session) -> i64 {
        match &session.tracking {
            None => -1,
            Some(tracking) => tracking.redirect.map_or(0, |target| target.id as i64),
        }
    }

    /// Remembers what a command of a tracking client has read.
    #[cold]
    pub(super) fn remember_reads(&mut self, client: ClientId, known: &Known, request: Request<'_>) {
        let session = &self.sessions[client.slot as usize];
        let remembers = session.tracking.as_ref().is_some_and(|tracking| tracking.remembers());
        if remembers && known.flags.has(Flags::READONLY) {
            for position in known.key_positions(request) {
                self.tracker.remember(client, request.arg(position));
            }
            self.tracker.bound(self.settings.tracking_table_max_keys.0 as usize);
        }
    }

    /// CLIENT CACHING holds for one command, or one transaction, and survives other CLIENT commands.
    #[cold]
    pub(super) fn end_caching(&mut self, client: ClientId) {
        let session = self.session_mut(client);
        let is_client_command = session
            .last_command
            .is_some_and(|known| known.group == Family::Connection && known.full_name.starts_with("client|"));
        if session.transaction.is_none()
            && !is_client_command
            && let Some(tracking) = &mut session.tracking
        {
            tracking.caching = false;
        }
    }

    /// A key has changed by whatever runs now.
    #[cold]
    pub(super) fn note_change(&mut self, key: &[u8]) {
        let author = self.author.and_then(|author| self.sessions.get(author.slot as usize));
        let silent = author.filter(|session| session.tracking.as_ref().is_some_and(|tracking| tracking.no_loop));
        self.tracker.note(key, silent.map(|session| session.id));
    }

    /// Tells everybody what has become stale; at the end of each command, behind its log position.
    #[cold]
    pub(super) fn send_invalidations(&mut self) {
        for (client, stale) in self.tracker.take_pending() {
            let session = self.session(client);
            let Some(tracking) = &session.tracking else { continue };
            let (to, proto, is_redirected) = match tracking.redirect {
                None => (client, session.proto, false),
                Some(target) => match self.sessions.get(target.slot as usize).filter(|other| other.id == target) {
                    Some(other) if other.proto == Proto::Resp3 || other.subscriptions.any() => {
                        (target, other.proto, true)
                    }
                    Some(_) => continue,
                    None => {
                        self.redirection_broke(client, target);
                        continue;
                    }
                },
            };
            if proto == Proto::Resp3 || is_redirected {
                self.send_stale(to, proto, &stale);
            }
        }
    }

    fn send_stale(&mut self, to: ClientId, proto: Proto, stale: &Stale) {
        if stale.all {
            self.send_keys(to, proto, None);
        }
        for key in &stale.single {
            self.send_keys(to, proto, Some(std::slice::from_ref(key)));
        }
        for keys in stale.keys.values() {
            self.send_keys(to, proto, Some(keys));
        }
    }

    fn send_keys(&mut self, to: ClientId, proto: Proto, keys: Option<&[std::sync::Arc<[u8]>]>) {
        let gate = self.log.position();
        let envelope = self.mail.envelope(|out| {
            let mut encoder = Encoder::new(out, proto);
            match proto {
                Proto::Resp3 => {
                    encoder.push(2);
                    encoder.bulk(b"invalidate");
                }
                Proto::Resp2 => {
                    encoder.array(3);
                    encoder.bulk(b"message");
                    encoder.bulk(CHANNEL);
                }
            }
            match keys {
                None => encoder.null(),
                Some(keys) => {
                    encoder.array(keys.len());
                    keys.iter().for_each(|key| encoder.bulk(key));
                }
            }
        });
        self.mail.send(to, &envelope, gate);
    }

    /// The one who was told in a client's place is gone: the client itself is told that, if it can be.
    fn redirection_broke(&mut self, client: ClientId, target: ClientId) {
        let session = self.session_mut(client);
        if let Some(tracking) = &mut session.tracking {
            tracking.broken_redirection = true;
        }
        if session.proto == Proto::Resp3 {
            let gate = self.log.position();
            let envelope = self.mail.envelope(|out| {
                let mut encoder = Encoder::new(out, Proto::Resp3);
                encoder.push(2);
                encoder.bulk(b"tracking-redir-broken");
                encoder.integer(target.id as i64);
            });
            self.mail.send(client, &envelope, gate);
        }
    }
}
