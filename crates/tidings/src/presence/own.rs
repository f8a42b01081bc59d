//! This node's own entries, and the log of their changes.
//!
//! Each change has a number. An entry stands in the log once, at its last change, so that what changed above a number
//! is as long as there are entries and not as there were changes. What has gone leaves a mark, and of those there is a
//! bound: who asks for more than that is given the list.

use std::collections::{BTreeMap, BTreeSet};

use tidings_wire::TopicName;

use super::{Change, Changes, Id, Reference, State, digest};
use crate::cluster::{FRAME_ENTRIES_MAX, FRAME_PAYLOAD_BYTES};

/// An entry of this node.
#[derive(Debug)]
pub(crate) struct Owned {
    pub(crate) state: State,
    /// Number of its last change.
    counter: u64,
    /// The handle that holds it.
    pub(crate) handle: u64,
    /// When it leaves, on the monotonic clock.
    fades_ms: Option<u64>,
}

#[derive(Debug, Default)]
pub(crate) struct Own {
    entries: BTreeMap<Id, Owned>,
    /// Number of the last change.
    pub(crate) head: u64,
    /// Up to this number, what has gone is not remembered.
    pub(crate) floor: u64,
    /// Of all entries.
    pub(crate) digest: u64,
    living: BTreeMap<u64, Id>,
    gone: BTreeMap<u64, Id>,
    /// Those whose handle is gone, by when they leave.
    fading: BTreeSet<(u64, Id)>,
    handles: u64,
    /// Marks of entries that have gone.
    gone_max: usize,
}

impl Own {
    pub(crate) fn new(gone_max: usize) -> Self {
        Self { gone_max, ..Self::default() }
    }

    pub(crate) fn get(&self, id: &Id) -> Option<&Owned> {
        self.entries.get(id)
    }

    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    /// All entries of a reference.
    pub(crate) fn of(&self, reference: Reference) -> impl Iterator<Item = &Id> {
        let first = Id { reference, topic: first_topic(), key: "".into() };
        self.entries.range(first..).map(|(id, _)| id).take_while(move |id| id.reference == reference)
    }

    /// A number for a handle: who holds an entry now is told from who held it before.
    pub(crate) fn next_handle(&mut self) -> u64 {
        self.handles += 1;
        self.handles
    }

    /// Enters an entry, or what has changed of it.
    pub(crate) fn set(&mut self, id: &Id, handle: u64, state: State, fades_ms: Option<u64>) {
        self.forget(id);
        self.head += 1;
        self.digest ^= digest(id, &state);
        self.living.insert(self.head, id.clone());
        self.fading.extend(fades_ms.map(|at_ms| (at_ms, id.clone())));
        self.entries.insert(id.clone(), Owned { state, counter: self.head, handle, fades_ms });
    }

    /// Takes an entry out; says whether it was there.
    pub(crate) fn remove(&mut self, id: &Id) -> bool {
        let was_there = self.forget(id);
        if was_there {
            self.head += 1;
            self.gone.insert(self.head, id.clone());
            if self.gone.len() > self.gone_max
                && let Some((counter, _)) = self.gone.pop_first()
            {
                self.floor = counter;
            }
        }
        was_there
    }

    fn forget(&mut self, id: &Id) -> bool {
        let Some(owned) = self.entries.remove(id) else { return false };
        self.digest ^= digest(id, &owned.state);
        self.living.remove(&owned.counter);
        if let Some(at_ms) = owned.fades_ms {
            self.fading.remove(&(at_ms, id.clone()));
        }
        true
    }

    /// When the next of those that fade leaves.
    pub(crate) fn next_fade_ms(&self) -> Option<u64> {
        self.fading.first().map(|(at_ms, _)| *at_ms)
    }

    /// The next one whose grace is over.
    pub(crate) fn faded(&self, now_ms: u64) -> Option<Id> {
        self.fading.first().filter(|(at_ms, _)| *at_ms <= now_ms).map(|(_, id)| id.clone())
    }

    /// What changed above a number, in frames of a bounded size, at most so many.
    pub(crate) fn above(&self, from: u64, frames_max: usize) -> Vec<Changes> {
        let begin = |from| Changes { from, to: self.head, head: self.head, floor: self.floor, changes: Vec::new() };
        let (mut frames, mut frame, mut bytes, mut last) = (Vec::new(), begin(from), 0, from);
        for (counter, change) in self.merged(from) {
            if frame.changes.len() == FRAME_ENTRIES_MAX
                || (bytes + change.bytes() > FRAME_PAYLOAD_BYTES && !frame.changes.is_empty())
            {
                frame.to = last;
                frames.push(std::mem::replace(&mut frame, begin(last)));
                if frames.len() == frames_max {
                    return frames;
                }
                bytes = 0;
            }
            bytes += change.bytes();
            last = counter;
            frame.changes.push(change);
        }
        frames.push(frame);
        frames
    }

    /// Both logs above a number, in one order.
    fn merged(&self, from: u64) -> impl Iterator<Item = (u64, Change)> {
        let mut living = self.living.range(from + 1..).peekable();
        let mut gone = self.gone.range(from + 1..).peekable();
        std::iter::from_fn(move || {
            let next_gone = gone.peek().map(|(counter, _)| **counter);
            if let Some((counter, id)) = living.next_if(|(counter, _)| next_gone.is_none_or(|gone| **counter < gone)) {
                return Some((*counter, Change::new(id, self.entries.get(id).map(|owned| &owned.state))));
            }
            gone.next().map(|(counter, id)| (*counter, Change::new(id, None)))
        })
    }
}

/// The name that no other is below: `-` comes first in the alphabet of names.
fn first_topic() -> TopicName {
    TopicName::new("-").expect("a plain name")
}
