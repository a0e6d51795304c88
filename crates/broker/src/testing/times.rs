//! Times that clients name are added to the clock's, and may be as long as their numbers are: a sum that wraps is a moment
//! in the past, and a timer that is due for ever holds everybody up.

use super::play;

/// Whole numbers at which sums of milliseconds or their microseconds leave 63 or 64 bits, and their neighbours.
fn extremes() -> Vec<i64> {
    let milli = [i64::MAX / 1000, (u64::MAX / 1000) as i64];
    let powers = (50..63).map(|bit| 1i64 << bit);
    let all = powers.chain(milli).chain([i64::MAX, 0]);
    all.flat_map(|number| [number.saturating_sub(1), number, number.saturating_add(1)])
        .flat_map(|number| [number, -number, i64::MIN])
        .collect()
}

/// What the second of two clients is answered after the first has run these commands, a second later.
fn pong_after(commands: &str) -> String {
    let answers = play(&format!("{commands}\nat 1s\nbob  PING"));
    answers.lines().filter(|line| line.starts_with("bob: ")).collect()
}

#[test]
fn the_server_goes_on_whatever_time_a_command_names() {
    let pending = "ann  XADD s 1-1 f v\nann  XGROUP CREATE s g 0\nann  XREADGROUP GROUP g c STREAMS s >";
    for ms in extremes() {
        for command in [
            "XREADGROUP GROUP g c BLOCK 10 CLAIM ? STREAMS s >",
            "XREADGROUP GROUP g c BLOCK ? STREAMS s >",
            "XREAD BLOCK ? STREAMS s $",
            "XCLAIM s g d ? 1-1",
            "XCLAIM s g d 0 1-1 IDLE ?",
            "XCLAIM s g d 0 1-1 TIME ?",
            "XAUTOCLAIM s g d ? 0",
            "XPENDING s g IDLE ? - + 10",
            "BLPOP l ?",
            "BLMOVE l m LEFT LEFT ?",
            "BLMPOP ? 1 l LEFT",
            "WAIT 1 ?",
            "WAITAOF 0 1 ?",
            "SET k v PX ?",
            "SET k v EX ?",
            "SET k v PXAT ?",
            "GETEX s EXAT ?",
            "SETEX k ? v",
            "PSETEX k ? v",
            "MSETEX 1 k v PX ?",
            "CLIENT KILL MAXAGE ?",
            "CLIENT LIST IDLE ?",
            "CLIENT PAUSE ? WRITE",
            "XCFGSET s IDMP-DURATION ?",
        ] {
            let command = command.replace('?', &ms.to_string());
            assert_eq!(pong_after(&format!("{pending}\nann  {command}")), "bob: +PONG", "{command}");
        }
        let command = format!("EXPIRE s {ms}\nann  PEXPIRE s {ms}\nann  EXPIREAT s {ms}\nann  PEXPIREAT s {ms}");
        assert_eq!(pong_after(&format!("{pending}\nann  {command}\nann  INFO\nann  TTL s")), "bob: +PONG", "{command}");
    }
}

#[test]
fn an_entry_that_is_never_idle_enough_does_not_keep_its_reader_from_giving_up() {
    for claim_ms in ["1000000000000000", "9223372036854775807"] {
        let answers = play(&format!(
            "ann  XADD s 1-1 f v\nann  XGROUP CREATE s g 0\nann  XREADGROUP GROUP g c STREAMS s >\n\
             ann  XREADGROUP GROUP g c BLOCK 10 CLAIM {claim_ms} STREAMS s >\nat 10ms"
        ));
        assert_eq!(answers.lines().last(), Some("ann: nil[]"), "{claim_ms}");
    }
}

#[test]
fn the_average_of_the_longest_times_to_live_is_one_of_them() {
    let longest = i64::MAX;
    let keys: String = ["a", "b", "c"].map(|key| format!("ann  SET {key} v PXAT {longest}\n")).concat();
    let answers = play(&format!("{keys}ann  INFO keyspace"));
    let left_ms = longest - 1_704_067_200_000;
    assert!(answers.contains(&format!("expires=3,avg_ttl={left_ms},")), "{answers}");
}
