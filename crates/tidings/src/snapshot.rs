//! What is kept and what is counted, as it is looked at.

use std::sync::{Arc, atomic::Ordering};

use serde::Serialize;
use tidings_wire::{Cursor, NodeName, TopicKind, TopicName};

use crate::{
    counters::{KINDS, Tally, kind_at},
    entry::Entry,
    lock,
    shared::Shared,
    topic::Topic,
};

/// What a topic held at one place of the log.
#[derive(Debug, Clone)]
pub struct Snapshot {
    /// The newest entries, oldest first. Of a State topic at most one, and none where it was cleared.
    pub entries: Vec<Arc<Entry>>,
    /// Where the log was: a reader that starts after it misses nothing and gets nothing twice.
    pub cursor: Cursor,
}

/// A topic as [`Hub::topics`](crate::Hub::topics) lists it.
///
/// What is counted is counted since this node made the topic. A topic that is forgotten takes its counts with it; those
/// of the hub stay.
#[derive(Debug, Clone, Serialize)]
#[non_exhaustive]
pub struct TopicInfo {
    /// Its name.
    pub topic: TopicName,
    /// Its kind.
    pub kind: TopicKind,
    /// Who listens on this node.
    pub readers: u32,
    /// Messages applied here.
    pub published: u64,
    /// Messages applied here a second: an average in which the past counts less the longer ago it is, a third of its
    /// weight after 10 s.
    pub rate_per_s: f64,
    /// Messages handed to readers, and snapshots that held a value.
    pub delivered: u64,
    /// State values that a reader did not see, because a newer one had replaced them before it came to read. Not a
    /// loss, and told to nobody.
    pub skipped: u64,
    /// Gaps told to readers.
    pub gaps: u64,
    /// Messages that its ring holds.
    pub held: usize,
    /// Bytes of payload that its ring holds.
    pub held_bytes: usize,
}

impl TopicInfo {
    /// A topic as it is now.
    pub(crate) fn of(topic: &Topic, now_ms: u64) -> Self {
        let Tally { delivered, skipped, gaps } = topic.told.get();
        let ring = lock(&topic.ring);
        Self {
            topic: topic.name.clone(),
            kind: topic.kind,
            readers: topic.readers(),
            published: topic.published.load(Ordering::Relaxed),
            rate_per_s: ring.rate_per_s(now_ms),
            delivered,
            skipped,
            gaps,
            held: ring.len(),
            held_bytes: ring.bytes(),
        }
    }
}

/// A hub in numbers, as [`Hub::info`](crate::Hub::info) tells them. Reading them walks over no topics.
#[derive(Debug, Clone, Serialize)]
#[non_exhaustive]
pub struct HubInfo {
    /// The node.
    pub node: NodeName,
    /// This start of it.
    pub epoch: u64,
    /// Readers alive: subscriptions and streams.
    pub readers: usize,
    /// Bytes that all rings hold, as [`Limits::bytes_max`](crate::Limits) counts them.
    pub held_bytes: usize,
    /// Bytes that they may hold: [`Limits::bytes_max`](crate::Limits).
    pub bytes_max: usize,
    /// Gaps told on whole patterns; those on a topic are with its kind.
    pub pattern_gaps: u64,
    /// Place of the newest entry in the node's log.
    pub index: u64,
    /// Who is present, on all nodes.
    pub presence: PresenceInfo,
    /// Of State topics.
    pub state: KindInfo,
    /// Of Events topics.
    pub events: KindInfo,
    /// Of Signal topics.
    pub signal: KindInfo,
}

/// Presence in numbers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct PresenceInfo {
    /// Entries that this node knows of, its own and other nodes'.
    pub entries: usize,
    /// Entries that it may know of: [`Limits::presences_max`](crate::Limits).
    pub entries_max: usize,
    /// Those among them that are held here.
    pub own: usize,
    /// Topics on which somebody is present, or whose presence somebody watches.
    pub topics: usize,
    /// How often another node's entries were not what it had told, and were listed anew: anything but 0 is a defect, of
    /// the engine or of Tidings.
    pub differed: u64,
}

/// All topics of one kind in numbers, or of all kinds. Counts are since the node began.
#[derive(Debug, Clone, Default, Serialize)]
#[non_exhaustive]
pub struct KindInfo {
    /// Topics that there are.
    pub topics: usize,
    /// Messages applied here.
    pub published: u64,
    /// Messages applied here a second; see [`TopicInfo::rate_per_s`].
    pub rate_per_s: f64,
    /// Messages handed to readers, and snapshots that held a value.
    pub delivered: u64,
    /// State values that readers did not see, because newer ones had replaced them.
    pub skipped: u64,
    /// Gaps told to readers.
    pub gaps: u64,
    /// Messages that rings hold.
    pub held: usize,
    /// Bytes that rings hold, as [`Limits::bytes_max`](crate::Limits) counts them.
    pub held_bytes: usize,
    /// Messages that were let go of because of [`Limits::bytes_max`](crate::Limits). None of State, ever.
    pub evicted: u64,
}

impl HubInfo {
    pub(crate) fn of(shared: &Shared) -> Self {
        let (now, log) = (shared.now(), shared.log());
        let (counted, index, held) = (log.counted, log.index(), log.budget.held.clone());
        let evicted = KINDS.map(|kind| log.budget.evicted(kind));
        drop(log);
        let [state, events, signal] = KINDS.map(|kind| {
            let (applied, told) = (counted[kind_at(kind)], shared.told(kind));
            KindInfo {
                topics: applied.topics,
                published: applied.published,
                rate_per_s: applied.rate.per_s(now.monotonic_ms),
                delivered: told.delivered,
                skipped: told.skipped,
                gaps: told.gaps,
                held: held.messages(kind),
                held_bytes: held.bytes(kind),
                evicted: evicted[kind_at(kind)],
            }
        });
        let (node, epoch, readers) = (shared.node.clone(), shared.epoch, shared.readers.load(Ordering::Relaxed));
        let (held_bytes, bytes_max) = (held.all_bytes(), shared.limits.bytes_max);
        let pattern_gaps = shared.pattern_gaps();
        let presence = shared.presence(|core, _| core.info(&shared.limits));
        Self { node, epoch, readers, held_bytes, bytes_max, pattern_gaps, index, presence, state, events, signal }
    }

    /// The kinds, each with its figures.
    #[must_use]
    pub fn kinds(&self) -> [(TopicKind, &KindInfo); 3] {
        [(TopicKind::State, &self.state), (TopicKind::Events, &self.events), (TopicKind::Signal, &self.signal)]
    }

    /// All kinds together.
    #[must_use]
    pub fn total(&self) -> KindInfo {
        let mut total = KindInfo::default();
        for (_, kind) in self.kinds() {
            total.topics += kind.topics;
            total.published += kind.published;
            total.rate_per_s += kind.rate_per_s;
            total.delivered += kind.delivered;
            total.skipped += kind.skipped;
            total.gaps += kind.gaps;
            total.held += kind.held;
            total.held_bytes += kind.held_bytes;
            total.evicted += kind.evicted;
        }
        total
    }
}
