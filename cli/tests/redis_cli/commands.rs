//! Commands and what they are answered by: every kind of reply, in every form, one at a time and as a script.

use super::pair::Pair;
use crate::support::{Oracle, run};

/// Fills an empty server.
pub(crate) const SEED: &str = r#"flushall
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
zadd zset 1.5 a 2 b inf c -inf d .1 e
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
zscore zset e
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
const FORMS: [&[&str]; 10] = [
    &["--no-raw"],
    &["--raw"],
    &["-3", "--no-raw"],
    &["-3", "--raw"],
    &["--csv"],
    &["--json"],
    &["--json", "-2"],
    &["-3", "--csv"],
    &["--quoted-json"],
    &["--quoted-json", "-2"],
];

/// redis-cli waits for ever for the reply to `UNSUBSCRIBE` in RESP3, where it is a push.
fn is_for_both(form: &[&str], line: &str) -> bool {
    let resp3 = form.contains(&"-3") || form == ["--json"] || form == ["--quoted-json"];
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

/// The comparisons leave these lines out, because any command is slow on a busy machine.
#[test]
fn what_took_half_a_second_is_told_in_the_same_form() {
    let Some(oracle) = Oracle::start(&[]) else { return };
    let pair = Pair::of(&oracle);
    for mut command in [pair.redis_cli(&["--no-raw"]), pair.rbq_cli(&["--no-raw"])] {
        let said = String::from_utf8(run(&mut command, b"debug sleep 0.6\n").stdout).unwrap();
        let time = said.strip_prefix("OK\n(").and_then(|rest| rest.strip_suffix("s)\n"));
        let (whole, hundredths) = time.and_then(|time| time.split_once('.')).unwrap_or_else(|| panic!("{said}"));
        assert!(whole.parse::<u32>().is_ok() && hundredths.len() == 2, "{said}");
    }
}

#[test]
fn one_command_at_a_time_is_answered_alike() {
    let Some(oracle) = Oracle::start(&[]) else { return };
    let pair = Pair::of(&oracle);
    let lines: Vec<Vec<String>> = READS.lines().map(words).collect();
    let forms = [&["--no-raw"][..], &["--raw"], &["-3", "--no-raw"], &["--json"], &["--csv"]];
    assert!(lines.len() * forms.len() > 400, "{}", lines.len());
    pair.fill(SEED);
    for form in forms {
        for line in &lines {
            let args: Vec<&str> = form.iter().copied().chain(line.iter().map(String::as_str)).collect();
            pair.agree_on_what_is(&args);
        }
    }
}

/// As a shell would split a line; the commands used need no more than double quotes without escapes.
fn words(line: &str) -> Vec<String> {
    let split = rbq_resp::split_args(line.as_bytes()).unwrap();
    split.into_iter().map(|word| String::from_utf8_lossy(&word).into_owned()).collect()
}
