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
    /// What was let go up to here was told, also of topics of this name that were forgotten; of a State topic, what was
    /// told as a snapshot.
    pub(super) told: u64,
    /// While the topic is caught up with: what the reader's cursor covers is not handed out again. By place; mostly one,
    /// more where several holds of the topic resume.
    floors: Vec<Floor>,
    /// Index of the topic's newest entry when it was last read.
    newest: u64,
    /// The reader holds its name.
    pub(super) named: bool,
    /// The join of its name has not begun.
    pub(super) waits: bool,
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
#[derive(Debug, Clone)]
struct Floor {
    seen: Seen,
    /// Index of the join: no cursor that resumes covers anything above it. Or the end of a part, see [`either`].
    place: u64,
}

/// What of a topic is wanted at an index.
#[derive(Clone, Copy)]
enum Wants<'a> {
    Nothing,
    Above(&'a Seen),
    All,
}

/// What is wanted at an index by who has, or wants, nothing up to `position`.
fn wants(floors: &[Floor], position: u64, index: u64) -> Wants<'_> {
    if index <= position {
        return Wants::Nothing;
    }
    floors.iter().find(|floor| index <= floor.place).map_or(Wants::All, |floor| Wants::Above(&floor.seen))
}

/// The floors under which either of two holds gets what it wants, and nothing is handed out that neither does.
fn either((a, a_position): (&[Floor], u64), (b, b_position): (&[Floor], u64)) -> Vec<Floor> {
    let mut ends: Vec<_> = a.iter().chain(b).map(|floor| floor.place).chain([a_position, b_position]).collect();
    ends.sort_unstable();
    let mut floors = Vec::new();
    for place in ends {
        let seen = match (wants(a, a_position, place), wants(b, b_position, place)) {
            (Wants::All, _) | (_, Wants::All) => break,
            (Wants::Above(a), Wants::Above(b)) => a.earliest(b),
            (Wants::Above(seen), Wants::Nothing) | (Wants::Nothing, Wants::Above(seen)) => seen.clone(),
            (Wants::Nothing, Wants::Nothing) => continue,
        };
        floors.push(Floor { seen, place });
    }
    floors
}

impl Slot {
    /// A topic that is held by its name, and has not begun.
    pub(super) fn named(topic: Arc<Topic>, key: usize) -> Self {
        let (floors, patterns) = (Vec::new(), Vec::new());
        // Nothing is wanted of it until it begins.
        let position = u64::MAX;
        Self {
            topic,
            key,
            position,
            settled: 0,
            told: 0,
            floors,
            newest: 0,
            named: true,
            waits: true,
            patterns,
            prepared: false,
        }
    }

    /// A topic that a pattern has found, and that has not begun. `told`: up to where what is gone of this name was told.
    pub(super) fn found(topic: Arc<Topic>, key: usize, pattern: u32, told: u64) -> Self {
        Self { named: false, waits: false, told, patterns: vec![pattern], ..Self::named(topic, key) }
    }

    /// Whether the topic is forgotten, and what is to be known of it has come: it is introduced before it is marked for
    /// the last time, and what is lost of it would be told again then.
    pub(super) fn is_forgotten(&self, shard: usize) -> bool {
        !self.named && self.topic.is_forgotten() && !self.topic.is_unintroduced(shard)
    }

    /// Whether more has begun on it than this pattern.
    pub(super) fn is_held_otherwise(&self, pattern: u32) -> bool {
        (self.named && !self.waits) || self.patterns.iter().any(|held| *held != pattern)
    }

    /// Puts it where it begins. `over`: another hold has it already, and misses nothing by this: it then begins where
    /// the earlier of both does.
    pub(super) fn begin(&mut self, begin: &Begin, over: bool, place: u64, now: Now) -> Begun {
        let mut begun = Begun { slow: over && self.settle(), ..Begun::default() };
        let mut ring = lock(&self.topic.ring);
        ring.expire(now.monotonic_ms);
        // What goes of the past before it is read was not promised, unless a cursor asks for it.
        let (position, settled, floors) = match begin {
            // A snapshot may have told more than the shard has introduced.
            Begin::Now if self.topic.kind == TopicKind::State => (place.max(self.told), place, Vec::new()),
            Begin::Now => (place, place, Vec::new()),
            Begin::After(seen) => {
                // A State topic lets go of nothing: that a value was replaced is not a gap. That it was deleted, and
                // nobody remembers it, is told as that.
                begun.evicted = ring.has_let_go_above(seen);
                begun.snapshot = begun.evicted && self.topic.kind == TopicKind::State;
                (ring.gone(), ring.gone(), vec![Floor { seen: seen.clone(), place }])
            }
            Begin::Retained(last) => {
                begun.snapshot = self.topic.kind == TopicKind::State;
                let kept = match self.topic.kind {
                    TopicKind::Events if planted(Plant::HistoryAboveItsJoin) => ring.place_before_last(*last),
                    // Not above the join's place: what the ring has let go of since is a gap, and what else has come
                    // since is read, however little of the past was asked for.
                    TopicKind::Events => ring.place_before_last(*last).min(place),
                    // A Signal keeps nothing: its ring is for streams that are there, or come back at once.
                    TopicKind::State | TopicKind::Signal | TopicKind::Local => place,
                };
                (kept, place, Vec::new())
            }
        };
        let values = ring.values();
        drop(ring);
        let is_state = self.topic.kind == TopicKind::State;
        if !over {
            let settled = if is_state { values } else { settled };
            (self.position, self.settled, self.floors) = (position, settled, floors);
            return begun;
        }
        self.floors = either((&self.floors, self.position), (&floors, position));
        if !is_state {
            self.settled = self.position.max(self.settled).min(position.max(settled)).max(self.told);
        }
        self.position = self.position.min(position);
        begun
    }

    /// Index of the next entry to read, if it lies at or below `upto`; and whether something that was promised is gone.
    pub(super) fn next(&mut self, upto: u64) -> (Option<u64>, bool) {
        let ring = lock(&self.topic.ring);
        let found = ring.find(self.position, self.floor_at(ring.gone()));
        drop(ring);
        let lost = self.note(found);
        (found.next.filter(|next| *next <= upto), lost)
    }

    /// Reads up to an index, at most so many entries. Gives back the next one's index, and what else it came to.
    pub(super) fn read(&mut self, upto: u64, most: usize, entries: &mut Vec<Arc<Entry>>) -> (Option<u64>, Tally) {
        let ring = lock(&self.topic.ring);
        // What was there a moment ago may be gone now: the same lock tells what is read and what is lost.
        let found = ring.read(self.position, upto, most, self.floor_at(ring.gone()), entries);
        drop(ring);
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
        let lost = found.gone > self.position.max(self.settled) && found.lost;
        if lost {
            (self.settled, self.told) = (found.gone, found.gone);
        }
        lost
    }

    /// The cursor that decides whether what lies at an index is new, unless all there is.
    fn floor_at(&self, index: u64) -> Option<&Seen> {
        self.floors.iter().find(|floor| index <= floor.place).map(|floor| &floor.seen)
    }

    pub(super) fn is_new(&self, entry: &Entry) -> bool {
        // What has no stamp is in no cursor: of that, only what came after the join is new, and a deletion that a list
        // of another node brought.
        let is_deletion = entry.payload.is_none() && entry.gap.is_none();
        let covers = |seen: &Seen| match entry.is_stamped() {
            true => seen.covers(entry.version.origin(), entry.stamp),
            false => !is_deletion,
        };
        planted(Plant::FloorIgnored) || !self.floor_at(entry.index).is_some_and(covers)
    }

    /// All up to here is handed out; says whether there is more.
    pub(super) fn has_read_to(&mut self, horizon: u64) -> bool {
        self.position = self.position.max(horizon);
        self.floors.retain(|floor| floor.place > self.position);
        self.newest > self.position
    }

    /// Whether the State topic has a value.
    pub(super) fn has_value(&self) -> bool {
        lock(&self.topic.ring).newest().is_some_and(|entry| entry.payload.is_some())
    }
}
