//! The world of one seed: what is published, what goes wrong, who reads.

use std::{
    collections::BTreeMap,
    fmt::Write as _,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use tidings_wire::{Events, State, TopicKind, TopicName, topics};

use super::{
    model::{Fault, Model},
    network::Network,
    node::{Heard, SimulatedClock, SimulatedNode, SimulatedReader},
    random::Random,
};
use crate::{
    Hub, Payload,
    cluster::{Cluster, Envelope, Event, Resend, Send},
    shard::Round,
};

topics! {
    VALUE(name: u64): State<u64> = "value/{name}";
    LOG(name: u64): Events<u64> = "log/{name}" keep 6, "1h";
    LONG(name: u64): Events<u64> = "long/{name}" keep 100000, "1h";
}

/// Milliseconds of a step.
const STEP_MS: u64 = 10;

/// After which a carrier notices that it hears nothing.
const LEASE_MS: u64 = 300;

/// What may go wrong, and how much happens.
#[derive(Debug, Clone)]
pub(super) struct Plan {
    pub(super) nodes: usize,
    pub(super) readers: usize,
    pub(super) steps: u64,
    pub(super) publishes_per_mille: u64,
    pub(super) loss_per_mille: u64,
    pub(super) delay_ms_max: u64,
    pub(super) cuts_per_mille: u64,
    pub(super) deaths_per_mille: u64,
    pub(super) moves_per_mille: u64,
    pub(super) stalls_per_mille: u64,
    pub(super) clock_error_ms: u64,
    pub(super) resend_max: Option<usize>,
    /// Bytes that a node's rings may hold.
    pub(super) bytes_max: Option<usize>,
    /// Only topics whose rings hold everything.
    pub(super) long_only: bool,
    /// Steps after the faults, until everything is at rest.
    pub(super) settle_steps: u64,
    pub(super) verbose: bool,
}

impl Plan {
    pub(super) fn faults(seed: u64) -> Self {
        let mut random = Random::new(seed ^ 0xfa_u64);
        Self {
            nodes: random.between(3, 7) as usize,
            readers: random.between(2, 6) as usize,
            steps: random.between(100, 300),
            publishes_per_mille: random.between(100, 900),
            loss_per_mille: *random.pick(&[0, 0, 20, 100, 300]),
            delay_ms_max: *random.pick(&[0, 5, 30, 120]),
            cuts_per_mille: *random.pick(&[0, 5, 20]),
            deaths_per_mille: *random.pick(&[0, 0, 5, 15]),
            moves_per_mille: *random.pick(&[0, 10, 40]),
            stalls_per_mille: *random.pick(&[0, 0, 10]),
            clock_error_ms: *random.pick(&[0, 50, 5_000]),
            resend_max: *random.pick(&[None, Some(3), Some(20)]),
            long_only: random.per_mille(300),
            settle_steps: 800,
            verbose: false,
            // Some thirty messages: State always fits, and histories do not.
            bytes_max: *random.pick(&[None, None, Some(16_000)]),
        }
    }

    pub(super) fn calm(seed: u64) -> Self {
        let (loss_per_mille, cuts_per_mille, deaths_per_mille, stalls_per_mille) = (0, 0, 0, 0);
        let long_only = true;
        let (resend_max, bytes_max) = (None, None);
        Self {
            loss_per_mille,
            cuts_per_mille,
            deaths_per_mille,
            stalls_per_mille,
            long_only,
            resend_max,
            bytes_max,
            ..Self::faults(seed)
        }
    }

    pub(super) fn large() -> Self {
        let (steps, settle_steps) = (30, 100);
        Self {
            nodes: 100,
            readers: 100,
            steps,
            settle_steps,
            publishes_per_mille: 900,
            loss_per_mille: 20,
            bytes_max: None,
            ..Self::faults(1)
        }
    }
}

pub(super) struct World {
    random: Random,
    plan: Plan,
    now_ms: Arc<AtomicU64>,
    nodes: Vec<Option<SimulatedNode>>,
    readers: Vec<SimulatedReader>,
    network: Network,
    /// Verdicts of the carrier that are still to come: when, who, of whom.
    verdicts: BTreeMap<(u64, usize, usize), bool>,
    starts: u64,
    value: u64,
    model: Model,
}

impl World {
    pub(super) fn new(seed: u64, plan: Plan) -> Self {
        let network = Network::new(plan.loss_per_mille, plan.delay_ms_max);
        let mut world = Self {
            random: Random::new(seed),
            now_ms: Arc::new(AtomicU64::new(0)),
            nodes: Vec::new(),
            readers: Vec::new(),
            network,
            verdicts: BTreeMap::new(),
            starts: 0,
            value: 0,
            model: Model::default(),
            plan,
        };
        for node in 0..world.plan.nodes {
            world.nodes.push(None);
            world.start(node);
        }
        world
    }

    /// Runs the plan, then lets everything heal and come to rest, and checks.
    pub(super) fn run(&mut self) -> Result<(), Fault> {
        self.settle(30);
        for _ in 0..self.plan.readers {
            let node = self.random.below(self.plan.nodes as u64) as usize;
            let topics = self.some_topics();
            self.readers.push(SimulatedReader {
                node,
                reader: None,
                topics,
                cursor: None,
                began: None,
                heard: Vec::new(),
                stalled_until_ms: 0,
            });
        }
        self.open_readers();
        for _ in 0..self.plan.steps {
            self.something_happens();
            self.step();
        }
        self.heal();
        self.settle(self.plan.settle_steps);
        self.check()
    }

    fn now(&self) -> u64 {
        self.now_ms.load(Ordering::Relaxed)
    }

    fn log(&self, what: impl FnOnce() -> String) {
        if self.plan.verbose {
            println!("{:>6} ms  {}", self.now(), what());
        }
    }

    fn start(&mut self, node: usize) {
        self.starts += 1;
        let clock =
            SimulatedClock { now_ms: self.now_ms.clone(), ahead_ms: self.random.between(0, self.plan.clock_error_ms) };
        let hub = Hub::builder(&format!("n{node}"))
            .expect("a plain name")
            .clock(clock)
            .limits(|limits| limits.bytes_max = self.plan.bytes_max.unwrap_or(limits.bytes_max))
            .build_still(self.starts);
        hub.serve(VALUE);
        hub.serve(LOG);
        hub.serve(LONG);
        let resend = self.plan.resend_max.map_or_else(Resend::default, Resend::with_messages_max);
        hub.shared.log().cluster = Some(Cluster::new(resend));
        self.log(|| format!("n{node} starts as {}", hub.origin()));
        self.nodes[node] = Some(SimulatedNode { hub, round: Round::default(), sees: Default::default() });
    }

    fn kill(&mut self, node: usize) {
        self.log(|| format!("n{node} dies"));
        self.nodes[node] = None;
        self.network.drop_of(node);
        for reader in self.readers.iter_mut().filter(|reader| reader.node == node) {
            reader.reader = None;
        }
    }

    fn something_happens(&mut self) {
        let plan = self.plan.clone();
        let mut publishes = plan.publishes_per_mille;
        while self.random.per_mille(publishes.min(900)) {
            self.publish();
            publishes = publishes * 2 / 3;
        }
        if self.random.per_mille(plan.cuts_per_mille) {
            self.cut_or_heal();
        }
        if self.random.per_mille(plan.deaths_per_mille) {
            let node = self.random.below(plan.nodes as u64) as usize;
            match self.nodes[node] {
                // One survivor at least: with the last one everything would be gone.
                Some(_) if self.nodes.iter().flatten().count() > 1 => self.kill(node),
                None => self.start(node),
                Some(_) => {}
            }
        }
        for reader in 0..self.readers.len() {
            if self.random.per_mille(plan.moves_per_mille) {
                self.log(|| format!("reader {reader} is cut"));
                self.readers[reader].reader = None;
                self.readers[reader].node = self.random.below(plan.nodes as u64) as usize;
            }
            if self.random.per_mille(plan.stalls_per_mille) {
                self.readers[reader].stalled_until_ms = self.now() + self.random.between(10, 3_000);
            }
        }
    }

    fn cut_or_heal(&mut self) {
        if self.random.per_mille(400) {
            self.log(|| "all links heal".to_owned());
            self.network.heal();
            return;
        }
        let (a, b) =
            (self.random.below(self.plan.nodes as u64) as usize, self.random.below(self.plan.nodes as u64) as usize);
        let both = self.random.per_mille(600);
        self.log(|| format!("cut n{a} {} n{b}", if both { "<->" } else { "->" }));
        self.network.cut(a, b);
        if both {
            self.network.cut(b, a);
        }
    }

    fn some_topics(&mut self) -> Vec<TopicName> {
        let count = self.random.between(1, 4);
        let mut topics: Vec<_> = (0..count).map(|_| self.topic()).collect();
        topics.sort_unstable();
        topics.dedup();
        topics
    }

    fn topic(&mut self) -> TopicName {
        let name = self.random.below(2);
        let kind = if self.plan.long_only { 2 * self.random.below(2) } else { self.random.below(4) };
        let text = match kind {
            0 => format!("value/{name}"),
            1 => format!("log/{name}"),
            2 => format!("long/{name}"),
            _ => format!("signal/{name}"),
        };
        TopicName::new(&text).expect("a plain name")
    }

    fn publish(&mut self) {
        let alive: Vec<usize> = (0..self.nodes.len()).filter(|node| self.nodes[*node].is_some()).collect();
        let node = *self.random.pick(&alive);
        let topic = self.topic();
        self.value += 1;
        let value = self.value;
        let Some(SimulatedNode { hub, .. }) = &self.nodes[node] else { return };
        let clears = topic.as_str().starts_with("value/") && self.random.per_mille(100);
        let published = if clears {
            hub.clear(topic.as_str())
        } else {
            hub.broadcast(topic.as_str(), Payload::of(&value).expect("a number"))
        };
        let published = published.expect("inside all limits");
        self.log(|| format!("n{node} publishes {value} on {topic} as {}", published.stamp));
        let kind = hub.kind(&topic).unwrap_or(TopicKind::Signal);
        self.model.published(topic, kind, published.version, published.stamp, (!clears).then_some(value));
        let sends = hub.shared.log().flush();
        self.send(node, sends);
    }

    fn send(&mut self, node: usize, sends: Vec<Send>) {
        let Some(SimulatedNode { hub, .. }) = &self.nodes[node] else { return };
        let (name, epoch) = (hub.node_name().clone(), hub.epoch());
        let now_ms = self.now();
        for Send { to, frame } in sends {
            let Some(to) = to.as_str().strip_prefix('n').and_then(|number| number.parse().ok()) else { continue };
            let bytes = Envelope { node: name.clone(), epoch, frame }.encode().expect("a frame within its limit");
            self.network.send(&mut self.random, now_ms, node, to, bytes);
        }
    }

    fn tell(&mut self, node: usize, event: Event) {
        let Some(SimulatedNode { hub, .. }) = &self.nodes[node] else { return };
        let outcome = hub.shared.handle(event);
        self.send(node, outcome.send);
    }

    /// Time passes: frames arrive, carriers notice, nodes tick, readers read.
    fn step(&mut self) {
        self.now_ms.fetch_add(STEP_MS, Ordering::Relaxed);
        self.carriers_notice();
        while let Some((from, to, bytes)) = self.network.arrived(self.now()) {
            // A carrier hands over only what it has found the sender of.
            if self.nodes[to].as_ref().is_some_and(|node| node.sees.contains(&from)) {
                let envelope = Envelope::decode(&bytes).expect("what was encoded");
                self.tell(to, Event::Received(envelope));
            }
        }
        for node in 0..self.nodes.len() {
            self.tell(node, Event::Tick);
        }
        self.read();
    }

    fn read(&mut self) {
        for node in self.nodes.iter_mut().flatten() {
            while node.round.run(&node.hub.shared, 0) {}
        }
        let now_ms = self.now();
        for reader in self.readers.iter_mut().filter(|reader| reader.stalled_until_ms <= now_ms) {
            reader.read();
        }
        self.open_readers();
    }

    fn open_readers(&mut self) {
        for at in 0..self.readers.len() {
            if self.readers[at].reader.is_some() {
                continue;
            }
            let mut node = self.readers[at].node;
            if self.nodes[node].is_none() {
                node = (node + 1) % self.nodes.len();
                self.readers[at].node = node;
            }
            if let Some(SimulatedNode { hub, .. }) = &self.nodes[node] {
                let reader = &mut self.readers[at];
                if reader.cursor.is_some() {
                    reader.heard.push(Heard::Moved);
                }
                reader.open(node, hub);
            }
        }
    }

    /// A carrier sees a node while bytes come from it; it notices after its lease that none do, and soon that they do
    /// again.
    fn carriers_notice(&mut self) {
        let now_ms = self.now();
        for node in 0..self.nodes.len() {
            for other in (0..self.nodes.len()).filter(|other| *other != node) {
                let Some(SimulatedNode { sees, .. }) = &self.nodes[node] else { continue };
                let reaches = self.nodes[other].is_some() && !self.network.is_cut(other, node);
                let due = |verdict: bool| {
                    self.verdicts.keys().any(|(_, who, whom)| (*who, *whom) == (node, other)) && verdict == reaches
                };
                if sees.contains(&other) != reaches && !due(reaches) {
                    let delay_ms = if reaches { 20 } else { LEASE_MS };
                    self.verdicts.insert((now_ms + delay_ms, node, other), reaches);
                }
            }
        }
        while let Some(entry) = self.verdicts.first_entry() {
            let (at_ms, node, other) = *entry.key();
            if at_ms > now_ms {
                return;
            }
            let up = entry.remove();
            let still = self.nodes[other].is_some() && !self.network.is_cut(other, node);
            let Some(SimulatedNode { sees, .. }) = &mut self.nodes[node] else { continue };
            if up != still || !(if up { sees.insert(other) } else { sees.remove(&other) }) {
                continue;
            }
            self.log(|| format!("n{node} sees n{other} {}", if up { "up" } else { "down" }));
            let name = format!("n{other}").parse().expect("a plain name");
            self.tell(node, if up { Event::Up(name) } else { Event::Down(name) });
        }
    }

    fn heal(&mut self) {
        self.log(|| "the plan ends; everything heals".to_owned());
        self.network.heal();
        self.network.loss_per_mille = 0;
        self.network.delay_ms_max = 5;
        for reader in &mut self.readers {
            reader.stalled_until_ms = 0;
        }
    }

    fn settle(&mut self, steps: u64) {
        for _ in 0..steps {
            self.step();
        }
    }

    fn check(&self) -> Result<(), Fault> {
        let hubs: Vec<&Hub> = self.nodes.iter().flatten().map(|node| &node.hub).collect();
        self.model.check(&hubs, &self.readers)
    }

    pub(super) fn gaps(&self) -> usize {
        let told = |heard: &&Heard| matches!(heard, Heard::Gap { .. } | Heard::Rewound);
        self.readers.iter().map(|reader| reader.heard.iter().filter(told).count()).sum()
    }

    pub(super) fn summary(&self) -> String {
        let mut text = String::new();
        let heard: usize = self.readers.iter().map(|reader| reader.heard.len()).sum();
        let _ = write!(text, "{} published, {heard} told, {} gaps", self.value, self.gaps());
        text
    }
}
