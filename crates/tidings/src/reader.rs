//! Readers: one place in the log, many topics, no queue of their own.

use std::{
    cmp::Reverse,
    collections::{BinaryHeap, HashMap, VecDeque},
    sync::{Arc, atomic::Ordering},
    task::{Context, Poll},
};

use slab::Slab;
use tidings_wire::{Cursor, TopicKind, TopicName, event::GapCause};

use crate::{
    counters::Tally,
    entry::{Delivery, Entry},
    error::SubscribeError,
    lock,
    log::{Now, Place},
    mailbox::{Mailbox, ReaderWaker},
    plant::{Plant, planted},
    resume::{Resume, resume},
    ring::Found,
    shared::Shared,
    topic::Topic,
};

/// Where a reader begins on a topic.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Start {
    /// With the next message.
    Now,
    /// With what is retained: a State topic's snapshot, the last so many messages of an Events topic.
    Retained {
        /// At most so many messages; the ring may hold fewer.
        last: usize,
    },
    /// After a cursor: exactly what came since, or a gap and what is retained. The text is what a client sent: a
    /// malformed one leads to a gap too.
    After(Box<str>),
}

impl Start {
    /// All that is retained.
    pub const RETAINED: Self = Self::Retained { last: usize::MAX };
}

/// Reads many topics of a hub in the order of the node's log.
///
/// A reader is a place in the log and a bounded set of marked topics: it has no queue, so a slow one
/// costs nobody else anything, and costs itself a gap once a topic's ring has let go of what it had
/// not read. Dropping it ends all its subscriptions.
///
/// [`Hub::subscribe`](crate::Hub::subscribe) is the simple way to one topic; a reader is what a page's stream is made
/// of.
#[derive(Debug)]
pub struct Reader {
    shared: Arc<Shared>,
    mailbox: Arc<Mailbox>,
    slots: Slab<Slot>,
    by_name: HashMap<TopicName, u32>,
    /// Slots that were marked and have not been read to the end.
    pending: Vec<u32>,
    /// What joins have to say before anything is read.
    prepared: VecDeque<Prepared>,
    /// Joins whose cursors lie ahead of the node.
    waiting: Vec<Waiting>,
    /// Joins whose place has not been reached, oldest first.
    joining: VecDeque<Joining>,
    /// The newest join's place: up to there every slot may be read, for every slot is pending then.
    joined_at: u64,
    /// Entries of this sender are skipped.
    me: Option<Box<str>>,
    /// Memory of a read, kept for the next one.
    entries: Vec<Arc<Entry>>,
    /// Where each pending slot goes on: the merge's heap, empty between reads.
    heads: BinaryHeap<Reverse<(u64, u32)>>,
}

#[derive(Debug)]
struct Slot {
    topic: Arc<Topic>,
    /// Key among the topic's listeners.
    key: usize,
    /// Everything of this topic up to here has been handed out, or was not asked for.
    position: u64,
    /// What the ring let go of up to here was told, or was never promised. Of a State topic, which lets go of
    /// nothing: how many values it had when this reader last saw its newest.
    settled: u64,
    /// While the topic is caught up with: what the reader's cursor covers is not handed out again.
    floor: Option<Floor>,
    /// Index of the topic's newest entry when it was last read.
    newest: u64,
}

/// Where a resumed topic begins, and up to where that matters.
#[derive(Debug)]
struct Floor {
    cursor: Cursor,
    /// Index of the join: no cursor that resumes covers anything above it.
    place: u64,
}

impl Floor {
    fn is_new(&self, entry: &Entry) -> bool {
        // What has no stamp is in no cursor: of that, only what came after the join is new.
        match entry.is_stamped() {
            true => planted(Plant::FloorIgnored) || !self.cursor.covers(entry.version.origin(), entry.stamp),
            false => entry.index > self.place,
        }
    }
}

impl Slot {
    /// Index of the next entry to read, if it lies at or below `upto`.
    fn next(&mut self, upto: u64, shared: &Shared, shard: usize, out: &mut Vec<Delivery>) -> Option<u64> {
        let floor = self.floor.as_ref().map(|floor| &floor.cursor);
        let found = lock(&self.topic.ring).find(self.position, floor);
        if self.note(found, out) {
            shared.tell(shard, &self.topic, Tally::GAP);
        }
        found.next.filter(|next| *next <= upto)
    }

    /// Takes note of how the ring was found, and says so where something that was promised is gone.
    fn note(&mut self, found: Found, out: &mut Vec<Delivery>) -> bool {
        self.newest = found.newest;
        let is_gap = found.gone > self.position.max(self.settled) && found.lost;
        if is_gap {
            self.settled = found.gone;
            debug_gap(&self.topic.name, GapCause::Slow);
            out.push(Delivery::Gap { topic: self.topic.name.clone(), cause: GapCause::Slow });
        }
        is_gap
    }

    /// How many values of a State topic were replaced before this one, its newest, was seen.
    fn skipped(&mut self, values: u64) -> u64 {
        let seen = std::mem::replace(&mut self.settled, values);
        (values - seen).saturating_sub(1)
    }
}

/// Tells the operator of a gap, when its reader is told.
fn debug_gap(topic: &TopicName, cause: GapCause) {
    tracing::debug!(%topic, cause = cause.as_str(), "a gap is told");
}

/// Said by name and not by value: a reader that stalls here holds no message.
#[derive(Debug)]
enum Prepared {
    Rewound,
    Gap(u32, GapCause),
    Snapshot(u32),
}

/// A join that has not begun.
#[derive(Debug)]
struct Waiting {
    call: u64,
    topics: Vec<(u32, Start)>,
    deadline_ms: u64,
}

#[derive(Debug)]
struct Joining {
    call: u64,
    index: u64,
    cursor: Box<str>,
}

impl Reader {
    pub(crate) fn new(shared: Arc<Shared>, shard: usize) -> Self {
        Self {
            shared,
            mailbox: Arc::new(Mailbox::new(shard)),
            slots: Slab::new(),
            by_name: HashMap::new(),
            pending: Vec::new(),
            prepared: VecDeque::new(),
            waiting: Vec::new(),
            joining: VecDeque::new(),
            joined_at: 0,
            me: None,
            entries: Vec::new(),
            heads: BinaryHeap::new(),
        }
    }

    /// Skips messages that this sender publishes with `broadcast_from`, on every node and on replay.
    #[must_use]
    pub fn excluding(mut self, sender: &str) -> Self {
        self.me = Some(sender.into());
        self
    }

    /// Wakes the task that polls this reader.
    #[must_use]
    pub fn waker(&self) -> ReaderWaker {
        ReaderWaker(self.mailbox.clone())
    }

    /// The topics that it holds.
    pub fn topics(&self) -> impl Iterator<Item = &TopicName> {
        self.slots.iter().map(|(_, slot)| &slot.topic.name)
    }

    /// Adds topics, as one event at one place of the log.
    ///
    /// The next polls hand out gaps and snapshots first, then messages, and [`Delivery::Joined`]
    /// with `call` once everything up to that place is handed out, of these topics and of all
    /// others. A topic that the reader holds already begins again from its new start.
    ///
    /// # Errors
    /// For each topic that a limit refused; the others are joined.
    pub fn join(&mut self, call: u64, topics: Vec<(TopicName, Start)>) -> Vec<(TopicName, SubscribeError)> {
        let (mut refused, mut joined) = (Vec::new(), Vec::new());
        for (name, start) in topics {
            match self.hold(&name) {
                Ok(slot) => joined.push((slot, start)),
                Err(error) => {
                    tracing::debug!(topic = %name, %error, "a topic was refused to a reader");
                    refused.push((name, error));
                }
            }
        }
        let deadline_ms = self.shared.now().monotonic_ms + self.shared.limits.resume_wait_ms;
        self.begin_or_wait(Waiting { call, topics: joined, deadline_ms });
        refused
    }

    /// Begins with the topics of a join, unless the node still has to get what their cursors cover.
    fn begin_or_wait(&mut self, waiting: Waiting) {
        // Taken only after listening: what is published from here on marks the slots.
        let (place, now) = self.shared.place();
        let age_s_max = self.shared.limits.cursor_age_s_max;
        let overdue = waiting.deadline_ms <= now.monotonic_ms;
        let resumed = |start: &Start| match start {
            Start::After(text) => {
                resume(text, &place, now.wall_s(), age_s_max, |origin, stamp| self.shared.may_come(origin, stamp))
            }
            Start::Now | Start::Retained { .. } => Resume::Here(Cursor::default()),
        };
        let begins: Vec<_> = waiting.topics.iter().map(|(_, start)| resumed(start)).collect();
        if !overdue && begins.contains(&Resume::Ahead) {
            for (slot, _) in &waiting.topics {
                // Nothing is handed out of it meanwhile.
                self.slots[*slot as usize].position = u64::MAX;
            }
            tracing::debug!(call = waiting.call, "a resume waits for what its node lacks");
            self.waiting.push(waiting);
            self.shared.wake_when_more_came(&self.mailbox);
            return;
        }
        let (call, topics, mut gaps) = (waiting.call, waiting.topics.len(), 0);
        let mut rewound = self.prepared.iter().any(|prepared| matches!(prepared, Prepared::Rewound));
        for ((slot, start), begin) in waiting.topics.into_iter().zip(begins) {
            let begin = match begin {
                Resume::Here(cursor) => Ok(cursor),
                Resume::Ahead => Err(GapCause::Rewound),
                Resume::Gap(cause) => Err(cause),
            };
            gaps += usize::from(begin.is_err());
            // Once for all that is still to be said, and before what it explains.
            if begin == Err(GapCause::Rewound) && !std::mem::replace(&mut rewound, true) {
                self.prepared.push_back(Prepared::Rewound);
            }
            self.begin(slot, &start, begin, &place, now);
        }
        self.pending.clear();
        self.pending.extend(self.slots.iter().map(|(slot, _)| slot as u32));
        self.joined_at = place.index;
        // Beats are joins without topics: nothing to tell.
        if topics > 0 {
            tracing::debug!(call, topics, cursors_refused = gaps, index = place.index, "a reader joins");
        }
        self.joining.push_back(Joining { call, index: place.index, cursor: place.text });
        self.mailbox.wake();
    }

    /// Lets a topic go; says whether it was held.
    pub fn leave(&mut self, topic: &TopicName) -> bool {
        let Some(slot) = self.by_name.remove(topic) else { return false };
        self.forget_prepared(slot);
        for waiting in &mut self.waiting {
            waiting.topics.retain(|(of, _)| *of != slot);
        }
        let slot = self.slots.remove(slot as usize);
        slot.topic.unlisten(self.mailbox.shard, slot.key);
        true
    }

    /// What was to be said of a slot is of no use any more: it is let go, or begins again.
    fn forget_prepared(&mut self, slot: u32) {
        self.prepared.retain(|prepared| match prepared {
            Prepared::Rewound => true,
            Prepared::Gap(of, _) | Prepared::Snapshot(of) => *of != slot,
        });
    }

    /// Hands out what is next, at most [`Limits::batch_messages_max`](crate::Limits) messages, in the node's order.
    /// Pending until there is something.
    pub fn poll_read(&mut self, context: &mut Context<'_>, out: &mut Vec<Delivery>) -> Poll<()> {
        let most = self.shared.limits.batch_messages_max;
        let before = out.len();
        for waiting in std::mem::take(&mut self.waiting) {
            self.begin_or_wait(waiting);
        }
        for prepared in self.prepared.drain(..self.prepared.len().min(most)) {
            out.push(match prepared {
                Prepared::Rewound => Delivery::Rewound,
                Prepared::Gap(slot, cause) => {
                    let topic = &self.slots[slot as usize].topic;
                    self.shared.tell(self.mailbox.shard, topic, Tally::GAP);
                    debug_gap(&topic.name, cause);
                    Delivery::Gap { topic: topic.name.clone(), cause }
                }
                Prepared::Snapshot(slot) => {
                    let slot = &mut self.slots[slot as usize];
                    let (entry, values) = lock(&slot.topic.ring).value();
                    // It may be newer than the join, and is not handed out a second time.
                    slot.position = slot.position.max(entry.as_ref().map_or(0, |entry| entry.index));
                    let entry = entry.filter(|entry| entry.payload.is_some());
                    let (delivered, skipped) = (u64::from(entry.is_some()), slot.skipped(values));
                    self.shared.tell(self.mailbox.shard, &slot.topic, Tally { delivered, skipped, gaps: 0 });
                    Delivery::Snapshot { topic: slot.topic.name.clone(), entry }
                }
            });
        }
        if out.len() > before {
            return Poll::Ready(());
        }
        let shared = self.shared.clone();
        let marked = &shared.shards[self.mailbox.shard].marked;
        loop {
            // Acquire, and before the mailbox is emptied: all marks up to this index are then in it.
            let seen = marked.load(Ordering::Acquire);
            self.mailbox.take(&mut self.pending);
            // A join stands at its place among the messages: nothing above it comes before it is told.
            let upto = self.joining.front().map_or(seen.max(self.joined_at), |joining| joining.index);
            let horizon = self.read(upto, most, out);
            while self.joining.front().is_some_and(|joining| joining.index <= horizon) {
                let Some(Joining { call, cursor, .. }) = self.joining.pop_front() else { break };
                out.push(Delivery::Joined { call, cursor });
            }
            if out.len() > before {
                return Poll::Ready(());
            }
            // What is left pending lies above `upto`: its shard wakes us once it may be read.
            let stale = || marked.load(Ordering::Acquire) != seen;
            if horizon == upto && self.mailbox.wait(&mut self.pending, context.waker(), stale) {
                return Poll::Pending;
            }
        }
    }

    /// Reads the pending slots up to an index, merged; slots that hold more stay pending. Returns how far all of them
    /// have been read.
    fn read(&mut self, upto: u64, most: usize, out: &mut Vec<Delivery>) -> u64 {
        self.pending.sort_unstable();
        self.pending.dedup();
        let (slots, entries, heads) = (&mut self.slots, &mut self.entries, &mut self.heads);
        // A topic that was let go may have been marked before.
        self.pending.retain(|slot| slots.contains(*slot as usize));
        if let [only] = self.pending[..] {
            // Nothing to merge with: where it goes on need not be known.
            heads.push(Reverse((0, only)));
        } else {
            for at in &self.pending {
                let next = slots[*at as usize].next(upto, &self.shared, self.mailbox.shard, out);
                heads.extend(next.map(|next| Reverse((next, *at))));
            }
        }
        let (mut left, mut horizon) = (most.max(1), upto);
        while let Some(Reverse((next, at))) = heads.pop() {
            if left == 0 {
                // Nothing may overtake what is still to be read.
                horizon = next - 1;
                heads.clear();
                break;
            }
            // A run of one topic, up to where another one goes on.
            let bound = heads.peek().map_or(upto, |Reverse((next, _))| next - 1);
            let slot = &mut slots[at as usize];
            let floor = slot.floor.as_ref().map(|floor| &floor.cursor);
            // What was there a moment ago may be gone now: the same lock tells what is read and what is lost.
            let found = lock(&slot.topic.ring).read(slot.position, bound, left, floor, entries);
            let mut tally = Tally { gaps: u64::from(slot.note(found, out)), ..Tally::default() };
            if slot.topic.kind == TopicKind::State && !entries.is_empty() {
                tally.skipped = slot.skipped(found.values);
            }
            let read_to = entries.last().filter(|_| entries.len() == left).map_or(bound, |last| last.index);
            slot.position = slot.position.max(read_to);
            left -= entries.len();
            let (me, before) = (self.me.as_deref(), out.len());
            let mut markers = 0;
            out.extend(
                entries
                    .drain(..)
                    .filter(|entry| slot.floor.as_ref().is_none_or(|floor| floor.is_new(entry)))
                    .filter(|entry| me.is_none() || entry.from.as_deref() != me)
                    .map(|entry| match entry.gap {
                        Some(cause) => {
                            markers += 1;
                            debug_gap(&entry.topic, cause);
                            Delivery::Gap { topic: entry.topic.clone(), cause }
                        }
                        None => Delivery::Message(entry),
                    }),
            );
            tally.delivered = (out.len() - before) as u64 - markers;
            tally.gaps += markers;
            self.shared.tell(self.mailbox.shard, &slot.topic, tally);
            heads.extend(found.next.filter(|next| *next <= upto).map(|next| Reverse((next, at))));
        }
        self.pending.retain(|slot| {
            let slot = &mut slots[*slot as usize];
            slot.position = slot.position.max(horizon);
            if slot.floor.as_ref().is_some_and(|floor| floor.place <= slot.position) {
                slot.floor = None;
            }
            slot.newest > slot.position
        });
        horizon
    }

    /// Listens to a topic, or finds the slot that does already.
    fn hold(&mut self, name: &TopicName) -> Result<u32, SubscribeError> {
        if let Some(slot) = self.by_name.get(name) {
            return Ok(*slot);
        }
        let max = self.shared.limits.reader_topics_max;
        if self.slots.len() >= max {
            return Err(SubscribeError::TooManyOfReader { max });
        }
        let entry = self.slots.vacant_entry();
        let slot = entry.key() as u32;
        let (topic, key) = self.shared.listen(name, &self.mailbox, slot)?;
        entry.insert(Slot { topic, key, position: 0, settled: 0, floor: None, newest: 0 });
        self.by_name.insert(name.clone(), slot);
        Ok(slot)
    }

    /// Puts a slot where it begins, and prepares what has to be said first.
    fn begin(&mut self, at: u32, start: &Start, resumed: Result<Cursor, GapCause>, place: &Place, now: Now) {
        self.forget_prepared(at);
        let slot = &mut self.slots[at as usize];
        let mut ring = lock(&slot.topic.ring);
        ring.expire(now.monotonic_ms);
        let mut gap = |cause| self.prepared.push_back(Prepared::Gap(at, cause));
        slot.floor = None;
        // What goes of the past before it is read was not promised, unless a cursor asks for it.
        slot.settled = place.index;
        slot.position = match (start, resumed) {
            (Start::Now, _) => place.index,
            (Start::After(_), Ok(cursor)) => {
                // A State topic lets go of nothing: that a value was replaced is not a gap.
                if ring.has_let_go_above(&cursor) {
                    gap(GapCause::Evicted);
                }
                slot.floor = Some(Floor { cursor, place: place.index });
                slot.settled = ring.gone();
                slot.settled
            }
            (_, resumed) => {
                if let Err(cause) = resumed {
                    gap(cause);
                }
                match (slot.topic.kind, start) {
                    (TopicKind::State, _) => {
                        self.prepared.push_back(Prepared::Snapshot(at));
                        place.index
                    }
                    // A Signal keeps nothing: its ring is for streams that are there, or come back at once.
                    (TopicKind::Signal | TopicKind::Local, _) => place.index,
                    (_, Start::Retained { last }) => ring.place_before_last(*last),
                    _ => ring.gone(),
                }
            }
        };
        if slot.topic.kind == TopicKind::State {
            slot.settled = ring.values();
        }
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        for slot in self.slots.drain() {
            slot.topic.unlisten(self.mailbox.shard, slot.key);
        }
        self.shared.readers.fetch_sub(1, Ordering::Relaxed);
    }
}
