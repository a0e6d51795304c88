//! `rbq backup`: asks a running server for a copy of what it keeps on disk.
//!
//! The server writes it, so the directory is on the server's machine; a relative one is taken from where the caller is,
//! which is the same machine as long as the server lets the caller do this at all.

use std::io;
use std::os::unix::ffi::OsStringExt as _;
use std::path::{self, PathBuf};

use clap::Args;
use rbq_client::{Error, Request};
use rbq_resp::Value;

use crate::exit::Exit;
use crate::failure::{Failure, Result, say};
use crate::open::ServerArgs;

/// Copy what a running server keeps on disk into an empty directory
#[derive(Debug, Clone, Args)]
#[command(after_help = "`rbq restore` makes a server's data directory of it again.")]
pub(crate) struct BackupArgs {
    /// Where to: a directory that is empty or not there yet
    dir: PathBuf,
    /// No summary on stderr
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
    let shown = directory.display().to_string();
    let (client, _) = args.server.client().await?;
    let request = Request::new("RBQ").arg("BACKUP").arg(directory.into_os_string().into_vec());
    match client.call(request).await? {
        Value::Error(text) if text.starts_with("ERR unknown command") => {
            Err(Failure::from(Error::from_error_reply(text))
                .hint("only rbq makes backups this way: is this another server?"))
        }
        Value::Error(text) => Err(Error::from_error_reply(text).into()),
        reply => {
            if !args.quiet {
                let [position, files, bytes] = ["position", "files", "bytes"].map(|name| figure(&reply, name));
                say(&format!(
                    "backup of everything up to position {position} in `{shown}`: {files} files, {bytes} bytes"
                ));
            }
            Ok(Exit::Done)
        }
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
