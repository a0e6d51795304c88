//! An authority, a server's certificate, a client's, and a stranger's authority: files for a test with TLS.
#![allow(dead_code, clippy::unwrap_used)]

use std::fs;
use std::path::PathBuf;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair};
use tempfile::TempDir;

/// Keys and certificates in a directory that goes with this.
pub(crate) struct Certificates {
    dir: TempDir,
}

impl Certificates {
    /// Writes `ca.pem` and its key, `stranger.pem`, and `server` and `client` with `.pem` and `.key`; the server's is for 127.0.0.1 and
    /// for `broker.test`.
    pub(crate) fn make() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let ca = authority("the authority");
        let write = |name: &str, text: String| fs::write(dir.path().join(name), text).unwrap();
        write("ca.pem", ca.pem());
        write("ca.key", ca.key().serialize_pem());
        write("stranger.pem", authority("a stranger").pem());
        let usages = [ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
        for (name, usage) in ["server", "client"].into_iter().zip(usages) {
            let key = KeyPair::generate().unwrap();
            let names = ["127.0.0.1".to_owned(), "broker.test".to_owned()];
            let mut params = CertificateParams::new(names).unwrap();
            params.extended_key_usages = vec![usage];
            write(&format!("{name}.pem"), params.signed_by(&key, &ca).unwrap().pem());
            write(&format!("{name}.key"), key.serialize_pem());
        }
        Self { dir }
    }

    /// One of the files.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// The same as text.
    pub(crate) fn text(&self, name: &str) -> String {
        self.path(name).to_str().unwrap().to_owned()
    }

    /// The options with which redis-server speaks TLS on its port, and nothing else there.
    pub(crate) fn server_options(&self, clients: &str) -> Vec<String> {
        let files = [("cert", "server.pem"), ("key", "server.key"), ("ca-cert", "ca.pem")];
        let mut options = vec!["--tls-auth-clients".to_owned(), clients.to_owned()];
        options.extend(files.iter().flat_map(|(option, file)| [format!("--tls-{option}-file"), self.text(file)]));
        options
    }
}

fn authority(name: &str) -> CertifiedIssuer<'static, KeyPair> {
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.distinguished_name.push(DnType::CommonName, name);
    CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap()
}
