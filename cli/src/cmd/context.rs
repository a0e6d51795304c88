//! `rbq context`: servers under names of one's own, one of them the current one.
//!
//! A password is never shown again, and can be given on stdin, where no list of processes and no history of a shell has it.

use std::fs;
use std::io::{self, BufRead as _};
use std::path::PathBuf;

use clap::{Args, Subcommand};
use rbq_client::{Target, TargetError, Tls, Trust};

use crate::consent::{About, Answer, ConsentArgs, Plan};
use crate::contexts::{Context, Contexts, path};
use crate::exit::Exit;
use crate::failure::{Failure, Result, say, spoken};
use crate::records::{Cell, Column, OutputArgs, column};
use crate::tls::TlsArgs;

/// Give servers names, and choose one
#[derive(Debug, Clone, Args)]
#[command(after_help = "Contexts are kept in `contexts.toml` in $XDG_CONFIG_HOME/rbq or ~/.config/rbq; \
    RBQ_CONTEXTS names another file.")]
pub(crate) struct ContextArgs {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Clone, Subcommand)]
enum Command {
    Add(AddArgs),
    Use(UseArgs),
    /// List all contexts
    Ls(OutputArgs),
    Rm(RmArgs),
    Show(ShowArgs),
}

/// Give a server a name
#[derive(Debug, Clone, Args)]
struct AddArgs {
    /// Its name: letters, digits, `-`, `_` and `.`
    #[arg(value_parser = parse_name)]
    name: String,
    /// Where it is: redis[s]://[user[:password]@]host[:port][/db] or unix:///path
    #[arg(value_parser = parse_url)]
    url: String,
    /// Read the password from stdin, a line, instead of from the URL
    #[arg(long)]
    password_stdin: bool,
    /// What destroys or moves wants the context's name typed, or given by --confirm
    #[arg(long)]
    protected: bool,
    /// Make it the current one
    #[arg(long = "use")]
    choose: bool,
    /// Replace one that has this name, with all that it keeps: password, TLS, protection
    #[arg(long)]
    replace: bool,
    /// With --replace: go on in this protected context without asking
    #[arg(long, value_name = "CONTEXT", requires = "replace")]
    confirm: Option<String>,
    #[command(flatten)]
    tls: TlsArgs,
}

/// Choose the current one: it is used where no URL and no other context is named
#[derive(Debug, Clone, Args)]
struct UseArgs {
    /// Its name
    name: String,
}

/// Forget one
#[derive(Debug, Clone, Args)]
struct RmArgs {
    /// Its name
    name: String,
    #[command(flatten)]
    consent: ConsentArgs,
}

/// Show one, without its password
#[derive(Debug, Clone, Args)]
struct ShowArgs {
    /// Its name [default: the current one]
    name: Option<String>,
    #[command(flatten)]
    output: OutputArgs,
}

pub(crate) fn run(args: ContextArgs) -> Result<Exit> {
    match args.command {
        Command::Add(args) => add(args),
        Command::Use(args) => choose(&args.name),
        Command::Ls(output) => list(output),
        Command::Rm(args) => remove(&args),
        Command::Show(args) => show(&args),
    }
}

fn parse_name(name: &str) -> std::result::Result<String, &'static str> {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    if name.bytes().all(fits) && !name.is_empty() && !name.starts_with('-') {
        Ok(name.to_owned())
    } else {
        Err("a name has letters, digits, `-`, `_` and `.`")
    }
}

/// The URL is kept as it was written; here it is only seen to be one.
fn parse_url(url: &str) -> std::result::Result<String, TargetError> {
    url.parse::<Target>().map(|_| url.to_owned())
}

fn add(args: AddArgs) -> Result<Exit> {
    let url = if args.password_stdin { with_password(&args.url, &line_of_stdin()?) } else { args.url };
    let mut target: Target = url.parse()?;
    args.tls.apply(&mut target);
    if let Some(tls) = &mut target.tls {
        absolute(tls)?;
    }
    let context = Context::new(url, target.tls.as_ref(), args.protected);
    let name = &args.name;
    let old = Contexts::read()?.find(name).ok().cloned();
    if let Some(old) = &old {
        if !args.replace {
            return Err(Failure::usage(format!("there is a context `{name}` already")).hint("`--replace` replaces it"));
        }
        let consent = ConsentArgs::unless_protected(args.confirm.as_deref());
        let about = About { context: Some(name), protected: old.protected };
        if let Answer::Stop(exit) = consent.ask_here(&replacement(name, old, &context)?, about)? {
            return Ok(exit);
        }
    }
    Contexts::change(|contexts| {
        // Nobody was asked about what another command has put there meanwhile.
        if contexts.find(name).ok() != old.as_ref() {
            return Err(Failure::new(format!("`{name}` was changed meanwhile")).hint("`rbq context show` shows it"));
        }
        contexts.put(name, context);
        if args.choose { contexts.choose(name) } else { Ok(()) }
    })?;
    let done = if old.is_some() { "replaced" } else { "added" };
    let current = if args.choose { ", and it is the current one" } else { "" };
    say(&format!("{done} `{name}`{current}"));
    Ok(Exit::Done)
}

/// What replacing one comes to. What it keeps and the new one does not is named, as it is easily forgotten.
fn replacement(name: &str, old: &Context, new: &Context) -> Result<Plan> {
    let (before, after) = (old.target(name)?, new.target(name)?);
    let mut plan = Plan::new(format!("replace the context `{name}`: {before} becomes {after}"));
    let is_own = |tls: &Option<Tls>| tls.as_ref().is_some_and(|tls| *tls != Tls::default());
    let kept = [
        ("its password", before.credentials.is_some(), after.credentials.is_some()),
        ("TLS", before.tls.is_some(), after.tls.is_some()),
        ("how to speak TLS (authority, certificate, name)", is_own(&before.tls), is_own(&after.tls)),
        ("its protection", old.protected, new.protected),
    ];
    for (what, was, is) in kept {
        if was && !is {
            plan.line(format!("{what} goes"));
        }
    }
    Ok(plan)
}

/// Relative paths would mean another file in another directory; and a file that is not there is better missed now.
fn absolute(tls: &mut Tls) -> Result<()> {
    let existing = |path: &mut PathBuf| -> Result<()> {
        *path = fs::canonicalize(&*path)
            .map_err(|error| Failure::usage(format!("`{}`: {}", path.display(), spoken(&error))))?;
        Ok(())
    };
    if let Trust::File(file) = &mut tls.trust {
        existing(file)?;
    }
    if let Some(identity) = &mut tls.identity {
        existing(&mut identity.certificate)?;
        existing(&mut identity.key)?;
    }
    Ok(())
}

fn line_of_stdin() -> Result<String> {
    let mut line = String::new();
    io::stdin().lock().read_line(&mut line)?;
    let password = line.trim_end_matches(['\n', '\r']);
    if password.is_empty() {
        return Err(Failure::usage("there is no password on stdin"));
    }
    Ok(password.to_owned())
}

/// The URL with this password in place of what it has. Every byte that could mean something is encoded.
fn with_password(url: &str, password: &str) -> String {
    let (scheme, rest) = url.split_once("://").unwrap_or(("redis", url));
    let (user, place) = match rest.rsplit_once('@') {
        Some((who, place)) => (who.split(':').next().unwrap_or_default(), place),
        None => ("", rest),
    };
    let encoded: String = password
        .bytes()
        .map(|byte| match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => char::from(byte).to_string(),
            _ => format!("%{byte:02X}"),
        })
        .collect();
    format!("{scheme}://{user}:{encoded}@{place}")
}

fn choose(name: &str) -> Result<Exit> {
    let place = Contexts::change(|contexts| {
        contexts.choose(name)?;
        contexts.find(name)?.target(name)
    })?;
    say(&format!("`{name}` ({place}) is the current one"));
    Ok(Exit::Done)
}

const LIST: &[Column] =
    &[column("name", "NAME"), column("url", "URL"), column("current", "CURRENT"), column("protected", "PROTECTED")];

fn list(output: OutputArgs) -> Result<Exit> {
    let contexts = Contexts::read()?;
    let current = contexts.current().map(|(name, _)| name);
    let mut records = output.records(LIST);
    for (name, context) in contexts.iter() {
        records.add(vec![
            Cell::word(name),
            Cell::word(context.target(name)?.to_string()),
            Cell::yes_no(current == Some(name)),
            Cell::yes_no(context.protected),
        ])?;
    }
    records.finish()?;
    Ok(Exit::Done)
}

fn remove(args: &RmArgs) -> Result<Exit> {
    let name = args.name.as_str();
    let (target, protected, is_current) = {
        let contexts = Contexts::read()?;
        let context = contexts.find(name)?;
        (context.target(name)?, context.protected, contexts.current().is_some_and(|(current, _)| current == name))
    };
    let mut plan = Plan::new(format!("forget the context `{name}` ({target})"));
    if is_current {
        plan.line(format!("it is the current one: commands that name no server go to {} then", Target::default()));
    }
    if let Answer::Stop(exit) = args.consent.ask_here(&plan, About { context: Some(name), protected })? {
        return Ok(exit);
    }
    Contexts::change(|contexts| {
        contexts.remove(name);
        Ok(())
    })?;
    say(&format!("forgot `{name}`"));
    Ok(Exit::Done)
}

fn show(args: &ShowArgs) -> Result<Exit> {
    let contexts = Contexts::read()?;
    let (name, context) = match &args.name {
        Some(name) => (name.as_str(), contexts.find(name)?),
        None => contexts.current().ok_or_else(|| {
            Failure::new("there is no current context")
                .hint("`rbq context use NAME` chooses one, `rbq context ls` lists them")
        })?,
    };
    let target = context.target(name)?;
    let file = |path: Option<&PathBuf>| Cell::maybe(path, |path| Cell::word(path.display().to_string()));
    let tls = target.tls.as_ref();
    let identity = tls.and_then(|tls| tls.identity.as_ref());
    let ca = tls.and_then(|tls| if let Trust::File(file) = &tls.trust { Some(file) } else { None });
    let insecure = tls.is_some_and(|tls| matches!(tls.trust, Trust::Anyone));
    args.output.one(vec![
        (column("name", "name"), Cell::word(name)),
        (column("url", "url"), Cell::word(target.to_string())),
        (column("password", "password"), Cell::yes_no(target.credentials.is_some())),
        (column("tls", "tls"), Cell::yes_no(tls.is_some())),
        (column("ca", "ca"), file(ca)),
        (column("cert", "cert"), file(identity.map(|identity| &identity.certificate))),
        (column("key", "key"), file(identity.map(|identity| &identity.key))),
        (column("server_name", "server name"), Cell::maybe(tls.and_then(|tls| tls.server_name.clone()), Cell::word)),
        (column("insecure", "insecure"), Cell::yes_no(insecure)),
        (column("protected", "protected"), Cell::yes_no(context.protected)),
        (column("file", "file"), file(path().as_ref())),
    ])?;
    Ok(Exit::Done)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_password_from_stdin_goes_into_the_url_whole() {
        for url in ["redis://ann@h:1/2", "redis://ann:old@h:1/2", "redis://h:1", "unix:///run/r.sock"] {
            let target: Target = with_password(url, "p@ss:w/o%rd é").parse().unwrap();
            let bare: Target = url.parse().unwrap();
            assert_eq!(target.credentials.unwrap().password, "p@ss:w/o%rd é");
            assert_eq!((target.endpoint, target.db), (bare.endpoint, bare.db), "{url}");
        }
    }

    #[test]
    fn names_are_words() {
        assert!(["prod", "prod-2", "a.b_c"].iter().all(|name| parse_name(name).is_ok()));
        assert!(["", "-x", "a b", "a/b", "ü", "a`b"].iter().all(|name| parse_name(name).is_err()));
    }
}
