//! Making the connection as redis-cli does, and making it anew elsewhere: a cluster's redirect, `connect HOST PORT`.
//!
//! The greeting is `AUTH`, `SELECT`, `HELLO 3`, each on its own. The first that is refused is told on stderr and ends the
//! greeting. A command is sent all the same, and its reply says what comes of it; the modes that send many of their own give up.

use rbq_client::{Endpoint, Error, Link, Options, Request, Target, TlsError, reason};
use rbq_resp::Value;

use super::flags::CliArgs;
use super::{Run, Stop, wrong};
use crate::failure::say;
use crate::open::Server;

const DEFAULT_HOST: &str = "127.0.0.1";

/// What `AUTH` is given; bytes, as a command line may hold any.
#[derive(Clone)]
pub(super) struct Login {
    pub(super) user: Option<String>,
    pub(super) password: Vec<u8>,
}

/// Where the server is, and all that is said there first.
#[derive(Clone)]
pub(super) struct Dial {
    pub(super) target: Target,
    pub(super) login: Option<Login>,
    pub(super) db: i64,
    pub(super) resp3: bool,
    /// The context it comes from, if it comes from one.
    pub(super) context: Option<String>,
}

/// Whether all of the greeting was taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Greeting {
    Taken,
    Refused,
}

impl Dial {
    /// `named` is the server that is named in `rbq`'s own words.
    pub(super) fn from_args(args: &CliArgs, url: Option<&Target>, named: Option<Server>) -> Run<Self> {
        let port = match args.port {
            None => rbq_client::DEFAULT_PORT,
            Some(port) => u16::try_from(port).map_err(|_| {
                let host = args.host.as_deref().unwrap_or(DEFAULT_HOST);
                wrong(format!("Could not connect to Redis at {host}:{port}: Invalid argument"))
            })?,
        };
        let (mut target, context) = match (named, url, &args.socket) {
            (Some(server), ..) => (server.target, server.context),
            (None, Some(url), _) => (url.clone(), None),
            (None, None, Some(socket)) => (Target::unix(socket), None),
            (None, None, None) => (Target::tcp(args.host.as_deref().unwrap_or(DEFAULT_HOST), port), None),
        };
        target.tls = args.tls().or_else(|| target.tls.take());
        let login = args.login(Some(&target));
        Ok(Self { login, db: args.db(target.db), resp3: args.resp3(), target, context })
    }

    pub(super) async fn connect(&self) -> Run<(Link, Greeting)> {
        let mut link = Link::connect_silently(&self.target, &Options::default()).await?;
        let greeting = self.greet(&mut link).await?;
        Ok((link, greeting))
    }

    /// The connection of a mode that is of no use to a stranger.
    pub(super) async fn connect_or_give_up(&self) -> Run<Link> {
        match self.connect().await? {
            (link, Greeting::Taken) => Ok(link),
            (_, Greeting::Refused) => Err(Stop::Told),
        }
    }

    async fn greet(&self, link: &mut Link) -> Run<Greeting> {
        match self.refusal(link).await? {
            Some(refusal) => {
                say(&refusal);
                Ok(Greeting::Refused)
            }
            None => Ok(Greeting::Taken),
        }
    }

    /// Without a word where it is refused: for a question whose answer is not missed.
    pub(super) async fn greet_quietly(&self, link: &mut Link) -> Run<()> {
        self.refusal(link).await.map(drop)
    }

    async fn refusal(&self, link: &mut Link) -> Run<Option<String>> {
        let mut steps = Vec::new();
        if let Some(login) = &self.login {
            let auth = Request::new("AUTH").args(login.user.as_deref()).arg(&login.password);
            steps.push(("AUTH".to_owned(), auth));
        }
        if self.db != 0 {
            let select = format!("SELECT {}", self.db);
            steps.push((select.clone(), Request::from(select.split(' '))));
        }
        if self.resp3 {
            steps.push(("HELLO 3".to_owned(), Request::from(["HELLO", "3"])));
        }
        for (name, request) in steps {
            if let Value::Error(text) = link.call(request).await? {
                return Ok(Some(format!("{name} failed: {text}")));
            }
        }
        Ok(None)
    }

    /// As redis-cli's prompt names it; the context that it comes from before it.
    pub(super) fn place(&self) -> String {
        let place = match &self.target.endpoint {
            Endpoint::Unix(path) => format!("redis {}", path.display()),
            tcp => tcp.to_string(),
        };
        self.context.iter().map(|name| format!("{name} ")).collect::<String>() + &place
    }
}

/// redis-cli's sentence for an error, for scripts that look for it.
pub(super) fn sentence(error: &Error) -> String {
    match error {
        Error::Connect { endpoint, source } => {
            format!("Could not connect to Redis at {}: {}", bare(endpoint), reason(source))
        }
        Error::Untrusted { endpoint, why } => {
            let place = bare(endpoint);
            format!("Could not connect to Redis at {place}: SSL_connect failed: certificate verify failed ({why})")
        }
        Error::Tls(error) => {
            let what = match error {
                TlsError::Trust { .. } => "Invalid CA Certificate File/Directory".to_owned(),
                TlsError::Certificate { .. } => "Invalid client certificate".to_owned(),
                TlsError::Key { .. } => "Invalid private key".to_owned(),
                other => other.to_string(),
            };
            format!("Could not negotiate a TLS connection: {what}")
        }
        Error::Closed(None) => "Error: Server closed the connection".to_owned(),
        Error::Closed(Some(source)) => format!("Error: {}", reason(source)),
        other => format!("Error: {other}"),
    }
}

/// redis-cli writes IPv6 addresses without brackets.
pub(super) fn bare(endpoint: &Endpoint) -> String {
    match endpoint {
        Endpoint::Tcp { host, port } => format!("{host}:{port}"),
        Endpoint::Unix(path) => path.display().to_string(),
    }
}
