//! What a publish costs while there is room, and while each one has to let go of others.

use cpu_time::ProcessTime;
use tidings::{
    Hub,
    wire::{Events, topics},
};

use crate::{ROUNDS, median, payload};

topics! {
    LOG(number: u64): Events<String> = "log/{number}" keep 1_000_000;
}

/// Publishes of a round.
const PUBLISHES: usize = 200_000;

pub(crate) async fn run() {
    println!("\npublish to Events topics without readers: CPU µs each");
    println!("{:>8}  {:>9}  {:>9}  {:>11}", "topics", "with room", "spent", "evicted");
    for topics in [1, 100, 10_000] {
        let (with_room, _) = cpu_us_per_publish(topics, usize::MAX);
        // What a round publishes does not fit: from the second half on each message costs another one.
        let (spent, evicted) = cpu_us_per_publish(topics, PUBLISHES / 2 * 500);
        println!("{topics:>8}  {with_room:>9.3}  {spent:>9.3}  {evicted:>11}");
    }
}

fn cpu_us_per_publish(topics: usize, bytes_max: usize) -> (f64, u64) {
    let names: Vec<String> = (0..topics).map(|number| format!("log/{number}")).collect();
    let (payload, mut figures, mut evicted) = (payload(), Vec::new(), 0);
    for _ in 0..ROUNDS {
        let limits = |limits: &mut tidings::Limits| {
            (limits.bytes_max, limits.ring_bytes_max) = (bytes_max, usize::MAX);
        };
        let hub = Hub::builder("bench").expect("a plain name").limits(limits).build();
        hub.serve(LOG);
        let publish = || {
            let began = ProcessTime::now();
            for nth in 0..PUBLISHES {
                hub.broadcast(&names[nth % topics], payload.clone()).expect("inside the limits");
            }
            began.elapsed().as_secs_f64() * 1e6 / PUBLISHES as f64
        };
        // Topics are made, and the budget is spent.
        publish();
        figures.push(publish());
        evicted = hub.info().total().evicted;
    }
    (median(figures), evicted)
}
