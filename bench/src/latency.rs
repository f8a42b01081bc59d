//! From publish to receive, one message at a time.

use std::time::Instant;

use tidings::Hub;

use crate::payload;

const MESSAGES: usize = 20_000;

pub(crate) async fn run() {
    let hub = Hub::solo("bench").expect("a plain name");
    let mut subscription = hub.subscribe("bench/one").expect("inside the limits");
    let (payload, mut times) = (payload(), Vec::with_capacity(MESSAGES));
    for _ in 0..MESSAGES {
        let began = Instant::now();
        hub.broadcast("bench/one", payload.clone()).expect("inside the limits");
        subscription.next().await;
        times.push(began.elapsed().as_secs_f64() * 1e6);
    }
    times.sort_by(f64::total_cmp);
    let at = |share: f64| times[(share * (MESSAGES - 1) as f64) as usize];
    println!("\npublish to receive, one at a time: p50 {:.1} µs, p99 {:.1} µs", at(0.5), at(0.99));
}
