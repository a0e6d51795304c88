//! Which server: `--url`, `RBQ_URL`, or the local one.

use std::env;

use rbq_client::{Client, Credentials, Link, Options, Pushes, Target, TargetError};

use crate::failure::{Failure, Result};
use crate::tls::TlsArgs;

/// Where redis-cli looks for a password, so that it need not stand on a command line.
const PASSWORD_VARIABLE: &str = "REDISCLI_AUTH";

/// Which server, unless the command line says so.
const URL_VARIABLE: &str = "RBQ_URL";

/// The options that say which server.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct ServerArgs {
    /// The server: redis[s]://[user:password@]host[:port][/db] or unix:///path
    #[arg(short, long, env = URL_VARIABLE, hide_env_values = true, default_value = "redis://127.0.0.1:6379")]
    #[arg(value_parser = parse_url)]
    url: Target,
    #[command(flatten)]
    tls: TlsArgs,
}

fn parse_url(url: &str) -> std::result::Result<Target, TargetError> {
    url.parse()
}

impl ServerArgs {
    /// The server named, with the password of the environment if the URL has none.
    pub(crate) fn target(&self) -> Target {
        let mut target = self.url.clone();
        self.tls.apply(&mut target);
        if target.credentials.is_none() {
            target.credentials = environment_password().map(|password| Credentials { user: None, password });
        }
        target
    }

    /// A connection to be read by its owner.
    pub(crate) async fn link(&self) -> Result<Link> {
        Ok(Link::connect(&self.target(), &Options::default()).await?)
    }

    /// A connection with replies matched to requests.
    pub(crate) async fn client(&self) -> Result<(Client, Pushes)> {
        Ok(Client::connect(&self.target(), &Options::default()).await?)
    }
}

/// The server in [`URL_VARIABLE`].
pub(crate) fn environment_url() -> Result<Option<Target>> {
    match env::var(URL_VARIABLE) {
        Ok(url) => match url.parse() {
            Ok(target) => Ok(Some(target)),
            Err(error) => Err(Failure::usage(format!("{URL_VARIABLE}: {error}"))),
        },
        Err(_) => Ok(None),
    }
}

/// The password in [`PASSWORD_VARIABLE`].
pub(crate) fn environment_password() -> Option<String> {
    env::var(PASSWORD_VARIABLE).ok()
}
