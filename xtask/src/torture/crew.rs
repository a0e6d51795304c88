//! Who speaks with the server, and what they say next.
//!
//! The server is killed when so many operations were acknowledged, not after so long: a seed means the same on a busy
//! machine. What arrived before the end counts as told, however late it is read.

use std::collections::VecDeque;
use std::sync::mpsc::{Receiver, channel};

use anyhow::{Context as _, Result, anyhow};
use fastrand::Rng;
use rbq_resp::Value;

use super::lane::Op;
use super::lane_draw::{self, Blobs};
use super::wire::{Event, Line, PATIENCE};
use super::word::closed;
use super::world::World;
use super::{groups, kept, queues};
use crate::servers::Server;

/// Requests in flight on a connection that does not wait for each answer.
const PIPELINE_MAX: usize = 8;

/// One client's work.
#[derive(Clone, Copy, Debug)]
enum Role {
    Lane(usize),
    Producer(usize),
    Popper,
    Mover(usize),
    Adder,
    Consumer(usize, usize),
    Reader,
    Keeper,
    /// Waits for ever, as the consumer of this number.
    Sleeper(usize),
    /// Lets sleepers look again, and find nothing.
    Stirrer,
}

/// Everybody, and how many requests each has in flight at most.
const CREW: &[(Role, usize)] = &[
    (Role::Lane(0), 1),
    (Role::Lane(1), 1),
    (Role::Lane(2), PIPELINE_MAX),
    (Role::Lane(3), PIPELINE_MAX),
    (Role::Producer(0), 1),
    (Role::Producer(1), PIPELINE_MAX),
    (Role::Popper, 1),
    (Role::Mover(0), 1),
    (Role::Mover(1), 1),
    (Role::Adder, PIPELINE_MAX),
    (Role::Consumer(0, 0), 1),
    (Role::Consumer(0, 1), 1),
    (Role::Consumer(1, 0), 1),
    (Role::Consumer(1, 1), 1),
    (Role::Reader, 1),
    (Role::Keeper, 1),
    (Role::Sleeper(0), 1),
    (Role::Sleeper(1), 1),
    (Role::Stirrer, 1),
];

/// Sleepers that the crew has.
const SLEEPERS: usize = 2;

/// Lanes that the crew has.
pub(crate) const LANES: usize = 4;

/// Something asked, by whom it is understood.
#[derive(Clone, Debug)]
pub(crate) enum Job {
    Lane(usize, Op),
    Queue(queues::Job),
    Group(groups::Job),
    /// A look at a lane's counter.
    Count(usize),
    /// BGSAVE.
    Save,
    /// Waiting as this consumer for an entry of a stream that never has one.
    Sleep(usize),
    /// Deletes this consumer while it waits, and has whoever waits look again: that makes the consumer anew, and nobody is answered.
    Stir(usize),
}

/// When the server is killed, and what happens before.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    /// Acknowledged operations before the kill.
    pub(crate) acks: u64,
    /// When a snapshot is asked for.
    pub(crate) saves: Vec<u64>,
    pub(crate) blobs: Blobs,
}

/// What a round came to.
pub(crate) struct Outcome {
    pub(crate) acked: u64,
    /// By connection, in the order they were sent.
    pub(crate) flying: Vec<(usize, Job)>,
}

struct InFlight {
    job: Job,
    sent_at: u64,
    /// How many replies it has yet to get.
    left: usize,
}

struct Client {
    line: Line,
    role: Role,
    depth: usize,
    waiting: VecDeque<InFlight>,
}

/// Speaks with the server until it is killed, and reads to the end what it said.
pub(crate) fn drive(world: &mut World, server: &mut Server, plan: &Plan, rng: &mut Rng) -> Result<Outcome> {
    let (sender, events) = channel();
    let mut clients = Vec::new();
    for (number, &(role, depth)) in CREW.iter().enumerate() {
        let line = Line::open(server.addr(), number, sender.clone())?;
        clients.push(Client { line, role, depth, waiting: VecDeque::new() });
    }
    drop(sender);
    let mut crew = Crew { clients, plan: plan.clone(), acked: 0 };
    while crew.acked < plan.acks {
        crew.say_more(world, rng);
        match next(&events)? {
            Event::Reply(number, reply) => crew.hear(world, number, reply)?,
            Event::Closed(number) => {
                return Err(closed(server, &format!("{number}: {:?}", crew.clients[number].role)));
            }
        }
    }
    server.kill()?;
    let mut open = CREW.len();
    while open > 0 {
        match next(&events)? {
            Event::Reply(number, reply) => crew.hear(world, number, reply)?,
            Event::Closed(_) => open -= 1,
        }
    }
    let flying = crew
        .clients
        .iter()
        .enumerate()
        .flat_map(|(number, client)| client.waiting.iter().map(move |flying| (number, flying.job.clone())));
    Ok(Outcome { acked: crew.acked, flying: flying.collect() })
}

fn next(events: &Receiver<Event>) -> Result<Event> {
    events.recv_timeout(PATIENCE).context("nobody was answered any more")
}

struct Crew {
    clients: Vec<Client>,
    plan: Plan,
    acked: u64,
}

impl Crew {
    fn say_more(&mut self, world: &mut World, rng: &mut Rng) {
        let is_save_due = self.plan.saves.first().is_some_and(|at| *at <= self.acked);
        for client in &mut self.clients {
            let mut requests = Vec::new();
            // One that keeps several in flight sends the next ones together, as pipelining clients do.
            let room = client.depth - client.waiting.len();
            for _ in 0..if room * 2 >= client.depth { room } else { 0 } {
                if matches!(client.role, Role::Keeper) && !is_save_due {
                    break;
                }
                let Some(job) = draw(client.role, world, self.plan.blobs, rng) else { break };
                let (sent_at, sent) = world.sends(&job);
                client.waiting.push_back(InFlight { job, sent_at, left: sent.len() });
                requests.extend(sent);
            }
            if !requests.is_empty() {
                client.line.send(&requests);
            }
        }
        if is_save_due {
            self.plan.saves.remove(0);
        }
    }

    fn hear(&mut self, world: &mut World, number: usize, reply: Value) -> Result<()> {
        let client = &mut self.clients[number];
        let first = client.waiting.front_mut().context("a reply that nobody asked for")?;
        if let Value::Error(error) = &reply
            && !matches!(first.job, Job::Save)
        {
            let refusal = anyhow!("{:?}: {:?} answers {error}", client.role, first.job);
            // Whoever has no room says so and keeps his word.
            let has_room = !error.starts_with("MISCONF");
            return if has_room { kept(Err(refusal)) } else { Err(refusal) };
        }
        first.left -= 1;
        if first.left == 0 {
            let InFlight { job, sent_at, .. } = client.waiting.pop_front().expect("it was looked at");
            self.acked += 1;
            world.acknowledged(&job, sent_at, reply)?;
        }
        Ok(())
    }
}

fn draw(role: Role, world: &mut World, blobs: Blobs, rng: &mut Rng) -> Option<Job> {
    Some(match role {
        Role::Lane(number) => Job::Lane(number, lane_draw::draw(&mut world.lanes[number], blobs, rng)),
        Role::Producer(number) => Job::Queue(world.queues.draw_push(number, rng)?),
        Role::Popper => Job::Queue(queues::Job::Pop(rng.usize(..queues::QUEUES), rng.usize(1..4))),
        Role::Mover(number) => Job::Queue(world.queues.draw_move(number, rng)),
        Role::Adder => Job::Group(world.groups.draw_add(rng)),
        Role::Consumer(group, consumer) => Job::Group(world.groups.draw_consume(group, consumer, rng)),
        Role::Reader => match rng.u8(..3) {
            0 => Job::Count(rng.usize(..LANES)),
            1 => Job::Queue(queues::Job::Look(rng.usize(..queues::QUEUES))),
            _ => Job::Group(groups::Job::Look),
        },
        Role::Keeper => Job::Save,
        Role::Sleeper(number) => Job::Sleep(number),
        Role::Stirrer => Job::Stir(rng.usize(..SLEEPERS)),
    })
}
