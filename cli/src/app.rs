//! The commands of `rbq`, and what `rbq` alone means: a REPL for a person, commands from stdin for a script.

use std::env;
use std::ffi::OsString;
use std::process::ExitCode;

use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};

use crate::cmd::cli::Complaint;
use crate::cmd::{
    backup, bench, check, cli, completions, consume, context, dlq, export, group, import, journal, man, produce,
    publish, queue, repl, restore, stream, subscribe,
};
use crate::exit::{Exit, Health};
use crate::failure::{Failure, Result, say};

/// A message broker that every Redis client speaks to
#[derive(Debug, Parser)]
#[command(name = "rbq", version, max_term_width = 100, args_conflicts_with_subcommands = true)]
#[command(after_help = ending())]
struct Rbq {
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Subcommand)]
enum Command {
    Cli(cli::CliArgs),
    Repl(repl::ReplArgs),
    Pub(publish::PubArgs),
    Sub(subscribe::SubArgs),
    Produce(produce::ProduceArgs),
    Consume(consume::ConsumeArgs),
    Queue(queue::QueueArgs),
    Stream(stream::StreamArgs),
    Group(group::GroupArgs),
    Dlq(dlq::DlqArgs),
    Bench(bench::BenchArgs),
    Check(check::CheckArgs),
    Backup(backup::BackupArgs),
    Restore(restore::RestoreArgs),
    Journal(journal::JournalArgs),
    Import(import::ImportArgs),
    Export(export::ExportArgs),
    Context(context::ContextArgs),
    Completions(completions::CompletionsArgs),
    Man(man::ManArgs),
}

fn ending() -> String {
    let codes: Vec<String> = Exit::ALL.iter().map(|exit| format!("{} {}", exit.code(), exit.meaning())).collect();
    format!(
        "Without a command: the REPL on a terminal, otherwise commands from stdin as `rbq cli`; both go to the \
         current context.\nExit codes: {}.",
        codes.join(", ")
    )
}

/// Parses the command line and runs it.
pub(crate) fn run() -> ExitCode {
    let matches = match whole().try_get_matches() {
        Ok(matches) => matches,
        Err(error) => return refuse(&error),
    };
    if matches.subcommand_name() == Some("server") {
        // It brings its own command line and its own runtimes; what follows `rbq` is its business.
        return rbq_server::main("rbq server", env::args_os().skip(1));
    }
    let command = Rbq::from_arg_matches(&matches).map(|rbq| rbq.command).unwrap_or_else(|error| error.exit());
    converse(command.unwrap_or_else(default_command)).into()
}

/// Says why the command line makes no sense. Two commands are used by those who expect another's words or codes, and
/// other programs take options before a command.
fn refuse(error: &clap::Error) -> ExitCode {
    let arguments: Vec<OsString> = env::args_os().collect();
    match arguments.get(1).and_then(|command| command.to_str()) {
        Some("cli") => match cli::complaint(error, arguments.last()) {
            Some(Complaint::Unrecognized(flag)) => {
                say(&cli::unrecognized(&flag));
                return Exit::Failed.into();
            }
            // redis-cli's `-h` is a host's flag, and without one a cry for help.
            Some(Complaint::HelpWanted) => match whole().try_get_matches_from(["rbq", "cli", "--help"]) {
                Err(help) => help.exit(),
                Ok(_) => unreachable!("help ends the parsing"),
            },
            None => {}
        },
        // 2 is critical to a monitoring system: a command line that makes no sense is unknown.
        Some("check") if error.use_stderr() => {
            // With stderr gone there is nobody left to complain to.
            let _ = error.print();
            return Exit::Health(Health::Unknown).into();
        }
        Some(option) if option.starts_with('-') && error.use_stderr() => {
            let _ = error.print();
            say("hint: options stand behind a command, as in `rbq repl --url URL`");
            return Exit::Usage.into();
        }
        _ => {}
    }
    error.exit()
}

/// Every command, the server's included.
pub(crate) fn whole() -> clap::Command {
    let server = rbq_server::command("server").about("Run the broker").display_order(0);
    Rbq::command().subcommand(server)
}

fn converse(command: Command) -> Exit {
    // One thread: the work is one connection and two pipes.
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return Failure::from(error).report(),
    };
    let ended = runtime.block_on(dispatch(command));
    // A thread that still reads stdin, or looks up a name, must not hold us up.
    runtime.shutdown_background();
    ended.unwrap_or_else(Failure::report)
}

async fn dispatch(command: Command) -> Result<Exit> {
    match command {
        Command::Cli(args) => cli::run(args).await,
        Command::Repl(args) => repl::run(args).await,
        Command::Pub(args) => publish::run(args).await,
        Command::Sub(args) => subscribe::run(args).await,
        Command::Produce(args) => produce::run(args).await,
        Command::Consume(args) => consume::run(args).await,
        Command::Queue(args) => queue::run(args).await,
        Command::Stream(args) => stream::run(args).await,
        Command::Group(args) => group::run(args).await,
        Command::Dlq(args) => dlq::run(args).await,
        Command::Check(args) => check::run(args).await,
        Command::Bench(args) => bench::run(args).await,
        Command::Backup(args) => backup::run(args).await,
        Command::Restore(args) => restore::run(args).await,
        Command::Journal(args) => journal::run(args).await,
        Command::Import(args) => import::run(args).await,
        Command::Export(args) => export::run(args).await,
        Command::Context(args) => context::run(args),
        Command::Completions(args) => completions::run(&args),
        Command::Man(args) => man::run(&args),
    }
}

fn default_command() -> Command {
    // Parsed rather than built, so that defaults and the environment count.
    let name = if repl::is_for_a_person() { "repl" } else { "cli" };
    let mut command = Rbq::parse_from(["rbq", name]).command.expect("a command was named");
    if let Command::Cli(args) = &mut command {
        // Plain `rbq` talks to the same server on a terminal and off one.
        args.follows_current = true;
    }
    command
}

#[cfg(test)]
mod tests {
    use clap::builder::StyledStr;

    const COLUMNS: usize = 100;

    fn every(command: &clap::Command, see: &mut impl FnMut(&clap::Command)) {
        see(command);
        command.get_subcommands().for_each(|command| every(command, see));
    }

    #[test]
    fn the_command_line_is_sound() {
        super::whole().debug_assert();
    }

    #[test]
    fn help_fits_a_hundred_columns() {
        let mut whole = super::whole();
        whole.build();
        every(&whole, &mut |command| {
            let mut command = command.clone().term_width(COLUMNS);
            for help in [command.render_help(), command.render_long_help()] {
                for line in help.to_string().lines() {
                    assert!(line.chars().count() <= COLUMNS, "{}: {line}", command.get_name());
                }
            }
        });
    }

    /// Lines are broken where they are shown: one that is broken by hand breaks again in the wrong place. Lists are no prose.
    #[test]
    fn help_is_not_broken_by_hand() {
        let is_broken = |text: &StyledStr| {
            let text = text.to_string();
            let mut paragraphs = text.split("\n\n").map(|paragraph| paragraph.lines().collect::<Vec<_>>());
            let goes_on = |line: &&str| line.starts_with(|c: char| c.is_lowercase()) && !line.contains("  ");
            paragraphs.any(|lines| lines.iter().skip(1).any(goes_on))
        };
        let mut whole = super::whole();
        whole.build();
        every(&whole, &mut |command| {
            let ends = [command.get_after_help(), command.get_after_long_help(), command.get_long_about()];
            let args = command.get_arguments().flat_map(|arg| [arg.get_help(), arg.get_long_help()]);
            for text in args.chain(ends).flatten() {
                assert!(!is_broken(text), "{}: {text}", command.get_name());
            }
        });
    }
}
