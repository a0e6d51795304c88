//! TLS and an ACL user, from the command line: what the options mean, and what a person is told when they do not fit.
#![allow(clippy::unwrap_used)]

mod support;

use insta::assert_snapshot;
use support::{Certificates, Oracle, rbq, run, shown};

#[test]
fn commands_reach_a_server_over_tls_as_an_acl_user() {
    let certificates = Certificates::make();
    let user = ["--user", "ann", "on", ">open", "~*", "&*", "+@all", "--user", "default", "off"];
    let Some(oracle) = Oracle::start_tls(&certificates, "yes", &user) else { return };
    let [ca, cert, key] = ["ca.pem", "client.pem", "client.key"].map(|name| certificates.text(name));
    let identity = ["--tls-cert", &cert, "--tls-key", &key];
    let url = format!("rediss://ann:open@127.0.0.1:{}", oracle.port);
    let play = |url: &str, tls: &[&str], command: &[&str]| {
        let args = [command, tls, &identity, &["--url", url]].concat();
        // The system's authorities are for this test those of a stranger.
        let output = run(rbq(&args).env("SSL_CERT_FILE", certificates.path("stranger.pem")), b"");
        let text = shown(&output, &oracle);
        text.replace(&ca, "ca.pem").replace(&cert, "client.pem")
    };
    let trusted = ["--tls-ca", ca.as_str()];
    assert_snapshot!(play(&url, &trusted, &["produce", "queue", "jobs", "first"]), @r"
    exit 0
    err| sent 1, acknowledged 1, failed 0
    ");
    assert_snapshot!(play(&url, &["--tls-insecure"], &["consume", "queue", "jobs", "-q", "--no-wait"]), @r"
    exit 0
    out| first
    ");
    // An option about TLS turns it on.
    assert_snapshot!(play(&url.replace("rediss", "redis"), &trusted, &["pub", "news", "hello"]), @r"
    exit 0
    err| sent 1, acknowledged 1, failed 0, heard 0 times
    ");

    // A context knows how to be secure.
    let file = certificates.path("contexts.toml");
    let in_context = |args: &[&str]| run(rbq(args).env("RBQ_CONTEXTS", &file).env("REDISCLI_AUTH", "open"), b"");
    let bare = url.replace("ann:open@", "");
    let added =
        in_context(&["context", "add", "far", &bare, "--tls-ca", &ca, "--tls-cert", &cert, "--tls-key", &key, "--use"]);
    assert!(added.status.success(), "{added:?}");
    let asked = in_context(&["cli", "--context", "far", "--user", "ann", "acl", "whoami"]);
    assert_eq!(asked.stdout, b"ann\n", "{asked:?}");

    assert_snapshot!(play(&url, &[], &["pub", "news", "hello"]), @r"
    exit 4
    err| error: 127.0.0.1:PORT is not to be trusted: invalid peer certificate: UnknownIssuer
    err| hint: --tls-ca names the authority to trust, --tls-server-name the name in the certificate
    ");
    let misnamed = [&trusted[..], &["--tls-server-name", "other.test"]].concat();
    assert_snapshot!(play(&url, &misnamed, &["pub", "news", "hello"]), @r#"
    exit 4
    err| error: 127.0.0.1:PORT is not to be trusted: invalid peer certificate: certificate not valid for name "other.test"; certificate is only valid for IpAddress(127.0.0.1) or DnsName("broker.test")
    err| hint: --tls-ca names the authority to trust, --tls-server-name the name in the certificate
    "#);
    assert_snapshot!(play(&url, &["--tls-ca", "/nowhere/ca.pem"], &["pub", "news", "hello"]), @r"
    exit 1
    err| error: no authority to trust in `/nowhere/ca.pem`: no such file or directory
    ");
    assert_snapshot!(play(&url.replace("open", "shut"), &trusted, &["pub", "news", "hello"]), @r"
    exit 4
    err| error: the server refused the user or the password
    err| hint: check --url, RBQ_URL and REDISCLI_AUTH; `%40` stands for an `@` in a password
    ");
}

#[test]
fn who_speaks_to_a_tls_port_as_it_does_not_like_is_told_what_it_wants() {
    let certificates = Certificates::make();
    let Some(oracle) = Oracle::start_tls(&certificates, "yes", &[]) else { return };
    let play = |scheme: &str, tls: &[&str]| {
        let url = format!("{scheme}://127.0.0.1:{}", oracle.port);
        shown(&run(&mut rbq(&[&["pub", "c", "m", "--url", &url], tls].concat()), b""), &oracle)
    };
    // Whether it closes the connection or resets it is up to the moment.
    let plain = play("redis", &[]);
    assert!(plain.starts_with("exit 4\nerr| error: 127.0.0.1:PORT hung up instead of answering"), "{plain}");
    assert!(plain.contains("err| hint: is it the right port? One for TLS wants `rediss://`"), "{plain}");
    assert_snapshot!(play("rediss", &["--tls-ca", &certificates.text("ca.pem")]), @r"
    exit 4
    err| error: 127.0.0.1:PORT does not let us in without a certificate that it trusts: received fatal alert: CertificateRequired
    err| hint: --tls-cert and --tls-key show one (`--cert` and `--key` in `rbq cli`)
    ");
}

/// A client's certificate of X.509 version 1, as it comes without a file of extensions; `false` if the tool is not here or makes others.
fn make_version_1(certificates: &Certificates) -> bool {
    let run = |args: &[&str]| {
        let output = std::process::Command::new("openssl").args(args).output().ok()?;
        output.status.success().then(|| String::from_utf8_lossy(&output.stdout).into_owned())
    };
    let [ca, ca_key, key, request, old] =
        ["ca.pem", "ca.key", "client.key", "client.csr", "old.pem"].map(|name| certificates.text(name));
    run(&["req", "-new", "-key", &key, "-subj", "/CN=old", "-out", &request])
        .and_then(|_| {
            run(&["x509", "-req", "-in", &request, "-CA", &ca, "-CAkey", &ca_key, "-set_serial", "7", "-out", &old])
        })
        .and_then(|_| run(&["x509", "-in", &old, "-noout", "-text"]))
        .is_some_and(|text| text.contains("Version: 1 "))
}

#[test]
fn a_clients_certificate_may_be_of_any_version_and_must_fit_its_key() {
    let certificates = Certificates::make();
    let Some(oracle) = Oracle::start_tls(&certificates, "yes", &[]) else { return };
    let url = format!("rediss://127.0.0.1:{}", oracle.port);
    let [ca, cert, old, key, wrong] =
        ["ca.pem", "client.pem", "old.pem", "client.key", "server.key"].map(|name| certificates.text(name));
    let play = |cert: &str, key: &str| {
        let args = ["pub", "c", "m", "--url", &url, "--tls-ca", &ca, "--tls-cert", cert, "--tls-key", key];
        shown(&run(&mut rbq(&args), b""), &oracle).replace(&wrong, "server.key").replace(&ca, "ca.pem")
    };
    assert_snapshot!(play(&cert, &wrong), @r"
    exit 1
    err| error: `server.key` is not the key of the client certificate: it belongs to another certificate
    ");
    if make_version_1(&certificates) {
        assert!(play(&old, &key).starts_with("exit 0\n"), "{}", play(&old, &key));
        let port = oracle.port.to_string();
        let args = ["cli", "-p", &port, "--tls", "--cacert", &ca, "--cert", &old, "--key", &key, "ping"];
        assert_eq!(run(&mut rbq(&args), b"").stdout, b"PONG\n");
    }
}
