//! Where an import comes from: servers over TLS, by their context, by a user of few rights; and what is no source.
#![allow(clippy::unwrap_used)]

mod support;

use std::process::Command;

use insta::assert_snapshot;
use support::own::Server;
use support::{Certificates, Oracle, ask, client, rbq, run, shown, text};

#[test]
fn a_source_over_tls_has_options_of_its_own_beside_a_target_without() {
    let certificates = Certificates::make();
    let Some(oracle) = Oracle::start_tls(&certificates, "yes", &[]) else { return };
    let [ca, cert, key] = ["ca.pem", "client.pem", "client.key"].map(|name| certificates.text(name));
    let url = format!("rediss://127.0.0.1:{}", oracle.port);
    let made = ["pub", "news", "x", "--url", &url, "--tls-ca", &ca, "--tls-cert", &cert, "--tls-key", &key];
    assert!(run(&mut rbq(&made), b"").status.success());
    let server = Server::start();
    let import = |args: &[&str]| {
        let args = [&["import"], args].concat();
        shown(&run(server.command(&args).env("SSL_CERT_FILE", certificates.path("stranger.pem")), b""), &oracle)
    };
    assert_snapshot!(import(&[&url]), @r"
    exit 4
    err| error: 127.0.0.1:PORT is not to be trusted: invalid peer certificate: UnknownIssuer
    err| hint: --from-tls-ca names the authority to trust, --from-tls-server-name the name in the certificate
    ");
    assert_snapshot!(import(&[&url, "--from-tls-ca", &ca]), @r"
    exit 4
    err| error: 127.0.0.1:PORT does not let us in without a certificate that it trusts: received fatal alert: CertificateRequired
    err| hint: --from-tls-cert and --from-tls-key show one
    ");
    let whole = ["--from-tls-ca", &ca, "--from-tls-cert", &cert, "--from-tls-key", &key];
    assert_snapshot!(import(&[&[url.as_str()][..], &whole].concat()), @r"
    exit 0
    err| imported 0 keys
    ");
    let compat = ["check", "compat", &url, "--tls-ca", &ca, "--tls-cert", &cert, "--tls-key", &key, "-q"];
    let compat = run(&mut rbq(&compat), b"");
    assert!(matches!(compat.status.code(), Some(0..=2)), "{compat:?}");

    // A context knows all of that.
    let file = certificates.path("contexts.toml");
    let in_context = |args: &[&str]| text(&run(server.command(args).env("RBQ_CONTEXTS", &file), b""));
    let add = ["context", "add", "old", &url, "--tls-ca", &ca, "--tls-cert", &cert, "--tls-key", &key];
    assert!(in_context(&add).starts_with("exit 0\n"));
    assert_snapshot!(in_context(&["import", "--from-context", "old"]), @r"
    exit 0
    err| imported 0 keys
    ");
    let compat = run(rbq(&["check", "compat", "--context", "old"]).env("RBQ_CONTEXTS", &file), b"");
    assert!(matches!(compat.status.code(), Some(0..=2)), "{compat:?}");
    let neither = in_context(&["import"]);
    assert!(neither.starts_with("exit 2\n"), "{neither}");
}

#[tokio::test]
async fn a_user_of_few_rights_is_told_of_all_that_is_missing_at_once() {
    let Some(oracle) = Oracle::start(&[]) else { return };
    let redis = client(&oracle).await;
    for line in ["RPUSH jobs a", "SET word x PX 4102444800123", "XADD log 1-1 a b", "XGROUP CREATE log g 0"] {
        ask(&redis, line).await;
    }
    let url = oracle.url().replace("redis://", "redis://few:pw@");
    let server = Server::start();
    let import = || {
        run(&mut server.command(&["cli", "flushall"]), b"");
        text(&run(&mut server.command(&["import", &url]), b""))
    };
    ask(&redis, "ACL SETUSER few on >pw ~* +scan +type +dump +cluster").await;
    assert_snapshot!(import(), @r"
    exit 1
    err| error: the user of the server that is read may not use INFO, SELECT, PTTL, MULTI and EXEC
    err| hint: `ACL SETUSER name +info +select +pttl +multi +exec` grants it, `~*` all keys
    ");
    let compat = || text(&run(&mut rbq(&["check", "compat", &url, "-q"]), b""));
    assert_snapshot!(compat(), @r"
    exit 3
    err| error: the user of the server that is read may not use INFO and SELECT
    err| hint: `ACL SETUSER name +info +select` grants it, `~*` all keys
    ");
    let all = "exit 0\nerr| imported 3 keys (1 list, 1 stream, 1 string)\n";
    ask(&redis, "ACL SETUSER few +info +select +pttl +multi +exec").await;
    assert_eq!(import(), all);
    assert!(!compat().starts_with("exit 3\n"), "{}", compat());
    // What says which cluster it is may be INFO too.
    ask(&redis, "ACL SETUSER few -cluster").await;
    assert_eq!(import(), all);
    // Without DUMP by the commands of the types.
    ask(&redis, "ACL SETUSER few -dump +time +get +lrange +xinfo +xpending").await;
    assert_snapshot!(import(), @r"
    exit 1
    err| error: the user of the server that is read may not use DUMP
    err| hint: `ACL SETUSER name +dump` grants it, `~*` all keys
    ");
    ask(&redis, "ACL SETUSER few +xrange").await;
    assert_eq!(import(), all);
    // What a key's user may not touch is another matter.
    ask(&redis, "ACL SETUSER few resetkeys ~jobs").await;
    let refused = import();
    let named = regex::Regex::new("error: reading `(word|log)`: NOPERM").unwrap();
    assert!(refused.starts_with("exit 1\n") && named.is_match(&refused), "{refused}");
}

#[test]
fn what_is_no_file_or_is_compressed_is_said_to_be_so() {
    let server = Server::start();
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("dump.rdb.gz");
    std::fs::write(&file, b"\x1f\x8b\x08\x00rest of it").unwrap();
    let packed = server.play(&["import", file.to_str().unwrap()], "").replace(dir.path().to_str().unwrap(), "DIR");
    assert_snapshot!(packed, @r"
    exit 1
    err| error: `DIR/dump.rdb.gz` is neither an RDB file nor an append-only file
    err| hint: it is compressed: unpack it with `gunzip` first
    ");
    assert_snapshot!(server.play(&["import", "dump.rdb", "--from-tls-insecure"], ""), @r"
    exit 2
    err| error: --from-tls-… is about a server as the source, and the source is a file
    ");
    for source in ["-", "/dev/stdin"] {
        assert_eq!(
            server.play(&["import", source], "REDIS0009"),
            format!(
                "exit 1\nerr| error: `{source}` is no file, and an import reads its source twice: to check it, and to write\n\
                 err| hint: put it into a file first: `zcat dump.rdb.gz > dump.rdb`\n"
            )
        );
    }
    let fifo = dir.path().join("pipe");
    assert!(Command::new("mkfifo").arg(&fifo).status().unwrap().success());
    let refused = server.play(&["import", fifo.to_str().unwrap()], "");
    assert!(refused.contains("is no file, and an import reads its source twice"), "{refused}");
}
