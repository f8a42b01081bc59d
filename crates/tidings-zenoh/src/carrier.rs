//! The carrier: door, links and discovery of one node.

use std::{
    net::{IpAddr, SocketAddr},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use bytes::Bytes;
use tidings::{BoxFuture, Carrier, EngineError, Inbound, Me, SendError, wire::NodeName};
use tokio::{
    sync::{Notify, watch},
    task::JoinSet,
    time::{MissedTickBehavior, interval, timeout},
};

use crate::{
    Address, ZenohOptions,
    addresses::{Addresses, State},
    door::{self, Keys},
    held::Held,
    link,
    table::{Link, Table},
};

/// For how long a start waits for the first answer of each address that it knows: whether its name is taken shows there.
/// Longer than a call may ring; where all answer, or nobody is there, it takes some milliseconds.
const START_WAIT: Duration = Duration::from_secs(3);

/// For how long a stop waits until what is queued has gone.
const STOP_WAIT: Duration = Duration::from_secs(1);

/// How often a node that misses others says so.
const REPORT_EACH: Duration = Duration::from_secs(30);

/// A node's end of the cluster, for [`Hub::connect`](tidings::Hub::connect).
///
/// ```no_run
/// # use tidings::Hub;
/// # use tidings_zenoh::{Discovery, Zenoh, ZenohOptions};
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// let hub = Hub::solo("beta")?;
/// let options = ZenohOptions::default().discover(Discovery::addresses(["10.0.0.2:7447"])?);
/// hub.connect(Zenoh::new(options)).await?;
/// # Ok(()) }
/// ```
#[derive(Debug)]
pub struct Zenoh {
    options: ZenohOptions,
    running: Mutex<Option<Running>>,
}

/// What ends with the carrier.
#[derive(Debug)]
struct Running {
    node: Arc<Node>,
    door: Held,
    tasks: JoinSet<()>,
}

/// What all parts of a carrier share.
#[derive(Debug)]
pub(crate) struct Node {
    pub(crate) me: Me,
    pub(crate) options: ZenohOptions,
    pub(crate) keys: Keys,
    pub(crate) inbound: Inbound,
    pub(crate) addresses: Addresses,
    pub(crate) table: Table,
    /// Something is known of an address that was not.
    news: Notify,
    /// An older node of this name lives.
    taken: watch::Sender<bool>,
}

impl Node {
    /// Notes what came of calling an address; says whether that is news.
    pub(crate) fn is_now(&self, address: &Address, state: State) -> bool {
        let news = self.addresses.is_now(address, state);
        self.news.notify_waiters();
        news
    }

    /// An older node of this name lives: this one has to go.
    pub(crate) fn taken(&self) {
        if !self.taken.send_replace(true) {
            self.inbound.taken();
        }
    }

    /// Where this node's door is for one that it calls from an address of its own.
    pub(crate) fn door_from(&self, ip: IpAddr) -> Option<Address> {
        let listen = self.options.listen;
        match &self.options.advertise {
            Some(address) => Some(address.clone()),
            None if listen.ip().is_unspecified() => Some(SocketAddr::from((ip, listen.port())).into()),
            // What is heard on this machine alone is no address for another one.
            None if listen.ip().is_loopback() && !ip.is_loopback() => None,
            None => Some(listen.into()),
        }
    }

    /// Waits until every address that is known has been called once.
    async fn has_called_all(&self) {
        loop {
            let news = self.news.notified();
            let waits = self.addresses.all().iter().any(|(_, state)| *state == State::New);
            if !waits || *self.taken.borrow() {
                return;
            }
            news.await;
        }
    }

    /// Says which nodes are missing and why, as far as that is known.
    fn report(&self) {
        let linked = self.table.len();
        let troubles: Vec<_> = self
            .addresses
            .all_named()
            .into_iter()
            .filter_map(|(address, state)| match state {
                State::Trouble(reason) => Some(format!("{address}: {reason}")),
                State::New => Some(format!("{address}: not called yet")),
                State::Own | State::Linked(_) => None,
            })
            .collect();
        if !troubles.is_empty() {
            tracing::warn!(linked, missing = troubles.len(), "the cluster is not whole: {}", troubles.join("; "));
        } else if linked == 0 && !self.options.discovery.is_empty() {
            tracing::warn!("this node is alone: discovery names no other node's address");
        }
    }
}

impl Zenoh {
    /// A carrier with these options; it begins when a hub is [connected](tidings::Hub::connect).
    #[must_use]
    pub fn new(options: ZenohOptions) -> Self {
        Self { options, running: Mutex::default() }
    }

    fn node(&self) -> Option<Arc<Node>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner).as_ref().map(|running| running.node.clone())
    }

    async fn begin(&self, me: Me, inbound: Inbound) -> Result<(), EngineError> {
        let mut options = self.options.clone();
        options.listen = with_port(options.listen).map_err(|error| EngineError::Other(error.into()))?;
        if options.is_open_to_others() {
            tracing::warn!(
                listen = %options.listen,
                "whoever reaches this address can send frames into the cluster: set a secret or certificates"
            );
        }
        let node = Arc::new(Node {
            me,
            keys: Keys::new(&options.cluster).map_err(EngineError::Other)?,
            table: Table::new(inbound.clone()),
            inbound,
            addresses: Addresses::default(),
            news: Notify::new(),
            taken: watch::Sender::new(false),
            options,
        });
        let door = door::open(&node).await.map_err(EngineError::Other)?;
        let mut tasks = JoinSet::new();
        for (number, discovery) in node.options.discovery.clone().into_iter().enumerate() {
            tasks.spawn(discovery.run(number, node.clone()));
        }
        tasks.spawn(call_all(node.clone()));
        // A door that does not answer is no reason not to begin.
        let _ = timeout(START_WAIT, node.has_called_all()).await;
        if *node.taken.borrow() {
            tasks.shutdown().await;
            close(&door).await;
            return Err(EngineError::NameTaken { node: node.me.node.clone() });
        }
        // Last: from here on the others count this node as up.
        let token = node.keys.alive(&node.me.node, node.me.epoch);
        let token = door.liveliness().declare_token(token).await.map_err(EngineError::Other)?;
        // It ends with the door.
        std::mem::forget(token);
        tasks.spawn(report(node.clone()));
        *self.running.lock().unwrap_or_else(PoisonError::into_inner) = Some(Running { node, door, tasks });
        Ok(())
    }

    async fn end(&self) {
        let running = self.running.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some(Running { node, door, mut tasks }) = running else { return };
        tasks.shutdown().await;
        let mut goodbyes = JoinSet::new();
        for (name, link) in node.table.take_all() {
            goodbyes.spawn(say_goodbye(node.clone(), name, link));
        }
        while goodbyes.join_next().await.is_some() {}
        close(&door).await;
    }
}

/// A free port in the place of 0. Zenoh would take one too, but does not tell which.
fn with_port(listen: SocketAddr) -> std::io::Result<SocketAddr> {
    if listen.port() == 0 { std::net::TcpListener::bind(listen)?.local_addr() } else { Ok(listen) }
}

/// Lets what is queued go, and ends a link.
async fn say_goodbye(node: Arc<Node>, name: NodeName, link: Link) {
    let Link { queue, ended, session, .. } = link;
    drop(queue);
    let gone = async {
        // An error is a thread that has ended already.
        let _ = ended.await;
        // What was put before a question has arrived when that is answered: both go one way, in order.
        link::ask(&node, &session, None).await
    };
    if !matches!(timeout(STOP_WAIT, gone).await, Ok(Ok(_))) {
        tracing::debug!(node = %name, "may not have heard the last frames");
    }
    close(&session).await;
}

async fn close(session: &Held) {
    if timeout(STOP_WAIT, session.close()).await.is_err() {
        tracing::debug!("a session was left without a goodbye");
    }
}

/// Calls each address that is found.
async fn call_all(node: Arc<Node>) {
    let mut calls = JoinSet::new();
    loop {
        for address in node.addresses.to_call() {
            calls.spawn(link::keep(node.clone(), address));
        }
        while calls.try_join_next().is_some() {}
        node.addresses.found.notified().await;
    }
}

async fn report(node: Arc<Node>) {
    let mut each = interval(REPORT_EACH);
    each.set_missed_tick_behavior(MissedTickBehavior::Delay);
    // The first tick comes at once, and would tell of calls that still ring.
    each.tick().await;
    loop {
        each.tick().await;
        node.report();
    }
}

impl Carrier for Zenoh {
    fn start(&self, me: Me, inbound: Inbound) -> BoxFuture<'_, Result<(), EngineError>> {
        Box::pin(self.begin(me, inbound))
    }

    fn send(&self, to: &NodeName, frame: Bytes) -> Result<(), SendError> {
        self.node().ok_or(SendError::Unknown)?.table.send(to, frame)
    }

    fn probe(&self, name: &NodeName) -> BoxFuture<'_, bool> {
        let name = name.clone();
        Box::pin(async move {
            let Some(node) = self.node() else { return false };
            let Some(session) = node.table.session(&name) else { return false };
            link::ask(&node, &session, None).await.is_ok_and(|hello| hello.node == name)
        })
    }

    fn stop(&self) -> BoxFuture<'_, ()> {
        Box::pin(self.end())
    }
}
