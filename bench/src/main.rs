//! What the hub costs in one process, beside what one would write with tokio alone, in one run.
//!
//! `cargo run --release -p bench [subscriptions] [fanout] [topics] [latency] [budget] [stalled] [cluster] [presence]` prints a table for each
//! part named, or all. Figures are CPU time of the whole process divided by what was delivered: on a machine that does other things
//! too, that holds better than the clock on the wall. Each figure is the median of five rounds.

#![expect(clippy::print_stdout, reason = "tables for people")]

mod budget;
mod cluster;
mod fanout;
mod latency;
mod presence;
mod rival;
mod stalled;
mod subscriptions;
mod topics;

use std::{fs, process::ExitCode};

/// Bytes of every payload.
const PAYLOAD_BYTES: usize = 128;

/// Messages that are published without a pause.
const BURST: usize = 64;

/// Rounds of which the median is shown.
const ROUNDS: usize = 5;

#[tokio::main]
async fn main() -> ExitCode {
    let parts: Vec<String> = std::env::args().skip(1).collect();
    if parts.iter().any(|part| part == "--help" || part == "-h") {
        println!(
            "bench [subscriptions] [fanout] [topics] [latency] [budget] [stalled] [cluster] [presence]: all parts, or those named"
        );
        return ExitCode::SUCCESS;
    }
    const PARTS: [&str; 8] =
        ["subscriptions", "fanout", "topics", "latency", "budget", "stalled", "cluster", "presence"];
    if let Some(unknown) = parts.iter().find(|part| !PARTS.contains(&part.as_str())) {
        println!("no part {unknown:?}; there are {}", PARTS.join(", "));
        return ExitCode::FAILURE;
    }
    let chosen = |part: &str| parts.is_empty() || parts.iter().any(|chosen| chosen == part);
    // First: memory that another part has let go would be used again, and weigh nothing.
    if chosen("subscriptions") {
        subscriptions::run();
    }
    if chosen("fanout") {
        fanout::run().await;
    }
    if chosen("topics") {
        topics::run().await;
    }
    if chosen("latency") {
        latency::run().await;
    }
    if chosen("budget") {
        budget::run().await;
    }
    if chosen("stalled") {
        stalled::run().await;
    }
    if chosen("cluster") {
        cluster::run().await;
    }
    if chosen("presence") {
        presence::run().await;
    }
    ExitCode::SUCCESS
}

/// A payload of the size that all parts use.
fn payload() -> tidings::Payload {
    tidings::Payload::of(&"x".repeat(PAYLOAD_BYTES - 2)).expect("text has a JSON form")
}

/// Resident memory of this process; 0 where the system does not tell.
fn resident_bytes() -> usize {
    let pages = fs::read_to_string("/proc/self/statm").ok();
    let pages = pages.as_deref().and_then(|text| text.split_whitespace().nth(1)?.parse::<usize>().ok());
    pages.unwrap_or(0) * 4096
}

/// The middle one.
fn median(mut figures: Vec<f64>) -> f64 {
    figures.sort_by(f64::total_cmp);
    figures[figures.len() / 2]
}
