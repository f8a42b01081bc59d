//! A cluster of processes on hosts of their own, and what is done to it.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
    time::Duration,
};

use tokio::time::sleep;

use crate::{
    net::Net,
    process::{PATIENCE, Process},
    protocol::Order,
    record,
};

/// The port at which nodes reach each other.
const PORT: u16 = 7447;

/// Messages a second of each node.
const LOAD: u32 = 200;

/// How long a fault lasts: some are longer than a node's lease of 1.5 s.
const FAULT_MS: std::ops::Range<u64> = 300..3_000;

const NAMES: [&str; 5] = ["alpha", "beta", "gamma", "delta", "epsilon"];

/// What goes wrong. Hosts are numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// A node is killed, and starts again with its name.
    Kill(usize),
    /// A node is stopped in its tracks for longer than its lease, and goes on.
    Freeze(usize),
    /// A host's cable is pulled.
    Unplug(usize),
    /// Nothing goes from one host to another.
    OneWay(usize, usize),
    /// Nothing goes between two hosts.
    Part(usize, usize),
    /// One more node joins under load, and leaves again.
    Visitor,
    /// All nodes leave in order and start again, one after the other.
    Rolling,
    /// A node starts again with a clock that is wrong by an hour.
    Clock(usize, i64),
}

/// What came of a round.
#[derive(Debug, Default)]
pub struct Round {
    pub heard: usize,
    pub gaps: usize,
    /// Frames that the carrier damaged since the nodes began.
    pub damaged: u64,
    pub faults: Vec<String>,
}

#[derive(Debug)]
struct Node {
    process: Process,
    topic: String,
    /// Topics that there were when its reader began.
    born_before: BTreeSet<String>,
}

/// Three nodes on three hosts, with room for visitors.
#[derive(Debug)]
pub struct Cluster {
    net: Net,
    binary: PathBuf,
    logs: PathBuf,
    nodes: BTreeMap<usize, Node>,
    born: BTreeSet<String>,
    random: fastrand::Rng,
    damaged: u64,
}

impl Cluster {
    /// Starts three nodes and waits until they see each other.
    ///
    /// # Panics
    /// Where they do not.
    pub async fn start(binary: &Path, logs: &Path, seed: u64) -> Self {
        std::fs::create_dir_all(logs).expect("logs can be written");
        let mut cluster = Self {
            net: Net::new(NAMES.len()),
            binary: binary.to_owned(),
            logs: logs.to_owned(),
            nodes: BTreeMap::new(),
            born: BTreeSet::new(),
            random: fastrand::Rng::with_seed(seed),
            damaged: 0,
        };
        for host in 0..3 {
            cluster.begin(host, 0).await;
        }
        cluster.settle().await;
        cluster
    }

    /// Starts a node on a host, under load.
    async fn begin(&mut self, host: usize, clock_ms: i64) {
        let peers: Vec<_> = (0..3).map(|peer| format!("{}:{PORT}", self.net.addr(peer))).collect();
        let arguments = [
            "--listen".to_owned(),
            format!("{}:{PORT}", self.net.addr(host)),
            "--peers".to_owned(),
            peers.join(","),
            format!("--clock-ms={clock_ms}"),
        ];
        let (name, born_before) = (NAMES[host], self.born.clone());
        let log = self.logs.join(format!("{name}.log"));
        let mut process = Process::start(&self.binary, Some(&self.net.host(host)), name, &arguments, &log);
        let epoch = process.ready().await;
        let topic = format!("chaos/numbers/{name}/{epoch}");
        process.order(&Order::Load(LOAD)).await;
        self.born.insert(topic.clone());
        self.nodes.insert(host, Node { process, topic, born_before });
    }

    async fn kill(&mut self, host: usize) {
        if let Some(mut node) = self.nodes.remove(&host) {
            node.process.kill().await;
        }
    }

    async fn leave(&mut self, host: usize) {
        if let Some(mut node) = self.nodes.remove(&host) {
            node.process.leave().await;
        }
    }

    /// Between how long a fault takes.
    async fn a_while(&mut self) {
        let while_ms = self.random.u64(FAULT_MS);
        sleep(Duration::from_millis(while_ms)).await;
    }

    /// Any fault, on any hosts.
    pub fn any_fault(&mut self) -> Fault {
        let host = self.random.usize(0..3);
        let other = (host + self.random.usize(1..3)) % 3;
        match self.random.u8(0..8) {
            0 => Fault::Kill(host),
            1 => Fault::Freeze(host),
            2 => Fault::Unplug(host),
            3 => Fault::OneWay(host, other),
            4 => Fault::Part(host, other),
            5 => Fault::Visitor,
            6 => Fault::Rolling,
            _ => Fault::Clock(host, if self.random.bool() { 3_600_000 } else { -3_600_000 }),
        }
    }

    /// Has something go wrong, and heal.
    pub async fn suffer(&mut self, fault: Fault) {
        match fault {
            Fault::Kill(host) => {
                self.kill(host).await;
                self.a_while().await;
                self.begin(host, 0).await;
            }
            Fault::Freeze(host) => {
                self.nodes[&host].process.freeze();
                // Longer than the lease, so that the others take it for dead.
                sleep(Duration::from_millis(2_500)).await;
                self.nodes[&host].process.thaw();
            }
            Fault::Unplug(host) => {
                self.net.cable(host, false);
                self.a_while().await;
                self.net.cable(host, true);
            }
            Fault::OneWay(from, to) => {
                self.net.block(from, to);
                self.a_while().await;
                self.net.unblock(from, to);
            }
            Fault::Part(a, b) => {
                self.net.block(a, b);
                self.net.block(b, a);
                self.a_while().await;
                self.net.unblock(a, b);
                self.net.unblock(b, a);
            }
            Fault::Visitor => {
                self.begin(3, 0).await;
                self.a_while().await;
                if self.random.bool() { self.leave(3).await } else { self.kill(3).await }
            }
            Fault::Rolling => {
                for host in 0..3 {
                    self.leave(host).await;
                    self.begin(host, 0).await;
                }
            }
            Fault::Clock(host, clock_ms) => {
                self.leave(host).await;
                self.begin(host, clock_ms).await;
            }
        }
    }

    /// Waits until all see each other and hold the same, without load.
    ///
    /// # Panics
    /// When they do not, within [`PATIENCE`].
    pub async fn settle(&mut self) {
        for node in self.nodes.values_mut() {
            node.process.order(&Order::Load(0)).await;
        }
        let names: Vec<_> = self.nodes.keys().map(|host| NAMES[*host].to_owned()).collect();
        let mut last = Vec::new();
        let settled = tokio::time::timeout(PATIENCE, async {
            loop {
                last.clear();
                for (host, node) in &mut self.nodes {
                    last.push((*host, node.process.stands().await));
                }
                let whole = last.iter().all(|(host, standing)| {
                    let others: Vec<_> = names.iter().filter(|name| **name != NAMES[*host]).cloned().collect();
                    let mut up = standing.up.clone();
                    up.sort();
                    standing.caught_up && up == sorted(others) && standing.values == last[0].1.values
                });
                if whole {
                    return;
                }
                sleep(Duration::from_millis(50)).await;
            }
        });
        assert!(settled.await.is_ok(), "the nodes did not come to the same within {PATIENCE:?}: {last:#?}");
        // What the carrier damages is dropped, and repaired. What is whole is a frame.
        let refused: Vec<_> = last.iter().filter(|(_, is)| is.frames_refused > is.frames_damaged).collect();
        assert!(refused.is_empty(), "frames of honest nodes were refused: {refused:?}");
        self.damaged = last.iter().map(|(_, is)| is.frames_damaged).sum();
    }

    /// Waits until all is quiet, and checks every record.
    pub async fn check(&mut self) -> Round {
        self.settle().await;
        let mut last = BTreeMap::new();
        for node in self.nodes.values_mut() {
            last.insert(node.topic.clone(), node.process.mark().await);
        }
        for node in self.nodes.values_mut() {
            for (topic, number) in &last {
                // A record is read up to the last message, whatever lies before.
                node.process
                    .until(0, &format!("{topic} {number}"), |told| {
                        matches!(told, crate::protocol::Told::Heard { topic: heard, number: is } if heard == topic && is == number)
                            .then_some(())
                    })
                    .await;
            }
        }
        let mut round = Round { damaged: self.damaged, ..Round::default() };
        for node in self.nodes.values() {
            let told = node.process.told();
            let found = record::check(&told, &node.born_before, &last);
            round.heard += found.heard;
            round.gaps += found.gaps;
            let faults = found.faults.into_iter().chain(record::check_members(&told));
            round.faults.extend(faults.map(|fault| format!("{}: {fault}", node.process.name)));
        }
        for node in self.nodes.values_mut() {
            node.process.order(&Order::Load(LOAD)).await;
        }
        round
    }
}

fn sorted(mut names: Vec<String>) -> Vec<String> {
    names.sort();
    names
}
