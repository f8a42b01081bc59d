//! Ten thousand readers, and one of them never polls: what it costs the process in memory, and the others in time.

use std::{
    sync::{Arc, OnceLock},
    time::Instant,
};

use cpu_time::ProcessTime;
use tidings::{
    Delivery, Hub, Payload,
    wire::{Events, topics},
};
use tokio::sync::mpsc;

use crate::{ROUNDS, median, resident_bytes, rival::Tally};

topics! {
    LOG: Events<String> = "bench/log" keep 1_000_000;
}

const READERS: usize = 10_000;

/// One reader in so many measures. Odd, so that they are spread over the shards: readers are dealt to them in turn.
const MEASURES: usize = 101;

/// Messages of a round, and bytes of each: eight times the budget.
const MESSAGES: usize = 4_000;
const MESSAGE_BYTES: usize = 8 * 1024;
const BYTES_MAX: usize = 4 * 1024 * 1024;

/// Messages that are published without waiting for the readers.
const BURST: usize = 8;

pub(crate) async fn run() {
    println!(
        "\n{READERS} readers, {} MB published into a budget of {} MB: what one that never polls costs",
        MESSAGES * MESSAGE_BYTES / 1_000_000,
        BYTES_MAX / 1_000_000
    );
    println!(
        "{:>8}  {:>7}  {:>7}  {:>15}  {:>12}  {:>11}",
        "stalled", "p50 ms", "p99 ms", "CPU µs/delivery", "held at most", "memory grew"
    );
    let mut rows = [("none", false), ("one", true)].map(|(name, stalled)| (name, stalled, [const { Vec::new() }; 5]));
    // In turns, so that whatever else the machine does falls on both.
    for _ in 0..ROUNDS {
        for (_, stalled, figures) in &mut rows {
            for (figures, figure) in figures.iter_mut().zip(round(*stalled).await) {
                figures.push(figure);
            }
        }
    }
    for (name, _, figures) in rows {
        let [p50, p99, cpu, held, grew] = figures;
        // The best round: the one in which the machine did the least besides.
        let [p50, p99] = [p50, p99].map(|times| times.into_iter().fold(f64::INFINITY, f64::min));
        let [cpu, held, grew] = [cpu, held, grew].map(median);
        println!("{name:>8}  {p50:>7.2}  {p99:>7.2}  {cpu:>15.3}  {held:>9.2} MB  {grew:>8.2} MB");
    }
}

/// p50 and p99 in milliseconds, CPU time of a delivery in microseconds, most bytes held and the growth of the process
/// in megabytes.
async fn round(with_stalled: bool) -> [f64; 5] {
    let limits = |limits: &mut tidings::Limits| limits.bytes_max = BYTES_MAX;
    let hub = Hub::builder("bench").expect("a plain name").limits(limits).build();
    hub.serve(LOG);
    let subscribe = || hub.subscribe("bench/log").expect("inside the limits");
    let mut stalled = with_stalled.then(subscribe);
    let polling = READERS - usize::from(with_stalled);
    let published: Arc<Vec<OnceLock<Instant>>> = Arc::new((0..MESSAGES).map(|_| OnceLock::new()).collect());
    let (tally, (send, mut times)) = (Arc::new(Tally::default()), mpsc::unbounded_channel());
    let tasks: Vec<_> = (0..polling)
        .map(|nth| {
            let (mut subscription, tally, published) = (subscribe(), tally.clone(), published.clone());
            let send = (nth % MEASURES == 0).then(|| send.clone());
            tokio::spawn(async move {
                for nth in 0..MESSAGES {
                    match subscription.next().await {
                        Delivery::Message(_) => tally.add(1),
                        other => panic!("only the stalled reader loses: {other:?}"),
                    }
                    if let (Some(send), Some(began)) = (&send, published[nth].get()) {
                        let _ = send.send(began.elapsed().as_secs_f64() * 1e3);
                    }
                }
            })
        })
        .collect();
    drop(send);
    let (before, cpu) = (resident_bytes(), ProcessTime::now());
    let (mut held, mut grew) = (0, 0);
    for burst in published.chunks(BURST) {
        tally.want((burst.len() * polling) as u64);
        for began in burst {
            let payload = Payload::of(&"x".repeat(MESSAGE_BYTES - 2)).expect("text has a JSON form");
            began.get_or_init(Instant::now);
            hub.broadcast("bench/log", payload).expect("inside the limits");
        }
        tally.reached().await;
        held = held.max(hub.info().held_bytes);
        grew = grew.max(resident_bytes().saturating_sub(before));
    }
    let cpu_us = cpu.elapsed().as_secs_f64() * 1e6 / (MESSAGES * polling) as f64;
    for task in tasks {
        task.await.expect("every message, and no gap");
    }
    if let Some(stalled) = &mut stalled {
        let first = stalled.next().await;
        assert!(matches!(first, Delivery::Gap { .. }), "a gap first: {first:?}");
    }
    let mut all = Vec::new();
    while let Some(time) = times.recv().await {
        all.push(time);
    }
    all.sort_by(f64::total_cmp);
    let at = |share: f64| all[(share * (all.len() - 1) as f64) as usize];
    [at(0.5), at(0.99), cpu_us, held as f64 / 1e6, grew as f64 / 1e6]
}
