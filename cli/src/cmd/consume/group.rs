//! A stream as a member of a consumer group: at least once, acknowledged when stdout has accepted the bytes.
//!
//! ```text
//!   1  our own pending entries, from a run that ended before it acknowledged   XREADGROUP … STREAMS name 0
//!   2  entries that nobody was given yet                                       XREADGROUP … STREAMS name >
//!   each batch: write, flush, XACK
//! ```

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;

use rbq_client::{Link, Request};
use rbq_resp::Value;

use super::entries::{self, Entry};
use super::queue::refused;
use super::stream::BATCH;
use super::{ConsumeArgs, Quota, Wait};
use crate::exit::Exit;
use crate::failure::{Failure, Result};
use crate::interrupt::Interrupt;
use crate::output::Output as Stdout;

pub(super) async fn run(args: ConsumeArgs) -> Result<Exit> {
    let mut quota = Quota::new(&args, BATCH);
    let mut member = Member::join(&args).await?;
    let mut interrupt = Interrupt::listen()?;
    let mut stdout = Stdout::new();
    let mut phase = Phase::Pending("0".to_owned());
    while let Some(count) = quota.next() {
        let request = member.read(&phase, count, args.wait());
        let reply = tokio::select! {
            biased;
            () = interrupt.pressed() => break,
            reply = member.link.call(request) => reply?,
        };
        let entries = match reply {
            Value::Error(text) if text.starts_with("NOGROUP") => return Err(no_group(&args)),
            reply => entries::read(reply)?,
        };
        match (entries.last(), &mut phase) {
            (None, Phase::Pending(_)) => phase = Phase::New,
            (None, Phase::New) => break,
            (Some(Entry { id, .. }), Phase::Pending(after)) => after.clone_from(id),
            (Some(_), Phase::New) => {}
        }
        quota.take(entries.iter().filter(|entry| entry.fields.is_some()).count());
        for entry in &entries {
            entries::write(&member.name, entry, args.output, stdout.buffer());
            stdout.relieve()?;
        }
        stdout.flush()?;
        member.acknowledge(&entries).await?;
    }
    Ok(interrupt.exit())
}

/// What is read next.
enum Phase {
    /// Our own pending entries after this ID.
    Pending(String),
    /// New ones.
    New,
}

struct Member {
    link: Link,
    name: Vec<u8>,
    group: Vec<u8>,
    consumer: Vec<u8>,
}

impl Member {
    async fn join(args: &ConsumeArgs) -> Result<Self> {
        let bytes = |text: &OsString| text.clone().into_vec();
        let group = args.group.as_ref().map(bytes).unwrap_or_default();
        let consumer = args.consumer.as_ref().map_or_else(host_name, bytes);
        let mut member = Self { link: args.server.link().await?, name: bytes(&args.name), group, consumer };
        if args.create {
            member.create().await?;
        }
        Ok(member)
    }

    async fn create(&mut self) -> Result<()> {
        let request = Request::from(["XGROUP", "CREATE"]).arg(&self.name).arg(&self.group).args(["0", "MKSTREAM"]);
        match self.link.call(request).await? {
            Value::Error(text) if !text.starts_with("BUSYGROUP") => Err(refused(Value::Error(text))),
            _ => Ok(()),
        }
    }

    fn read(&self, phase: &Phase, count: u64, wait: Wait) -> Request {
        let count = count.to_string();
        let mut request = Request::from(["XREADGROUP", "GROUP"]).arg(&self.group).arg(&self.consumer);
        request.extend(["COUNT", &count]);
        // Reading pending entries never waits.
        if let (Phase::New, Some(block)) = (phase, wait.block_ms()) {
            request.extend(["BLOCK", &block]);
        }
        let after = match phase {
            Phase::Pending(after) => after,
            Phase::New => ">",
        };
        request.arg("STREAMS").arg(&self.name).arg(after)
    }

    async fn acknowledge(&mut self, entries: &[Entry]) -> Result<()> {
        if entries.is_empty() {
            return Ok(());
        }
        let ids = entries.iter().map(|entry| &entry.id);
        match self.link.call(Request::new("XACK").arg(&self.name).arg(&self.group).args(ids)).await? {
            Value::Integer(_) => Ok(()),
            other => Err(refused(other)),
        }
    }
}

fn no_group(args: &ConsumeArgs) -> Failure {
    let group = args.group.clone().unwrap_or_default();
    let (group, name) = (group.to_string_lossy(), args.name.to_string_lossy());
    Failure::new(format!("there is no group `{group}` on a stream `{name}`")).hint("--create creates both")
}

/// The same after a restart, so that what we left unacknowledged comes back to us.
fn host_name() -> Vec<u8> {
    rustix::system::uname().nodename().to_bytes().to_vec()
}
