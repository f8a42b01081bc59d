//! Readers: one place in the log, many topics, no queue of their own.

mod expand;
mod join;
mod read;
mod slot;
mod waiting;

use std::{
    cmp::Reverse,
    collections::{BinaryHeap, HashMap, VecDeque},
    sync::{Arc, atomic::Ordering},
};

use slab::Slab;
use tidings_wire::{Pattern, TopicName};

use crate::{
    entry::Entry,
    mailbox::{Found, Mailbox, ReaderWaker},
    shared::Shared,
};
use expand::{Admits, PatternHold};
use read::Prepared;
pub(crate) use read::debug_gap;
use slot::Slot;
use waiting::Waiting;

/// Where a reader begins on a topic.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Start {
    /// With the next message.
    Now,
    /// With what is retained: a State topic's snapshot, the last so many messages of an Events topic. Of a pattern:
    /// the snapshots of all its State topics that have a value, then [`Complete`](crate::Delivery::Complete).
    Retained {
        /// At most so many messages of a topic; the ring may hold fewer.
        last: usize,
    },
    /// After a cursor: exactly what came since, or a gap and what is retained. The text is what a client sent: a
    /// malformed one leads to a gap too. A pattern whose cursor cannot be gone on from has one gap, on itself.
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
/// [`Hub::subscribe`](crate::Hub::subscribe) is the simple way to one topic or pattern; a reader is what a page's
/// stream is made of.
#[derive(Debug)]
pub struct Reader {
    shared: Arc<Shared>,
    mailbox: Arc<Mailbox>,
    slots: Slab<Slot>,
    by_name: HashMap<TopicName, u32>,
    patterns: Slab<PatternHold>,
    /// Which topics patterns may become; all where there is none.
    admits: Option<Admits>,
    /// Slots that were marked and have not been read to the end.
    pending: Vec<u32>,
    /// What is to be said before anything is read.
    prepared: VecDeque<Prepared>,
    /// Joins whose cursors lie ahead of the node, or whose Signals no peer has answered for yet; and those that came
    /// after them, for the cursor of a later one covers what an earlier one has not handed out.
    waiting: VecDeque<Waiting>,
    /// Joins whose place has not been reached, oldest first.
    joining: VecDeque<Joining>,
    /// The newest join's place: every slot was pending then.
    joined_at: u64,
    /// Entries of this sender are skipped.
    me: Option<Box<str>>,
    /// Memory of a read, kept for the next one.
    entries: Vec<Arc<Entry>>,
    /// Where each pending slot goes on: the merge's heap, empty between reads.
    heads: BinaryHeap<Reverse<(u64, u32)>>,
    /// Memory for topics that were introduced, empty between polls.
    found: Vec<Found>,
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
            patterns: Slab::new(),
            admits: None,
            pending: Vec::new(),
            prepared: VecDeque::new(),
            waiting: VecDeque::new(),
            joining: VecDeque::new(),
            joined_at: 0,
            me: None,
            entries: Vec::new(),
            heads: BinaryHeap::new(),
            found: Vec::new(),
        }
    }

    /// Skips messages that this sender publishes with `broadcast_from`, on every node and on replay.
    #[must_use]
    pub fn excluding(mut self, sender: &str) -> Self {
        self.exclude(sender);
        self
    }

    pub(crate) fn exclude(&mut self, sender: &str) {
        self.me = Some(sender.into());
    }

    /// Lets patterns become only the topics for which `rule` answers true: a right to read, say. The others are left
    /// out without a word, and do not count as topics of the reader.
    ///
    /// It is asked once for a topic, when a pattern finds it, and outside of all locks. What is joined by its name is
    /// not asked for: whoever joins has looked at it.
    #[must_use]
    pub fn admitting(mut self, rule: impl Fn(&TopicName) -> bool + Send + Sync + 'static) -> Self {
        self.admits = Some(Admits(Box::new(rule)));
        self
    }

    /// Does a round of its shard.
    #[cfg(any(test, feature = "testing"))]
    pub(crate) fn run_round(&self) {
        crate::shard::Round::default().run(&self.shared, self.mailbox.shard);
    }

    /// Wakes the task that polls this reader.
    #[must_use]
    pub fn waker(&self) -> ReaderWaker {
        ReaderWaker(self.mailbox.clone())
    }

    /// The topics that it hears: those that it holds by name, and those that its patterns have become so far.
    pub fn topics(&self) -> impl Iterator<Item = &TopicName> {
        self.slots.iter().map(|(_, slot)| &slot.topic.name)
    }

    /// What it holds: names and patterns, as they were joined.
    pub fn holds(&self) -> impl Iterator<Item = Pattern> {
        let named = self.slots.iter().filter(|(_, slot)| slot.named).map(|(_, slot)| (&slot.topic.name).into());
        named.chain(self.patterns.iter().map(|(_, hold)| hold.pattern.clone()))
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        self.let_all_go();
        self.shared.readers.fetch_sub(1, Ordering::Relaxed);
    }
}
