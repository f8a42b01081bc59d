//! Two nodes over Zenoh on loopback, beside Zenoh alone on the same work; and three with many topics.

use std::{
    net::{Ipv4Addr, SocketAddr, TcpListener},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use cpu_time::ProcessTime;
use tidings::{
    Delivery, Hub,
    wire::{Events, State, topics},
};
use tidings_zenoh::{Discovery, Zenoh, ZenohOptions};
use zenoh::{Session, Wait as _, qos::CongestionControl};

use crate::{PAYLOAD_BYTES, ROUNDS, median, payload, resident_bytes};

topics! {
    LOG: Events<String> = "bench/log" keep 1_000, "1d";
    VALUE(key: u32): State<u64> = "bench/value/{key}";
}

/// Messages of a round.
const MESSAGES: u64 = 1_000_000;

/// Messages that are on their way at once: the publisher is as fast as the other end, and no faster.
const IN_FLIGHT: u64 = 8_192;

/// Messages one by one, for latency.
const SINGLES: usize = 2_000;

/// Their pace: what a node carries at light load.
const PACE: Duration = Duration::from_micros(500);

/// Topics of three nodes.
const TOPICS: u32 = 99_000;

/// Links that are weighed together.
const LINKS: usize = 50;

const PATIENCE: Duration = Duration::from_secs(120);

pub(crate) async fn run() {
    weigh_links().await;
    println!("\ntwo nodes on loopback, {PAYLOAD_BYTES}-byte messages, saturated (all in one process)");
    println!("{:>10}  {:>10}  {:>14}", "", "messages/s", "CPU µs/message");
    let mut rows = [[const { Vec::new() }; 2], [const { Vec::new() }; 2]];
    for _ in 0..ROUNDS {
        for (row, figures) in rows.iter_mut().zip([bare_rate().await, hub_rate().await]) {
            row[0].push(figures.0);
            row[1].push(figures.1);
        }
    }
    let [bare, hub] = rows.map(|row| row.map(median));
    println!("{:>10}  {:>10.0}  {:>14.2}", "zenoh", bare[0], bare[1]);
    println!("{:>10}  {:>10.0}  {:>14.2}  {:.0} % of it", "tidings", hub[0], hub[1], hub[0] / bare[0] * 100.0);

    println!("\nthe same, one message each {PACE:?}: from publish to the other node's reader, µs");
    println!("{:>10}  {:>7}  {:>7}", "", "p50", "p99");
    for (name, times) in [("zenoh", bare_times().await), ("tidings", hub_times().await)] {
        println!("{name:>10}  {:>7.0}  {:>7.0}", times[times.len() / 2], times[times.len() * 99 / 100]);
    }

    println!("\nthree nodes, {TOPICS} State topics, a third on each (all in one process)");
    let nodes = nodes(3).await;
    let (before, began) = (resident_bytes(), Instant::now());
    for key in 0..TOPICS {
        nodes[key as usize % 3].publish(&VALUE.at(key), &u64::from(key)).expect("inside all limits");
    }
    let published = began.elapsed();
    let settled = |hub: &Hub| hub.info().state.topics >= TOPICS as usize;
    for node in &nodes {
        becomes(node, settled).await;
    }
    let bytes = resident_bytes().saturating_sub(before) / (3 * TOPICS as usize);
    println!(
        "  published in {published:.1?}, on all nodes after {:.1?}, {bytes} bytes a topic and node",
        began.elapsed()
    );
    stop(nodes).await;
}

/// Before all else: memory that another part has let go would be used again, and weigh nothing.
async fn weigh_links() {
    let door = bare_door(free_addr()).await;
    let before = resident_bytes();
    let links: Vec<Session> = links(LINKS, door.1).await;
    let bytes = resident_bytes().saturating_sub(before) / 1_000 / links.len();
    println!("\na link at rest: {bytes} kB for both its ends ({LINKS} of them)");
}

fn free_addr() -> SocketAddr {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
    listener.local_addr().expect("a bound socket")
}

/// Nodes that see each other.
pub(crate) async fn nodes(count: usize) -> Vec<Hub> {
    let doors: Vec<_> = (0..count).map(|_| free_addr()).collect();
    let all: Vec<_> = doors.iter().map(ToString::to_string).collect();
    let mut hubs = Vec::new();
    for (number, door) in doors.into_iter().enumerate() {
        let hub = Hub::solo(&format!("node-{number}")).expect("a plain name");
        hub.serve(LOG);
        hub.serve(VALUE);
        let others = Discovery::addresses(all.iter().map(String::as_str)).expect("addresses");
        hub.connect(Zenoh::new(ZenohOptions::default().listen(door).discover(others))).await.expect("a free port");
        hubs.push(hub);
    }
    for hub in &hubs {
        assert_eq!(hub.wait_for_nodes(count - 1, PATIENCE).await, count - 1);
    }
    hubs
}

pub(crate) async fn stop(hubs: Vec<Hub>) {
    for hub in hubs {
        hub.leave().await;
    }
}

pub(crate) async fn becomes(hub: &Hub, is: impl Fn(&Hub) -> bool) {
    let becomes = async {
        while !is(hub) {
            // Looked at often: the time until then is what is measured.
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    tokio::time::timeout(PATIENCE, becomes).await.expect("it comes");
}

/// What a node has applied of another one's messages.
fn applied(hub: &Hub) -> u64 {
    hub.nodes().first().map_or(0, |member| member.applied)
}

/// Messages a second, and what each cost.
async fn hub_rate() -> (f64, f64) {
    let hubs = nodes(2).await;
    let mut reader = hubs[1].subscribe(LOG.at().as_str()).expect("inside all limits");
    let reading = tokio::spawn(async move {
        let mut read = 0_u64;
        while read < MESSAGES {
            match reader.next().await {
                Delivery::Message(_) => read += 1,
                // A reader that falls behind is told so; what it missed counts as read.
                _ => return read,
            }
        }
        read
    });
    let (payload, began, cpu) = (payload(), Instant::now(), ProcessTime::now());
    for number in 0..MESSAGES {
        hubs[0].broadcast(LOG.at().as_str(), payload.clone()).expect("inside all limits");
        if number % 256 == 0 {
            while number.saturating_sub(applied(&hubs[1])) > IN_FLIGHT {
                tokio::time::sleep(Duration::from_micros(200)).await;
            }
        }
    }
    becomes(&hubs[1], |hub| applied(hub) >= MESSAGES).await;
    let figures = figures(began, cpu);
    reading.abort();
    stop(hubs).await;
    figures
}

async fn hub_times() -> Vec<f64> {
    let hubs = nodes(2).await;
    let mut reader = hubs[1].subscribe(LOG.at().as_str()).expect("inside all limits");
    reader.ready().await;
    let (payload, mut times) = (payload(), Vec::with_capacity(SINGLES));
    for _ in 0..SINGLES {
        let began = Instant::now();
        hubs[0].broadcast(LOG.at().as_str(), payload.clone()).expect("inside all limits");
        while !matches!(reader.next().await, Delivery::Message(_)) {}
        times.push(began.elapsed().as_secs_f64() * 1e6);
        tokio::time::sleep(PACE).await;
    }
    stop(hubs).await;
    times.sort_by(f64::total_cmp);
    times
}

fn config(mode: &str, listen: Option<SocketAddr>, connect: Option<SocketAddr>) -> zenoh::Config {
    let mut config = zenoh::Config::default();
    let list = |addr: Option<SocketAddr>| addr.map_or_else(|| "[]".to_owned(), |addr| format!("[\"tcp/{addr}\"]"));
    let settings = [
        ("mode", format!("{mode:?}")),
        ("listen/endpoints", list(listen)),
        ("connect/endpoints", list(connect)),
        ("scouting/multicast/enabled", "false".to_owned()),
    ];
    for (key, value) in settings {
        config.insert_json5(key, &value).expect("a setting of Zenoh's");
    }
    config
}

async fn bare_door(addr: SocketAddr) -> (Session, SocketAddr) {
    (zenoh::open(config("peer", Some(addr), None)).await.expect("a session"), addr)
}

async fn links(count: usize, to: SocketAddr) -> Vec<Session> {
    let mut links = Vec::new();
    for _ in 0..count {
        links.push(zenoh::open(config("client", None, Some(to))).await.expect("a session"));
    }
    links
}

/// Two peers of the bare library; the second counts.
async fn bare() -> (Session, Session, Arc<AtomicU64>, tokio::sync::mpsc::UnboundedReceiver<()>) {
    let (door, addr) = bare_door(free_addr()).await;
    let peer = zenoh::open(config("peer", None, Some(addr))).await.expect("a session");
    let count = Arc::<AtomicU64>::default();
    let (heard, hears) = tokio::sync::mpsc::unbounded_channel();
    let counted = count.clone();
    door.declare_subscriber("bench/log")
        .callback(move |sample| {
            // As the hub does, the bytes are taken over.
            std::hint::black_box(sample.payload().to_bytes().len());
            counted.fetch_add(1, Ordering::Relaxed);
            let _ = heard.send(());
        })
        .background()
        .await
        .expect("a subscriber");
    // Until the declaration has come over, what is put is lost.
    while count.load(Ordering::Relaxed) == 0 {
        peer.put("bench/log", vec![0; PAYLOAD_BYTES]).await.expect("a session");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    (door, peer, count, hears)
}

async fn bare_rate() -> (f64, f64) {
    let (_door, peer, count, _hears) = bare().await;
    let before = count.load(Ordering::Relaxed);
    let publisher = peer.declare_publisher("bench/log").congestion_control(CongestionControl::Block);
    let publisher = publisher.await.expect("a publisher");
    let (bytes, began, cpu) = (vec![7_u8; PAYLOAD_BYTES], Instant::now(), ProcessTime::now());
    let putting = tokio::task::spawn_blocking(move || {
        for _ in 0..MESSAGES {
            publisher.put(&bytes[..]).wait().expect("a session");
        }
    });
    putting.await.expect("it puts");
    while count.load(Ordering::Relaxed) - before < MESSAGES {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    figures(began, cpu)
}

fn figures(began: Instant, cpu: ProcessTime) -> (f64, f64) {
    let messages = MESSAGES as f64;
    (messages / began.elapsed().as_secs_f64(), cpu.elapsed().as_secs_f64() * 1e6 / messages)
}

async fn bare_times() -> Vec<f64> {
    let (_door, peer, _count, mut hears) = bare().await;
    tokio::time::sleep(Duration::from_millis(50)).await;
    while hears.try_recv().is_ok() {}
    let mut times = Vec::with_capacity(SINGLES);
    for _ in 0..SINGLES {
        let began = Instant::now();
        peer.put("bench/log", vec![7_u8; PAYLOAD_BYTES]).await.expect("a session");
        hears.recv().await.expect("a subscriber");
        times.push(began.elapsed().as_secs_f64() * 1e6);
        tokio::time::sleep(PACE).await;
    }
    times.sort_by(f64::total_cmp);
    times
}
