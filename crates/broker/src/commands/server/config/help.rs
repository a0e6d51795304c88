//! `CONFIG HELP`.

use super::super::super::help;
use crate::command::{Command, Family, Run};

pub(super) const COMMAND: Command = Command {
    group: Family::Server,
    example: "
        ann  CONFIG HELP
        ann: [+\"CONFIG <subcommand> [<arg> [value] [opt] ...]. Subcommands are:\", <rest>]
    ",
    run: Run::Act(|turn, _, reply| {
        help::answer(
            turn,
            reply,
            &[
                "GET <pattern>",
                "    Return parameters matching the glob-like <pattern> and their values.",
                "SET <directive> <value>",
                "    Set the configuration <directive> to <value>.",
                "RESETSTAT",
                "    Reset statistics reported by the INFO command.",
                "REWRITE",
                "    Rewrite the configuration file.",
            ],
        )
    }),
    ..help::BASE
};
