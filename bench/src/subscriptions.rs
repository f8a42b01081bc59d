//! Subscribing, letting go, and what a subscription weighs.

use std::time::Instant;

use tidings::{Hub, Payload, Start};
use tokio::sync::{broadcast, mpsc};

use crate::{ROUNDS, median, resident_bytes};

/// Subscriptions of one topic.
const IN_TOPIC: usize = 50_000;

pub(crate) fn run() {
    let limits = |limits: &mut tidings::Limits| limits.readers_max = 5 * IN_TOPIC;
    let hub = Hub::builder("bench").expect("a plain name").limits(limits).build();
    println!("\n{IN_TOPIC} subscriptions of one topic; bytes are resident, the vector that holds them included");
    println!("{:>22}  {:>12}  {:>9}  {:>12}  {:>12}", "", "subscribe/s", "bytes", "drop one µs", "drop all µs");
    // All of them live until the end: what is let go is used again, and would weigh nothing.
    let mut drops: Vec<Box<dyn FnOnce()>> = Vec::new();
    measure(&mut drops, "tidings", || hub.subscribe("bench/one").expect("inside the limits"));
    measure(&mut drops, "tidings, what is kept", || {
        hub.subscribe_from("bench/two", Start::RETAINED).expect("inside the limits")
    });
    measure(&mut drops, "tidings, a pattern", || hub.subscribe("bench/three/*").expect("inside the limits"));
    // As an id of a client that was cut: one that this node may have issued.
    let cursor = hub.cursor();
    measure(&mut drops, "tidings, a resume", || {
        hub.subscribe_from("bench/four", Start::After(cursor.clone())).expect("inside the limits")
    });
    let (sender, _) = broadcast::channel::<Payload>(128);
    measure(&mut drops, "broadcast", || sender.subscribe());
    measure(&mut drops, "channels", mpsc::unbounded_channel::<Payload>);
    drops.into_iter().for_each(|drop| drop());
}

fn measure<T: 'static>(drops: &mut Vec<Box<dyn FnOnce()>>, name: &'static str, subscribe: impl Fn() -> T) {
    let before = resident_bytes();
    let began = Instant::now();
    let mut held: Vec<T> = (0..IN_TOPIC).map(|_| subscribe()).collect();
    let rate = IN_TOPIC as f64 / began.elapsed().as_secs_f64();
    let weight = resident_bytes().saturating_sub(before) as f64 / IN_TOPIC as f64;
    let mut times = Vec::new();
    for round in 0..ROUNDS {
        let one = held.swap_remove(held.len() / 2 + round);
        let began = Instant::now();
        drop(one);
        times.push(began.elapsed().as_secs_f64() * 1e6);
    }
    drops.push(Box::new(move || {
        let began = Instant::now();
        drop(held);
        let each = began.elapsed().as_secs_f64() * 1e6 / IN_TOPIC as f64;
        println!("{name:>22}  {rate:>12.0}  {weight:>9.0}  {:>12.2}  {each:>12.2}", median(times));
    }));
}
