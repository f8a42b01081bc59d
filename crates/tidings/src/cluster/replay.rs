//! A journal is read: what it keeps comes into this node as from a peer that has all of State and Events and nothing of
//! Signals.
//!
//! Each origin in it is a range from 0 to where its marks say that it is written. What histories have let go of is gone,
//! what lies above the marks may have holes: of that, values stand in for what is not there, and the rest was told to
//! nobody who could come back with it, for a cursor that covers it lies ahead of this node for good.

use std::collections::{BTreeMap, BTreeSet};

use tidings_wire::{OriginTag, TopicKind, TopicName, Version};

use super::{
    Holds,
    frame::WireEntry,
    gaps,
    note::{Mark, Note, Written},
};
use crate::{
    engine::Kept,
    lock,
    log::{Message, NodeLog, Now},
    shared::Shared,
};

/// Entries that are applied under one lock: a publish has to have its turn.
const ENTRIES_AT_ONCE: usize = 256;

/// What a journal tells of an origin.
#[derive(Debug, Default)]
struct Told {
    /// Up to here everything is in the journal, or is no more, or is a Signal.
    decided: u64,
    /// Up to here, something on some Events topic may be missing.
    lost: u64,
    alive_ms: Option<u64>,
    /// It has left in order.
    has_left: bool,
    /// Whose cursors have been told that it died.
    told_by: BTreeSet<OriginTag>,
}

/// What a journal keeps, in the order in which it is applied.
#[derive(Debug, Default)]
pub(crate) struct Replay {
    origins: BTreeMap<OriginTag, Told>,
    /// What is gone of an origin on a topic, as the highest stamp.
    lost: BTreeMap<(TopicName, OriginTag), u64>,
    entries: Vec<(OriginTag, WireEntry)>,
    /// Above the marks.
    tail: Vec<(OriginTag, WireEntry)>,
    holds: Vec<Holds>,
    /// Values that others have written over.
    superseded: Vec<(OriginTag, TopicName)>,
    /// Records that are none.
    damaged: usize,
}

/// Of each origin its messages by stamp, each with the number of its record in the histories, or 0.
type Messages = BTreeMap<OriginTag, BTreeMap<u64, (u64, WireEntry)>>;

/// A topic's records, as far as they say what is gone of it.
#[derive(Debug)]
struct History {
    first: u64,
    count: usize,
}

impl Replay {
    /// Reads what is kept. `is_past` says of an entry that its topic keeps nothing so old.
    pub(crate) fn of(kept: Kept, is_past: impl Fn(&WireEntry) -> bool) -> Self {
        let mut replay = Self::default();
        let mut messages = Messages::new();
        let mut histories = BTreeMap::<TopicName, History>::new();
        // Of each origin the numbers of its records in histories, and up to which stamp there may be others before.
        let mut before = BTreeMap::<OriginTag, Vec<(u64, u64)>>::new();
        let records = kept.records.into_iter().map(|bytes| (0, bytes)).chain(kept.history);
        for (number, bytes) in records {
            match Note::decode(&bytes) {
                Ok(Note::Message(written)) => {
                    let origin = written.origin.into();
                    if number > 0 {
                        let topic = written.entry.topic.clone();
                        histories.entry(topic).or_insert(History { first: number, count: 0 }).count += 1;
                        before.entry(origin).or_default().push((number, written.before));
                    }
                    replay.message(written, number, &mut messages);
                }
                Ok(Note::Mark(mark)) => replay.mark(&mark),
                Ok(Note::Holds(holds)) => replay.holds.push(holds),
                Err(reason) => {
                    replay.damaged += 1;
                    tracing::error!(reason, "a record of the journal cannot be read");
                }
            }
        }
        if kept.is_torn || replay.damaged > 0 {
            // Whose it was is not known.
            replay.origins.values_mut().for_each(|told| told.lost = told.decided);
        }
        for (topic, history) in histories.iter().filter(|(_, history)| history.count >= kept.history_max) {
            for (origin, told) in &replay.origins {
                let records = before.get(origin).map_or(&[][..], Vec::as_slice);
                let next = records.get(records.partition_point(|(number, _)| *number < history.first));
                let gone = next.map_or(told.decided, |(_, before)| told.decided.min(*before));
                replay.lost.insert((topic.clone(), *origin), gone);
            }
        }
        replay.find_superseded(&messages);
        replay.arrange(messages, is_past);
        replay
    }

    /// Looks which values another origin has written over: not by one above its mark, which may be missing tomorrow.
    fn find_superseded(&mut self, messages: &Messages) {
        let values = || {
            messages.iter().flat_map(|(origin, of_origin)| {
                let decided = self.origins.get(origin).map_or(0, |told| told.decided);
                let values = of_origin.range(..=decided).filter(|(_, (number, _))| *number == 0);
                values.map(|(_, (_, entry))| (*origin, entry))
            })
        };
        let mut newest = BTreeMap::<&TopicName, (Version, OriginTag)>::new();
        for (origin, entry) in values() {
            let value = (entry.version(origin), origin);
            let newest = newest.entry(&entry.topic).or_insert(value);
            *newest = value.max(*newest);
        }
        let is_superseded = |(origin, entry): &(OriginTag, &WireEntry)| {
            let (version, by) = newest[&entry.topic];
            version > entry.version(*origin) && by != *origin
        };
        let superseded: BTreeSet<_> =
            values().filter(is_superseded).map(|(origin, e)| (origin, e.topic.clone())).collect();
        self.superseded = superseded.into_iter().collect();
    }

    /// Values that the journal need not keep: written over by others, of origins that no cursor lists any more.
    fn take_stale(&mut self, now: Now, cursor_age_s: u64) -> Vec<(OriginTag, TopicName)> {
        let long_ago_ms = now.wall_ms.saturating_sub(3 * cursor_age_s * 1000);
        let is_dead = |origin: &OriginTag| {
            self.origins.get(origin).is_some_and(|told| told.alive_ms.is_some_and(|at| at <= long_ago_ms))
        };
        let superseded = std::mem::take(&mut self.superseded);
        superseded.into_iter().filter(|(origin, _)| is_dead(origin)).collect()
    }

    fn message(&mut self, written: Written, number: u64, messages: &mut Messages) {
        let Written { origin, base, entry, .. } = written;
        let told = self.origins.entry(origin.into()).or_default();
        told.decided = told.decided.max(base);
        // What was written twice came first where it stands first.
        messages.entry(origin.into()).or_default().entry(entry.stamp).or_insert((number, entry));
    }

    fn mark(&mut self, mark: &Mark) {
        let told = self.origins.entry(mark.origin.into()).or_default();
        told.decided = told.decided.max(mark.decided);
        told.lost = told.lost.max(mark.lost);
        told.alive_ms = told.alive_ms.max(Some(mark.alive_ms));
        if mark.is_settled && mark.writer == mark.origin {
            told.has_left = true;
        } else if mark.is_settled {
            told.told_by.insert(mark.writer.into());
        }
    }

    /// Puts all messages into one order: each origin's by stamp, and those of several as they were written.
    fn arrange(&mut self, messages: Messages, is_past: impl Fn(&WireEntry) -> bool) {
        let mut ordered = Vec::new();
        for (origin, of_origin) in messages {
            let decided = self.origins.get(&origin).map_or(0, |told| told.decided);
            // A record that was written again stands too late: it goes with the one that follows it.
            let mut place = 0;
            for (stamp, (number, entry)) in of_origin {
                place = number.max(place);
                if stamp > decided {
                    self.tail.push((origin, entry));
                } else if is_past(&entry) {
                    let gone = self.lost.entry((entry.topic, origin)).or_default();
                    *gone = stamp.max(*gone);
                } else {
                    ordered.push((place, origin, entry));
                }
            }
        }
        ordered.sort_by_key(|(place, origin, entry)| (*place, *origin, entry.stamp));
        self.entries = ordered.into_iter().map(|(_, origin, entry)| (origin, entry)).collect();
    }

    /// Up to where each origin is written.
    pub(crate) fn written(&self) -> impl Iterator<Item = (OriginTag, u64)> + '_ {
        self.origins.iter().map(|(origin, told)| (*origin, told.decided))
    }
}

impl Shared {
    /// Reads what a journal keeps, for this node as it is now.
    pub(crate) fn plan_replay(&self, kept: Kept) -> Replay {
        let now = self.now();
        Replay::of(kept, |entry| {
            let (kind, keep) = self.declared(&entry.topic);
            kind == TopicKind::Events && (entry.clock >> 16) + u64::from(keep.age_s) * 1000 <= now.wall_ms
        })
    }

    /// Applies it. Gives back which values the journal need not keep.
    ///
    /// # Errors
    /// What keeps this node from it, and what to do.
    pub(crate) async fn replay(&self, replay: &mut Replay) -> Result<Vec<(OriginTag, TopicName)>, String> {
        self.begin_replay(replay);
        let mut lost = std::mem::take(&mut replay.lost).into_iter().peekable();
        while lost.peek().is_some() {
            self.lose_some(lost.by_ref().take(ENTRIES_AT_ONCE));
            tokio::task::yield_now().await;
        }
        let entries = std::mem::take(&mut replay.entries);
        let mut entries = entries.into_iter().peekable();
        while entries.peek().is_some() {
            self.replay_some(entries.by_ref().take(ENTRIES_AT_ONCE))?;
            tokio::task::yield_now().await;
        }
        self.end_replay(replay);
        Ok(replay.take_stale(self.now(), self.limits.cursor_age_s_max))
    }

    /// What is gone is told before what is there is applied.
    fn begin_replay(&self, replay: &Replay) {
        let now = self.now();
        let mut log = self.log();
        let me = log.me();
        for (origin, told) in replay.origins.iter().filter(|(origin, _)| **origin != me) {
            let dead_ms = told.alive_ms.map_or(0, |alive_ms| now.wall_ms.saturating_sub(alive_ms));
            log.told_dead(now, self.limits.cursor_age_s_max, *origin, dead_ms);
            if let Some(cluster) = &mut log.cluster {
                cluster.origins.is_written(*origin, told.decided);
                if !told.has_left && cluster.node_of(*origin).is_none() {
                    cluster.origins.has_died(*origin, told.told_by.iter().copied().chain([me]).collect());
                }
            }
            let have = log.has(*origin);
            if told.lost > have {
                for topic in log.topics_by_name() {
                    log.gap_one(now, &topic, *origin, told.lost);
                }
                gaps::raise(&mut log.forgotten, *origin, told.lost);
            }
            if told.decided > have {
                log.gap_signals(now, *origin, told.decided);
            }
        }
    }

    fn lose_some(&self, lost: impl Iterator<Item = ((TopicName, OriginTag), u64)>) {
        let now = self.now();
        let mut log = self.log();
        for ((name, origin), stamp) in lost {
            if origin == log.me() || stamp <= log.has(origin) {
                continue;
            }
            match self.topic(&mut log, now, &name) {
                // A mark among its messages is for who listens; the others have the record.
                Some(topic) if topic.readers() == 0 => lock(&topic.ring).note_gone(origin, stamp),
                Some(topic) => {
                    log.gap_one(now, &topic, origin, stamp);
                }
                None => gaps::raise(&mut log.forgotten, origin, stamp),
            }
        }
    }

    fn replay_some(&self, entries: impl Iterator<Item = (OriginTag, WireEntry)>) -> Result<(), String> {
        let now = self.now();
        let mut log = self.log();
        let mut woken = false;
        for (origin, entry) in entries {
            // A peer may have brought it meanwhile.
            if origin != log.me() && entry.stamp > log.has(origin) {
                let entered = self.enter(&mut log, now, origin, entry);
                woken |=
                    entered.map_err(|refusal| format!("the journal cannot be taken over: {}", refusal.reason()))?;
            }
        }
        drop(log);
        if woken {
            self.wake_shards();
        }
        Ok(())
    }

    fn end_replay(&self, replay: &mut Replay) {
        let now = self.now();
        let mut log = self.log();
        let me = log.me();
        for (origin, told) in replay.origins.iter().filter(|(origin, _)| **origin != me) {
            if told.decided > log.has(*origin) {
                log.decide(*origin, told.decided);
            }
        }
        for holds in &replay.holds {
            log.delete_unlisted(now, holds);
        }
        for (origin, entry) in std::mem::take(&mut replay.tail) {
            self.stand_in_of_tail(&mut log, now, origin, entry);
        }
        log.retire(now, self.limits.cursor_age_s_max);
        drop(log);
        self.wake_shards();
        self.wake_waiting();
        self.news.notify_waiters();
    }

    /// A value above its origin's mark: the newest that there is, and not known to be next.
    fn stand_in_of_tail(&self, log: &mut NodeLog, now: Now, origin: OriginTag, entry: WireEntry) {
        let version = entry.version(origin);
        let (author, stamp) = entry.author.map_or((origin, entry.stamp), |(author, stamp)| (author.into(), stamp));
        let Some(topic) = self.topic(log, now, &entry.topic) else { return };
        let payload = entry.payload;
        let message = Message { version, stamp, from: entry.from, id: entry.id, payload, gap: None };
        log.stand_in(now, &topic, author, message);
    }
}
