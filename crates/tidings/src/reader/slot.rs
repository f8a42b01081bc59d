//! One topic of a reader: where it stands there.

use std::sync::Arc;

use tidings_wire::TopicKind;

use crate::{
    cluster::Seen,
    counters::Tally,
    entry::Entry,
    lock,
    log::Now,
    plant::{Plant, planted},
    ring::Found,
    topic::Topic,
};

/// One topic that a reader holds, by its name, through patterns, or both: heard once all the same.
#[derive(Debug)]
pub(super) struct Slot {
    pub(super) topic: Arc<Topic>,
    /// Key among the topic's listeners.
    pub(super) key: usize,
    /// Everything of this topic up to here has been handed out, or was not asked for.
    pub(super) position: u64,
    /// What the ring let go of up to here was told, or was never promised. Of a State topic, which lets go of nothing:
    /// how many values it had had when this reader last saw its newest.
    settled: u64,
    /// While the topic is caught up with: what the reader's cursor covers is not handed out again.
    floor: Option<Floor>,
    /// Index of the topic's newest entry when it was last read.
    newest: u64,
    /// The reader holds its name.
    pub(super) named: bool,
    /// The reader's patterns that have found it.
    pub(super) patterns: Vec<u32>,
    /// Something is prepared to be said of it.
    pub(super) prepared: bool,
}

/// Where a topic begins.
#[derive(Debug)]
pub(super) enum Begin {
    /// With the next message.
    Now,
    /// With the last so many that are kept.
    Retained(usize),
    /// After a cursor that the log can go on from.
    After(Seen),
}

/// What has to be said of a topic that begins.
#[derive(Debug, Default)]
pub(super) struct Begun {
    /// The reader was behind on it, and lost something before this.
    pub(super) slow: bool,
    /// Something above the cursor is gone.
    pub(super) evicted: bool,
    /// Its value.
    pub(super) snapshot: bool,
}

/// Where a resumed topic begins, and up to where that matters.
#[derive(Debug)]
struct Floor {
    seen: Seen,
    /// Above this index everything is new: that of the join, for no cursor that resumes covers anything above it, or
    /// a lower one, up to which another hold of the topic has been told.
    place: u64,
}

impl Floor {
    fn is_new(&self, entry: &Entry) -> bool {
        if entry.index > self.place || planted(Plant::FloorIgnored) {
            return true;
        }
        // What has no stamp is in no cursor: of that, only what came after the join is new, and a deletion that a list
        // of another node brought.
        let is_deletion = entry.payload.is_none() && entry.gap.is_none();
        if entry.is_stamped() { !self.seen.covers(entry.version.origin(), entry.stamp) } else { is_deletion }
    }
}

impl Slot {
    /// A topic that is held by its name.
    pub(super) fn named(topic: Arc<Topic>, key: usize) -> Self {
        let (settled, floor, newest) = (0, None, 0);
        let patterns = Vec::new();
        Self { topic, key, position: 0, settled, floor, newest, named: true, patterns, prepared: false }
    }

    /// A topic that a pattern has found.
    pub(super) fn found(topic: Arc<Topic>, key: usize, pattern: u32) -> Self {
        Self { named: false, patterns: vec![pattern], ..Self::named(topic, key) }
    }

    /// Puts it where it begins. `over`: another hold has it already, and misses nothing by this: it then begins where
    /// the earlier of both does.
    pub(super) fn begin(&mut self, begin: &Begin, over: bool, place: u64, now: Now) -> Begun {
        let mut begun = Begun { slow: over && self.settle(), ..Begun::default() };
        let mut ring = lock(&self.topic.ring);
        ring.expire(now.monotonic_ms);
        // What goes of the past before it is read was not promised, unless a cursor asks for it.
        let (position, settled, floor) = match begin {
            Begin::Now => (place, place, None),
            Begin::After(seen) => {
                // A State topic lets go of nothing: that a value was replaced is not a gap. That it was deleted, and
                // nobody remembers it, is told as that.
                begun.evicted = ring.has_let_go_above(seen);
                begun.snapshot = begun.evicted && self.topic.kind == TopicKind::State;
                (ring.gone(), ring.gone(), Some(Floor { seen: seen.clone(), place }))
            }
            Begin::Retained(last) => {
                begun.snapshot = self.topic.kind == TopicKind::State;
                let kept = match self.topic.kind {
                    TopicKind::Events => ring.place_before_last(*last).min(place),
                    // A Signal keeps nothing: its ring is for streams that are there, or come back at once.
                    TopicKind::State | TopicKind::Signal | TopicKind::Local => place,
                };
                (kept, place, None)
            }
        };
        let values = ring.values();
        drop(ring);
        let is_state = self.topic.kind == TopicKind::State;
        if !over {
            let settled = if is_state { values } else { settled };
            (self.position, self.settled, self.floor) = (position, settled, floor);
            return begun;
        }
        self.floor = match (self.floor.take(), floor) {
            (None, None) => None,
            (Some(held), None) => Some(Floor { place: held.place.min(position), ..held }),
            (None, Some(new)) => Some(Floor { place: new.place.min(self.position), ..new }),
            (Some(held), Some(new)) => {
                Some(Floor { seen: held.seen.earliest(new.seen), place: held.place.min(new.place) })
            }
        };
        if !is_state {
            self.settled = self.position.max(self.settled).min(position.max(settled));
        }
        self.position = self.position.min(position);
        begun
    }

    /// Index of the next entry to read, if it lies at or below `upto`; and whether something that was promised is gone.
    pub(super) fn next(&mut self, upto: u64) -> (Option<u64>, bool) {
        let floor = self.floor.as_ref().map(|floor| &floor.seen);
        let found = lock(&self.topic.ring).find(self.position, floor);
        let lost = self.note(found);
        (found.next.filter(|next| *next <= upto), lost)
    }

    /// Reads up to an index, at most so many entries. Gives back the next one's index, and what else it came to.
    pub(super) fn read(&mut self, upto: u64, most: usize, entries: &mut Vec<Arc<Entry>>) -> (Option<u64>, Tally) {
        let floor = self.floor.as_ref().map(|floor| &floor.seen);
        // What was there a moment ago may be gone now: the same lock tells what is read and what is lost.
        let found = lock(&self.topic.ring).read(self.position, upto, most, floor, entries);
        let mut tally = Tally { gaps: u64::from(self.note(found)), ..Tally::default() };
        if self.topic.kind == TopicKind::State && !entries.is_empty() {
            tally.skipped = self.skipped(found.values);
        }
        let read_to = entries.last().filter(|_| entries.len() == most).map_or(upto, |last| last.index);
        self.position = self.position.max(read_to);
        (found.next, tally)
    }

    /// How many values of a State topic were replaced before this one, its newest, was seen.
    pub(super) fn skipped(&mut self, values: u64) -> u64 {
        let seen = std::mem::replace(&mut self.settled, values);
        (values - seen).saturating_sub(1)
    }

    /// Whether something that was promised is gone, and has not been told: it counts as told from here on.
    pub(super) fn settle(&mut self) -> bool {
        self.next(0).1
    }

    /// Takes note of how the ring was found; says whether something that was promised is gone.
    fn note(&mut self, found: Found) -> bool {
        self.newest = found.newest;
        let lost = found.lost || self.floor.as_ref().is_some_and(|floor| found.gone > floor.place);
        let told = found.gone <= self.position.max(self.settled) || !lost;
        if !told {
            self.settled = found.gone;
        }
        !told
    }

    pub(super) fn is_new(&self, entry: &Entry) -> bool {
        self.floor.as_ref().is_none_or(|floor| floor.is_new(entry))
    }

    /// All up to here is handed out; says whether there is more.
    pub(super) fn has_read_to(&mut self, horizon: u64) -> bool {
        self.position = self.position.max(horizon);
        if self.floor.as_ref().is_some_and(|floor| floor.place <= self.position) {
            self.floor = None;
        }
        self.newest > self.position
    }

    /// Whether the State topic has a value.
    pub(super) fn has_value(&self) -> bool {
        lock(&self.topic.ring).newest().is_some_and(|entry| entry.payload.is_some())
    }
}
