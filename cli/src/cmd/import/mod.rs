//! `rbq import`: the keys of a Redis into a server, from its files or from itself.
//!
//! ```text
//!   survey   reads everything once: is it sound, what is in it, which keys has the target already
//!   write    reads it again, and sends
//! ```
//!
//! So a damaged file, or a key that would be overwritten, is found before anything was written. A server at work is
//! surveyed by its keys' names only, and only where the target is not empty.
//!
//! An append-only file is a history, not a state: its commands may touch any key, so it wants an empty target.

mod survey;
mod write;

use std::path::PathBuf;

use clap::Args;
use rbq_client::{Error, Strangeness, Target as Address};
use rbq_rdb::Key;

use self::survey::{Survey, survey};
use crate::consent::{Answer, ConsentArgs, Plan};
use crate::exit::Exit;
use crate::failure::{Failure, Result, say};
use crate::interrupt::Interrupt;
use crate::open::{ServerArgs, of_context};
use crate::progress::Progress;
use crate::records::OutputArgs;
use crate::tls::FromTlsArgs;
use crate::transfer::Source;
use crate::transfer::files::Files;
use crate::transfer::live::{Depth, Live, Selection};
use crate::transfer::rights;
use crate::transfer::tally::{Tally, shown};
use crate::transfer::target::Target;

/// Bring in strings, lists and streams from Redis: its files, or a server at work
#[derive(Debug, Clone, Args)]
#[command(
    after_help = "What is skipped is listed on stdout, with why. Exit code 3: something of the source is missing in the target.\n\n\
--from-tls-… and --from-context are about the source; --tls-…, --url and --context about the target."
)]
pub(crate) struct ImportArgs {
    /// An RDB file, an append-only file or directory, or redis[s]://[user:password@]host[:port][/db]: with a db other than 0 that one
    /// alone
    #[arg(required_unless_present = "from_context")]
    source: Option<String>,
    /// The source is the server that `rbq context add` gave this name
    #[arg(long, value_name = "NAME", conflicts_with = "source")]
    from_context: Option<String>,
    /// Overwrite keys that the target has
    #[arg(long, conflicts_with = "skip_existing")]
    replace: bool,
    /// Leave keys alone that the target has
    #[arg(long)]
    skip_existing: bool,
    #[command(flatten)]
    consent: ConsentArgs,
    #[command(flatten)]
    output: OutputArgs,
    /// No progress and no summary on stderr
    #[arg(short, long)]
    quiet: bool,
    #[command(flatten)]
    from_tls: FromTlsArgs,
    #[command(flatten)]
    server: ServerArgs,
}

/// What becomes of a key that the target has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Existing {
    Refuse,
    Replace,
    Skip,
}

impl Existing {
    /// How to go on after a failure.
    fn next(self, has_commands: bool) -> &'static str {
        match self {
            _ if has_commands => "a log begins at its beginning: empty the target and import it again",
            Self::Replace => "every key in the target is whole; run it again once the reason is gone",
            Self::Refuse | Self::Skip => "every key in the target is whole; `--skip-existing` brings the rest",
        }
    }
}

/// Where keys come from, before it is opened.
#[derive(Debug, Clone)]
enum Origin {
    Files(PathBuf),
    Server(Box<Address>),
}

pub(crate) async fn run(args: ImportArgs) -> Result<Exit> {
    let origin = Origin::of(&args)?;
    let existing = match (args.replace, args.skip_existing) {
        (true, _) => Existing::Replace,
        (_, true) => Existing::Skip,
        _ => Existing::Refuse,
    };
    if args.consent.is_dry_run() {
        return rehearse(&args, &origin).await;
    }
    let address = args.server.target()?;
    if let Origin::Server(source) = &origin
        && source.endpoint == address.endpoint
    {
        return Err(onto_itself());
    }
    if address.db != 0 {
        return Err(Failure::usage(format!(
            "the target names database {}, and keys go to the databases that they come from",
            address.db
        ))
        .hint("leave the database out of the target's URL"));
    }
    if existing == Existing::Replace {
        // Where a log keeps it, the password is in nobody's way.
        let source = if let Origin::Server(source) = &origin { source.to_string() } else { args.shown().to_owned() };
        let plan = Plan::new(format!("import `{source}`, overwriting keys of the same names"));
        if let Answer::Stop(exit) = args.consent.ask(&plan, &args.server)? {
            return Ok(exit);
        }
    }
    let interrupt = Interrupt::listen()?;
    let mut target = Target::open(&address).await?;
    let is_fresh = target.is_empty().await?;
    let before = target.eviction().await?;
    if let Some(policy) = &before.policy {
        say(&format!("warning: the target evicts keys when it is full (maxmemory-policy {policy}): not all may stay"));
    }
    let found = args.look(&origin, &mut target, is_fresh || existing == Existing::Replace, &interrupt).await?;
    if interrupt.was_pressed() {
        say("nothing was imported");
        return Ok(interrupt.exit());
    }
    found.allows(existing, is_fresh, &target)?;
    target.check_databases(&found.databases).await?;
    let mut source = origin.open_beside(&target, Depth::Values).await?;
    let mut tally = Tally::default();
    let next = existing.next(found.has_commands);
    let plan = write::Plan {
        existing,
        present: found.present,
        has_commands: found.has_commands,
        interrupt: interrupt.clone(),
    };
    let progress = args.progress("imported", &source);
    let written = write::write(&mut source, &mut target, &plan, &mut tally, progress).await;
    if !args.quiet {
        let how = if written.is_err() || interrupt.was_pressed() { "imported so far" } else { "imported" };
        say(&format!("{how} {}", tally.summary()));
        tally.say_changed();
    }
    tally.write(args.output)?;
    written.map_err(|failure| failure.or_hint(next))?;
    let evicted = target.eviction().await?.evicted.saturating_sub(before.evicted);
    if evicted > 0 {
        say(&format!(
            "warning: the target evicted keys meanwhile, {evicted} of them: some that were imported may be gone"
        ));
    }
    Ok(match interrupt.exit() {
        Exit::Done if tally.has_losses() || evicted > 0 => Exit::Partly,
        exit => exit,
    })
}

/// Reads everything and sends nothing.
async fn rehearse(args: &ImportArgs, origin: &Origin) -> Result<Exit> {
    let interrupt = Interrupt::listen()?;
    let mut source = origin.open(Depth::Names).await?;
    let progress = args.progress("checked", &source);
    let found = survey(&mut source, None, progress, &interrupt).await?;
    if !args.quiet {
        say(&format!("would import {}", found.tally.summary()));
    }
    found.tally.write(args.output)?;
    Ok(match interrupt.exit() {
        Exit::Done if found.tally.has_losses() => Exit::Partly,
        exit => exit,
    })
}

impl ImportArgs {
    /// The source in a sentence.
    fn shown(&self) -> &str {
        self.source.as_deref().or(self.from_context.as_deref()).unwrap_or_default()
    }

    /// Reads the source once, before anything is written. Of a server at work that is not needed where nothing is in the way: the
    /// target has no keys to be kept, and all the databases.
    async fn look(
        &self,
        origin: &Origin,
        target: &mut Target,
        nothing_to_find: bool,
        interrupt: &Interrupt,
    ) -> Result<Survey> {
        origin.demand_rights().await?;
        let mut source = origin.open_beside(target, Depth::Names).await?;
        if let Source::Live(live) = &source
            && nothing_to_find
            && target.check_databases(live.databases()).await.is_ok()
        {
            return Ok(Survey::default());
        }
        let progress = self.progress("checked", &source);
        survey(&mut source, (!nothing_to_find).then_some(target), progress, interrupt).await
    }

    fn progress(&self, verb: &str, source: &Source) -> Progress {
        let unit = match source {
            Source::Files(_) => "bytes",
            Source::Live(_) => "keys",
        };
        if self.quiet { Progress::silent() } else { Progress::start(&format!("{unit} {verb}"), Some(source.total())) }
    }
}

impl Origin {
    fn of(args: &ImportArgs) -> Result<Self> {
        let mut server = match (&args.source, &args.from_context) {
            (_, Some(name)) => of_context(name)?.target,
            (Some(url), None) if url.contains("://") => url.parse()?,
            (Some(_), None) if args.from_tls.is_any() => {
                return Err(Failure::usage("--from-tls-… is about a server as the source, and the source is a file"));
            }
            (path, None) => return Ok(Self::Files(PathBuf::from(path.clone().unwrap_or_default()))),
        };
        args.from_tls.clone().apply(&mut server);
        Ok(Self::Server(Box::new(server)))
    }

    /// All that the user of a server needs: what is told of at once is granted at once.
    async fn demand_rights(&self) -> Result<()> {
        if let Self::Server(address) = self {
            rights::demand(address, Depth::Values).await.map_err(of_source)?;
        }
        Ok(())
    }

    async fn open(&self, depth: Depth) -> Result<Source> {
        Ok(match self {
            Self::Files(path) => Source::Files(Files::open(path)?),
            Self::Server(address) => {
                let live = Live::open(address, Selection::default(), depth).await.map_err(of_source)?;
                Source::Live(Box::new(live))
            }
        })
    }

    /// The same, unless it is the target: two nodes of a cluster are one server.
    async fn open_beside(&self, target: &Target, depth: Depth) -> Result<Source> {
        match self.open(depth).await? {
            Source::Live(live) if live.nodes().overlap(target.nodes()) => Err(onto_itself()),
            source => Ok(source),
        }
    }
}

/// A hint that names the options of the source, where the usual one names those of the target.
fn of_source(failure: Failure) -> Failure {
    let hint = match &failure {
        Failure::Server(Error::Untrusted { .. }) => {
            "--from-tls-ca names the authority to trust, --from-tls-server-name the name in the certificate"
        }
        Failure::Server(Error::Stranger { strangeness: Strangeness::WantsCertificate, .. }) => {
            "--from-tls-cert and --from-tls-key show one"
        }
        Failure::Server(Error::Auth(_) | Error::Connect { .. }) => {
            "this is the source: check its URL, or the context that --from-context names"
        }
        _ => return failure,
    };
    failure.hint(hint)
}

fn onto_itself() -> Failure {
    Failure::usage("the source is the target").hint("--url names the target")
}

impl Survey {
    /// Whether the import may begin.
    fn allows(&self, existing: Existing, is_fresh: bool, target: &Target) -> Result<()> {
        if self.has_commands && target.nodes().is_cluster() {
            let text =
                "the source is a log of commands, and the target is a cluster: one command may touch several nodes";
            return Err(Failure::new(text).hint("import it into a single server, and that server into the cluster"));
        }
        if self.has_commands && !is_fresh {
            return Err(Failure::new("the source is a log of commands, and the target is not empty")
                .hint("import it into an empty server; an RDB file can be imported beside other keys"));
        }
        if existing == Existing::Refuse && !self.present.is_empty() {
            let names: Vec<String> = self.examples.iter().map(|name| shown(name)).collect();
            let count = self.present.len();
            let more = if count > names.len() { ", …" } else { "" };
            let what =
                if count == 1 { "key of the source is".into() } else { format!("{count} keys of the source are") };
            return Err(Failure::new(format!("{what} in the target already: {}{more}", names.join(", ")))
                .hint("`--replace` overwrites such keys, `--skip-existing` leaves them alone"));
        }
        Ok(())
    }
}

/// Whether its time has come.
fn is_expired(key: &Key, now_ms: u64) -> bool {
    key.expires_ms.is_some_and(|at_ms| at_ms <= now_ms)
}
