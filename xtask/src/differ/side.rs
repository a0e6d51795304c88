//! One server with all clients of an episode: says turns, hears everything, knows when it has come to rest.
//!
//! ```text
//!   say ──► write the commands ──► read as many replies, or see the client wait
//!                                       │
//!                                       ├── who waited before and waits no more has a reply coming: read it
//!                                       └── who is subscribed asks PING: what came before the answer is theirs
//! ```
//!
//! Nothing here sleeps for luck. Whether a client waits is asked of the server (`CLIENT LIST`, flag `b`); a reply that
//! must come is waited for.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::thread;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use bytes::Bytes;
use rbq_resp::Value;

use super::honest::{be_honest, counts_entries};
use super::link::Link;
use super::turn::{Args, CAST, LISTENER, Turn, expires_in_ms, may_wait, name, subscribes};

/// How much longer than its deadline a key is given until it has certainly expired.
const EXPIRY_MARGIN: Duration = Duration::from_millis(3);

/// What a client carries in its PING, so that the answer cannot be taken for anything else.
const BARRIER: &str = "differ:barrier";

/// A wait that is over by itself within this time is waited for.
const SHORT_WAIT_MS_MAX: f64 = 2000.0;

/// What came of one command.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Answer {
    /// A reply.
    Reply(Value),
    /// The client waits.
    Waits,
    /// See [`Heard::mixed`].
    Mixed,
    /// It was not sent: its client waits, or it has no place in a transaction (see [`unspoken_in_transaction`]).
    Unsaid,
}

/// What one turn made a server say.
#[derive(Clone, Debug, Default)]
pub(crate) struct Heard {
    /// What came of each command of the turn.
    pub(crate) answers: Vec<Answer>,
    /// What came of commands that are answered by any number of values: the command, and all it brought. To a
    /// subscribed RESP2 client replies and messages look the same, so they stand in one row.
    pub(crate) mixed: Vec<(Args, Vec<Value>)>,
    /// Replies to commands of earlier turns whose client waited no more: who, the command, the reply.
    pub(crate) served: Vec<(usize, Args, Value)>,
    /// Messages: to whom, and what.
    pub(crate) messages: Vec<(usize, Vec<Value>)>,
    /// Whether a message ever stood in the middle of a reply.
    pub(crate) torn: bool,
}

/// A client on this server.
struct Player {
    link: Link,
    /// Speaks RESP3.
    resp3: bool,
    /// Between MULTI and EXEC.
    in_transaction: bool,
    /// The command it waits in.
    waits_in: Option<Args>,
    /// Channels and patterns it listens to, then shard channels.
    subscriptions: [i64; 2],
    /// Messages that are still to be compared.
    inbox: Vec<Value>,
}

impl Player {
    fn listens(&self) -> bool {
        self.subscriptions != [0, 0]
    }

    /// Learns from a message what it listens to.
    fn learn_from(&mut self, value: &Value) {
        let (Value::Push(parts) | Value::Array(parts)) = value else { return };
        let [Value::Bulk(kind), _, Value::Integer(count)] = parts.as_slice() else { return };
        match kind.as_ref() {
            b"subscribe" | b"psubscribe" | b"unsubscribe" | b"punsubscribe" => self.subscriptions[0] = *count,
            b"ssubscribe" | b"sunsubscribe" => self.subscriptions[1] = *count,
            _ => {}
        }
    }

    /// Learns from the reply to a command what state it is in.
    fn learn(&mut self, args: &Args, reply: &Value) {
        let refused = matches!(reply, Value::Error(_));
        match name(args).as_slice() {
            b"MULTI" if !refused => self.in_transaction = true,
            b"EXEC" => self.in_transaction = false,
            b"DISCARD" if !refused => self.in_transaction = false,
            b"HELLO" if !refused => self.resp3 = matches!(reply, Value::Map(_)),
            b"RESET" if !refused => {
                (self.in_transaction, self.resp3, self.subscriptions) = (false, false, [0, 0]);
            }
            _ => {}
        }
    }
}

/// A server and its clients.
pub(crate) struct Side {
    control: Link,
    players: Vec<Player>,
}

impl Side {
    /// Empties the server and connects everybody.
    pub(crate) fn begin(addr: SocketAddr) -> Result<Self> {
        let mut control = Link::open(addr)?;
        control.ask(&["FLUSHALL"])?;
        control.ask(&["CONFIG", "SET", "notify-keyspace-events", "KEA"])?;
        let mut players = Vec::new();
        for member in CAST {
            let mut link = Link::open(addr)?;
            if member.resp3 {
                link.ask(&["HELLO", "3"])?;
            }
            players.push(Player {
                link,
                resp3: member.resp3,
                in_transaction: false,
                waits_in: None,
                subscriptions: [0, 0],
                inbox: Vec::new(),
            });
        }
        let mut side = Self { control, players };
        side.players[LISTENER].link.send([["PSUBSCRIBE", "__key*@*__:*"].map(Bytes::from_static_str).as_slice()])?;
        side.up_to_barrier(LISTENER)?;
        side.take_in(LISTENER)?;
        side.players[LISTENER].inbox.clear();
        Ok(side)
    }

    /// The connection that speaks for nobody.
    pub(crate) fn control(&mut self) -> &mut Link {
        &mut self.control
    }

    /// Says a turn and hears all that comes of it.
    pub(crate) fn perform(&mut self, turn: &Turn) -> Result<Heard> {
        let mut heard = Heard::default();
        let commands: Vec<&Args> = turn.commands().collect();
        self.burst(turn.client, &commands, &mut heard)?;
        self.hear_served(&mut heard)?;
        self.hear_messages(&mut heard)?;
        Ok(heard)
    }

    /// Sends commands at once and reads their replies.
    fn burst(&mut self, client: usize, commands: &[&Args], heard: &mut Heard) -> Result<()> {
        let mut rest = commands;
        while !rest.is_empty() {
            let player = &self.players[client];
            if player.waits_in.is_some() {
                heard.answers.extend(rest.iter().map(|_| Answer::Unsaid));
                return Ok(());
            }
            let alone = |args: &&Args| unspoken_in_transaction(args) || name(args) == b"RESET";
            let is_mixed = player.listens() && !player.resp3;
            let plain = if is_mixed { 0 } else { rest.iter().position(alone).unwrap_or(rest.len()) };
            let (now, later) = rest.split_at(plain.max(1));
            match plain {
                0 => self.alone(client, now[0], heard)?,
                _ => self.plain(client, now, heard)?,
            }
            rest = later;
        }
        Ok(())
    }

    /// Commands that get one reply each; the last one may wait.
    fn plain(&mut self, client: usize, commands: &[&Args], heard: &mut Heard) -> Result<()> {
        let said: Vec<Args> = commands.iter().map(|args| self.with_ids(args)).collect();
        self.players[client].link.send(said.iter().map(Vec::as_slice))?;
        for args in commands {
            let mut answer = self.answer(client, args).with_context(|| shown(args))?;
            if let Answer::Reply(reply) = &mut answer {
                self.without_ids(args, reply);
            }
            if let Answer::Reply(reply) = &answer {
                self.players[client].learn(args, reply);
            }
            heard.answers.push(answer);
        }
        Ok(())
    }

    /// The reply to a command, or that its client waits.
    fn answer(&mut self, client: usize, args: &Args) -> Result<Answer> {
        if !may_wait(args) || self.players[client].in_transaction {
            return Ok(Answer::Reply(self.players[client].link.reply()?));
        }
        if is_short_wait(args) {
            return Ok(Answer::Reply(self.players[client].link.reply()?));
        }
        loop {
            if let Some(reply) = self.players[client].link.reply_if_there()? {
                return Ok(Answer::Reply(reply));
            }
            let waiting = self.waiting()?;
            if waiting.get(&self.players[client].link.id) == Some(&true) {
                // It may have been answered between the look at its connection and the look at the list; a client
                // that waits now has not been.
                self.players[client].waits_in = Some(args.clone());
                return Ok(Answer::Waits);
            }
        }
    }

    /// A command that changes how replies are found, or is said by who cannot tell replies from messages.
    fn alone(&mut self, client: usize, args: &Args, heard: &mut Heard) -> Result<()> {
        if self.players[client].in_transaction {
            if unspoken_in_transaction(args) {
                heard.answers.push(Answer::Unsaid);
                return Ok(());
            }
            return self.plain(client, &[args], heard);
        }
        let mut said = self.with_ids(args);
        let player = &mut self.players[client];
        if player.resp3 || !player.listens() {
            be_honest(&mut player.link, &mut said)?;
        }
        self.players[client].link.send([said.as_slice()])?;
        let mut replies = self.up_to_barrier(client).with_context(|| shown(args))?;
        replies.iter_mut().for_each(|reply| self.without_ids(args, reply));
        self.take_in(client)?;
        let player = &mut self.players[client];
        replies.iter().for_each(|reply| player.learn(args, reply));
        match replies.len() {
            1 if !subscribes(args) => heard.answers.extend(replies.pop().map(Answer::Reply)),
            _ => {
                heard.answers.push(Answer::Mixed);
                heard.mixed.push((args.clone(), replies));
            }
        }
        if let Some(ms) = expires_in_ms(args) {
            thread::sleep(Duration::from_millis(ms) + EXPIRY_MARGIN);
        }
        Ok(())
    }

    /// Every reply a client has got, up to the answer to a PING of its own.
    fn up_to_barrier(&mut self, client: usize) -> Result<Vec<Value>> {
        let player = &mut self.players[client];
        player.link.send([["PING", BARRIER].map(Bytes::from_static_str).as_slice()])?;
        let mut replies = Vec::new();
        loop {
            let reply = player.link.reply()?;
            let ends = match &reply {
                Value::Bulk(bytes) => bytes.as_ref() == BARRIER.as_bytes(),
                Value::Array(parts) => {
                    matches!(parts.as_slice(), [_, Value::Bulk(bytes)] if bytes.as_ref() == BARRIER.as_bytes())
                }
                _ => false,
            };
            if ends {
                return Ok(replies);
            }
            player.learn_from(&reply);
            replies.push(reply);
        }
    }

    /// Replies to those who waited and wait no more.
    fn hear_served(&mut self, heard: &mut Heard) -> Result<()> {
        if self.players.iter().all(|player| player.waits_in.is_none()) {
            return Ok(());
        }
        let waiting = self.waiting()?;
        for (client, player) in self.players.iter_mut().enumerate() {
            let Some(args) = player.waits_in.take_if(|_| waiting.get(&player.link.id) != Some(&true)) else {
                continue;
            };
            let reply = player
                .link
                .reply()
                .with_context(|| format!("{} no longer waits in {}", CAST[client].name, shown(&args)))?;
            heard.served.push((client, args, reply));
        }
        Ok(())
    }

    /// Messages to all who can be asked what they got; who waits or is in a transaction is asked later.
    fn hear_messages(&mut self, heard: &mut Heard) -> Result<()> {
        for client in 0..self.players.len() {
            let player = &self.players[client];
            heard.torn |= player.link.is_torn();
            if player.waits_in.is_some() || player.in_transaction {
                continue;
            }
            // Messages to a RESP2 client look like replies.
            let mut messages = if player.listens() { self.up_to_barrier(client)? } else { Vec::new() };
            self.take_in(client)?;
            messages.append(&mut self.players[client].inbox);
            if !messages.is_empty() {
                heard.messages.push((client, messages));
            }
        }
        Ok(())
    }

    /// Reads what has been pushed to a client, and learns from it what it is subscribed to, in time to be known before
    /// its next command.
    fn take_in(&mut self, client: usize) -> Result<()> {
        let player = &mut self.players[client];
        let messages = player.link.messages()?;
        messages.iter().for_each(|message| player.learn_from(message));
        player.inbox.extend(messages);
        Ok(())
    }

    /// Which clients wait, by ID.
    fn waiting(&mut self) -> Result<BTreeMap<i64, bool>> {
        let list = match self.control.ask(&["CLIENT", "LIST"])? {
            Value::Bulk(text) => String::from_utf8_lossy(&text).into_owned(),
            Value::Verbatim { text, .. } => String::from_utf8_lossy(&text).into_owned(),
            other => bail!("CLIENT LIST answered {other:?}"),
        };
        let field = |line: &str, name: &str| -> Option<String> {
            line.split(' ').find_map(|field| field.strip_prefix(name)).map(str::to_owned)
        };
        let clients = list.lines().filter_map(|line| {
            let id: i64 = field(line, "id=")?.parse().ok()?;
            Some((id, field(line, "flags=")?.contains('b')))
        });
        Ok(clients.collect())
    }

    /// `$bob` is Bob's ID.
    fn with_ids(&self, args: &Args) -> Args {
        let id_of = |arg: &Bytes| {
            let name = arg.strip_prefix(b"$")?;
            let client = CAST.iter().position(|member| member.name.as_bytes() == name)?;
            Some(Bytes::from(self.players[client].link.id.to_string()))
        };
        args.iter().map(|arg| id_of(arg).unwrap_or_else(|| arg.clone())).collect()
    }

    /// An error that quotes the ID of a client names the client instead: each server numbers them by itself.
    fn without_ids(&self, args: &Args, reply: &mut Value) {
        let Value::Error(text) = reply else { return };
        for (member, player) in CAST.iter().zip(&self.players) {
            let said = args.iter().any(|arg| arg.strip_prefix(b"$").is_some_and(|name| name == member.name.as_bytes()));
            if said {
                *text = text.replace(&format!("'{}'", player.link.id), &format!("'${}'", member.name));
            }
        }
    }
}

/// Commands that are not said inside a transaction: their replies come in numbers that EXEC does not count, they
/// change how replies are written while they are, they make a key expire while nobody looks, or what they say depends
/// on what the server holds at that moment.
fn unspoken_in_transaction(args: &Args) -> bool {
    subscribes(args) || name(args) == b"HELLO" || expires_in_ms(args).is_some() || counts_entries(args)
}

/// Whether a wait ends by itself soon.
fn is_short_wait(args: &Args) -> bool {
    let number = |arg: Option<&Bytes>| -> Option<f64> { std::str::from_utf8(arg?).ok()?.parse().ok() };
    let ms = match name(args).as_slice() {
        b"BLMPOP" => number(args.get(1)).map(|s| s * 1000.0),
        b"XREAD" | b"XREADGROUP" => {
            let at = args.iter().position(|arg| arg.eq_ignore_ascii_case(b"BLOCK"));
            at.and_then(|at| number(args.get(at + 1)))
        }
        _ => number(args.last()).map(|s| s * 1000.0),
    };
    ms.is_some_and(|ms| ms > 0.0 && ms <= SHORT_WAIT_MS_MAX)
}

fn shown(args: &Args) -> String {
    args.iter().map(|arg| rbq_resp::quote(arg)).collect::<Vec<_>>().join(" ")
}

/// `Bytes::from_static` for text.
trait FromStaticStr {
    fn from_static_str(text: &'static str) -> Self;
}

impl FromStaticStr for Bytes {
    fn from_static_str(text: &'static str) -> Self {
        Bytes::from_static(text.as_bytes())
    }
}
