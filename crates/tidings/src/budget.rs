//! One budget of bytes over all rings of a node, and who lets go when it is spent.
//!
//! State is never let go of. Of the rest, in this order:
//!
//! 1. Signal rings, while they hold more than an eighth of the budget: they are for streams that are there;
//! 2. Events rings;
//! 3. what is left of the Signal rings.
//!
//! Signal does not come first without that eighth, for where histories fill the budget, as they will on a busy node,
//! every publish would cost the Signal messages that no reader has had time to read.
//!
//! Among the rings of a kind the *largest* lets go of its oldest message, and not the one that holds the oldest message
//! of all: a flood on some topics then costs those topics their history, and not the quiet ones, whose few messages are
//! older. Largest is meant to a factor of two: rings lie in classes of sizes, and those of the highest class take turns.
//! So nothing is sorted, a publish that fits does one comparison, and one that does not lets go of as many messages as
//! it takes: each message is let go of once, so this is O(1) a publish on average.

use std::sync::{
    Arc, Weak,
    atomic::{AtomicUsize, Ordering},
};

use slab::Slab;
use tidings_wire::TopicKind;

use crate::{
    Limits, Payload,
    counters::{KINDS, kind_at},
    entry::weight,
    error::PublishError,
    lock,
    log::{Message, NodeLog, Publication},
    topic::Topic,
};

/// The part of the budget that Signal rings may hold before Events rings let go: one in so many.
const SIGNAL_SHARE: usize = 8;

/// What the rings of a node hold, by kind. Each ring keeps its own [`Share`] of it, so that the sums are exact whoever
/// changes a ring.
#[derive(Debug, Default)]
pub(crate) struct Held {
    bytes: [AtomicUsize; KINDS.len()],
    messages: [AtomicUsize; KINDS.len()],
}

impl Held {
    /// Bytes that rings of a kind hold.
    pub(crate) fn bytes(&self, kind: TopicKind) -> usize {
        self.bytes[kind_at(kind)].load(Ordering::Relaxed)
    }

    /// Messages that rings of a kind hold.
    pub(crate) fn messages(&self, kind: TopicKind) -> usize {
        self.messages[kind_at(kind)].load(Ordering::Relaxed)
    }

    /// Bytes that all rings hold.
    pub(crate) fn all_bytes(&self) -> usize {
        self.bytes.iter().map(|bytes| bytes.load(Ordering::Relaxed)).sum()
    }
}

/// One ring's share of what is held. What is left of it goes back with the ring.
#[derive(Debug)]
pub(crate) struct Share {
    held: Arc<Held>,
    kind: TopicKind,
    bytes: usize,
    messages: usize,
}

impl Share {
    pub(crate) fn new(held: Arc<Held>, kind: TopicKind) -> Self {
        Self { held, kind, bytes: 0, messages: 0 }
    }

    /// A message of so many bytes came.
    pub(crate) fn add(&mut self, bytes: usize) {
        self.bytes += bytes;
        self.messages += 1;
        self.held.bytes[kind_at(self.kind)].fetch_add(bytes, Ordering::Relaxed);
        self.held.messages[kind_at(self.kind)].fetch_add(1, Ordering::Relaxed);
    }

    /// A message of so many bytes went.
    pub(crate) fn take(&mut self, bytes: usize) {
        self.give_back(bytes, 1);
    }

    /// All messages went.
    pub(crate) fn clear(&mut self) {
        self.give_back(self.bytes, self.messages);
    }

    /// Bytes of this ring.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    fn give_back(&mut self, bytes: usize, messages: usize) {
        self.bytes -= bytes;
        self.messages -= messages;
        self.held.bytes[kind_at(self.kind)].fetch_sub(bytes, Ordering::Relaxed);
        self.held.messages[kind_at(self.kind)].fetch_sub(messages, Ordering::Relaxed);
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.clear();
    }
}

/// The budget of a node. Lives in its log, and under its lock.
#[derive(Debug)]
pub(crate) struct Budget {
    pub(crate) bytes_max: usize,
    pub(crate) held: Arc<Held>,
    signal: BySize,
    events: BySize,
    /// Messages that were let go of for the budget, by kind.
    evicted: [u64; KINDS.len()],
    /// The operator was told that it is spent, and it has not been at ease since.
    told: bool,
}

impl Budget {
    pub(crate) fn new(limits: &Limits) -> Self {
        Self {
            bytes_max: limits.bytes_max,
            held: Arc::default(),
            signal: BySize::default(),
            events: BySize::default(),
            evicted: [0; KINDS.len()],
            told: false,
        }
    }

    /// Messages of a kind that were let go of for the budget.
    pub(crate) fn evicted(&self, kind: TopicKind) -> u64 {
        self.evicted[kind_at(kind)]
    }

    /// Whether a message fits beside what cannot be let go of, which is the State of all topics. `replaced` is the
    /// weight of the value in whose place it comes.
    fn has_room(&self, bytes_max: usize, bytes: usize, replaced: usize) -> bool {
        // What makes it no worse always may: a full node must be able to shrink.
        bytes <= replaced || self.held.bytes(TopicKind::State) - replaced + bytes <= bytes_max
    }

    /// Takes note of a topic whose ring has taken the entry at `index` and is now so heavy, and lets rings go of their
    /// oldest until the budget holds again: never of that entry.
    pub(crate) fn pushed(&mut self, topic: &Arc<Topic>, ring_bytes: usize, index: u64) {
        match topic.kind {
            TopicKind::State => {}
            TopicKind::Events => self.events.note(topic, ring_bytes),
            TopicKind::Signal | TopicKind::Local => self.signal.note(topic, ring_bytes),
        }
        if self.held.all_bytes() > self.bytes_max {
            self.make_room(index);
        } else if self.told && self.held.all_bytes() < self.bytes_max / 4 * 3 {
            self.told = false;
        }
    }

    /// A topic is forgotten.
    pub(crate) fn forget(&mut self, topic: &Topic) {
        match topic.kind {
            TopicKind::State => {}
            TopicKind::Events => self.events.forget(topic),
            TopicKind::Signal | TopicKind::Local => self.signal.forget(topic),
        }
    }

    fn make_room(&mut self, spared: u64) {
        if !std::mem::replace(&mut self.told, true) {
            let (state, max) = (self.held.bytes(TopicKind::State), self.bytes_max);
            tracing::warn!(max, state, "the budget of bytes is spent: oldest messages go; see `Limits::bytes_max`");
        }
        while self.held.all_bytes() > self.bytes_max {
            let signal = self.held.bytes(TopicKind::Signal) > self.bytes_max / SIGNAL_SHARE;
            let kind = if signal && self.signal.evict(spared) {
                TopicKind::Signal
            } else if self.events.evict(spared) {
                TopicKind::Events
            } else if self.signal.evict(spared) {
                TopicKind::Signal
            } else {
                // State of other nodes, and the one message that is spared.
                return;
            };
            self.evicted[kind_at(kind)] += 1;
        }
    }
}

impl NodeLog {
    /// Refuses a publication for which there is no room, whatever else were let go of. `topic` is the one, if it is
    /// there already.
    pub(crate) fn check_room(
        &self,
        topic: Option<&Topic>,
        kind: TopicKind,
        publication: &Publication,
    ) -> Result<(), PublishError> {
        let Publication { payload, from, id, .. } = publication;
        let bytes = self.weight(payload.as_ref(), from.as_deref(), id.as_deref());
        let held = topic.filter(|_| kind == TopicKind::State);
        let replaced = held.map_or(0, |topic| lock(&topic.ring).weight());
        // To clear a value never fails: it is what an operator is told to do.
        let clears = payload.is_none() && replaced > 0;
        let (budget, max) = (&self.budget, self.budget.bytes_max);
        if clears || budget.has_room(max, bytes, replaced) {
            return Ok(());
        }
        Err(PublishError::NoRoom { bytes, state: budget.held.bytes(TopicKind::State), max })
    }

    /// Whether there is room for a message of another node. It has been published already, and to refuse a State value
    /// parts the nodes: State may take twice the budget. Other kinds always have room, for they let go.
    pub(crate) fn has_room_for_remote(&self, topic: &Topic, message: &Message) -> bool {
        let Message { payload, from, id, .. } = message;
        let bytes = self.weight(payload.as_ref(), from.as_deref(), id.as_deref());
        let max = self.budget.bytes_max.saturating_mul(2);
        topic.kind != TopicKind::State || self.budget.has_room(max, bytes, lock(&topic.ring).weight())
    }

    fn weight(&self, payload: Option<&Payload>, from: Option<&str>, id: Option<&str>) -> usize {
        weight(payload.map_or(0, Payload::len), from, id, self.cursor_bytes())
    }
}

/// The rings of one kind that hold something, in classes: the nth holds those of 2ⁿ bytes and more, below 2ⁿ⁺¹.
#[derive(Debug, Default)]
struct BySize {
    rings: Slab<Listed>,
    classes: Vec<Vec<u32>>,
    /// Classes that are not empty, as bits.
    filled: u64,
    /// Whose turn it is, within a class.
    turn: usize,
}

/// A ring in its class. The class may be too high: a ring also lets go of what is past its age, which nobody notes.
#[derive(Debug)]
struct Listed {
    topic: Weak<Topic>,
    class: u32,
    /// Its place within the class.
    place: u32,
}

/// No ring is listed: see [`Topic::listed`].
pub(crate) const UNLISTED: u32 = u32::MAX;

impl BySize {
    /// Puts a topic into the class of its ring, which holds so many bytes.
    fn note(&mut self, topic: &Arc<Topic>, bytes: usize) {
        let listed = topic.listed.load(Ordering::Relaxed);
        if listed == UNLISTED {
            let Some(class) = bytes.checked_ilog2() else { return };
            let key = self.rings.insert(Listed { topic: Arc::downgrade(topic), class, place: 0 }) as u32;
            topic.listed.store(key, Ordering::Relaxed);
            self.enter(key, class);
        } else if bytes.checked_ilog2() != Some(self.rings[listed as usize].class) {
            self.leave(listed);
            match bytes.checked_ilog2() {
                Some(class) => self.enter(listed, class),
                None => self.unlist(topic, listed),
            }
        }
    }

    fn forget(&mut self, topic: &Topic) {
        let listed = topic.listed.load(Ordering::Relaxed);
        if listed != UNLISTED {
            self.leave(listed);
            self.unlist(topic, listed);
        }
    }

    fn unlist(&mut self, topic: &Topic, key: u32) {
        self.rings.remove(key as usize);
        topic.listed.store(UNLISTED, Ordering::Relaxed);
    }

    fn enter(&mut self, key: u32, class: u32) {
        if self.classes.len() <= class as usize {
            self.classes.resize_with(class as usize + 1, Vec::new);
        }
        let rings = &mut self.classes[class as usize];
        let place = rings.len() as u32;
        rings.push(key);
        self.filled |= 1 << class;
        let listed = &mut self.rings[key as usize];
        (listed.class, listed.place) = (class, place);
    }

    fn leave(&mut self, key: u32) {
        let Listed { class, place, .. } = self.rings[key as usize];
        let rings = &mut self.classes[class as usize];
        rings.swap_remove(place as usize);
        if let Some(moved) = rings.get(place as usize) {
            self.rings[*moved as usize].place = place;
        } else if rings.is_empty() {
            self.filled &= !(1 << class);
        }
    }

    /// Lets one of the largest rings go of its oldest message; says whether there was one. Spares the entry at an
    /// index.
    fn evict(&mut self, spared: u64) -> bool {
        let mut classes = self.filled;
        while let Some(class) = classes.checked_ilog2() {
            match self.evict_in(class, spared) {
                Turn::Evicted => return true,
                Turn::Moved => classes = self.filled,
                Turn::Spared => classes &= !(1 << class),
            }
        }
        false
    }

    fn evict_in(&mut self, class: u32, spared: u64) -> Turn {
        let rings = self.classes[class as usize].len();
        // Only one of them can be the one that is spared.
        for _ in 0..rings.min(2) {
            self.turn = (self.turn + 1) % rings;
            match self.evict_from(self.classes[class as usize][self.turn], spared) {
                Turn::Spared => {}
                done => return done,
            }
        }
        Turn::Spared
    }

    fn evict_from(&mut self, key: u32, spared: u64) -> Turn {
        let Listed { topic, class, .. } = &self.rings[key as usize];
        let Some((topic, class)) = topic.upgrade().map(|topic| (topic, *class)) else {
            // Not met: a topic is taken off before it is forgotten. A ring that is gone holds nothing.
            self.leave(key);
            self.rings.remove(key as usize);
            return Turn::Moved;
        };
        let mut ring = lock(&topic.ring);
        let turn = if ring.weight().checked_ilog2() != Some(class) {
            Turn::Moved
        } else if ring.evict_for_budget(spared) {
            Turn::Evicted
        } else {
            Turn::Spared
        };
        let bytes = ring.weight();
        drop(ring);
        self.note(&topic, bytes);
        turn
    }
}

/// What came of a ring's turn.
enum Turn {
    /// It let go of a message.
    Evicted,
    /// It was in too high a class.
    Moved,
    /// Its only message is the one that is spared.
    Spared,
}

#[cfg(test)]
mod tests {
    use tidings_wire::{Events, NodeName, OriginTag, State, Version, topics};

    use super::*;
    use crate::{
        Hub,
        cluster::{Cluster, Data, Envelope, Event, Frame, WireEntry},
        entry::ENTRY_BYTES,
        testing::HandClock,
    };

    topics! {
        VALUE(name: u64): State<String> = "value/{name}";
        LOG(name: u64): Events<String> = "log/{name}" keep 1000;
    }

    /// Room for ten messages of 100 bytes.
    const MESSAGE_BYTES: usize = ENTRY_BYTES + 24 + 100;

    fn hub() -> Hub {
        let builder = Hub::builder("alpha").unwrap().limits(|limits| limits.bytes_max = 10 * MESSAGE_BYTES);
        let hub = builder.build_still(1);
        hub.serve(VALUE);
        hub.serve(LOG);
        hub
    }

    fn text() -> String {
        "x".repeat(98)
    }

    fn remote(stamp: u64) -> Message {
        let version = Version::from_clock(stamp, OriginTag::from_low_bits(2));
        let payload = Some(Payload::of(&text()).unwrap());
        Message { version, stamp, from: None, id: None, payload, gap: None }
    }

    #[test]
    fn state_of_other_nodes_may_take_twice_the_budget_and_is_never_let_go_of() {
        let hub = hub();
        let (shared, now) = (&hub.shared, hub.shared.now());
        for name in 0..3 {
            hub.publish(&LOG.at(name), &text()).unwrap();
        }
        let mut log = shared.log();
        // Another origin in the cursor makes each message longer.
        log.decide(OriginTag::from_low_bits(2), 0);
        let mut applied = 0;
        while applied < 100 {
            let topic = shared.topic(&mut log, now, VALUE.at(applied).name().unwrap()).unwrap();
            if !log.has_room_for_remote(&topic, &remote(applied + 1)) {
                break;
            }
            log.apply(now, &topic, remote(applied + 1));
            applied += 1;
        }
        assert_eq!(applied, 20 * MESSAGE_BYTES as u64 / (MESSAGE_BYTES + 16) as u64);
        drop(log);
        let info = hub.info();
        assert_eq!((info.state.held as u64, info.state.evicted), (applied, 0));
        assert_eq!((info.events.held, info.events.evicted), (0, 3), "everything else has gone");
        assert_eq!(hub.value(&VALUE.at(0)), Some(text()));
        let refused = hub.publish(&LOG.at(0), &text());
        assert!(matches!(refused, Err(PublishError::NoRoom { .. })), "{refused:?}");
        // What another node published is told all the same: it is kept until the next one.
        let mut log = shared.log();
        let topic = shared.topic(&mut log, now, LOG.at(0).name().unwrap()).unwrap();
        assert!(log.has_room_for_remote(&topic, &remote(applied + 1)));
        log.apply(now, &topic, remote(applied + 1));
        log.apply(now, &topic, remote(applied + 2));
        assert_eq!(lock(&topic.ring).len(), 1);
    }

    #[test]
    fn a_link_that_brings_more_state_ends() {
        let hub = hub();
        hub.shared.log().cluster = Some(Cluster::new(hub.limits(), 0));
        let (node, origin) = ("beta".parse::<NodeName>().unwrap(), OriginTag::of(&"beta".parse().unwrap(), 9));
        hub.shared.handle(Event::Up(node.clone()));
        let entry = |stamp| WireEntry {
            topic: VALUE.at(stamp).name().unwrap().clone(),
            clock: hub.now_ms() << 16,
            stamp,
            from: None,
            id: None,
            payload: Some(Payload::of(&text()).unwrap()),
            author: None,
        };
        let (from, to, entries) = (0, 50, (1..=50).map(entry).collect());
        let (lost, lost_elsewhere, deleted) = (Vec::new(), 0, 0);
        let data = Data { origin: origin.into(), from, to, entries, lost, lost_elsewhere, deleted };
        hub.shared.handle(Event::Received(Envelope { node, epoch: 9, frame: Frame::Data(data) }));
        let info = hub.info();
        assert!(info.held_bytes > info.bytes_max && info.held_bytes <= 2 * info.bytes_max, "{info:?}");
        let applied = hub.shared.log().applied().get(origin);
        assert_eq!(applied, info.state.held as u64, "the vector stands where the frame was left");
    }

    #[test]
    fn a_forgotten_topic_gives_its_place_back() {
        let clock = HandClock::default();
        let hub = Hub::builder("alpha").unwrap().clock(clock.clone()).build_still(1);
        for round in 0..5 {
            for name in 0..4_u64 {
                hub.broadcast(&format!("signal/{round}/{name}"), Payload::of("x").unwrap()).unwrap();
            }
            assert_eq!(hub.shared.log().budget.signal.rings.len(), 4);
            clock.advance(60);
            assert_eq!(hub.forget_idle(), 4);
            let budget = &hub.shared.log().budget;
            assert_eq!((budget.signal.rings.len(), budget.signal.filled), (0, 0));
            assert_eq!(budget.held.all_bytes(), 0);
        }
    }

    #[test]
    fn a_ring_takes_its_share_along() {
        let held = Arc::new(Held::default());
        let [mut one, mut two] = [(); 2].map(|()| Share::new(held.clone(), TopicKind::Events));
        one.add(5);
        two.add(7);
        two.add(8);
        two.take(7);
        assert_eq!((held.all_bytes(), held.messages(TopicKind::Events)), (13, 2));
        drop(two);
        assert_eq!((held.bytes(TopicKind::Events), held.messages(TopicKind::Events)), (5, 1));
    }
}
