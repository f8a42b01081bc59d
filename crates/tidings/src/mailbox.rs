//! What a shard touches of a reader: a set of marked slots, and a waker.

use std::{
    sync::{Arc, Mutex},
    task::Waker,
};

use crate::{lock, topic::Topic};

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

#[derive(Debug, Default)]
struct State {
    dirty: Slots,
    /// Topics that were introduced and not looked at.
    found: Vec<Found>,
    /// There were more than the mailbox holds, and they are not in it.
    overflowed: bool,
    /// Marked in a round whose wake-ups are still to come: the shard has it on its list, once.
    waking: bool,
    waker: Option<Waker>,
}

impl Mailbox {
    pub(crate) fn new(shard: usize) -> Self {
        Self { shard, state: Mutex::default() }
    }

    /// Marks a slot; says whether the caller has to [`wake`](Self::wake) after its round.
    pub(crate) fn mark(&self, slot: u32) -> bool {
        let mut state = lock(&self.state);
        state.dirty.insert(slot);
        !std::mem::replace(&mut state.waking, true)
    }

    /// Hands in a topic that a pattern matches; says whether the caller has to [`wake`](Self::wake) after its round. A
    /// reader that does not look has at most so many: it is told that there were more, and has to ask for all.
    pub(crate) fn introduce(&self, hold: u32, topic: &Arc<Topic>, most: usize) -> bool {
        let mut state = lock(&self.state);
        if state.overflowed || state.found.len() >= most {
            state.overflowed = true;
            state.found = Vec::new();
        } else {
            state.found.push(Found { hold, topic: topic.clone() });
        }
        !std::mem::replace(&mut state.waking, true)
    }

    /// Drops what was introduced for a pattern that was let go.
    pub(crate) fn forget_hold(&self, hold: u32) {
        let mut state = lock(&self.state);
        state.found.retain(|found| found.hold != hold);
    }

    /// Drops all that was introduced.
    pub(crate) fn forget_found(&self) {
        let mut state = lock(&self.state);
        (state.found, state.overflowed) = (Vec::new(), false);
    }

    /// Wakes the task that waits for this reader, if one does.
    pub(crate) fn wake(&self) {
        let waker = {
            let mut state = lock(&self.state);
            state.waking = false;
            state.waker.take()
        };
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    /// Moves all marks to `slots` and what was introduced to `found`; says whether there were more of the latter.
    pub(crate) fn take(&self, slots: &mut Vec<u32>, found: &mut Vec<Found>) -> bool {
        let mut state = lock(&self.state);
        state.dirty.drain(slots);
        found.append(&mut state.found);
        std::mem::take(&mut state.overflowed)
    }

    /// Puts marks back and waits for the next wake-up, unless `stale` says that it has already been: then the marks
    /// stay where they are, and the answer is false.
    pub(crate) fn wait(&self, slots: &mut Vec<u32>, waker: &Waker, stale: impl FnOnce() -> bool) -> bool {
        // Dropped after the lock: the last handle of a task may free another reader.
        let _old;
        let mut state = lock(&self.state);
        // Under the lock: a wake-up is either before this, and `stale` sees what it told, or finds the waker.
        if stale() || !state.dirty.is_empty() || !state.found.is_empty() || state.overflowed {
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
    rest: Vec<u64>,
}

impl Slots {
    fn insert(&mut self, slot: u32) {
        let (word, bit) = (slot as usize / 64, 1 << (slot % 64));
        match word.checked_sub(1) {
            None => self.first |= bit,
            Some(word) => {
                if self.rest.len() <= word {
                    self.rest.resize(word + 1, 0);
                }
                self.rest[word] |= bit;
            }
        }
    }

    fn is_empty(&self) -> bool {
        self.first == 0 && self.rest.iter().all(|word| *word == 0)
    }

    /// Moves all slots to `out`, in order.
    fn drain(&mut self, out: &mut Vec<u32>) {
        for (word, bits) in [&mut self.first].into_iter().chain(&mut self.rest).enumerate() {
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
        assert!(mailbox.mark(1), "the shard puts it on its list");
        assert!(!mailbox.mark(70), "and not again");
        mailbox.wake();
        assert!(mailbox.mark(2), "the next round does");
        let mut slots = Vec::new();
        mailbox.take(&mut slots, &mut Vec::new());
        assert_eq!(slots, [1, 2, 70]);
    }

    #[test]
    fn who_waits_too_late_is_told() {
        let mailbox = Mailbox::new(0);
        assert!(!mailbox.wait(&mut vec![3], Waker::noop(), || true), "the shard has moved on");
        mailbox.mark(4);
        assert!(!mailbox.wait(&mut vec![3], Waker::noop(), || false), "there is a mark");
    }
}
