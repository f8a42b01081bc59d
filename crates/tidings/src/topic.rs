//! One topic of a node: its ring, and who listens to it.

use std::sync::{Arc, atomic::Ordering};

use slab::Slab;
use tidings_wire::{TopicKind, TopicName};

use crate::{
    budget::UNLISTED,
    counters::Told,
    lock,
    mailbox::{Mailbox, Marked},
    ring::Ring,
    sync::{AtomicBool, AtomicU32, AtomicU64, Mutex},
};

/// One topic. Lives in the node log's table; a reader that holds it by name keeps it there.
#[derive(Debug)]
pub(crate) struct Topic {
    pub(crate) name: TopicName,
    pub(crate) kind: TopicKind,
    /// Locked for a push or a read of some entries, never across an await. Taken after the log's lock, if both are.
    pub(crate) ring: Mutex<Ring>,
    /// Who listens, for each shard: a shard walks only its own. Same rule as for the ring.
    listeners: Box<[Mutex<Slab<Listener>>]>,
    /// Shards with a listener, as bits: a publish wakes only these. Written under the lock of the shard's listeners.
    heard: AtomicU64,
    /// All listeners.
    readers: AtomicU32,
    /// Those that hold it by its name. The others found it through a pattern, and do not keep it.
    by_name: AtomicU32,
    /// Shards whose readers' patterns have not been asked about it, as bits: until they have been, a message wakes
    /// them, also where nobody listens. Set where it begins, under the log's lock.
    unintroduced: AtomicU64,
    /// The table has let go of it. Set under the log's lock, before its listeners are marked for the last time.
    forgotten: AtomicBool,
    /// Shards whose inbox holds this topic, as bits. Read and written only under the log's lock.
    pub(crate) queued: AtomicU64,
    /// Its place among the rings that can let go of something for the budget. Same rule.
    pub(crate) listed: AtomicU32,
    /// Messages applied here, since the node began. Written under the log's lock.
    pub(crate) published: AtomicU64,
    /// What its readers were told, since the node began.
    pub(crate) told: Told,
}

/// Why a reader listens to a topic.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Listens {
    /// It holds its name.
    ByName,
    /// It holds a pattern that matches.
    Found,
}

/// One reader's interest in a topic.
#[derive(Debug)]
struct Listener {
    mailbox: Arc<Mailbox>,
    /// The reader's slot that is to be marked.
    slot: u32,
}

impl Topic {
    /// A topic that begins; `introduced` says whether patterns have to be asked about it.
    pub(crate) fn new(name: TopicName, ring: Ring, shards: usize, introduced: bool) -> Self {
        let unintroduced = if introduced { (1 << shards) - 1 } else { 0 };
        Self {
            name,
            kind: ring.kind(),
            ring: Mutex::new(ring),
            listeners: (0..shards).map(|_| Mutex::new(Slab::new())).collect(),
            heard: AtomicU64::new(0),
            readers: AtomicU32::new(0),
            by_name: AtomicU32::new(0),
            unintroduced: AtomicU64::new(unintroduced),
            forgotten: AtomicBool::new(false),
            queued: AtomicU64::new(0),
            listed: AtomicU32::new(UNLISTED),
            published: AtomicU64::new(0),
            told: Told::default(),
        }
    }

    /// Adds a listener; the key takes it away again. Both are O(1).
    pub(crate) fn listen(&self, mailbox: &Arc<Mailbox>, slot: u32, why: Listens) -> usize {
        let mut listeners = lock(&self.listeners[mailbox.shard]);
        let key = listeners.insert(Listener { mailbox: mailbox.clone(), slot });
        if listeners.len() == 1 {
            self.heard.fetch_or(1 << mailbox.shard, Ordering::Relaxed);
        }
        drop(listeners);
        self.readers.fetch_add(1, Ordering::Relaxed);
        if why == Listens::ByName {
            self.by_name.fetch_add(1, Ordering::Relaxed);
        }
        key
    }

    pub(crate) fn unlisten(&self, shard: usize, key: usize, why: Listens) {
        let mut listeners = lock(&self.listeners[shard]);
        let _listener = listeners.remove(key);
        if listeners.is_empty() {
            self.heard.fetch_and(!(1 << shard), Ordering::Relaxed);
        }
        drop(listeners);
        self.readers.fetch_sub(1, Ordering::Relaxed);
        if why == Listens::ByName {
            self.by_name.fetch_sub(1, Ordering::Relaxed);
        }
    }

    /// Shards that a message on it concerns, as bits: they have a listener, or a pattern that may match.
    pub(crate) fn heard(&self) -> u64 {
        self.heard.load(Ordering::Relaxed) | self.unintroduced.load(Ordering::Relaxed)
    }

    /// Whether a shard's patterns are still to be asked about it.
    pub(crate) fn is_unintroduced(&self, shard: usize) -> bool {
        self.unintroduced.load(Ordering::Relaxed) & 1 << shard != 0
    }

    /// Whether a shard's patterns are to be asked about it: true once.
    pub(crate) fn is_introduced_now(&self, shard: usize) -> bool {
        let unintroduced = self.is_unintroduced(shard);
        if unintroduced {
            self.unintroduced.fetch_and(!(1 << shard), Ordering::Relaxed);
        }
        unintroduced
    }

    pub(crate) fn is_forgotten(&self) -> bool {
        self.forgotten.load(Ordering::Acquire)
    }

    /// The table lets go of it.
    pub(crate) fn forget(&self) {
        self.forgotten.store(true, Ordering::Release);
    }

    pub(crate) fn readers(&self) -> u32 {
        self.readers.load(Ordering::Relaxed)
    }

    /// Marks the topic in the mailboxes of a shard's listeners; those that this round has not marked yet are handed out.
    pub(crate) fn mark(&self, shard: usize, round: u64, marked: &mut Marked) {
        for (_, listener) in lock(&self.listeners[shard]).iter() {
            if listener.mailbox.mark(listener.slot, round) {
                marked.push(listener.mailbox.clone());
            }
        }
    }

    /// Whether nothing would be lost with it: nobody holds its name, and it keeps nothing.
    pub(crate) fn is_idle(&self, now_ms: u64) -> bool {
        let mut ring = lock(&self.ring);
        ring.expire(now_ms);
        self.by_name.load(Ordering::Relaxed) == 0 && ring.len() == 0
    }
}
