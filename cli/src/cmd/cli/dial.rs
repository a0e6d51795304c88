//! Making the connection as redis-cli does, and making it anew elsewhere: a cluster's redirect, `connect HOST PORT`.
//!
//! The greeting is `AUTH`, `SELECT`, `HELLO 3`, each on its own. The first that is refused is told on stderr and ends the
//! greeting. A command is sent all the same, and its reply says what comes of it; the modes that send many of their own give up.

use rbq_client::{Endpoint, Error, Link, Options, Request, Target, TlsError, reason};
use rbq_resp::Value;

use super::flags::CliArgs;
use super::{Run, Stop, wrong};
use crate::failure::say;
use crate::open::environment_server;

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
}

/// Whether all of the greeting was taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Greeting {
    Taken,
    Refused,
}

impl Dial {
    pub(super) fn from_args(args: &CliArgs, url: Option<&Target>) -> Run<Self> {
        let port = match args.port {
            None => rbq_client::DEFAULT_PORT,
            Some(port) => u16::try_from(port).map_err(|_| {
                let host = args.host.as_deref().unwrap_or(DEFAULT_HOST);
                wrong(format!("Could not connect to Redis at {host}:{port}: Invalid argument"))
            })?,
        };
        let mut target = match (url, &args.socket, &args.host, args.port) {
            (Some(url), ..) => url.clone(),
            (None, Some(socket), ..) => Target::unix(socket),
            // What stands on the command line counts more than the environment.
            (None, None, None, None) => environment_server()?.unwrap_or_default().target,
            (None, None, host, _) => Target::tcp(host.as_deref().unwrap_or(DEFAULT_HOST), port),
        };
        target.tls = args.tls().or_else(|| target.tls.take());
        let login = args.login(Some(&target));
        Ok(Self { login, db: args.db(target.db), resp3: args.resp3(), target })
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
                say(&format!("{name} failed: {text}"));
                return Ok(Greeting::Refused);
            }
        }
        Ok(Greeting::Taken)
    }

    /// As redis-cli's prompt names it.
    pub(super) fn place(&self) -> String {
        match &self.target.endpoint {
            Endpoint::Unix(path) => format!("redis {}", path.display()),
            tcp => tcp.to_string(),
        }
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
