//! A cluster of processes on hosts of their own, and the check of what its readers were told.

use std::{
    cell::RefCell,
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
    time::Duration,
};

use tokio::time::sleep;

use crate::{
    latency::Latency,
    net::Net,
    process::{PATIENCE, Process},
    protocol::{Order, Told},
    record,
    server::{self, Server},
};

/// The port at which nodes reach each other.
const PORT: u16 = 7447;

/// Messages a second of each node.
const LOAD: u32 = 200;

const NAMES: [&str; 5] = ["alpha", "beta", "gamma", "delta", "epsilon"];

/// The host of the first NATS server: behind those of nodes.
pub const FIRST_SERVER: usize = NAMES.len();

/// How nodes reach each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Engine {
    /// By themselves.
    Zenoh,
    /// Through so many NATS servers, one or three, that keep a journal.
    Nats { servers: usize },
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
    epoch: u64,
    topic: String,
    /// Topics that there were when its reader began.
    born_before: BTreeSet<String>,
}

/// Three nodes on three hosts, with room for visitors, and what their engine needs.
#[derive(Debug)]
pub struct Cluster {
    pub(crate) engine: Engine,
    pub(crate) net: Net,
    pub(crate) servers: Vec<Server>,
    pub(crate) random: fastrand::Rng,
    binary: PathBuf,
    logs: PathBuf,
    nodes: BTreeMap<usize, Node>,
    born: BTreeSet<String>,
    damaged: u64,
}

impl Cluster {
    /// Starts three nodes, waits until they see each other, and puts them under load.
    ///
    /// # Panics
    /// Where they do not.
    pub async fn start(binary: &Path, logs: &Path, seed: u64, engine: Engine) -> Self {
        std::fs::create_dir_all(logs).expect("logs can be written");
        let count = match engine {
            Engine::Zenoh => 0,
            Engine::Nats { servers } => servers,
        };
        let net = Net::new(FIRST_SERVER + count);
        let addrs: Vec<_> = (0..count).map(|nth| net.addr(FIRST_SERVER + nth)).collect();
        let server = |nth| Server::new(&net.host(FIRST_SERVER + nth), logs, nth, &addrs);
        let mut cluster = Self {
            engine,
            servers: (0..count).map(server).collect(),
            net,
            random: fastrand::Rng::with_seed(seed),
            binary: binary.to_owned(),
            logs: logs.to_owned(),
            nodes: BTreeMap::new(),
            born: BTreeSet::new(),
            damaged: 0,
        };
        cluster.start_servers().await;
        for host in 0..3 {
            cluster.begin_quiet(host, 0).await;
        }
        cluster.settle().await;
        cluster.load().await;
        cluster
    }

    pub(crate) async fn start_servers(&mut self) {
        for server in &mut self.servers {
            server.start().await;
        }
        for server in &mut self.servers {
            server.ready().await;
        }
    }

    fn arguments(&self, host: usize, clock_ms: i64) -> Vec<String> {
        let at = |hosts: std::ops::Range<usize>, port: u16| {
            hosts.map(|host| format!("{}:{port}", self.net.addr(host))).collect::<Vec<_>>().join(",")
        };
        let mut arguments = vec![format!("--clock-ms={clock_ms}")];
        match self.engine {
            Engine::Zenoh => arguments
                .extend([format!("--listen={}:{PORT}", self.net.addr(host)), format!("--peers={}", at(0..3, PORT))]),
            Engine::Nats { servers } => arguments.extend([
                format!("--nats={}", at(FIRST_SERVER..FIRST_SERVER + servers, server::PORT)),
                format!("--replicas={servers}"),
            ]),
        }
        arguments
    }

    /// Starts a node on a host, under load.
    pub(crate) async fn begin(&mut self, host: usize, clock_ms: i64) {
        self.begin_quiet(host, clock_ms).await;
        self.node(host).process.order(&Order::Load(LOAD)).await;
    }

    /// Starts a node on a host.
    pub(crate) async fn begin_quiet(&mut self, host: usize, clock_ms: i64) {
        let (name, born_before) = (NAMES[host], self.born.clone());
        let log = self.logs.join(format!("{name}.log"));
        let arguments = self.arguments(host, clock_ms);
        let mut process = Process::start(&self.binary, Some(&self.net.host(host)), name, &arguments, &log);
        let epoch = process.ready().await;
        let topic = format!("chaos/numbers/{name}/{epoch}");
        self.born.insert(topic.clone());
        self.nodes.insert(host, Node { process, epoch, topic, born_before });
    }

    fn node(&mut self, host: usize) -> &mut Node {
        self.nodes.get_mut(&host).expect("a node lives on this host")
    }

    pub(crate) async fn kill(&mut self, host: usize) {
        if let Some(mut node) = self.nodes.remove(&host) {
            node.process.kill().await;
        }
    }

    pub(crate) async fn leave(&mut self, host: usize) {
        if let Some(mut node) = self.nodes.remove(&host) {
            node.process.leave().await;
        }
    }

    /// Stops a node in its tracks.
    pub fn freeze(&mut self, host: usize) {
        self.node(host).process.freeze();
    }

    /// Lets it go on.
    pub fn thaw(&mut self, host: usize) {
        self.node(host).process.thaw();
    }

    /// The values that a node has.
    pub(crate) async fn values(&mut self, host: usize) -> BTreeMap<String, u64> {
        self.node(host).process.stands().await.values
    }

    /// Puts all nodes under load.
    pub(crate) async fn load(&mut self) {
        for node in self.nodes.values_mut() {
            node.process.order(&Order::Load(LOAD)).await;
        }
    }

    /// Waits until two nodes have heard so many more messages of each other; says what each took, of either.
    ///
    /// # Panics
    /// When they do not come, within [`PATIENCE`].
    pub async fn talk(&mut self, hosts: [usize; 2], messages: usize) -> [Latency; 2] {
        let from = hosts.map(|host| self.node(host).process.count());
        let topics = hosts.map(|host| self.node(host).topic.clone());
        let mut latencies = [Vec::new(), Vec::new()].map(Latency::of);
        for (at, of) in [(0, 1), (1, 0)] {
            let each_us = RefCell::new(Vec::new());
            let heard = |told: &Told| {
                let Told::Heard { topic, after_us, .. } = told else { return None };
                let mut each_us = each_us.borrow_mut();
                if *topic == topics[of] {
                    each_us.push(*after_us);
                }
                (each_us.len() == messages).then_some(())
            };
            self.node(hosts[at]).process.until(from[at], "a message of another node", heard).await;
            latencies[at] = Latency::of(each_us.into_inner());
        }
        latencies
    }

    /// Waits until a node was told that another one is down.
    ///
    /// # Panics
    /// When it is not, within [`PATIENCE`].
    pub async fn is_told_down(&mut self, at: usize, other: usize) {
        let (name, start) = (NAMES[other], self.node(other).epoch);
        let is_down = |told: &Told| match told {
            Told::Member { node, state, epoch, .. } => {
                (node == name && state == "down" && *epoch == Some(start)).then_some(())
            }
            _ => None,
        };
        self.node(at).process.until(0, "that a node is down", is_down).await;
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

    /// Waits until what all have published is in the journal.
    ///
    /// # Panics
    /// When it is not, within [`PATIENCE`].
    pub(crate) async fn written(&mut self) {
        for node in self.nodes.values_mut() {
            let written = tokio::time::timeout(PATIENCE, async {
                while node.process.stands().await.unwritten > 0 {
                    sleep(Duration::from_millis(50)).await;
                }
            });
            assert!(written.await.is_ok(), "{}: not all is in the journal within {PATIENCE:?}", node.process.name);
        }
    }

    /// Waits until all is quiet, and checks every record.
    pub async fn check(&mut self) -> Round {
        self.settle().await;
        let mut last = BTreeMap::new();
        for node in self.nodes.values_mut() {
            last.insert(node.topic.clone(), node.process.mark().await);
        }
        let living: BTreeMap<_, _> = self.nodes.iter().map(|(host, node)| (NAMES[*host], node.epoch)).collect();
        let mut round = Round { damaged: self.damaged, ..Round::default() };
        for node in self.nodes.values_mut() {
            for (topic, number) in &last {
                // A record is read up to the last message, whatever lies before.
                let is_last = |told: &Told| match told {
                    Told::Heard { topic: heard, number: is, .. } => (heard == topic && is == number).then_some(()),
                    _ => None,
                };
                node.process.until(0, &format!("{topic} {number}"), is_last).await;
            }
            let mut told = node.process.told();
            // What is told of nodes comes beside the messages.
            while !record::knows(&told, &node.process.name, &living) {
                let is_news = |told: &Told| matches!(told, Told::Member { .. }).then_some(());
                node.process.until(told.len(), "who lives", is_news).await;
                told = node.process.told();
            }
            let found = record::check(&told, &node.born_before, &last);
            round.heard += found.heard;
            round.gaps += found.gaps;
            let faults = found.faults.into_iter().chain(record::check_members(&told));
            round.faults.extend(faults.map(|fault| format!("{}: {fault}", node.process.name)));
        }
        self.load().await;
        round
    }
}

fn sorted(mut names: Vec<String>) -> Vec<String> {
    names.sort();
    names
}
