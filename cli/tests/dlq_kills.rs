//! A re-drive that is killed with SIGKILL at random moments and resumed each time: every message arrives exactly once.
//!
//! The small version is part of the tests. The large one is the same code:
//! `RBQ_KILLS=100000x50 cargo test -p rbq --test dlq_kills -- --nocapture --test-threads 1`; `RBQ_SEED` repeats a run's moments.
#![allow(clippy::unwrap_used, clippy::print_stderr)]

mod support;

use std::collections::HashMap;
use std::process::{Child, Command};
use std::time::Instant;

use fastrand::Rng;
use rbq_client::{Client, Options, Request, Value};
use support::letters::Letter;
use support::own::Server;
use support::{Oracle, ask, rbq, start};

/// What is sent: to a group, into a queue, and as new entries of another stream.
const KINDS: [&str; 3] = ["orders", "jobs", "copy"];

/// Requests on the way at once, when the test sets its stage.
const PIPELINE: usize = 1000;

struct Scene {
    url: String,
    client: Client,
    messages: usize,
    arrived: HashMap<(&'static str, Vec<u8>), u32>,
}

impl Scene {
    async fn new(url: String, messages: usize) -> Self {
        let client = Client::connect(&url.parse().unwrap(), &Options::default()).await.unwrap().0;
        let scene = Self { url, client, messages, arrived: HashMap::new() };
        scene.set_the_stage().await;
        scene
    }

    fn kind_of(number: usize) -> &'static str {
        // Six of ten go back to their group, two into a queue, two to another stream.
        match number % 10 {
            0..6 => KINDS[0],
            6..8 => KINDS[1],
            _ => KINDS[2],
        }
    }

    fn payload(number: usize) -> Vec<u8> {
        [format!("{number}:").into_bytes(), vec![(number % 256) as u8; number % 100]].concat()
    }

    async fn all(&self, requests: impl Iterator<Item = Request>) {
        let mut pending = std::collections::VecDeque::new();
        for request in requests {
            pending.push_back(self.client.submit(request).await.unwrap());
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

    /// `orders` was read and acknowledged by two groups; one of them, and others, have given up every message.
    async fn set_the_stage(&self) {
        let entries = (0..self.messages).filter(|number| Self::kind_of(*number) == KINDS[0]);
        self.all(entries.map(|number| {
            Request::from(["XADD", "orders", &format!("1-{}", number + 1), "data"]).arg(Self::payload(number))
        }))
        .await;
        for group in ["billing", "mail"] {
            // Nothing is new to a group that stands at the end.
            ask(&self.client, &format!("XGROUP CREATE orders {group} $")).await;
        }
        ask(&self.client, "XADD copy 1-0 first entry").await;
        let letter = |number| {
            let (kind, data) = (Self::kind_of(number), Self::payload(number));
            match kind {
                "orders" => {
                    Letter::of_stream("orders", "billing", &format!("1-{}", number + 1), &[("data", data.as_slice())])
                }
                "jobs" => Letter::of_queue("jobs", &data),
                _ => Letter::of_stream("old", "g", "1-1", &[("data", data.as_slice())]),
            }
        };
        self.all((0..self.messages).map(|number| letter(number).request("orders.dlq", "*"))).await;
    }

    fn redrive(&self, resume: Option<&str>) -> Command {
        let mut args = vec!["dlq", "redrive", "orders.dlq", "--yes", "--quiet"];
        match resume {
            Some(job) => args.extend(["--resume", job]),
            None => args.extend(["--map", "old=copy", "--batch", "50"]),
        }
        let mut command = rbq(&args);
        command.env("RBQ_URL", &self.url);
        command
    }

    async fn job(&self) -> Option<String> {
        let spec = ask(&self.client, "GET orders.dlq:redrive").await;
        let spec: serde_json::Value = serde_json::from_slice(spec.as_bytes()?).unwrap();
        Some(spec["job"].as_str().unwrap().to_owned())
    }

    async fn left(&self) -> usize {
        let Value::Integer(left) = ask(&self.client, "XLEN orders.dlq").await else { panic!() };
        left as usize
    }

    /// A worker of the group that failed, and one of the queue: both take what there is, while the re-drive goes on.
    async fn work(&mut self) {
        let claimed = ask(&self.client, "XAUTOCLAIM orders billing worker 0 0 COUNT 500").await;
        let Value::Array(parts) = claimed else { panic!("{claimed:?}") };
        let Value::Array(entries) = &parts[1] else { panic!("{parts:?}") };
        let mut ack = Request::from(["XACK", "orders", "billing"]);
        for entry in entries {
            let (id, data) = id_and_data(entry);
            ack.push(id);
            self.note("orders", data);
        }
        if !entries.is_empty() {
            self.client.call(ack).await.unwrap();
        }
        if let Value::Array(taken) = ask(&self.client, "RPOP jobs 500").await {
            taken.iter().for_each(|data| self.note("jobs", data.as_bytes().unwrap().to_vec()));
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

    async fn check(&mut self) {
        self.work().await;
        while !matches!(ask(&self.client, "LLEN jobs").await, Value::Integer(0))
            || !format!("{:?}", ask(&self.client, "XPENDING orders billing").await).starts_with("Array([Integer(0)")
        {
            self.work().await;
        }
        let Value::Array(copies) = ask(&self.client, "XRANGE copy (1-0 +").await else { panic!() };
        copies.iter().for_each(|entry| self.note("copy", id_and_data(entry).1));
        for number in 0..self.messages {
            let count = self.arrived.remove(&(Self::kind_of(number), Self::payload(number)));
            assert_eq!(count, Some(1), "message {number} of {}", Self::kind_of(number));
        }
        assert_eq!(self.arrived.len(), 0, "what nobody sent has arrived");
        assert_eq!(self.left().await, 0);
        let beside = "EXISTS orders.dlq:redrive orders.dlq:redrive:at orders.dlq:redrive:undo orders.dlq.quarantine";
        assert_eq!(ask(&self.client, beside).await, Value::Integer(0));
        // The other group of the stream has seen nothing of it.
        let pending = ask(&self.client, "XPENDING orders mail").await;
        assert!(format!("{pending:?}").starts_with("Array([Integer(0)"), "{pending:?}");
        let fresh = ask(&self.client, "XREADGROUP GROUP mail w STREAMS orders >").await;
        assert!(matches!(fresh, Value::Null | Value::NullArray), "{fresh:?}");
    }
}

fn id_and_data(entry: &Value) -> (Vec<u8>, Vec<u8>) {
    let Value::Array(parts) = entry else { panic!("{entry:?}") };
    let Value::Array(fields) = &parts[1] else { panic!("{entry:?}") };
    assert!(fields.len() == 2 && fields[0].as_bytes() == Some(b"data"), "not the message alone: {fields:?}");
    (parts[0].as_bytes().unwrap().to_vec(), fields[1].as_bytes().unwrap().to_vec())
}

async fn killed_again_and_again(name: &str, url: String) {
    let wanted = std::env::var("RBQ_KILLS").unwrap_or_else(|_| "5000x8".to_owned());
    let (messages, kills) =
        wanted.split_once('x').map(|(m, k)| (m.parse().unwrap(), k.parse::<usize>().unwrap())).unwrap();
    let seed = std::env::var("RBQ_SEED").map_or_else(|_| fastrand::u64(..), |seed| seed.parse().unwrap());
    eprintln!("{name}: {messages} messages, {kills} kills, seed {seed}");
    let mut random = Rng::with_seed(seed);
    let mut scene = Scene::new(url, messages).await;
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
        for _ in 0..random.u32(0..20) {
            scene.work().await;
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
    killed_again_and_again("rbq", server.url()).await;
}

#[tokio::test]
async fn every_message_arrives_exactly_once_on_redis() {
    let Some(oracle) = Oracle::start(&[]) else { return };
    killed_again_and_again("redis-server", oracle.url()).await;
}
