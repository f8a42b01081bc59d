//! The world of one seed: what is published, what goes wrong, who reads.

mod presence;
mod writes;

use std::{
    collections::{BTreeMap, HashSet},
    fmt::Write as _,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use tidings_wire::{Events, Pattern, State, TopicName, topics};

use super::{
    model::{self, Fault, Model},
    network::Network,
    node::{Heard, SimulatedClock, SimulatedNode, SimulatedReader, WALL_MS},
    plan::{Plan, TopicSort},
    random::Random,
};
use crate::{
    Hub, Limits,
    cluster::{Cluster, Envelope, Event, Frame, Send},
    shard::Round,
};

topics! {
    VALUE(name: u64): State<u64> = "value/{name}";
    LOG(name: u64): Events<u64> = "log/{name}" keep 6, "1h";
    LONG(name: u64): Events<u64> = "long/{name}" keep 100000, "1h";
}

/// After which a carrier notices that it hears nothing.
const LEASE_MS: u64 = 300;

pub(super) struct World {
    random: Random,
    /// Decides for frames about presences, so that a seed without any is what it was before there were some.
    presence_random: Random,
    plan: Plan,
    now_ms: Arc<AtomicU64>,
    nodes: Vec<Option<SimulatedNode>>,
    readers: Vec<SimulatedReader>,
    network: Network,
    /// Verdicts of the carrier that are still to come: when, who, of whom.
    verdicts: BTreeMap<(u64, usize, usize), bool>,
    /// The same without the time: a hundred nodes have ten thousand of them.
    due: HashSet<(usize, usize)>,
    starts: u64,
    value: u64,
    /// Writes that will be tried again, by when.
    retries: BTreeMap<(u64, u64), (usize, TopicName)>,
    model: Model,
    people: presence::People,
    /// The first promise that was seen broken on the way.
    fault: Option<Fault>,
}

impl World {
    pub(super) fn new(seed: u64, plan: Plan) -> Self {
        let network = Network::new(plan.loss_per_mille, plan.delay_ms_max);
        let mut world = Self {
            random: Random::new(seed),
            presence_random: Random::new(seed ^ 0x9e_u64),
            now_ms: Arc::new(AtomicU64::new(0)),
            nodes: Vec::new(),
            readers: Vec::new(),
            network,
            verdicts: BTreeMap::new(),
            due: HashSet::new(),
            starts: 0,
            value: 0,
            retries: BTreeMap::new(),
            model: Model::default(),
            people: presence::People::default(),
            fault: None,
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
        self.log(|| format!("{:?}", self.plan));
        self.settle(30);
        for _ in 0..self.plan.readers {
            let node = self.random.below(self.plan.nodes as u64) as usize;
            let holds = match self.random.per_mille(self.plan.patterns_per_mille) {
                true => vec![self.pattern()],
                false => self.some_topics().iter().map(Pattern::from).collect(),
            };
            self.readers.push(SimulatedReader::new(node, holds));
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
        let limits = |limits: &mut Limits| {
            limits.cursor_age_s_max = self.plan.cursor_age_s;
            limits.tombstone_age_s = self.plan.tombstone_age_s;
            limits.resend_messages_max = self.plan.resend_max.unwrap_or(limits.resend_messages_max);
            limits.bytes_max = self.plan.bytes_max.unwrap_or(limits.bytes_max);
            limits.presence_grace_ms = self.plan.grace_ms;
            // Little enough that lists are sent, and that who stalls is told one.
            (limits.presence_gone_max, limits.presence_changes_max) = (3, 8);
        };
        let builder = Hub::builder(&format!("n{node}")).expect("a plain name");
        let builder = builder.limits(limits).clock(clock);
        // Every other node marks by its publishers, too.
        let hub = match self.starts % 2 {
            0 => builder.build_without_tasks(self.starts),
            _ => builder.build_still(self.starts),
        };
        hub.serve(VALUE);
        hub.serve(LOG);
        hub.serve(LONG);
        hub.shared.log().cluster = Some(Cluster::new(hub.limits(), 0));
        self.log(|| format!("n{node} starts as {}", hub.origin()));
        self.nodes[node] = Some(SimulatedNode { hub, round: Round::default(), sees: Default::default() });
    }

    /// Ends a node, sometimes with a goodbye.
    fn end(&mut self, node: usize) {
        let leaves = self.random.per_mille(300);
        self.log(|| format!("n{node} {}", if leaves { "leaves" } else { "dies" }));
        if leaves {
            self.tell(node, Event::Stop);
        }
        self.nodes[node] = None;
        self.network.drop_of(node, leaves);
        self.people_lose_node(node);
        for reader in self.readers.iter_mut().filter(|reader| reader.node == node) {
            reader.reader = None;
        }
    }

    fn something_happens(&mut self) {
        let plan = self.plan.clone();
        self.retry();
        if plan.pages > 0 {
            self.people_move();
        }
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
                Some(_) if self.nodes.iter().flatten().count() > 1 => self.end(node),
                None => self.start(node),
                Some(_) => {}
            }
        }
        if self.random.per_mille(plan.forgets_per_mille) {
            let node = self.random.below(plan.nodes as u64) as usize;
            if let Some(SimulatedNode { hub, .. }) = &self.nodes[node] {
                let count = hub.forget_idle();
                self.log(|| format!("n{node} forgets {count} topics"));
            }
        }
        for reader in 0..self.readers.len() {
            if self.random.per_mille(plan.changes_per_mille) {
                let topic = self.topic();
                self.log(|| format!("reader {reader} takes or lets go {topic}"));
                self.readers[reader].change(topic);
                // A node hears of what its readers need when they say so.
                self.tell(self.readers[reader].node, Event::Flush);
            }
            if self.random.per_mille(plan.moves_per_mille) {
                self.log(|| format!("reader {reader} is cut"));
                self.readers[reader].reader = None;
                self.readers[reader].node = self.random.below(plan.nodes as u64) as usize;
                if self.random.per_mille(300) {
                    self.readers[reader].away_until_ms = self.now() + self.random.between(0, plan.away_ms_max);
                }
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
        if self.plan.isolates {
            let node = self.random.below(self.plan.nodes as u64) as usize;
            self.log(|| format!("cut n{node} off"));
            for other in 0..self.nodes.len() {
                self.network.cut(node, other);
                self.network.cut(other, node);
            }
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

    fn pattern(&mut self) -> Pattern {
        // Of all topics only where there are Signals: a node that nobody asked for those has not got them, and says so.
        let all = self.plan.sorts.contains(&TopicSort::Signal) && self.random.per_mille(300);
        let topic = self.topic();
        let family = topic.segments().next().unwrap_or_default();
        Pattern::new(&if all { "**".to_owned() } else { format!("{family}/*") }).expect("a plain pattern")
    }

    fn topic(&mut self) -> TopicName {
        let sort = *self.random.pick(self.plan.sorts);
        let name = match sort {
            TopicSort::Value => format!("value/{}", self.random.below(3)),
            TopicSort::Short => format!("log/{}", self.random.below(2)),
            TopicSort::Long => format!("long/{}", self.random.below(2)),
            TopicSort::Signal => format!("signal/{}", self.random.below(4)),
        };
        TopicName::new(&name).expect("a plain name")
    }

    fn send(&mut self, node: usize, sends: Vec<Send>) {
        let Some(SimulatedNode { hub, .. }) = &self.nodes[node] else { return };
        let (name, epoch) = (hub.node_name().clone(), hub.epoch());
        let now_ms = self.now();
        for Send { to, frame } in sends {
            let is_presence = matches!(frame, Frame::Presence(_));
            let bytes = Envelope { node: name.clone(), epoch, frame }.encode().expect("a frame within its limit");
            for to in to.iter().filter_map(|to| to.as_str().strip_prefix('n')?.parse().ok()) {
                let random = if is_presence { &mut self.presence_random } else { &mut self.random };
                self.network.send(random, now_ms, node, to, bytes.clone());
            }
        }
    }

    fn tell(&mut self, node: usize, event: Event) {
        let Some(SimulatedNode { hub, .. }) = &self.nodes[node] else { return };
        let outcome = hub.shared.handle(event);
        self.send(node, outcome.send);
    }

    /// Time passes: frames arrive, carriers notice, nodes tick, readers read.
    fn step(&mut self) {
        self.now_ms.fetch_add(self.plan.step_ms, Ordering::Relaxed);
        self.carriers_notice();
        while let Some((from, to, bytes)) = self.network.arrived(self.now()) {
            // A carrier hands over only what it has found the sender of.
            if self.nodes[to].as_ref().is_some_and(|node| node.sees.contains(&from)) {
                let envelope = Envelope::decode(&bytes).expect("what was encoded");
                self.log(|| format!("n{to} gets from n{from} {:?}", envelope.frame));
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
        for (at, reader) in self.readers.iter_mut().enumerate().filter(|(_, one)| one.stalled_until_ms <= now_ms) {
            if let Some(SimulatedNode { hub, .. }) = &self.nodes[reader.node] {
                let before = reader.heard.len();
                reader.read(hub, now_ms);
                for heard in reader.heard[before..].iter().filter(|_| self.plan.verbose) {
                    println!("{now_ms:>6} ms  reader {at} at n{} hears {heard:?}", reader.node);
                }
            }
        }
        self.people_watch();
        self.open_readers();
    }

    fn open_readers(&mut self) {
        for at in 0..self.readers.len() {
            if self.readers[at].reader.is_some() || self.now() < self.readers[at].away_until_ms {
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
                if sees.contains(&other) != reaches && !self.due.contains(&(node, other)) {
                    let delay_ms = if reaches { 20 } else { LEASE_MS };
                    self.verdicts.insert((now_ms + delay_ms, node, other), reaches);
                    self.due.insert((node, other));
                }
            }
        }
        while let Some(entry) = self.verdicts.first_entry() {
            let (at_ms, node, other) = *entry.key();
            if at_ms > now_ms {
                return;
            }
            let up = entry.remove();
            self.due.remove(&(node, other));
            let still = self.nodes[other].is_some() && !self.network.is_cut(other, node);
            let Some(SimulatedNode { sees, .. }) = &mut self.nodes[node] else { continue };
            if up != still || !(if up { sees.insert(other) } else { sees.remove(&other) }) {
                continue;
            }
            self.log(|| format!("n{node} sees n{other} {}", if up { "up" } else { "down" }));
            let name = format!("n{other}").parse().expect("a plain name");
            self.tell(node, if up { Event::Up(name) } else { Event::Down(name, "the link is cut".to_owned()) });
        }
    }

    fn heal(&mut self) {
        self.log(|| "the plan ends; everything heals".to_owned());
        self.network.heal();
        self.network.loss_per_mille = 0;
        self.network.delay_ms_max = 5;
        self.people_rest();
        for reader in &mut self.readers {
            (reader.stalled_until_ms, reader.away_until_ms) = (0, 0);
        }
    }

    fn settle(&mut self, steps: u64) {
        for _ in 0..steps {
            self.step();
        }
    }

    fn check(&mut self) -> Result<(), Fault> {
        if let Some(fault) = self.fault.take() {
            return Err(fault);
        }
        self.check_people()?;
        let hubs: Vec<&Hub> = self.nodes.iter().flatten().map(|node| &node.hub).collect();
        let remembered_ms = (WALL_MS + self.now()).saturating_sub(self.plan.tombstone_age_s * 1000);
        self.model.check(&hubs, &self.readers, remembered_ms)?;
        model::causes_are_known(&self.plan, &self.readers)
    }

    pub(super) fn gaps(&self) -> usize {
        let told = |heard: &&Heard| matches!(heard, Heard::Gap { .. } | Heard::PatternGap { .. } | Heard::Rewound);
        self.readers.iter().map(|reader| reader.heard.iter().filter(told).count()).sum()
    }

    pub(super) fn summary(&self) -> String {
        let mut text = String::new();
        let heard: usize = self.readers.iter().map(|reader| reader.heard.len()).sum();
        let _ = write!(text, "{} published, {heard} told, {} gaps; {}", self.value, self.gaps(), self.people_summary());
        text
    }
}
