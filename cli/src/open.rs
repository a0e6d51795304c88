//! Which server, and as whom. What is nearer to the command counts more:
//!
//! ```text
//!   --url or --context  ►  RBQ_URL  ►  RBQ_CONTEXT  ►  the current context  ►  the server on this machine
//! ```
//!
//! A password that is in none of them is looked for in `REDISCLI_AUTH`.

use std::env;
use std::time::Duration;

use rbq_client::{Client, Credentials, Late, Link, Options, Pushes, Target, TargetError};

use crate::contexts::{Context, Contexts};
use crate::duration;
use crate::failure::{Failure, Result, say};
use crate::tls::TlsArgs;

/// Where redis-cli looks for a password, so that it need not stand on a command line.
const PASSWORD_VARIABLE: &str = "REDISCLI_AUTH";

/// Which server, unless the command line says so.
const URL_VARIABLE: &str = "RBQ_URL";

/// Which context, unless the command line or [`URL_VARIABLE`] says so.
const CONTEXT_VARIABLE: &str = "RBQ_CONTEXT";

/// How long a server may take to answer, beyond what a command waits by itself; `0s` for ever.
const TIMEOUT_VARIABLE: &str = "RBQ_REPLY_TIMEOUT";

/// Unless [`TIMEOUT_VARIABLE`] says so: longer than a server at work holds up a command, and no longer than a lease lasts.
const REPLY_TIMEOUT: Duration = Duration::from_secs(30);

/// When a person begins to wonder.
const LATE_AFTER: Duration = Duration::from_secs(5);

/// Under which these options stand in `--help` and in the manual.
pub(crate) const HEADING: &str = "Server";

/// The options that say which server.
// The environment is read by hand: clap would take `RBQ_CONTEXT` beside `--url` for a contradiction.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct ServerArgs {
    /// The server: redis[s]://[user:password@]host[:port][/db] or unix:///path
    /// [env: RBQ_URL] [default: the current context, else redis://127.0.0.1:6379]
    #[arg(short, long, value_parser = parse_url, help_heading = HEADING)]
    url: Option<Target>,
    /// The server that `rbq context add` gave this name [env: RBQ_CONTEXT]
    #[arg(long, value_name = "NAME", conflicts_with = "url", help_heading = HEADING)]
    context: Option<String>,
    #[command(flatten)]
    tls: TlsArgs,
}

/// A server that was settled on.
#[derive(Debug, Clone, Default)]
pub(crate) struct Server {
    pub(crate) target: Target,
    /// The name of the context it comes from, if it comes from one.
    pub(crate) context: Option<String>,
    /// Whether what destroys or moves wants the context's name typed.
    pub(crate) protected: bool,
}

/// The context's name and the URL, without the password.
impl std::fmt::Display for Server {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.context {
            Some(name) => write!(f, "`{name}` ({})", self.target),
            None => write!(f, "{}", self.target),
        }
    }
}

/// The URL as it can be given again: behind a user stands a colon, because a name alone is a password.
fn without_password(url: &Target) -> String {
    let text = url.to_string();
    match url.credentials.as_ref().and_then(|credentials| credentials.user.as_ref()) {
        Some(user) => text.replacen(&format!("{user}@"), &format!("{}:@", percent(user)), 1),
        None => text,
    }
}

/// A user's name as a URL has it.
fn percent(name: &str) -> String {
    let mut text = String::with_capacity(name.len());
    for byte in name.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            text.push(byte.into());
        } else {
            text.push_str(&format!("%{byte:02X}"));
        }
    }
    text
}

fn parse_url(url: &str) -> std::result::Result<Target, TargetError> {
    url.parse()
}

impl ServerArgs {
    /// The server named, with the password of the environment if nothing nearer has one.
    ///
    /// # Errors
    /// A context that is not there, an `RBQ_URL` that is no URL, a file of contexts that others could read.
    pub(crate) fn server(&self) -> Result<Server> {
        let named = match (&self.url, &self.context) {
            (Some(url), _) => Some(Server { target: url.clone(), ..Server::default() }),
            (None, Some(name)) => Some(of_context(name)?),
            (None, None) => match environment_server()? {
                None => current_server()?,
                named => named,
            },
        };
        let mut server = named.unwrap_or_default();
        self.tls.apply(&mut server.target);
        complete(&mut server.target);
        Ok(server)
    }

    /// The words that name the server, as they were given, for a command that goes on with this one's work. A password is left
    /// out: it would be on the screen, and in `REDISCLI_AUTH` it counts all the same.
    pub(crate) fn words(&self) -> Vec<String> {
        let url = self.url.iter().flat_map(|url| ["--url".to_owned(), without_password(url)]);
        let context = self.context.iter().flat_map(|name| ["--context".to_owned(), name.clone()]);
        url.chain(context).chain(self.tls.words()).collect()
    }

    /// What to do so that [`words`](Self::words) lead there again, where they leave out a password.
    pub(crate) fn password_left_out(&self) -> Option<String> {
        let password = self.url.as_ref()?.credentials.as_ref().map(|credentials| credentials.password.as_str());
        let is_elsewhere = environment_password().as_deref() == password;
        (password.is_some_and(|password| !password.is_empty()) && !is_elsewhere).then(|| {
            format!(
                "the password is left out there, and is read from {PASSWORD_VARIABLE}; a URL in {URL_VARIABLE} or a context keeps it"
            )
        })
    }

    /// Where that server is.
    pub(crate) fn target(&self) -> Result<Target> {
        Ok(self.server()?.target)
    }

    /// A connection to be read by its owner.
    pub(crate) async fn link(&self) -> Result<Link> {
        Ok(Link::connect(&self.target()?, &options()?).await?)
    }

    /// A connection with replies matched to requests.
    pub(crate) async fn client(&self) -> Result<(Client, Pushes)> {
        Ok(Client::connect(&self.target()?, &greeting()?).await?)
    }
}

/// How to talk to a server that may hang: what is late is said, and what does not come counts as a lost connection.
///
/// # Errors
/// An `RBQ_REPLY_TIMEOUT` that is no duration.
pub(crate) fn options() -> Result<Options> {
    let greeting = greeting()?;
    Ok(Options { reply_timeout: greeting.greeting_timeout, ..greeting })
}

/// The same for the greeting alone: for who asks for what may take any time.
///
/// # Errors
/// An `RBQ_REPLY_TIMEOUT` that is no duration.
pub(crate) fn greeting() -> Result<Options> {
    let limit = match env::var(TIMEOUT_VARIABLE).ok().filter(|text| !text.is_empty()) {
        Some(text) => duration::parse(&text).map_err(|why| Failure::usage(format!("{TIMEOUT_VARIABLE}: {why}")))?,
        None => REPLY_TIMEOUT,
    };
    if limit.is_zero() {
        return Ok(Options { greeting_timeout: None, ..Options::default() });
    }
    let tell = |after| say(&format!("no answer from the server for {}", duration::shown(after)));
    let late = Some(Late { after: LATE_AFTER.min(limit / 2), tell });
    Ok(Options { greeting_timeout: Some(limit), late, ..Options::default() })
}

/// The same for many requests in flight, whose answers may take any time as long as something comes: silence counts as a lost
/// connection.
///
/// # Errors
/// An `RBQ_REPLY_TIMEOUT` that is no duration.
pub(crate) fn unless_silent() -> Result<Options> {
    let greeting = greeting()?;
    Ok(Options { silence_timeout: greeting.greeting_timeout, ..greeting })
}

/// The server that the environment names, by its URL or its context; none if it does not.
pub(crate) fn environment_server() -> Result<Option<Server>> {
    // Empty is unset: that is how a script takes one back for a single command.
    if let Some(url) = env::var(URL_VARIABLE).ok().filter(|url| !url.is_empty()) {
        let target = url.parse().map_err(|error| Failure::usage(format!("{URL_VARIABLE}: {error}")))?;
        return Ok(Some(Server { target, ..Server::default() }));
    }
    if let Some(name) = env::var(CONTEXT_VARIABLE).ok().filter(|name| !name.is_empty()) {
        return Ok(Some(of_context(&name)?));
    }
    Ok(None)
}

/// Adds the password of the environment where there is none.
pub(crate) fn complete(target: &mut Target) {
    // A user without a password (`redis://ann:@host`) has it there too.
    let user = match &target.credentials {
        None => Some(None),
        Some(Credentials { user: user @ Some(_), password }) if password.is_empty() => Some(user.clone()),
        Some(_) => None,
    };
    if let Some((user, password)) = user.zip(environment_password()) {
        target.credentials = Some(Credentials { user, password });
    }
}

/// The server of the user's current context, if there is one.
pub(crate) fn current_server() -> Result<Option<Server>> {
    let contexts = Contexts::read()?;
    contexts.current().map(|(name, context)| settled(name, context)).transpose()
}

/// The server of the context that has this name.
pub(crate) fn of_context(name: &str) -> Result<Server> {
    let contexts = Contexts::read()?;
    settled(name, contexts.find(name)?)
}

fn settled(name: &str, context: &Context) -> Result<Server> {
    Ok(Server { target: context.target(name)?, context: Some(name.to_owned()), protected: context.protected })
}

/// The password in [`PASSWORD_VARIABLE`].
pub(crate) fn environment_password() -> Option<String> {
    env::var(PASSWORD_VARIABLE).ok()
}
