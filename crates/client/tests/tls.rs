//! TLS with a real server: whom it trusts, by which name, who it is itself, and that nothing is kept back.
#![allow(clippy::unwrap_used)]

mod oracle;

use oracle::Oracle;
use oracle::certificates::Certificates;
use rbq_client::{Client, Error, Identity, Link, Options, Request, Target, Tls, TlsError, Trust, Value};

fn target(oracle: &Oracle, tls: Tls) -> Target {
    Target { tls: Some(tls), ..Target::tcp("127.0.0.1", oracle.port) }
}

async fn ping(target: &Target) -> Result<Value, Error> {
    Link::connect(target, &Options::default()).await?.call(["PING"]).await
}

fn pong() -> Value {
    Value::Status("PONG".to_owned())
}

#[tokio::test]
async fn a_server_is_known_by_its_authority_and_its_name() {
    let certificates = Certificates::make();
    let Some(oracle) = Oracle::start_tls(&certificates, "no", &[]) else { return };
    let trust = Trust::File(certificates.path("ca.pem"));
    let named = |name: &str| Tls { trust: trust.clone(), server_name: Some(name.to_owned()), identity: None };
    for tls in [Tls { trust: trust.clone(), ..Tls::default() }, named("broker.test"), named("127.0.0.1")] {
        assert_eq!(ping(&target(&oracle, tls)).await.unwrap(), pong());
    }
    let stranger = Tls { trust: Trust::File(certificates.path("stranger.pem")), ..Tls::default() };
    for tls in [stranger, named("other.test")] {
        let error = ping(&target(&oracle, tls)).await.unwrap_err();
        assert!(matches!(error, Error::Untrusted { .. }), "{error:?}");
    }
    let anyone = Tls { trust: Trust::Anyone, server_name: Some("other.test".to_owned()), identity: None };
    assert_eq!(ping(&target(&oracle, anyone)).await.unwrap(), pong());
}

#[tokio::test]
async fn a_server_may_want_to_know_its_clients() {
    let certificates = Certificates::make();
    let Some(oracle) = Oracle::start_tls(&certificates, "yes", &[]) else { return };
    let trust = Trust::File(certificates.path("ca.pem"));
    let identity = Identity { certificate: certificates.path("client.pem"), key: certificates.path("client.key") };
    let known = Tls { trust: trust.clone(), identity: Some(identity), server_name: None };
    assert_eq!(ping(&target(&oracle, known)).await.unwrap(), pong());
    let unknown = Tls { trust, ..Tls::default() };
    assert!(ping(&target(&oracle, unknown)).await.unwrap_err().ends_connection());
}

#[tokio::test]
async fn a_long_pipeline_and_long_replies_go_through_whole() {
    let certificates = Certificates::make();
    let Some(oracle) = Oracle::start_tls(&certificates, "no", &[]) else { return };
    let trust = Trust::File(certificates.path("ca.pem"));
    let target = target(&oracle, Tls { trust, ..Tls::default() });
    let (client, _) = Client::connect(&target, &Options::default()).await.unwrap();
    let long = vec![b'x'; 3 * 1024 * 1024];
    client.call(Request::new("SET").arg("k").arg(&long)).await.unwrap();
    let replies = client.pipeline((0..20).map(|_| Request::from(["GET", "k"])).collect()).await.unwrap();
    assert!(replies.iter().all(|reply| reply.as_bytes() == Some(&long[..])));
    assert_eq!(replies.len(), 20);
}

#[tokio::test]
async fn settings_of_no_use_are_told_before_anybody_is_called() {
    let certificates = Certificates::make();
    let nowhere = |tls| Target { tls: Some(tls), ..Target::unix("/nowhere/rbq.sock") };
    let (missing, key) = (certificates.path("missing.pem"), certificates.path("client.key"));
    let as_client = |certificate, key| Tls { identity: Some(Identity { certificate, key }), ..trusting(&certificates) };
    for (tls, expected) in [
        (Tls { trust: Trust::File(missing.clone()), ..Tls::default() }, "trust"),
        (Tls { trust: Trust::File(key.clone()), ..Tls::default() }, "trust"),
        (as_client(missing.clone(), key.clone()), "certificate"),
        (as_client(key.clone(), key.clone()), "certificate"),
        (as_client(certificates.path("client.pem"), missing), "key"),
        (as_client(certificates.path("client.pem"), certificates.path("server.key")), "key"),
        (Tls { server_name: Some("a b".to_owned()), ..trusting(&certificates) }, "name"),
    ] {
        let error = ping(&nowhere(tls)).await.unwrap_err();
        let kind = match &error {
            Error::Tls(TlsError::Trust { .. }) => "trust",
            Error::Tls(TlsError::Certificate { .. }) => "certificate",
            Error::Tls(TlsError::Key { .. }) => "key",
            Error::Tls(TlsError::Name(_)) => "name",
            _ => "another",
        };
        assert_eq!(kind, expected, "{error}");
    }
}

fn trusting(certificates: &Certificates) -> Tls {
    Tls { trust: Trust::File(certificates.path("ca.pem")), ..Tls::default() }
}

#[tokio::test]
async fn an_acl_user_logs_in_over_tls() {
    let certificates = Certificates::make();
    let Some(oracle) = Oracle::start_tls(&certificates, "no", &["--user", "ann", "on", ">open", "~*", "+@all"]) else {
        return;
    };
    let mut target: Target = format!("rediss://ann:open@127.0.0.1:{}", oracle.port).parse().unwrap();
    target.tls = Some(trusting(&certificates));
    let (client, _) = Client::connect(&target, &Options::default()).await.unwrap();
    assert_eq!(client.call(["ACL", "WHOAMI"]).await.unwrap().as_bytes(), Some(&b"ann"[..]));
}
