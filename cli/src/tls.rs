//! `--tls-*`: how to speak TLS, where the URL alone does not say enough.
//!
//! Each of them turns TLS on, as `rediss://` does: whoever names an authority to trust means to be protected, and must not
//! be sent out in plain text for a missing `s`.

use std::path::PathBuf;

use rbq_client::{Identity, Target, Trust};

use crate::open::HEADING;

/// The options about TLS of every command that talks to a server.
#[derive(Debug, Clone, Default, clap::Args)]
pub(crate) struct TlsArgs {
    /// Trust only the authorities in this PEM file, instead of those of the system
    #[arg(long, value_name = "FILE", help_heading = HEADING)]
    tls_ca: Option<PathBuf>,
    /// Show this certificate (PEM) to a server that wants to know its clients
    #[arg(long, value_name = "FILE", requires = "tls_key", help_heading = HEADING)]
    tls_cert: Option<PathBuf>,
    /// The key to --tls-cert (PEM, not encrypted)
    #[arg(long, value_name = "FILE", requires = "tls_cert", help_heading = HEADING)]
    tls_key: Option<PathBuf>,
    /// The name that the server's certificate is made out to, where it is not the host of the URL
    #[arg(long, value_name = "NAME", help_heading = HEADING)]
    tls_server_name: Option<String>,
    /// Believe any certificate, so that the server may be anybody's
    #[arg(long, conflicts_with = "tls_ca", help_heading = HEADING)]
    tls_insecure: bool,
}

impl TlsArgs {
    /// Puts what was said into the target, over what it says itself.
    pub(crate) fn apply(&self, target: &mut Target) {
        let trust = match &self.tls_ca {
            Some(file) => Some(Trust::File(file.clone())),
            None => self.tls_insecure.then_some(Trust::Anyone),
        };
        let identity = identity(self.tls_cert.as_ref(), self.tls_key.as_ref());
        secure(target, trust, identity);
        if let Some(name) = &self.tls_server_name {
            target.tls.get_or_insert_default().server_name = Some(name.clone());
        }
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

/// Turns TLS on if one of these is given, and lets it be as it was otherwise.
pub(crate) fn secure(target: &mut Target, trust: Option<Trust>, identity: Option<Identity>) {
    if let Some(trust) = trust {
        target.tls.get_or_insert_default().trust = trust;
    }
    if identity.is_some() {
        target.tls.get_or_insert_default().identity = identity;
    }
}

/// A certificate and its key, if both are given.
pub(crate) fn identity(certificate: Option<&PathBuf>, key: Option<&PathBuf>) -> Option<Identity> {
    let (certificate, key) = certificate.cloned().zip(key.cloned())?;
    Some(Identity { certificate, key })
}
