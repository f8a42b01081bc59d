//! A reader of one topic that resumes from no cursor: what most subscriptions are, and nothing that they do not need.

use std::{
    sync::{Arc, atomic::Ordering},
    task::{Context, Poll},
};

use tidings_wire::{TopicKind, TopicName, event::GapCause};

use crate::{
    counters::Tally,
    entry::{Delivery, Entry},
    error::SubscribeError,
    lock,
    mailbox::Mailbox,
    reader::debug_gap,
    shared::Shared,
    topic::Topic,
};

/// Entries that are read from the ring at once: enough that its lock is nothing beside them, and no more memory than a
/// busy subscriber may have.
const RUN_MAX: usize = 64;

/// One topic, from now on or with what is kept.
///
/// As a [`Reader`](crate::Reader) with one slot and no joins. There is nothing to merge and no cursor to pass on, so
/// marks need not be looked at: its shard wakes it, and the ring tells the rest.
#[derive(Debug)]
pub(crate) struct One {
    shared: Arc<Shared>,
    mailbox: Arc<Mailbox>,
    topic: Arc<Topic>,
    /// Key among the topic's listeners. A node has no more readers than that.
    key: u32,
    /// Its State topic's value is still to be told.
    owes_value: bool,
    /// Everything up to here has been handed out, or taken into `run`.
    position: u64,
    /// What the ring let go of up to here was told, or never promised: first the place where it began, up to which it may
    /// read whatever its shard has marked, for it listened before. Of a State topic, which lets go of nothing: how many
    /// values it had had when this reader last saw its newest.
    settled: u64,
    /// Entries of this sender are skipped.
    me: Option<Box<str>>,
    /// Read and not handed out.
    run: Run,
}

/// Some entries, in order. Without memory where it is one, and while its reader waits.
#[derive(Debug, Default)]
struct Run {
    first: Option<Arc<Entry>>,
    /// The newest first, once they are [turned](Self::turn).
    others: Vec<Arc<Entry>>,
}

impl Extend<Arc<Entry>> for Run {
    fn extend<I: IntoIterator<Item = Arc<Entry>>>(&mut self, entries: I) {
        let mut entries = entries.into_iter();
        self.first = entries.next();
        self.others.extend(entries);
    }
}

impl Run {
    fn iter(&self) -> impl Iterator<Item = &Arc<Entry>> {
        self.first.iter().chain(&self.others)
    }

    /// Index of the last one, if there are as many as are read at once.
    fn last_of_many(&self) -> Option<u64> {
        self.others.last().filter(|_| self.others.len() == RUN_MAX - 1).map(|last| last.index)
    }

    /// From here on they are taken one by one.
    fn turn(&mut self) {
        self.others.reverse();
    }

    fn take(&mut self) -> Option<Arc<Entry>> {
        self.first.take().or_else(|| self.others.pop())
    }
}

impl One {
    /// A reader that the hub has counted. `last`: so many of the kept messages, or the State topic's value, come first.
    pub(crate) fn new(
        shared: Arc<Shared>,
        shard: usize,
        name: &TopicName,
        last: Option<usize>,
    ) -> Result<Self, SubscribeError> {
        let mailbox = Arc::new(Mailbox::new(shard));
        match shared.listen(name, &mailbox, 0) {
            Ok((topic, key)) => {
                // Taken only after listening: what is published from here on wakes it.
                let place = shared.index();
                let mut ring = lock(&topic.ring);
                ring.expire(shared.clock.monotonic_ms());
                let (position, settled) = match (topic.kind, last) {
                    (TopicKind::State, _) => (place, ring.values()),
                    // Not above its place: what the ring lets go of between that and now is a gap.
                    (TopicKind::Events, Some(last)) => (ring.place_before_last(last).min(place), place),
                    (TopicKind::Events | TopicKind::Signal | TopicKind::Local, _) => (place, place),
                };
                drop(ring);
                let owes_value = topic.kind == TopicKind::State && last.is_some();
                let (key, me, run) = (key as u32, None, Run::default());
                Ok(Self { shared, mailbox, topic, key, owes_value, position, settled, me, run })
            }
            Err(error) => {
                shared.readers.fetch_sub(1, Ordering::Relaxed);
                Err(error)
            }
        }
    }

    pub(crate) fn excluding(&mut self, sender: &str) {
        self.me = Some(sender.into());
    }

    pub(crate) fn poll(&mut self, context: &mut Context<'_>) -> Poll<Delivery> {
        loop {
            while let Some(entry) = self.run.take() {
                if self.is_mine(&entry) {
                    continue;
                }
                return Poll::Ready(match entry.gap {
                    Some(cause) => Delivery::Gap { topic: (&entry.topic).into(), cause },
                    None => Delivery::Message(entry),
                });
            }
            if std::mem::take(&mut self.owes_value) {
                return Poll::Ready(self.value());
            }
            let marked = &self.shared.shards[self.mailbox.shard].marked;
            // Up to where its shard has marked, as every reader: so all of them see one order.
            let seen = marked.load(Ordering::Acquire);
            let upto = if self.topic.kind == TopicKind::State { seen } else { seen.max(self.settled) };
            if upto > self.position {
                if self.read(upto) {
                    debug_gap(&self.topic.name, GapCause::Slow);
                    return Poll::Ready(Delivery::Gap { topic: (&self.topic.name).into(), cause: GapCause::Slow });
                }
                continue;
            }
            self.run = Run::default();
            if self.mailbox.wait_for_one(context.waker(), || marked.load(Ordering::Acquire) != seen) {
                return Poll::Pending;
            }
        }
    }

    /// The next of what was published by now, without waiting.
    #[cfg(any(test, feature = "testing"))]
    pub(crate) fn try_next(&mut self) -> Option<Delivery> {
        crate::shard::Round::default().run(&self.shared, self.mailbox.shard);
        match self.poll(&mut Context::from_waker(std::task::Waker::noop())) {
            Poll::Ready(delivery) => Some(delivery),
            Poll::Pending => None,
        }
    }

    /// The State topic's value, or that it has none.
    fn value(&mut self) -> Delivery {
        let (entry, values) = lock(&self.topic.ring).value();
        // It may be newer than what its shard has marked, and is not handed out a second time.
        self.position = self.position.max(entry.as_ref().map_or(0, |entry| entry.index));
        let skipped = (values - std::mem::replace(&mut self.settled, values)).saturating_sub(1);
        let entry = entry.filter(|entry| entry.payload.is_some());
        let delivered = u64::from(entry.is_some());
        self.shared.tell(self.mailbox.shard, &self.topic, Tally { delivered, skipped, gaps: 0 });
        Delivery::Snapshot { topic: self.topic.name.clone(), entry }
    }

    /// Reads a run; says whether something is gone before it.
    fn read(&mut self, upto: u64) -> bool {
        let found = lock(&self.topic.ring).read(self.position, upto, RUN_MAX, None, &mut self.run);
        let mut tally = Tally::default();
        if self.topic.kind == TopicKind::State {
            if self.run.first.is_some() {
                tally.skipped = (found.values - std::mem::replace(&mut self.settled, found.values)).saturating_sub(1);
            }
        } else if found.gone > self.position.max(self.settled) {
            self.settled = found.gone;
            tally.gaps = 1;
        }
        let lost = tally.gaps > 0;
        self.position = self.run.last_of_many().unwrap_or(upto);
        for entry in self.run.iter().filter(|entry| !self.is_mine(entry)) {
            match entry.gap {
                Some(cause) => {
                    debug_gap(&entry.topic, cause);
                    tally.gaps += 1;
                }
                None => tally.delivered += 1,
            }
        }
        self.shared.tell(self.mailbox.shard, &self.topic, tally);
        self.run.turn();
        lost
    }

    fn is_mine(&self, entry: &Entry) -> bool {
        self.me.is_some() && entry.from == self.me
    }
}

impl Drop for One {
    fn drop(&mut self) {
        self.shared.unlisten(&self.topic, self.mailbox.shard, self.key as usize);
        self.shared.readers.fetch_sub(1, Ordering::Relaxed);
    }
}
