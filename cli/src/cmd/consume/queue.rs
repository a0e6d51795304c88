//! Out of a queue: from the right end of a list, where `LPUSH` has put the oldest.
//!
//! Taking a message removes it, so nothing here may lose what was taken:
//! - Ctrl-C while waiting does not close the connection, on which a message may be coming: `CLIENT UNBLOCK` from a second
//!   connection ends the wait, and whatever the first one was answered is written.
//! - What stdout does not accept goes back to the right end, in its old order.

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;
use std::time::Duration;

use bytes::Bytes;
use rbq_client::{Error, Link, Request};
use rbq_resp::Value;
use tokio::time::timeout;

use super::{ConsumeArgs, Quota, Wait};
use crate::exit::Exit;
use crate::failure::{Failure, Result};
use crate::interrupt::Interrupt;
use crate::output::Output as Stdout;
use crate::print::message::{self, Output};

/// How long a server may take to end our wait before we leave without.
const UNBLOCK_TIMEOUT: Duration = Duration::from_secs(2);

pub(super) async fn run(args: ConsumeArgs) -> Result<Exit> {
    let mut quota = Quota::new(&args, 1);
    let mut queue = Queue::open(&args).await?;
    let mut stdout = Stdout::new();
    while let Some(count) = quota.next() {
        if queue.interrupt.was_pressed() {
            break;
        }
        let messages = queue.take(count).await?;
        if messages.is_empty() {
            break;
        }
        quota.take(messages.len());
        queue.deliver(&messages, args.output, &mut stdout).await?;
    }
    Ok(queue.interrupt.exit())
}

struct Queue<'a> {
    args: &'a ConsumeArgs,
    name: Vec<u8>,
    link: Link,
    client_id: String,
    interrupt: Interrupt,
}

impl<'a> Queue<'a> {
    async fn open(args: &'a ConsumeArgs) -> Result<Self> {
        let mut link = args.server.link().await?;
        let client_id = match link.client_id() {
            Some(id) => id,
            None => match link.call(["CLIENT", "ID"]).await? {
                Value::Integer(id) => id,
                other => return Err(refused(other)),
            },
        };
        let name = OsString::into_vec(args.name.clone());
        Ok(Self { args, name, link, client_id: client_id.to_string(), interrupt: Interrupt::listen()? })
    }

    /// The next messages, oldest first; none if the wait is over, or after Ctrl-C.
    async fn take(&mut self, count: u64) -> Result<Vec<Bytes>> {
        let request = self.request(count);
        self.link.queue(&request);
        self.link.flush().await?;
        let reply = tokio::select! {
            reply = reply(&mut self.link) => reply?,
            () = self.interrupt.pressed() => match self.unblock().await {
                Some(reply) => reply?,
                None => Value::Null,
            },
        };
        match reply {
            // BRPOP: [name, message]; BLMPOP: [name, [messages]]; RPOP: message or [messages].
            Value::Array(mut parts) if self.args.wait() != Wait::No => match parts.pop() {
                Some(Value::Array(messages)) => messages.into_iter().map(bulk).collect(),
                Some(message) => Ok(vec![bulk(message)?]),
                None => Ok(vec![]),
            },
            Value::Array(messages) => messages.into_iter().map(bulk).collect(),
            Value::Null | Value::NullArray => Ok(vec![]),
            message => Ok(vec![bulk(message)?]),
        }
    }

    fn request(&self, count: u64) -> Request {
        let (name, count) = (&self.name, count.to_string());
        match (self.args.wait().timeout_seconds(), count.as_str()) {
            (None, "1") => Request::new("RPOP").arg(name),
            (None, count) => Request::new("RPOP").arg(name).arg(count),
            (Some(timeout), "1") => Request::new("BRPOP").arg(name).arg(timeout),
            (Some(timeout), count) => {
                Request::new("BLMPOP").arg(timeout).arg("1").arg(name).args(["RIGHT", "COUNT", count])
            }
        }
    }

    /// Ends our wait and returns how it ended; `None` if the server does not let us.
    async fn unblock(&mut self) -> Option<rbq_client::Result<Value>> {
        let answered = async {
            let mut helper = self.args.server.link().await.ok()?;
            helper.call(["CLIENT", "UNBLOCK", &self.client_id]).await.ok()?;
            Some(reply(&mut self.link).await)
        };
        timeout(UNBLOCK_TIMEOUT, answered).await.ok().flatten()
    }

    async fn deliver(&mut self, messages: &[Bytes], output: Output, stdout: &mut Stdout) -> Result<()> {
        for (index, message) in messages.iter().enumerate() {
            write(&self.name, message, output, stdout.buffer());
            if let Err(error) = stdout.flush() {
                self.put_back(&messages[index..]).await?;
                return Err(error.into());
            }
        }
        Ok(())
    }

    async fn put_back(&mut self, messages: &[Bytes]) -> Result<()> {
        let request = Request::new("RPUSH").arg(&self.name).args(messages.iter().rev());
        match self.link.call(request).await {
            Ok(Value::Integer(_)) => Ok(()),
            other => {
                let why = other.map_or_else(|error| error.to_string(), |value| format!("{value:?}"));
                let count = messages.len();
                Err(Failure::new(format!("{count} taken from the queue could not be written nor put back: {why}")))
            }
        }
    }
}

/// The next value that is no push. Cancellation-safe.
async fn reply(link: &mut Link) -> rbq_client::Result<Value> {
    loop {
        match link.receive().await? {
            Value::Push(_) => {}
            value => return Ok(value),
        }
    }
}

fn bulk(value: Value) -> Result<Bytes> {
    match value {
        Value::Bulk(bytes) => Ok(bytes),
        other => Err(refused(other)),
    }
}

pub(super) fn refused(value: Value) -> Failure {
    match value {
        Value::Error(text) if text.starts_with("WRONGTYPE") => {
            Failure::new("the key holds something else").hint("`rbq cli TYPE name` tells what it is")
        }
        Value::Error(text) => Error::from_error_reply(text).into(),
        other => Failure::new(format!("the server answered with something unexpected: {other:?}")),
    }
}

fn write(name: &[u8], message: &[u8], output: Output, out: &mut Vec<u8>) {
    match output {
        Output::Raw => out.extend_from_slice(message),
        Output::Text => {
            out.extend_from_slice(message);
            out.push(b'\n');
        }
        Output::Jsonl => {
            message::object([("queue", message::json(name)), ("payload", message::json(message))], out);
        }
    }
}
