//! What a shard touches of a reader: a set of marked slots, and a waker.

use std::{sync::Arc, task::Waker};

use crate::{
    lock,
    plant::{Plant, planted},
    sync::Mutex,
    topic::Topic,
};

/// A reader as its shard sees it.
#[derive(Debug)]
pub(crate) struct Mailbox {
    pub(crate) shard: usize,
    /// Locked for a few instructions, never across an await, and no other lock is taken under it.
    state: Mutex<State>,
}

/// A topic that one of the reader's patterns matches.
#[derive(Debug)]
pub(crate) struct Found {
    /// The reader's number of that pattern.
    pub(crate) hold: u32,
    pub(crate) topic: Arc<Topic>,
}

/// Messages that this node will never get may be on topics that it does not know, and so on any that a pattern names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Hidden {
    /// On Signal topics.
    Signals,
    /// On Events topics, too.
    Messages,
}

/// What there is to say of patterns as a whole.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct OfPatterns {
    /// There were more topics than the mailbox holds, and they are not in it.
    pub(crate) overflowed: bool,
    pub(crate) hidden: Option<Hidden>,
}

/// What a reader of one topic never has.
#[derive(Debug, Default)]
struct More {
    /// Marks of slots from 64 on.
    rest: Vec<u64>,
    /// Topics that were introduced and not looked at.
    found: Vec<Found>,
    of_patterns: OfPatterns,
}

#[derive(Debug, Default)]
struct State {
    dirty: Slots,
    /// The last round that marked it, and so has it on its list, once. Each round that marks wakes: where two follow one
    /// another, the wake-up of the first may come before the second has published its index.
    round: u64,
    waker: Option<Waker>,
}

impl State {
    /// Whether a round marks it for the first time.
    fn is_first_of(&mut self, round: u64) -> bool {
        let before = std::mem::replace(&mut self.round, round);
        if planted(Plant::WakesForAnotherRound) { before == 0 } else { before != round }
    }
}

impl Mailbox {
    pub(crate) fn new(shard: usize) -> Self {
        Self { shard, state: Mutex::default() }
    }

    /// Marks a slot; says whether the caller has to [`wake`](Self::wake) after its round.
    pub(crate) fn mark(&self, slot: u32, round: u64) -> bool {
        let mut state = lock(&self.state);
        state.dirty.insert(slot);
        state.is_first_of(round)
    }

    /// Hands in a topic that a pattern matches; says whether the caller has to [`wake`](Self::wake) after its round. A
    /// reader that does not look has at most so many: it is told that there were more, and has to ask for all.
    pub(crate) fn introduce(&self, hold: u32, topic: &Arc<Topic>, most: usize, round: u64) -> bool {
        let mut state = lock(&self.state);
        let more = state.dirty.more.get_or_insert_default();
        if more.of_patterns.overflowed || more.found.len() >= most {
            more.of_patterns.overflowed = true;
            more.found = Vec::new();
        } else {
            more.found.push(Found { hold, topic: topic.clone() });
        }
        state.is_first_of(round)
    }

    /// Notes what may be hidden; the caller wakes.
    pub(crate) fn hide(&self, hidden: Hidden) {
        let mut state = lock(&self.state);
        let of_patterns = &mut state.dirty.more.get_or_insert_default().of_patterns;
        of_patterns.hidden = of_patterns.hidden.max(Some(hidden));
    }

    /// Drops what was introduced for a pattern that was let go.
    pub(crate) fn forget_hold(&self, hold: u32) {
        if let Some(more) = &mut lock(&self.state).dirty.more {
            more.found.retain(|found| found.hold != hold);
        }
    }

    /// Drops all that was introduced.
    pub(crate) fn forget_found(&self) {
        if let Some(more) = &mut lock(&self.state).dirty.more {
            (more.found, more.of_patterns) = (Vec::new(), OfPatterns::default());
        }
    }

    /// Wakes the task that waits for this reader, if one does.
    pub(crate) fn wake(&self) {
        let waker = {
            let mut state = lock(&self.state);
            if planted(Plant::WakesForAnotherRound) {
                state.round = 0;
            }
            state.waker.take()
        };
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    /// Moves all marks to `slots` and what was introduced to `found`; says what there is to say of patterns.
    pub(crate) fn take(&self, slots: &mut Vec<u32>, found: &mut Vec<Found>) -> OfPatterns {
        let mut state = lock(&self.state);
        state.dirty.drain(slots);
        let Some(more) = &mut state.dirty.more else { return OfPatterns::default() };
        found.append(&mut more.found);
        std::mem::take(&mut more.of_patterns)
    }

    /// Puts marks back and waits for the next wake-up, unless `stale` says that it has already been: then the marks
    /// stay where they are, and the answer is false.
    pub(crate) fn wait(&self, slots: &mut Vec<u32>, waker: &Waker, stale: impl Fn() -> bool) -> bool {
        // Dropped after the lock: the last handle of a task may free another reader.
        let _old;
        let early = planted(Plant::LooksBeforeItWaits).then(&stale);
        let mut state = lock(&self.state);
        // Under the lock: a wake-up is either before this, and `stale` sees what it told, or finds the waker.
        let is_news = |more: &More| more.of_patterns != OfPatterns::default() || !more.found.is_empty();
        let has_news = state.dirty.more.as_deref().is_some_and(is_news);
        if early.unwrap_or_else(stale) || has_news || !state.dirty.is_empty() {
            return false;
        }
        for slot in slots.drain(..) {
            state.dirty.insert(slot);
        }
        if !state.waker.as_ref().is_some_and(|held| held.will_wake(waker)) {
            _old = state.waker.replace(waker.clone());
        }
        true
    }

    /// The same for a reader of one topic: a mark can be of nothing else, so it is not looked at.
    pub(crate) fn wait_for_one(&self, waker: &Waker, stale: impl FnOnce() -> bool) -> bool {
        let _old;
        let mut state = lock(&self.state);
        if stale() {
            return false;
        }
        if !state.waker.as_ref().is_some_and(|held| held.will_wake(waker)) {
            _old = state.waker.replace(waker.clone());
        }
        true
    }
}

/// Mailboxes that a round has marked. One of them needs no memory.
#[derive(Debug, Default)]
pub(crate) struct Marked {
    first: Option<Arc<Mailbox>>,
    others: Vec<Arc<Mailbox>>,
}

impl Marked {
    pub(crate) fn push(&mut self, mailbox: Arc<Mailbox>) {
        match &self.first {
            None => self.first = Some(mailbox),
            Some(_) => self.others.push(mailbox),
        }
    }

    /// Wakes who waits for them, and forgets them.
    pub(crate) fn wake(&mut self) {
        self.first.take().into_iter().chain(self.others.drain(..)).for_each(|mailbox| mailbox.wake());
    }
}

/// Wakes whoever polls a [`Reader`](crate::Reader), from elsewhere: for a stream that also has other things to do.
#[derive(Debug, Clone)]
pub struct ReaderWaker(pub(crate) Arc<Mailbox>);

impl ReaderWaker {
    /// Makes the task that waits for the reader poll again.
    pub fn wake(&self) {
        self.0.wake();
    }
}

/// A set of slots; up to 64 of them need no memory of their own.
#[derive(Debug, Default)]
struct Slots {
    first: u64,
    more: Option<Box<More>>,
}

impl Slots {
    fn insert(&mut self, slot: u32) {
        let (word, bit) = (slot as usize / 64, 1 << (slot % 64));
        match word.checked_sub(1) {
            None => self.first |= bit,
            Some(word) => {
                let rest = &mut self.more.get_or_insert_default().rest;
                if rest.len() <= word {
                    rest.resize(word + 1, 0);
                }
                rest[word] |= bit;
            }
        }
    }

    fn is_empty(&self) -> bool {
        self.first == 0 && self.rest().iter().all(|word| *word == 0)
    }

    fn rest(&self) -> &[u64] {
        self.more.as_ref().map_or(&[], |more| &more.rest)
    }

    /// Moves all slots to `out`, in order.
    fn drain(&mut self, out: &mut Vec<u32>) {
        let rest = self.more.iter_mut().flat_map(|more| &mut more.rest);
        for (word, bits) in [&mut self.first].into_iter().chain(rest).enumerate() {
            let mut left = std::mem::take(bits);
            while left != 0 {
                out.push(word as u32 * 64 + left.trailing_zeros());
                left &= left - 1;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn slots_are_a_set(wanted in prop::collection::btree_set(0..300_u32, 0..40)) {
            let mut slots = Slots::default();
            for slot in wanted.iter().chain(&wanted) { slots.insert(*slot); }
            prop_assert_eq!(slots.is_empty(), wanted.is_empty());
            let mut out = Vec::new();
            slots.drain(&mut out);
            prop_assert_eq!(out.iter().copied().collect::<BTreeSet<_>>(), wanted);
            prop_assert!(slots.is_empty());
        }
    }

    #[test]
    fn a_round_wakes_a_reader_once() {
        let mailbox = Mailbox::new(0);
        assert!(mailbox.mark(1, 1), "the shard puts it on its list");
        assert!(!mailbox.mark(70, 1), "and not again");
        assert!(mailbox.mark(2, 2), "the next round does, whether the first has waked it or not");
        let mut slots = Vec::new();
        mailbox.take(&mut slots, &mut Vec::new());
        assert_eq!(slots, [1, 2, 70]);
    }

    #[test]
    fn who_waits_too_late_is_told() {
        let mailbox = Mailbox::new(0);
        assert!(!mailbox.wait(&mut vec![3], Waker::noop(), || true), "the shard has moved on");
        mailbox.mark(4, 1);
        assert!(!mailbox.wait(&mut vec![3], Waker::noop(), || false), "there is a mark");
    }
}
