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
}

impl Resend {
    /// At most so many messages, and so many bytes of payload.
    pub(crate) fn new(messages_max: usize, bytes_max: usize) -> Self {
        Self { messages_max, bytes_max, ..Self::default() }
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

    /// The messages above a stamp; `None` where some of them are gone.
    pub(crate) fn above(&self, stamp: u64) -> Option<impl Iterator<Item = &Arc<Entry>>> {
        (stamp >= self.base).then(|| {
            let from = self.entries.partition_point(|entry| entry.stamp <= stamp);
            self.entries.range(from..)
        })
    }
}
