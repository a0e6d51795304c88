//! `SHUTDOWN [NOSAVE | SAVE] [NOW] [FORCE] [ABORT]`: ends the server.
//!
//! There is no answer: the connection closes, and then the server is gone. Nothing has to be waited for (there are no
//! replicas) or saved (the log is always up to date), so a shutdown is never in progress. Without a log there is nothing to save to,
//! and whoever asks for that is told so; FORCE ends the server all the same.

use crate::args::Args;
use crate::broker::{Action, Flow};
use crate::command::{Arg, Arity, Command, Family, Flags, Run};
use crate::error::Error;

pub(super) const COMMAND: Command = Command {
    name: "SHUTDOWN",
    group: Family::Server,
    summary: "Synchronously saves the database(s) to disk and shuts down the server.",
    complexity: "O(N) when saving, where N is the total number of keys in all databases when saving data, otherwise O(1)",
    arity: Arity::AtLeast(1),
    flags: Flags::ADMIN
        .with(Flags::NO_SCRIPT)
        .with(Flags::LOADING)
        .with(Flags::STALE)
        .with(Flags::NO_MULTI)
        .with(Flags::ALLOW_BUSY),
    args: &[
        Arg::one_of("save-selector", &[Arg::word("nosave", "NOSAVE"), Arg::word("save", "SAVE")]).optional(),
        Arg::word("now", "NOW").optional().since("7.0.0"),
        Arg::word("force", "FORCE").optional().since("7.0.0"),
        Arg::word("abort", "ABORT").optional().since("7.0.0"),
    ],
    history: &[("7.0.0", "Added the `NOW`, `FORCE` and `ABORT` modifiers.")],
    example: "
        ann  SHUTDOWN ABORT
        ann: -ERR No shutdown in progress.
        ann  SHUTDOWN SAVE
        ann: -ERR Errors trying to SHUTDOWN: there is nothing to save to, as appendonly is 'no'; NOSAVE or FORCE ends the server all the same
        ann  SHUTDOWN NOSAVE
        ann: <closed>
    ",
    run: Run::Act(|turn, args, _| {
        match parse(args)? {
            Wish::Abort => return Err(Error::Fixed("ERR No shutdown in progress.")),
            Wish::Saved if !turn.broker.settings.appendonly.0 => return Err(NOTHING_SAVED),
            Wish::Saved | Wish::Shutdown => {}
        }
        turn.broker.ask(Action::Shutdown);
        turn.flow = Flow::Close;
        Ok(())
    }),
    ..Command::BASE
};

const NOTHING_SAVED: Error = Error::Fixed(
    "ERR Errors trying to SHUTDOWN: there is nothing to save to, as appendonly is 'no'; NOSAVE or FORCE ends the server all the same",
);

enum Wish {
    Shutdown,
    /// Only if all is saved.
    Saved,
    Abort,
}

fn parse(args: &mut Args<'_>) -> Result<Wish, Error> {
    let (mut save, mut nosave, mut now, mut force, mut abort) = (false, false, false, false, false);
    while let Some(option) = args.optional() {
        match option.to_ascii_uppercase().as_slice() {
            b"SAVE" => save = true,
            b"NOSAVE" => nosave = true,
            b"NOW" => now = true,
            b"FORCE" => force = true,
            b"ABORT" => abort = true,
            _ => return Err(Error::Syntax),
        }
    }
    if (save && nosave) || (abort && (save || nosave || now || force)) {
        return Err(Error::Syntax);
    }
    Ok(match () {
        () if abort => Wish::Abort,
        () if save && !force => Wish::Saved,
        () => Wish::Shutdown,
    })
}
