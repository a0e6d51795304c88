//! `rbq backup`: asks a running server for a copy of what it keeps on disk.
//!
//! The server writes it, so the directory is on the server's machine; a relative one is taken from where the caller is,
//! which is the same machine as long as the server lets the caller do this at all.
//!
//! The server gives it up when we go, and only a whole one gets the name that was asked for. So whatever ends us, nothing that
//! looks like a backup is left.

use std::io;
use std::os::unix::ffi::OsStringExt as _;
use std::path::{self, PathBuf};
use std::time::Duration;

use clap::Args;
use rbq_client::{Error, Request};
use rbq_resp::Value;

use crate::exit::Exit;
use crate::failure::{Failure, Result, say};
use crate::interrupt::Interrupt;
use crate::open::ServerArgs;
use crate::progress::Progress;

/// How often the server is asked how far it is: as often as it looks itself, or nearly.
const LOOK_EVERY: Duration = Duration::from_millis(200);

/// Copy what a running server keeps on disk into an empty directory
#[derive(Debug, Clone, Args)]
#[command(after_help = "`rbq restore` makes a server's data directory of it again.")]
pub(crate) struct BackupArgs {
    /// Where to: a directory that is empty or not there yet
    dir: PathBuf,
    /// No progress and no summary on stderr
    #[arg(short, long)]
    quiet: bool,
    #[command(flatten)]
    server: ServerArgs,
}

pub(crate) async fn run(args: BackupArgs) -> Result<Exit> {
    let directory = path::absolute(&args.dir).map_err(|error| match error.kind() {
        io::ErrorKind::InvalidInput => Failure::usage("the directory has no name"),
        _ => error.into(),
    })?;
    let directory = resolved(directory);
    let shown = directory.display().to_string();
    let (client, _) = args.server.client().await?;
    let request = Request::new("RBQ").arg("BACKUP").arg(directory.into_os_string().into_vec());
    let mut interrupt = Interrupt::listen()?;
    let reply = tokio::select! {
        reply = client.call(request) => reply.map_err(refused)?,
        () = interrupt.pressed() => {
            say(&format!("interrupted: the server gives the backup up, and removes `{shown}.partial`"));
            return Ok(interrupt.exit());
        }
        never = show_progress(&args) => never,
    };
    if !args.quiet {
        let [position, files, bytes] = ["position", "files", "bytes"].map(|name| figure(&reply, name));
        say(&format!(
            "backup of everything up to position {position} in `{shown}`: {files} files, {bytes} bytes of log and snapshot"
        ));
    }
    Ok(Exit::Done)
}

/// Without links and `..` on the way, where they can be followed: so it is named in what is told.
fn resolved(directory: PathBuf) -> PathBuf {
    let above = directory.parent().and_then(|above| above.canonicalize().ok());
    match (above, directory.file_name()) {
        (Some(above), Some(name)) => above.join(name),
        _ => directory,
    }
}

fn refused(error: Error) -> Failure {
    match &error {
        Error::Reply(reply) if reply.text().contains(" is not empty: ") => {
            Failure::from(error).hint("name a directory that is empty or not there yet")
        }
        _ => error.into(),
    }
}

/// Shows how far the server is, as it tells on a connection of its own, for as long as it is waited for.
async fn show_progress(args: &BackupArgs) -> Value {
    if !args.quiet {
        tokio::time::sleep(LOOK_EVERY).await;
        // Who is not told how far it is waits all the same.
        let _ = follow(&args.server).await;
    }
    std::future::pending().await
}

async fn follow(server: &ServerArgs) -> Result<()> {
    let (client, _) = server.client().await?;
    let mut progress: Option<(Progress, u64)> = None;
    loop {
        let Value::Bulk(info) = client.call(Request::new("INFO").arg("persistence")).await? else { return Ok(()) };
        let info = String::from_utf8_lossy(&info).into_owned();
        let told = |name: &str| {
            info.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':')?.trim().parse::<u64>().ok())
        };
        if let (Some(done), Some(total)) = (told("rbq_backup_bytes"), told("rbq_backup_bytes_total")) {
            let (bar, shown) =
                progress.get_or_insert_with(|| (Progress::start("bytes copied and verified", Some(total)), 0));
            bar.add(done.saturating_sub(*shown));
            *shown = done.max(*shown);
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

/// A member of the answer, which is a map in RESP3 and a list in RESP2.
fn figure(reply: &Value, wanted: &str) -> i64 {
    let pairs: Vec<(&Value, &Value)> = match reply {
        Value::Map(pairs) => pairs.iter().map(|(name, value)| (name, value)).collect(),
        Value::Array(values) => values.chunks_exact(2).map(|pair| (&pair[0], &pair[1])).collect(),
        _ => Vec::new(),
    };
    let found = pairs.into_iter().find(|(name, _)| matches!(name, Value::Bulk(bytes) if bytes == wanted));
    match found {
        Some((_, Value::Integer(figure))) => *figure,
        _ => 0,
    }
}
