//! Presence over three nodes: how soon others see who comes and goes, what an entry weighs, and a long list.

use std::time::{Duration, Instant};

use tidings::{Hub, Payload, PresenceChange, PresenceChanges, Tracked};

use crate::{
    ROUNDS,
    cluster::{becomes, nodes, stop},
    median, resident_bytes,
};

/// Entries, spread over the topics and the nodes.
const ENTRIES: usize = 50_000;

const TOPICS: usize = 1_000;

/// Who comes and goes, one by one, for latency.
const SINGLES: usize = 500;

/// Longer than those who watch are left alone after a diff: what is measured is told by itself.
const PACE: Duration = Duration::from_millis(60);

/// Entries of the long list, and of a storm.
const CROWD: usize = 10_000;

const PATIENCE: Duration = Duration::from_secs(60);

fn meta() -> Payload {
    Payload::of("{\"name\":\"Ann\",\"colour\":\"teal\",\"editing\":null}").expect("text has a JSON form")
}

fn topic(number: usize) -> String {
    format!("bench/room/{}", number % TOPICS)
}

fn track(hub: &Hub, number: usize) -> Tracked {
    hub.track(&topic(number), &format!("guest-{number}"), meta()).expect("inside all limits")
}

pub(crate) async fn run() {
    println!("\nthree nodes, {ENTRIES} presences in {TOPICS} topics (all in one process, over loopback)");
    let nodes = nodes(3).await;
    let (before, began) = (resident_bytes(), Instant::now());
    let held: Vec<_> = (0..ENTRIES).map(|number| track(&nodes[number % 3], number)).collect();
    let tracked = began.elapsed();
    for node in &nodes {
        becomes(node, |hub| (0..TOPICS).map(|at| here(hub, &topic(at))).sum::<usize>() == ENTRIES).await;
    }
    let bytes = resident_bytes().saturating_sub(before) / (3 * ENTRIES);
    let everywhere = began.elapsed();
    println!("  tracked in {tracked:.1?}, on all nodes after {everywhere:.1?}, {bytes} bytes an entry and node");

    let (mut joins, mut leaves) = (Vec::new(), Vec::new());
    for number in 0..SINGLES {
        let mut watcher = nodes[1].presence_changes(&topic(number)).expect("a plain name");
        next(&mut watcher).await;
        let began = Instant::now();
        let one = track(&nodes[0], ENTRIES + number);
        next(&mut watcher).await;
        joins.push(began.elapsed().as_secs_f64() * 1e3);
        tokio::time::sleep(PACE).await;
        let began = Instant::now();
        drop(one);
        next(&mut watcher).await;
        leaves.push(began.elapsed().as_secs_f64() * 1e3);
    }
    println!("  from one node to who watches on another, ms: {:>6}  {:>6}", "p50", "p99");
    for (name, mut times) in [("join", joins), ("leave", leaves)] {
        times.sort_by(f64::total_cmp);
        println!("  {name:>43}  {:>6.2}  {:>6.2}", times[SINGLES / 2], times[SINGLES * 99 / 100]);
    }

    let crowd: Vec<_> = (0..CROWD)
        .map(|number| nodes[0].track("bench/crowd", &format!("guest-{number}"), meta()).expect("inside all limits"))
        .collect();
    becomes(&nodes[2], |hub| here(hub, "bench/crowd") == CROWD).await;
    let list = |_| {
        let began = Instant::now();
        assert_eq!(here(&nodes[2], "bench/crowd"), CROWD);
        began.elapsed().as_secs_f64() * 1e3
    };
    println!("  a list of {CROWD}: {:.2} ms", median((0..ROUNDS).map(list).collect()));

    let mut watcher = nodes[2].presence_changes("bench/crowd").expect("a plain name");
    next(&mut watcher).await;
    let began = Instant::now();
    drop(crowd);
    let (mut told, mut left) = (0, 0);
    while left < CROWD {
        told += 1;
        left += match next(&mut watcher).await {
            PresenceChange::Diff { leaves, .. } => leaves.len(),
            // Behind what is kept: whoever is not in the list has left.
            PresenceChange::List(all) => CROWD - all.len() - left,
            _ => 0,
        };
    }
    println!("  {CROWD} leave at once: told elsewhere in {told} diffs within {:.0?}", began.elapsed());
    drop(held);
    stop(nodes).await;
}

fn here(hub: &Hub, topic: &str) -> usize {
    hub.presences(topic).expect("a plain name").len()
}

async fn next(watcher: &mut PresenceChanges) -> PresenceChange {
    tokio::time::timeout(PATIENCE, watcher.next()).await.expect("it comes")
}
