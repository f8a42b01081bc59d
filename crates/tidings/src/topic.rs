//! One topic of a node: its ring, and who listens to it.

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicU32, AtomicU64, Ordering},
};

use slab::Slab;
use tidings_wire::{TopicKind, TopicName};

use crate::{budget::UNLISTED, counters::Told, lock, mailbox::Mailbox, ring::Ring};

/// One topic. Lives in the node log's table, and as long as a reader holds it.
#[derive(Debug)]
pub(crate) struct Topic {
    pub(crate) name: TopicName,
    pub(crate) kind: TopicKind,
    /// Locked for a push or a read of some entries, never across an await. Taken after the log's lock, if both are.
    pub(crate) ring: Mutex<Ring>,
    /// Who listens, for each shard: a shard walks only its own. Same rule as for the ring.
    listeners: Box<[Mutex<Slab<Listener>>]>,
    /// All listeners: a publish to a topic without any wakes nobody.
    readers: AtomicU32,
    /// Shards whose inbox holds this topic, as bits. Read and written only under the log's lock.
    pub(crate) queued: AtomicU64,
    /// Its place among the rings that can let go of something for the budget. Same rule.
    pub(crate) listed: AtomicU32,
    /// Messages applied here, since the node began.
    pub(crate) published: AtomicU64,
    /// What its readers were told, since the node began.
    pub(crate) told: Told,
}

/// One reader's interest in a topic.
#[derive(Debug)]
struct Listener {
    mailbox: Arc<Mailbox>,
    /// The reader's slot that is to be marked.
    slot: u32,
}

impl Topic {
    pub(crate) fn new(name: TopicName, ring: Ring, shards: usize) -> Self {
        Self {
            name,
            kind: ring.kind(),
            ring: Mutex::new(ring),
            listeners: (0..shards).map(|_| Mutex::new(Slab::new())).collect(),
            readers: AtomicU32::new(0),
            queued: AtomicU64::new(0),
            listed: AtomicU32::new(UNLISTED),
            published: AtomicU64::new(0),
            told: Told::default(),
        }
    }

    /// Adds a listener; the key takes it away again. Both are O(1).
    pub(crate) fn listen(&self, mailbox: &Arc<Mailbox>, slot: u32) -> usize {
        let key = lock(&self.listeners[mailbox.shard]).insert(Listener { mailbox: mailbox.clone(), slot });
        self.readers.fetch_add(1, Ordering::Relaxed);
        key
    }

    pub(crate) fn unlisten(&self, shard: usize, key: usize) {
        lock(&self.listeners[shard]).remove(key);
        self.readers.fetch_sub(1, Ordering::Relaxed);
    }

    pub(crate) fn readers(&self) -> u32 {
        self.readers.load(Ordering::Relaxed)
    }

    /// Marks the topic in the mailboxes of a shard's listeners; those that were empty are handed out.
    pub(crate) fn mark(&self, shard: usize, marked: &mut Vec<Arc<Mailbox>>) {
        for (_, listener) in lock(&self.listeners[shard]).iter() {
            if listener.mailbox.mark(listener.slot) {
                marked.push(listener.mailbox.clone());
            }
        }
    }

    /// Whether nothing would be lost with it: nobody listens, and it keeps nothing.
    pub(crate) fn is_idle(&self, now_ms: u64) -> bool {
        let mut ring = lock(&self.ring);
        ring.expire(now_ms);
        self.readers() == 0 && ring.len() == 0
    }
}
