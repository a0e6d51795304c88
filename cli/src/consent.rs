//! The one rule for what destroys or moves: show the plan, then ask.
//!
//! ```text
//!                      on a terminal               elsewhere
//!   --dry-run          the plan, and no more       the plan, and no more
//!   (nothing)          y or n                      refused: needs --yes
//!   --yes              goes on                     goes on
//!   protected context  its name is typed           refused: needs --confirm NAME
//! ```
//!
//! `--yes` is a habit, and a script's line that is copied; so it does not count for a protected context, where only the name
//! does, typed or given by `--confirm`. The plan goes to stderr, since it is no data.

use std::io::{self, BufRead as _, IsTerminal as _, Write as _};

use clap::Args;

use crate::exit::Exit;
use crate::failure::{Failure, Result, say};
use crate::interrupt::while_asking;
use crate::open::{Server, ServerArgs};

/// The options of a command that destroys or moves.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct ConsentArgs {
    /// Do not ask
    #[arg(short, long, conflicts_with = "dry_run")]
    yes: bool,
    /// Only show what would be done
    #[arg(long)]
    dry_run: bool,
    /// Go on in this context, protected or not, without asking
    #[arg(long, value_name = "CONTEXT", conflicts_with = "dry_run")]
    confirm: Option<String>,
}

/// What would be done, in lines for a person.
#[derive(Debug, Clone)]
pub(crate) struct Plan {
    title: String,
    lines: Vec<String>,
    empty: bool,
}

impl Plan {
    /// A plan and what it comes to, in one line: "purge 3 messages of `orders.dlq`".
    pub(crate) fn new(title: impl Into<String>) -> Self {
        Self { title: title.into(), lines: Vec::new(), empty: false }
    }

    /// A plan that comes to nothing, and why: no question is asked.
    pub(crate) fn nothing(title: impl Into<String>) -> Self {
        Self { empty: true, ..Self::new(title) }
    }

    /// A detail: counts, what is skipped and why, what is lost.
    pub(crate) fn line(&mut self, text: impl Into<String>) {
        self.lines.push(text.into());
    }

    fn show(&self, place: &str) {
        say(&format!("plan: {}{place}", self.title));
        for line in &self.lines {
            say(&format!("  {line}"));
        }
    }
}

/// What came of asking.
#[derive(Debug, PartialEq, Eq)]
#[must_use]
pub(crate) enum Answer {
    /// Do it.
    Go,
    /// Leave everything as it is and end so.
    Stop(Exit),
}

/// The context that a plan is about.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct About<'a> {
    pub(crate) context: Option<&'a str>,
    pub(crate) protected: bool,
}

/// Where the question can be put.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ground {
    Terminal,
    Elsewhere,
}

/// What the rule comes to before anybody was asked.
#[derive(Debug, PartialEq, Eq)]
enum Step<'a> {
    Settled(Answer),
    Ask,
    AskForName(&'a str),
}

impl ConsentArgs {
    /// For a command whose own words are the yes, such as `--replace`: only a protected context wants more.
    pub(crate) fn unless_protected(confirm: Option<&str>) -> Self {
        Self { yes: true, dry_run: false, confirm: confirm.map(str::to_owned) }
    }

    /// Shows the plan and asks. Blocks while a person thinks, so it comes before
    /// [`Interrupt::listen`](crate::interrupt::Interrupt::listen): until then Ctrl-C is an answer too, a no.
    ///
    /// # Errors
    /// Nobody can be asked, and the command line does not agree either.
    pub(crate) fn ask(&self, plan: &Plan, server: &ServerArgs) -> Result<Answer> {
        self.ask_on(plan, &server.server()?)
    }

    /// The same of a server that was settled on already.
    pub(crate) fn ask_on(&self, plan: &Plan, server: &Server) -> Result<Answer> {
        let about = About { context: server.context.as_deref(), protected: server.protected };
        self.ask_at(plan, &format!(" on {server}"), about)
    }

    /// The same for what is on this machine. `about` is the context it concerns, if it concerns one.
    pub(crate) fn ask_here(&self, plan: &Plan, about: About<'_>) -> Result<Answer> {
        self.ask_at(plan, "", about)
    }

    /// Whether only the plan is wanted.
    pub(crate) fn is_dry_run(&self) -> bool {
        self.dry_run
    }

    /// The words that agree, as they were given: for a command that goes on with this one's work.
    pub(crate) fn words(&self) -> Vec<String> {
        let yes = self.yes.then(|| "--yes".to_owned());
        let confirm = self.confirm.iter().flat_map(|name| ["--confirm".to_owned(), name.clone()]);
        yes.into_iter().chain(confirm).collect()
    }

    fn ask_at(&self, plan: &Plan, place: &str, about: About<'_>) -> Result<Answer> {
        plan.show(place);
        if plan.empty {
            return Ok(Answer::Stop(Exit::Done));
        }
        let ground = if io::stdin().is_terminal() { Ground::Terminal } else { Ground::Elsewhere };
        let agreed = match self.rule(about, ground)? {
            Step::Settled(answer) => {
                if self.dry_run {
                    say("dry run: nothing was changed");
                }
                return Ok(answer);
            }
            Step::Ask => matches!(prompt("go on? [y/N] ")?.to_ascii_lowercase().as_str(), "y" | "yes"),
            Step::AskForName(name) => prompt(&format!("`{name}` is protected; type its name to go on: "))? == name,
        };
        if agreed {
            return Ok(Answer::Go);
        }
        say("nothing was changed");
        Ok(Answer::Stop(Exit::Failed))
    }

    fn rule<'a>(&self, about: About<'a>, ground: Ground) -> Result<Step<'a>> {
        if self.dry_run {
            return Ok(Step::Settled(Answer::Stop(Exit::Done)));
        }
        if confirms(self.confirm.as_deref(), about.context)? {
            return Ok(Step::Settled(Answer::Go));
        }
        match (about.context.filter(|_| about.protected), ground) {
            (Some(name), Ground::Terminal) => Ok(Step::AskForName(name)),
            (Some(name), Ground::Elsewhere) => Err(Failure::usage(format!("context `{name}` is protected"))
                .hint(format!("`--confirm {name}` agrees to the above"))),
            (None, _) if self.yes => Ok(Step::Settled(Answer::Go)),
            (None, Ground::Terminal) => Ok(Step::Ask),
            (None, Ground::Elsewhere) => {
                Err(Failure::usage("there is no terminal to ask on").hint("`--yes` agrees to the above"))
            }
        }
    }
}

/// Whether `--confirm` agrees to what is done in this context.
///
/// # Errors
/// It names a context that is not in use: what it was to agree to would go elsewhere.
pub(crate) fn confirms(confirm: Option<&str>, context: Option<&str>) -> Result<bool> {
    match (confirm, context) {
        (None, _) => Ok(false),
        (Some(confirmed), Some(name)) if confirmed == name => Ok(true),
        (Some(confirmed), Some(name)) => {
            Err(Failure::usage(format!("`--confirm {confirmed}` does not name the context, `{name}`")))
        }
        (Some(_), None) => Err(Failure::usage("`--confirm` names a context, and none is in use")),
    }
}

/// Asks on stderr, which is the conversation; stdout may lead into a file. Ctrl-C is a no.
fn prompt(question: &str) -> Result<String> {
    while_asking(|| read_answer(question))?
}

fn read_answer(question: &str) -> Result<String> {
    write!(io::stderr(), "{question}")?;
    let mut answer = String::new();
    if io::stdin().lock().read_line(&mut answer)? == 0 {
        // Ctrl-D leaves the cursor behind the question.
        say("");
    }
    Ok(answer.trim().to_owned())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    const FREE: About<'_> = About { context: Some("dev"), protected: false };
    const PROTECTED: About<'_> = About { context: Some("prod"), protected: true };
    const NAMELESS: About<'_> = About { context: None, protected: false };

    fn args(line: &str) -> ConsentArgs {
        let confirm = line.split_once("--confirm ").map(|(_, name)| name.to_owned());
        ConsentArgs { yes: line.contains("--yes"), dry_run: line.contains("--dry-run"), confirm }
    }

    #[test]
    fn what_agrees_and_what_is_asked() {
        for (line, about, ground, step) in [
            ("", FREE, Ground::Terminal, Step::Ask),
            ("", NAMELESS, Ground::Terminal, Step::Ask),
            ("", PROTECTED, Ground::Terminal, Step::AskForName("prod")),
            ("--yes", NAMELESS, Ground::Elsewhere, Step::Settled(Answer::Go)),
            ("--yes", PROTECTED, Ground::Terminal, Step::AskForName("prod")),
            ("--confirm prod", PROTECTED, Ground::Elsewhere, Step::Settled(Answer::Go)),
            ("--confirm dev", FREE, Ground::Elsewhere, Step::Settled(Answer::Go)),
            ("--dry-run", PROTECTED, Ground::Elsewhere, Step::Settled(Answer::Stop(Exit::Done))),
        ] {
            assert_eq!(args(line).rule(about, ground).unwrap(), step, "{line} {about:?} {ground:?}");
        }
    }

    #[test]
    fn off_a_terminal_nothing_goes_on_unless_told() {
        for (line, about) in [("", FREE), ("", NAMELESS), ("", PROTECTED), ("--yes", PROTECTED), ("--confirm x", FREE)]
        {
            let refused = args(line).rule(about, Ground::Elsewhere).unwrap_err();
            assert_eq!(refused.report(), Exit::Usage, "{line} {about:?}");
        }
    }
}
