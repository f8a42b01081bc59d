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
    cluster::{Absent, Bucket, Cluster},
    counters::{Applied, KINDS, kind_at},
    entry::Entry,
    error::PublishError,
    hlc::Hlc,
    ids::SeenIds,
    lock,
    plant::{Plant, planted},
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
    /// What is gone of Signal topics of any name, for it came from another node than its origin.
    pub(crate) signals_gone: Cursor,
    /// Deletions that are no more remembered.
    pub(crate) deleted: Cursor,
    /// The other nodes; `None` for a node alone.
    pub(crate) cluster: Option<Cluster>,
    /// For each shard the topics with entries that it has not marked yet, each once.
    inboxes: Vec<Vec<Arc<Topic>>>,
    /// Shards whose inboxes have got something since somebody took it upon himself to wake them, as bits.
    unwoken: u64,
}

/// A place in the log: the index, and the cursor there.
#[derive(Debug)]
pub(crate) struct Place {
    pub(crate) index: u64,
    pub(crate) cursor: Cursor,
    pub(crate) text: Box<str>,
    /// What cursors do not list any more.
    pub(crate) absent: Arc<Absent>,
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
            signals_gone: Cursor::default(),
            deleted: Cursor::default(),
            cluster: None,
            inboxes: vec![Vec::new(); shards],
            unwoken: 0,
        }
    }

    /// The first half of a publish; nobody sees the entry before it is [pushed](Self::push).
    pub(crate) fn stamp(&mut self, now: Now, topic: &Topic, publication: Publication) -> Arc<Entry> {
        if let Some(seen) = publication.seen {
            self.clock.merge_of_client(seen.clock(), now.wall_ms);
        }
        let version = Version::from_clock(self.clock.tick(now.wall_ms), self.me);
        let Publication { payload, from, id, local, .. } = publication;
        let message = Message { version, stamp: 0, from, id, payload, gap: None };
        if local { self.enter(now, topic, message) } else { self.enter_stamped(now, topic, message) }
    }

    /// Gives a message of this node the next stamp and its place, and enters it for the peers.
    fn enter_stamped(&mut self, now: Now, topic: &Topic, message: Message) -> Arc<Entry> {
        self.stamp += 1;
        self.vector.set(self.me, self.stamp);
        let entry = self.enter(now, topic, Message { stamp: self.stamp, ..message });
        if let Some(cluster) = &mut self.cluster {
            cluster.published(&entry);
        }
        entry
    }

    /// Goes on above another origin's clock.
    pub(crate) fn seen(&mut self, now: Now, version: Version) {
        self.clock.merge(version.clock(), now.wall_ms);
    }

    /// A message for one node alone: it has a clock, and no place here.
    pub(crate) fn letter(&mut self, now: Now, topic: &TopicName, publication: Publication) -> Arc<Entry> {
        let Publication { payload, from, id, .. } = publication;
        let version = Version::from_clock(self.clock.tick(now.wall_ms), self.me);
        let message = Message { version, stamp: 0, from, id, payload, gap: None };
        entry(now, topic, message, 0, Box::default())
    }

    /// Publishes a value of another origin as this node's own, with the clock that it has.
    pub(crate) fn publish_again(&mut self, now: Now, topic: &Arc<Topic>, value: &Entry) -> bool {
        let version = Version::from_clock(value.version.clock(), self.me);
        let (from, id, payload) = (value.from.clone(), value.id.clone(), value.payload.clone());
        let message = Message { version, stamp: 0, from, id, payload, gap: None };
        let entry = self.enter_stamped(now, topic, message);
        self.append(now, topic, entry)
    }

    /// Whether an entry is what its State topic holds.
    pub(crate) fn is_held(&self, topic: &Topic, entry: &Arc<Entry>) -> bool {
        lock(&topic.ring).newest().is_some_and(|newest| Arc::ptr_eq(newest, entry))
    }

    /// Applies a message of another node, whose stamps up to this one have all been applied or decided.
    pub(crate) fn apply(&mut self, now: Now, topic: &Arc<Topic>, message: Message) -> bool {
        self.seen(now, message.version);
        self.decide(message.version.origin(), message.stamp);
        if self.is_repeated(topic, &message) {
            return false;
        }
        let version = message.version;
        let woken = self.enter_and_append(now, topic, message);
        // A node that was away for long has written below a deletion that some nodes still remember and some do not:
        // the deletion is told anew, for they would not come to the same.
        let fading = lock(&topic.ring).fading_deletion(version, now.monotonic_ms);
        match fading {
            Some(deletion) => self.publish_again(now, topic, &deletion) | woken,
            None => woken,
        }
    }

    /// Whether another node stamped a retry of what is here already.
    ///
    /// A State value is none: its two versions must lose and win on this node as they do on every other, and to be told
    /// the same value twice is harmless.
    fn is_repeated(&self, topic: &Topic, message: &Message) -> bool {
        let may = topic.kind != TopicKind::State && !planted(Plant::RetryApplied);
        let id = message.id.as_deref().filter(|_| may);
        id.is_some_and(|id| self.seen_ids.find(&topic.name, id).is_some())
    }

    /// All stamps of an origin up to this one are applied or decided.
    pub(crate) fn decide(&mut self, origin: OriginTag, stamp: u64) {
        let is_retired = self.cluster.as_mut().is_some_and(|cluster| cluster.origins.raise_retired(origin, stamp));
        if !is_retired {
            self.vector.set(origin, stamp);
        }
    }

    /// Gives a message its place.
    pub(crate) fn enter_and_append(&mut self, now: Now, topic: &Arc<Topic>, message: Message) -> bool {
        let entry = self.enter(now, topic, message);
        self.append(now, topic, entry)
    }

    /// The same, and gives the entry back.
    pub(crate) fn hold(&mut self, now: Now, topic: &Arc<Topic>, message: Message) -> (Arc<Entry>, bool) {
        let entry = self.enter(now, topic, message);
        let woken = self.append(now, topic, entry.clone());
        (entry, woken)
    }

    /// Tells a topic's readers that messages are missing here: of an origin up to a stamp, where that is known. Who
    /// resumes from a cursor that covers them is not told again.
    pub(crate) fn gap(&mut self, now: Now, topic: &Arc<Topic>, cause: GapCause, of: Option<(OriginTag, u64)>) -> bool {
        let (origin, stamp) = of.unwrap_or((self.me, 0));
        let version = Version::from_clock(0, origin);
        let marker = Message { version, stamp, from: None, id: None, payload: None, gap: Some(cause) };
        self.enter_and_append(now, topic, marker)
    }

    /// What has been applied of every origin that cursors list.
    pub(crate) fn applied(&self) -> &Cursor {
        self.vector.cursor()
    }

    /// What has been applied of an origin, retired ones included.
    pub(crate) fn has(&self, origin: OriginTag) -> u64 {
        let retired = || self.cluster.as_ref()?.origins.absent().retired.get(&origin).copied();
        retired().unwrap_or_else(|| self.vector.cursor().get(origin))
    }

    /// Whether cursors do not list an origin any more.
    pub(crate) fn is_retired(&self, origin: OriginTag) -> bool {
        self.cluster.as_ref().is_some_and(|cluster| cluster.origins.absent().retired.contains_key(&origin))
    }

    /// What has been applied of every origin, retired ones included.
    pub(crate) fn all_applied(&self) -> impl Iterator<Item = (OriginTag, u64)> + '_ {
        let retired = self.cluster.iter().flat_map(|cluster| &cluster.origins.absent().retired);
        self.vector.cursor().iter().chain(retired.map(|(origin, stamp)| (*origin, *stamp)))
    }

    /// Up to where messages of a bucket may not have been sent here: up to an origin's answer, or, where it has not
    /// answered, up to all that is applied of it.
    pub(crate) fn unsent(&self, bucket: Bucket) -> Cursor {
        let mut unsent = Cursor::default();
        let Some(cluster) = &self.cluster else { return unsent };
        for (origin, has) in self.applied().iter().filter(|(origin, _)| *origin != self.me) {
            unsent.set(origin, cluster.needs.floor(bucket, origin).unwrap_or(has));
        }
        unsent
    }

    /// A peer tells for how long an origin that its cursors list has been dead.
    ///
    /// It is listed here from then on, at 0: a cursor of that peer lists it, too, and must not wait for what nobody has
    /// published.
    pub(crate) fn told_dead(&mut self, now: Now, cursor_age_s: u64, origin: OriginTag, dead_ms: u64) {
        let is_listed = self.vector.cursor().lists(origin);
        let Some(cluster) = &mut self.cluster else { return };
        if !is_listed && !cluster.origins.absent().retired.contains_key(&origin) {
            self.vector.set(origin, 0);
        }
        if let Some(has) = cluster.origins.told(now, cursor_age_s, origin, dead_ms) {
            self.decide(origin, has);
        }
    }

    /// Cursors of a peer do not list this origin, or did not until lately.
    pub(crate) fn unlisted_elsewhere(&mut self, origin: OriginTag, until_s: u64) {
        let is_listed = self.vector.cursor().lists(origin);
        if let Some(cluster) = &mut self.cluster {
            cluster.origins.unlisted_elsewhere(origin, is_listed, until_s);
        }
    }

    /// Takes origins that are long dead out of the vector.
    pub(crate) fn retire(&mut self, now: Now, cursor_age_s: u64) {
        let me = self.me;
        let Some(cluster) = &mut self.cluster else { return };
        let up = cluster.origins_up();
        let is_alive = |origin| origin == me || up.contains(&origin);
        for origin in cluster.origins.retire(now, cursor_age_s, self.vector.cursor(), is_alive) {
            self.vector.forget(origin);
            cluster.needs.forget(origin);
        }
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
        let cursor = self.vector.text(now.wall_s());
        entry(now, &topic.name, message, self.index, cursor)
    }

    /// Into the ring, and into the shards' inboxes. Says whether shards have to be woken.
    fn append(&mut self, now: Now, topic: &Arc<Topic>, entry: Arc<Entry>) -> bool {
        self.push(now, topic, entry);
        self.queue(topic)
    }

    /// The other half of a publish: into the ring. What is left is to [queue](Self::queue) the topic.
    pub(crate) fn push(&mut self, now: Now, topic: &Arc<Topic>, entry: Arc<Entry>) {
        if let Some(id) = &entry.id {
            self.seen_ids.enter(&topic.name, id, Published::of(&entry));
        }
        if entry.gap.is_none() {
            // Written under the log's lock alone: no need to lock the memory for an add.
            topic.published.store(topic.published.load(Ordering::Relaxed) + 1, Ordering::Relaxed);
            self.counted[kind_at(topic.kind)].count(now.monotonic_ms);
        }
        let index = entry.index;
        let ring_bytes = lock(&topic.ring).push(entry, now.monotonic_ms);
        self.budget.pushed(topic, ring_bytes, index);
    }

    /// Puts a topic into the inboxes of the shards that it concerns. Says whether shards have to be woken: not where it
    /// lies there already, for then somebody has, and none of them has looked.
    pub(crate) fn queue(&mut self, topic: &Arc<Topic>) -> bool {
        // The bits only guard these inboxes, which this lock guards already: no ordering is needed.
        let queued = topic.queued.load(Ordering::Relaxed);
        let wanted = topic.heard() & !queued;
        for shard in bits(wanted) {
            self.inboxes[shard].push(topic.clone());
        }
        if wanted != 0 {
            topic.queued.store(queued | wanted, Ordering::Relaxed);
            self.unwoken |= wanted;
        }
        wanted != 0
    }

    /// Whether a shard has nothing to mark: what lies at or below the index is marked, or will be by a round under way.
    pub(crate) fn is_inbox_empty(&self, shard: usize) -> bool {
        self.inboxes[shard].is_empty()
    }

    /// The shards that have to be woken, as bits; the caller does it.
    pub(crate) fn take_unwoken(&mut self) -> u64 {
        std::mem::take(&mut self.unwoken)
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
        let text = self.vector.text(now.wall_s());
        let absent = self.cluster.as_ref().map_or_else(Arc::default, |cluster| cluster.origins.absent().clone());
        Place { index: self.index, cursor: self.vector.cursor().clone(), text, absent }
    }

    /// Forgets topics that nobody would miss, and gives them back. Readers that found one through a pattern are marked
    /// once more: they drop it.
    pub(crate) fn forget_idle(&mut self, now: Now) -> Vec<Arc<Topic>> {
        let idle: Vec<_> = self.topics.extract_if(|_, topic| topic.is_idle(now.monotonic_ms)).collect();
        let mut idle: Vec<_> = idle.into_iter().map(|(_, topic)| topic).collect();
        idle.sort_unstable_by(|a, b| a.name.cmp(&b.name));
        for topic in &idle {
            // A topic of that name that begins again must not look as if nothing had ever been on it.
            let record = if topic.kind == TopicKind::State { &mut self.deleted } else { &mut self.forgotten };
            if !planted(Plant::ForgottenBeginsAnew) {
                record.merge(lock(&topic.ring).evicted());
            }
            topic.forget();
            self.budget.forget(topic);
            self.counted[kind_at(topic.kind)].topics -= 1;
            tracing::trace!(topic = %topic.name, "a topic is forgotten");
            if topic.readers() > 0 {
                self.queue(topic);
            }
        }
        idle
    }
}

/// The numbers of the bits that are set.
pub(crate) fn bits(mut set: u64) -> impl Iterator<Item = usize> {
    std::iter::from_fn(move || {
        let bit = set.trailing_zeros();
        set = set.checked_sub(1)? & set;
        Some(bit as usize)
    })
}

/// A message at its place.
fn entry(now: Now, topic: &TopicName, message: Message, index: u64, cursor: Box<str>) -> Arc<Entry> {
    let Message { version, stamp, from, id, payload, gap } = message;
    let (topic, applied_ms, frame) = (topic.clone(), now.monotonic_ms, OnceLock::new());
    Arc::new(Entry { topic, version, stamp, index, from, id, payload, gap, cursor, applied_ms, frame })
}
