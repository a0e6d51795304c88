//! `rbq produce`: messages into a queue (a list) or a stream, one an argument or one a line of stdin.
//!
//! ```text
//!   queue NAME    LPUSH NAME message             taken from the other end by `rbq consume queue NAME`
//!   stream NAME   XADD NAME * data message       read by `rbq consume stream NAME`
//! ```

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;

use clap::{Args, ValueEnum};
use rbq_client::Request;

use crate::exit::Exit;
use crate::failure::{Result, say};
use crate::interrupt::Interrupt;
use crate::open::ServerArgs;
use crate::sending::{Messages, Sending};

/// Send messages to a queue or a stream
#[derive(Debug, Clone, Args)]
pub(crate) struct ProduceArgs {
    /// What NAME is
    kind: Kind,
    /// The queue's or stream's name
    name: OsString,
    /// The messages; without any, one a line of stdin
    messages: Vec<OsString>,
    /// No summary on stderr
    #[arg(short, long)]
    quiet: bool,
    #[command(flatten)]
    server: ServerArgs,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Kind {
    /// A list: each message goes to one consumer
    Queue,
    /// A stream: messages stay and can be read again
    Stream,
}

pub(crate) async fn run(args: ProduceArgs) -> Result<Exit> {
    let (client, _) = args.server.client().await?;
    let name = args.name.into_vec();
    let request = |message| match args.kind {
        Kind::Queue => Request::new("LPUSH").arg(&name).arg(message),
        Kind::Stream => Request::new("XADD").arg(&name).args(["*", "data"]).arg(message),
    };
    let mut sending = Sending::new(client, Interrupt::listen()?);
    sending.run(Messages::of(args.messages), request, |_| ()).await?;
    if !args.quiet {
        say(&sending.summary());
    }
    Ok(sending.exit())
}
