//! `rbq pub`: publish messages, one an argument or one a line of stdin.
//!
//! A message that nobody hears is gone, and that is no failure; the summary tells how many heard.

use std::ffi::OsString;
use std::io;
use std::os::unix::ffi::OsStringExt;

use clap::Args;
use rbq_client::{Link, Request};
use rbq_resp::Value;

use crate::cmd::produce::PaceArgs;
use crate::exit::Exit;
use crate::failure::{Result, say};
use crate::feed::{self, Input, Requests};
use crate::interrupt::Interrupt;
use crate::open::{ServerArgs, options};
use crate::progress::Progress;
use crate::sending::{Again, Sending, Source};

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
    #[command(flatten)]
    pace: PaceArgs,
    /// No summary on stderr
    #[arg(short, long)]
    quiet: bool,
    #[command(flatten)]
    server: ServerArgs,
}

pub(crate) async fn run(args: PubArgs) -> Result<Exit> {
    let target = args.server.target()?;
    let options = options()?;
    let link = Link::connect(&target, &options).await?;
    let manner = args.pace.manner(Again::Doubled, "the server answered with nothing", vec![Source::messages()]);
    let quiet = args.quiet;
    let mut heard = 0;
    let mut sending = Sending::new((target, options), link, Interrupt::listen()?, manner, Progress::silent());
    let sent = sending.run(requests(args), |reply| {
        if let Value::Integer(receivers) = reply {
            heard += receivers;
        }
    });
    let sent = sent.await;
    sending.tell_failed();
    if !quiet {
        let times = if heard == 1 { "time" } else { "times" };
        say(&format!("{}, heard {heard} {times}", sending.summary()));
    }
    sent.map(|()| sending.exit())
}

fn requests(args: PubArgs) -> Requests {
    feed::start(move |feed| {
        let verb = if args.shard { "SPUBLISH" } else { "PUBLISH" };
        let mut request = Request::new(verb).arg(args.channel.into_vec());
        let mut publish = |message: &[u8]| {
            request.truncate(2);
            request.push(message);
            feed.request(&request)
        };
        if args.messages.is_empty() || args.messages == ["-"] {
            return feed::split(Input::new(feed, io::stdin()), b'\n', publish);
        }
        args.messages.into_iter().try_for_each(|message| publish(&message.into_vec()))
    })
}
