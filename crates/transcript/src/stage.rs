//! The place a conversation is played in, as the player sees it.
//!
//! A stage carries requests to a server and brings back what each client received. How it knows that everything a
//! step causes has arrived is its own affair: the bare broker has answered when the call returns; over sockets
//! somebody has to wait, and only the stage knows what for. The player helps with what it knows, [`Awaited`].
//!
//! A stage for the bare broker needs little: `connect` opens a session, `request` hands the arguments to it, and
//! `collect` decodes what lies in each session's output, ignoring [`Awaited`]; `advance_to` sets the `now` that the
//! broker is given and lets deadlines pass; `bytes` is [`StageError::Unplayable`] and never called, as such
//! conversations are [skipped](crate::Conversation::skip_on); `finish` is a last `collect`. Its wall clock should
//! start in the present: transcripts take it that the year 3000 is far.

use std::time::Duration;

use bytes::Bytes;
use rbq_resp::Value;
use thiserror::Error;

/// A client of a conversation: its index in the [cast](crate::Conversation::cast).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Client(pub usize);

/// The protocol a client speaks from its first byte.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protocol {
    /// As every connection begins.
    Resp2,
    /// `HELLO 3` was said, and its reply read, before the conversation begins.
    Resp3,
}

/// One thing a client received.
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    /// A reply or a push message.
    Reply(Value),
    /// The server closed the connection.
    Closed,
}

/// What the player knows about the step whose events it collects.
#[derive(Debug, Clone, Copy)]
pub struct Awaited<'a> {
    /// Who acted, and how that client's command ends.
    pub actor: Actor,
    /// How many events the transcript has for each client, by index; a client past the end has none.
    pub counts: &'a [usize],
}

/// The client whose step it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Actor {
    /// Sent one command: it gets at least one event, or is blocked, or has silenced its replies.
    Asked(Client),
    /// Sent bytes: how many requests are complete in them is not known.
    Wrote(Client),
    /// Nobody: a client came or went, or the clock moved.
    Nobody,
}

/// A stage could not do its work; the conversation ends there.
#[derive(Debug, Error)]
pub enum StageError {
    /// The server did not do within the time limit what it must do at once.
    #[error("no answer within {limit:?}: {waiting_for}")]
    Hung {
        /// The time limit.
        limit: Duration,
        /// What was waited for.
        waiting_for: String,
    },
    /// What a server sent is not RESP.
    #[error("{client} received what is not RESP: {problem}")]
    Garbage {
        /// Who received it.
        client: String,
        /// What is wrong with it.
        problem: String,
    },
    /// A step this stage cannot perform, such as bytes on the bare broker.
    #[error("{0}")]
    Unplayable(String),
    /// The connection itself failed.
    #[error("{doing}: {source}")]
    Io {
        /// What was being done.
        doing: String,
        /// The system's error.
        source: std::io::Error,
    },
}

/// Where a conversation is played. A stage serves one conversation, beginning on an empty server.
pub trait Stage {
    /// Opens a connection for this client, closing an older one it may have.
    fn connect(&mut self, client: Client, protocol: Protocol) -> Result<(), StageError>;

    /// Closes this client's connection from its own end, and returns when the server has noticed.
    fn disconnect(&mut self, client: Client) -> Result<(), StageError>;

    /// Sends one command with its name as the first argument.
    fn request(&mut self, client: Client, args: &[Bytes]) -> Result<(), StageError>;

    /// Sends bytes as they are.
    fn bytes(&mut self, client: Client, raw: &[u8]) -> Result<(), StageError>;

    /// Moves the clock to this time since the stage was built; never backwards.
    fn advance_to(&mut self, since_start: Duration) -> Result<(), StageError>;

    /// Everything that clients have received since the last call, complete for the step just performed. Events of
    /// one client stand in the order it received them.
    fn collect(&mut self, awaited: &Awaited<'_>) -> Result<Vec<(Client, Event)>, StageError>;

    /// Ends the conversation and returns what arrived that no step accounted for: a stage with sockets must prove
    /// here that nothing is left on its way.
    fn finish(&mut self) -> Result<Vec<(Client, Event)>, StageError>;
}
