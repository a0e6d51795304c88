//! `rbq completions`: what a shell needs to complete our command line.
//!
//! Written from the declarations of the commands, so that a shell never knows less than `--help`.

use clap::Args;
use clap_complete::Shell;

use crate::app;
use crate::exit::Exit;
use crate::failure::Result;
use crate::output::Output;

/// Write completions for a shell to stdout
#[derive(Debug, Clone, Args)]
#[command(after_help = "bash:        rbq completions bash > ~/.local/share/bash-completion/completions/rbq\n\
    zsh:         rbq completions zsh > \"${fpath[1]}/_rbq\"\n\
    fish:        rbq completions fish > ~/.config/fish/completions/rbq.fish\n\
    elvish:      rbq completions elvish >> ~/.config/elvish/rc.elv\n\
    powershell:  rbq completions powershell >> $PROFILE")]
pub(crate) struct CompletionsArgs {
    /// Which shell
    shell: Shell,
}

pub(crate) fn run(args: &CompletionsArgs) -> Result<Exit> {
    let mut out = Output::new();
    clap_complete::generate(args.shell, &mut app::whole(), "rbq", out.buffer());
    out.flush()?;
    Ok(Exit::Done)
}
