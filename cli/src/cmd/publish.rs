//! `rbq pub`: publish messages, one an argument or one a line of stdin.
//!
//! A message that nobody hears is gone, and that is no failure; the summary tells how many heard.

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;

use clap::Args;
use rbq_client::Request;
use rbq_resp::Value;

use crate::exit::Exit;
use crate::failure::{Result, say};
use crate::interrupt::Interrupt;
use crate::open::ServerArgs;
use crate::sending::{Messages, Sending};

/// Publish messages to a channel
#[derive(Debug, Clone, Args)]
pub(crate) struct PubArgs {
    /// The channel
    channel: OsString,
    /// The messages; without any, one a line of stdin
    messages: Vec<OsString>,
    /// Publish to a shard channel (SPUBLISH)
    #[arg(long)]
    shard: bool,
    /// No summary on stderr
    #[arg(short, long)]
    quiet: bool,
    #[command(flatten)]
    server: ServerArgs,
}

pub(crate) async fn run(args: PubArgs) -> Result<Exit> {
    let (client, _) = args.server.client().await?;
    let interrupt = Interrupt::listen()?;
    let channel = args.channel.into_vec();
    let verb = if args.shard { "SPUBLISH" } else { "PUBLISH" };
    let mut heard = 0;
    let mut sending = Sending::new(client, interrupt.clone());
    let messages = Messages::of(args.messages);
    sending
        .run(
            messages,
            |message| Request::new(verb).arg(&channel).arg(message),
            |reply| {
                if let Value::Integer(receivers) = reply {
                    heard += receivers;
                }
            },
        )
        .await?;
    if !args.quiet {
        say(&format!("{}, heard {heard} times", sending.summary()));
    }
    Ok(sending.exit())
}
