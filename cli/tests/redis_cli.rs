//! `rbq cli` against `redis-cli`: the same bytes on stdout and stderr, the same exit code.
#![allow(clippy::unwrap_used)]

mod support;

use std::process::{Command, Output};

use support::{Oracle, ask, client, rbq, run, start, until};

/// Fills an empty server.
const SEED: &str = r#"flushall
set str "hello world"
set num 41
set empty ""
set utf8 "héllo wörld"
set binary "\x00\x01\n\r\t\a\b\x7f\xff\"\\"
rpush list a b "c d" "\"q\""
rpush long 1 2 3 4 5 6 7 8 9 10 11 12
hset hash f v g "" "a b" 2
sadd set only
sadd ints 1 2 3
zadd zset 1.5 a 2 b inf c -inf d
xadd stream 1-1 a 1 b 2
xadd stream 2-1 c "x y"
xgroup create stream g 0
xreadgroup group g ann count 1 streams stream >
xreadgroup group g ann streams stream >"#;

/// Commands of every kind of reply that change nothing.
const READS: &str = r#"ping
ping "a b"
get str
get num
get empty
get utf8
get binary
get nope
strlen str
exists str nope
type list
type nope
ttl str
object encoding num
lrange list 0 -1
lrange long 0 -1
lrange nope 0 -1
lpos long 9
blpop nope 0.01
lmpop 1 nope left
hgetall hash
hgetall nope
hmget hash f nope
smembers set
smembers ints
smembers nope
sismember set only
zrange zset 0 -1 withscores
zscore zset a
zscore zset c
zscore zset nope
xrange stream - +
xrange stream - + count 1
xread streams stream 0
xread streams stream $
xlen stream
xpending stream g
xpending stream g - + 10 nope
xinfo groups stream
xinfo stream nope
mget str nope num
keys nope*
scan 0 match nope* count 1000
pubsub numsub a b
pubsub channels
publish nobody hi
config get maxmemory*
config get nope
command count
command getkeys mset a 1 b 2
command info get nope
command docs ping
object help
client getname
acl whoami
acl getuser default
acl getuser nope
function list
eval "return {1,{2,{3,4}},{},'a',{ok='fine'},false,true}" 0
eval "return {{},{{}}}" 0
eval "return {err='MY Err'}" 0
eval "return {{err='MY Err'},1}" 0
eval "return redis.status_reply('ok  fine')" 0
eval "redis.setresp(3); return {map={k={1,2}}}" 0
eval "redis.setresp(3); return {map={k={map={a={}}}}}" 0
eval "redis.setresp(3); return {set={x=true}}" 0
eval "redis.setresp(3); return {map={k={set={x=true}}}}" 0
eval "redis.setresp(3); return {double=3.25}" 0
eval "redis.setresp(3); return {true,false}" 0
eval "redis.setresp(3); return redis.call('hgetall','hash')" 0
eval "redis.setresp(3); return redis.call('get','nope')" 0
eval "local t={} for i=1,101 do t[i]={i} end return t" 0
debug protocol verbatim
debug protocol map
debug protocol set
debug protocol double
debug protocol true
debug protocol false
debug protocol null
debug protocol array
debug protocol integer
debug protocol string
eval "redis.setresp(3); return {map={k={verbatim_string={string='a',format='txt'}}}}" 0
lolwut version 1
memory doctor
latency doctor
cluster info
cluster nodes x
foo
foo bar "b z"
get str"#;

/// Commands that change the server or the session, and lines that are no commands.
const WRITES: &str = r#"incr num
append str !
lpop list 2
lpop nope 2
rpop nope
lmpop 1 long left count 2
zadd zset incr 1 a
zpopmin zset
xautoclaim stream g bob 3600000 0
xack stream g 1-1
mset a 1 b 2
client setname x
client no-evict on
set str
lpush str x
incr str
xadd stream 0-0 a b
select 99
multi
get str
lpush str x
nope
exec
multi
set c 1
lrange list 0 -1
exec
multi
discard
exec
select 3
select 0
unsubscribe
echo "a
b""#;

/// How replies are shown.
const FORMS: [&[&str]; 8] = [
    &["--no-raw"],
    &["--raw"],
    &["-3", "--no-raw"],
    &["-3", "--raw"],
    &["--csv"],
    &["--json"],
    &["--json", "-2"],
    &["-3", "--csv"],
];

struct Pair {
    port: String,
}

impl Pair {
    fn of(oracle: &Oracle) -> Self {
        Self { port: oracle.port.to_string() }
    }

    fn redis_cli(&self, args: &[&str]) -> Command {
        let mut command = Command::new("redis-cli");
        command.args(["-p", &self.port]).args(args).env_remove("REDISCLI_AUTH");
        command
    }

    fn rbq_cli(&self, args: &[&str]) -> Command {
        let mut command = rbq(&["cli", "-p", &self.port]);
        command.args(args);
        command
    }

    /// Runs both on an empty server, and holds everything of the one against everything of the other.
    #[track_caller]
    fn agree(&self, args: &[&str], stdin: &str) -> Output {
        self.compare(args, stdin, || self.fill(""))
    }

    /// The same on the server as it is, for commands that change nothing.
    #[track_caller]
    fn agree_on_what_is(&self, args: &[&str]) {
        self.compare(args, "", || ());
    }

    fn fill(&self, seed: &str) {
        let args = ["--no-auth-warning", "-a", "sesame"];
        run(&mut self.redis_cli(&args), format!("flushall\n{seed}").as_bytes());
    }

    #[track_caller]
    fn compare(&self, args: &[&str], stdin: &str, prepare: impl Fn()) -> Output {
        let mut outputs = Vec::new();
        for mut command in [self.redis_cli(args), self.rbq_cli(args)] {
            prepare();
            outputs.push(run(&mut command, stdin.as_bytes()));
        }
        let [theirs, ours] = [&outputs[0], &outputs[1]];
        assert!(ours == theirs, "{args:?} < {stdin:.200}\n{}", difference(ours, theirs));
        outputs.remove(1)
    }
}

/// The first line that differs, with those before it.
fn difference(ours: &Output, theirs: &Output) -> String {
    let text = |output: &Output| {
        let (out, err) = (output.stdout.escape_ascii().to_string(), output.stderr.escape_ascii().to_string());
        format!("{out}\\n--- stderr\\n{err}\\n--- exit {:?}", output.status.code())
    };
    let (ours, theirs) = (text(ours), text(theirs));
    let (ours, theirs): (Vec<_>, Vec<_>) = (ours.split("\\n").collect(), theirs.split("\\n").collect());
    let at = ours.iter().zip(&theirs).position(|(a, b)| a != b).unwrap_or(ours.len().min(theirs.len()));
    let near = |lines: &[&str]| lines[at.saturating_sub(6)..lines.len().min(at + 3)].join("\n  ");
    format!("rbq cli:\n  {}\nredis-cli:\n  {}", near(&ours), near(&theirs))
}

/// redis-cli waits for ever for the reply to `UNSUBSCRIBE` in RESP3, where it is a push.
fn is_for_both(form: &[&str], line: &str) -> bool {
    let resp3 = form.contains(&"-3") || form == ["--json"];
    !(resp3 && line == "unsubscribe")
}

#[test]
fn a_script_on_stdin_is_answered_alike_in_every_form() {
    let Some(oracle) = Oracle::start(&[]) else { return };
    let pair = Pair::of(&oracle);
    for form in FORMS {
        let lines = [SEED, READS, WRITES].into_iter().flat_map(str::lines);
        let script: Vec<&str> = lines.filter(|line| is_for_both(form, line)).collect();
        assert!(script.len() > 100);
        pair.agree(form, &script.join("\n"));
    }
}

#[test]
fn one_command_at_a_time_is_answered_alike() {
    let Some(oracle) = Oracle::start(&[]) else { return };
    let pair = Pair::of(&oracle);
    let lines: Vec<Vec<String>> = READS.lines().map(words).collect();
    assert!(lines.len() > 60);
    pair.fill(SEED);
    for form in ["--no-raw", "--raw"] {
        for line in &lines {
            let mut args = vec![form];
            args.extend(line.iter().map(String::as_str));
            pair.agree_on_what_is(&args);
        }
    }
}

/// As a shell would split a line; the commands used need no more than double quotes without escapes.
fn words(line: &str) -> Vec<String> {
    let split = rbq_resp::split_args(line.as_bytes()).unwrap();
    split.into_iter().map(|word| String::from_utf8_lossy(&word).into_owned()).collect()
}

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
    }
}

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
    ] {
        pair.agree(&["--no-raw"], script);
        pair.agree(&[], script);
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
    ] {
        pair.agree(args, "");
    }
    for password in ["sesame", "wrong"] {
        let theirs = run(pair.redis_cli(&["ping"]).env("REDISCLI_AUTH", password), b"");
        let ours = run(pair.rbq_cli(&["ping"]).env("REDISCLI_AUTH", password), b"");
        assert_eq!(ours, theirs);
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
        &["-h", "localhost.invalid", "ping"],
        &["-h", "::1", "ping"],
        &["-s", socket.to_str().unwrap(), "ping"],
    ] {
        let output = pair.agree(args, "");
        assert_eq!(output.status.code(), Some(1));
    }
}

#[tokio::test]
async fn messages_stream_alike_until_the_server_hangs_up() {
    let Some(oracle) = Oracle::start(&[]) else { return };
    let pair = Pair::of(&oracle);
    let control = client(&oracle).await;
    for form in [&["--no-raw"][..], &["--raw"], &["-3", "--no-raw"], &["--csv"], &["--json"]] {
        for verb in [&["subscribe", "a", "b"][..], &["psubscribe", "a*"], &["ssubscribe", "a"]] {
            let args = [form, verb].concat();
            let mut outputs = Vec::new();
            for mut command in [pair.redis_cli(&args), pair.rbq_cli(&args)] {
                let child = start(&mut command);
                let (publish, heard) = if verb[0] == "ssubscribe" { ("spublish", 1) } else { ("publish", 1) };
                until(&control, &format!("{publish} a first"), |value| *value == rbq_client::Value::Integer(heard))
                    .await;
                ask(&control, &format!("{publish} a second")).await;
                ask(&control, "client kill type pubsub").await;
                outputs.push(child.wait_with_output().unwrap());
            }
            assert_eq!(outputs[1], outputs[0], "{args:?}");
        }
    }
}

#[tokio::test]
async fn monitor_streams_lines() {
    let Some(oracle) = Oracle::start(&[]) else { return };
    let pair = Pair::of(&oracle);
    let control = client(&oracle).await;
    let child = start(&mut pair.rbq_cli(&["monitor"]));
    until(&control, "info clients", |_| true).await;
    let is_monitor = |list: &rbq_client::Value| {
        list.as_bytes().is_some_and(|text| String::from_utf8_lossy(text).lines().any(|line| line.contains(" flags=O ")))
    };
    until(&control, "client list", is_monitor).await;
    ask(&control, "echo seen").await;
    ask(&control, "client kill skipme yes").await;
    let output = child.wait_with_output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let mut lines = text.lines();
    assert_eq!(lines.next(), Some("OK"));
    assert!(lines.any(|line| line.ends_with(r#""echo" "seen""#)), "{text}");
    assert_eq!(output.stderr, b"Error: Server closed the connection\n");
    assert_eq!(output.status.code(), Some(1));
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
