//! What a hub's handles, its readers and its shards share.

use std::{
    fmt,
    sync::{
        Arc, Weak,
        atomic::{AtomicUsize, Ordering},
    },
};

use tidings_wire::{Cursor, Keep, NodeName, OriginTag, Pattern, TopicKind, TopicName};
use tokio::sync::{Notify, oneshot};

use crate::{
    Limits, Payload,
    clock::Clock,
    cluster::{Bucket, Needs, Seen},
    counters::{Tally, kind_at},
    error::{PublishError, SubscribeError},
    lock,
    log::{NodeLog, Now, Place, Publication, bits},
    mailbox::{Hidden, Mailbox},
    patterns::Patterns,
    plant::{Plant, planted},
    presence::Presences,
    publish::Published,
    ring::Ring,
    serve::Served,
    shard::{OwnRound, Shard},
    sync::{Mutex, MutexGuard},
    topic::{Listens, Topic},
};

/// What a join finds of a Signal topic's interest.
#[derive(Debug)]
pub(crate) struct Standing {
    /// Every peer sends everything of it, and what came before that is applied here.
    pub(crate) stands: bool,
    /// Up to here, messages may not have been sent.
    pub(crate) floors: Cursor,
}

/// What hub, readers and shards share.
pub(crate) struct Shared {
    pub(crate) node: NodeName,
    pub(crate) epoch: u64,
    pub(crate) origin: OriginTag,
    pub(crate) limits: Limits,
    pub(crate) clock: Box<dyn Clock>,
    /// The critical section of a publish. Locked for a few hundred instructions, never across an await; a topic's
    /// ring, a topic's listeners, `patterns` and `served` may be locked under it, never the other way round.
    pub(crate) log: Mutex<NodeLog>,
    pub(crate) shards: Box<[Arc<Shard>]>,
    /// Publishers do rounds themselves where they can; not where a test runs all of them.
    pub(crate) own_rounds: bool,
    /// Who listens to patterns, and all topics by name.
    pub(crate) patterns: Patterns,
    /// Declared families, in the order of their declaration.
    pub(crate) served: Mutex<Vec<Served>>,
    /// Who is where. Has a lock of its own, for it is in nobody's cursor; see there.
    pub(crate) presences: Presences,
    /// Readers alive.
    pub(crate) readers: AtomicUsize,
    /// Gives the next reader its shard.
    pub(crate) next_shard: AtomicUsize,
    /// Readers whose cursors lie ahead of this node, or whose interest has not been answered. Locked for a push or a
    /// take.
    waiting: Mutex<Vec<Weak<Mailbox>>>,
    /// There is something to be sent to peers.
    pub(crate) outgoing: Arc<Notify>,
    /// Ends the engine; taken by who stops the node.
    pub(crate) stop: Mutex<Option<oneshot::Sender<oneshot::Sender<()>>>>,
    /// Ends what writes into the journal, likewise.
    pub(crate) stop_scribe: Mutex<Option<oneshot::Sender<oneshot::Sender<()>>>>,
    /// Peers came or went, or told that they have applied more.
    pub(crate) news: Notify,
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hub").field("node", &self.node).field("epoch", &self.epoch).finish_non_exhaustive()
    }
}

impl Shared {
    /// What a node begins with, in an epoch.
    pub(crate) fn new(
        node: NodeName,
        epoch: u64,
        limits: Limits,
        clock: Box<dyn Clock>,
        shards: usize,
        own_rounds: bool,
    ) -> Self {
        let origin = OriginTag::of(&node, epoch);
        Self {
            node,
            epoch,
            origin,
            clock,
            log: Mutex::new(NodeLog::new(origin, shards, &limits)),
            presences: Presences::new(origin, &limits),
            limits,
            shards: (0..shards).map(|_| Arc::default()).collect(),
            own_rounds,
            patterns: Patterns::new(shards),
            served: Mutex::default(),
            readers: AtomicUsize::new(0),
            next_shard: AtomicUsize::new(0),
            waiting: Mutex::default(),
            outgoing: Arc::default(),
            news: Notify::new(),
            stop: Mutex::default(),
            stop_scribe: Mutex::default(),
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

    /// Gaps that readers were told on whole patterns.
    pub(crate) fn pattern_gaps(&self) -> u64 {
        self.shards.iter().map(|shard| shard.pattern_gaps.load(Ordering::Relaxed)).sum()
    }

    /// Index of the newest entry.
    pub(crate) fn index(&self) -> u64 {
        self.log().index()
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

    /// Tells who holds patterns that messages may be lost on topics that this node does not know; wakes them with those
    /// that [wait](Self::wake_waiting).
    pub(crate) fn hide_from_patterns(&self, hidden: Hidden) {
        let mut waiting = lock(&self.waiting);
        self.patterns.hide(hidden, |mailbox| waiting.push(Arc::downgrade(mailbox)));
    }

    /// Whether topics of which something is hidden may be among a pattern's: not where one family holds it whole whose
    /// kind has nothing of that.
    pub(crate) fn may_hide(&self, pattern: &Pattern, hidden: Hidden) -> bool {
        let has_none = |served: &Served| match hidden {
            Hidden::Signals => served.kind.is_retained(),
            Hidden::Messages => served.kind == TopicKind::State,
        };
        !lock(&self.served).iter().any(|served| has_none(served) && served.pattern.holds(pattern))
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
        let key = topic.listen(mailbox, slot, Listens::ByName);
        if topic.kind == TopicKind::Signal {
            self.need(&mut log, |needs| needs.topic(&topic));
        }
        Ok((topic, key))
    }

    /// Whether other nodes have to be asked before all of a topic's messages come here.
    pub(crate) fn is_awaited(&self, name: &TopicName) -> bool {
        let log = self.log();
        let kind = || log.topics.get(name).map_or_else(|| self.declared(name).0, |topic| topic.kind);
        log.cluster.is_some() && kind() == TopicKind::Signal
    }

    /// A reader needs more than before: peers are told at once.
    fn need(&self, log: &mut NodeLog, needs: impl FnOnce(&mut Needs) -> bool) {
        if let Some(cluster) = &mut log.cluster
            && needs(&mut cluster.needs)
        {
            cluster.beat_all();
            self.outgoing.notify_one();
        }
    }

    /// What a join finds of interest: for each bucket what other nodes may not have sent here, and whether some have
    /// not answered yet. `None` for what goes to all nodes.
    pub(crate) fn standing(&self, buckets: impl Iterator<Item = Option<Bucket>>) -> Vec<Option<Standing>> {
        let log = self.log();
        let Some(cluster) = &log.cluster else { return buckets.map(|_| None).collect() };
        let standing = |bucket| Standing {
            stands: planted(Plant::InterestNotAwaited) || cluster.stands(bucket, |origin| log.has(origin)),
            floors: if planted(Plant::InterestFloorIgnored) { Cursor::default() } else { log.unsent(bucket) },
        };
        buckets.map(|bucket| bucket.map(standing)).collect()
    }

    /// The bucket of a pattern, if Signal topics may be among its own: not where one family holds it whole.
    pub(crate) fn bucket_of(&self, pattern: &Pattern) -> Option<Bucket> {
        self.may_hide(pattern, Hidden::Signals).then(|| Bucket::of_pattern(pattern))
    }

    /// Ends what [`listen`](Self::listen) began.
    pub(crate) fn unlisten(&self, topic: &Topic, shard: usize, key: usize) {
        topic.unlisten(shard, key, Listens::ByName);
    }

    /// Listens to a pattern: every topic of it that begins from here on is introduced, the others can be listed.
    pub(crate) fn listen_pattern(&self, pattern: &Pattern, mailbox: &Arc<Mailbox>, hold: u32) -> usize {
        let bucket = self.bucket_of(pattern);
        let mut log = self.log();
        if bucket.is_some() {
            self.need(&mut log, |needs| needs.pattern(pattern));
        }
        self.patterns.listen(pattern, mailbox, hold)
    }

    /// Ends what [`listen_pattern`](Self::listen_pattern) began.
    pub(crate) fn unlisten_pattern(&self, pattern: &Pattern, shard: usize, key: usize) {
        self.patterns.unlisten(pattern, shard, key);
    }

    /// Listens to a topic that a pattern has found, without keeping it; `None` where it is forgotten already.
    pub(crate) fn listen_found(&self, topic: &Arc<Topic>, mailbox: &Arc<Mailbox>, slot: u32) -> Option<usize> {
        let shard = &self.shards[mailbox.shard];
        let (key, unmarked) = {
            let mut log = self.log();
            if topic.is_forgotten() {
                return None;
            }
            let key = topic.listen(mailbox, slot, Listens::Found);
            // What came while nobody listened has waked nobody, and no round may be under way that covers it.
            let newest = lock(&topic.ring).newest().map_or(0, |entry| entry.index);
            let unmarked = newest > shard.marked.load(Ordering::Acquire);
            if unmarked {
                log.queue(topic);
            }
            (key, unmarked)
        };
        if unmarked {
            // All of them: who publishes next finds it in their inboxes, and wakes nobody.
            self.wake_shards();
        }
        Some(key)
    }

    /// Ends what [`listen_found`](Self::listen_found) began.
    pub(crate) fn unlisten_found(&self, topic: &Topic, shard: usize, key: usize) {
        topic.unlisten(shard, key, Listens::Found);
    }

    /// Whether something above a cursor is gone with topics that were forgotten.
    pub(crate) fn has_forgotten_above(&self, seen: &Seen) -> bool {
        let log = self.log();
        !(seen.dominates(&log.forgotten) && seen.dominates(&log.signals_gone))
    }

    /// Forgets topics that nobody would miss; says how many.
    pub(crate) fn forget_idle(&self, log: &mut NodeLog, now: Now) -> usize {
        let forgotten = log.forget_idle(now);
        forgotten.iter().for_each(|topic| self.patterns.forget(&topic.name));
        forgotten.len()
    }

    pub(crate) fn publish(
        &self,
        name: &str,
        publication: Publication,
        allowed: impl FnOnce(TopicKind) -> Result<(), &'static str>,
    ) -> Result<Published, PublishError> {
        let published = self.try_publish(name, publication, allowed);
        published.inspect_err(|error| tracing::debug!(topic = %name, %error, "a publish was refused"))
    }

    fn try_publish(
        &self,
        name: &str,
        publication: Publication,
        allowed: impl FnOnce(TopicKind) -> Result<(), &'static str>,
    ) -> Result<Published, PublishError> {
        let (bytes, max) = (publication.payload.as_ref().map_or(0, Payload::len), self.limits.payload_bytes_max);
        if bytes > max {
            TopicName::new(name)?;
            return Err(PublishError::TooLarge { bytes, max });
        }
        publication.check_ids(self.limits.id_bytes_max)?;
        let now = self.now();
        let (published, topic, own, unwoken, has_peers) = {
            let mut log = self.log();
            let has_peers = log.cluster.is_some();
            // A name that is in the table is valid; the others are looked at.
            let known = match log.topics.get(name) {
                Some(topic) => Ok(topic.clone()),
                None => Err(TopicName::new(name)?),
            };
            let name = known.as_ref().map_or_else(|name| name, |topic| &topic.name);
            // Asked before the topic is made: what is refused leaves nothing behind.
            let kind = known.as_ref().map_or_else(|name| self.declared(name).0, |topic| topic.kind);
            allowed(kind).map_err(|fix| PublishError::Kind { topic: name.clone(), kind, fix })?;
            // A retry: it was published, and its answer is the first one's.
            if let Some(first) = publication.id.as_deref().and_then(|id| log.seen_ids.find(name, id)) {
                return Ok(first.clone());
            }
            log.check_room(known.as_deref().ok(), kind, &publication)?;
            let max = self.limits.topics_max;
            let topic =
                known.or_else(|name| self.topic(&mut log, now, &name).ok_or(PublishError::TooManyTopics { max }))?;
            let entry = log.stamp(now, &topic, publication);
            if planted(Plant::StampBeforeAppend) {
                drop(log);
                log = self.log();
            }
            let published = Published::of(&entry);
            log.push(now, &topic, entry);
            let own = OwnRound::begin(self, &mut log, &topic);
            (published, topic, own, log.take_unwoken(), has_peers)
        };
        if let Some(round) = own {
            round.run(self, &topic);
        }
        bits(unwoken).for_each(|shard| self.shards[shard].wake.notify_one());
        if has_peers {
            self.outgoing.notify_one();
        }
        Ok(published)
    }

    pub(crate) fn wake_shards(&self) {
        self.shards.iter().for_each(|shard| shard.wake.notify_one());
    }

    /// The newest declaration whose family holds a topic.
    pub(crate) fn served_as(&self, name: &TopicName) -> Option<Served> {
        lock(&self.served).iter().rev().find(|served| served.pattern.matches(name)).cloned()
    }

    /// What a topic is, or would be.
    pub(crate) fn declared(&self, name: &TopicName) -> (TopicKind, Keep) {
        let (kind, keep) =
            self.served_as(name).map_or((TopicKind::Signal, Keep::SIGNAL), |served| (served.kind, served.keep));
        // One that says nothing of its own.
        let is_default = kind == TopicKind::Signal && keep == Keep::SIGNAL;
        (kind, if is_default { self.limits.signal_keep } else { keep })
    }

    /// Finds or makes a topic; `None` when the node is full.
    pub(crate) fn topic(&self, log: &mut NodeLog, now: Now, name: &TopicName) -> Option<Arc<Topic>> {
        self.topic_within(log, now, name, self.limits.topics_max)
    }

    /// The same with another limit of topics.
    pub(crate) fn topic_within(
        &self,
        log: &mut NodeLog,
        now: Now,
        name: &TopicName,
        topics_max: usize,
    ) -> Option<Arc<Topic>> {
        if let Some(topic) = log.topics.get(name) {
            return Some(topic.clone());
        }
        if log.topics.len() >= topics_max && self.forget_idle(log, now) == 0 {
            return None;
        }
        let (kind, keep) = self.declared(name);
        let mut gone = log.forgotten.clone();
        if kind == TopicKind::Signal {
            gone.merge(&log.signals_gone);
        }
        let ring = Ring::new(kind, keep, &self.limits, log.budget.held.clone(), gone);
        let topic = Arc::new(Topic::new(name.clone(), ring, self.shards.len(), self.patterns.are_heard()));
        log.topics.insert(name.clone(), topic.clone());
        log.counted[kind_at(kind)].topics += 1;
        self.patterns.begin(&topic);
        Some(topic)
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        // The shards wait for a publish that cannot come any more: let them see that the hub is gone.
        self.wake_shards();
        // So does the driver.
        self.outgoing.notify_one();
        self.presences.end();
    }
}
