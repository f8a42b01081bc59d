//! The links that stand, by node.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use crate::{held::Held, queue::Queue};
use bytes::Bytes;
use tidings::{Inbound, SendError, wire::NodeName};
use tokio::sync::{Notify, oneshot};

/// A link that stands.
#[derive(Debug)]
pub(crate) struct Link {
    /// The start of the node to which it goes.
    pub(crate) epoch: u64,
    pub(crate) queue: Queue,
    /// Resolves when the queue's thread has ended.
    pub(crate) ended: oneshot::Receiver<()>,
    pub(crate) session: Held,
}

/// All of them: at most one a node.
#[derive(Debug)]
pub(crate) struct Table {
    links: Mutex<HashMap<NodeName, Link>>,
    inbound: Inbound,
    /// A link has ended: who has another address of that node may try it.
    pub(crate) freed: Notify,
}

impl Table {
    pub(crate) fn new(inbound: Inbound) -> Self {
        Self { links: Mutex::default(), inbound, freed: Notify::new() }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<NodeName, Link>> {
        self.links.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether there is a link to this start of a node, or a later one.
    pub(crate) fn has(&self, node: &NodeName, epoch: u64) -> bool {
        self.lock().get(node).is_some_and(|link| link.epoch >= epoch)
    }

    /// Adds a link, and tells the hub; gives it back where there is one already.
    pub(crate) fn add(&self, node: &NodeName, link: Link) -> Result<(), Link> {
        let mut links = self.lock();
        if links.get(node).is_some_and(|known| known.epoch >= link.epoch) {
            return Err(link);
        }
        let before = links.insert(node.clone(), link);
        // Told under the lock, so that verdicts come in the order in which they were true.
        if before.is_some() {
            self.inbound.down(node.clone(), "another start of it answers");
        }
        self.inbound.up(node.clone());
        Ok(())
    }

    /// Takes a link out that has ended, and tells the hub why.
    pub(crate) fn remove(&self, node: &NodeName, epoch: u64, reason: &str) -> Option<Link> {
        let mut links = self.lock();
        if links.get(node)?.epoch != epoch {
            return None;
        }
        let link = links.remove(node);
        self.inbound.down(node.clone(), reason);
        drop(links);
        self.freed.notify_waiters();
        link
    }

    pub(crate) fn send(&self, to: &NodeName, frame: Bytes) -> Result<(), SendError> {
        self.lock().get(to).ok_or(SendError::Unknown)?.queue.push(frame)
    }

    /// The session that goes to a node.
    pub(crate) fn session(&self, node: &NodeName) -> Option<Held> {
        self.lock().get(node).map(|link| link.session.clone())
    }

    /// Ends: all links are given back, and the hub is told of none.
    pub(crate) fn take_all(&self) -> Vec<(NodeName, Link)> {
        self.lock().drain().collect()
    }

    pub(crate) fn len(&self) -> usize {
        self.lock().len()
    }
}
