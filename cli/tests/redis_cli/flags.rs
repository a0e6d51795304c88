//! Flags: what they mean, and what is said of those that are wrong.

use super::pair::Pair;
use crate::support::Oracle;

#[test]
fn flags_mean_the_same() {
    let Some(oracle) = Oracle::start(&[]) else { return };
    let pair = Pair::of(&oracle);
    let nested = "return {1,{2,3},{}}";
    for args in [
        &["-r", "3", "ping"][..],
        &["-r", "0", "ping"],
        &["-r", "2", "-i", "0.01", "incr", "n"],
        &["-n", "2", "set", "k", "v"],
        &["-n", "2", "get", "k"],
        &["-n", "99", "ping"],
        &["-n", "99", "-3", "ping"],
        &["-d", ",", "eval", nested, "0"],
        &["-d", ",", "-D", ";", "-r", "2", "eval", nested, "0"],
        &["-d", ",", "-D", ";", "--no-raw", "eval", nested, "0"],
        &["-D", "", "ping"],
        &["-e", "nope"],
        &["-e", "-r", "3", "nope"],
        &["-e", "--csv", "nope"],
        &["-e", "ping"],
        &["-e", "eval", "return {{err='a'},1}", "0"],
        &["nope", "-e", "--raw"],
        &["-a", "wrong", "ping"],
        &["-a", "wrong", "-n", "3", "dbsize"],
        &["-a", "wrong", "--no-auth-warning", "ping"],
        &["--user", "ann", "--pass", "pw", "ping"],
        &["--raw", "--no-raw", "get", "nope"],
        &["-3", "--show-pushes", "yes", "--no-raw", "debug", "protocol", "push"],
        &["-3", "--show-pushes", "no", "debug", "protocol", "push"],
        &["-3", "debug", "protocol", "push"],
        &["-3", "--show-pushes", "Yup", "--no-raw", "debug", "protocol", "push"],
        &["--show-pushes", "maybe", "ping"],
        &["-r", "abc", "ping"],
        &["-r", "2x", "ping"],
        &["-i", "abc", "-r", "2", "ping"],
        &["-n", "abc", "ping"],
        &["-n", "-1", "ping"],
        &["-n", "1", "-n", "2", "set", "k", "v"],
        &["--raw", "--raw", "ping"],
        &["-a", "x", "-a", "y", "--pass", "z", "ping"],
        &["-a", "", "ping"],
        &["--user", "ann", "-a", "", "ping"],
        &["--quoted-input", "set", "\"a\\x00b\"", "v"],
        &["--quoted-input", "echo", "'it is'"],
        &["--quoted-input", "echo", "\"open"],
        &["--quoted-input", "echo", "two words"],
        &["--quoted-input", "echo", "\"\""],
        &["--quoted-json", "echo", "é\\"],
        &["-3", "--quoted-json", "debug", "protocol", "map"],
        &["-2", "-3", "ping"],
        &["-x", "-X", "tag", "set", "k", "tag"],
        &["-X", "tag", "set", "k", "other"],
        &["--nosuch"],
        &["--nosuch", "ping"],
        &["-p"],
        &["-n"],
        &["-a"],
        &["--pass"],
        &["--eval"],
        &["--pattern"],
        &["-X"],
        &["-"],
        &["-p", "x", "ping"],
        &["-u", "http://example.org", "ping"],
        &["--cacert", "nosuch.pem", "ping"],
        &["--insecure", "--sni", "x", "ping"],
        &["--askpass", "ping"],
        &["--askpass", "-a", "x", "ping"],
        &["-c", "ping"],
        &["-c", "nope"],
        &["-e", "-c", "nope"],
        &["echo", ""],
        &["echo", "-r"],
        &["quit"],
        &["reset"],
    ] {
        pair.agree(args, "");
    }
    for text in ["", "one", "two\nlines\n", "\u{1}\"é"] {
        pair.agree(&["-x", "echo"], text);
        pair.agree(&["-x", "--json", "echo"], text);
        pair.agree(&["-x"], text);
        pair.agree(&["-r", "2", "-x", "echo"], text);
        pair.agree(&["--quoted-input", "-x", "echo"], text);
        pair.agree(&["-X", "tag", "set", "tag", "v"], text);
        pair.agree(&["-X", "tag", "echo", "tag", "tag"], text);
        pair.agree(&["-X", "tag", "--quoted-input", "echo", "'tag'"], text);
        pair.agree(&["-X", "tag"], text);
        pair.agree(&["--askpass", "ping"], text);
    }
}

#[test]
fn passwords_work_alike() {
    let Some(oracle) = Oracle::start(&["--requirepass", "sesame", "--user", "ann", "on", ">open", "~*", "+@all"])
    else {
        return;
    };
    let pair = Pair::of(&oracle);
    let url = |who: &str| format!("redis://{who}127.0.0.1:{}/1", oracle.port);
    for args in [
        &["ping"][..],
        &["-3", "ping"],
        &["--json", "ping"],
        &["-n", "2", "ping"],
        &["-a", "sesame", "ping"],
        &["-a", "wrong", "-3", "-n", "2", "ping"],
        &["--pass", "open", "--user", "ann", "acl", "whoami"],
        &["-u", &url("ann:open@"), "acl", "whoami"],
        &["-u", &url("sesame@"), "acl", "whoami"],
        &["-u", &url(""), "ping"],
        &["-u", &url("ann:wrong@"), "ping"],
        &["-u", &url("ann:open@"), "--no-auth-warning", "--json", "acl", "whoami"],
        &["--user", "ann", "ping"],
        &["-a", "wrong", "--scan"],
        &["-a", "wrong", "--bigkeys"],
        &["-a", "wrong", "--memkeys"],
        &["-a", "wrong", "--hotkeys"],
        &["-a", "wrong", "--pipe"],
        &["-a", "wrong", "--stat"],
        &["-a", "wrong", "--latency"],
        &["--scan"],
        &["-a", "sesame", "--scan"],
    ] {
        pair.agree(args, "");
    }
    for typed in ["sesame\n", "wrong\n", "open", "\n", ""] {
        pair.agree(&["--askpass", "acl", "whoami"], typed);
        pair.agree(&["--askpass", "--user", "ann", "acl", "whoami"], typed);
        pair.agree(&["--askpass"], &format!("{typed}ping\n"));
    }
    for password in ["sesame", "wrong", ""] {
        let pair = Pair::of(&oracle).with("REDISCLI_AUTH", password);
        pair.agree(&["ping"], "");
        pair.agree(&["-a", "sesame", "ping"], "");
        pair.agree(&["--user", "ann", "ping"], "");
        pair.agree(&["-u", &url(""), "ping"], "");
        pair.agree(&["-u", &url("ann:open@"), "acl", "whoami"], "");
        pair.agree(&["--askpass", "ping"], "open\n");
    }
}

#[test]
fn nobody_there_is_said_alike() {
    let Some(oracle) = Oracle::start(&[]) else { return };
    let socket = oracle.socket();
    let pair = Pair::of(&oracle);
    drop(oracle);
    for args in [
        &["ping"][..],
        // No name: nobody needs to be asked about it, so it is nobody's with and without a network.
        &["-h", "a..b", "ping"],
        &["-h", "::1", "ping"],
        &["-s", socket.to_str().unwrap(), "ping"],
        &["--scan"],
        &["--bigkeys"],
        &["--memkeys"],
        &["--hotkeys"],
        &["--stat"],
        &["--latency"],
        &["--pipe"],
        &["-x", "echo"],
        &["-c", "ping"],
    ] {
        let output = pair.agree(args, "");
        assert_eq!(output.status.code(), Some(1));
    }
}
