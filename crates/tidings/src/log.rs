//! The node log: the one order in which a node applies messages.
//!
//! It does no IO, takes no time and draws no random number: whoever calls brings the time, and acts
//! on what comes back. One lock around it (see [`Hub`](crate::Hub)) is the critical section of a
//! publish: stamp, append, index, and the word to the shards are one step.

use std::{
    collections::HashMap,
    sync::{Arc, OnceLock, atomic::Ordering},
};

use tidings_wire::{Cursor, OriginTag, TopicKind, TopicName, Version, event::GapCause};

use crate::{
    Limits, Payload,
    budget::Budget,
    cluster::Cluster,
    counters::{Applied, KINDS, kind_at},
    entry::Entry,
    error::PublishError,
    hlc::Hlc,
    ids::SeenIds,
    lock,
    publish::Published,
    topic::Topic,
    vector::Vector,
};

/// The moment of a call.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Now {
    pub(crate) wall_ms: u64,
    pub(crate) monotonic_ms: u64,
}

impl Now {
    pub(crate) fn wall_s(self) -> u64 {
        self.wall_ms / 1000
    }
}

/// What is to be published.
#[derive(Debug, Default)]
pub(crate) struct Publication {
    pub(crate) payload: Option<Payload>,
    pub(crate) from: Option<Box<str>>,
    pub(crate) id: Option<Box<str>>,
    /// The highest version that the writer has seen: its next one lies above.
    pub(crate) seen: Option<Version>,
    /// Stays on this node: an index, but no stamp.
    pub(crate) local: bool,
}

impl Publication {
    /// Whether its ids are short enough to travel.
    pub(crate) fn check_ids(&self, max: usize) -> Result<(), PublishError> {
        for (what, id) in [("publish id", &self.id), ("sender id", &self.from)] {
            if let Some(bytes) = id.as_deref().map(str::len).filter(|bytes| *bytes > max) {
                return Err(PublishError::IdTooLong { what, bytes, max });
            }
        }
        Ok(())
    }
}

/// A message on its way into the log.
#[derive(Debug)]
pub(crate) struct Message {
    pub(crate) version: Version,
    pub(crate) stamp: u64,
    pub(crate) from: Option<Box<str>>,
    pub(crate) id: Option<Box<str>>,
    pub(crate) payload: Option<Payload>,
    pub(crate) gap: Option<GapCause>,
}

/// The log of one node in one epoch.
#[derive(Debug)]
pub(crate) struct NodeLog {
    me: OriginTag,
    /// Of the last message that this node published to the cluster.
    stamp: u64,
    /// Of the last entry.
    index: u64,
    clock: Hlc,
    vector: Vector,
    pub(crate) topics: HashMap<TopicName, Arc<Topic>>,
    /// What is gone with the topics that were forgotten: origin → highest stamp.
    pub(crate) forgotten: Cursor,
    /// What all rings may hold.
    pub(crate) budget: Budget,
    /// What was applied, by kind.
    pub(crate) counted: [Applied; KINDS.len()],
    /// Publish ids that were seen: what has one of them again is a retry.
    pub(crate) seen_ids: SeenIds,
    /// The other nodes; `None` for a node alone.
    pub(crate) cluster: Option<Cluster>,
    /// For each shard the topics with entries that it has not marked yet, each once.
    inboxes: Vec<Vec<Arc<Topic>>>,
}

/// A place in the log: the index, and the cursor there.
#[derive(Debug)]
pub(crate) struct Place {
    pub(crate) index: u64,
    pub(crate) cursor: Cursor,
    pub(crate) text: Box<str>,
}

impl NodeLog {
    pub(crate) fn new(me: OriginTag, shards: usize, limits: &Limits) -> Self {
        Self {
            me,
            stamp: 0,
            index: 0,
            clock: Hlc::new(limits.client_ahead_ms_max),
            vector: Vector::new(me),
            topics: HashMap::new(),
            forgotten: Cursor::default(),
            budget: Budget::new(limits),
            counted: Default::default(),
            seen_ids: SeenIds::new(limits),
            cluster: None,
            inboxes: vec![Vec::new(); shards],
        }
    }

    /// Applies a message of this node. Says whether shards have to be woken.
    pub(crate) fn publish(&mut self, now: Now, topic: &Arc<Topic>, publication: Publication) -> (Arc<Entry>, bool) {
        if let Some(seen) = publication.seen {
            self.clock.merge_of_client(seen.clock(), now.wall_ms);
        }
        let version = Version::from_clock(self.clock.tick(now.wall_ms), self.me);
        let stamp = if publication.local {
            0
        } else {
            self.stamp += 1;
            self.vector.set(self.me, self.stamp);
            self.stamp
        };
        let Publication { payload, from, id, .. } = publication;
        let entry = self.enter(now, topic, Message { version, stamp, from, id, payload, gap: None });
        if stamp > 0
            && let Some(cluster) = &mut self.cluster
        {
            cluster.published(&entry);
        }
        let woken = self.append(now, topic, &entry);
        (entry, woken)
    }

    /// Applies a message of another node, whose stamps up to this one have all been applied or decided.
    pub(crate) fn apply(&mut self, now: Now, topic: &Arc<Topic>, message: Message) -> bool {
        self.clock.merge(message.version.clock(), now.wall_ms);
        self.vector.set(message.version.origin(), message.stamp);
        if self.is_repeated(topic, &message) {
            return false;
        }
        let entry = self.enter(now, topic, message);
        self.append(now, topic, &entry)
    }

    /// Whether another node stamped a retry of what is here already.
    ///
    /// A State value is none: its two versions must lose and win on this node as they do on every other, and to be told
    /// the same value twice is harmless.
    fn is_repeated(&self, topic: &Topic, message: &Message) -> bool {
        let id = message.id.as_deref().filter(|_| topic.kind != TopicKind::State);
        id.is_some_and(|id| self.seen_ids.find(&topic.name, id).is_some())
    }

    /// All stamps of an origin up to this one are applied or decided.
    pub(crate) fn decide(&mut self, origin: OriginTag, stamp: u64) {
        self.vector.set(origin, stamp);
    }

    /// Tells a topic's readers that messages are missing here.
    pub(crate) fn gap(&mut self, now: Now, topic: &Arc<Topic>, cause: GapCause) -> bool {
        let version = Version::from_clock(0, self.me);
        let marker = Message { version, stamp: 0, from: None, id: None, payload: None, gap: Some(cause) };
        let entry = self.enter(now, topic, marker);
        self.append(now, topic, &entry)
    }

    /// What has been applied of every origin.
    pub(crate) fn applied(&self) -> &Cursor {
        self.vector.cursor()
    }

    /// Stamp of the last message that this node published.
    pub(crate) fn head(&self) -> u64 {
        self.stamp
    }

    /// Bytes of the cursor that the next message carries.
    pub(crate) fn cursor_bytes(&self) -> usize {
        self.vector.text_len()
    }

    /// Index of the last entry.
    pub(crate) fn index(&self) -> u64 {
        self.index
    }

    pub(crate) fn me(&self) -> OriginTag {
        self.me
    }

    fn enter(&mut self, now: Now, topic: &Topic, message: Message) -> Arc<Entry> {
        self.index += 1;
        let Message { version, stamp, from, id, payload, gap } = message;
        Arc::new(Entry {
            topic: topic.name.clone(),
            version,
            stamp,
            index: self.index,
            from,
            id,
            payload,
            gap,
            cursor: self.vector.text(now.wall_s()).into(),
            applied_ms: now.monotonic_ms,
            frame: OnceLock::new(),
        })
    }

    fn append(&mut self, now: Now, topic: &Arc<Topic>, entry: &Arc<Entry>) -> bool {
        if let Some(id) = &entry.id {
            let published = Published { version: entry.version, stamp: entry.stamp, index: entry.index };
            self.seen_ids.enter(&topic.name, id, published);
        }
        if entry.gap.is_none() {
            topic.published.fetch_add(1, Ordering::Relaxed);
            self.counted[kind_at(topic.kind)].count(now.monotonic_ms);
        }
        let ring_bytes = lock(&topic.ring).push(entry.clone(), now.monotonic_ms);
        self.budget.pushed(topic, ring_bytes, entry.index);
        if topic.readers() == 0 {
            return false;
        }
        // The bits only guard these inboxes, which this lock guards already: no ordering is needed.
        let queued = topic.queued.load(Ordering::Relaxed);
        for (shard, inbox) in self.inboxes.iter_mut().enumerate() {
            if queued & 1 << shard == 0 {
                inbox.push(topic.clone());
            }
        }
        topic.queued.store(u64::MAX, Ordering::Relaxed);
        true
    }

    /// Empties a shard's inbox into `topics` and says up to which index that is all there is. One step with regard
    /// to publishes: what comes after it is in the next inbox, above the index.
    pub(crate) fn take_inbox(&mut self, shard: usize, topics: &mut Vec<Arc<Topic>>) -> u64 {
        topics.append(&mut self.inboxes[shard]);
        for topic in topics.iter() {
            topic.queued.fetch_and(!(1 << shard), Ordering::Relaxed);
        }
        self.index
    }

    /// Where the log is now.
    pub(crate) fn place(&mut self, now: Now) -> Place {
        let text = self.vector.text(now.wall_s()).into();
        Place { index: self.index, cursor: self.vector.cursor().clone(), text }
    }

    /// Forgets topics that nobody would miss. Returns how many.
    pub(crate) fn forget_idle(&mut self, now: Now) -> usize {
        let before = self.topics.len();
        let (forgotten, budget, counted) = (&mut self.forgotten, &mut self.budget, &mut self.counted);
        self.topics.retain(|_, topic| {
            let keep = Arc::strong_count(topic) > 1 || !topic.is_idle(now.monotonic_ms);
            if !keep {
                // A topic of that name that begins again must not look as if nothing had ever been on it.
                forgotten.merge(lock(&topic.ring).evicted());
                counted[kind_at(topic.kind)].topics -= 1;
                budget.forget(topic);
                tracing::trace!(topic = %topic.name, "a topic is forgotten");
            }
            keep
        });
        before - self.topics.len()
    }
}
