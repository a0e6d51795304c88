//! Two workers share a stream of orders. One of them dies, the other takes over what it left, and gives up on an order
//! that keeps failing.
//!
//! `cargo run -p rbq-stream --example consumer_group`
#![allow(clippy::print_stdout)]

use rbq_stream::{Absent, Acks, BlockLimits, Fields, Nack, NewId, Stream, StreamId, Take};

/// Deliveries after which an order is put aside.
const DELIVERIES_MAX: u64 = 3;

fn dish(mut fields: Fields<'_>) -> String {
    let (_, dish) = fields.next().unwrap_or_default();
    String::from_utf8_lossy(dish).into_owned()
}

fn main() {
    let mut orders = Stream::default();
    let mut now_ms = 1_700_000_000_000;
    for dish in ["soup", "salad", "stone", "tea"] {
        let fields = [(&b"dish"[..], dish.as_bytes())];
        let id = orders.append(NewId::Auto, fields, now_ms, BlockLimits::default());
        println!("ordered {dish:6} as {}", id.expect("an empty stream has IDs left"));
    }

    orders.create_group(b"kitchen", StreamId::MIN, None);
    let mut kitchen = orders.group_mut(b"kitchen").expect("it was just made");
    let (ann, _) = kitchen.consumer(b"ann", now_ms);
    let (bob, _) = kitchen.consumer(b"bob", now_ms);

    println!("\nann takes two and is never seen again; bob takes the rest");
    kitchen.deliver(ann, 2, Acks::Required, now_ms, |_| Take::Yes);
    let mut work = Vec::new();
    kitchen.deliver(bob, 10, Acks::Required, now_ms, |entry| {
        work.push((entry.id, dish(entry.fields), 1));
        Take::Yes
    });

    while !work.is_empty() {
        for (id, dish, delivery) in work.drain(..) {
            if dish != "stone" {
                println!("bob cooks {dish}");
                kitchen.ack(id);
            } else if delivery < DELIVERIES_MAX {
                println!("bob cannot cook a {dish}: back it goes");
                kitchen.nack(id, Nack::Fail, None, Absent::Skip);
            } else {
                println!("nobody can cook a {dish}: put aside after {delivery} tries");
                kitchen.ack(id);
            }
        }
        now_ms += 60_000;
        kitchen.claim_idle(bob, 30_000, 10, now_ms, |claimed| {
            let dish = dish(claimed.entry.fields);
            println!("bob takes over {dish}, delivered {} times before", claimed.deliveries);
            work.push((claimed.entry.id, dish, claimed.deliveries + 1));
            Take::Yes
        });
    }
    println!("\npending: {}, to come: {}", kitchen.view().pending_len(), kitchen.lag());
}
