//! A stream without a group: everything from `--from` on, then whatever comes. Reading changes nothing on the server.

use std::os::unix::ffi::OsStringExt;

use rbq_client::Request;

use super::entries::{self, Entry};
use super::{ConsumeArgs, Quota};
use crate::exit::Exit;
use crate::failure::Result;
use crate::interrupt::Interrupt;
use crate::output::Output as Stdout;

/// Entries asked for at once, unless told otherwise: a round trip a hundred is no cost, and ordinary ones take some 10 KiB.
pub(super) const BATCH: u64 = 100;

pub(super) async fn run(args: ConsumeArgs) -> Result<Exit> {
    let mut quota = Quota::new(&args, BATCH);
    let mut link = args.server.link().await?;
    let mut interrupt = Interrupt::listen()?;
    let mut stdout = Stdout::new();
    let name = args.name.clone().into_vec();
    let mut after = args.from.clone();
    while let Some(count) = quota.next() {
        let mut request = Request::from(["XREAD", "COUNT", &count.to_string()]);
        if let Some(block) = args.wait().block_ms() {
            request.extend(["BLOCK", &block]);
        }
        let request = request.arg("STREAMS").arg(&name).arg(&after);
        let reply = tokio::select! {
            biased;
            () = interrupt.pressed() => break,
            reply = link.call(request) => reply?,
        };
        let entries = entries::read(reply)?;
        let Some(Entry { id, .. }) = entries.last() else {
            break;
        };
        after.clone_from(id);
        quota.take(entries.len());
        for entry in &entries {
            entries::write(&name, entry, args.output, stdout.buffer());
            stdout.relieve()?;
        }
        stdout.flush()?;
    }
    Ok(interrupt.exit())
}
