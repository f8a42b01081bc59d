//! Another node's entries, as far as it has told them.

use std::collections::BTreeMap;

use super::{Changes, Id};

/// What one start of a node has told. It is the only writer of these entries: a later word of it replaces an earlier one.
#[derive(Debug, Default)]
pub(crate) struct Copy {
    /// Up to here, its log is applied.
    pub(crate) position: u64,
    /// How far its log has come, as far as it has told.
    told: u64,
    /// Of its entries, to be compared with its own digest.
    pub(crate) digest: u64,
    /// Its head when it began the list that is being read; 0 for none.
    pub(crate) listing: u64,
    /// Counts lists: an entry that the last one has not named is gone.
    round: u64,
    /// Its entries, each with the list that named it last, and its digest.
    ids: BTreeMap<Id, (u64, u64)>,
    /// When its entries leave, on the monotonic clock: it cannot be reached, or has ended.
    pub(crate) orphan_until_ms: Option<u64>,
    /// Until when not to ask it again.
    pub(crate) asked_until_ms: u64,
}

/// What a frame with changes is to a copy.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Fit {
    /// It goes on from here, or is a list.
    Next,
    /// Nothing of it is new.
    Old,
    /// Something before it is missing: to be asked for from this number on.
    Hole(u64),
}

impl Copy {
    pub(crate) fn fit(&self, frame: &Changes) -> Fit {
        if frame.from == 0 {
            // A list that was made before what is here would bring back what has gone since.
            return if frame.head >= self.position.max(self.listing) { Fit::Next } else { Fit::Old };
        }
        if frame.to <= self.position {
            return Fit::Old;
        }
        if frame.from > self.position {
            return Fit::Hole(self.position);
        }
        // Below its floor it does not know what has gone; what went before its list began is not in that.
        if frame.floor > self.position.max(self.listing) { Fit::Hole(0) } else { Fit::Next }
    }

    /// It has told that its log has come this far.
    pub(crate) fn tell(&mut self, head: u64) {
        self.told = self.told.max(head);
    }

    /// Whether all is here that it has told to have.
    pub(crate) fn has_caught_up(&self) -> bool {
        self.position >= self.told && self.listing == 0
    }

    /// A list begins.
    pub(crate) fn begin_list(&mut self, head: u64) {
        (self.position, self.listing) = (0, head);
        self.round += 1;
    }

    /// An entry is there, with this digest.
    pub(crate) fn enter(&mut self, id: Id, digest: u64) {
        self.digest ^= digest;
        if let Some((_, before)) = self.ids.insert(id, (self.round, digest)) {
            self.digest ^= before;
        }
    }

    /// An entry has gone; says whether it was there.
    pub(crate) fn remove(&mut self, id: &Id) -> bool {
        let before = self.ids.remove(id);
        self.digest ^= before.map_or(0, |(_, digest)| digest);
        before.is_some()
    }

    /// A frame is applied up to a number, of a log that had come to `head`. Gives the entries that a list has not named,
    /// once it is through: only where all of the log is applied does none of them come later.
    pub(crate) fn advance(&mut self, to: u64, head: u64) -> Vec<Id> {
        self.position = to;
        self.asked_until_ms = 0;
        if to < head || self.listing == 0 {
            return Vec::new();
        }
        self.listing = 0;
        let unnamed = self.ids.iter().filter(|(_, (round, _))| *round != self.round);
        unnamed.map(|(id, _)| id.clone()).collect()
    }

    pub(crate) fn ids(&self) -> impl Iterator<Item = &Id> {
        self.ids.keys()
    }
}
