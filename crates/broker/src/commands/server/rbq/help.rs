//! `RBQ HELP`.

use super::super::super::help;
use crate::command::{Command, Family, Run};

pub(super) const COMMAND: Command = Command {
    group: Family::Server,
    since: "rbq 0.1.0",
    example: "
        ann  RBQ HELP
        ann: [+\"RBQ <subcommand> [<arg> [value] [opt] ...]. Subcommands are:\", <rest>]
    ",
    run: Run::Act(|turn, _, reply| {
        help::answer(
            turn,
            reply,
            &[
                "BACKUP <directory>",
                "    Copy the snapshot and the log into an empty directory, while the service",
                "    goes on. Answers when the copy is complete.",
            ],
        )
    }),
    ..help::BASE
};
