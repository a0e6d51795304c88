//! What becomes of sessions: who they are, how they start over, and how they are ended from outside.

use super::Broker;
use crate::error::Error;
use crate::mail::Letter;
use crate::session::{ClientId, ReplyMode, Session, Subscriptions};

impl Broker {
    /// Whether this connection may run commands. A server that wants no password lets everybody.
    pub(crate) fn is_authenticated(&self, session: &Session) -> bool {
        session.authenticated || self.settings.requirepass.0.is_empty()
    }

    /// Checks a name and password. There is one user, `default`; without `requirepass` any password of its is right.
    pub(crate) fn authenticate(&mut self, client: ClientId, user: &[u8], password: &[u8]) -> Result<(), Error> {
        let secret = self.settings.requirepass.0.as_bytes();
        if user != b"default" || !(secret.is_empty() || is_same_secret(secret, password)) {
            self.stats.auth_failures += 1;
            return Err(Error::WrongPass);
        }
        self.session_mut(client).authenticated = true;
        Ok(())
    }

    /// The database of this index.
    pub(crate) fn db_index(&self, index: i64) -> Result<u8, Error> {
        let is_there = usize::try_from(index).is_ok_and(|index| index < self.group().dbs.len());
        u8::try_from(index).ok().filter(|_| is_there).ok_or(Error::DbIndex)
    }

    /// Makes a session as it was when its client connected. What the client said of its library stays true.
    pub(crate) fn reset_session(&mut self, client: ClientId) {
        self.forget_interests(client);
        let is_open = self.settings.requirepass.0.is_empty();
        let session = self.session_mut(client);
        session.proto = Default::default();
        session.db = 0;
        session.authenticated = is_open || session.peer.trusted;
        session.name.clear();
        session.reply_mode = ReplyMode::On;
        session.transaction = None;
        session.no_evict = false;
        session.no_touch = false;
    }

    /// Ends a connection from outside. It hears, takes and watches nothing from this moment on; the driver closes the
    /// socket when it gets the letter.
    pub(crate) fn kill(&mut self, client: ClientId, reason: &'static str) {
        self.dismiss(client);
        self.mail().post(client, Letter::Close(reason));
    }

    /// The client is about to be closed: it takes nothing from this moment on, of what it waited for or asks for.
    pub fn dismiss(&mut self, client: ClientId) {
        self.forget_interests(client);
        let session = self.session_mut(client);
        session.closing = true;
        session.paused = false;
    }

    /// Whatever a client waited for, watched or listened to.
    pub(super) fn forget_interests(&mut self, client: ClientId) {
        if let Some(parked) = self.session_mut(client).parked.take() {
            self.waiters.leave(client, &parked);
        }
        self.unwatch(client);
        self.untrack(client);
        self.pubsub.forget(client);
        let session = self.session_mut(client);
        session.subscriptions = Subscriptions::default();
        session.monitor = false;
        self.monitors.retain(|other| *other != client);
    }
}

/// Compares two passwords in a time that tells nothing of where they differ, and of the secret's length nothing that
/// is not also told by the guess's own.
fn is_same_secret(secret: &[u8], guess: &[u8]) -> bool {
    let mut difference = secret.len() ^ guess.len();
    for (at, &byte) in guess.iter().enumerate() {
        difference |= usize::from(byte ^ secret[at % secret.len()]);
    }
    std::hint::black_box(difference) == 0
}

#[cfg(test)]
mod tests {
    use super::is_same_secret;

    #[test]
    fn only_the_secret_itself_is_the_secret() {
        assert!(is_same_secret(b"secret", b"secret"));
        for guess in ["", "s", "secre", "secrets", "Secret", "secretsecret", "sesret"] {
            assert!(!is_same_secret(b"secret", guess.as_bytes()), "{guess}");
        }
    }
}
