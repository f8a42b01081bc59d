//! The hub: publish, subscribe, and look at what is kept.

use std::{
    fmt,
    sync::{
        Arc, Mutex, MutexGuard, Weak,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
};

use serde::Serialize;
use tidings_wire::{Cursor, Keep, NameError, NodeName, OriginTag, Remote, TopicKind, TopicName, TopicRef, Version};

use crate::{
    Limits, Payload, Principal, Reader, Start, Subscription,
    clock::{Clock, SystemClock},
    entry::Entry,
    error::{PublishError, SubscribeError, WriteError},
    lock,
    log::{NodeLog, Now, Place, Publication},
    mailbox::Mailbox,
    ring::Ring,
    serve::{Fault, Served},
    shard::{self, SHARDS_MAX, Shard},
    topic::Topic,
};

/// A node's hub. Cheap to clone; all clones are one hub, and it lives as long as any of them or a reader.
///
/// See the [crate's page](crate) for a first example.
#[derive(Clone, Debug)]
pub struct Hub {
    pub(crate) shared: Arc<Shared>,
}

/// What hub, readers and shards share.
pub(crate) struct Shared {
    node: NodeName,
    epoch: u64,
    origin: OriginTag,
    pub(crate) limits: Limits,
    clock: Box<dyn Clock>,
    /// The critical section of a publish. Locked for a few hundred instructions, never across an await; a topic's
    /// ring, a topic's listeners and `served` may be locked under it, never the other way round.
    log: Mutex<NodeLog>,
    pub(crate) shards: Box<[Arc<Shard>]>,
    /// Declared families, in the order of their declaration.
    pub(crate) served: Mutex<Vec<Served>>,
    /// Readers alive.
    pub(crate) readers: AtomicUsize,
    /// Gives the next reader its shard.
    next_shard: AtomicUsize,
    /// Gaps told to readers.
    gaps: AtomicU64,
    /// Readers whose cursors lie ahead of this node. Locked for a push or a take.
    waiting: Mutex<Vec<Weak<Mailbox>>>,
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hub").field("node", &self.node).field("epoch", &self.epoch).finish_non_exhaustive()
    }
}

/// What was published.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Published {
    /// When and by whom: a writer's own echo, and every newer value, is at least this.
    pub version: Version,
    /// Its number among all that this node publishes; 0 for a local one.
    pub stamp: u64,
    /// Its place in the node's log.
    pub index: u64,
}

/// What may be said with a publish.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct PublishOptions {
    /// The sender's public id: readers with the same id skip the message.
    pub from: Option<Box<str>>,
    /// A publish id: it travels with the message, so that a writer knows its own echo.
    pub id: Option<Box<str>>,
    /// The highest version that the writer has seen: the new one lies above, unless it claims to be more than a minute
    /// ahead of everything that this node knows.
    pub seen: Option<Version>,
}

impl PublishOptions {
    /// Sets [`from`](Self::from).
    #[must_use]
    pub fn from_sender(mut self, sender: &str) -> Self {
        self.from = Some(sender.into());
        self
    }

    /// Sets [`id`](Self::id).
    #[must_use]
    pub fn with_id(mut self, id: &str) -> Self {
        self.id = Some(id.into());
        self
    }

    /// Sets [`seen`](Self::seen).
    #[must_use]
    pub fn after(mut self, seen: Version) -> Self {
        self.seen = Some(seen);
        self
    }
}

/// What a topic held at one place of the log.
#[derive(Debug, Clone)]
pub struct Snapshot {
    /// The newest entries, oldest first. Of a State topic at most one, and none where it was cleared.
    pub entries: Vec<Arc<Entry>>,
    /// Where the log was: a reader that starts after it misses nothing and gets nothing twice.
    pub cursor: Cursor,
}

/// A topic as [`Hub::topics`] lists it.
#[derive(Debug, Clone, Serialize)]
pub struct TopicInfo {
    /// Its name.
    pub topic: TopicName,
    /// Its kind.
    pub kind: TopicKind,
    /// Who listens on this node.
    pub readers: u32,
    /// Messages applied here since the node began.
    pub published: u64,
    /// Messages that its ring holds.
    pub held: usize,
    /// Bytes of payload that its ring holds.
    pub held_bytes: usize,
}

impl Hub {
    /// A node of its own, without a cluster, with the default limits.
    ///
    /// Must be called within a tokio runtime: the hub's shards run as tasks on it.
    ///
    /// # Errors
    /// When the name is not valid for a node.
    pub fn solo(node: &str) -> Result<Self, NameError> {
        Self::builder(node).map(HubBuilder::build)
    }

    /// A hub with other limits, or another clock.
    ///
    /// # Errors
    /// When the name is not valid for a node.
    pub fn builder(node: &str) -> Result<HubBuilder, NameError> {
        let node = NodeName::new(node)?;
        Ok(HubBuilder { node, limits: Limits::default(), clock: Box::<SystemClock>::default() })
    }

    /// This node's name.
    #[must_use]
    pub fn node_name(&self) -> &NodeName {
        &self.shared.node
    }

    /// This start of the node: another one each time, and larger than those before.
    #[must_use]
    pub fn epoch(&self) -> u64 {
        self.shared.epoch
    }

    /// The tag with which this node's messages stand in cursors and versions.
    #[must_use]
    pub fn origin(&self) -> OriginTag {
        self.shared.origin
    }

    /// What this node holds at most.
    #[must_use]
    pub fn limits(&self) -> &Limits {
        &self.shared.limits
    }

    /// The kind of a topic, where it exists or is declared.
    #[must_use]
    pub fn kind(&self, topic: &TopicName) -> Option<TopicKind> {
        let known = self.shared.log().topics.get(topic).map(|topic| topic.kind);
        known.or_else(|| self.served(topic).map(|served| served.kind))
    }

    /// Subscribes to one topic: what is published from now on, as a [`Stream`](futures_core::Stream).
    ///
    /// As in Phoenix, the publisher's own subscriptions receive too. Unlike there, subscribing twice
    /// gives two streams with each message once each, and dropping one is O(1).
    ///
    /// # Errors
    /// [`SubscribeError`] when the name is not valid or a limit is reached.
    pub fn subscribe(&self, topic: &str) -> Result<Subscription, SubscribeError> {
        self.subscribe_from(topic, Start::Now)
    }

    /// Subscribes to one topic from a chosen place: now, with what is retained, or after a cursor.
    ///
    /// # Errors
    /// [`SubscribeError`] when the name is not valid or a limit is reached.
    pub fn subscribe_from(&self, topic: &str, start: Start) -> Result<Subscription, SubscribeError> {
        let mut reader = self.reader()?;
        match reader.join(0, vec![(TopicName::new(topic)?, start)]).pop() {
            Some((_, error)) => Err(error),
            None => Ok(Subscription::new(reader)),
        }
    }

    /// A reader without topics yet: what a page's stream is made of.
    ///
    /// # Errors
    /// [`SubscribeError::TooManyReaders`].
    pub fn reader(&self) -> Result<Reader, SubscribeError> {
        let max = self.shared.limits.readers_max;
        let admitted = |readers| (readers < max).then_some(readers + 1);
        if self.shared.readers.try_update(Ordering::Relaxed, Ordering::Relaxed, admitted).is_err() {
            return Err(SubscribeError::TooManyReaders { max });
        }
        let shard = self.shared.next_shard.fetch_add(1, Ordering::Relaxed) % self.shared.shards.len();
        Ok(Reader::new(self.shared.clone(), shard))
    }

    /// Publishes to a topic by name. `Ok` means appended here.
    ///
    /// # Errors
    /// [`PublishError`]; nothing was published then.
    pub fn broadcast(&self, topic: &str, payload: Payload) -> Result<Published, PublishError> {
        self.broadcast_with(topic, payload, PublishOptions::default())
    }

    /// Publishes to a topic; readers [`excluding`](Reader::excluding) this sender skip the message, on every node and
    /// on replay. (Phoenix excludes a process, and only on its own node.)
    ///
    /// # Errors
    /// [`PublishError`]; nothing was published then.
    pub fn broadcast_from(&self, sender: &str, topic: &str, payload: Payload) -> Result<Published, PublishError> {
        self.broadcast_with(topic, payload, PublishOptions::default().from_sender(sender))
    }

    /// Publishes with options.
    ///
    /// # Errors
    /// [`PublishError`]; nothing was published then.
    pub fn broadcast_with(
        &self,
        topic: &str,
        payload: Payload,
        options: PublishOptions,
    ) -> Result<Published, PublishError> {
        let PublishOptions { from, id, seen } = options;
        let publication = Publication { payload: Some(payload), from, id, seen, local: false };
        self.shared.publish(&TopicName::new(topic)?, publication, |_| Ok(()))
    }

    /// Publishes on this node only. A Signal topic's privilege: what is kept belongs to all nodes.
    ///
    /// # Errors
    /// [`PublishError::Kind`] on a State or Events topic; the other [`PublishError`]s.
    pub fn local_broadcast(&self, topic: &str, payload: Payload) -> Result<Published, PublishError> {
        let publication = Publication { payload: Some(payload), local: true, ..Publication::default() };
        self.shared.publish(&TopicName::new(topic)?, publication, |kind| match kind {
            TopicKind::State | TopicKind::Events => Err("use `broadcast`: what is kept belongs to all nodes"),
            TopicKind::Signal | TopicKind::Local => Ok(()),
        })
    }

    /// Publishes a value to a typed topic.
    ///
    /// # Errors
    /// [`PublishError`]; nothing was published then.
    pub fn publish<K: Remote>(&self, topic: &TopicRef<K>, value: &K::Payload) -> Result<Published, PublishError>
    where
        K::Payload: Serialize,
    {
        self.publish_with(topic, value, PublishOptions::default())
    }

    /// Publishes a value to a typed topic, with options.
    ///
    /// # Errors
    /// [`PublishError`]; nothing was published then.
    pub fn publish_with<K: Remote>(
        &self,
        topic: &TopicRef<K>,
        value: &K::Payload,
        options: PublishOptions,
    ) -> Result<Published, PublishError>
    where
        K::Payload: Serialize,
    {
        self.broadcast_with(topic.name()?.as_str(), Payload::of(value)?, options)
    }

    /// Clears a State topic: readers are told, and who comes later finds no value.
    ///
    /// # Errors
    /// [`PublishError::Kind`] on a topic of another kind; the other [`PublishError`]s.
    pub fn clear(&self, topic: &str) -> Result<Published, PublishError> {
        self.shared.publish(&TopicName::new(topic)?, Publication::default(), |kind| match kind {
            TopicKind::State => Ok(()),
            _ => Err("only a State topic has a value to clear"),
        })
    }

    /// Writes from outside: asks the topic's rules, checks the body against its type, publishes.
    ///
    /// # Errors
    /// [`WriteError`]; nothing was published then.
    pub fn write(
        &self,
        who: &Principal,
        topic: &TopicName,
        body: &str,
        options: PublishOptions,
    ) -> Result<Published, WriteError> {
        let forbidden = || WriteError::Forbidden { topic: topic.clone() };
        let served = self.served(topic).filter(|served| (served.write)(who, topic)).ok_or_else(forbidden)?;
        let max = self.shared.limits.payload_bytes_max;
        if body.len() > max {
            return Err(PublishError::TooLarge { bytes: body.len(), max }.into());
        }
        let payload = (served.check)(body).map_err(|fault| match fault {
            Fault::Json(fault) => WriteError::Json { fault },
            Fault::Shape(fault) => WriteError::Shape { topic: topic.clone(), fault },
            Fault::Invalid(fault) => WriteError::Invalid { topic: topic.clone(), fault },
        })?;
        Ok(self.broadcast_with(topic.as_str(), payload, options)?)
    }

    /// What a topic holds, and where the log is: the last `most` messages, or the State topic's value.
    ///
    /// Takes no notice of who asks; see [`may_read`](Self::may_read).
    #[must_use]
    pub fn snapshot(&self, topic: &TopicName, most: usize) -> Snapshot {
        let now = self.shared.now();
        let mut log = self.shared.log();
        // Under the log's lock, so that ring and cursor belong to one place.
        let kept = log.topics.get(topic).filter(|topic| topic.kind.is_retained());
        let entries = kept.map_or_else(Vec::new, |topic| {
            let mut ring = lock(&topic.ring);
            ring.expire(now.monotonic_ms);
            ring.last(most).filter(|entry| entry.payload.is_some()).cloned().collect()
        });
        Snapshot { entries, cursor: log.place(now).cursor }
    }

    /// The value of a typed State topic, if it has one and it can be decoded.
    #[must_use]
    pub fn value<T>(&self, topic: &TopicRef<tidings_wire::State<T>>) -> Option<T>
    where
        T: serde::de::DeserializeOwned + 'static,
    {
        let snapshot = self.snapshot(topic.name().ok()?, 1);
        snapshot.entries.first()?.payload.as_ref()?.decode().ok()
    }

    /// All topics of this node, by name.
    #[must_use]
    pub fn topics(&self) -> Vec<TopicInfo> {
        let topics: Vec<_> = self.shared.log().topics.values().cloned().collect();
        let mut infos: Vec<_> = topics.iter().map(|topic| topic_info(topic)).collect();
        infos.sort_unstable_by(|a, b| a.topic.cmp(&b.topic));
        infos
    }

    /// Who listens to a topic on this node.
    #[must_use]
    pub fn readers(&self, topic: &TopicName) -> u32 {
        self.shared.log().topics.get(topic).map_or(0, |topic| topic.readers())
    }

    /// Gaps that were told to readers of this node since it began.
    #[must_use]
    pub fn gaps(&self) -> u64 {
        self.shared.gaps.load(Ordering::Relaxed)
    }

    /// The cursor of this node's log, now.
    #[must_use]
    pub fn cursor(&self) -> Box<str> {
        self.shared.place().0.text
    }

    /// Milliseconds since the Unix epoch by this hub's clock.
    #[must_use]
    pub fn now_ms(&self) -> u64 {
        self.shared.clock.wall_ms()
    }

    /// Forgets topics that nobody reads and that keep nothing; says how many. The hub does this by itself when it is
    /// full.
    pub fn forget_idle(&self) -> usize {
        let now = self.shared.now();
        self.shared.log().forget_idle(now)
    }
}

fn topic_info(topic: &Topic) -> TopicInfo {
    let ring = lock(&topic.ring);
    TopicInfo {
        topic: topic.name.clone(),
        kind: topic.kind,
        readers: topic.readers(),
        published: topic.published.load(Ordering::Relaxed),
        held: ring.len(),
        held_bytes: ring.bytes(),
    }
}

impl Shared {
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

    pub(crate) fn count_gap(&self) {
        self.gaps.fetch_add(1, Ordering::Relaxed);
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

    fn publish(
        &self,
        name: &TopicName,
        publication: Publication,
        allowed: impl FnOnce(TopicKind) -> Result<(), &'static str>,
    ) -> Result<Published, PublishError> {
        let (bytes, max) = (publication.payload.as_ref().map_or(0, Payload::len), self.limits.payload_bytes_max);
        if bytes > max {
            return Err(PublishError::TooLarge { bytes, max });
        }
        let now = self.now();
        let (entry, woken) = {
            let mut log = self.log();
            // Asked before the topic is made: what is refused leaves nothing behind.
            let kind = log.topics.get(name).map_or_else(|| self.declared(name).0, |topic| topic.kind);
            allowed(kind).map_err(|fix| PublishError::Kind { topic: name.clone(), kind, fix })?;
            let max = self.limits.topics_max;
            let topic = self.topic(&mut log, now, name).ok_or(PublishError::TooManyTopics { max })?;
            log.publish(now, &topic, publication)
        };
        if woken {
            self.shards.iter().for_each(|shard| shard.wake.notify_one());
        }
        Ok(Published { version: entry.version, stamp: entry.stamp, index: entry.index })
    }

    /// What a topic is, or would be.
    fn declared(&self, name: &TopicName) -> (TopicKind, Keep) {
        let served = lock(&self.served).iter().rev().find(|served| served.pattern.matches(name)).cloned();
        served.map_or((TopicKind::Signal, Keep::SIGNAL), |served| (served.kind, served.keep))
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
        let ring = Ring::new(kind, keep, self.limits.ring_bytes_max, log.forgotten.clone());
        let topic = Arc::new(Topic::new(name.clone(), ring, self.shards.len()));
        log.topics.insert(name.clone(), topic.clone());
        Some(topic)
    }
}

/// Builds a [`Hub`].
pub struct HubBuilder {
    node: NodeName,
    limits: Limits,
    clock: Box<dyn Clock>,
}

impl fmt::Debug for HubBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HubBuilder").field("node", &self.node).field("limits", &self.limits).finish_non_exhaustive()
    }
}

impl HubBuilder {
    /// Changes limits: `.limits(|limits| limits.topics_max = 1_000_000)`.
    #[must_use]
    pub fn limits(mut self, change: impl FnOnce(&mut Limits)) -> Self {
        change(&mut self.limits);
        self
    }

    /// Another clock than the machine's, for tests.
    #[must_use]
    pub fn clock(mut self, clock: impl Clock) -> Self {
        self.clock = Box::new(clock);
        self
    }

    /// Makes the hub and starts its shards.
    ///
    /// # Panics
    /// Outside of a tokio runtime.
    #[must_use]
    pub fn build(self) -> Hub {
        let shards = std::thread::available_parallelism().map_or(1, |cores| cores.get().min(SHARDS_MAX));
        // Milliseconds above, random bits below: larger than every epoch before it, also within one millisecond's
        // restarts as far as chance allows.
        let epoch = self.clock.wall_ms() << 16 | u64::from(random_16());
        let hub = self.assemble(epoch, shards);
        for shard in 0..shards {
            tokio::spawn(shard::run(Arc::downgrade(&hub.shared), shard));
        }
        hub
    }

    /// A hub whose one shard runs only when it is told to, and with a given epoch: for the simulator.
    #[cfg(test)]
    pub(crate) fn build_still(self, epoch: u64) -> Hub {
        self.assemble(epoch, 1)
    }

    fn assemble(self, epoch: u64, shards: usize) -> Hub {
        let origin = OriginTag::of(&self.node, epoch);
        let shared = Arc::new(Shared {
            node: self.node,
            epoch,
            origin,
            limits: self.limits,
            clock: self.clock,
            log: Mutex::new(NodeLog::new(origin, shards)),
            shards: (0..shards).map(|_| Arc::default()).collect(),
            served: Mutex::default(),
            readers: AtomicUsize::new(0),
            next_shard: AtomicUsize::new(0),
            gaps: AtomicU64::new(0),
            waiting: Mutex::default(),
        });
        Hub { shared }
    }
}

fn random_16() -> u16 {
    let mut bytes = [0; 2];
    // Without the system's randomness the milliseconds alone have to do.
    let _ = getrandom::fill(&mut bytes);
    u16::from_be_bytes(bytes)
}

impl Drop for Shared {
    fn drop(&mut self) {
        // The shards wait for a publish that cannot come any more: let them see that the hub is gone.
        self.shards.iter().for_each(|shard| shard.wake.notify_one());
    }
}
