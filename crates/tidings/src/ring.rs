//! A topic's ring: what the topic keeps, and the record of what it let go.

use std::{collections::VecDeque, sync::Arc};

use tidings_wire::{Cursor, Keep, OriginTag, TopicKind, Version};

use crate::{
    Limits,
    budget::{Held, Share},
    cluster::Seen,
    counters::Rate,
    entry::Entry,
    plant::{Plant, planted},
};

/// The messages that a topic keeps, oldest first.
///
/// A State topic's ring holds its newest value. That an older one was replaced is not a loss, and
/// is not recorded; what an Events or Signal ring lets go is.
#[derive(Debug)]
pub(crate) struct Ring {
    kind: TopicKind,
    /// What an Events or Signal topic holds; for how long a State topic remembers that it was cleared.
    keep: Keep,
    bytes_max: usize,
    /// For how long a cleared State topic remembers that it was.
    tombstone_ms: u64,
    entries: VecDeque<Arc<Entry>>,
    /// Bytes of payload.
    bytes: usize,
    /// What it holds of the node's budget.
    share: Share,
    /// Origin → highest stamp let go: a cursor below it cannot resume without a gap. Of a State topic: superseded.
    evicted: Cursor,
    /// Highest index let go: a reader that stands below it was too slow.
    evicted_index: u64,
    /// Values that a State topic has had, with its deletions.
    values: u64,
    /// Messages a second.
    rate: Rate,
}

/// What a reader finds when it goes on from a place.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Found {
    /// Highest index that the ring let go: above the place, something is gone.
    pub(crate) gone: u64,
    /// Whether the reader's cursor, if it resumes from one, lacks what is gone.
    pub(crate) lost: bool,
    /// Index of the next entry after the place.
    pub(crate) next: Option<u64>,
    /// Index of the newest entry, also where it lies above what was asked for.
    pub(crate) newest: u64,
    /// Values that a State topic has had; 0 for other kinds.
    pub(crate) values: u64,
}

impl Ring {
    /// An empty ring; what is gone with topics that the node has forgotten may have been of this one.
    pub(crate) fn new(kind: TopicKind, keep: Keep, limits: &Limits, held: Arc<Held>, forgotten: Cursor) -> Self {
        Self {
            kind,
            keep,
            bytes_max: limits.ring_bytes_max,
            tombstone_ms: limits.tombstone_age_s.saturating_mul(1000),
            entries: VecDeque::new(),
            bytes: 0,
            share: Share::new(held, kind),
            evicted: if kind == TopicKind::State { Cursor::default() } else { forgotten },
            evicted_index: 0,
            values: 0,
            rate: Rate::default(),
        }
    }

    /// Appends an entry that comes after all others.
    ///
    /// A State value below the one that is held loses, and leaves no trace. Says how much the ring weighs now.
    pub(crate) fn push(&mut self, entry: Arc<Entry>, now_ms: u64) -> usize {
        if entry.gap.is_none() {
            self.rate.count(now_ms);
        }
        if self.kind == TopicKind::State {
            // Before it is compared: a deletion that is past its time decides nothing here, as it does not elsewhere.
            self.expire(now_ms);
            if self.beats(entry.version) && !planted(Plant::OlderValueWins) {
                self.note_superseded(&entry);
                return self.share.bytes();
            }
            if let Some(superseded) = self.take_value() {
                self.note_superseded(&superseded);
            }
            self.values += 1;
        }
        self.bytes += entry.bytes();
        self.share.add(entry.weight());
        self.entries.push_back(entry);
        self.expire(now_ms);
        while self.entries.len() > self.keep.count as usize || (self.bytes > self.bytes_max && self.entries.len() > 1) {
            self.evict_oldest();
        }
        self.share.bytes()
    }

    /// Whether a value of this version loses to what the State topic holds.
    ///
    /// A deletion without a stamp is one that a list of another node brought: what it stands for is forgotten there, and
    /// what comes after it is taken there, too.
    pub(crate) fn beats(&self, version: Version) -> bool {
        let decides = |held: &&Arc<Entry>| held.payload.is_some() || held.is_stamped();
        self.newest().filter(decides).is_some_and(|held| held.version >= version)
    }

    /// The deletion to which a value of this version loses, if other nodes may not remember it for much longer.
    pub(crate) fn fading_deletion(&self, version: Version, now_ms: u64) -> Option<Arc<Entry>> {
        let newest = self.newest().filter(|entry| entry.payload.is_none() && entry.is_stamped())?;
        let is_fading = newest.applied_ms + self.tombstone_ms / 2 <= now_ms;
        (self.kind == TopicKind::State && is_fading && newest.version > version).then(|| newest.clone())
    }

    /// A value that another one replaced: see `cluster/stand_in.rs`.
    fn note_superseded(&mut self, entry: &Entry) {
        let origin = entry.version.origin();
        if entry.is_stamped() && self.evicted.get(origin) < entry.stamp {
            self.evicted.set(origin, entry.stamp);
        }
    }

    /// Lets go of what is past its age.
    pub(crate) fn expire(&mut self, now_ms: u64) {
        if self.kind == TopicKind::State {
            let tombstone_ms = self.tombstone_ms;
            let is_old =
                |entry: &Arc<Entry>| entry.payload.is_none() && entry.applied_ms.saturating_add(tombstone_ms) <= now_ms;
            if self.newest().is_some_and(is_old)
                && let Some(deletion) = self.take_value()
            {
                // For who was away for longer; see `cluster/sync.rs`.
                self.note_superseded(&deletion);
            }
            return;
        }
        let age_ms = u64::from(self.keep.age_s) * 1000;
        while self.entries.front().is_some_and(|oldest| oldest.applied_ms + age_ms <= now_ms) {
            self.evict_oldest();
        }
    }

    /// Lets go of the oldest message to make room for others, unless it is the one at an index, which has just come.
    pub(crate) fn evict_for_budget(&mut self, spared: u64) -> bool {
        let evicts = self.kind != TopicKind::State && self.entries.front().is_some_and(|oldest| oldest.index != spared);
        if evicts {
            self.evict_oldest();
        }
        evicts
    }

    /// Takes what a State topic holds.
    fn take_value(&mut self) -> Option<Arc<Entry>> {
        let value = self.entries.pop_back()?;
        self.bytes -= value.bytes();
        self.share.take(value.weight());
        Some(value)
    }

    fn evict_oldest(&mut self) {
        let Some(oldest) = self.entries.pop_front() else { return };
        self.bytes -= oldest.bytes();
        self.share.take(oldest.weight());
        self.evicted_index = oldest.index;
        if oldest.is_stamped() && !planted(Plant::EvictionForgotten) {
            self.note_gone(oldest.version.origin(), oldest.stamp);
        }
    }

    /// The newest entry: for a State topic its value, or that it was cleared.
    pub(crate) fn newest(&self) -> Option<&Arc<Entry>> {
        self.entries.back()
    }

    /// The last so many entries, oldest first.
    pub(crate) fn last(&self, count: usize) -> impl Iterator<Item = &Arc<Entry>> {
        self.entries.iter().skip(self.entries.len().saturating_sub(count))
    }

    /// What a reader finds that goes on after a place, or resumes from a cursor.
    pub(crate) fn find(&self, after: u64, seen: Option<&Seen>) -> Found {
        self.found(self.above(after), seen)
    }

    /// What is found before the entry at a place in the ring.
    fn found(&self, next: usize, seen: Option<&Seen>) -> Found {
        Found {
            gone: self.evicted_index,
            lost: seen.is_none_or(|seen| self.has_let_go_above(seen)),
            next: self.entries.get(next).map(|entry| entry.index),
            newest: self.newest().map_or(0, |entry| entry.index),
            values: self.values,
        }
    }

    /// Hands out the entries with `after < index <= upto`, at most so many; says what is found after them, and what
    /// was gone before.
    pub(crate) fn read(
        &self,
        after: u64,
        upto: u64,
        most: usize,
        seen: Option<&Seen>,
        out: &mut impl Extend<Arc<Entry>>,
    ) -> Found {
        let from = self.above(after);
        let to = self.above(upto).max(from).min(from.saturating_add(most));
        out.extend(self.entries.range(from..to).cloned());
        self.found(to, seen)
    }

    /// Where in the ring the first entry above an index lies. Looked for from the newest on, for that is where most
    /// readers stand: an entry that is not looked at need not come into the cache.
    fn above(&self, index: u64) -> usize {
        let (len, mut back) = (self.entries.len(), 1);
        while back <= len && self.entries[len - back].index > index {
            back *= 2;
        }
        // What lies `back` from the end, if anything does, is not above; what lies half as far is.
        let (mut low, mut high) = (len.saturating_sub(back), len - back / 2);
        while low < high {
            let middle = low + (high - low) / 2;
            if self.entries[middle].index > index { high = middle } else { low = middle + 1 }
        }
        low
    }

    /// Whether something is gone that a reader has not seen.
    ///
    /// A State topic lets go of nothing as long as it remembers its newest value or deletion.
    pub(crate) fn has_let_go_above(&self, seen: &Seen) -> bool {
        (self.kind != TopicKind::State || self.entries.is_empty()) && !seen.dominates(&self.evicted)
    }

    /// Highest index that was let go: who begins right after it reads all that is kept.
    pub(crate) fn gone(&self) -> u64 {
        self.evicted_index
    }

    /// The index right before the last so many entries.
    pub(crate) fn place_before_last(&self, count: usize) -> u64 {
        match self.entries.len().checked_sub(count) {
            None | Some(0) => self.evicted_index,
            Some(first) => self.entries[first - 1].index,
        }
    }

    /// The stamped entries of an origin above a stamp, in their order.
    pub(crate) fn of_origin(&self, origin: OriginTag, above: u64) -> impl Iterator<Item = &Arc<Entry>> {
        let of_origin = move |entry: &&Arc<Entry>| entry.version.origin() == origin && entry.stamp > above;
        self.entries.iter().filter(of_origin).filter(|entry| entry.gap.is_none())
    }

    /// Highest stamp of an origin that was let go, or is known to be lost.
    pub(crate) fn gone_of(&self, origin: OriginTag) -> u64 {
        self.evicted.get(origin)
    }

    /// Notes that messages of an origin up to a stamp are gone, without having been here.
    pub(crate) fn note_gone(&mut self, origin: OriginTag, stamp: u64) {
        if self.kind != TopicKind::State && self.evicted.get(origin) < stamp {
            self.evicted.set(origin, stamp);
        }
    }

    /// What was let go of each origin.
    pub(crate) fn evicted(&self) -> &Cursor {
        &self.evicted
    }

    pub(crate) fn kind(&self) -> TopicKind {
        self.kind
    }

    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Bytes that it holds of the node's budget.
    pub(crate) fn weight(&self) -> usize {
        self.share.bytes()
    }

    /// Values that a State topic has had, with its deletions.
    pub(crate) fn values(&self) -> u64 {
        self.values
    }

    /// A State topic's newest entry, and the count of those that it has had.
    pub(crate) fn value(&self) -> (Option<Arc<Entry>>, u64) {
        (self.newest().cloned(), self.values)
    }

    /// Messages a second, over some ten seconds.
    pub(crate) fn rate_per_s(&self, now_ms: u64) -> f64 {
        self.rate.per_s(now_ms)
    }
}

#[cfg(test)]
mod tests;
