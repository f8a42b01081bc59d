//! Subscribing, letting go, and what a subscription weighs.

use std::time::Instant;

use tidings::{Hub, Subscription};

use crate::{ROUNDS, median, resident_bytes};

const IN_TOPIC: usize = 50_000;

pub(crate) async fn run() {
    let hub = Hub::builder("bench").expect("a plain name").limits(|limits| limits.readers_max = 2 * IN_TOPIC).build();
    let subscribe = || hub.subscribe("bench/one").expect("inside the limits");
    let before = resident_bytes();
    let began = Instant::now();
    let mut held: Vec<Subscription> = (0..IN_TOPIC).map(|_| subscribe()).collect();
    let rate = IN_TOPIC as f64 / began.elapsed().as_secs_f64();
    let weight = resident_bytes().saturating_sub(before) as f64 / IN_TOPIC as f64;
    println!(
        "\nsubscribe to one topic: {rate:.0}/s, {weight:.0} bytes each (resident, the vector that holds them included)"
    );
    let mut drops = Vec::new();
    for round in 0..ROUNDS {
        let one = held.swap_remove(held.len() / 2 + round);
        let began = Instant::now();
        drop(one);
        drops.push(began.elapsed().as_secs_f64() * 1e6);
    }
    println!("drop one of {IN_TOPIC}: {:.2} µs", median(drops));
    let began = Instant::now();
    drop(held);
    println!("drop all of them: {:.2} µs each", began.elapsed().as_secs_f64() * 1e6 / IN_TOPIC as f64);
}
