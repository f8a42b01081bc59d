//! What is handed out, in order.

use std::{
    cmp::Reverse,
    sync::atomic::Ordering,
    task::{Context, Poll},
};

use tidings_wire::{TopicName, event::GapCause};

use super::{Joining, Reader};
use crate::{
    counters::Tally,
    entry::Delivery,
    lock,
    plant::{Plant, planted},
    topic::Topic,
};

/// What is to be said before anything is read. By name and not by value: a reader that stalls here holds no message.
#[derive(Debug)]
pub(super) enum Prepared {
    Rewound,
    Gap(u32, GapCause),
    /// A State topic's value, or that it has none.
    Snapshot(u32),
    /// A State topic's value, if it still has one: what a pattern's snapshot does not name is not there.
    Value(u32),
    /// Of a topic that has no slot any more.
    Lost(TopicName, GapCause),
    /// A State topic that has no slot any more has no value.
    Nothing(TopicName),
    PatternGap(u32, GapCause),
    Complete(u32),
}

impl Prepared {
    /// The slot that it is of.
    pub(super) fn slot(&self) -> Option<u32> {
        match self {
            Self::Gap(at, _) | Self::Snapshot(at) | Self::Value(at) => Some(*at),
            _ => None,
        }
    }

    /// The pattern that it is of.
    pub(super) fn pattern(&self) -> Option<u32> {
        match self {
            Self::PatternGap(hold, _) | Self::Complete(hold) => Some(*hold),
            _ => None,
        }
    }
}

impl Reader {
    /// Hands out what is next, at most [`Limits::batch_messages_max`](crate::Limits) messages, in the node's order.
    /// Pending until there is something.
    pub fn poll_read(&mut self, context: &mut Context<'_>, out: &mut Vec<Delivery>) -> Poll<()> {
        let most = self.shared.limits.batch_messages_max;
        let before = out.len();
        self.begin_waiting(false, None);
        let shared = self.shared.clone();
        let marked = &shared.shards[self.mailbox.shard].marked;
        loop {
            if planted(Plant::MailboxBeforeIndex) {
                self.look();
            }
            // Acquire, and before the mailbox is emptied: all marks and all new topics up to this index are then in it.
            let seen = marked.load(Ordering::Acquire);
            if !planted(Plant::MailboxBeforeIndex) {
                self.look();
            }
            self.say_prepared(most, out);
            if out.len() > before {
                return Poll::Ready(());
            }
            if !self.prepared.is_empty() {
                continue;
            }
            let upto = self.readable(seen);
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
            if self.prepared.is_empty()
                && horizon == upto
                && self.mailbox.wait(&mut self.pending, context.waker(), stale)
            {
                return Poll::Pending;
            }
        }
    }

    /// Up to where the reader may read, where its shard has marked everything up to `seen`.
    fn readable(&self, seen: u64) -> u64 {
        // At a join every slot is pending, and may be read up to there. Not so where patterns are held: a topic may
        // have begun that the shard has not introduced.
        let reach = if self.patterns.is_empty() { seen.max(self.joined_at) } else { seen };
        // A join stands at its place among the messages: nothing above it comes before it is told.
        self.joining.front().map_or(reach, |joining| joining.index.min(reach))
    }

    fn say_prepared(&mut self, most: usize, out: &mut Vec<Delivery>) {
        for prepared in self.prepared.drain(..self.prepared.len().min(most)) {
            let (slots, patterns) = (&mut self.slots, &self.patterns);
            let pattern = |hold: u32| patterns[hold as usize].pattern.clone();
            out.push(match prepared {
                Prepared::Rewound => Delivery::Rewound,
                Prepared::Gap(at, cause) => {
                    let slot = &mut slots[at as usize];
                    if cause == GapCause::Slow {
                        // What has gone since is told with it.
                        slot.settle();
                    }
                    Delivery::Gap { topic: (&slot.topic.name).into(), cause }
                }
                Prepared::Lost(topic, cause) => Delivery::Gap { topic: topic.into(), cause },
                Prepared::PatternGap(hold, cause) => Delivery::Gap { topic: pattern(hold), cause },
                Prepared::Complete(hold) => Delivery::Complete { pattern: pattern(hold) },
                Prepared::Nothing(topic) => Delivery::Snapshot { topic, entry: None },
                Prepared::Snapshot(at) | Prepared::Value(at) => {
                    let slot = &mut slots[at as usize];
                    let (entry, values) = lock(&slot.topic.ring).value();
                    let index = entry.as_ref().map_or(0, |entry| entry.index);
                    let entry = entry.filter(|entry| entry.payload.is_some());
                    if entry.is_none() && matches!(prepared, Prepared::Value(_)) {
                        // Cleared since: that comes as a message, for another of its holds may have been told a value.
                        continue;
                    }
                    let (delivered, skipped) = (u64::from(entry.is_some()), slot.skipped(values));
                    self.shared.tell(self.mailbox.shard, &slot.topic, Tally { delivered, skipped, gaps: 0 });
                    // It may be newer than the join, and is not handed out a second time.
                    slot.position = slot.position.max(index);
                    slot.told = slot.told.max(index);
                    Delivery::Snapshot { topic: slot.topic.name.clone(), entry }
                }
            });
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
        let shard = self.mailbox.shard;
        let slow = |topic: &Topic| {
            debug_gap(&topic.name, GapCause::Slow);
            Delivery::Gap { topic: (&topic.name).into(), cause: GapCause::Slow }
        };
        if let [only] = self.pending[..] {
            // Nothing to merge with: where it goes on need not be known.
            heads.push(Reverse((0, only)));
        } else {
            for at in &self.pending {
                let slot = &mut slots[*at as usize];
                let (next, lost) = slot.next(upto);
                if lost {
                    self.shared.tell(shard, &slot.topic, Tally::GAP);
                    out.push(slow(&slot.topic));
                }
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
            let (next, mut tally) = slot.read(bound, left, entries);
            out.extend((tally.gaps > 0).then(|| slow(&slot.topic)));
            left -= entries.len();
            let (me, before, mut markers) = (self.me.as_deref(), out.len(), 0);
            out.extend(
                entries
                    .drain(..)
                    .filter(|entry| slot.is_new(entry))
                    .filter(|entry| me.is_none() || entry.from.as_deref() != me)
                    .map(|entry| match entry.gap {
                        Some(cause) => {
                            markers += 1;
                            debug_gap(&entry.topic, cause);
                            Delivery::Gap { topic: (&entry.topic).into(), cause }
                        }
                        None => Delivery::Message(entry),
                    }),
            );
            tally.delivered = (out.len() - before) as u64 - markers;
            tally.gaps += markers;
            self.shared.tell(shard, &slot.topic, tally);
            heads.extend(next.filter(|next| *next <= upto).map(|next| Reverse((next, at))));
        }
        let mut forgotten = Vec::new();
        self.pending.retain(|at| {
            let slot = &mut slots[*at as usize];
            let more = slot.has_read_to(horizon);
            if slot.is_forgotten(self.mailbox.shard) {
                forgotten.push(*at);
            }
            more
        });
        for at in forgotten {
            self.end_forgotten(at);
        }
        horizon
    }
}

/// Tells the operator of a gap that a reader is told.
pub(crate) fn debug_gap(topic: &impl std::fmt::Display, cause: GapCause) {
    tracing::debug!(%topic, cause = cause.as_str(), "a gap is told");
}
