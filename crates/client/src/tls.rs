//! TLS: whom we trust, who we are, and by which name the server must be known.
//!
//! Files are read each time a connection is made: a certificate that was renewed meanwhile is used by the next connection,
//! and a program that never connects needs none of them. Without a file the roots are those of the system, because a private
//! authority that was installed there is meant for every program. rustls speaks 1.2 and 1.3; older versions are broken.
//!
//! The name in the server's certificate is always compared, except where all of the certificate is ignored
//! ([`Trust::Anyone`]): a certificate for another machine proves nothing about this one.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::{CertificateError, ClientConfig, DigitallySignedStruct, InconsistentKeys, RootCertStore, SignatureScheme};
use rustls_native_certs::{CertificateResult, ErrorKind, load_certs_from_paths, load_native_certs};

use crate::error::reason;
use crate::{Endpoint, Strangeness};

/// How to speak TLS with a server.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Tls {
    /// Who may have signed the server's certificate.
    pub trust: Trust,
    /// What we show a server that wants to know its clients by certificates.
    pub identity: Option<Identity>,
    /// The name to ask for and to find in the certificate; `None` is the host that is connected to.
    pub server_name: Option<String>,
}

/// Who may have signed a server's certificate.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Trust {
    /// Whom the system trusts (`SSL_CERT_FILE` and `SSL_CERT_DIR` name others, as with OpenSSL).
    #[default]
    System,
    /// Only the authorities in this PEM file.
    File(PathBuf),
    /// Only the authorities in this directory, hashed as OpenSSL's `rehash` does it.
    Directory(PathBuf),
    /// Anyone: the certificate is not looked at, so the server may be anybody's. For tests.
    Anyone,
}

/// A client's certificate and the key to it, both in PEM files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// The certificate, followed by those that lead to the authority.
    pub certificate: PathBuf,
    /// Its private key: PKCS #8, PKCS #1 or SEC 1, not encrypted.
    pub key: PathBuf,
}

/// Why the settings of [`Tls`] are of no use.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TlsError {
    /// No authority could be read.
    #[error("no authority to trust{}: {why}", at(.path.as_deref()))]
    Trust {
        /// The file or directory; `None` is the system's store.
        path: Option<PathBuf>,
        /// What is wrong.
        why: String,
    },
    /// The client's certificate could not be used.
    #[error("`{}` is not a client certificate: {why}", .path.display())]
    Certificate {
        /// Its file.
        path: PathBuf,
        /// What is wrong.
        why: String,
    },
    /// The client's key could not be used.
    #[error("`{}` is not the key of the client certificate: {why}", .path.display())]
    Key {
        /// Its file.
        path: PathBuf,
        /// What is wrong.
        why: String,
    },
    /// What a certificate is to be made out to is no name.
    #[error("`{0}` is neither a host name nor an address")]
    Name(String),
}

fn at(path: Option<&Path>) -> String {
    path.map(|path| format!(" in `{}`", path.display())).unwrap_or_default()
}

/// The settings as rustls wants them, and the name that the server must be known by.
pub(crate) fn prepare(tls: &Tls, endpoint: &Endpoint) -> Result<(Arc<ClientConfig>, ServerName<'static>), TlsError> {
    let name = tls.server_name.as_deref().unwrap_or(match endpoint {
        Endpoint::Tcp { host, .. } => host,
        Endpoint::Unix(_) => "localhost",
    });
    let name = ServerName::try_from(name.to_owned()).map_err(|_| TlsError::Name(name.to_owned()))?;
    // Named here, because a program that links a second provider has no default one.
    let provider = Arc::new(ring::default_provider());
    let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .expect("the provider has the cipher suites of both versions");
    let builder = match &tls.trust {
        Trust::Anyone => {
            let provider = Arc::clone(&provider);
            builder.dangerous().with_custom_certificate_verifier(Arc::new(Unverified { provider }))
        }
        trust => builder.with_root_certificates(roots(trust)?),
    };
    let config = match &tls.identity {
        None => builder.with_no_client_auth(),
        Some(identity) => {
            let certified = load(identity, &provider)?;
            builder.with_client_cert_resolver(Arc::new(SingleCertAndKey::from(certified)))
        }
    };
    Ok((Arc::new(config), name))
}

/// Whether a failed handshake failed on the server's certificate.
pub(crate) fn is_distrust(error: &io::Error) -> bool {
    let inner = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>());
    matches!(inner, Some(rustls::Error::InvalidCertificate(_)))
}

/// What a server did that ended a handshake, or that came first after one: with TLS 1.3 it says only then what it makes of our
/// certificate. `None` if the error is not the server's word, or says nothing of TLS.
pub(crate) fn strangeness(error: &io::Error) -> Option<Strangeness> {
    use rustls::AlertDescription as Alert;
    let inner = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>())?;
    Some(match inner {
        rustls::Error::AlertReceived(
            Alert::CertificateRequired
            | Alert::NoCertificate
            | Alert::BadCertificate
            | Alert::UnsupportedCertificate
            | Alert::CertificateRevoked
            | Alert::CertificateExpired
            | Alert::CertificateUnknown
            | Alert::UnknownCA
            | Alert::AccessDenied
            | Alert::DecryptError,
        ) => Strangeness::WantsCertificate,
        rustls::Error::AlertReceived(_) | rustls::Error::PeerIncompatible(_) => Strangeness::RefusedTls,
        _ => return None,
    })
}

fn roots(trust: &Trust) -> Result<RootCertStore, TlsError> {
    let (path, found) = match trust {
        Trust::File(path) => (Some(path), load_certs_from_paths(Some(path), None)),
        Trust::Directory(path) => (Some(path), load_certs_from_paths(None, Some(path))),
        Trust::System | Trust::Anyone => (None, load_native_certs()),
    };
    let CertificateResult { certs, errors, .. } = found;
    let mut roots = RootCertStore::empty();
    // A system's store may hold a few that are too old to be understood: the others are as good as before.
    let (usable, _) = roots.add_parsable_certificates(certs);
    if usable == 0 {
        let why = errors.first().map_or_else(|| "no certificate there".to_owned(), unread);
        return Err(TlsError::Trust { path: path.cloned(), why });
    }
    Ok(roots)
}

type Chain = Vec<CertificateDer<'static>>;

fn load(identity: &Identity, provider: &CryptoProvider) -> Result<CertifiedKey, TlsError> {
    let Identity { certificate: path, key: key_path } = identity;
    let wrong = |why: String| TlsError::Certificate { path: path.clone(), why };
    let chain = CertificateDer::pem_file_iter(path).and_then(Iterator::collect::<Result<Chain, _>>);
    let chain = chain.map_err(|error| wrong(in_pem(&error)))?;
    if chain.is_empty() {
        return Err(wrong("no certificate there".to_owned()));
    }
    let wrong_key = |why: String| TlsError::Key { path: key_path.clone(), why };
    let key = PrivateKeyDer::from_pem_file(key_path).map_err(|error| wrong_key(in_pem(&error)))?;
    let key = provider.key_provider.load_private_key(key).map_err(|error| wrong_key(error.to_string()))?;
    let certified = CertifiedKey::new(chain, key);
    match certified.keys_match() {
        // The last is a certificate that is sound and that rustls does not look into: of X.509 version 1, as `openssl x509 -req`
        // makes it without extensions. Whether it will do is for the server to say, to which alone it is shown.
        Ok(())
        | Err(rustls::Error::InconsistentKeys(InconsistentKeys::Unknown))
        | Err(rustls::Error::InvalidCertificate(CertificateError::Other(_))) => Ok(certified),
        Err(rustls::Error::InconsistentKeys(_)) => Err(wrong_key("it belongs to another certificate".to_owned())),
        Err(error) => Err(wrong(error.to_string())),
    }
}

/// What is wrong with a file of certificates, which the error around it names already.
fn unread(error: &rustls_native_certs::Error) -> String {
    match &error.kind {
        ErrorKind::Io { inner, .. } => reason(inner).to_lowercase(),
        ErrorKind::Pem(error) => in_pem(error),
        _ => error.to_string(),
    }
}

fn in_pem(error: &pem::Error) -> String {
    match error {
        pem::Error::Io(error) => reason(error).to_lowercase(),
        other => other.to_string(),
    }
}

/// Believes every certificate. The handshake's signatures are still checked, so that what is spoken is TLS.
#[derive(Debug)]
struct Unverified {
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for Unverified {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, certificate, signed, &self.provider.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, certificate, signed, &self.provider.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}
