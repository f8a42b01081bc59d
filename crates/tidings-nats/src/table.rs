//! Who is there: nodes that have said so within their lease.

use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tidings::{Inbound, Me, wire::NodeName};
use tokio::time::Instant;

use crate::hello::Hello;

/// Leases of other nodes that are believed: one that says an hour would be up for an hour after its death.
const LEASE_MAX: Duration = Duration::from_secs(60);

/// A node that is up.
#[derive(Debug)]
struct Peer {
    epoch: u64,
    lease: Duration,
    heard: Instant,
}

/// All of them.
#[derive(Debug)]
pub(crate) struct Table {
    peers: Mutex<BTreeMap<NodeName, Peer>>,
    inbound: Inbound,
    lease: Duration,
}

impl Table {
    pub(crate) fn new(inbound: Inbound, lease: Duration) -> Self {
        Self { peers: Mutex::default(), inbound, lease }
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<NodeName, Peer>> {
        self.peers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Another node says that it lives; says whether it is new here.
    pub(crate) fn hear(&self, hello: &Hello, now: Instant) -> bool {
        let mut peers = self.lock();
        let lease = Duration::from_millis(hello.lease_ms).clamp(self.lease, LEASE_MAX.max(self.lease));
        let peer = Peer { epoch: hello.epoch, lease, heard: now };
        match peers.get_mut(&hello.node) {
            Some(known) if known.epoch > hello.epoch => return false,
            Some(known) if known.epoch == hello.epoch => {
                *known = peer;
                return false;
            }
            // Told under the lock, so that verdicts come in the order in which they were true.
            Some(_) => self.inbound.down(hello.node.clone(), "another start of it answers"),
            None => {}
        }
        peers.insert(hello.node.clone(), peer);
        self.inbound.up(hello.node.clone());
        true
    }

    /// Something else came of a node; says whether that start of it is up.
    pub(crate) fn is_up(&self, from: &Me, now: Instant) -> bool {
        match self.lock().get_mut(&from.node) {
            Some(peer) if peer.epoch == from.epoch => {
                peer.heard = now;
                true
            }
            _ => false,
        }
    }

    /// A node has said goodbye.
    pub(crate) fn left(&self, from: &Me) {
        let mut peers = self.lock();
        if peers.get(&from.node).is_some_and(|peer| peer.epoch == from.epoch) {
            peers.remove(&from.node);
            self.inbound.down(from.node.clone(), "it said goodbye");
        }
    }

    /// Takes out those that were silent for their lease.
    pub(crate) fn sweep(&self, now: Instant, is_connected: bool) {
        let reason = match is_connected {
            true => "nothing was heard of it for its lease",
            false => "this node is not connected to the NATS server",
        };
        self.lock().retain(|node, peer| {
            let lives = now.duration_since(peer.heard) < peer.lease;
            if !lives {
                self.inbound.down(node.clone(), reason);
            }
            lives
        });
    }

    /// This process was held for so long that it heard nobody: that is nobody's silence.
    pub(crate) fn excuse(&self, held: Duration) {
        self.lock().values_mut().for_each(|peer| peer.heard += held);
    }

    /// The start of a node that is up.
    pub(crate) fn start_of(&self, node: &NodeName) -> Option<Me> {
        self.lock().get(node).map(|peer| Me { node: node.clone(), epoch: peer.epoch })
    }

    /// Ends: all are given back, and the hub is told of none.
    pub(crate) fn take_all(&self) -> Vec<Me> {
        std::mem::take(&mut *self.lock()).into_iter().map(|(node, peer)| Me { node, epoch: peer.epoch }).collect()
    }

    pub(crate) fn len(&self) -> usize {
        self.lock().len()
    }
}
