//! `--tls-*`: how to speak TLS, where the URL alone does not say enough.
//!
//! Each of them turns TLS on, as `rediss://` does: whoever names an authority to trust means to be protected, and must not
//! be sent out in plain text for a missing `s`.

use std::path::PathBuf;

use rbq_client::{Identity, Target, Trust};

/// Under which these options stand in `--help` and in the manual.
pub(crate) const HEADING: &str = "TLS (also on with rediss://)";

/// The same about a source.
const FROM_HEADING: &str = "TLS of a server as the source (also on with rediss://)";

/// The options about TLS of every command that talks to a server.
#[derive(Debug, Clone, Default, clap::Args)]
#[command(next_help_heading = HEADING)]
pub(crate) struct TlsArgs {
    /// Trust only the authorities in this PEM file, instead of those of the system
    #[arg(long, value_name = "FILE")]
    tls_ca: Option<PathBuf>,
    /// Show this certificate (PEM) to a server that wants to know its clients
    #[arg(long, value_name = "FILE", requires = "tls_key")]
    tls_cert: Option<PathBuf>,
    /// The key to --tls-cert (PEM, not encrypted)
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    tls_key: Option<PathBuf>,
    /// The name that the server's certificate is made out to, where it is not the host of the URL
    #[arg(long, value_name = "NAME")]
    tls_server_name: Option<String>,
    /// Believe any certificate, so that the server may be anybody's
    #[arg(long, conflicts_with = "tls_ca")]
    tls_insecure: bool,
}

/// The same about a server as the source, where there is another one as the target.
#[derive(Debug, Clone, Default, clap::Args)]
#[command(next_help_heading = FROM_HEADING)]
pub(crate) struct FromTlsArgs {
    /// Trust only the authorities in this PEM file
    #[arg(long, value_name = "FILE")]
    from_tls_ca: Option<PathBuf>,
    /// Show this certificate (PEM) to the source
    #[arg(long, value_name = "FILE", requires = "from_tls_key")]
    from_tls_cert: Option<PathBuf>,
    /// The key to --from-tls-cert (PEM, not encrypted)
    #[arg(long, value_name = "FILE", requires = "from_tls_cert")]
    from_tls_key: Option<PathBuf>,
    /// The name that the source's certificate is made out to
    #[arg(long, value_name = "NAME")]
    from_tls_server_name: Option<String>,
    /// Believe any certificate of the source
    #[arg(long, conflicts_with = "from_tls_ca")]
    from_tls_insecure: bool,
}

impl FromTlsArgs {
    /// Whether anything was said.
    pub(crate) fn is_any(&self) -> bool {
        let files = [&self.from_tls_ca, &self.from_tls_cert, &self.from_tls_key];
        self.from_tls_insecure || self.from_tls_server_name.is_some() || files.iter().any(|file| file.is_some())
    }

    /// Puts what was said into the source.
    pub(crate) fn apply(self, source: &mut Target) {
        let Self { from_tls_ca, from_tls_cert, from_tls_key, from_tls_server_name, from_tls_insecure } = self;
        let args = TlsArgs {
            tls_ca: from_tls_ca,
            tls_cert: from_tls_cert,
            tls_key: from_tls_key,
            tls_server_name: from_tls_server_name,
            tls_insecure: from_tls_insecure,
        };
        args.apply(source);
    }
}

impl TlsArgs {
    /// Puts what was said into the target, over what it says itself.
    pub(crate) fn apply(&self, target: &mut Target) {
        let trust = match &self.tls_ca {
            Some(file) => Some(Trust::File(file.clone())),
            None => self.tls_insecure.then_some(Trust::Anyone),
        };
        let identity = self.tls_cert.clone().zip(self.tls_key.clone());
        let identity = identity.map(|(certificate, key)| Identity { certificate, key });
        if trust.is_none() && identity.is_none() && self.tls_server_name.is_none() {
            return;
        }
        let tls = target.tls.get_or_insert_default();
        tls.trust = trust.unwrap_or_else(|| std::mem::take(&mut tls.trust));
        tls.identity = identity.or_else(|| tls.identity.take());
        tls.server_name = self.tls_server_name.clone().or_else(|| tls.server_name.take());
    }
}

impl TlsArgs {
    /// The words of these options, as they were given.
    pub(crate) fn words(&self) -> Vec<String> {
        let path = |path: &Option<PathBuf>| path.as_ref().map(|path| path.display().to_string());
        let with_value = [
            ("--tls-ca", path(&self.tls_ca)),
            ("--tls-cert", path(&self.tls_cert)),
            ("--tls-key", path(&self.tls_key)),
            ("--tls-server-name", self.tls_server_name.clone()),
        ];
        let given = with_value.into_iter().filter_map(|(option, value)| Some([option.to_owned(), value?]));
        given.flatten().chain(self.tls_insecure.then(|| "--tls-insecure".to_owned())).collect()
    }
}
