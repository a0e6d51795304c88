//! A re-drive that is killed with SIGKILL at random moments and resumed each time: every message arrives exactly once.
//!
//! On a cluster it is tried twice: with everything in one slot, where a transaction holds both ends, and with targets on other nodes,
//! where a token stands for what no transaction can do.
//!
//! The small version is part of the tests. The large one is the same code:
//! `RBQ_KILLS=100000x50 cargo test -p rbq --test dlq_kills -- --nocapture --test-threads 1`; `RBQ_SEED` repeats a run's moments.
#![allow(clippy::unwrap_used, clippy::print_stderr)]

mod support;

use std::collections::HashMap;
use std::process::{Child, Command};
use std::time::Instant;

use fastrand::Rng;
use rbq_client::{Client, ClusterClient, Options, Request, Value};
use support::letters::Letter;
use support::own::Server;
use support::{Oracle, cluster, rbq, start};

/// Where dead letters are, and where they go: to a group, into a queue, and as new entries of another stream.
#[derive(Clone, Copy)]
struct Names {
    letters: &'static str,
    /// What the names of the keys beside the letters begin with.
    beside: &'static str,
    stream: &'static str,
    queue: &'static str,
    copy: &'static str,
}

const PLAIN: Names =
    Names { letters: "orders.dlq", beside: "orders.dlq", stream: "orders", queue: "jobs", copy: "copy" };

const TAGGED: Names =
    Names { letters: "{t}.dlq", beside: "{t}.dlq", stream: "{t}.orders", queue: "{t}.jobs", copy: "{t}.copy" };

/// One on each node of three, and the letters beside none of them.
const APART: Names = Names { letters: "a.dlq", beside: "{a.dlq}", stream: "b", queue: "c", copy: "d" };

impl Names {
    fn is_apart(self) -> bool {
        rbq_resp::slot(self.letters.as_bytes()) != rbq_resp::slot(self.queue.as_bytes()) && self.beside != self.letters
    }
}

/// Requests on the way at once, when the test sets its stage.
const PIPELINE: usize = 1000;

/// A server, or many that are one.
enum Site {
    One(Client),
    Cluster(ClusterClient),
}

impl Site {
    async fn call(&self, request: Request) -> Value {
        match self {
            Self::One(client) => client.call(request).await.unwrap(),
            // Of all that is asked here the key is the second word, or the third.
            Self::Cluster(client) => {
                let is_group = ["XGROUP", "XREADGROUP"].iter().any(|name| request.is_word(0, name));
                let key = request.iter().nth(match is_group {
                    false => 1,
                    true if request.is_word(0, "XGROUP") => 2,
                    true => 5,
                });
                client.call(key.unwrap().to_vec(), request.clone()).await.unwrap()
            }
        }
    }

    async fn ask(&self, line: &str) -> Value {
        self.call(Request::from(line.split(' '))).await
    }
}

struct Scene {
    url: String,
    site: Site,
    names: Names,
    messages: usize,
    arrived: HashMap<(&'static str, Vec<u8>), u32>,
}

impl Scene {
    async fn new(url: String, site: Site, names: Names, messages: usize) -> Self {
        let scene = Self { url, site, names, messages, arrived: HashMap::new() };
        scene.set_the_stage().await;
        scene
    }

    fn kind_of(&self, number: usize) -> &'static str {
        // Six of ten go back to their group, two into a queue, two to another stream.
        match number % 10 {
            0..6 => self.names.stream,
            6..8 => self.names.queue,
            _ => self.names.copy,
        }
    }

    fn payload(number: usize) -> Vec<u8> {
        [format!("{number}:").into_bytes(), vec![(number % 256) as u8; number % 100]].concat()
    }

    async fn all(&self, requests: impl Iterator<Item = Request>) {
        let Site::One(client) = &self.site else {
            for request in requests {
                self.site.call(request).await;
            }
            return;
        };
        let mut pending = std::collections::VecDeque::new();
        for request in requests {
            pending.push_back(client.submit(request).await.unwrap());
            if pending.len() == PIPELINE {
                let reply = pending.pop_front().unwrap().await.unwrap();
                assert!(!matches!(reply, Value::Error(_)), "{reply:?}");
            }
        }
        for reply in pending {
            let reply = reply.await.unwrap();
            assert!(!matches!(reply, Value::Error(_)), "{reply:?}");
        }
    }

    /// The stream was read and acknowledged by two groups; one of them, and others, have given up every message.
    async fn set_the_stage(&self) {
        let Names { letters, stream, queue, copy, .. } = self.names;
        let entries = (0..self.messages).filter(|number| self.kind_of(*number) == stream);
        self.all(entries.map(|number| {
            Request::from(["XADD", stream, &format!("1-{}", number + 1), "data"]).arg(Self::payload(number))
        }))
        .await;
        for group in ["billing", "mail"] {
            // Nothing is new to a group that stands at the end.
            self.site.ask(&format!("XGROUP CREATE {stream} {group} $")).await;
        }
        self.site.ask(&format!("XADD {copy} 1-0 first entry")).await;
        let letter = |number| {
            let (kind, data) = (self.kind_of(number), Self::payload(number));
            if kind == stream {
                Letter::of_stream(stream, "billing", &format!("1-{}", number + 1), &[("data", data.as_slice())])
            } else if kind == queue {
                Letter::of_queue(queue, &data)
            } else {
                Letter::of_stream("old", "g", "1-1", &[("data", data.as_slice())])
            }
        };
        self.all((0..self.messages).map(|number| letter(number).request(letters, "*"))).await;
    }

    fn redrive(&self, resume: Option<&str>) -> Command {
        let map = format!("old={}", self.names.copy);
        let mut args = vec!["dlq", "redrive", self.names.letters, "--yes", "--quiet"];
        match resume {
            Some(job) => args.extend(["--resume", job]),
            None => args.extend(["--map", &map, "--batch", "50"]),
        }
        let mut command = rbq(&args);
        command.env("RBQ_URL", &self.url);
        command
    }

    async fn job(&self) -> Option<String> {
        let spec = self.site.ask(&format!("GET {}:redrive", self.names.beside)).await;
        let spec: serde_json::Value = serde_json::from_slice(spec.as_bytes()?).unwrap();
        Some(spec["job"].as_str().unwrap().to_owned())
    }

    async fn left(&self) -> usize {
        let Value::Integer(left) = self.site.ask(&format!("XLEN {}", self.names.letters)).await else { panic!() };
        left as usize
    }

    /// A worker of the group that failed, and one of the queue: both take what there is, while the re-drive goes on.
    async fn work(&mut self) {
        let Names { stream, queue, .. } = self.names;
        let claimed = self.site.ask(&format!("XAUTOCLAIM {stream} billing worker 0 0 COUNT 500")).await;
        let Value::Array(parts) = claimed else { panic!("{claimed:?}") };
        let Value::Array(entries) = &parts[1] else { panic!("{parts:?}") };
        let mut ack = Request::from(["XACK", stream, "billing"]);
        for entry in entries {
            let (id, data) = id_and_data(entry);
            ack.push(id);
            self.note(stream, data);
        }
        if !entries.is_empty() {
            self.site.call(ack).await;
        }
        if let Value::Array(taken) = self.site.ask(&format!("RPOP {queue} 500")).await {
            taken.iter().for_each(|data| self.note(queue, data.as_bytes().unwrap().to_vec()));
        }
    }

    fn note(&mut self, kind: &'static str, data: Vec<u8>) {
        *self.arrived.entry((kind, data)).or_default() += 1;
    }

    /// Works until the dead letters are few enough, or the re-drive has ended.
    async fn work_until(&mut self, child: &mut Child, left: usize) {
        while self.left().await > left && child.try_wait().unwrap().is_none() {
            self.work().await;
        }
    }

    /// Works until more has arrived than has left: the middle of a step whose two ends no transaction holds together.
    async fn work_into_a_step(&mut self, child: &mut Child) {
        while child.try_wait().unwrap().is_none() {
            self.work().await;
            let Value::Integer(copies) = self.site.ask(&format!("XLEN {}", self.names.copy)).await else { panic!() };
            let arrived = self.arrived.values().sum::<u32>() as usize + copies as usize - 1;
            if arrived + self.left().await > self.messages {
                return;
            }
        }
    }

    async fn check(&mut self) {
        let Names { beside, stream, queue, copy, .. } = self.names;
        self.work().await;
        while !matches!(self.site.ask(&format!("LLEN {queue}")).await, Value::Integer(0))
            || !format!("{:?}", self.site.ask(&format!("XPENDING {stream} billing")).await)
                .starts_with("Array([Integer(0)")
        {
            self.work().await;
        }
        let Value::Array(copies) = self.site.ask(&format!("XRANGE {copy} (1-0 +")).await else { panic!() };
        copies.iter().for_each(|entry| self.note(copy, id_and_data(entry).1));
        for number in 0..self.messages {
            let count = self.arrived.remove(&(self.kind_of(number), Self::payload(number)));
            assert_eq!(count, Some(1), "message {number} of {}", self.kind_of(number));
        }
        assert_eq!(self.arrived.len(), 0, "what nobody sent has arrived");
        assert_eq!(self.left().await, 0);
        let quarantine = format!("{beside}.quarantine");
        for key in ["redrive", "redrive:at", "redrive:undo"].map(|name| format!("{beside}:{name}")) {
            assert_eq!(self.site.ask(&format!("EXISTS {key}")).await, Value::Integer(0), "{key}");
        }
        assert_eq!(self.site.ask(&format!("EXISTS {quarantine}")).await, Value::Integer(0));
        // The other group of the stream has seen nothing of it.
        let pending = self.site.ask(&format!("XPENDING {stream} mail")).await;
        assert!(format!("{pending:?}").starts_with("Array([Integer(0)"), "{pending:?}");
        let fresh = self.site.ask(&format!("XREADGROUP GROUP mail w STREAMS {stream} >")).await;
        assert!(matches!(fresh, Value::Null | Value::NullArray), "{fresh:?}");
    }
}

fn id_and_data(entry: &Value) -> (Vec<u8>, Vec<u8>) {
    let Value::Array(parts) = entry else { panic!("{entry:?}") };
    let Value::Array(fields) = &parts[1] else { panic!("{entry:?}") };
    assert!(fields.len() == 2 && fields[0].as_bytes() == Some(b"data"), "not the message alone: {fields:?}");
    (parts[0].as_bytes().unwrap().to_vec(), fields[1].as_bytes().unwrap().to_vec())
}

async fn one(url: &str) -> Site {
    Site::One(Client::connect(&url.parse().unwrap(), &Options::default()).await.unwrap().0)
}

async fn killed_again_and_again(name: &str, url: String, site: Site, names: Names, size: &str) {
    let wanted = std::env::var("RBQ_KILLS").unwrap_or_else(|_| size.to_owned());
    let (messages, kills) =
        wanted.split_once('x').map(|(m, k)| (m.parse().unwrap(), k.parse::<usize>().unwrap())).unwrap();
    let seed = std::env::var("RBQ_SEED").map_or_else(|_| fastrand::u64(..), |seed| seed.parse().unwrap());
    eprintln!("{name}: {messages} messages, {kills} kills, seed {seed}");
    let mut random = Rng::with_seed(seed);
    let mut scene = Scene::new(url, site, names, messages).await;
    let mut moments: Vec<usize> = (0..kills).map(|_| random.usize(messages / 10..messages)).collect();
    moments.sort_unstable_by(|a, b| b.cmp(a));
    let begun = Instant::now();
    let mut killed = 0;
    for left in moments {
        let job = scene.job().await;
        if killed > 0 && job.is_none() {
            break;
        }
        let mut child = start(&mut scene.redrive(job.as_deref()));
        scene.work_until(&mut child, left).await;
        // Not always at the end of a step: anywhere within the next ones.
        if names.is_apart() && random.bool() {
            scene.work_into_a_step(&mut child).await;
        } else {
            for _ in 0..random.u32(0..20) {
                scene.work().await;
            }
        }
        child.kill().unwrap();
        killed += usize::from(!child.wait().unwrap().success());
    }
    // The last ones may have come too late to hit anything.
    if let Some(job) = scene.job().await {
        let mut last = start(&mut scene.redrive(Some(&job)));
        scene.work_until(&mut last, 0).await;
        let output = last.wait_with_output().unwrap();
        assert_eq!(output.status.code(), Some(0), "seed {seed}: {output:?}");
    }
    assert!(killed > kills / 2, "seed {seed}: only {killed} of {kills} kills hit");
    scene.check().await;
    let took = begun.elapsed().as_secs_f64();
    eprintln!("{name}: {messages} messages arrived exactly once after {killed} kills, {took:.1} s");
}

#[tokio::test]
async fn every_message_arrives_exactly_once_on_rbq() {
    let server = Server::start();
    let site = one(&server.url()).await;
    killed_again_and_again("rbq", server.url(), site, PLAIN, "5000x8").await;
}

#[tokio::test]
async fn every_message_arrives_exactly_once_on_redis() {
    let Some(oracle) = Oracle::start(&[]) else { return };
    let site = one(&oracle.url()).await;
    killed_again_and_again("redis-server", oracle.url(), site, PLAIN, "5000x8").await;
}

async fn on_a_cluster(name: &str, names: Names) {
    let Some(nodes) = cluster::start::<3>().await else { return };
    let url = nodes[0].oracle.url();
    let site = ClusterClient::connect(&url.parse().unwrap(), &Options::default()).await.unwrap();
    killed_again_and_again(name, url, Site::Cluster(site), names, "1500x16").await;
}

#[tokio::test]
async fn every_message_arrives_exactly_once_in_one_slot_of_a_cluster() {
    on_a_cluster("one slot", TAGGED).await;
}

#[tokio::test]
async fn every_message_arrives_exactly_once_in_other_slots_of_a_cluster() {
    let slots = [APART.letters, APART.stream, APART.queue, APART.copy].map(|name| rbq_resp::slot(name.as_bytes()));
    assert!((1..4).all(|index| !slots[..index].contains(&slots[index])), "{slots:?}");
    on_a_cluster("other slots", APART).await;
}
