//! What this node published last, kept so that a peer that missed it is served without a walk over all rings.

use std::{collections::VecDeque, sync::Arc};

use crate::entry::Entry;

/// The last stamped messages of this node, without a hole.
#[derive(Debug, Default)]
pub(crate) struct Resend {
    entries: VecDeque<Arc<Entry>>,
    bytes: usize,
    /// Stamp of the newest message that was let go.
    base: u64,
    messages_max: usize,
    bytes_max: usize,
    /// For how long deletions are remembered.
    tombstone_ms: u64,
}

impl Resend {
    /// At most so many messages, and so many bytes of payload; what was published up to `base` is not among them.
    pub(crate) fn new(messages_max: usize, bytes_max: usize, tombstone_ms: u64, base: u64) -> Self {
        Self { messages_max, bytes_max, tombstone_ms, base, ..Self::default() }
    }

    pub(crate) fn push(&mut self, entry: Arc<Entry>) {
        self.bytes += entry.bytes();
        self.entries.push_back(entry);
        while self.entries.len() > self.messages_max || self.bytes > self.bytes_max {
            let Some(oldest) = self.entries.pop_front() else { return };
            self.bytes -= oldest.bytes();
            self.base = oldest.stamp;
        }
    }

    /// The messages above a stamp; `None` where some of them are gone, or are deletions that are past their time.
    pub(crate) fn above(&self, now_ms: u64, stamp: u64) -> Option<impl Iterator<Item = &Arc<Entry>>> {
        let from = self.entries.partition_point(|entry| entry.stamp <= stamp);
        // The oldest one decides: it is the first to come of age.
        let is_old = |entry: &Arc<Entry>| entry.applied_ms + self.tombstone_ms <= now_ms;
        let is_whole = stamp >= self.base && !self.entries.get(from).is_some_and(is_old);
        is_whole.then(|| self.entries.range(from..))
    }
}
