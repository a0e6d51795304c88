//! Reading a directory back as a start does, and keeping nothing: whole bytes may say what no broker can be made of.
//!
//! What is checked before are bytes: checksums, order, that nothing is missing. What they say is the state machine's, and a start
//! would be the first to ask it.

use std::ops::ControlFlow;
use std::sync::Arc;

use rbq_broker::op::STATE_VERSION;
use rbq_broker::snapshot::Reader;
use rbq_broker::{Broker, Now, Settings};
use rbq_journal::{Dumped, Storage, dump, dump_log};

use crate::failure::{Failure, Result};

/// As many as a directory can name.
const DATABASES: i64 = 256;

/// Makes a broker of all that is in the directory.
///
/// # Errors
/// There is something that no broker can be made of.
pub(super) fn load(storage: Arc<dyn Storage>) -> Result<()> {
    let mut settings = Settings::default();
    settings.databases.0 = DATABASES;
    let mut broker = Broker::new(settings, 0, Now::default());
    let mut cut = 0;
    let mut refusal = None;
    read_snapshot(&storage, &mut broker, &mut cut, &mut refusal)?;
    if refusal.is_none() {
        dump_log(storage, STATE_VERSION, |dumped| match dumped {
            Dumped::Record { lsn, bytes } if lsn > cut => {
                let replayed = broker.replay(bytes);
                drop(broker.take_garbage());
                stop_at(replayed.err().map(|error| format!("position {lsn} of the log: {error}")), &mut refusal)
            }
            _ => ControlFlow::Continue(()),
        })?;
    }
    refusal.map_or(Ok(()), |what| {
        Err(Failure::new(format!(
            "every byte is as it was written, and a start cannot read back what they say: {what}"
        ))
        .hint("restore a backup; and please report this: no rbq should write what it cannot read"))
    })
}

fn read_snapshot(
    storage: &Arc<dyn Storage>,
    broker: &mut Broker,
    cut: &mut u64,
    refusal: &mut Option<String>,
) -> Result<()> {
    let mut reader: Reader<'_> = broker.load(0);
    let mut has_one = false;
    dump(Arc::clone(storage), STATE_VERSION, |dumped| match dumped {
        Dumped::Snapshot { cut: at } => {
            (*cut, has_one) = (at, true);
            ControlFlow::Continue(())
        }
        Dumped::Section { bytes, .. } => stop_at(reader.push(bytes).err().map(|error| error.to_string()), refusal),
        Dumped::Segment { .. } | Dumped::Batch { .. } | Dumped::Record { .. } => ControlFlow::Break(()),
    })?;
    if has_one && refusal.is_none() {
        *refusal = reader.finish().err().map(|error| error.to_string());
    }
    *refusal = refusal.take().map(|what| format!("the snapshot of position {cut}: {what}"));
    Ok(())
}

/// Goes on unless something was refused.
fn stop_at(what: Option<String>, refusal: &mut Option<String>) -> ControlFlow<()> {
    if what.is_none() {
        return ControlFlow::Continue(());
    }
    *refusal = what;
    ControlFlow::Break(())
}
