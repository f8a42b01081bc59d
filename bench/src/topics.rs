//! Many topics with a few readers each: a message on each of them, and CPU time for each delivery.

use std::{sync::Arc, time::Instant};

use cpu_time::ProcessTime;

use crate::{
    ROUNDS, median,
    rival::{NAMES, Rival, Tally},
};

const TOPICS: usize = 10_000;
const READERS: usize = 10;

pub(crate) async fn run() {
    println!("\n{TOPICS} topics with {READERS} readers each, a message on each topic");
    println!("{:>9}  {:>20}  {:>16}", "", "CPU µs per delivery", "broadcasts/s");
    for name in NAMES {
        let tally = Arc::new(Tally::default());
        let rival = Rival::new(name, TOPICS, READERS, &tally);
        rival.sweep(TOPICS, READERS, &tally).await;
        let (mut costs, mut rates) = (Vec::new(), Vec::new());
        for _ in 0..ROUNDS {
            let (cpu, began) = (ProcessTime::now(), Instant::now());
            rival.sweep(TOPICS, READERS, &tally).await;
            rates.push(TOPICS as f64 / began.elapsed().as_secs_f64());
            costs.push(cpu.elapsed().as_secs_f64() * 1e6 / (TOPICS * READERS) as f64);
        }
        println!("{name:>9}  {:>20.3}  {:>16.0}", median(costs), median(rates));
    }
}
