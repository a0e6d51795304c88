//! TLS and an ACL user.

use super::pair::Pair;
use crate::support::{Certificates, Oracle};

const USER: [&str; 14] = [
    "--user",
    "ann",
    "on",
    ">open",
    "~mine:*",
    // Before 7.0 all channels were open at first.
    "resetchannels",
    "&news",
    "+@all",
    "-@dangerous",
    "--user",
    "bob",
    "on",
    "nopass",
    "+ping",
];

#[test]
fn an_acl_user_is_refused_alike() {
    let Some(oracle) = Oracle::start(&USER) else { return };
    let pair = Pair::of(&oracle).given(&["--user", "ann", "--pass", "open", "--no-auth-warning"]);
    for form in ["--no-raw", "--raw", "--csv", "--json"] {
        for args in [
            &["acl", "whoami"][..],
            &["set", "mine:k", "v"],
            &["get", "mine:k"],
            &["get", "yours:k"],
            &["mget", "mine:k", "yours:k"],
            &["flushall"],
            &["publish", "news", "hi"],
            &["publish", "others", "hi"],
            &["subscribe", "others"],
            &["-e", "get", "yours:k"],
            &["--user", "bob", "--pass", "any", "ping"],
            &["--user", "bob", "--pass", "any", "get", "k"],
            &["--user", "bob", "--pass", "any", "-n", "3", "ping"],
            &["--user", "bob", "--pass", "any", "-3", "ping"],
            &["--user", "bob", "--pass", "any", "--scan"],
            &["--user", "bob", "--pass", "any", "--bigkeys"],
            &["--user", "bob", "--pass", "any", "--hotkeys"],
        ] {
            pair.agree_on_what_is(&[&[form], args].concat());
        }
        pair.compare(&[form], "auth bob any\nping\nget k\nauth ann wrong\nauth ann open\nget mine:k", || ());
    }
}

#[test]
fn tls_is_spoken_alike() {
    let certificates = Certificates::make();
    let Some(oracle) = Oracle::start_tls(&certificates, "yes", &["--user", "ann", "on", ">open", "~*", "&*", "+@all"])
    else {
        return;
    };
    let [ca, cert, key] = ["ca.pem", "client.pem", "client.key"].map(|name| certificates.text(name));
    let identity = ["--tls", "--cert", &cert, "--key", &key];
    let ann = ["--user", "ann", "--pass", "open", "--no-auth-warning"];
    for trust in [&["--cacert", &ca][..], &["--insecure"], &["--cacert", &ca, "--sni", "broker.test"]] {
        let pair = Pair::of(&oracle).given(&[trust, &identity, &ann].concat());
        for args in [
            &["acl", "whoami"][..],
            &["-3", "--json", "config", "get", "tls-auth-clients"],
            &["-n", "3", "set", "n", "1"],
            &["-x", "set", "k"],
            &["mset", "k", "v", "l", "w"],
            &["get", "k"],
            &["--scan"],
            &["--bigkeys"],
        ] {
            pair.agree_on_what_is(args);
        }
        let long: String = (0..5_000).map(|index| format!("RPUSH l {index}\r\n")).collect();
        pair.compare(&["--pipe"], &long, || ());
        pair.compare(&[], "llen l\nlrange l 0 -1\nping\nquit\n", || ());
        pair.compare(&["-u", &format!("rediss://ann:open@127.0.0.1:{}/1", oracle.port), "dbsize"], "", || ());
    }
}
