//! The carrier: one node's part of the cluster.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use async_nats::{Client, connection::State};
use bytes::Bytes;
use tidings::{BoxFuture, Carrier, EngineError, Inbound, Journal, Me, SendError, wire::NodeName};
use tokio::{
    task::{JoinHandle, JoinSet},
    time::{MissedTickBehavior, interval, timeout},
};

use crate::{
    JetStream, NatsOptions,
    client::{self, Trouble},
    hello::Hello,
    listen,
    queue::Queue,
    subjects::Subjects,
    table::Table,
};

/// For how long who has a name is waited for when it is asked. Where nobody has it, the server says so at once.
const ANSWER_WAIT: Duration = Duration::from_secs(2);

/// For how long a stop waits until what is queued has gone.
const STOP_WAIT: Duration = Duration::from_secs(1);

/// How often a node that misses others says so.
const REPORT_EACH: Duration = Duration::from_secs(30);

/// A node's end of the cluster, for [`Hub::connect`](tidings::Hub::connect).
///
/// ```no_run
/// # use tidings::Hub;
/// # use tidings_nats::{Nats, NatsOptions};
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// let hub = Hub::solo("beta")?;
/// hub.connect(Nats::new(NatsOptions::default().servers(["10.0.0.2:4222", "10.0.0.3:4222"]))).await?;
/// # Ok(()) }
/// ```
#[derive(Debug)]
pub struct Nats {
    options: NatsOptions,
    journal: Option<Arc<JetStream>>,
    running: Mutex<Option<Running>>,
}

/// What ends with the carrier.
#[derive(Debug)]
struct Running {
    node: Arc<Node>,
    pump: JoinHandle<()>,
    tasks: JoinSet<()>,
}

/// What all parts of a carrier share.
#[derive(Debug)]
pub(crate) struct Node {
    pub(crate) me: Me,
    pub(crate) options: NatsOptions,
    pub(crate) subjects: Subjects,
    pub(crate) client: Client,
    pub(crate) inbound: Inbound,
    pub(crate) table: Table,
    pub(crate) queue: Queue,
    trouble: Trouble,
}

impl Node {
    pub(crate) fn hello(&self) -> Hello {
        Hello::of(&self.me, self.options.lease)
    }

    /// Says to all that this node lives.
    pub(crate) fn say_alive(&self) {
        self.queue.say(self.subjects.alive(), self.hello().encode());
    }

    pub(crate) fn is_connected(&self) -> bool {
        self.client.connection_state() == State::Connected
    }

    /// Asks for a name; who has it answers. The hello says who asks, and so who is not meant.
    pub(crate) async fn ask(&self, name: &NodeName) -> Option<Hello> {
        let question = self.client.request(self.subjects.hello(name), self.hello().encode().into());
        let answer = timeout(ANSWER_WAIT, question).await.ok()?.ok()?;
        Hello::decode(&answer.payload).ok()
    }

    /// Says why this node is alone, as far as that is known.
    fn report(&self) {
        let cluster = self.subjects.cluster();
        if !self.is_connected() {
            let reason = self.trouble.get().unwrap_or_else(|| "no server has answered".to_owned());
            tracing::warn!(reason, "this node is alone: it is not connected to a NATS server");
        } else if self.table.len() == 0 {
            tracing::info!(cluster, "this node is alone: no other one of its cluster is heard at the NATS server");
        }
    }
}

impl Nats {
    /// A carrier with these options; it begins when a hub is [connected](tidings::Hub::connect).
    #[must_use]
    pub fn new(options: NatsOptions) -> Self {
        let journal = options.journal.clone();
        let journal = journal.map(|journal| Arc::new(JetStream::new(options.clone(), journal)));
        Self { options, journal, running: Mutex::default() }
    }

    fn node(&self) -> Option<Arc<Node>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner).as_ref().map(|running| running.node.clone())
    }

    async fn begin(&self, me: Me, inbound: Inbound) -> Result<(), EngineError> {
        let options = self.options.clone();
        let subjects = Subjects::new(&options.cluster).map_err(other)?;
        let (client, trouble) = client::connect(&options, me.node.as_str()).await.map_err(other)?;
        let (queue, pump) = Queue::new();
        let table = Table::new(inbound.clone(), options.lease);
        let node = Arc::new(Node { me, options, subjects, client, inbound, table, queue, trouble });
        // Before this node answers to its name itself. A server that is not there yet is asked for nothing: then twins
        // find each other by their signs of life.
        if node.is_connected() && node.ask(&node.me.node).await.is_some() {
            return Err(EngineError::NameTaken { node: node.me.node.clone() });
        }
        let ears = listen::Ears::open(&node).await.map_err(|error| EngineError::Other(error.into()))?;
        let pump = tokio::spawn(pump.run(node.client.clone(), node.subjects.clone(), node.me.clone()));
        let mut tasks = JoinSet::new();
        tasks.spawn(ears.run(node.clone()));
        tasks.spawn(report(node.clone()));
        node.say_alive();
        *self.running.lock().unwrap_or_else(PoisonError::into_inner) = Some(Running { node, pump, tasks });
        Ok(())
    }

    async fn end(&self) {
        let running = self.running.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some(Running { node, pump, mut tasks }) = running else { return };
        tasks.shutdown().await;
        let client = node.client.clone();
        let goodbye = async {
            for peer in node.table.take_all() {
                node.queue.say_goodbye(peer).await;
            }
            // The pump ends when everything that is queued is given to the client.
            drop(node);
            // An error is a pump that has ended already.
            let _ = pump.await;
            client.flush().await
        };
        if !matches!(timeout(STOP_WAIT, goodbye).await, Ok(Ok(()))) {
            tracing::debug!("other nodes may not have heard the last frames");
        }
    }
}

pub(crate) fn other(reason: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> EngineError {
    EngineError::Other(reason.into())
}

async fn report(node: Arc<Node>) {
    let mut each = interval(REPORT_EACH);
    each.set_missed_tick_behavior(MissedTickBehavior::Delay);
    // The first tick comes at once, before anybody can have answered.
    each.tick().await;
    loop {
        each.tick().await;
        node.report();
    }
}

impl Carrier for Nats {
    fn start(&self, me: Me, inbound: Inbound) -> BoxFuture<'_, Result<(), EngineError>> {
        Box::pin(self.begin(me, inbound))
    }

    fn send(&self, to: &NodeName, frame: Bytes) -> Result<(), SendError> {
        let node = self.node().ok_or(SendError::Unknown)?;
        let to = node.table.start_of(to).ok_or(SendError::Unknown)?;
        node.queue.push(to, frame)
    }

    fn probe(&self, name: &NodeName) -> BoxFuture<'_, bool> {
        let name = name.clone();
        Box::pin(async move {
            let Some(node) = self.node() else { return false };
            node.ask(&name).await.is_some_and(|hello| hello.node == name)
        })
    }

    fn stop(&self) -> BoxFuture<'_, ()> {
        Box::pin(self.end())
    }

    fn journal(&self) -> Option<Arc<dyn Journal>> {
        self.journal.clone().map(|journal| journal as Arc<dyn Journal>)
    }
}
