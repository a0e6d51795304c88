//! `rbq repl`: commands typed by a person, with history, completion, hints and help.
//!
//! ```text
//!   editor's thread ◄──► Repl ◄──► Talk ◄──► server
//!         ▲               │ └────► Monitor ◄ server     each a connection of its own
//!         │               │        Live ◄──► server
//!     printer's thread ◄── Screen: what comes by itself
//! ```
//! Ctrl-C ends what runs and not the REPL: a command that waits loses its connection, for the server has no other way to be told,
//! and a new one is made. A connection lost while nobody waits for an answer is made anew; a command that was sent is never sent
//! twice, because it may have been carried out.

mod assist;
mod backslash;
mod editor;
mod help;
pub(super) mod history;
mod line;
mod live;
mod login;
mod monitor;
mod permission;
mod place;
mod run;
mod screen;
mod show;
mod talk;

use std::io::{self, IsTerminal};
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use tokio::sync::watch;

use self::assist::{Assist, Known};
use self::editor::{Editor, Heard, colors};
use self::line::Unsound;
use self::live::Live;
use self::place::Place;
use self::run::{Next, Repl};
use self::screen::Screen;
use self::show::Show;
use crate::catalog::own;
use crate::consent::confirms;
use crate::duration;
use crate::embedded::Embedded;
use crate::exit::Exit;
use crate::failure::{Failure, Result};
use crate::open::{Server, ServerArgs};

/// Where nobody tells how wide the terminal is.
const COLUMNS_DEFAULT: usize = 80;

/// Type commands: history, completion, hints and help
#[derive(Debug, Clone, Args)]
pub(crate) struct ReplArgs {
    /// Talk to a broker in this process instead of a server; in memory only, unless --dir is given
    #[arg(long)]
    embedded: bool,
    /// With --embedded: what a server with this --dir keeps, durable and locked as there
    #[arg(long, value_name = "DIR", requires = "embedded")]
    dir: Option<PathBuf>,
    /// How long TAB may wait for the server's keys, groups, consumers and channels
    #[arg(long, value_name = "DURATION", value_parser = duration::parse, default_value = "150ms")]
    complete_within: Duration,
    /// In a protected context: send what destroys or moves without asking
    #[arg(long, value_name = "CONTEXT")]
    confirm: Option<String>,
    #[command(flatten)]
    server: ServerArgs,
}

/// Whether a person sits at both ends.
pub(crate) fn is_for_a_person() -> bool {
    io::stdin().is_terminal() && io::stdout().is_terminal()
}

pub(crate) async fn run(args: ReplArgs) -> Result<Exit> {
    let place = match (args.embedded, &args.dir) {
        (false, _) => {
            let server = args.server.server()?;
            let is_confirmed = confirms(args.confirm.as_deref(), server.context.as_deref())?;
            let protected = server.protected && !is_confirmed;
            Place::server(Server { protected, ..server })
        }
        (true, None) => Place::embedded(Embedded::start()),
        (true, Some(dir)) => Place::embedded(Embedded::open(dir)?),
    };
    let embedded = place.embedded.clone();
    let (places, here) = watch::channel(place);
    let live = Live::start(here, args.complete_within);
    let known = Known::new(own());
    let (editor, printer) = Editor::start(Assist::new(known.clone(), live, colors()))?;
    let screen = printer.map(Screen::start).transpose()?;
    let mut repl = Repl::new(places, known, Show::new(screen), editor);
    repl.is_kept = args.dir.is_some();
    repl.begin().await?;
    let ended = converse(&mut repl).await;
    drop(repl);
    if let Some(embedded) = embedded {
        embedded.close();
    }
    ended
}

async fn converse(repl: &mut Repl) -> Result<Exit> {
    loop {
        let input = match repl.hear().await? {
            Heard::Line(input) => input,
            Heard::Dropped => continue,
            Heard::Interrupted => {
                repl.stop().await?;
                continue;
            }
            Heard::End => return repl.end(),
            Heard::Failed(failure) => return Err(failure),
        };
        let commands = line::commands(&input);
        let is_secret = commands.iter().any(|words| history::is_secret(&line::all_texts(words)));
        if !is_secret && !input.trim().is_empty() {
            repl.editor.remember(&input);
        }
        for words in &commands {
            let next = match line::texts(words) {
                Ok(words) => repl.obey(&words).await?,
                Err(Unsound { what, hint }) => repl.refuse(Failure::usage(what).hint(hint)),
            };
            if next == Next::Leave {
                return repl.end();
            }
        }
    }
}

/// The width of the terminal.
fn columns() -> usize {
    let size = rustix::termios::tcgetwinsize(io::stdout());
    size.map(|size| usize::from(size.ws_col)).ok().filter(|columns| *columns > 0).unwrap_or(COLUMNS_DEFAULT)
}
