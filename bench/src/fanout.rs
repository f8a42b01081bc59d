//! One topic, many readers, in bursts: CPU time for each delivery.

use std::sync::Arc;

use cpu_time::ProcessTime;

use crate::{
    BURST, ROUNDS, median,
    rival::{NAMES, Rival, Tally},
};

/// Deliveries of a round, about: enough that a round takes some tenths of a second.
const DELIVERIES: usize = 2_000_000;

pub(crate) async fn run() {
    println!("\none topic, bursts of {BURST}: CPU µs per delivery");
    println!("{:>8}  {:>9}  {:>9}  {:>9}", "readers", NAMES[0], NAMES[1], NAMES[2]);
    for readers in [1, 100, 1_000, 10_000, 100_000] {
        let mut row = format!("{readers:>8}");
        for name in NAMES {
            row += &format!("  {:>9.3}", cpu_us_per_delivery(name, readers).await);
        }
        println!("{row}");
    }
}

async fn cpu_us_per_delivery(name: &str, readers: usize) -> f64 {
    let tally = Arc::new(Tally::default());
    let rival = Rival::new(name, 1, readers, &tally);
    // Everyone has been polled once, and every buffer has its size.
    rival.burst(readers, &tally).await;
    let bursts = (DELIVERIES / (BURST * readers)).clamp(1, 2_000);
    let mut figures = Vec::new();
    for _ in 0..ROUNDS {
        let began = ProcessTime::now();
        for _ in 0..bursts {
            rival.burst(readers, &tally).await;
        }
        figures.push(began.elapsed().as_secs_f64() * 1e6 / (bursts * BURST * readers) as f64);
    }
    median(figures)
}
