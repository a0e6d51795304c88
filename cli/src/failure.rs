//! Why a command could not do its work, told to a person: lower case, no final period, a hint where there is one.

use std::io;

use anstyle::{AnsiColor, Style};
use rbq_client::{Endpoint, Error, ErrorReply, Strangeness, TargetError, reason};
/// What the system said, as part of a sentence of ours.
pub(crate) use rbq_journal::said as spoken;
use rbq_journal::{HINT_NEWER, OpenError};

use crate::exit::Exit;

/// What commands return.
pub(crate) type Result<T, E = Failure> = std::result::Result<T, E>;

/// The end of a command before its work was done.
#[derive(Debug)]
pub(crate) enum Failure {
    /// Something a person should read.
    Told(Told),
    /// The server, or the way to it.
    Server(Error),
    /// Whoever read our output has gone (`rbq … | head`): nothing to tell, and nobody to tell it to.
    ClosedPipe,
}

/// A sentence, what may help, and the exit code that goes with it.
#[derive(Debug)]
pub(crate) struct Told {
    exit: Exit,
    message: String,
    hint: Option<String>,
}

impl Told {
    fn new(message: impl Into<String>) -> Self {
        Self { exit: Exit::Failed, message: message.into(), hint: None }
    }

    fn hint(self, text: impl Into<String>) -> Self {
        Self { hint: Some(text.into()), ..self }
    }

    fn report(self) -> Exit {
        let (red, cyan) = (color(AnsiColor::Red), color(AnsiColor::Cyan));
        say(&format!("{red}error:{red:#} {}", self.message));
        if let Some(hint) = self.hint {
            say(&format!("{cyan}hint:{cyan:#} {hint}"));
        }
        self.exit
    }
}

impl Failure {
    pub(crate) fn new(message: impl Into<String>) -> Self {
        Self::Told(Told::new(message))
    }

    pub(crate) fn usage(message: impl Into<String>) -> Self {
        Self::Told(Told { exit: Exit::Usage, ..Told::new(message) })
    }

    /// Some of it was done: what, and what is left.
    #[allow(dead_code, reason = "the ground that other commands are built on")]
    pub(crate) fn partly(message: impl Into<String>) -> Self {
        Self::Told(Told { exit: Exit::Partly, ..Told::new(message) })
    }

    /// The same, after some of the work was done.
    pub(crate) fn after_a_part(self) -> Self {
        match self {
            Self::Told(told) => Self::Told(Told { exit: Exit::Partly, ..told }),
            Self::Server(error) => Self::Told(Told { exit: Exit::Partly, ..told(&error) }),
            Self::ClosedPipe => Self::ClosedPipe,
        }
    }

    /// The same, beginning with what it is about.
    pub(crate) fn about(self, what: &str) -> Self {
        match self {
            Self::Told(told) => Self::Told(Told { message: format!("{what}: {}", told.message), ..told }),
            Self::Server(error) => Self::Told(told(&error)).about(what),
            Self::ClosedPipe => Self::ClosedPipe,
        }
    }

    pub(crate) fn hint(self, text: impl Into<String>) -> Self {
        match self {
            Self::Told(told) => Self::Told(told.hint(text)),
            Self::Server(error) => Self::Told(told(&error).hint(text)),
            Self::ClosedPipe => Self::ClosedPipe,
        }
    }

    /// The same, where nothing better is known already.
    pub(crate) fn or_hint(self, text: impl Into<String>) -> Self {
        let told = match self {
            Self::Told(told) => told,
            Self::Server(error) => told(&error),
            Self::ClosedPipe => return Self::ClosedPipe,
        };
        Self::Told(if told.hint.is_none() { told.hint(text) } else { told })
    }

    /// The sentence alone.
    pub(crate) fn message(&self) -> String {
        match self {
            Self::Told(told) => told.message.clone(),
            Self::Server(error) => told(error).message,
            Self::ClosedPipe => String::new(),
        }
    }

    /// Whether the server, or the way to it, is what failed, and not what it was asked.
    pub(crate) fn is_the_servers(&self) -> bool {
        match self {
            Self::Server(error) => error.ends_connection() || matches!(error, Error::Timeout(_)) || is_not_ready(error),
            Self::Told(_) | Self::ClosedPipe => false,
        }
    }

    /// Says it on stderr and gives the exit code.
    pub(crate) fn report(self) -> Exit {
        match self {
            Self::Told(told) => told.report(),
            Self::Server(error) => told(&error).report(),
            Self::ClosedPipe => Exit::Done,
        }
    }
}

fn color(color: AnsiColor) -> Style {
    Style::new().fg_color(Some(color.into())).bold()
}

/// One line to stderr; colours are taken out where they are not wanted (no terminal, `NO_COLOR`).
pub(crate) fn say(line: &str) {
    use std::io::Write as _;
    // With stderr gone there is nobody left to complain to.
    let _ = writeln!(anstream::stderr(), "{line}");
}

fn told(error: &Error) -> Told {
    match error {
        Error::Connect { endpoint, source } => {
            // Of a name that is not found the client leaves out that it was looked up.
            let said = spoken(&io::Error::other(reason(source)));
            let message = format!("could not connect to {endpoint}: {said}");
            let told = Told { exit: Exit::Unreachable, ..Told::new(message) };
            if source.kind() == io::ErrorKind::InvalidData {
                told.hint("what answers there may speak no TLS: `redis://` speaks without")
            } else if is_here(endpoint) {
                told.hint(
                    "`rbq server` starts one here, `rbq repl --embedded` needs none; --url or RBQ_URL name another",
                )
            } else {
                told.hint("is a server running there? --url or RBQ_URL name another")
            }
        }
        Error::Auth(reply) | Error::Reply(reply) if reply.code() == "NOAUTH" => {
            // Not the URL: what stands on a command line is in the list of processes and in the shell's history.
            Told { exit: Exit::Unreachable, ..Told::new("the server asks for a password") }.hint(
                "REDISCLI_AUTH holds one, `rbq context add NAME URL --password-stdin` keeps one, `rbq cli --askpass` asks for one",
            )
        }
        Error::Auth(_) => Told { exit: Exit::Unreachable, ..Told::new("the server refused the user or the password") }
            .hint("check --url, RBQ_URL and REDISCLI_AUTH; `%40` stands for an `@` in a password"),
        // A file of ours, or a name: no server was asked yet.
        Error::Tls(error) => Told::new(error.to_string()),
        Error::Untrusted { .. } => Told { exit: Exit::Unreachable, ..Told::new(error.to_string()) }
            .hint("--tls-ca names the authority to trust, --tls-server-name the name in the certificate"),
        Error::Stranger { strangeness, .. } => {
            Told { exit: Exit::Unreachable, ..Told::new(error.to_string()) }.hint(stranger_hint(*strangeness))
        }
        Error::Handshake { command, reply } => {
            let told = Told { exit: Exit::Unreachable, ..Told::new(error.to_string()) };
            match *command {
                "SELECT" => told.hint("the number behind the last `/` of a URL is the database; a cluster has 0 alone"),
                _ if reply.text().contains("max number of clients") => {
                    told.hint("it has room again when others disconnect; `maxclients` is its limit")
                }
                _ => told,
            }
        }
        Error::Reply(reply) if is_unknown(reply, "SPUBLISH") || is_unknown(reply, "SSUBSCRIBE") => {
            Told::new(error.to_string()).hint("channels of a shard need Redis 7.0 or newer, Valkey or rbq")
        }
        Error::Reply(reply) if reply.text().starts_with("ERR unknown command 'RBQ'") => {
            Told::new(error.to_string()).hint("only rbq knows this: is this another server?")
        }
        Error::Timeout(_) => Told { exit: Exit::TimedOut, ..Told::new(error.to_string()) }
            .hint("the connection stands: the server may be stopped, swapping, or busy with one long command"),
        Error::Reply(reply) if reply.code() == "NOPERM" => Told::new(error.to_string())
            .hint("`ACL WHOAMI` tells who this user is; ACL SETUSER grants commands (+name) and keys (~pattern)"),
        Error::Redirect(redirect) => {
            Told::new(redirect.to_string()).hint(format!("try --url redis://{}:{}", redirect.host, redirect.port))
        }
        _ => Told::new(error.to_string()),
    }
}

fn stranger_hint(strangeness: Strangeness) -> &'static str {
    match strangeness {
        Strangeness::HungUp | Strangeness::AnotherProtocol => {
            "is it the right port? One for TLS wants `rediss://` (`--tls` in `rbq cli`), and one without `redis://`"
        }
        Strangeness::WantsCertificate => "--tls-cert and --tls-key show one (`--cert` and `--key` in `rbq cli`)",
        Strangeness::RefusedTls => {
            "TLS 1.2 and 1.3 are spoken; --tls-server-name is the name to ask for, --tls-cert and --tls-key show who we are"
        }
    }
}

/// Whether the server does not know this command. Servers before 7.0 put it between backquotes.
fn is_unknown(reply: &ErrorReply, command: &str) -> bool {
    let name = reply.text().strip_prefix("ERR unknown command ").and_then(|rest| rest.get(1..=command.len()));
    name.is_some_and(|name| name.eq_ignore_ascii_case(command))
}

/// Whether the server is not ready to answer anybody.
fn is_not_ready(error: &Error) -> bool {
    matches!(error, Error::Reply(reply) if ["LOADING", "MASTERDOWN", "CLUSTERDOWN"].contains(&reply.code()))
}

/// Whether a server started on this machine would be found there.
fn is_here(endpoint: &Endpoint) -> bool {
    matches!(endpoint, Endpoint::Tcp { host, .. } if matches!(host.as_str(), "127.0.0.1" | "localhost" | "::1"))
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Server(error)
    }
}

impl From<TargetError> for Failure {
    fn from(error: TargetError) -> Self {
        Self::usage(error.to_string())
    }
}

impl From<OpenError> for Failure {
    fn from(error: OpenError) -> Self {
        match error {
            OpenError::Newer { .. } => {
                let text = error.to_string();
                Self::new(text.lines().next().unwrap_or_default().to_owned()).hint(HINT_NEWER)
            }
            other => Self::new(other.to_string()),
        }
    }
}

/// Errors of files and terminals; a closed pipe is no error.
impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::BrokenPipe => Self::ClosedPipe,
            _ => Self::new(spoken(&error)),
        }
    }
}
