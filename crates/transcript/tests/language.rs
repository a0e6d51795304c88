//! The language end to end, on a stage small enough to see through.

#![allow(clippy::unwrap_used)]

use std::time::Duration;

use bytes::Bytes;
use insta::assert_snapshot;
use rbq_resp::Value;
use rbq_transcript::{
    Awaited, Client, Coverage, Event, Played, Protocol, Script, Skip, Stage, StageError, Venue, bless, play,
};

/// A server with one mailbox: `PUT text` answers 1 and wakes whoever waits in `TAKE ms`; `ID` answers a stream ID;
/// `SAME x` answers x, `TELL x y` both; `QUIT` closes.
#[derive(Default)]
struct Toy {
    now_ms: u64,
    waiting: Vec<(Client, u64)>,
    sent: Vec<(Client, Event)>,
}

impl Toy {
    fn tell(&mut self, client: Client, value: Value) {
        self.sent.push((client, Event::Reply(value)));
    }
}

fn bulk(text: &str) -> Value {
    Value::Bulk(Bytes::copy_from_slice(text.as_bytes()))
}

impl Stage for Toy {
    fn connect(&mut self, _: Client, _: Protocol) -> Result<(), StageError> {
        Ok(())
    }

    fn disconnect(&mut self, client: Client) -> Result<(), StageError> {
        self.waiting.retain(|(waiter, _)| *waiter != client);
        Ok(())
    }

    fn request(&mut self, client: Client, args: &[Bytes]) -> Result<(), StageError> {
        let args: Vec<&str> = args.iter().map(|arg| std::str::from_utf8(arg).unwrap()).collect();
        match args.as_slice() {
            ["PUT", text] => {
                self.tell(client, Value::Integer(1));
                if !self.waiting.is_empty() {
                    let (waiter, _) = self.waiting.remove(0);
                    self.tell(waiter, Value::Array(vec![bulk("mail"), bulk(text)]));
                }
            }
            ["TAKE", ms] => self.waiting.push((client, self.now_ms + ms.parse::<u64>().unwrap())),
            ["ID"] => self.tell(client, bulk("1526919030474-55")),
            ["SAME", text] => self.tell(client, bulk(text)),
            ["TELL", words @ ..] => words.iter().for_each(|word| self.tell(client, bulk(word))),
            ["QUIT"] => self.sent.push((client, Event::Closed)),
            _ => self.tell(client, Value::Error(format!("ERR unknown command '{}'", args[0]))),
        }
        Ok(())
    }

    fn bytes(&mut self, _: Client, _: &[u8]) -> Result<(), StageError> {
        Err(StageError::Unplayable("no bytes here".into()))
    }

    fn advance_to(&mut self, since_start: Duration) -> Result<(), StageError> {
        self.now_ms = u64::try_from(since_start.as_millis()).unwrap();
        let now_ms = self.now_ms;
        let (late, waiting) = self.waiting.drain(..).partition(|(_, deadline_ms)| *deadline_ms <= now_ms);
        self.waiting = waiting;
        let late: Vec<(Client, u64)> = late;
        late.into_iter().for_each(|(client, _)| self.tell(client, Value::NullArray));
        Ok(())
    }

    fn collect(&mut self, _: &Awaited<'_>) -> Result<Vec<(Client, Event)>, StageError> {
        Ok(std::mem::take(&mut self.sent))
    }

    fn finish(&mut self) -> Result<Vec<(Client, Event)>, StageError> {
        self.collect(&Awaited { actor: rbq_transcript::Actor::Nobody, counts: &[] })
    }
}

fn performed(text: &str) -> (Script, Vec<Option<Played>>) {
    let script = Script::parse("toy.txt", text).unwrap();
    let conversations = script.conversations.iter();
    let played = conversations.map(|conversation| Some(play(conversation, &mut Toy::default()))).collect();
    (script, played)
}

fn diff(text: &str) -> String {
    let (script, played) = performed(text);
    let pairs = script.conversations.iter().zip(&played);
    pairs.map(|(conversation, played)| played.as_ref().unwrap().diff(&script, conversation)).collect()
}

const MAIL: &str = "
== A waiter is served, another one times out
# Deadlines are exact.
ann  TAKE 5000
bob  TAKE 5000
cat  PUT hello
cat: 1
ann: [mail, hello]
at 4999ms
at 5s
bob: nil[]
cat  QUIT
cat: <closed>
";

#[test]
fn a_conversation_that_goes_as_written_has_no_diff() {
    assert_eq!(diff(MAIL), "");
}

#[test]
fn between_clients_the_order_of_replies_is_free() {
    assert_eq!(diff("ann  TAKE 9\nbob  PUT x\nann: [mail, x]\nbob: 1\n"), "");
}

#[test]
fn replies_that_may_change_places_may_not_change_otherwise() {
    let told = |words: &str| diff(&format!("ann  TELL {words}\nann~ b\nann~ a\nann: c\n"));
    assert_eq!(told("a b c"), "");
    assert_eq!(told("b a c"), "");
    for wrong in ["a c b", "c a b", "a a c", "a b", "a b c c"] {
        assert_ne!(told(wrong), "", "{wrong}");
    }
}

#[test]
fn wrong_missing_and_unexpected_replies_are_shown_in_place() {
    assert_snapshot!(diff("
        == All that can be wrong
        ann  TAKE 5
        ann: late
        bob  PUT x
        bob: 2
        bob  SAME same
        bob: same
        bob: twice
    "), @r"
    toy.txt:2 All that can be wrong
         3  ann  TAKE 5
          - ann: late
         5  bob  PUT x
          - bob: 2
          + bob: 1
          + ann: [mail, x]
         7  bob  SAME same
            bob: same
          - bob: twice
    ");
}

#[test]
fn a_stage_that_fails_ends_the_conversation_at_that_step() {
    assert_snapshot!(diff("
        ann  SAME x
        ann: x
        ann sends \"PING\\r\\n\"
        ann  SAME y
    "), @r#"
    toy.txt:2 
          ! ann sends "PING\r\n": no bytes here
    "#);
    assert_snapshot!(diff("ann  SAME $nothing\n"), @r"
    toy.txt:1 
          ! ann  SAME $nothing: `$nothing` is not bound to anything
    ");
    assert_snapshot!(diff("ann  QUIT\nann: <closed>\nann  SAME x\n"), @r"
    toy.txt:1 
          ! ann  SAME x: the connection of `ann` is closed
    ");
}

#[test]
fn names_are_bound_by_a_reply_and_used_in_commands_and_replies() {
    let text = "
        ann  ID
        ann: <id $first>
        ann  SAME ($first
        ann: \"(1526919030474-55\"
        ann  SAME \"$first\"
        ann: \"$first\"
        ann  SAME $
        ann: \"$\"
        ann  ID
        ann: $first
        ann  SAME other
        ann: $first
    ";
    assert_snapshot!(diff(text), @r"
    toy.txt:2 
        12  ann  SAME other
          - ann: $first
          + ann: other
    ");
}

#[test]
fn blessing_replaces_wrong_replies_alone() {
    let (script, played) = performed(
        "
        # Kept.
        ann  ID
        ann: <id $i>
        ann  TAKE 5
        bob  PUT x
        # Kept, too.
        bob  SAME \"a b\"
        bob: wrong
    ",
    );
    assert_snapshot!(bless(&script, &played), @r#"

            # Kept.
            ann  ID
            ann: <id $i>
            ann  TAKE 5
            bob  PUT x
            bob: 1
            ann: [mail, x]
            # Kept, too.
            bob  SAME "a b"
            bob: "a b"
    "#);
}

#[test]
fn blessing_what_is_right_changes_nothing() {
    let (script, played) = performed(MAIL);
    assert_eq!(bless(&script, &played), MAIL);
}

#[test]
fn answers_are_what_clients_received() {
    let (script, played) = performed(MAIL);
    assert_snapshot!(played[0].as_ref().unwrap().answers(&script.conversations[0]), @r"
    cat: 1
    ann: [mail, hello]
    bob: nil[]
    cat: <closed>
    ");
}

#[test]
fn mistakes_in_a_transcript_name_their_line() {
    let cases = [
        "ann: 1",
        "ann  PING\nbob: +PONG",
        "ann  PING\n@realtime",
        "@sometimes",
        "@needs eight",
        "@differs 7.2",
        "ann",
        "Ann  PING",
        "ann  SET a \"b",
        "at noon",
        "ann sends PING",
        "ann  PING\nann: [a",
        "ann  PING\nann: <nothing>",
        "ann  PING\nann: \"a\" b",
        "ann  PING\nann: <unordered> a",
        "ann  PING\nann: [<rest>, a]",
    ];
    let problems = cases.map(|text| Script::parse("toy.txt", text).unwrap_err().to_string());
    assert_snapshot!(problems.join("\n"), @r#"
    toy.txt:1: `ann` has not said anything yet
    toy.txt:2: `bob` has not said anything yet
    toy.txt:2: a directive stands before the first step
    toy.txt:1: no such directive: `@sometimes`
    toy.txt:1: not a version: `eight`
    toy.txt:1: `@differs` wants a version or `rbq`, and a reason
    toy.txt:1: what does `ann` do?
    toy.txt:1: a line begins with a client's name, `at`, `==`, `@` or `#`
    toy.txt:1: the quotes of this command are not closed
    toy.txt:1: not a time: `noon` (write `1500ms`, `5s`, `2m`, `3h` or `1d`)
    toy.txt:1: expected `"` at `PING`
    toy.txt:2: expected `,` at ``
    toy.txt:2: no such pattern: `<nothing>`
    toy.txt:2: `b` is left over
    toy.txt:2: `<unordered>` stands before brackets
    toy.txt:2: expected `]` at `, a]`
    "#);
}

#[test]
fn a_conversation_knows_where_it_can_be_played() {
    let script = Script::parse(
        "toy.txt",
        "
        == anywhere
        ann  PING
        == over sockets only
        ann sends \"PING\\r\\n\"
        == in virtual time only
        at 5s
        == in real time, too
        @realtime
        at 5ms
        == on a newer server
        @needs 8.2
        ann  PING
        == where the old one differs
        @differs 7.2 it was a mistake; release notes
        ann  PING
        == where rbq differs
        @differs rbq we know better
        ann  PING
        == where rbq is alone
        @own
        ann  PING
    ",
    )
    .unwrap();
    let redis = |version: &str| Venue::Redis(version.parse().unwrap());
    let venues = [Venue::Bare, Venue::Rbq, redis("7.0.15"), redis("7.2.0"), redis("8.10.2")];
    let lines = script.conversations.iter().map(|conversation| {
        let letters = venues.map(|venue| match conversation.skip_on(venue) {
            None => 'P',
            Some(Skip::NeedsBytes) => 'b',
            Some(Skip::NeedsVirtualTime) => 't',
            Some(Skip::NeedsNewer) => 'n',
            Some(Skip::KnownDifference) => 'd',
        });
        format!("{} {}", letters.iter().collect::<String>(), conversation.title)
    });
    assert_snapshot!(lines.collect::<Vec<_>>().join("\n"), @r"
    PPPPP anywhere
    bPPPP over sockets only
    Ptttt in virtual time only
    PPPPP in real time, too
    PPnnP on a newer server
    PPdPP where the old one differs
    PPddd where rbq differs
    PPnnn where rbq is alone
    ");
}

#[test]
fn coverage_tells_which_command_met_which_outcome() {
    let script = Script::parse(
        "toy.txt",
        "
        ann  BLPOP mail 0
        bob  rpush mail one two
        bob: 2
        ann: [mail, one]
        bob  RPUSH mail
        bob: -ERR wrong number of arguments for 'rpush' command
        bob  XGROUP CREATE s g $
        bob: +OK
    ",
    )
    .unwrap();
    let coverage = Coverage::of(&[script]);
    assert_snapshot!(coverage.table(), @r"
    BLPOP
        (waits, or is silent)   toy.txt:2
    RPUSH
        -ERR wrong number of arguments for 'rpush' command   toy.txt:6
        integer   toy.txt:3
    XGROUP CREATE
        +OK   toy.txt:8
    ");
    assert_eq!(coverage.missing(&["RPUSH", "LPUSH", "XGROUP CREATE", "XGROUP SETID"]), ["LPUSH", "XGROUP SETID"]);
}
