//! Faults made on purpose, feature `faults`: to see what a cluster does about them.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use bytes::Bytes;
use serde::Serialize;
use tidings_wire::NodeName;
use tokio::{
    sync::Notify,
    time::{Instant, sleep_until},
};

use super::{BoxFuture, Carrier, EngineError, FRAMES_MAX, Happened, Inbound, Inbox, Journal, Me, SendError};
use crate::{lock, sync::Mutex};

/// A fault lasts no longer than this, whatever is asked for: a demonstration must not be forgotten.
const LASTS_MAX: Duration = Duration::from_secs(3_600);

/// Faults of a node's links. Cheap to clone. Each ends by itself.
///
/// ```
/// use std::time::Duration;
/// use tidings::{Faults, Hub, testing::Mesh};
/// # tokio::runtime::Runtime::new().unwrap().block_on(async {
/// let (mesh, hub) = (Mesh::default(), Hub::solo("alpha")?);
/// let (carrier, faults) = Faults::around(mesh.carrier());
/// hub.connect(carrier).await?;
/// faults.cut(&"beta".parse()?, Duration::from_secs(30));
/// assert!(faults.list()[0].cut);
/// # Ok::<(), Box<dyn std::error::Error>>(()) }).unwrap();
/// ```
#[derive(Debug, Clone, Default)]
pub struct Faults(Arc<Made>);

/// A fault of the link to one node.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Fault {
    /// The other node.
    pub node: NodeName,
    /// Nothing goes out to it, and nothing of it comes in. For a cut in both nodes' eyes, cut at both.
    pub cut: bool,
    /// What comes from it is held back for so many milliseconds.
    pub delay_ms: u64,
    /// In how many milliseconds it ends.
    pub left_ms: u64,
}

/// A carrier with [`Faults`].
#[derive(Debug)]
pub struct Faulty<C> {
    carrier: C,
    faults: Faults,
}

#[derive(Debug, Default)]
struct Made {
    links: Mutex<BTreeMap<NodeName, Link>>,
    /// They are others than before.
    changed: Notify,
}

#[derive(Debug, Clone, Copy)]
struct Link {
    cut: bool,
    delay: Duration,
    until: Instant,
}

impl Faults {
    /// A carrier whose faults can be made, and the means to make them.
    pub fn around<C: Carrier>(carrier: C) -> (Faulty<C>, Self) {
        let faults = Self::default();
        (Faulty { carrier, faults: faults.clone() }, faults)
    }

    /// Cuts the link to a node, in both directions, for at most an hour.
    pub fn cut(&self, node: &NodeName, lasts: Duration) {
        self.make(node, lasts, |link| link.cut = true);
    }

    /// Holds back what comes from a node.
    pub fn delay(&self, node: &NodeName, delay: Duration, lasts: Duration) {
        self.make(node, lasts, |link| link.delay = delay);
    }

    /// Ends the faults of the link to a node.
    pub fn heal(&self, node: &NodeName) {
        lock(&self.0.links).remove(node);
        self.0.changed.notify_one();
    }

    /// The faults that there are.
    #[must_use]
    pub fn list(&self) -> Vec<Fault> {
        let (now, links) = (Instant::now(), lock(&self.0.links));
        let there = links.iter().filter(|(_, link)| link.until > now);
        let ms = |duration: Duration| u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
        there
            .map(|(node, link)| Fault {
                node: node.clone(),
                cut: link.cut,
                delay_ms: ms(link.delay),
                left_ms: ms(link.until - now),
            })
            .collect()
    }

    fn make(&self, node: &NodeName, lasts: Duration, change: impl FnOnce(&mut Link)) {
        let until = Instant::now() + lasts.min(LASTS_MAX);
        let mut links = lock(&self.0.links);
        let link = links.entry(node.clone()).or_insert(Link { cut: false, delay: Duration::ZERO, until });
        change(link);
        link.until = until;
        drop(links);
        self.0.changed.notify_one();
    }

    fn of(&self, node: &NodeName) -> Option<Link> {
        lock(&self.0.links).get(node).copied().filter(|link| link.until > Instant::now())
    }

    fn is_cut(&self, node: &NodeName) -> bool {
        self.of(node).is_some_and(|link| link.cut)
    }

    /// When the next fault ends.
    fn next_end(&self) -> Option<Instant> {
        lock(&self.0.links).values().map(|link| link.until).min()
    }

    fn end_those_that_are_over(&self) {
        let now = Instant::now();
        lock(&self.0.links).retain(|_, link| link.until > now);
    }
}

/// What stands between a carrier and its hub, and makes the faults.
struct Between {
    faults: Faults,
    from: Inbox,
    to: Inbound,
    /// Nodes that the carrier reaches.
    up: BTreeSet<NodeName>,
    /// Of those, the ones of which the hub knows.
    told: BTreeSet<NodeName>,
    /// Frames that are held back, by when they are due, in the order in which they came.
    held: BTreeMap<(Instant, u64), (NodeName, Bytes)>,
    count: u64,
}

impl Between {
    async fn run(mut self) {
        loop {
            let due = self.held.keys().next().map(|(due, _)| *due);
            let next = due.into_iter().chain(self.faults.next_end()).min();
            let next_is_due = async {
                match next {
                    Some(next) => sleep_until(next).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                happened = self.from.next() => match happened {
                    Some(happened) => self.pass(happened),
                    None => return,
                },
                () = next_is_due => self.faults.end_those_that_are_over(),
                () = self.faults.0.changed.notified() => {}
            }
            self.hand_out();
            self.tell();
        }
    }

    fn pass(&mut self, happened: Happened) {
        match happened {
            Happened::Up(node) => {
                self.up.insert(node);
            }
            Happened::Down(node, reason) => {
                self.up.remove(&node);
                if self.told.remove(&node) {
                    self.to.down(node, reason);
                }
            }
            Happened::Frame(from, frame) => match self.faults.of(&from) {
                Some(link) if link.cut || self.held.len() >= FRAMES_MAX => {}
                Some(link) => {
                    self.count += 1;
                    self.held.insert((Instant::now() + link.delay, self.count), (from, frame));
                }
                None => {
                    self.to.received(from, frame);
                }
            },
            Happened::Taken => self.to.taken(),
        }
    }

    fn hand_out(&mut self) {
        let later = self.held.split_off(&(Instant::now(), u64::MAX));
        for (from, frame) in std::mem::replace(&mut self.held, later).into_values() {
            if !self.faults.is_cut(&from) {
                self.to.received(from, frame);
            }
        }
    }

    /// Tells who is up now, to the hub's eyes.
    fn tell(&mut self) {
        for node in &self.up {
            let cut = self.faults.is_cut(node);
            if cut && self.told.remove(node) {
                self.to.down(node.clone(), "the link was cut on purpose");
            } else if !cut && self.told.insert(node.clone()) {
                self.to.up(node.clone());
            }
        }
    }
}

impl<C: Carrier> Carrier for Faulty<C> {
    fn start(&self, me: Me, inbound: Inbound) -> BoxFuture<'_, Result<(), EngineError>> {
        Box::pin(async move {
            let (near, from) = Inbound::new();
            self.carrier.start(me, near).await?;
            let faults = self.faults.clone();
            let (up, told, held) = Default::default();
            tokio::spawn(Between { faults, from, to: inbound, up, told, held, count: 0 }.run());
            Ok(())
        })
    }

    fn send(&self, to: &NodeName, frame: Bytes) -> Result<(), SendError> {
        if self.faults.is_cut(to) { Ok(()) } else { self.carrier.send(to, frame) }
    }

    fn probe(&self, node: &NodeName) -> BoxFuture<'_, bool> {
        self.carrier.probe(node)
    }

    fn stop(&self) -> BoxFuture<'_, ()> {
        self.carrier.stop()
    }

    fn journal(&self) -> Option<Arc<dyn Journal>> {
        self.carrier.journal()
    }
}
