//! What a hub's handles, its readers and its shards share.

use std::{
    fmt,
    sync::{Arc, Mutex, MutexGuard, Weak, atomic::AtomicUsize},
};

use tidings_wire::{Keep, NodeName, OriginTag, TopicKind, TopicName};

use crate::{
    Limits, Payload,
    clock::Clock,
    counters::{Tally, kind_at},
    error::{PublishError, SubscribeError},
    lock,
    log::{NodeLog, Now, Place, Publication},
    mailbox::Mailbox,
    publish::Published,
    ring::Ring,
    serve::Served,
    shard::Shard,
    topic::Topic,
};

/// What hub, readers and shards share.
pub(crate) struct Shared {
    pub(crate) node: NodeName,
    pub(crate) epoch: u64,
    pub(crate) origin: OriginTag,
    pub(crate) limits: Limits,
    pub(crate) clock: Box<dyn Clock>,
    /// The critical section of a publish. Locked for a few hundred instructions, never across an await; a topic's
    /// ring, a topic's listeners and `served` may be locked under it, never the other way round.
    pub(crate) log: Mutex<NodeLog>,
    pub(crate) shards: Box<[Arc<Shard>]>,
    /// Declared families, in the order of their declaration.
    pub(crate) served: Mutex<Vec<Served>>,
    /// Readers alive.
    pub(crate) readers: AtomicUsize,
    /// Gives the next reader its shard.
    pub(crate) next_shard: AtomicUsize,
    /// Readers whose cursors lie ahead of this node. Locked for a push or a take.
    waiting: Mutex<Vec<Weak<Mailbox>>>,
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hub").field("node", &self.node).field("epoch", &self.epoch).finish_non_exhaustive()
    }
}

impl Shared {
    /// What a node begins with, in an epoch.
    pub(crate) fn new(node: NodeName, epoch: u64, limits: Limits, clock: Box<dyn Clock>, shards: usize) -> Self {
        let origin = OriginTag::of(&node, epoch);
        Self {
            node,
            epoch,
            origin,
            clock,
            log: Mutex::new(NodeLog::new(origin, shards, &limits)),
            limits,
            shards: (0..shards).map(|_| Arc::default()).collect(),
            served: Mutex::default(),
            readers: AtomicUsize::new(0),
            next_shard: AtomicUsize::new(0),
            waiting: Mutex::default(),
        }
    }

    pub(crate) fn log(&self) -> MutexGuard<'_, NodeLog> {
        lock(&self.log)
    }

    pub(crate) fn now(&self) -> Now {
        Now { wall_ms: self.clock.wall_ms(), monotonic_ms: self.clock.monotonic_ms() }
    }

    pub(crate) fn place(&self) -> (Place, Now) {
        let now = self.now();
        (self.log().place(now), now)
    }

    /// Counts what one read of a topic came to, for the topic and for the reader's shard.
    pub(crate) fn tell(&self, shard: usize, topic: &Topic, tally: Tally) {
        topic.told.add(tally);
        self.shards[shard].told[kind_at(topic.kind)].add(tally);
    }

    /// What readers were told on topics of a kind.
    pub(crate) fn told(&self, kind: TopicKind) -> Tally {
        let mut all = Tally::default();
        for told in self.shards.iter().map(|shard| shard.told[kind_at(kind)].get()) {
            all.delivered += told.delivered;
            all.skipped += told.skipped;
            all.gaps += told.gaps;
        }
        all
    }

    /// Whether what an origin published up to a stamp can still come to this node.
    pub(crate) fn may_come(&self, origin: OriginTag, stamp: u64) -> bool {
        let log = self.log();
        let Some(cluster) = &log.cluster else { return false };
        origin != log.me() && cluster.may_bring(origin, stamp)
    }

    /// Wakes this reader after the next event of the cluster.
    pub(crate) fn wake_when_more_came(&self, mailbox: &Arc<Mailbox>) {
        lock(&self.waiting).push(Arc::downgrade(mailbox));
    }

    /// Wakes the readers that wait for this node to catch up.
    pub(crate) fn wake_waiting(&self) {
        let waiting = std::mem::take(&mut *lock(&self.waiting));
        waiting.iter().filter_map(Weak::upgrade).for_each(|mailbox| mailbox.wake());
    }

    /// Finds or makes a topic and listens to it, in one step, so that it is not forgotten in between.
    pub(crate) fn listen(
        &self,
        name: &TopicName,
        mailbox: &Arc<Mailbox>,
        slot: u32,
    ) -> Result<(Arc<Topic>, usize), SubscribeError> {
        let (now, mut log) = (self.now(), self.log());
        let topic =
            self.topic(&mut log, now, name).ok_or(SubscribeError::TooManyTopics { max: self.limits.topics_max })?;
        let key = topic.listen(mailbox, slot);
        Ok((topic, key))
    }

    pub(crate) fn publish(
        &self,
        name: &TopicName,
        publication: Publication,
        allowed: impl FnOnce(TopicKind) -> Result<(), &'static str>,
    ) -> Result<Published, PublishError> {
        let published = self.try_publish(name, publication, allowed);
        published.inspect_err(|error| tracing::debug!(topic = %name, %error, "a publish was refused"))
    }

    fn try_publish(
        &self,
        name: &TopicName,
        publication: Publication,
        allowed: impl FnOnce(TopicKind) -> Result<(), &'static str>,
    ) -> Result<Published, PublishError> {
        let (bytes, max) = (publication.payload.as_ref().map_or(0, Payload::len), self.limits.payload_bytes_max);
        if bytes > max {
            return Err(PublishError::TooLarge { bytes, max });
        }
        publication.check_ids(self.limits.id_bytes_max)?;
        let now = self.now();
        let (entry, woken) = {
            let mut log = self.log();
            // Asked before the topic is made: what is refused leaves nothing behind.
            let kind = log.topics.get(name).map_or_else(|| self.declared(name).0, |topic| topic.kind);
            allowed(kind).map_err(|fix| PublishError::Kind { topic: name.clone(), kind, fix })?;
            // A retry: it was published, and its answer is the first one's.
            if let Some(first) = publication.id.as_deref().and_then(|id| log.seen_ids.find(name, id)) {
                return Ok(first.clone());
            }
            log.check_room(name, kind, &publication)?;
            let max = self.limits.topics_max;
            let topic = self.topic(&mut log, now, name).ok_or(PublishError::TooManyTopics { max })?;
            log.publish(now, &topic, publication)
        };
        if woken {
            self.shards.iter().for_each(|shard| shard.wake.notify_one());
        }
        Ok(Published { version: entry.version, stamp: entry.stamp, index: entry.index })
    }

    /// The newest declaration whose family holds a topic.
    pub(crate) fn served_as(&self, name: &TopicName) -> Option<Served> {
        lock(&self.served).iter().rev().find(|served| served.pattern.matches(name)).cloned()
    }

    /// What a topic is, or would be.
    fn declared(&self, name: &TopicName) -> (TopicKind, Keep) {
        let (kind, keep) =
            self.served_as(name).map_or((TopicKind::Signal, Keep::SIGNAL), |served| (served.kind, served.keep));
        // One that says nothing of its own.
        let is_default = kind == TopicKind::Signal && keep == Keep::SIGNAL;
        (kind, if is_default { self.limits.signal_keep } else { keep })
    }

    /// Finds or makes a topic; `None` when the node is full.
    pub(crate) fn topic(&self, log: &mut NodeLog, now: Now, name: &TopicName) -> Option<Arc<Topic>> {
        if let Some(topic) = log.topics.get(name) {
            return Some(topic.clone());
        }
        if log.topics.len() >= self.limits.topics_max && log.forget_idle(now) == 0 {
            return None;
        }
        let (kind, keep) = self.declared(name);
        let held = log.budget.held.clone();
        let ring = Ring::new(kind, keep, &self.limits, held, log.forgotten.clone());
        let topic = Arc::new(Topic::new(name.clone(), ring, self.shards.len()));
        log.topics.insert(name.clone(), topic.clone());
        log.counted[kind_at(kind)].topics += 1;
        Some(topic)
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        // The shards wait for a publish that cannot come any more: let them see that the hub is gone.
        self.shards.iter().for_each(|shard| shard.wake.notify_one());
    }
}
