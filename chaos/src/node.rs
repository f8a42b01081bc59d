//! A node's process: it publishes, listens, and tells what it hears.

use std::{collections::BTreeMap, net::SocketAddr, path::PathBuf, time::Duration};

use clap::Args;
use tidings::{
    Clock, Delivery, EngineError, Entry, Hub, MemberState, Payload, Start,
    wire::{Events, State, topics},
};
use tidings_nats::{JournalOptions, Nats, NatsOptions};
use tidings_zenoh::{Address, Discovery, Tls, Zenoh, ZenohOptions};
use tokio::{
    io::{AsyncBufReadExt as _, BufReader, stdin},
    time::{MissedTickBehavior, interval},
};

use crate::protocol::{How, Order, Standing, Told};

topics! {
    /// Numbers 1, 2, 3 … of one start of a node, and when each was published, in microseconds since the Unix epoch.
    pub NUMBERS(node: String, epoch: u64): Events<(u64, u64)> = "chaos/numbers/{node}/{epoch}" keep 20_000, "1d";
    /// Values that all nodes write.
    pub VALUE(key: u32): State<u64> = "chaos/value/{key}";
}

/// Keys of [`VALUE`].
const KEYS: u32 = 20;

/// Bytes of histories and of values in the journal: more than 200 rounds make.
const JOURNAL_BYTES_MAX: u64 = 512 << 20;

/// How a node begins.
#[derive(Debug, Clone, Args)]
pub struct NodeArgs {
    #[arg(long)]
    name: String,
    #[arg(long, default_value = "127.0.0.1:0")]
    listen: SocketAddr,
    #[arg(long, value_delimiter = ',')]
    peers: Vec<Address>,
    #[arg(long)]
    dns: Option<Address>,
    #[arg(long)]
    multicast: bool,
    #[arg(long)]
    no_gossip: bool,
    #[arg(long, default_value_t = 1_500)]
    lease_ms: u64,
    /// Milliseconds by which its clock is wrong.
    #[arg(long, default_value_t = 0, allow_negative_numbers = true)]
    clock_ms: i64,
    /// NATS servers, which are then the engine, with a journal.
    #[arg(long, value_delimiter = ',')]
    nats: Vec<String>,
    /// On how many of them each record is kept.
    #[arg(long, default_value_t = 1)]
    replicas: usize,
    #[arg(long)]
    secret: Option<String>,
    /// A folder with ca.pem, cert.pem and key.pem.
    #[arg(long)]
    tls: Option<PathBuf>,
}

impl NodeArgs {
    /// Makes a hub one of the cluster, with the engine that is named.
    async fn connect(&self, hub: &Hub) -> Result<(), EngineError> {
        if self.nats.is_empty() {
            return hub.connect(Zenoh::new(self.zenoh())).await;
        }
        let bytes_max = JOURNAL_BYTES_MAX;
        let journal = JournalOptions::default().bytes_max(bytes_max, bytes_max).replicas(self.replicas);
        let lease = Duration::from_millis(self.lease_ms);
        let options = NatsOptions::default().servers(&self.nats).lease(lease).journal(Some(journal));
        hub.connect(Nats::new(options)).await
    }

    fn zenoh(&self) -> ZenohOptions {
        let tls = self.tls.as_ref().map(|folder| Tls {
            authority: folder.join("ca.pem"),
            certificate: folder.join("cert.pem"),
            key: folder.join("key.pem"),
        });
        let mut options = ZenohOptions::default()
            .listen(self.listen)
            .gossip(!self.no_gossip)
            .lease(Duration::from_millis(self.lease_ms))
            .secret(self.secret.clone())
            .tls(tls)
            .discover(Discovery::Static(self.peers.iter().cloned().collect()));
        if let Some(name) = &self.dns {
            options = options.discover(Discovery::Dns { name: name.clone() });
        }
        if self.multicast {
            options = options.discover(Discovery::multicast());
        }
        options
    }
}

/// The machine's clock, but wrong.
struct WrongClock {
    by_ms: i64,
    start: std::time::Instant,
}

impl Clock for WrongClock {
    fn wall_ms(&self) -> u64 {
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
        u64::try_from(now.as_millis()).unwrap_or(u64::MAX).saturating_add_signed(self.by_ms)
    }

    fn monotonic_ms(&self) -> u64 {
        u64::try_from(self.start.elapsed().as_millis()).unwrap_or(u64::MAX)
    }
}

#[expect(clippy::print_stdout, reason = "the runner reads it")]
fn tell(told: &Told) {
    println!("{}", serde_json::to_string(told).expect("what is told has a JSON form"));
}

/// The machine's clock, which all nodes share.
fn now_us() -> u64 {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    u64::try_from(now.as_micros()).unwrap_or(u64::MAX)
}

/// What a message says; nothing is 0.
fn decoded<T: serde::de::DeserializeOwned + Default>(entry: &Entry) -> T {
    entry.payload.as_ref().and_then(|payload| payload.decode().ok()).unwrap_or_default()
}

/// A node that publishes.
struct Node {
    hub: Hub,
    name: String,
    published: u64,
}

/// Runs a node until it is told to leave, or its runner has gone.
///
/// # Errors
/// What keeps it from beginning.
pub async fn run(args: NodeArgs) -> Result<(), String> {
    let clock = WrongClock { by_ms: args.clock_ms, start: std::time::Instant::now() };
    let hub = Hub::builder(&args.name).map_err(|error| error.to_string())?.clock(clock).build();
    hub.serve(NUMBERS);
    hub.serve(VALUE);
    tokio::spawn(listen(hub.clone()));
    tokio::spawn(watch(hub.clone()));
    args.connect(&hub).await.map_err(|error| error.to_string())?;
    tell(&Told::Ready { epoch: hub.epoch() });
    let mut node = Node { hub, name: args.name, published: 0 };
    let mut orders = BufReader::new(stdin()).lines();
    let mut load = interval(Duration::from_secs(3_600));
    load.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut loaded = false;
    loop {
        tokio::select! {
            line = orders.next_line() => {
                let Ok(Some(line)) = line else { return Ok(()) };
                match serde_json::from_str(&line).map_err(|error| error.to_string())? {
                    Order::Load(0) => loaded = false,
                    Order::Load(per_s) => {
                        load = interval(Duration::from_secs(1) / per_s);
                        load.set_missed_tick_behavior(MissedTickBehavior::Delay);
                        loaded = true;
                    }
                    Order::Mark => {
                        node.publish();
                        tell(&Told::Marked { number: node.published });
                    }
                    Order::Stand(asked) => tell(&Told::Stands(node.standing(asked))),
                    Order::Listen { reader, topic, after, excluding } => {
                        tokio::spawn(read(node.hub.clone(), reader, topic, after, excluding));
                    }
                    Order::Say { topic, number, how } => {
                        tell(&Told::Said { error: node.say(&topic, number, how).err() });
                    }
                    Order::Cursor => tell(&Told::Cursor(node.hub.cursor().into())),
                    Order::Leave => {
                        node.hub.leave().await;
                        return Ok(());
                    }
                }
            }
            _ = load.tick(), if loaded => node.publish(),
        }
    }
}

impl Node {
    fn publish(&mut self) {
        self.published += 1;
        let number = (self.published, now_us());
        self.hub.publish(&NUMBERS.at(&self.name, self.hub.epoch()), &number).expect("inside all limits");
        let value = VALUE.at(fastrand::u32(0..KEYS));
        if fastrand::u32(0..10) == 0 {
            self.hub.clear(value.as_str()).expect("inside all limits");
        } else {
            self.hub.publish(&value, &fastrand::u64(0..1 << 53)).expect("inside all limits");
        }
    }

    fn say(&self, topic: &str, number: u64, how: How) -> Result<(), String> {
        let payload = Payload::of(&number).map_err(|error| error.to_string())?;
        let said = match how {
            How::Broadcast => self.hub.broadcast(topic, payload).map(drop),
            How::From(sender) => self.hub.broadcast_from(&sender, topic, payload).map(drop),
            How::Local => self.hub.local_broadcast(topic, payload).map(drop),
            How::Direct(node) => {
                let node = node.parse().map_err(|error: tidings::wire::NameError| error.to_string())?;
                self.hub.direct_broadcast(&node, topic, payload)
            }
        };
        said.map_err(|error| error.to_string())
    }

    fn standing(&self, asked: u64) -> Standing {
        let value = |key| Some((VALUE.at(key).as_str().to_owned(), self.hub.value(&VALUE.at(key))?));
        let values: BTreeMap<_, _> = (0..KEYS).filter_map(value).collect();
        let up = self.hub.nodes().into_iter().filter(|member| member.state == MemberState::Up);
        Standing {
            asked,
            caught_up: self.hub.has_caught_up(),
            up: up.map(|member| member.node.to_string()).collect(),
            values,
            unwritten: self.hub.journal().map_or(0, |journal| journal.behind),
            frames_refused: self.hub.frames_refused(),
            frames_damaged: self.hub.frames_damaged(),
        }
    }
}

/// Tells what a reader of all numbers is handed.
async fn listen(hub: Hub) {
    let mut subscription = hub.subscribe("chaos/numbers/**").expect("inside all limits");
    loop {
        match subscription.next().await {
            Delivery::Message(entry) => {
                let (number, sent_us) = decoded::<(u64, u64)>(&entry);
                let after_us = now_us().saturating_sub(sent_us);
                tell(&Told::Heard { topic: entry.topic.to_string(), number, after_us });
            }
            Delivery::Gap { topic, cause } => {
                tell(&Told::Gap { topic: topic.to_string(), cause: format!("{cause:?}") })
            }
            _ => {}
        }
    }
}

/// Tells what one reader is handed.
async fn read(hub: Hub, reader: u32, topic: String, after: Option<String>, excluding: Option<String>) {
    let start = after.map_or(Start::Now, |cursor| Start::After(cursor.into()));
    let mut subscription = hub.subscribe_from(&topic, start).expect("inside all limits");
    if let Some(sender) = excluding {
        subscription = subscription.excluding(&sender);
    }
    subscription.ready().await;
    tell(&Told::Listening { reader });
    loop {
        match subscription.next().await {
            Delivery::Message(entry) => {
                tell(&Told::Read { reader, number: decoded(&entry) });
            }
            Delivery::Gap { cause, .. } => tell(&Told::ReadGap { reader, cause: format!("{cause:?}") }),
            _ => {}
        }
    }
}

/// Tells who comes and goes.
async fn watch(hub: Hub) {
    let (mut last, mut taken) = (BTreeMap::new(), false);
    loop {
        if hub.is_taken() && !std::mem::replace(&mut taken, true) {
            tell(&Told::Taken);
            // As a server does: alone it would go on as if nothing were.
            std::process::exit(1);
        }
        for member in hub.nodes() {
            let (epoch, since_ms) = (member.epoch, member.since_ms);
            let now = (member.state, epoch, since_ms);
            if last.insert(member.node.clone(), now) != Some(now) {
                let state = format!("{:?}", member.state).to_lowercase();
                tell(&Told::Member { node: member.node.to_string(), state, epoch, since_ms });
            }
        }
        hub.changed().await;
    }
}
