//! Commands from stdin: repetition, quotes, what is no command of the server.

use super::pair::Pair;
use crate::support::{Oracle, oracle, run};

#[test]
fn scripts_may_repeat_quit_and_be_wrong() {
    let Some(oracle) = Oracle::start(&[]) else { return };
    let pair = Pair::of(&oracle);
    for script in [
        "",
        "\n  \n\t\n",
        "3 incr n\nget n",
        "0 ping\n-1 ping\n99999999999999999999 ping\n+2 ping\n3",
        "get \"a\nget 'a\nget \"a\"b\nping",
        "ping\nquit\nping",
        "ping\nEXIT\nping",
        "set k \"\\x41\\n\" \nget k\nget 'k'",
        "ping",
        "nope\nping",
        "\"\" ping\n\"\"",
        "connect\nconnect a\nconnect a b c\nclear x\nping",
        "CLEAR\nping\nclear\n",
        "restart\nRestart x\nping",
        "select 3\nconnect 127.0.0.1 PORT\nset k v\nclient info x\nconnect localhost PORT\nget k",
        "multi\nset k v\nconnect 127.0.0.1 PORT\nget k",
        "quit now\nping",
        ":set\n:set hints\n:SET NoHints x\n:set foo bar\n:foo bar\n:\n2 :foo",
        "2 exit\nping",
    ] {
        let script = script.replace("PORT", &oracle.port.to_string());
        pair.agree(&["--no-raw"], &script);
        pair.agree(&[], &script);
    }
}

#[test]
fn a_server_told_to_shut_down_is_no_failure() {
    for form in ["--no-raw", "--raw"] {
        let mut outputs = Vec::new();
        for is_ours in [false, true] {
            let Some(oracle) = Oracle::start(&[]) else { return };
            let pair = Pair::of(&oracle);
            let args = [form, "shutdown", "nosave"];
            let mut command = if is_ours { pair.rbq_cli(&args) } else { pair.redis_cli(&args) };
            outputs.push(run(&mut command, b""));
        }
        assert_eq!(outputs[1], outputs[0]);
    }
}

#[test]
fn help_is_laid_out_alike() {
    if oracle::is_named() {
        // redis-cli knows the commands of its own release; `rbq cli` asks the server.
        return;
    }
    let Some(oracle) = Oracle::start(&[]) else { return };
    let pair = Pair::of(&oracle);
    for topic in [
        "help get",
        "HELP SET",
        "? xadd",
        "help lpush",
        "help blmpop",
        "help lpos",
        "help xinfo",
        "help xinfo stream",
        "help XGROUP create",
        "help xautoclaim",
        "help xpending",
        "help subscribe",
        "help pubsub",
        "help nosuch",
        "help get set",
        "help @pubsub",
        "help @LIST",
        "help @stream",
        "help @transactions",
        "help @nosuch",
        "help @",
        "3 help get",
        "multi\nhelp get\nexec",
    ] {
        pair.agree(&[], topic);
    }
    for args in [&["help", "get"][..], &["?", "xadd"], &["-r", "2", "HELP", "@transactions"], &["help", "nosuch"]] {
        pair.agree(args, "");
    }
}
