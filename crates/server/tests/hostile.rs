//! Clients that are broken, greedy, slow or gone: none of them may cost the server its memory, or others their turn.

#![allow(clippy::unwrap_used)]

mod support;

use std::net::Shutdown;
use std::thread;
use std::time::{Duration, Instant};

use rbq_resp::Value;

use crate::support::{Client, Server, request, shown};

const MIB: u64 = 1024 * 1024;

/// How long an answer may take while others behave badly. Others share this machine: far above what it takes alone.
const PROMPT: Duration = Duration::from_secs(5);

/// What is sent, and what is answered before the connection is closed.
const BROKEN: &[(&[u8], &str)] = &[
    (b"*2147483648\r\n", "ERR Protocol error: invalid multibulk length"),
    (b"*abc\r\n", "ERR Protocol error: invalid multibulk length"),
    (b"*1\r\n:5\r\n", "ERR Protocol error: expected '$', got ':'"),
    (b"*1\r\n*1\r\n*1\r\n*1\r\n$4\r\nPING\r\n", "ERR Protocol error: expected '$', got '*'"),
    (b"*1\r\n$-5\r\n", "ERR Protocol error: invalid bulk length"),
    (b"*1\r\n$536870913\r\n", "ERR Protocol error: invalid bulk length"),
    (b"PING \"half\r\n", "ERR Protocol error: unbalanced quotes in request"),
];

#[test]
fn broken_framing_is_answered_with_its_reason_and_closed() {
    let server = Server::start(&[]);
    for (bytes, error) in BROKEN {
        let mut client = server.client();
        client.send(b"PING\r\n");
        client.send(bytes);
        assert_eq!(client.reply(), Value::Status("PONG".into()), "what came before is answered");
        assert_eq!(client.reply(), Value::Error((*error).into()));
        assert_eq!(client.reply_or_end(), None, "closed after {error}");
    }
    assert_eq!(server.client().text("PING"), "PONG");
}

#[test]
fn lines_that_never_end_are_refused_at_64_kib() {
    let server = Server::start(&[]);
    for (start, error) in [
        ("", "ERR Protocol error: too big inline request"),
        ("*", "ERR Protocol error: too big mbulk count string"),
        ("*1\r\n$", "ERR Protocol error: too big bulk count string"),
    ] {
        let mut client = server.client();
        client.send(start.as_bytes());
        client.send_if_open(&[b'1'; 64 * 1024 + 1]);
        assert_eq!(client.reply(), Value::Error(error.into()));
        assert_eq!(client.reply_or_end(), None);
    }
}

#[test]
fn promised_lengths_cost_nothing() {
    let server = Server::start(&[]);
    let before = server.resident_bytes();
    let clients: Vec<Client> = (0..200)
        .map(|number| {
            let mut client = server.client();
            client.send(match number % 3 {
                0 => b"*2147483647\r\n",
                1 => b"*1\r\n$536870912\r\n",
                _ => b"*1000000\r\n$3\r\nSET\r\n$536870912\r\nx",
            });
            client
        })
        .collect();
    let mut other = server.client();
    other.until("CLIENT LIST", |list| list.lines().filter(|line| !line.contains("qbuf=0 ")).count() > clients.len());
    let grown = server.peak_bytes().saturating_sub(before);
    assert!(grown < 64 * MIB, "{} KiB for 200 promises", grown / 1024);
}

#[test]
fn random_bytes_never_disturb_others() {
    let server = Server::start(&[]);
    let mut rng = fastrand::Rng::with_seed(7);
    let pieces: [&[u8]; 12] = [
        b"*",
        b"$",
        b"\r\n",
        b"3",
        b"-1",
        b"PING",
        b"SET",
        b"\"",
        b"$3\r\nGET\r\n",
        b"*3\r\n",
        b"\0",
        b"SUBSCRIBE a\r\n",
    ];
    let mut other = server.client();
    for _ in 0..500 {
        let mut client = server.client();
        let mut bytes = Vec::new();
        for _ in 0..rng.usize(1..60) {
            if rng.u8(..) < 60 {
                bytes.push(rng.u8(..));
            } else {
                bytes.extend_from_slice(pieces[rng.usize(..pieces.len())]);
            }
        }
        client.send_if_open(&bytes);
        if rng.bool() {
            client.stream.shutdown(Shutdown::Write).ok();
            client.drain();
        }
        assert_eq!(other.text("PING"), "PONG");
    }
}

#[test]
fn a_request_may_come_byte_by_byte_and_never_be_finished() {
    let server = Server::start(&[]);
    let bytes = request(&["SET", "key", "value"]);
    for length in 1..bytes.len() {
        let mut client = server.client();
        bytes[..length].iter().for_each(|byte| client.send(&[*byte]));
    }
    let mut client = server.client();
    assert_eq!(client.text("GET key"), "nil", "half a request is none");
    bytes.iter().for_each(|byte| client.send(&[*byte]));
    assert_eq!(client.reply(), Value::Status("OK".into()));
}

#[test]
fn patterns_made_to_explode_do_not() {
    let server = Server::start(&[]);
    let mut client = server.client();
    let name = "a".repeat(2000);
    let pattern = format!("{}b", "a*".repeat(500));
    client.ask(&["SET", &name, "1"]);
    let started = Instant::now();
    assert_eq!(client.ask(&["KEYS", &pattern]), Value::Array(vec![]));
    client.ask(&["SCAN", "0", "MATCH", &pattern]);
    client.ask(&["PSUBSCRIBE", &pattern]);
    assert_eq!(server.client().ask(&["PUBLISH", &name, "x"]), Value::Integer(0));
    assert!(started.elapsed() < PROMPT, "{:?}", started.elapsed());
}

#[test]
fn a_client_that_never_reads_costs_little_and_delays_nobody() {
    let server = Server::start(&[]);
    let mut other = server.client();
    let element = "x".repeat(100_000);
    for _ in 0..100 {
        other.ask(&["RPUSH", "list", &element]);
    }
    let before = server.resident_bytes();
    let mut greedy = server.client();
    greedy.send(&request(&["LRANGE", "list", "0", "-1"]).repeat(200));
    for _ in 0..200 {
        let started = Instant::now();
        assert_eq!(other.text("PING"), "PONG");
        assert!(started.elapsed() < PROMPT, "{:?}", started.elapsed());
    }
    let grown = server.peak_bytes().saturating_sub(before);
    assert!(grown < 40 * MIB, "{} MiB for 2 GB of replies nobody reads", grown / MIB);
}

#[test]
fn what_a_slow_reader_asked_for_arrives_whole() {
    let server = Server::start(&[]);
    let mut client = server.client();
    for number in 0..50 {
        client.ask(&["RPUSH", "list", &format!("{number}").repeat(20_000)]);
    }
    client.send(&request(&["LRANGE", "list", "0", "-1"]).repeat(20));
    client.send(&request(&["PING"]));
    for _ in 0..20 {
        let Value::Array(elements) = client.reply() else { panic!("an array") };
        for (number, element) in elements.iter().enumerate() {
            assert_eq!(shown(element), format!("{number}").repeat(20_000));
        }
    }
    assert_eq!(client.reply(), Value::Status("PONG".into()));
}

#[test]
fn a_pipeline_written_whole_before_reading_is_answered() {
    let server = Server::start(&[]);
    let mut client = server.client();
    let value = "v".repeat(16 * 1024);
    client.ask(&["SET", "key", &value]);
    // 32 MiB of requests whose replies are as large: both sides' socket buffers fill long before the end.
    let one = [request(&["SET", "other", &value]), request(&["GET", "key"])].concat();
    let count = 2048;
    client.send(&one.repeat(count));
    for _ in 0..count {
        assert_eq!(client.reply(), Value::Status("OK".into()));
        assert_eq!(client.reply(), Value::Bulk(value.clone().into()));
    }
}

#[test]
fn a_first_request_may_be_large_where_no_password_is_wanted() {
    let server = Server::start(&[]);
    let value = "v".repeat(20_000);
    assert_eq!(server.client().ask(&["SET", "key", &value]), Value::Status("OK".into()));
    let many: Vec<String> =
        ["RPUSH", "list"].iter().map(ToString::to_string).chain((0..20).map(|n| n.to_string())).collect();
    assert_eq!(server.client().ask(&many), Value::Integer(20));
}

#[test]
fn strangers_are_held_short() {
    let server = Server::start(&["--requirepass", "s3cret"]);
    let mut client = server.client();
    assert_eq!(client.text("PING"), "-NOAUTH Authentication required.");
    client.send(b"*11\r\n");
    assert_eq!(client.reply(), Value::Error("ERR Protocol error: unauthenticated multibulk length".into()));
    assert_eq!(client.reply_or_end(), None);
    let mut client = server.client();
    client.send(b"*1\r\n$16385\r\n");
    assert_eq!(client.reply(), Value::Error("ERR Protocol error: unauthenticated bulk length".into()));
    assert_eq!(client.reply_or_end(), None);
    let mut client = server.client();
    let pipeline = [request(&["AUTH", "s3cret"]), request(&["SET", "key", &"v".repeat(20_000)])].concat();
    client.send(&pipeline);
    assert_eq!(client.reply(), Value::Status("OK".into()));
    assert_eq!(client.reply(), Value::Status("OK".into()), "judged after AUTH");
}

#[test]
fn a_client_that_leaves_in_the_middle_of_a_reply_is_forgotten() {
    let server = Server::start(&[]);
    let mut other = server.client();
    other.ask(&["SET", "key", &"x".repeat(8 * 1024 * 1024)]);
    for _ in 0..20 {
        let mut client = server.client();
        client.send(&request(&["GET", "key"]).repeat(5));
        client.stream.peek(&mut [0]).unwrap();
    }
    other.until("INFO clients", |info| info.contains("connected_clients:1\r\n"));
}

#[test]
fn a_parked_client_that_leaves_takes_nothing() {
    let server = Server::start(&[]);
    let mut other = server.client();
    let mut parked = server.client();
    parked.request(&["BLPOP", "queue", "0"]);
    other.until("INFO clients", |info| info.contains("blocked_clients:1\r\n"));
    drop(parked);
    other.until("INFO clients", |info| info.contains("blocked_clients:0\r\n"));
    assert_eq!(other.text("RPUSH queue one"), "1");
    assert_eq!(other.text("LRANGE queue 0 -1"), "one");
}

#[test]
fn what_was_sent_while_parked_is_run_once_served() {
    let server = Server::start(&[]);
    let mut other = server.client();
    let mut parked = server.client();
    parked.request(&["BLPOP", "queue", "0"]);
    other.until("INFO clients", |info| info.contains("blocked_clients:1\r\n"));
    parked.request(&["ECHO", "later"]);
    other.until("CLIENT LIST", |list| list.lines().any(|line| line.contains("cmd=blpop")));
    assert_eq!(other.text("RPUSH queue one"), "1");
    assert_eq!(shown(&parked.reply()), "queue,one");
    assert_eq!(shown(&parked.reply()), "later");
}

#[test]
fn a_wait_with_a_deadline_costs_no_processor_time() {
    let server = Server::start(&["--hz", "1"]);
    let mut parked = server.client();
    parked.request(&["BLPOP", "queue", "3"]);
    let mut other = server.client();
    other.until("INFO clients", |info| info.contains("blocked_clients:1\r\n"));
    let before = server.cpu_ticks();
    assert_eq!(parked.reply(), Value::NullArray);
    let ticks = server.cpu_ticks() - before;
    assert!(ticks < 30, "{ticks} hundredths of a second for three seconds of waiting");
}

#[test]
fn a_killed_client_is_closed() {
    let server = Server::start(&[]);
    let mut victim = server.client();
    let id = victim.text("CLIENT ID");
    let mut other = server.client();
    assert_eq!(other.text(&format!("CLIENT KILL ID {id}")), "1");
    assert_eq!(victim.reply_or_end(), None);
    let own = other.text("CLIENT ID");
    assert_eq!(other.text(&format!("CLIENT KILL ID {own} SKIPME no")), "1", "answered before it is closed");
    assert_eq!(other.reply_or_end(), None);
}

#[test]
fn a_subscriber_that_does_not_read_is_closed_and_no_other() {
    let server = Server::start(&["--client-output-buffer-limit", "pubsub 4mb 0 0"]);
    let mut deaf = server.client();
    deaf.text("SUBSCRIBE news");
    let mut listener = server.client();
    listener.text("SUBSCRIBE news");
    let mut publisher = server.client();
    let message = "m".repeat(256 * 1024);
    let mut published = 0;
    while publisher.ask(&["PUBLISH", "news", &message]) == Value::Integer(2) {
        assert_eq!(shown(&listener.reply()), format!("message,news,{message}"));
        published += 1;
        assert!(published < 1000, "250 MiB for a client that does not read");
    }
    assert_eq!(shown(&listener.reply()), format!("message,news,{message}"));
    server.wait_for_log("output buffer above its hard limit");
    deaf.drain();
    assert_eq!(publisher.ask(&["PUBLISH", "news", "still"]), Value::Integer(1));
    assert_eq!(shown(&listener.reply()), "message,news,still");
}

#[test]
fn who_was_just_served_or_is_sending_is_not_idle() {
    let server = Server::start(&[]);
    let mut other = server.client();
    let mut worker = server.client();
    let mut sender = server.client();
    worker.text("CLIENT SETNAME worker");
    sender.text("CLIENT SETNAME sender");
    let idle_s = |list: &str, name: &str| -> u64 {
        let line = list.lines().find(|line| line.contains(&format!("name={name} "))).unwrap();
        let idle = line.split(' ').find_map(|field| field.strip_prefix("idle=")).unwrap();
        idle.parse().unwrap()
    };
    let long_s = 3;
    let both =
        |list: &str, is_it: &dyn Fn(u64) -> bool| ["worker", "sender"].iter().all(|name| is_it(idle_s(list, name)));
    worker.request(&["BLPOP", "queue", "0"]);
    other.until("CLIENT LIST", |list| both(list, &|idle| idle >= long_s));
    other.text("RPUSH queue element");
    assert_eq!(shown(&worker.reply()), "queue,element");
    // A part of a request.
    sender.send(b"*2\r\n$4\r\nECHO\r\n$100\r\nxxx");
    other.until("CLIENT LIST", |list| both(list, &|idle| idle < long_s));
}

#[test]
fn who_is_about_to_be_closed_takes_nothing_from_a_queue() {
    let server = Server::start(&["--client-output-buffer-limit", "pubsub 100kb 0 0"]);
    let mut other = server.client();
    for round in 1..=10 {
        let queue = format!("queue-{round}");
        let mut deaf = server.client();
        deaf.ask(&["HELLO", "3"]);
        deaf.request(&["SUBSCRIBE", "news"]);
        deaf.request(&["BLPOP", &queue, "0"]);
        other.until("INFO clients", |info| info.contains("blocked_clients:1\r\n"));
        // One breaches the limit, the next in the same turn would serve it.
        let breach = request(&["PUBLISH", "news", &"m".repeat(8 << 20)]);
        other.send(&[breach, request(&["RPUSH", &queue, "element"])].concat());
        assert_eq!([other.reply(), other.reply()], [Value::Integer(1), Value::Integer(1)]);
        drop(deaf);
        other.until("INFO clients", |info| info.contains("blocked_clients:0\r\n"));
        assert_eq!(other.text(&format!("LLEN {queue}")), "1");
    }
}

#[test]
fn a_subscriber_over_its_soft_limit_is_closed_when_its_time_is_up() {
    let server = Server::start(&["--client-output-buffer-limit", "pubsub 0 1mb 1"]);
    let mut deaf = server.client();
    deaf.text("SUBSCRIBE news");
    let mut publisher = server.client();
    let message = "m".repeat(256 * 1024);
    // More than the sockets' own buffers take, and then silence.
    for _ in 0..64 {
        publisher.ask(&["PUBLISH", "news", &message]);
    }
    server.wait_for_log("output buffer above its soft limit for too long");
    assert_eq!(publisher.ask(&["PUBLISH", "news", &message]), Value::Integer(0));
}

#[test]
fn megabytes_sent_while_parked_are_run_in_order_once_served() {
    let server = Server::start(&[]);
    let mut parked = server.client();
    parked.request(&["BLPOP", "queue", "0"]);
    let values: Vec<String> = (0..3000).map(|i| format!("{i}:{}", "x".repeat(i))).collect();
    for value in &values {
        parked.request(&["RPUSH", "log", value]);
    }
    let mut other = server.client();
    other.until("CLIENT LIST", |list| {
        let held = list.split("qbuf=").skip(1).filter_map(|rest| rest.split(' ').next()?.parse::<usize>().ok());
        held.max() > Some(4_500_000)
    });
    assert_eq!(other.text("RPUSH queue go"), "1");
    assert_eq!(shown(&parked.reply()), "queue,go");
    for pushed in 1..=values.len() as i64 {
        assert_eq!(parked.reply(), Value::Integer(pushed));
    }
    assert_eq!(shown(&other.ask(&["LRANGE", "log", "0", "-1"])), values.join(","));
}

#[test]
fn requests_above_the_query_buffer_limit_close_the_connection() {
    let server = Server::start(&["--client-query-buffer-limit", "1mb"]);
    let mut parked = server.client();
    parked.request(&["BLPOP", "queue", "0"]);
    let flood = request(&["SET", "key", &"x".repeat(1000)]).repeat(1000);
    while parked.send_if_open(&flood) {}
    server.wait_for_log("query buffer above its limit");
    let mut other = server.client();
    assert!(other.text("INFO stats").contains("client_query_buffer_limit_disconnections:1\r\n"));
    assert_eq!(other.text("GET key"), "nil");
}

#[test]
fn a_monitor_that_does_not_read_is_closed() {
    let server = Server::start(&["--client-output-buffer-limit", "pubsub 4mb 0 0"]);
    let mut deaf = server.client();
    deaf.text("MONITOR");
    let mut busy = server.client();
    let message = "m".repeat(256 * 1024);
    for _ in 0..100 {
        busy.ask(&["ECHO", &message]);
    }
    server.wait_for_log("output buffer above its hard limit");
}

#[test]
fn the_largest_clients_are_closed_until_all_buffers_are_within_maxmemory_clients() {
    let server = Server::start(&["--maxmemory-clients", "4mb"]);
    let mut small = server.client();
    small.text("MULTI");
    small.text("SET a 1");
    let mut exempt = server.client();
    exempt.text("CLIENT NO-EVICT ON");
    exempt.text("MULTI");
    exempt.ask(&["SET", "key", &"x".repeat(2 * 1024 * 1024)]);
    let mut greedy = [server.client(), server.client()];
    for client in &mut greedy {
        client.text("MULTI");
        client.ask(&["SET", "key", &"x".repeat(3 * 1024 * 1024)]);
    }
    for client in &mut greedy {
        assert_eq!(client.reply_or_end(), None);
    }
    server.wait_for_log("above maxmemory-clients");
    assert_eq!(exempt.text("DISCARD"), "OK");
    assert_eq!(small.text("EXEC"), "OK");
    assert!(small.text("INFO stats").contains("evicted_clients:2\r\n"));
}

#[test]
fn one_connection_too_many_is_told_so() {
    let server = Server::start(&["--maxclients", "3"]);
    let mut clients: Vec<Client> = (0..3).map(|_| server.client()).collect();
    clients.iter_mut().for_each(|client| assert_eq!(client.text("PING"), "PONG"));
    let mut fourth = server.client();
    assert_eq!(fourth.reply(), Value::Error("ERR max number of clients reached".into()));
    assert_eq!(fourth.reply_or_end(), None);
    assert!(clients[0].text("INFO stats").contains("rejected_connections:1\r\n"));
    assert_eq!(clients[0].text("CONFIG SET maxclients 4"), "OK");
    assert_eq!(server.client().text("PING"), "PONG", "in force at once");
}

#[test]
fn idle_clients_are_closed_and_waiting_ones_are_not() {
    let server = Server::start(&["--timeout", "1"]);
    let mut subscriber = server.client();
    subscriber.text("SUBSCRIBE news");
    let mut parked = server.client();
    parked.request(&["BLPOP", "queue", "0"]);
    let mut idle = server.client();
    assert_eq!(idle.text("PING"), "PONG");
    assert_eq!(idle.reply_or_end(), None, "closed for being idle");
    let mut other = server.client();
    assert_eq!(other.text("PUBLISH news hi"), "1");
    assert_eq!(other.text("RPUSH queue one"), "1");
    assert_eq!(shown(&subscriber.reply()), "message,news,hi");
    assert_eq!(shown(&parked.reply()), "queue,one");
}

#[test]
fn many_clients_at_once_lose_nothing() {
    let server = Server::start(&[]);
    let popped: usize = thread::scope(|scope| {
        let consumers: Vec<_> = (0..8)
            .map(|_| {
                scope.spawn(|| {
                    let mut client = server.client();
                    let mut count = 0;
                    while shown(&client.ask(&["BLPOP", "queue", "0"])) != "queue,end" {
                        count += 1;
                    }
                    count
                })
            })
            .collect();
        let producers: Vec<_> = (0..4)
            .map(|producer| {
                let server = &server;
                scope.spawn(move || {
                    let mut client = server.client();
                    (0..500).for_each(|number| drop(client.text(&format!("RPUSH queue {producer}-{number}"))));
                })
            })
            .collect();
        producers.into_iter().for_each(|producer| producer.join().unwrap());
        let mut client = server.client();
        (0..8).for_each(|_| drop(client.text("RPUSH queue end")));
        consumers.into_iter().map(|consumer| consumer.join().unwrap()).sum()
    });
    assert_eq!(popped, 4 * 500);
}
