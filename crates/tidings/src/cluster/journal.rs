//! What this node is to write into a journal, and how far it has come.

use std::collections::BTreeMap;

use bytes::Bytes;
use serde::Serialize;
use tidings_wire::{NodeName, OriginTag, TopicKind};

use super::{
    Holds, Outgoing,
    note::{Mark, Note, Written},
};
use crate::{
    engine::{Record, Shelf},
    log::{NodeLog, Now},
    shared::Shared,
};

/// Messages that are looked at under one lock.
const MESSAGES_AT_ONCE: usize = 2_048;

/// For how long an origin has to be dead before others write down what it did not come to: it may only have been slow.
const DEAD_MS: u64 = 10_000;

/// How far a node's messages are in the journal.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct JournalInfo {
    /// Everything that this node published up to this stamp is in the journal, and the journal says so.
    pub written: u64,
    /// Messages that were published since, those included that are not to be written.
    pub behind: u64,
    /// Writes that failed since the node began; what they held is written again.
    pub failures: u64,
    /// Up to this stamp, messages on Events topics may be lost to the journal, for it was behind for longer than they
    /// are kept here; 0 for none. Who is served from the journal later is told a gap there.
    pub lost: u64,
    /// Why nothing is written at the moment.
    pub trouble: Option<String>,
}

/// What is to be written of an origin.
#[derive(Debug)]
pub(crate) struct Batch {
    /// With the kind of its topic.
    pub(crate) entries: Vec<(TopicKind, Outgoing)>,
    /// Once they are written, everything up to here is.
    pub(crate) to: u64,
    /// Up to here, messages on Events topics are gone and cannot be written.
    pub(crate) lost: u64,
    /// Deletions are forgotten before they were written: these are the topics that remain.
    pub(crate) holds: Option<Holds>,
}

impl Shared {
    /// What an origin published above a stamp, and is for the journal.
    pub(crate) fn to_write(&self, origin: OriginTag, after: u64) -> Batch {
        let now = self.now();
        let log = self.log();
        let kind = |entry: &Outgoing| {
            let topic = log.topics.get(&entry.entry.topic);
            topic.map_or_else(|| self.declared(&entry.entry.topic).0, |topic| topic.kind)
        };
        let to = log.has(origin);
        let kept = (origin == log.me()).then_some(()).and(log.cluster.as_ref());
        let (entries, gone, to) = match kept.and_then(|cluster| cluster.resend.above(now.monotonic_ms, after)) {
            Some(entries) => {
                let entries: Vec<_> = entries.take(MESSAGES_AT_ONCE).cloned().map(Outgoing::from).collect();
                let is_all = entries.len() < MESSAGES_AT_ONCE;
                let last = entries.last().filter(|_| !is_all).map_or(to, Outgoing::stamp);
                (entries, super::serve::Gone::default(), last)
            }
            None => {
                let (entries, gone) = log.walk_rings(now, origin, after, to);
                (entries, gone, to)
            }
        };
        let is_events = |name| log.topics.get(name).is_some_and(|topic| topic.kind == TopicKind::Events);
        let lost = gone.lost.iter().filter(|(name, _)| is_events(name)).map(|(_, stamp)| *stamp).max();
        let entries = entries.into_iter().map(|entry| (kind(&entry), entry));
        let entries = entries.filter(|(kind, _)| kind.is_retained()).collect();
        let holds = (gone.deletions > after).then(|| log.holds());
        Batch { entries, to, lost: lost.unwrap_or(0).max(gone.elsewhere), holds }
    }

    /// Origins that have been dead for a while, each with what this node has of it and the milliseconds: what they did
    /// not come to write is for those that outlive them. One of these does, the first by name.
    pub(crate) fn charges(&self) -> Vec<(OriginTag, u64, u64)> {
        let now = self.now();
        let log = self.log();
        let Some(cluster) = &log.cluster else { return Vec::new() };
        if cluster.peers.keys().any(|node| *node < self.node) {
            return Vec::new();
        }
        let up = cluster.origins_up();
        let dead: BTreeMap<_, _> = cluster.origins.dead(now).collect();
        let of_dead = |(origin, has): (OriginTag, u64)| {
            let dead_ms = dead.get(&origin).copied().filter(|dead_ms| (DEAD_MS..u64::MAX).contains(dead_ms))?;
            (has > 0 && origin != log.me() && !up.contains(&origin)).then_some((origin, has, dead_ms))
        };
        log.applied().iter().filter_map(of_dead).collect()
    }

    /// Notes how far the journal has come; who waits for it is waked.
    pub(crate) fn journaled(&self, note: impl FnOnce(&mut JournalInfo)) {
        if let Some(cluster) = &mut self.log().cluster {
            note(cluster.journal.get_or_insert_default());
        }
        self.news.notify_waiters();
    }

    /// A mark of an origin, to be written by this node.
    pub(crate) fn mark(
        &self,
        origin: OriginTag,
        decided: u64,
        lost: u64,
        is_settled: bool,
        dead_ms: u64,
    ) -> Option<Record> {
        let node: Option<NodeName> = (origin == self.origin).then(|| self.node.clone());
        let alive_ms = self.now().wall_ms.saturating_sub(dead_ms);
        let (tag, writer) = (origin.into(), self.origin.into());
        let note = Note::Mark(Mark { origin: tag, writer, node, decided, lost, is_settled, alive_ms });
        self.record(Shelf::Mark { origin, writer: self.origin }, &note)
    }

    /// Origins of which this node tells readers that they have died, each with what it has of it.
    pub(crate) fn died(&self) -> Vec<(OriginTag, u64, u64)> {
        let now = self.now();
        let log = self.log();
        let Some(cluster) = &log.cluster else { return Vec::new() };
        let dead: BTreeMap<_, _> = cluster.origins.dead(now).collect();
        let died = cluster.origins.absent().died.keys();
        died.map(|origin| (*origin, log.has(*origin), dead.get(origin).copied().unwrap_or(0))).collect()
    }

    /// The topics that remain, as a record.
    pub(crate) fn holds_record(&self, holds: Holds) -> Option<Record> {
        self.record(Shelf::Holds { writer: self.origin }, &Note::Holds(holds))
    }

    /// A message as a record.
    pub(crate) fn message(
        &self,
        origin: OriginTag,
        base: u64,
        before: u64,
        kind: TopicKind,
        entry: Outgoing,
    ) -> Option<Record> {
        let (topic, stamp) = (entry.entry.topic.clone(), entry.stamp());
        let shelf = match kind {
            TopicKind::State => Shelf::Value { origin, writer: self.origin, topic },
            _ => Shelf::History { topic, origin, writer: self.origin, stamp },
        };
        self.record(shelf, &Note::Message(Written { origin: origin.into(), base, before, entry }))
    }

    fn record(&self, shelf: Shelf, note: &Note<Outgoing>) -> Option<Record> {
        match note.encode() {
            Ok(bytes) => Some(Record { shelf, bytes: Bytes::from(bytes) }),
            Err(error) => {
                tracing::error!(%error, "a record could not be encoded");
                None
            }
        }
    }
}

impl NodeLog {
    /// How far the journal is, if there is one.
    pub(crate) fn journal(&self) -> Option<JournalInfo> {
        let info = self.cluster.as_ref()?.journal.as_ref()?;
        Some(JournalInfo { behind: self.head().saturating_sub(info.written), ..info.clone() })
    }
}

/// A moment is not looked at twice.
pub(crate) fn is_due(last_ms: &mut Option<u64>, now: Now, each_ms: u64) -> bool {
    let due = last_ms.is_none_or(|last| last + each_ms <= now.monotonic_ms);
    if due {
        *last_ms = Some(now.monotonic_ms);
    }
    due
}
